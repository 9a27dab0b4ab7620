//! Proofs, checked as the light client checks them: from the validator's key down to the stored bytes.

use exonum::crypto::{hash, Hash};
use exonum::merkledb::{BinaryValue as _, ObjectHash as _};
use serde_json::Value;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash};
use zarnitsa_channel::params::Side;
use zarnitsa_service::proofs::{self, ToTable};
use zarnitsa_service::read;
use zarnitsa_service::records::{
    ChannelRecord, HistoryEntry, HtlcKey, HtlcRecord, Invoice, Payment, Policy, Request,
};

use crate::node::Node;
use crate::world::{config, World};

/// The hash of the index, once the block's signature and the way to the index are checked.
fn table_hash(node: &Node, table: &ToTable, index: &str) -> Hash {
    let block_proof = &table.block_proof;
    assert_eq!(block_proof.precommits.len(), 1);
    let precommit = &block_proof.precommits[0];
    assert_eq!(precommit.author(), node.validator_key());
    assert_eq!(
        precommit.payload().block_hash,
        block_proof.block.object_hash()
    );
    let entries = table
        .to_table
        .check_against_hash(block_proof.block.state_hash)
        .unwrap();
    let (name, hash) = entries.entries().next().unwrap();
    assert_eq!(*name, format!("lightning.{index}"));
    *hash
}

#[test]
fn channel_present_and_absent_are_proven() {
    let mut world = World::normal(&config(), 1);
    world.pay(Side::Holder, 1_000_000);
    let (node, id, absent) = (&world.a.node, world.a.id(), ChannelId([7; 32]));
    let snapshot = node.snapshot();
    let proof = proofs::channels(&*snapshot, &[id, absent]).unwrap();
    let table = table_hash(node, &proof.table, "channels");
    let checked = proof.to_channel.check_against_hash(table).unwrap();
    let (key, value) = checked.entries().next().unwrap();
    assert_eq!(key.as_bytes(), id.0);
    let record = ChannelRecord::from_bytes(value.0.as_slice().into()).unwrap();
    assert_eq!(Some(record), read::channel_record(&*snapshot, &id));
    let missing: Vec<_> = checked.missing_keys().map(Hash::as_bytes).collect();
    assert_eq!(missing, [absent.0]);
    let alone = proofs::channel(&*snapshot, &absent).unwrap();
    let checked = alone.to_channel.check_against_hash(table).unwrap();
    assert_eq!(checked.missing_keys().count(), 1);
}

#[test]
fn history_range_is_proven_against_the_channels_record() {
    let mut world = World::normal(&config(), 2);
    world.pay(Side::Holder, 1_000_000);
    let snapshot = world.a.node.snapshot();
    let proof = proofs::history(&*snapshot, &world.a.id(), 4..7).unwrap();
    let table = table_hash(&world.a.node, &proof.table, "channels");
    let checked = proof.to_channel.check_against_hash(table).unwrap();
    let (_, value) = checked.entries().next().unwrap();
    let record = ChannelRecord::from_bytes(value.0.as_slice().into()).unwrap();
    let list = proof
        .history
        .check_against_hash(record.history_hash)
        .unwrap();
    assert_eq!(list.list_len(), record.history_len);
    let entries: Vec<_> = list
        .entries()
        .iter()
        .map(|(_, bytes)| HistoryEntry::from_bytes(bytes.0.as_slice().into()).unwrap())
        .collect();
    assert_eq!(entries, read::history(&*snapshot, &world.a.id(), 4, 3));
    // Beyond the end there is nothing, and that too is a proof.
    let beyond = proofs::history(&*snapshot, &world.a.id(), 1_000..2_000).unwrap();
    let list = beyond
        .history
        .check_against_hash(record.history_hash)
        .unwrap();
    assert!(list.entries().is_empty());
}

#[test]
fn payment_invoice_and_htlc_are_proven() {
    let mut world = World::normal(&config(), 3);
    let payment = world.pay(Side::Holder, 1_000_000);
    let (a, b) = (&world.a.node, &world.b.node);

    let proof = proofs::payment(&*a.snapshot(), &payment.payment_hash).unwrap();
    let table = table_hash(a, &proof.table, "payments");
    let checked = proof.to_payment.check_against_hash(table).unwrap();
    let (_, value) = checked.entries().next().unwrap();
    let proven = Payment::from_bytes(value.0.as_slice().into()).unwrap();
    assert_eq!(proven, payment);

    let proof = proofs::invoice(&*b.snapshot(), &payment.payment_hash).unwrap();
    let table = table_hash(b, &proof.table, "invoices");
    let checked = proof.to_invoice.check_against_hash(table).unwrap();
    let (_, value) = checked.entries().next().unwrap();
    let proven = Invoice::from_bytes(value.0.as_slice().into()).unwrap();
    assert_eq!(proven.preimage, payment.preimage);

    let key = HtlcKey::new(&world.a.id(), Side::Holder, HtlcId(0));
    let proof = proofs::htlc(&*a.snapshot(), &key).unwrap();
    let table = table_hash(a, &proof.table, "htlcs");
    let checked = proof.to_htlc.check_against_hash(table).unwrap();
    let (_, value) = checked.entries().next().unwrap();
    let proven = HtlcRecord::from_bytes(value.0.as_slice().into()).unwrap();
    assert_eq!(proven.reference().key(), key);

    let absent = proofs::payment(&*a.snapshot(), &PaymentHash([7; 32])).unwrap();
    let table = table_hash(a, &absent.table, "payments");
    let checked = absent.to_payment.check_against_hash(table).unwrap();
    assert_eq!(checked.missing_keys().count(), 1);
}

#[test]
fn policy_and_config_are_their_own_indexes() {
    let world = World::normal(&config(), 4);
    let node = &world.a.node;
    let policy = proofs::policy(&*node.snapshot()).unwrap();
    let bytes = policy.value.unwrap().0;
    assert_eq!(hash(&bytes), table_hash(node, &policy.table, "policy"));
    let value = Policy::from_bytes(bytes.into()).unwrap();
    assert_eq!(Some(value), read::policy(&*node.snapshot()));
    let config = proofs::config(&*node.snapshot()).unwrap();
    let bytes = config.value.unwrap().0;
    assert_eq!(hash(&bytes), table_hash(node, &config.table, "config"));
}

#[test]
fn order_that_an_event_names_is_proven() {
    let world = World::normal(&config(), 5);
    let node = &world.a.node;
    let events = read::events(&*node.snapshot(), 0, 2);
    let order = Hash::new(events[0].1.subject.unwrap());
    let proof = proofs::request(&*node.snapshot(), &order).unwrap();
    let table = table_hash(node, &proof.table, "requests");
    let checked = proof.to_request.check_against_hash(table).unwrap();
    let (_, value) = checked.entries().next().unwrap();
    let request = Request::from_bytes(value.0.as_slice().into()).unwrap();
    assert_eq!(Some(request), read::request(&*node.snapshot(), &order));
}

#[test]
fn json_has_the_names_and_the_hex_that_the_light_client_reads() {
    let world = World::normal(&config(), 6);
    let snapshot = world.a.node.snapshot();
    let proof = proofs::history(&*snapshot, &world.a.id(), 0..1).unwrap();
    let json = serde_json::to_value(&proof).unwrap();
    assert!(json["block_proof"]["block"]["state_hash"].is_string());
    assert!(json["block_proof"]["precommits"][0].is_string());
    assert_eq!(json["to_table"]["entries"][0]["key"], "lightning.channels");
    let entry = &json["to_channel"]["entries"][0];
    assert_eq!(entry["key"], hex::encode(world.a.id().0));
    let bytes = hex::decode(entry["value"].as_str().unwrap()).unwrap();
    assert!(ChannelRecord::from_bytes(bytes.into()).is_ok());
    assert!(matches!(json["history"]["entries"][0][1], Value::String(_)));
    assert_eq!(json["history"]["length"], 4);

    let key = HtlcKey::new(&world.a.id(), Side::Holder, HtlcId(0));
    let proof = proofs::htlc(&*snapshot, &key).unwrap();
    let json = serde_json::to_value(&proof).unwrap();
    let missing = &json["to_htlc"]["entries"][0]["missing"];
    assert_eq!(*missing, hex::encode(key.as_bytes()));
}
