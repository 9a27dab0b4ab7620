//! `tests/vectors/ledger-transactions.json`: an example of every method's argument and of every stored record, with
//! bytes and hash. The light client reads the same file, so that both speak of the same bytes.
//!
//! `ZARNITSA_WRITE_VECTORS=1 cargo test -p zarnitsa-service` writes the file anew.

use std::path::PathBuf;

use exonum::merkledb::{BinaryValue, ObjectHash as _};
use serde_json::{json, Map, Value};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{ChainEvent, Command, LocalCommand};
use zarnitsa_channel::message::{ClosingSigned, PeerMessage, UpdateAddHtlc};
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{
    Ask, AskChannelRequest, AskStatus, CloseChannelRequest, Failure, Forward, Genesis, HtlcKey,
    HtlcRef, PaymentStatus, RequestStatus, ReturnedFailure,
};
use zarnitsa_service::transactions::{
    AskChange, AskDecision, AskStep, BatchSigned, ChannelPolicyChange, InvoiceChange, InvoiceStep,
    OpenAsked, PaymentResult, PolicyChange, RequestResult, SignedOpening,
};
use zarnitsa_service::{read, transaction, Attachment, LedgerCall};

use crate::support::pair::{preimage, script};
use crate::world::{batch, channel_policy, config, policy, World};

/// Names of the methods, by their numbers.
const METHODS: [&str; 25] = [
    "opening",
    "commitment",
    "revocation",
    "htlc_add",
    "htlc_resolve",
    "fee_update",
    "ready",
    "reestablish",
    "closing",
    "chain_event",
    "invoice",
    "payment",
    "payment_result",
    "policy",
    "open_channel",
    "close_channel",
    "request_result",
    "channel_policy",
    "open_batch",
    "batch_signed",
    "ask_channel",
    "ask_step",
    "ask_decision",
    "open_asked",
    "steps",
];

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/ledger-transactions.json")
}

/// What a channel's life has of its own accord, and one call of each kind that it has not.
fn world() -> World {
    let mut world = World::normal(&config(), 1);
    world.pay(Side::Holder, 1_000_000);
    world.pay(Side::Counterparty, 2_000_000);
    world
}

fn other_calls(world: &mut World) -> Vec<LedgerCall> {
    let reestablish = world.b.party.channel.reestablish().unwrap();
    let reestablish = PeerMessage::ChannelReestablish(reestablish);
    let command = world.a.party.peer_command(reestablish);
    let params = world.a.party.channel.params();
    let signature = world.a.party.keys.sign_funding(params, &message());
    let (fee, range) = (sat(500), (sat(200), sat(5_000)));
    let closing = PeerMessage::ClosingSigned(ClosingSigned {
        fee,
        signature,
        fee_range: Some(range),
    });
    let transaction = world.a.party.channel.counterparty_commitment().unwrap();
    let steps = [
        command,
        Command::Local(LocalCommand::UpdateFee {
            feerate_per_kw: 1_500,
        }),
        Command::Local(LocalCommand::FailHtlc {
            id: zarnitsa_channel::ids::HtlcId(3),
            reason: vec![7; 292],
        }),
        world
            .a
            .party
            .peer_command(PeerMessage::UpdateFailMalformedHtlc {
                id: zarnitsa_channel::ids::HtlcId(4),
                sha256_of_onion: [5; 32],
                failure_code: 0xc005,
            }),
        Command::Local(LocalCommand::Shutdown { script: script(1) }),
        Command::Local(LocalCommand::ProposeClosing {
            fee,
            fee_range: range,
        }),
        world.a.party.peer_command(closing),
        Command::Local(LocalCommand::ForceClose {
            reason: "the peer is gone".to_owned(),
        }),
        Command::Chain(ChainEvent::FundingSpent {
            transaction: Box::new(transaction.tx().clone()),
            block_height: 200,
        }),
        Command::Chain(ChainEvent::SpendBuried { block_height: 206 }),
        Command::Chain(ChainEvent::OutputSpent {
            outpoint: bitcoin::OutPoint::new(transaction.txid(), 1),
            transaction: Box::new(transaction.tx().clone()),
            block_height: 207,
        }),
        Command::Chain(ChainEvent::OutputReorged {
            outpoint: bitcoin::OutPoint::new(transaction.txid(), 1),
        }),
        Command::Chain(ChainEvent::PastHtlcs {
            htlcs: vec![zarnitsa_channel::state::HtlcTerms {
                offered_by: zarnitsa_channel::params::Side::Holder,
                id: zarnitsa_channel::ids::HtlcId(5),
                payment_hash: preimage(1).payment_hash(),
                cltv_expiry: 500,
            }],
        }),
        Command::Chain(ChainEvent::PreimageSeen {
            id: zarnitsa_channel::ids::HtlcId(5),
            preimage: preimage(1),
        }),
    ];
    steps.into_iter().map(|step| world.a.call(step)).collect()
}

/// What travels beside HTLCs: the key of a blinded path, and attribution data beside a failure and beside a preimage.
fn accompanied_calls(world: &World) -> Vec<LedgerCall> {
    let id = zarnitsa_channel::ids::HtlcId(6);
    let add = PeerMessage::UpdateAddHtlc(UpdateAddHtlc {
        id,
        amount: Msat::new(3_000_000),
        payment_hash: preimage(6).payment_hash(),
        cltv_expiry: 500,
    });
    let within_blinded_path = Attachment {
        onion: vec![4; 1_366],
        path_key: Some(world.b.party.keys.public().funding),
        ..Attachment::default()
    };
    let attributed = Attachment {
        attribution: (0..920_u16).map(|at| at.to_be_bytes()[1]).collect(),
        ..Attachment::default()
    };
    let failed = LocalCommand::FailHtlc {
        id,
        reason: vec![7; 292],
    };
    let fulfilled = LocalCommand::FulfillHtlc {
        id,
        preimage: preimage(6),
    };
    let calls = [
        (world.a.party.peer_command(add), within_blinded_path),
        (Command::Local(failed), attributed.clone()),
        (Command::Local(fulfilled), attributed),
    ];
    let call = |(command, beside)| {
        let mut call = world.a.call(command);
        if let LedgerCall::Command { attachment, .. } = &mut call {
            *attachment = beside;
        }
        call
    };
    calls.into_iter().map(call).collect()
}

/// What a peer says in one breath: two updates, and the commitment that has them.
fn joined_call(world: &World) -> LedgerCall {
    let fee = LocalCommand::UpdateFee {
        feerate_per_kw: 1_500,
    };
    let fail = LocalCommand::FailHtlc {
        id: zarnitsa_channel::ids::HtlcId(3),
        reason: vec![7; 292],
    };
    let commands = [fee, fail, LocalCommand::Commit];
    LedgerCall::Commands {
        channel_id: world.a.id(),
        step: world.a.next_step(),
        commands: commands
            .map(|command| (Command::Local(command), Attachment::default()))
            .into(),
    }
}

fn signature(world: &World) -> bitcoin::secp256k1::ecdsa::Signature {
    let params = world.a.party.channel.params();
    world.a.party.keys.sign_funding(params, &message())
}

fn message() -> bitcoin::secp256k1::Message {
    bitcoin::secp256k1::Message::from_digest([1; 32])
}

fn sat(sat: u64) -> bitcoin::Amount {
    bitcoin::Amount::from_sat(sat)
}

fn ask_step(world: &World, change: AskChange) -> LedgerCall {
    LedgerCall::AskStep(AskStep {
        peer: world.b.party.keys.public().funding,
        id: [6; 32],
        change,
    })
}

fn ask_calls(world: &World) -> Vec<LedgerCall> {
    vec![
        LedgerCall::AskChannel(AskChannelRequest {
            hub: world.b.party.keys.public().funding,
            address: "127.0.0.1:9735".to_owned(),
            amount_sat: sat(500_000),
            nonce: [7; 32],
        }),
        ask_step(
            world,
            AskChange::Received {
                amount_sat: sat(500_000),
                now: 1_700_000_000,
            },
        ),
        ask_step(
            world,
            AskChange::Refused {
                reason: "no coins".to_owned(),
            },
        ),
        LedgerCall::AskDecision(AskDecision {
            ask: exonum::crypto::Hash::new([8; 32]),
            approve: true,
            reason: String::new(),
            nonce: [9; 32],
        }),
        LedgerCall::OpenAsked(OpenAsked {
            asks: vec![exonum::crypto::Hash::new([8; 32])],
            nonce: [10; 32],
        }),
    ]
}

/// As the ledger has it.
fn asked(world: &World) -> Ask {
    Ask {
        peer: world.b.party.keys.public().funding,
        id: [6; 32],
        amount_sat: sat(500_000),
        status: AskStatus::Opened,
        reason: "a peer went away".to_owned(),
        received_at: 1_700_000_000,
        attempts: 1,
        batch: Some(exonum::crypto::Hash::new([8; 32])),
        channel_id: Some(world.a.id()),
        created_height: 4,
        updated_height: 9,
    }
}

fn htlc_ref(world: &World, offerer: Side) -> HtlcRef {
    HtlcRef {
        channel_id: world.a.id(),
        offerer,
        id: zarnitsa_channel::ids::HtlcId(7),
    }
}

/// An onion that the next node could not read.
fn returned() -> ReturnedFailure {
    ReturnedFailure::Malformed {
        sha256_of_onion: [5; 32],
        failure_code: 0xc005,
    }
}

/// A payment that passed through and came back.
fn forwarded(world: &World) -> Forward {
    Forward {
        incoming: htlc_ref(world, Side::Counterparty),
        outgoing: htlc_ref(world, Side::Holder),
        payment_hash: preimage(1).payment_hash(),
        incoming_msat: Msat::new(1_001_000),
        outgoing_msat: Msat::new(1_000_000),
        status: PaymentStatus::Failed,
        failure: Some(Failure {
            code: 0x1007,
            culprit: Some(world.b.party.keys.public().funding),
            reason: "temporary_channel_failure".to_owned(),
        }),
        created_height: 5,
        updated_height: 8,
    }
}

fn operator_calls(world: &World) -> Vec<LedgerCall> {
    let payment_hash = preimage(1).payment_hash();
    let invoice = |change| {
        LedgerCall::Invoice(InvoiceStep {
            payment_hash,
            change,
        })
    };
    vec![
        invoice(InvoiceChange::Cancelled { nonce: [1; 32] }),
        invoice(InvoiceChange::Expired { now: 1_700_003_600 }),
        LedgerCall::PaymentResult(PaymentResult {
            payment_hash,
            attempt: 2,
            failure: Failure {
                code: 0x400f,
                culprit: Some(world.b.party.keys.public().funding),
                reason: "incorrect_or_unknown_payment_details".to_owned(),
            },
        }),
        LedgerCall::Policy(Box::new(PolicyChange {
            policy: policy(),
            nonce: [2; 32],
        })),
        LedgerCall::OpenBatch(batch(world.b.party.keys.public().funding, 6)),
        LedgerCall::BatchSigned(BatchSigned {
            request: exonum::crypto::Hash::new([7; 32]),
            openings: vec![SignedOpening {
                channel_id: world.a.id(),
                step_number: 1,
                signature: signature(world),
            }],
        }),
        LedgerCall::ChannelPolicy(ChannelPolicyChange {
            channel_id: world.a.id(),
            policy: Some(channel_policy(world.a.id())),
            nonce: [5; 32],
        }),
        LedgerCall::CloseChannel(CloseChannelRequest {
            channel_id: world.a.id(),
            force: true,
            feerate_per_kw: 2_500,
            nonce: [3; 32],
        }),
        LedgerCall::RequestResult(RequestResult {
            request: exonum::crypto::Hash::new([4; 32]),
            status: RequestStatus::Done,
            channel_id: Some(world.a.id()),
            reason: String::new(),
        }),
    ]
}

fn transactions() -> Value {
    let mut world = world();
    let mut signed = world.a.node.log.clone();
    signed.extend(world.b.node.log.clone());
    let accompanied = accompanied_calls(&world);
    for call in other_calls(&mut world).into_iter().chain(accompanied) {
        signed.push(transaction(&world.a.node.node, call));
    }
    signed.push(transaction(&world.a.node.node, joined_call(&world)));
    for call in operator_calls(&world).into_iter().chain(ask_calls(&world)) {
        signed.push(transaction(&world.a.node.operator, call));
    }
    let mut seen = Vec::new();
    let mut vectors = Vec::new();
    for transaction in signed {
        let payload = transaction.payload();
        let method = payload.call_info.method_id;
        // Two of a kind are enough, and the kinds of a method differ in length.
        let kind = (method, payload.arguments.len());
        if seen.contains(&kind) {
            continue;
        }
        seen.push(kind);
        vectors.push(json!({
            "method_id": method,
            "method": METHODS[usize::try_from(method).unwrap()],
            "author": transaction.author(),
            "arguments": hex::encode(&payload.arguments),
            "signed": hex::encode(transaction.to_bytes()),
            "hash": transaction.object_hash(),
        }));
    }
    vectors.sort_by_key(|vector| vector["method_id"].as_u64());
    Value::Array(vectors)
}

fn record(name: &str, value: &(impl BinaryValue + exonum::merkledb::ObjectHash)) -> Value {
    json!({
        "type": name,
        "bytes": hex::encode(value.to_bytes()),
        "hash": value.object_hash(),
    })
}

fn records() -> Value {
    let world = world();
    let (a, b) = (world.a.node.snapshot(), world.b.node.snapshot());
    let id = world.a.id();
    let htlc = HtlcKey::new(&id, Side::Holder, zarnitsa_channel::ids::HtlcId(0));
    let payment = &read::payments(&*a, 0, 1)[0];
    let invoice = read::invoice(&*b, &payment.payment_hash).unwrap();
    let channel = read::channel_record(&*a, &id).unwrap();
    let request = read::request(&*a, &channel.request.unwrap()).unwrap();
    let genesis = Genesis {
        config: read::config(&*a).unwrap(),
        policy: read::policy(&*a).unwrap(),
    };
    json!([
        record("ChannelRecord", &channel),
        record("HistoryEntry", &read::history(&*a, &id, 4, 1)[0]),
        record("HtlcRecord", &read::htlc(&*a, &htlc).unwrap()),
        record("Payment", payment),
        record("Invoice", &invoice),
        record("Request", &request),
        record("Policy", &read::policy(&*a).unwrap()),
        record("Config", &read::config(&*a).unwrap()),
        record("Genesis", &genesis),
        record("Ask", &asked(&world)),
        record("Forward", &forwarded(&world)),
        record("ReturnedFailure", &returned()),
        record("HtlcRef", &htlc_ref(&world, Side::Holder)),
        record("ChannelPolicy", &channel_policy(id)),
        record("Event", &read::events(&*a, 0, 1)[0].1),
    ])
}

fn vectors() -> Value {
    let mut all = Map::new();
    all.insert(
        "about".to_owned(),
        "Made and checked by service/tests/ledger/vectors.rs. All bytes are hex.".into(),
    );
    all.insert(
        "instance_id".to_owned(),
        zarnitsa_service::INSTANCE_ID.into(),
    );
    all.insert("transactions".to_owned(), transactions());
    all.insert("records".to_owned(), records());
    Value::Object(all)
}

#[test]
fn vectors_are_what_this_program_makes() {
    let made = vectors();
    for (number, name) in METHODS.iter().enumerate() {
        let count = made["transactions"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|vector| vector["method_id"] == number)
            .count();
        assert!(count > 0, "no vector of {name}");
    }
    if std::env::var_os("ZARNITSA_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap() + "\n";
        std::fs::create_dir_all(path().parent().unwrap()).unwrap();
        std::fs::write(path(), text).unwrap();
    }
    let text = std::fs::read_to_string(path()).unwrap();
    let stored: Value = serde_json::from_str(&text).unwrap();
    assert!(
        stored == made,
        "the bytes of transactions or records have changed"
    );
}
