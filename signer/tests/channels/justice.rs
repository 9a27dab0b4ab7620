//! What a watchtower is given: closed until the breach, and enough then.

use bitcoin::hashes::Hash;
use bitcoin::Txid;
use zarnitsa_channel::tx::penalty::RevokedCommitment;
use zarnitsa_signer::{locator, Justice, SealedJustice, MAX_JUSTICE};

use crate::world::{assert_valid, destination, spent_outputs, Pair, FORMATS};

const FEERATE: u64 = 1_000;

/// A commitment of `b` with two HTLCs that it has revoked, and what `a` gives its tower of it.
fn cheat(pair: &mut Pair) -> (RevokedCommitment, SealedJustice) {
    pair.add_htlcs();
    let commitment = pair.a.channel.counterparty_unrevoked().remove(0);
    pair.fulfill_first();
    let secret = pair.a.channel.counterparty_secret(commitment.number());
    let secret = secret.expect("it is revoked");
    let revoked = RevokedCommitment::new(commitment, &secret).unwrap();
    let seal = || {
        let params = pair.a.channel.params();
        let sealed = pair
            .a
            .signer
            .seal_justice(params, &revoked, &secret, &destination());
        sealed.unwrap()
    };
    let sealed = seal();
    assert_eq!(seal(), sealed, "the same again");
    (revoked, sealed)
}

#[test]
fn justice_is_opened_by_its_commitment_alone_and_shows_nothing_before() {
    for format in FORMATS {
        let mut pair = Pair::new(format);
        let (revoked, sealed) = cheat(&mut pair);
        let txid = revoked.commitment().txid();
        assert_eq!(sealed.locator, locator(&txid));
        assert!(sealed.data.len() <= MAX_JUSTICE);
        // The half of the txid that the tower has does not open it.
        let mut other = txid.to_byte_array();
        other[31] ^= 1;
        let other = Txid::from_byte_array(other);
        assert_eq!(locator(&other), sealed.locator);
        assert!(Justice::open(&other, &sealed.data).is_none());
        assert!(Justice::open(&txid, &sealed.data).is_some());
        let mut damaged = sealed.data.clone();
        damaged[30] ^= 1;
        assert!(Justice::open(&txid, &damaged).is_none());
        let paid_to = destination();
        let shown = sealed.data.windows(paid_to.len());
        assert!(!shown.into_iter().any(|part| part == paid_to.as_bytes()));
        let account = pair.a.signer.tower_account(&pair.a.id());
        assert_ne!(account, pair.a.id().0);
    }
}

#[test]
fn justice_takes_every_output_that_the_cheater_could_have_taken() {
    for format in FORMATS {
        let mut pair = Pair::new(format);
        let (revoked, sealed) = cheat(&mut pair);
        let commitment = revoked.commitment();
        let justice = Justice::open(&commitment.txid(), &sealed.data).unwrap();
        let targets = justice.targets(commitment.tx());
        // Its balance and both HTLCs.
        assert_eq!(targets.len(), 3);
        assert_eq!(commitment.htlc_outputs().len(), 2);
        for target in &targets {
            let penalty = justice.penalty(target, FEERATE).expect("it pays its fee");
            assert_valid(&penalty, &spent_outputs(&penalty, commitment.tx()));
            assert_eq!(penalty.output[0].script_pubkey, destination());
            let fee = (target.value - penalty.output[0].value).to_sat();
            let weight = penalty.weight().to_wu();
            assert!(
                fee >= weight * FEERATE / 1_000 && fee <= weight + 10,
                "{fee}"
            );
            let all = u64::MAX;
            assert!(justice.penalty(target, all).is_none(), "nothing is left");
        }
        // What is a's own, and anchors, are none of the tower's business; nor is any other transaction.
        let strange = pair.a.channel.counterparty_unrevoked().remove(0);
        assert!(justice.targets(strange.tx()).is_empty());
    }
}
