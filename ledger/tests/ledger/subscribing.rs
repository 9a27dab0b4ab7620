//! Following the ledger.

use exonum::merkledb::ObjectHash;

use crate::tally::{self, note, refused_note};

#[test]
fn late_subscription_reads_every_block_from_disk_and_then_follows() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    for n in 0..40u8 {
        ledger.submit(note([n])).wait().unwrap();
    }
    ledger.submit(refused_note("no")).wait().unwrap();

    let mut subscription = ledger.subscribe(0);
    for height in 1..=42 {
        let block = subscription.next_blocking().unwrap().unwrap();
        assert_eq!(block.height, height);
        assert_eq!(
            block.head().block_hash,
            ledger.block(height).unwrap().unwrap().block_hash
        );
        match height {
            1 => assert!(block.transactions.is_empty()),
            42 => assert!(block.transactions[0].result.is_err()),
            _ => {
                let n = u8::try_from(height - 2).unwrap();
                assert_eq!(block.transactions[0].tx_hash, note([n]).object_hash());
                assert_eq!(block.transactions[0].message, note([n]));
                block.transactions[0].result.as_ref().unwrap();
            }
        }
    }
    let follower = std::thread::spawn(move || {
        let heights: Vec<u64> = std::iter::from_fn(|| subscription.next_blocking())
            .map(|block| block.unwrap().height)
            .collect();
        heights
    });
    for n in 100..150u8 {
        ledger.submit(note([n])).wait().unwrap();
    }
    ledger.shutdown().unwrap();
    let heights = follower.join().unwrap();
    // A shutdown may end a subscription before its last blocks are read, but never leaves a hole.
    assert!(
        heights.iter().copied().eq(43..43 + heights.len() as u64),
        "{heights:?}"
    );
}

#[test]
fn subscription_from_the_head_gets_only_later_blocks_with_all_their_transactions() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    ledger.submit(note("before")).wait().unwrap();
    let mut subscription = ledger.subscribe(ledger.head().height);
    let receipts: Vec<_> = (0..100u8).map(|n| ledger.submit(note([n]))).collect();
    let mut hashes = Vec::new();
    while hashes.len() < 100 {
        let block = subscription.next_blocking().unwrap().unwrap();
        hashes.extend(
            block
                .transactions
                .iter()
                .map(|transaction| transaction.tx_hash),
        );
    }
    let expected: Vec<_> = (0..100u8).map(|n| note([n]).object_hash()).collect();
    assert_eq!(hashes, expected);
    for receipt in receipts {
        receipt.wait().unwrap();
    }
    ledger.shutdown().unwrap();
}

#[test]
fn subscription_of_a_stopped_ledger_ends() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    let mut subscription = ledger.subscribe(1);
    let waiting = std::thread::spawn(move || subscription.next_blocking().is_none());
    ledger.shutdown().unwrap();
    assert!(waiting.join().unwrap());
}
