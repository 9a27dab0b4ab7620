//! Replay from genesis, and what it finds.

use std::path::Path;

use exonum_merkledb::{access::CopyAccessExt, Database, DbOptions, Fork, RocksDB};
use zarnitsa_ledger::{verify, OpenError, Report, VerifyError};

use crate::tally::{self, note, panicking_note, refused_note, services};

fn filled(path: &Path) {
    let ledger = tally::open(path);
    for n in 0..30u8 {
        let receipts = [
            ledger.submit(note([n])),
            ledger.submit(refused_note([n])),
            ledger.submit(panicking_note([n])),
        ];
        for receipt in receipts {
            receipt.wait().unwrap();
        }
    }
    ledger.shutdown().unwrap();
}

/// Alters the closed ledger's database behind its back.
fn tamper(path: &Path, alter: impl FnOnce(&Fork)) {
    let db = RocksDB::open(path.join("store/db"), &DbOptions::default()).unwrap();
    let fork = db.fork();
    alter(&fork);
    db.merge_sync(fork.into_patch()).unwrap();
}

fn verify_quietly(path: &Path) -> Result<Report, VerifyError> {
    verify(path, &services(0), &mut |_| {})
}

#[test]
fn honest_ledger_verifies_with_progress_over_every_block() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let mut steps = Vec::new();
    let report = verify(folder.path(), &services(0), &mut |progress| {
        steps.push(progress)
    })
    .unwrap();
    assert_eq!(report.transactions, 90);
    assert_eq!(steps.len() as u64, report.blocks);
    assert_eq!(steps.last().unwrap().of, report.blocks);
    assert_eq!(steps.last().unwrap().transactions, 90);
    assert!(!folder.path().join("work/verify").exists());
    // Nothing was changed by it.
    let ledger = tally::open(folder.path());
    assert_eq!(ledger.head().height + 1, report.blocks);
    ledger.shutdown().unwrap();
}

#[test]
fn running_ledger_verifies_itself_while_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let ledger = tally::open(folder.path());
    assert!(matches!(
        verify_quietly(folder.path()),
        Err(VerifyError::Open(OpenError::Locked { .. }))
    ));
    let mut extra = 0u32;
    let report = ledger
        .verify(&mut |_| {
            extra += 1;
            let receipt = ledger.submit(note(extra.to_be_bytes()));
            receipt.wait().unwrap().result.unwrap();
        })
        .unwrap();
    assert_eq!(report.transactions, 90);
    assert!(ledger.head().height > report.blocks);
    ledger.shutdown().unwrap();
}

#[test]
fn altered_value_of_a_proof_index_is_found() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    tamper(folder.path(), |fork| {
        fork.get_proof_map::<_, exonum::crypto::Hash, u64>("tally.by_hash")
            .put(&exonum::crypto::hash(&[3]), 1_000);
    });
    let error = verify_quietly(folder.path()).unwrap_err();
    assert!(
        matches!(&error, VerifyError::Content { index, .. } if !index.is_empty()),
        "{error}"
    );
}

#[test]
fn altered_value_outside_of_every_hash_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    tamper(folder.path(), |fork| {
        fork.get_map::<_, exonum::crypto::Hash, u64>("tally.sizes")
            .put(&exonum::crypto::hash(&[3]), 1_000);
    });
    let error = verify_quietly(folder.path()).unwrap_err();
    assert!(
        matches!(&error, VerifyError::Content { index, .. } if index == "tally.sizes"),
        "{error}"
    );
}

#[test]
fn rewritten_history_is_found_at_its_block() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let ledger = tally::open(folder.path());
    let victim = ledger.block(10).unwrap().unwrap().transactions[0].clone();
    ledger.shutdown().unwrap();

    tamper(folder.path(), |fork| {
        fork.get_map("core.transactions")
            .put(&victim.tx_hash, note("another"));
    });
    let error = verify_quietly(folder.path()).unwrap_err();
    assert!(
        matches!(
            error,
            VerifyError::Transaction {
                height: 10,
                position: 0,
                ..
            }
        ),
        "{error}"
    );

    tamper(folder.path(), |fork| {
        let core = exonum::blockchain::Schema::new(fork);
        core.transactions()
            .put(&victim.tx_hash, victim.message.clone());
        let hash = core
            .block_hash_by_height(exonum::helpers::Height(12))
            .unwrap();
        let mut block = core.blocks().get(&hash).unwrap();
        block.state_hash = exonum::crypto::Hash::zero();
        core.blocks().put(&hash, block);
    });
    let error = verify_quietly(folder.path()).unwrap_err();
    assert!(
        matches!(
            error,
            VerifyError::Block {
                height: 12,
                field: "hash",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn ledger_with_other_services_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let error = verify(folder.path(), &services(5), &mut |_| {}).unwrap_err();
    assert!(
        matches!(error, VerifyError::Open(OpenError::ForeignGenesis { .. })),
        "{error}"
    );
    let error = verify(folder.path().join("absent"), &services(0), &mut |_| {}).unwrap_err();
    assert!(
        matches!(error, VerifyError::Open(OpenError::Missing { .. })),
        "{error}"
    );
}
