//! Transactions in, blocks out.

use std::sync::{mpsc, Arc};

use exonum::{
    crypto::KeyPair,
    merkledb::ObjectHash,
    messages::{AnyTx, Verified},
    runtime::{CallInfo, ErrorKind},
};
use zarnitsa_ledger::{faults::FaultHook, Ledger, LedgerError, Limits, Receipt};

use crate::tally::{self, note, notes, panicking_note, refused_note};

#[test]
fn new_ledger_opened_has_the_first_block_after_genesis() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    assert_eq!(ledger.head().height, 1);
    let block = ledger.block(1).unwrap().unwrap();
    assert!(block.transactions.is_empty());
    assert_eq!(block.time, ledger.created().unwrap());
    let genesis = ledger.block(0).unwrap().unwrap();
    assert_eq!(genesis.block_hash, ledger.genesis_hash());
    assert!(ledger.block(2).unwrap().is_none());
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

/// Holds the writer inside a block until `release` is dropped or used, so that a queue builds up behind it.
struct HeldWriter {
    held: mpsc::Receiver<()>,
    release: mpsc::Sender<()>,
}

fn hold_next_sync(faults: &FaultHook) -> HeldWriter {
    let (entered, held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    faults.on_sync(move |_| {
        let _ = entered.send(());
        // Ends at once for all later blocks, when the sender is gone.
        let _ = released.recv();
    });
    HeldWriter { held, release }
}

#[test]
fn busy_writer_with_many_waiting_seals_them_as_one_block_with_one_sync_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let options = tally::options();
    let faults = Arc::clone(&options.faults);
    let ledger = Ledger::open(folder.path(), options).unwrap();
    let writer = hold_next_sync(&faults);
    let first = ledger.submit(note("first"));
    writer.held.recv().unwrap();

    let before = ledger.stats().written.syncs;
    let texts: Vec<String> = (0..100).map(|n| format!("note {n}")).collect();
    let receipts: Vec<Receipt> = texts.iter().map(|text| ledger.submit(note(text))).collect();
    assert_eq!(ledger.stats().queued, 100);
    // Synced in RocksDB, but not yet said to be: nobody sees it.
    assert_eq!(ledger.head().height, 1);
    assert!(notes(&*ledger.snapshot()).is_empty());
    drop(writer.release);

    first.wait().unwrap();
    for (position, receipt) in receipts.into_iter().enumerate() {
        let committed = receipt.wait().unwrap();
        assert_eq!(committed.height, 3);
        assert_eq!(committed.position as usize, position);
    }
    assert_eq!(ledger.stats().written.syncs, before + 1);
    let stored = notes(&*ledger.snapshot());
    assert_eq!(stored.len(), 101);
    assert!(stored[1..]
        .iter()
        .zip(&texts)
        .all(|(stored, text)| stored == text.as_bytes()));
    ledger.shutdown().unwrap();
}

#[test]
fn idle_writer_given_a_gathering_seals_it_as_one_block_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    let gathering = ledger.gather();
    // A gathering holds back what others hand in too, and ends with the last one.
    let inner = ledger.gather();
    let receipts: Vec<Receipt> = (0..5)
        .map(|n| ledger.submit(note(format!("note {n}"))))
        .collect();
    drop(inner);
    drop(gathering);
    let heights: Vec<u64> = receipts
        .into_iter()
        .map(|receipt| receipt.wait().unwrap().height)
        .collect();
    assert_eq!(heights, [2; 5]);
    let alone = ledger.submit(note("alone")).wait().unwrap();
    assert_eq!(alone.height, 3);
    ledger.shutdown().unwrap();
}

#[test]
fn gathering_that_goes_on_holds_back_no_large_block_and_no_full_queue() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    let gathering = ledger.gather();
    let many: Vec<Receipt> = (0..40)
        .map(|n| ledger.submit(note(format!("note {n}"))))
        .collect();
    many.into_iter().next().unwrap().wait().unwrap();
    drop(gathering);
    ledger.shutdown().unwrap();

    let mut options = tally::options();
    options.limits.queue_transactions = 2;
    let ledger = Ledger::open(folder.path(), options).unwrap();
    let gathering = ledger.gather();
    let receipts: Vec<Receipt> = (0..9)
        .map(|n| ledger.submit(note(format!("crowded {n}"))))
        .collect();
    drop(gathering);
    for receipt in receipts {
        receipt.wait().unwrap();
    }
    ledger.shutdown().unwrap();
}

#[test]
fn running_ledger_given_transactions_one_by_one_syncs_once_a_block_and_never_while_idle() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    let start = ledger.stats().written;
    for n in 0..20u8 {
        let committed = ledger.submit(note([n])).wait().unwrap();
        assert_eq!(committed.height, 2 + u64::from(n));
    }
    assert_eq!(ledger.stats().written.syncs, start.syncs + 20);
    // The writer sleeps on a condition: nothing can write between blocks.
    assert_eq!(ledger.stats().written.writes, start.writes + 20 * 3);
    ledger.shutdown().unwrap();
}

#[test]
fn full_queue_refuses_try_submit_and_holds_back_submit() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = tally::options();
    options.limits = Limits {
        queue_transactions: 3,
        batch_transactions: 2,
        ..Limits::default()
    };
    let faults = Arc::clone(&options.faults);
    let ledger = Ledger::open(folder.path(), options).unwrap();
    let writer = hold_next_sync(&faults);
    let mut receipts = vec![ledger.submit(note("sealed"))];
    writer.held.recv().unwrap();
    receipts.extend(["a", "b", "c"].map(|text| ledger.submit(note(text))));

    let refused = ledger.try_submit(note("d")).unwrap_err();
    assert!(
        matches!(
            refused,
            LedgerError::QueueFull {
                transactions: 3,
                ..
            }
        ),
        "{refused}"
    );
    let waiting = {
        let ledger = ledger.clone();
        std::thread::spawn(move || ledger.submit(note("d")).wait())
    };
    drop(writer.release);
    let heights: Vec<u64> = receipts
        .into_iter()
        .map(|r| r.wait().unwrap().height)
        .collect();
    // Two a block: the bound of the batch holds.
    assert_eq!(heights, [2, 3, 3, 4]);
    waiting.join().unwrap().unwrap();
    assert_eq!(notes(&*ledger.snapshot()).last().unwrap(), b"d");
    ledger.shutdown().unwrap();
}

#[test]
fn oversized_transaction_is_refused_before_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = tally::options();
    options.limits.transaction_bytes = 1_000;
    let ledger = Ledger::open(folder.path(), options).unwrap();
    ledger.submit(note([0; 500])).wait().unwrap();
    let refused = ledger.submit(note([0; 1_000])).wait().unwrap_err();
    assert!(
        matches!(refused, LedgerError::TooLarge { limit: 1_000, .. }),
        "{refused}"
    );
    assert_eq!(ledger.head().height, 2);
    ledger.shutdown().unwrap();
}

#[test]
fn refused_transaction_is_committed_with_its_error_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    ledger.submit(note("kept")).wait().unwrap();
    let before = ledger.head();

    let refused = ledger.submit(refused_note("refused")).wait().unwrap();
    let error = refused.result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Service { code: 3 });
    assert_eq!(error.description(), "The note was refused.");
    let panicked = ledger.submit(panicking_note("panicked")).wait().unwrap();
    assert_eq!(panicked.result.unwrap_err().kind(), ErrorKind::Unexpected);

    assert_eq!((refused.height, panicked.height), (3, 4));
    assert_eq!(ledger.head().state_hash, before.state_hash);
    assert_eq!(notes(&*ledger.snapshot()), [b"kept"]);
    ledger.shutdown().unwrap();
}

#[test]
fn repeated_transaction_gets_the_earlier_outcome_and_no_block() {
    let folder = tempfile::tempdir().unwrap();
    let options = tally::options();
    let faults = Arc::clone(&options.faults);
    let ledger = Ledger::open(folder.path(), options).unwrap();
    let good = ledger.submit(note("good")).wait().unwrap();
    let bad = ledger.submit(refused_note("bad")).wait().unwrap();
    let writes = faults.writes();

    let again = ledger.submit(note("good")).wait().unwrap();
    assert_eq!((again.height, again.position), (good.height, good.position));
    again.result.unwrap();
    let again = ledger.submit(refused_note("bad")).wait().unwrap();
    assert_eq!(again.height, bad.height);
    assert_eq!(
        again.result.unwrap_err().kind(),
        ErrorKind::Service { code: 3 }
    );
    assert_eq!(faults.writes(), writes);
    assert_eq!(notes(&*ledger.snapshot()), [b"good"]);

    // Twice in one batch: executed once, both answered.
    let writer = hold_next_sync(&faults);
    let first = ledger.submit(note("first"));
    writer.held.recv().unwrap();
    let twins = [ledger.submit(note("twin")), ledger.submit(note("twin"))];
    drop(writer.release);
    first.wait().unwrap();
    let places = twins.map(|twin| twin.wait().map(|c| (c.height, c.position)).unwrap());
    assert_eq!(places, [(5, 0), (5, 0)]);
    assert_eq!(notes(&*ledger.snapshot()).len(), 3);
    ledger.shutdown().unwrap();
}

#[test]
fn transaction_for_an_unknown_service_is_not_admitted_and_others_of_its_batch_are() {
    let folder = tempfile::tempdir().unwrap();
    let options = tally::options();
    let faults = Arc::clone(&options.faults);
    let ledger = Ledger::open(folder.path(), options).unwrap();
    let stray: Verified<AnyTx> =
        AnyTx::new(CallInfo::new(999, 0), vec![]).sign_with_keypair(&KeyPair::random());
    let writer = hold_next_sync(&faults);
    let first = ledger.submit(note("first"));
    writer.held.recv().unwrap();
    let (stray_receipt, other) = (ledger.submit(stray.clone()), ledger.submit(note("other")));
    drop(writer.release);

    first.wait().unwrap();
    let refused = stray_receipt.wait().unwrap_err();
    assert!(
        matches!(refused, LedgerError::NotAdmitted { tx_hash, .. } if tx_hash == stray.object_hash()),
        "{refused}"
    );
    assert_eq!(other.wait().unwrap().position, 0);
    assert!(ledger.committed(&stray.object_hash()).unwrap().is_none());
    ledger.shutdown().unwrap();
}

#[test]
fn long_run_of_blocks_keeps_the_log_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = tally::options();
    options.limits = Limits {
        log_bytes: 256 << 10,
        log_check_blocks: 4,
        ..Limits::default()
    };
    let ledger = Ledger::open(folder.path(), options).unwrap();
    let mut most = 0;
    for n in 0..200u32 {
        let mut text = vec![0; 16 << 10];
        text[..4].copy_from_slice(&n.to_be_bytes());
        ledger.submit(note(text)).wait().unwrap().result.unwrap();
        most = most.max(ledger.stats().log_bytes);
    }
    // 200 blocks of some 50 KB each wrote ten megabytes; flushing runs beside the writing, so the bound is not sharp.
    assert!(most < 4 << 20, "the log grew to {most} bytes");
    ledger.shutdown().unwrap();
    let ledger = tally::open(folder.path());
    assert_eq!(notes(&*ledger.snapshot()).len(), 200);
    ledger.shutdown().unwrap();
}
