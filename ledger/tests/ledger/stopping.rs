//! Clean stops, and stops over a failing disk.

use std::{sync::Arc, time::Duration};

use zarnitsa_ledger::{faults::Fault, Ledger, LedgerError, OpenError};

use crate::tally::{self, note, notes};

#[test]
fn shutdown_under_load_commits_or_refuses_every_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    let submitters: Vec<_> = (0..4u32)
        .map(|thread| {
            let ledger = ledger.clone();
            std::thread::spawn(move || {
                let mut receipts = Vec::new();
                for n in 0..100_000u32 {
                    let receipt = ledger.submit(note(format!("{thread} {n}")));
                    if ledger.stopped().is_some() {
                        receipts.push(receipt);
                        break;
                    }
                    receipts.push(receipt);
                }
                drop(ledger);
                receipts
            })
        })
        .collect();
    let mut subscription = ledger.subscribe(1);
    for _ in 0..20 {
        subscription.next_blocking().unwrap().unwrap();
    }
    ledger.shutdown().unwrap();

    let mut acknowledged = 0;
    for submitter in submitters {
        let outcomes: Vec<_> = submitter
            .join()
            .unwrap()
            .into_iter()
            .map(|r| r.wait())
            .collect();
        let taken = outcomes
            .iter()
            .take_while(|outcome| outcome.is_ok())
            .count();
        // Once one is refused, all later ones are.
        assert!(outcomes[taken..]
            .iter()
            .all(|o| matches!(o, Err(LedgerError::Stopped))));
        acknowledged += taken;
    }
    let ledger = tally::open(folder.path());
    assert_eq!(notes(&*ledger.snapshot()).len(), acknowledged);
    ledger.shutdown().unwrap();
}

#[test]
fn shutdown_with_a_snapshot_out_says_so_and_the_database_closes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = tally::options();
    options.limits.shutdown_wait = Duration::from_millis(20);
    let ledger = Ledger::open(folder.path(), options).unwrap();
    let snapshot = ledger.snapshot();
    let other = ledger.clone();
    let error = ledger.shutdown().unwrap_err();
    assert!(
        matches!(
            error,
            LedgerError::StillInUse {
                handles: 1,
                snapshots: 1
            }
        ),
        "{error}"
    );
    // The other handle still reads, and writes nothing.
    assert_eq!(other.head().height, 1);
    assert!(matches!(
        other.submit(note("late")).wait(),
        Err(LedgerError::Stopped)
    ));
    assert!(matches!(
        Ledger::open(folder.path(), tally::options()),
        Err(OpenError::Locked { .. })
    ));
    assert!(notes(&*snapshot).is_empty());
    drop(snapshot);
    other.shutdown().unwrap();
    tally::open(folder.path()).shutdown().unwrap();
}

#[test]
fn last_handle_dropped_without_shutdown_leaves_everything_durable() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    let receipts: Vec<_> = (0..50u8).map(|n| ledger.submit(note([n]))).collect();
    drop(ledger);
    for receipt in receipts {
        receipt.wait().unwrap();
    }
    let ledger = tally::open(folder.path());
    assert_eq!(notes(&*ledger.snapshot()).len(), 50);
    ledger.shutdown().unwrap();
}

#[test]
fn failed_write_stops_the_ledger_before_anyone_is_answered() {
    // A block is three writes: its content, Exonum's count, the sync.
    for (write, fault) in [
        (1, Fault::Fail),
        (2, Fault::Fail),
        (3, Fault::Fail),
        (3, Fault::FailAfter),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let options = tally::options();
        let faults = Arc::clone(&options.faults);
        let ledger = Ledger::open(folder.path(), options).unwrap();
        ledger.submit(note("kept")).wait().unwrap();
        let head = ledger.head();

        faults.strike_at(faults.writes() + write, fault);
        let mut subscription = ledger.subscribe(head.height);
        let receipts = [ledger.submit(note("lost")), ledger.submit(note("later"))];
        for receipt in receipts {
            let error = receipt.wait().unwrap_err();
            assert!(
                matches!(error, LedgerError::Storage { .. }),
                "{write} {fault:?}: {error}"
            );
        }
        let later = ledger.submit(note("afterwards")).wait().unwrap_err();
        assert!(matches!(later, LedgerError::Storage { .. }), "{later}");
        assert!(matches!(
            ledger.stopped(),
            Some(LedgerError::Storage { .. })
        ));
        assert!(matches!(
            subscription.next_blocking(),
            Some(Err(LedgerError::Storage { .. }))
        ));
        // Readers stay with what was acknowledged.
        assert_eq!(ledger.head(), head);
        assert_eq!(notes(&*ledger.snapshot()), [b"kept"]);
        assert!(matches!(
            ledger.shutdown(),
            Err(LedgerError::Storage { .. })
        ));

        let ledger = tally::open(folder.path());
        let stored = notes(&*ledger.snapshot());
        // Unanswered ones may or may not be there, but in order.
        let submitted: [&[u8]; 3] = [b"kept", b"lost", b"later"];
        assert!(!stored.is_empty());
        assert!(stored
            .iter()
            .zip(submitted)
            .all(|(stored, text)| stored == text));
        ledger
            .submit(note("goes on"))
            .wait()
            .unwrap()
            .result
            .unwrap();
        ledger.shutdown().unwrap();
    }
}

#[test]
fn failed_write_at_the_making_leaves_no_ledger() {
    let folder = tempfile::tempdir().unwrap();
    for write in 1..=6 {
        let options = tally::options();
        options.faults.strike_at(write, Fault::Fail);
        let error = Ledger::open(folder.path().join("ledger"), options).unwrap_err();
        assert!(
            matches!(error, OpenError::Chain { .. } | OpenError::Write(_)),
            "{write}: {error}"
        );
        assert!(!folder.path().join("ledger/store").exists(), "{write}");
    }
    tally::open(&folder.path().join("ledger"))
        .shutdown()
        .unwrap();
}
