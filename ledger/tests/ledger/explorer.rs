//! The explorer's answers, and the proofs in them.

use exonum::{
    crypto::Hash,
    helpers::Height,
    merkledb::ObjectHash,
    runtime::{ErrorKind, SnapshotExt},
};
use zarnitsa_ledger::explorer::{
    decode_transaction, BlockQuery, BlocksQuery, CallStatusResponse, ExplorerError, TransactionHex,
    TransactionQuery, TransactionStatusQuery,
};

use crate::tally::{self, note, refused_note, Schema, TALLY};

fn blocks_query(count: usize) -> BlocksQuery {
    let mut query = BlocksQuery::default();
    query.count = count;
    query
}

#[test]
fn blocks_of_a_new_ledger_are_signed_by_the_validator_at_epochs_equal_to_heights() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    for n in 0..5u8 {
        ledger.submit(note([n])).wait().unwrap();
    }
    let snapshot = ledger.snapshot();
    let core = snapshot.for_core();
    for height in 1..=6 {
        let proof = core.block_and_precommits(Height(height)).unwrap();
        proof.verify(&[ledger.validator_key()]).unwrap();
        // What exonum-client's verifyBlock demands beside the signatures.
        assert_eq!(proof.precommits[0].payload().epoch, Height(height));
        assert_eq!(proof.block.epoch(), Some(Height(height)));
    }
    drop(snapshot);
    ledger.shutdown().unwrap();
}

#[test]
fn index_proof_leads_from_the_validators_signature_to_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    ledger.submit(note("proven")).wait().unwrap();
    let explorer = ledger.explorer();
    let proof = explorer.index_proof("tally.by_hash").unwrap().unwrap();
    let (index, hash) = proof.verify(&[ledger.validator_key()]).unwrap();
    assert_eq!(index, "tally.by_hash");
    let schema = Schema::new(explorer.snapshot().for_service(TALLY).unwrap());
    let key = exonum::crypto::hash(b"proven");
    let value = schema.by_hash.get_proof(key);
    let checked = value.check_against_hash(hash).unwrap();
    assert_eq!(checked.entries().collect::<Vec<_>>(), [(&key, &1)]);

    // Another key, or another block, is no proof.
    assert!(proof.verify(&[ledger.validator().service]).is_err());
    let mut forged = proof.clone();
    forged.block_proof.block.state_hash = Hash::zero();
    assert!(forged.verify(&[ledger.validator_key()]).is_err());
    assert!(explorer.index_proof("tally.nothing").unwrap().is_none());
    drop(explorer);
    ledger.shutdown().unwrap();
}

#[test]
fn transaction_and_its_status_come_with_proofs_against_the_block() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    for transaction in [note("good"), refused_note("bad")] {
        let hash = transaction.object_hash();
        let outcome = ledger.submit(transaction).wait().unwrap();
        let explorer = ledger.explorer();
        let info = explorer.transaction(&TransactionQuery::new(hash)).unwrap();
        let info = info.as_committed().unwrap();
        let block = explorer
            .block(&BlockQuery::new(Height(outcome.height)))
            .unwrap();
        let place = info
            .location_proof()
            .check_against_hash(block.block.tx_hash)
            .unwrap();
        assert_eq!(place.entries(), [(0, hash)]);
        assert_eq!(block.txs.unwrap()[0].tx_hash, hash);

        let query = TransactionStatusQuery::new(hash).with_proof();
        let CallStatusResponse::Proof(proof) = explorer.transaction_status(&query).unwrap() else {
            panic!("no proof");
        };
        let (_, status) = proof.verify(&[ledger.validator_key()]).unwrap();
        assert_eq!(status.is_ok(), outcome.result.is_ok());
        let query = TransactionStatusQuery::new(hash);
        let CallStatusResponse::Simple(status) = explorer.transaction_status(&query).unwrap()
        else {
            panic!("a proof");
        };
        if let Err(error) = status.0 {
            assert_eq!(error.kind(), ErrorKind::Service { code: 3 });
        }
    }
    ledger.shutdown().unwrap();
}

#[test]
fn blocks_are_listed_downwards_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    for n in 0..5u8 {
        ledger.submit(note([n])).wait().unwrap();
    }
    let explorer = ledger.explorer();
    let range = explorer.blocks(&blocks_query(3)).unwrap();
    assert_eq!(range.range, Height(4)..Height(7));
    let heights: Vec<u64> = range
        .blocks
        .iter()
        .map(|info| info.block.height.0)
        .collect();
    assert_eq!(heights, [6, 5, 4]);

    let mut query = blocks_query(100);
    query.skip_empty_blocks = true;
    query.latest = Some(Height(3));
    query.add_precommits = true;
    let range = explorer.blocks(&query).unwrap();
    assert_eq!(range.range, Height(0)..Height(4));
    assert_eq!(range.blocks.len(), 2);
    assert_eq!(range.blocks[0].precommits.as_ref().unwrap().len(), 1);

    query.latest = Some(Height(7));
    let error = explorer.blocks(&query).unwrap_err();
    assert!(
        matches!(
            error,
            ExplorerError::NoBlock {
                height: 7,
                newest: 6
            }
        ),
        "{error}"
    );
    let error = explorer.blocks(&blocks_query(1_001)).unwrap_err();
    assert!(
        matches!(error, ExplorerError::TooMany { count: 1_001, .. }),
        "{error}"
    );
    let error = explorer
        .block(&BlockQuery::new(Height(u64::MAX)))
        .unwrap_err();
    assert!(matches!(error, ExplorerError::NoBlock { .. }), "{error}");
    let error = explorer
        .transaction(&TransactionQuery::new(Hash::zero()))
        .unwrap_err();
    assert!(
        matches!(error, ExplorerError::NoTransaction { .. }),
        "{error}"
    );
    drop(explorer);
    ledger.shutdown().unwrap();
}

#[test]
fn transaction_from_outside_is_taken_only_with_its_signature() {
    let transaction = note("from outside");
    let hex = TransactionHex::new(&transaction);
    assert_eq!(decode_transaction(&hex).unwrap(), transaction);

    let mut forged = hex.clone();
    let last = if forged.tx_body.ends_with('0') {
        "1"
    } else {
        "0"
    };
    forged
        .tx_body
        .replace_range(forged.tx_body.len() - 1.., last);
    for body in [
        forged.tx_body,
        String::new(),
        "zz".into(),
        "00ff".into(),
        hex.tx_body[2..].into(),
    ] {
        let mut forged = hex.clone();
        forged.tx_body = body;
        let error = decode_transaction(&forged).unwrap_err();
        assert!(matches!(error, ExplorerError::Malformed { .. }), "{error}");
    }
}

#[test]
fn export_writes_every_block_as_a_line_of_json() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(&folder.path().join("ledger"));
    ledger.submit(note("one")).wait().unwrap();
    ledger.submit(refused_note("two")).wait().unwrap();
    let file = folder.path().join("export.jsonl");
    let mut seen = 0;
    let report = ledger
        .export(&file, &mut |progress| seen = progress.blocks)
        .unwrap();
    assert_eq!((report.blocks, report.transactions, seen), (4, 2, 4));
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0]["consensus_key"], ledger.validator_key().to_hex());
    assert_eq!(lines[3]["transactions"][0]["status"]["type"], "success");
    assert_eq!(
        lines[4]["transactions"][0]["status"]["type"],
        "service_error"
    );

    let error = ledger
        .export(folder.path().join("absent/file"), &mut |_| {})
        .unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
    ledger.shutdown().unwrap();
}
