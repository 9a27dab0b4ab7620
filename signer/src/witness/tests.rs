use std::fs;

use bitcoin::hashes::Hash;
use bitcoin::Txid;
use zarnitsa_channel::ids::ChannelId;
use zeroize::Zeroizing;

use super::{LedgerView, Record, Witness};
use crate::error::{SignerError, WitnessError};

const KEY: [u8; 32] = [7; 32];
const A: ChannelId = ChannelId([1; 32]);

fn txid(byte: u8) -> Txid {
    Txid::from_byte_array([byte; 32])
}

fn open(dir: &tempfile::TempDir) -> Result<Witness, SignerError> {
    Witness::open(dir.path(), Zeroizing::new(KEY))
}

fn channel(number: u8) -> ChannelId {
    ChannelId([number; 32])
}

#[test]
fn witness_sign_goes_on_and_may_repeat_the_same() {
    let record = Record::default().sign(A, 0, txid(0)).unwrap();
    let record = record.sign(A, 0, txid(0)).unwrap();
    let record = record.sign(A, 1, txid(1)).unwrap();
    assert_eq!(record.signed, Some((1, txid(1))));
}

#[test]
fn witness_sign_a_lower_number_is_refused() {
    let record = Record::default().sign(A, 5, txid(5)).unwrap();
    assert_eq!(
        record.sign(A, 4, txid(4)),
        Err(WitnessError::SignedLater {
            channel_id: A,
            asked: 4,
            signed: 5
        })
    );
}

#[test]
fn witness_sign_another_transaction_at_one_number_is_refused() {
    let record = Record::default().sign(A, 5, txid(5)).unwrap();
    assert_eq!(
        record.sign(A, 5, txid(6)),
        Err(WitnessError::SignedDifferently {
            channel_id: A,
            number: 5,
            asked: txid(6),
            signed: txid(5)
        })
    );
}

#[test]
fn witness_release_only_what_the_ledger_allows() {
    let record = Record::default();
    assert!(matches!(
        record.release(A, 3, 3),
        Err(WitnessError::NotReleasable {
            asked: 3,
            releasable: 3,
            ..
        })
    ));
    let record = record.release(A, 2, 3).unwrap();
    assert_eq!(record.released, 3);
    assert_eq!(record.release(A, 2, 3).unwrap(), record, "said again");
    assert!(matches!(
        record.release(A, 1, 3),
        Err(WitnessError::ReleasedLater { .. })
    ));
}

#[test]
fn witness_revoked_commitment_is_never_signed_for_broadcast() {
    let record = Record::default().release(A, 2, 3).unwrap();
    assert!(matches!(
        record.broadcast(A, 2),
        Err(WitnessError::Revoked {
            asked: 2,
            released: 3,
            ..
        })
    ));
    let record = record.broadcast(A, 3).unwrap();
    assert!(
        matches!(
            record.release(A, 3, 4),
            Err(WitnessError::Broadcast { number: 3, .. })
        ),
        "what may be on its way to the chain is not revoked"
    );
}

#[test]
fn witness_older_ledger_is_found() {
    let record = Record::default()
        .sign(A, 5, txid(5))
        .unwrap()
        .release(A, 3, 4)
        .unwrap();
    let view = |signed, byte, releasable| {
        Some(LedgerView {
            signed,
            txid: Some(txid(byte)),
            releasable,
        })
    };
    assert!(record.compare(A, view(5, 5, 4)).is_ok());
    assert!(record.compare(A, view(9, 9, 8)).is_ok());
    for older in [view(4, 4, 4), view(5, 5, 3), None] {
        assert!(matches!(
            record.compare(A, older),
            Err(WitnessError::LedgerOlder { .. })
        ));
    }
    assert!(matches!(
        record.compare(A, view(5, 6, 4)),
        Err(WitnessError::SignedDifferently { number: 5, .. })
    ));
    assert!(Record::default().compare(A, None).is_ok());
}

#[test]
fn witness_file_survives_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut witness = open(&dir).unwrap();
    for round in 0..5_u64 {
        for number in 1..=20 {
            let record = witness
                .record(&channel(number))
                .sign(channel(number), round, txid(number))
                .unwrap();
            witness.store(channel(number), record).unwrap();
        }
    }
    drop(witness);
    let witness = open(&dir).unwrap();
    assert_eq!(witness.channels().count(), 20);
    for number in 1..=20 {
        let expected = Record {
            signed: Some((4, txid(number))),
            ..Record::default()
        };
        assert_eq!(witness.record(&channel(number)), expected);
    }
    let length = fs::metadata(dir.path().join("witness")).unwrap().len();
    assert!(
        length <= 128 + 20 * 256,
        "bounded by the number of channels"
    );
}

#[test]
fn witness_torn_writes_cost_one_step_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("witness");
    let mut witness = open(&dir).unwrap();
    for number in 0..3 {
        let record = witness.record(&A).sign(A, number, txid(9)).unwrap();
        witness.store(A, record).unwrap();
    }
    drop(witness);
    let good = fs::read(&path).unwrap();
    for position in 128..good.len() {
        let mut torn = good.clone();
        torn[position] ^= 0xff;
        fs::write(&path, &torn).unwrap();
        let signed = open(&dir).unwrap().record(&A).signed.unwrap().0;
        assert!(signed >= 1, "byte {position}");
    }
    for length in 256..good.len() {
        fs::write(&path, &good[..length]).unwrap();
        assert!(open(&dir).unwrap().record(&A).signed.is_some());
    }
    fs::write(&path, &good[..200]).unwrap();
    let mut witness = open(&dir).unwrap();
    witness
        .store(A, Record::default().sign(A, 7, txid(7)).unwrap())
        .unwrap();
    drop(witness);
    assert_eq!(open(&dir).unwrap().record(&A).signed, Some((7, txid(7))));
}

#[test]
fn witness_damaged_header_or_other_seed_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("witness");
    drop(open(&dir).unwrap());
    let good = fs::read(&path).unwrap();
    let other = Witness::open(dir.path(), Zeroizing::new([8; 32]));
    assert!(matches!(other, Err(SignerError::ForeignWitness { .. })));
    for (position, damaged) in [(0, "magic"), (9, "version"), (50, "body")] {
        let mut bytes = good.clone();
        bytes[position] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(open(&dir).is_err(), "{damaged}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "nothing was written");
    }
    fs::write(&path, &good[..100]).unwrap();
    assert!(matches!(open(&dir), Err(SignerError::Damaged { .. })));
}
