//! What the light client must understand, made by the ledger itself: `tests/vectors/light_client.json`.
//!
//! The TypeScript tests read the same file. Signed transactions are the same at each run, and so are blocks and proofs;
//! only the precommits carry a time. With `ZARNITSA_WRITE_VECTORS` set, the file is written anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the failure"
)]

use exonum::blockchain::CallInBlock;
use exonum::crypto::{KeyPair, Seed};
use exonum::merkledb::access::CopyAccessExt as _;
use exonum::merkledb::{BinaryValue, Database as _, ObjectHash, TemporaryDB};
use exonum::messages::{AnyTx, Verified};
use exonum_explorer::BlockchainExplorer;
use serde_json::{json, Value};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, PaymentHash, PaymentPreimage};
use zarnitsa_ledger::{Committed, Ledger, LedgerOptions, Services, Validator};
use zarnitsa_service::proofs::{self, StoredBytes};
use zarnitsa_service::records::{
    Ask, AskChannelRequest, ChannelPolicy, CloseChannelRequest, Config, Genesis, OpenBatchRequest,
    OpenChannelRequest, Policy,
};
use zarnitsa_service::transactions::{
    AskChange, AskDecision, AskStep, ChannelPolicyChange, InvoiceChange, InvoiceStep, NewInvoice,
    PaymentOrder, PolicyChange,
};
use zarnitsa_service::{transaction, LedgerCall, LightningService};

const PEER: &str = "02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619";

/// The ledger's own node.
const NODE: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

fn keys(byte: u8) -> KeyPair {
    KeyPair::from_seed(&Seed::new([byte; 32]))
}

fn operator() -> KeyPair {
    keys(1)
}

/// The operator's commands, by name. The TypeScript test builds the same ones.
fn commands() -> Vec<(&'static str, LedgerCall)> {
    let peer = PEER.parse().unwrap();
    let invoice = |hash: u8| {
        LedgerCall::Invoice(InvoiceStep {
            payment_hash: PaymentHash([hash; 32]),
            change: InvoiceChange::Created(NewInvoice {
                nonce: [8; 32],
                // Above 2^53: JavaScript's numbers would lose it.
                amount_msat: Msat::new(9_007_199_254_740_993),
                description: "зарница".into(),
                created_at: 1_800_000_000,
                expiry_seconds: 3_600,
                invoice: String::new(),
                hold: false,
                keysend: false,
            }),
        })
    };
    vec![
        ("invoice", invoice(7)),
        ("invoice_again", invoice(7)),
        ("invoice_other", invoice(9)),
        (
            "invoice_cancel",
            LedgerCall::Invoice(InvoiceStep {
                payment_hash: PaymentHash([9; 32]),
                change: InvoiceChange::Cancelled { nonce: [3; 32] },
            }),
        ),
        (
            "payment",
            LedgerCall::Payment(PaymentOrder {
                payment_hash: PaymentHash([5; 32]),
                payee: peer,
                amount_msat: Msat::new(1_500),
                max_fee_msat: Msat::ZERO,
                invoice: String::new(),
                session_nonce: [6; 32],
                timeout_seconds: 0,
            }),
        ),
        (
            "policy",
            LedgerCall::Policy(Box::new(PolicyChange {
                policy: Policy::hub(),
                nonce: [4; 32],
            })),
        ),
        (
            "open_channel",
            LedgerCall::OpenChannel(OpenChannelRequest {
                peer,
                address: "127.0.0.1:9735".into(),
                amount_sat: bitcoin::Amount::from_sat(100_000),
                push_msat: Msat::ZERO,
                feerate_per_kw: 0,
                announce: true,
                nonce: [2; 32],
                zero_conf: false,
            }),
        ),
        (
            "close_channel",
            LedgerCall::CloseChannel(CloseChannelRequest {
                channel_id: ChannelId([1; 32]),
                force: false,
                feerate_per_kw: 253,
                nonce: [2; 32],
            }),
        ),
    ]
}

/// Commands of which only the signed bytes matter: the ledger of the vectors does not see them.
fn unsubmitted() -> Vec<(&'static str, LedgerCall)> {
    let channel = |peer: &str, announce| OpenChannelRequest {
        peer: peer.parse().unwrap(),
        address: String::new(),
        amount_sat: bitcoin::Amount::from_sat(100_000),
        push_msat: Msat::new(1),
        feerate_per_kw: 0,
        announce,
        nonce: [2; 32],
        zero_conf: false,
    };
    let invoice = |change| {
        LedgerCall::Invoice(InvoiceStep {
            payment_hash: PaymentHash([7; 32]),
            change,
        })
    };
    vec![
        (
            "invoice_hold",
            invoice(InvoiceChange::Created(NewInvoice {
                nonce: [8; 32],
                amount_msat: Msat::new(1),
                description: String::new(),
                created_at: 1_800_000_000,
                expiry_seconds: 3_600,
                invoice: "lnbcrt1".into(),
                hold: true,
                keysend: false,
            })),
        ),
        (
            "invoice_settle",
            invoice(InvoiceChange::Settled {
                preimage: PaymentPreimage([5; 32]),
            }),
        ),
        (
            "open_batch",
            LedgerCall::OpenBatch(OpenBatchRequest {
                channels: vec![channel(PEER, true), channel(NODE, false)],
                feerate_per_kw: 500,
                nonce: [3; 32],
            }),
        ),
        (
            "channel_policy",
            LedgerCall::ChannelPolicy(ChannelPolicyChange {
                channel_id: ChannelId([1; 32]),
                policy: Some(ChannelPolicy {
                    channel_id: ChannelId([1; 32]),
                    base_fee_msat: Msat::ZERO,
                    fee_ppm: 7,
                    cltv_delta: 40,
                    htlc_minimum_msat: Msat::ZERO,
                    htlc_maximum_msat: Msat::ZERO,
                }),
                nonce: [4; 32],
            }),
        ),
    ]
}

/// What encoders leave out or write by mistake: zero, false, nothing, and the text "0".
fn unsubmitted_zeros() -> (&'static str, LedgerCall) {
    let zeros = NewInvoice {
        nonce: [8; 32],
        amount_msat: Msat::ZERO,
        description: "0".into(),
        created_at: 0,
        expiry_seconds: 0,
        invoice: String::new(),
        hold: false,
        keysend: false,
    };
    let call = LedgerCall::Invoice(InvoiceStep {
        payment_hash: PaymentHash([7; 32]),
        change: InvoiceChange::Created(zeros),
    });
    ("invoice_zeros", call)
}

/// Those of channels that one node asks another for.
fn unsubmitted_asks() -> Vec<(&'static str, LedgerCall)> {
    vec![
        (
            "ask_channel",
            LedgerCall::AskChannel(AskChannelRequest {
                hub: PEER.parse().unwrap(),
                address: "127.0.0.1:9735".into(),
                amount_sat: bitcoin::Amount::from_sat(500_000),
                nonce: [5; 32],
            }),
        ),
        (
            "ask_approve",
            LedgerCall::AskDecision(ask_decision(true, "")),
        ),
        (
            "ask_refuse",
            LedgerCall::AskDecision(ask_decision(false, "денег нет")),
        ),
    ]
}

fn ask_decision(approve: bool, reason: &str) -> AskDecision {
    AskDecision {
        ask: exonum::crypto::Hash::new([6; 32]),
        approve,
        reason: reason.into(),
        nonce: [7; 32],
    }
}

fn signed() -> Vec<(&'static str, Verified<AnyTx>)> {
    commands()
        .into_iter()
        // The same command twice is one transaction: the second one is signed by the node's key.
        .map(|(name, call)| match name {
            "invoice_again" => (name, transaction(&keys(3), call)),
            _ => (name, transaction(&operator(), call)),
        })
        .collect()
}

fn open(folder: &tempfile::TempDir) -> Ledger {
    let (consensus, service) = (keys(2), keys(3));
    let genesis = Genesis {
        config: Config {
            operator_key: operator().public_key(),
            node_key: service.public_key(),
            node_id: NODE.parse().unwrap(),
            network: "regtest".into(),
        },
        policy: Policy::user(),
    };
    let services = Services::new(move |builder, runtime| {
        LightningService::default().deploy(&genesis, builder, runtime);
    });
    let validator = Validator { consensus, service };
    Ledger::open(folder.path(), LedgerOptions::new(validator, services)).unwrap()
}

/// A transaction's place and outcome, as the explorer answers it.
fn outcome(ledger: &Ledger, committed: &Committed) -> Value {
    let snapshot = ledger.snapshot();
    let explorer = BlockchainExplorer::new(&*snapshot);
    let call = CallInBlock::transaction(committed.position);
    let block = explorer
        .block(exonum::helpers::Height(committed.height))
        .unwrap();
    json!({
        "transaction": explorer.transaction(&committed.tx_hash).unwrap(),
        "call_status": block.call_proof(call),
    })
}

fn made() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let mut transactions = serde_json::Map::new();
    let mut outcomes = serde_json::Map::new();
    let entry = |tx: &Verified<AnyTx>| json!({ "body": hex::encode(tx.to_bytes()), "hash": tx.object_hash() });
    let others = unsubmitted().into_iter().chain(unsubmitted_asks());
    for (name, call) in others.chain([unsubmitted_zeros()]) {
        transactions.insert(name.into(), entry(&transaction(&operator(), call)));
    }
    for (name, tx) in signed() {
        transactions.insert(name.into(), entry(&tx));
        let committed = ledger.submit(tx).wait().unwrap();
        outcomes.insert(name.into(), outcome(&ledger, &committed));
    }
    let ask = AskStep {
        peer: PEER.parse().unwrap(),
        id: [1; 32],
        change: AskChange::Received {
            amount_sat: bitcoin::Amount::from_sat(500_000),
            now: 1_800_000_000,
        },
    };
    let ask_key = Ask::key_of(&ask.peer, &ask.id);
    let asked = ledger.submit(transaction(&keys(3), LedgerCall::AskStep(ask)));
    asked.wait().unwrap().result.unwrap();
    let snapshot = ledger.snapshot();
    let hash = |byte: u8| PaymentHash([byte; 32]);
    let order = |name: &str| {
        let found = signed().into_iter().find(|(known, _)| *known == name);
        found.expect("a command of that name").1.object_hash()
    };
    json!({
        "validator_key": ledger.validator_key(),
        "operator_key": operator().public_key(),
        "transactions": transactions,
        "outcomes": outcomes,
        "proofs": {
            "policy": proofs::policy(&*snapshot),
            "config": proofs::config(&*snapshot),
            "request": proofs::request(&*snapshot, &order("open_channel")),
            "request_absent": proofs::request(&*snapshot, &order("policy")),
            "channels_of_none": proofs::channels(&*snapshot, &[]),
            "channel_absent": proofs::channel(&*snapshot, &ChannelId([1; 32])),
            "invoices": proofs::invoices(&*snapshot, &[hash(7), hash(9)]),
            "invoices_incomplete": proofs::invoices(&*snapshot, &[hash(7)]),
            "invoice": proofs::invoice(&*snapshot, &hash(7)),
            "invoice_absent": proofs::invoice(&*snapshot, &hash(1)),
            "payment": proofs::payment(&*snapshot, &hash(5)),
            "asks": proofs::asks(&*snapshot, &[ask_key]),
            "asks_incomplete": proofs::asks(&*snapshot, &[]),
        },
        "list": list(),
    })
}

/// The second and the third of five entries, and the hash of all.
fn list() -> Value {
    let fork = TemporaryDB::new().fork();
    let mut list = fork.get_proof_list("list");
    list.extend((1..=5).map(|byte| StoredBytes(vec![byte; 4])));
    json!({ "root": list.object_hash(), "proof": list.get_range_proof(1..3) })
}

/// Without what carries the time of the run.
fn timeless(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("precommits");
                fields.remove("time");
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut value);
    value
}

#[test]
fn vectors_of_the_light_client_are_what_the_ledger_makes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/light_client.json");
    let made = made();
    if std::env::var_os("ZARNITSA_WRITE_VECTORS").is_some() {
        std::fs::write(path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let text = std::fs::read_to_string(path).expect("the vectors are in the repository");
    let stored: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    assert_eq!(timeless(stored), timeless(made));
}
