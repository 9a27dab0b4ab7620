//! Transactions in, blocks out.

use exonum::merkledb::ObjectHash;

use crate::tally::{self, note, notes};

#[test]
fn new_ledger_opened_has_the_first_block_after_genesis() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    assert_eq!(ledger.head().height, 1);
    let block = ledger.block(1).unwrap().unwrap();
    assert!(block.transactions.is_empty());
    assert_eq!(block.time, ledger.created().unwrap());
    ledger.shutdown().unwrap();
}

#[test]
fn running_ledger_given_a_transaction_answers_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    let transaction = note("one");
    let committed = ledger.submit(transaction.clone()).wait().unwrap();
    assert_eq!((committed.height, committed.position), (2, 0));
    assert_eq!(committed.tx_hash, transaction.object_hash());
    committed.result.unwrap();
    assert_eq!(notes(&*ledger.snapshot()), [b"one"]);
    assert_eq!(ledger.head().height, 2);
    ledger.shutdown().unwrap();

    let ledger = tally::open(folder.path());
    assert_eq!(ledger.head().height, 2);
    assert_eq!(notes(&*ledger.snapshot()), [b"one"]);
    ledger.shutdown().unwrap();
}
