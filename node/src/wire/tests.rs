//! Messages against the bytes that BOLT 2 has for them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the failure"
)]

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use lightning::ln::msgs::{CommitmentUpdate, MessageSendEvent, UpdateFulfillHTLC};
use lightning::util::ser::{LengthReadable, Writeable};
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentPreimage};
use zarnitsa_channel::message::PeerMessage;

use super::{ChannelMessage, Complete, UpdateBundle};

const PREIMAGE: [u8; 32] = [3; 32];

fn fulfilled(attribution: &[u8]) -> CommitmentUpdate {
    let key = SecretKey::from_slice(&[1; 32]).unwrap();
    let mut bundle = UpdateBundle::new(Complete {
        node_id: PublicKey::from_secret_key(&Secp256k1::new(), &key),
        channel_id: ChannelId([2; 32]),
    });
    bundle.fulfill(HtlcId(7), PREIMAGE, attribution).unwrap();
    let signature = Signature::from_compact(&[1; 64]).unwrap();
    match bundle.commit(signature, Vec::new()) {
        MessageSendEvent::UpdateHTLCs { updates, .. } => updates,
        other => panic!("{other:?}"),
    }
}

/// channel_id, id and preimage, and then what is optional.
fn wire(tail: &[u8]) -> Vec<u8> {
    let id = [0, 0, 0, 0, 0, 0, 0, 7];
    [&[2; 32][..], &id, &PREIMAGE, tail].concat()
}

fn tail(attribution: &[u8]) -> Vec<u8> {
    // Type 1, and 920 as a BigSize.
    [&[1, 0xfd, 0x03, 0x98], attribution].concat()
}

fn attribution() -> Vec<u8> {
    (0..920_u16).map(|at| at.to_be_bytes()[1]).collect()
}

#[test]
fn update_fulfill_htlc_carries_its_attribution_data_there_and_back() {
    let data = attribution();
    let updates = fulfilled(&data);
    let [message] = &updates.update_fulfill_htlcs[..] else {
        panic!("{updates:?}");
    };
    assert_eq!(message.encode(), wire(&tail(&data)));
    let taken = ChannelMessage::from(message);
    assert_eq!(taken.attribution, data);
    let expected = PeerMessage::UpdateFulfillHtlc {
        id: HtlcId(7),
        preimage: PaymentPreimage(PREIMAGE),
    };
    assert_eq!(taken.message, expected);
}

#[test]
fn update_fulfill_htlc_without_attribution_data_has_no_tlv() {
    let updates = fulfilled(&[]);
    assert_eq!(updates.update_fulfill_htlcs[0].encode(), wire(&[]));
    let message = UpdateFulfillHTLC::read_from_fixed_length_buffer(&mut &wire(&[])[..]).unwrap();
    assert!(ChannelMessage::from(&message).attribution.is_empty());
}
