//! Closing together and alone: every completed transaction is one that Bitcoin takes.

use std::sync::Arc;

use bitcoin::{Amount, Transaction};
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::params::CommitmentFormat;
use zarnitsa_channel::state::Channel;
use zarnitsa_channel::tx::after_timelock::{
    create_after_timelock_transaction, to_local_output, to_remote_output,
};
use zarnitsa_channel::tx::claim::{by_preimage, by_timeout, create_claim_transaction};
use zarnitsa_channel::tx::penalty::{create_penalty_transaction, RevokedCommitment};
use zarnitsa_channel::tx::spend::anchor_output;
use zarnitsa_signer::{ChannelView, HolderHtlc, SignerError, WitnessError};

use crate::world::{
    assert_valid, destination, preimage, signer, spent, spent_outputs, Node, Pair, FORMATS,
};

const FEERATE: u32 = 500;

fn force_close(node: &mut Node) -> Transaction {
    let reason = "test".to_owned();
    node.local(LocalCommand::ForceClose { reason });
    let id = node.id();
    node.signer.complete_holder_commitment(&id).unwrap()
}

#[test]
fn cooperative_close_is_completed_by_both() {
    for format in FORMATS {
        let mut pair = Pair::new(format);
        let script = destination();
        let from_a = pair.a.local(LocalCommand::Shutdown { script });
        pair.exchange(from_a, Vec::new());
        if !matches!(pair.b.channel, Channel::NegotiatingClosing(_)) {
            let script = destination();
            let from_b = pair.b.local(LocalCommand::Shutdown { script });
            pair.exchange(Vec::new(), from_b);
        }
        let fee = Amount::from_sat(1_000);
        let fee_range = (Amount::from_sat(300), Amount::from_sat(2_000));
        let from_a = pair
            .a
            .local(LocalCommand::ProposeClosing { fee, fee_range });
        pair.exchange(from_a, Vec::new());
        let of_a = pair.a.signer.complete_closing(&pair.a.id()).unwrap();
        let of_b = pair.b.signer.complete_closing(&pair.b.id()).unwrap();
        assert_eq!(of_a, of_b);
        assert_valid(&of_a, &[pair.funding_output()]);
    }
}

#[test]
fn own_commitment_its_htlcs_and_balance_are_taken() {
    for format in FORMATS {
        let mut pair = Pair::new(format);
        pair.add_htlcs();
        let commitment_tx = force_close(&mut pair.a);
        assert_valid(&commitment_tx, &[pair.funding_output()]);
        let (id, a) = (pair.a.id(), &mut pair.a);

        let htlc = |offered_by_us| HolderHtlc {
            offered_by_us,
            id: HtlcId(0),
        };
        let timeout = a
            .signer
            .complete_holder_htlc(&id, htlc(true), None)
            .unwrap();
        assert_valid(&timeout, &spent_outputs(&timeout, &commitment_tx));
        let two = Some(preimage(2));
        let success = a
            .signer
            .complete_holder_htlc(&id, htlc(false), two.as_ref())
            .unwrap();
        assert_valid(&success, &spent_outputs(&success, &commitment_tx));
        assert!(a
            .signer
            .complete_holder_htlc(&id, htlc(false), None)
            .is_err());

        let params = a.channel.params().clone();
        let commitment = a.channel.holder_commitment().unwrap().commitment;
        let to_local = to_local_output(&params, &commitment).unwrap().unwrap();
        let spend =
            create_after_timelock_transaction(vec![to_local], destination(), FEERATE).unwrap();
        let early = a.signer.sign_spend(&id, &spend).unwrap_err();
        assert!(
            matches!(early, SignerError::NothingToSign { .. }),
            "{early}"
        );
        a.handle(spent(&commitment_tx));
        let signed = a.signer.sign_spend(&id, &spend).unwrap();
        assert_valid(&signed, &spent_outputs(&signed, &commitment_tx));
    }
}

#[test]
fn second_stage_with_added_inputs_is_signed_at_its_place() {
    let mut pair = Pair::new(CommitmentFormat::Anchors);
    pair.add_htlcs();
    let commitment_tx = force_close(&mut pair.a);
    let (id, a) = (pair.a.id(), &pair.a);
    let htlc = HolderHtlc {
        offered_by_us: true,
        id: HtlcId(0),
    };
    let mut tx = a.signer.complete_holder_htlc(&id, htlc, None).unwrap();
    let fee_input = bitcoin::TxIn::default();
    tx.input.push(fee_input);
    let witness = a.signer.sign_holder_htlc(&id, htlc, None, &tx, 0).unwrap();
    tx.input[0].witness = witness;
    let script =
        commitment_tx.output[usize::try_from(tx.input[0].previous_output.vout).unwrap()].clone();
    let bytes = bitcoin::consensus::serialize(&tx);
    let sat = script.value.to_sat();
    let script = script.script_pubkey;
    assert!(bitcoinconsensus::verify(script.as_bytes(), sat, &bytes, None, 0).is_ok());
    assert!(a.signer.sign_holder_htlc(&id, htlc, None, &tx, 1).is_err());
}

#[test]
fn peers_commitment_gives_balance_and_htlcs() {
    for format in FORMATS {
        let mut pair = Pair::new(format);
        pair.add_htlcs();
        let theirs = force_close(&mut pair.b);
        let (id, a) = (pair.a.id(), &mut pair.a);
        let commitment = a.channel.counterparty_commitment().unwrap();
        assert_eq!(commitment.txid(), theirs.compute_txid());
        a.handle(spent(&theirs));
        let params = a.channel.params().clone();
        let to_remote = to_remote_output(&params, &commitment).unwrap().unwrap();
        let mut outputs = vec![to_remote];
        for output in commitment.htlc_outputs() {
            outputs.push(if output.htlc.offered_by_broadcaster {
                by_preimage(&params, &commitment, output, &preimage(2)).unwrap()
            } else {
                by_timeout(&params, &commitment, output).unwrap()
            });
        }
        assert_eq!(outputs.len(), 3);
        let spend = create_claim_transaction(outputs, destination(), FEERATE).unwrap();
        let signed = a.signer.sign_spend(&id, &spend).unwrap();
        assert_valid(&signed, &spent_outputs(&signed, &theirs));
        // The other side's signer has no key to it.
        let foreign = pair.b.signer.sign_spend(&id, &spend);
        assert!(foreign.is_err());
    }
}

#[test]
fn revoked_commitment_is_punished() {
    for format in FORMATS {
        let mut pair = Pair::new(format);
        pair.add_htlcs();
        let old_b = pair.b.channel.clone();
        let old = pair.a.channel.counterparty_commitment().unwrap();
        pair.fulfill_first();

        // The peer's own signer does not help it to cheat.
        let mut cheat = pair.b;
        cheat.channel = old_b;
        let reason = "test".to_owned();
        cheat.local(LocalCommand::ForceClose { reason });
        let id = cheat.id();
        let refused = cheat.signer.complete_holder_commitment(&id).unwrap_err();
        assert!(matches!(
            refused,
            SignerError::Witness(WitnessError::Revoked { .. })
        ));
        // One without its memory does.
        let dir = tempfile::tempdir().unwrap();
        let forgetful = signer(&dir, 1);
        forgetful.set_view(Arc::clone(&cheat.ledger) as Arc<dyn ChannelView>);
        let theirs = forgetful.complete_holder_commitment(&id).unwrap();
        assert_eq!(theirs.compute_txid(), old.txid());

        let a = &mut pair.a;
        a.handle(spent(&theirs));
        let params = a.channel.params().clone();
        let secret = a.channel.counterparty_secret(old.number()).unwrap();
        let revoked = RevokedCommitment::new(old, &secret).unwrap();
        let mut outputs: Vec<_> = revoked.to_local(&params).into_iter().collect();
        outputs.extend(revoked.htlcs(&params));
        assert_eq!(outputs.len(), 3);
        let spend = create_penalty_transaction(outputs, destination(), FEERATE).unwrap();
        let signed = a.signer.sign_spend(&id, &spend).unwrap();
        assert_valid(&signed, &spent_outputs(&signed, &theirs));
    }
}

#[test]
fn anchor_is_spent_before_anything_confirms() {
    let mut pair = Pair::new(CommitmentFormat::Anchors);
    let commitment_tx = force_close(&mut pair.a);
    let (id, a) = (pair.a.id(), &pair.a);
    let commitment = a.channel.holder_commitment().unwrap().commitment;
    let anchor = anchor_output(a.channel.params(), &commitment).unwrap();
    let mut tx = Transaction {
        input: vec![bitcoin::TxIn {
            previous_output: anchor.outpoint(),
            ..bitcoin::TxIn::default()
        }],
        ..commitment_tx.clone()
    };
    tx.input[0].witness = a.signer.sign_spend_input(&id, &anchor, &tx, 0).unwrap();
    assert_valid(&tx, &spent_outputs(&tx, &commitment_tx));
}

#[test]
fn commitment_signed_for_broadcast_keeps_its_secret() {
    let mut pair = Pair::new(CommitmentFormat::Anchors);
    pair.add_htlcs();
    let id = pair.a.id();
    let fork = pair.a.channel.clone();
    let number = fork.commitment_numbers().0;
    force_close(&mut pair.a);
    // The close is undone and the channel goes on, by a ledger that is not the one it was.
    pair.a.channel = fork;
    pair.a.ledger.set(&pair.a.channel);
    let mut from_b = pair.b.local(crate::world::add(3));
    from_b.extend(pair.b.local(LocalCommand::Commit));
    let refused = pair.a.try_revoking(&pair.b, &from_b, &id, number);
    assert!(
        matches!(
            refused,
            SignerError::Witness(WitnessError::Broadcast { .. })
        ),
        "{refused}"
    );
}
