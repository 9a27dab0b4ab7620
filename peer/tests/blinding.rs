//! Route blinding (BOLT 4): a payment by a path that its payee has made, with LDK's keys at every node.

// A test that fails may panic, and its helpers too.
#![allow(clippy::unwrap_used, clippy::panic)]

use bitcoin::hashes::{sha256, Hash};
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use lightning::blinded_path::payment::{
    BlindedPaymentPath, Bolt12RefundContext, ForwardTlvs, PaymentConstraints, PaymentContext,
    PaymentForwardNode, PaymentRelay, UnauthenticatedReceiveTlvs,
};
use lightning::offers::nonce::Nonce;
use lightning::routing::router::{BlindedTail, Path, RouteHop};
use lightning::sign::{KeysManager, NodeSigner, Recipient};
use lightning::types::features::{BlindedHopFeatures, ChannelFeatures, NodeFeatures};
use lightning::types::payment::{PaymentHash, PaymentPreimage, PaymentSecret};
use lightning::util::ser::Writeable;
use zarnitsa_peer::onion::{
    build, fail_htlc, onion_sha256, peel, read_failure, session_secrets, BuiltOnion, Failure,
    HtlcFailure, IncomingHtlc, Payee, Payment, Peeled, ONION_LENGTH,
};

const HEIGHT: u32 = 700;
const SECRET: PaymentSecret = PaymentSecret([8; 32]);
const PAID_MSAT: u64 = 1_000_000;
const BASE_MSAT: u32 = 1_000;
const DELTA: u16 = 80;

fn node(seed: u8) -> KeysManager {
    KeysManager::new(&[seed; 32], 1, 2, true)
}

fn id(node: &KeysManager) -> PublicKey {
    node.get_node_id(Recipient::Node).unwrap()
}

fn payment_hash() -> PaymentHash {
    let preimage = PaymentPreimage([3; 32]);
    PaymentHash(sha256::Hash::hash(&preimage.0).to_byte_array())
}

fn session_key() -> SecretKey {
    SecretKey::from_slice(&[7; 32]).unwrap()
}

/// The path that `nodes` but the last forward by, with channel 1, 2 and so on, and that ends at the last.
fn path_of(nodes: &[&KeysManager]) -> BlindedPaymentPath {
    let (payee, before) = nodes.split_last().unwrap();
    let constraints = |max_cltv_expiry| PaymentConstraints {
        max_cltv_expiry,
        htlc_minimum_msat: 1_000,
    };
    let forwards: Vec<PaymentForwardNode> = before
        .iter()
        .zip(1..)
        .map(|(node, short_channel_id)| PaymentForwardNode {
            tlvs: ForwardTlvs {
                short_channel_id,
                payment_relay: PaymentRelay {
                    cltv_expiry_delta: DELTA,
                    fee_proportional_millionths: 0,
                    fee_base_msat: BASE_MSAT,
                },
                payment_constraints: constraints(HEIGHT + 1_000),
                features: BlindedHopFeatures::empty(),
                next_blinding_override: None,
            },
            node_id: id(node),
            htlc_maximum_msat: u64::MAX,
        })
        .collect();
    let tlvs = UnauthenticatedReceiveTlvs {
        payment_secret: SECRET,
        payment_constraints: constraints(HEIGHT + 900),
        payment_context: PaymentContext::Bolt12Refund(Bolt12RefundContext {}),
    };
    let nonce = Nonce::from_entropy_source(*payee);
    let tlvs = tlvs.authenticate(nonce, &payee.get_expanded_key());
    let secp = Secp256k1::new();
    BlindedPaymentPath::new(&forwards, id(payee), tlvs, u64::MAX, 60, *payee, &secp).unwrap()
}

/// The payer knows the introduction node, and of what is behind it only what the path says.
fn pay(introduction: &KeysManager, path: &BlindedPaymentPath) -> BuiltOnion {
    let hop = RouteHop {
        pubkey: id(introduction),
        node_features: NodeFeatures::empty(),
        short_channel_id: 9,
        channel_features: ChannelFeatures::empty(),
        fee_msat: path.payinfo.fee_base_msat.into(),
        cltv_expiry_delta: path.payinfo.cltv_expiry_delta.into(),
        maybe_announced_channel: true,
    };
    let tail = BlindedTail {
        trampoline_hops: Vec::new(),
        hops: path.blinded_hops().to_vec(),
        blinding_point: path.blinding_point(),
        excess_final_cltv_expiry_delta: 0,
        final_value_msat: PAID_MSAT,
    };
    let path = Path {
        hops: vec![hop],
        blinded_tail: Some(tail),
    };
    let payment = Payment {
        path: &path,
        total_msat: PAID_MSAT,
        payment_hash: payment_hash(),
        payee: Payee::Blinded,
        block_height: HEIGHT,
    };
    build(&session_key(), &payment).unwrap()
}

fn bytes(packet: &lightning::ln::msgs::OnionPacket) -> [u8; ONION_LENGTH] {
    packet.encode().try_into().unwrap()
}

fn htlc(onion: &[u8; ONION_LENGTH], amount_msat: u64, cltv_expiry: u32) -> IncomingHtlc<'_> {
    IncomingHtlc {
        onion,
        amount_msat,
        payment_hash: payment_hash(),
        cltv_expiry,
        path_key: None,
        block_height: HEIGHT,
    }
}

#[test]
fn payment_by_a_blinded_path_is_forwarded_on_its_terms_and_received() {
    let (first, second, payee) = (node(1), node(2), node(3));
    let path = path_of(&[&first, &second, &payee]);
    let built = pay(&first, &path);
    assert_eq!(built.amount_msat, PAID_MSAT + 2 * u64::from(BASE_MSAT));
    let mut onion = bytes(&built.packet);
    let (mut amount, mut expiry, mut key) = (built.amount_msat, built.cltv_expiry, None);
    for (hub, channel) in [(&first, 1), (&second, 2)] {
        let incoming = IncomingHtlc {
            path_key: key,
            ..htlc(&onion, amount, expiry)
        };
        let Peeled::Forward {
            short_channel_id,
            amount_msat,
            cltv_expiry,
            packet,
            path_key: Some(next),
        } = peel(hub, &incoming)
        else {
            panic!("not forwarded by {channel}");
        };
        assert_eq!(short_channel_id, channel);
        assert_eq!(amount_msat, amount - u64::from(BASE_MSAT));
        assert_eq!(cltv_expiry, expiry - u32::from(DELTA));
        (onion, amount, expiry, key) = (bytes(&packet), amount_msat, cltv_expiry, Some(next));
    }
    let incoming = IncomingHtlc {
        path_key: key,
        ..htlc(&onion, amount, expiry)
    };
    let Peeled::Receive {
        amount_msat: PAID_MSAT,
        total_msat: PAID_MSAT,
        payment_secret: Some(SECRET),
        context: Some(context),
        ..
    } = peel(&payee, &incoming)
    else {
        panic!("not received");
    };
    assert!(matches!(*context, PaymentContext::Bolt12Refund(_)));
    // Without the key beside it the onion says nothing.
    let bare = htlc(&onion, amount, expiry);
    assert!(matches!(peel(&payee, &bare), Peeled::Fail(_)));
}

#[test]
fn payment_that_breaks_a_blinded_path_s_terms_fails_without_a_reason() {
    let (hub, payee) = (node(1), node(3));
    let built = pay(&hub, &path_of(&[&hub, &payee]));
    let onion = bytes(&built.packet);
    let fails = |node: &KeysManager, htlc: &IncomingHtlc<'_>| match peel(node, htlc) {
        Peeled::Fail(failure) => failure,
        other => panic!("{other:?}"),
    };
    // At the introduction node: below the least amount, and later than the path may be used.
    let blinding = Failure::InvalidOnionBlinding {
        sha256_of_onion: onion_sha256(&onion),
    };
    for wrong in [
        htlc(&onion, 999, built.cltv_expiry),
        htlc(&onion, built.amount_msat, HEIGHT + 1_081),
    ] {
        assert_eq!(fails(&hub, &wrong), blinding);
    }
    // It says so to the payer, who reads whose failure it is.
    let said = fail_htlc(&hub, &onion, None, &blinding);
    let HtlcFailure::Onion { reason } = said else {
        panic!("{said:?}");
    };
    let secrets = session_secrets(&session_key(), &[id(&hub)]).unwrap();
    let read = read_failure(&secrets, &reason).unwrap();
    assert_eq!((read.hop, read.failure), (0, Some(blinding)));

    // Behind it nobody says more, whatever fails.
    let Peeled::Forward {
        packet,
        path_key: Some(key),
        amount_msat,
        cltv_expiry,
        ..
    } = peel(&hub, &htlc(&onion, built.amount_msat, built.cltv_expiry))
    else {
        panic!("not forwarded");
    };
    let inner = bytes(&packet);
    let good = IncomingHtlc {
        path_key: Some(key),
        ..htlc(&inner, amount_msat, cltv_expiry)
    };
    let late = IncomingHtlc {
        block_height: cltv_expiry,
        ..good.clone()
    };
    let little = IncomingHtlc {
        amount_msat: amount_msat - 1,
        ..good
    };
    let malformed = HtlcFailure::Malformed {
        sha256_of_onion: onion_sha256(&inner),
        failure_code: 0xc018,
    };
    for wrong in [late, little] {
        let failure = fails(&payee, &wrong);
        assert_eq!(failure.code().0, 0xc018);
        assert_eq!(fail_htlc(&payee, &inner, Some(&key), &failure), malformed);
    }
    let unknown = Failure::IncorrectOrUnknownPaymentDetails {
        htlc_msat: amount_msat,
        height: HEIGHT,
    };
    assert_eq!(fail_htlc(&payee, &inner, Some(&key), &unknown), malformed);
}
