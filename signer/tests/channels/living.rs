//! Commitments, secrets, and what is refused.

use std::sync::Arc;

use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::params::CommitmentFormat;
use zarnitsa_signer::{ChannelView, SignerError, WitnessError};

use crate::world::{add, signer, Ledger, Pair, FORMATS};

#[test]
fn living_channel_pays_in_both_formats() {
    for format in FORMATS {
        let mut pair = Pair::new(format);
        for _ in 0..3 {
            let from_a = pair.a.local(add(1));
            let from_b = pair.b.local(add(2));
            pair.exchange(from_a, from_b);
        }
        assert_eq!(pair.b.channel.htlcs().count(), 6);
        assert!(pair.a.channel.commitment_numbers().0 > 2);
    }
}

#[test]
fn living_channel_signs_the_same_again_after_a_restart() {
    let mut pair = Pair::new(CommitmentFormat::Anchors);
    pair.add_htlcs();
    let id = pair.a.id();
    let before = pair.a.signer.sign_counterparty_commitment(&id).unwrap();
    assert_eq!(before.htlc_signatures.len(), 2);
    let a = pair.a.restart();
    assert_eq!(a.signer.sign_counterparty_commitment(&id).unwrap(), before);
    assert!(a.signer.check_against(&*a.ledger).is_empty());
    let last = a.channel.releasable_secret_below() - 1;
    a.signer.release_secret(&id, last).unwrap();
}

#[test]
fn older_ledger_is_found_and_nothing_of_it_signed() {
    let mut pair = Pair::new(CommitmentFormat::Anchors);
    let old = pair.a.channel.clone();
    pair.add_htlcs();
    pair.fulfill_first();
    let id = pair.a.id();
    pair.a.ledger.set(&old);
    let a = pair.a.restart();

    let alarms = a.signer.check_against(&*a.ledger);
    assert!(
        matches!(alarms[..], [WitnessError::LedgerOlder { channel_id, .. }] if channel_id == id)
    );
    let refused = a.signer.sign_counterparty_commitment(&id).unwrap_err();
    assert!(matches!(
        refused,
        SignerError::Witness(WitnessError::SignedLater { .. })
    ));
    // Closing by the old ledger would broadcast a revoked commitment.
    let mut a = a;
    a.channel = old;
    let reason = "test".to_owned();
    a.local(LocalCommand::ForceClose { reason });
    let refused = a.signer.complete_holder_commitment(&id).unwrap_err();
    assert!(
        matches!(refused, SignerError::Witness(WitnessError::Revoked { .. })),
        "{refused}"
    );
}

#[test]
fn missing_channel_is_an_older_ledger() {
    let mut pair = Pair::new(CommitmentFormat::Anchors);
    pair.add_htlcs();
    let alarms = pair.a.signer.check_against(&Ledger::default());
    assert!(matches!(&alarms[..], [WitnessError::LedgerOlder { ledger, .. }] if ledger == "none"));
}

#[test]
fn second_transaction_at_one_number_is_refused() {
    let mut pair = Pair::new(CommitmentFormat::Anchors);
    let fork = pair.a.channel.clone();
    let id = pair.a.id();
    pair.a.local(add(1));
    pair.a.local(LocalCommand::Commit);
    let first = pair.a.signer.sign_counterparty_commitment(&id).unwrap();

    pair.a.channel = fork;
    pair.a.local(add(2));
    pair.a.local(LocalCommand::Commit);
    let refused = pair.a.signer.sign_counterparty_commitment(&id).unwrap_err();
    assert!(
        matches!(
            refused,
            SignerError::Witness(WitnessError::SignedDifferently { number, .. })
                if number == first.number
        ),
        "{refused}"
    );
    let a = pair.a.restart();
    assert!(matches!(
        a.signer.check_against(&*a.ledger)[..],
        [WitnessError::SignedDifferently { .. }]
    ));
}

#[test]
fn secret_of_the_present_commitment_is_kept() {
    let mut pair = Pair::new(CommitmentFormat::Anchors);
    pair.add_htlcs();
    let id = pair.a.id();
    let present = pair.a.channel.commitment_numbers().0;
    for number in [present, present + 1, u64::MAX] {
        let refused = pair.a.signer.release_secret(&id, number).unwrap_err();
        assert!(matches!(
            refused,
            SignerError::Witness(WitnessError::NotReleasable { .. })
        ));
    }
    let refused = pair.a.signer.release_secret(&id, 0).unwrap_err();
    assert!(matches!(
        refused,
        SignerError::Witness(WitnessError::ReleasedLater { .. })
    ));
}

#[test]
fn what_the_ledger_does_not_say_is_not_signed() {
    let pair = Pair::new(CommitmentFormat::Anchors);
    let (id, signer_a) = (pair.a.id(), &pair.a.signer);
    let unknown = ChannelId([0; 32]);
    let refusals = [
        signer_a.complete_closing(&id).map(|_| ()).unwrap_err(),
        signer_a
            .sign_closing(&id, bitcoin::Amount::from_sat(500))
            .map(|_| ())
            .unwrap_err(),
        signer_a
            .complete_holder_commitment(&id)
            .map(|_| ())
            .unwrap_err(),
    ];
    for refused in refusals {
        assert!(
            matches!(
                refused,
                SignerError::NothingToSign {
                    state: "normal",
                    ..
                }
            ),
            "{refused}"
        );
    }
    assert!(matches!(
        signer_a.sign_counterparty_commitment(&unknown),
        Err(SignerError::UnknownChannel { .. })
    ));
}

#[test]
fn signer_without_a_ledger_or_with_another_seed_signs_nothing() {
    let pair = Pair::new(CommitmentFormat::Anchors);
    let id = pair.a.id();
    let dir = tempfile::tempdir().unwrap();
    let other = signer(&dir, 1);
    assert!(matches!(
        other.sign_counterparty_commitment(&id),
        Err(SignerError::NoLedger)
    ));
    other.set_view(Arc::clone(&pair.a.ledger) as Arc<dyn ChannelView>);
    assert!(matches!(
        other.sign_counterparty_commitment(&id),
        Err(SignerError::ForeignKeys { .. })
    ));
    assert!(matches!(
        other.release_secret(&id, 0),
        Err(SignerError::ForeignKeys { .. })
    ));
}
