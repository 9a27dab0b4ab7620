//! Onions: BOLT 4's vectors, and every step from the payer to the payee and back.

// A test that fails may panic, and its helpers too.
#![allow(clippy::unwrap_used, clippy::panic)]

use bitcoin::hashes::{sha256, Hash};
use bitcoin::secp256k1::{PublicKey, SecretKey};
use lightning::routing::router::{Path, RouteHop};
use lightning::sign::{KeysManager, NodeSigner, Recipient};
use lightning::types::features::{ChannelFeatures, NodeFeatures};
use lightning::types::payment::{PaymentHash, PaymentPreimage, PaymentSecret};
use lightning::util::ser::Writeable;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use serde::Deserialize;
use zarnitsa_peer::onion::{
    attribute, build, build_failure, direct_path, fail_htlc, onion_sha256, peel, read_attribution,
    read_failure, session_secrets, shared_secret, wrap_failure, Attribution, BuiltOnion, Failure,
    HtlcFailure, IncomingHtlc, Payee, Payment, Peeled, ReturnedFailure, ONION_LENGTH,
};

#[derive(Deserialize)]
struct Vector {
    generate: Generate,
    errorpacket: String,
}

#[derive(Deserialize)]
struct Generate {
    session_key: String,
    failure_message: String,
    hops: Vec<Hop>,
}

#[derive(Deserialize)]
struct Hop {
    pubkey: String,
    hop_shared_secret: String,
}

fn vector() -> Vector {
    serde_json::from_str(include_str!("vectors/onion-error-test.json")).unwrap()
}

#[test]
fn failure_of_the_specification_is_built_wrapped_and_read() {
    let vector = vector();
    let hops: Vec<PublicKey> = vector
        .generate
        .hops
        .iter()
        .map(|hop| hop.pubkey.parse().unwrap())
        .collect();
    let session_key: SecretKey = vector.generate.session_key.parse().unwrap();
    let secrets = session_secrets(&session_key, &hops).unwrap();
    for (secret, hop) in secrets.as_slice().iter().zip(&vector.generate.hops) {
        assert_eq!(hex::encode(secret), hop.hop_shared_secret);
    }

    let message = hex::decode(vector.generate.failure_message).unwrap();
    let failure = Failure::decode(&message).unwrap();
    assert_eq!(failure, Failure::TemporaryNodeFailure);
    let (last, others) = secrets.as_slice().split_last().unwrap();
    let mut packet = build_failure(last, &failure);
    for secret in others.iter().rev() {
        wrap_failure(secret, &mut packet);
    }
    assert_eq!(hex::encode(&packet), vector.errorpacket);

    let read = read_failure(&secrets, &packet);
    let expected = ReturnedFailure {
        hop: 4,
        failure: Some(failure),
    };
    assert_eq!(read, Some(expected));
}

#[derive(Deserialize)]
struct Attributions {
    failure: Vec<Failed>,
    fulfillment: Vec<String>,
}

#[derive(Deserialize)]
struct Failed {
    reason: String,
    attribution_data: String,
}

/// The secrets of the specification's example.
fn example() -> zarnitsa_peer::onion::SharedSecrets {
    let generate = vector().generate;
    let hops: Vec<PublicKey> = generate
        .hops
        .iter()
        .map(|hop| hop.pubkey.parse().unwrap())
        .collect();
    session_secrets(&generate.session_key.parse().unwrap(), &hops).unwrap()
}

fn attributions() -> Attributions {
    serde_json::from_str(include_str!("vectors/attribution-data.json")).unwrap()
}

#[test]
fn attribution_data_of_the_specification_is_built_and_read() {
    let (secrets, expected) = (example(), attributions());
    let mut data: Option<Attribution> = None;
    for (step, failed) in expected.failure.iter().enumerate() {
        let held = u32::try_from(step + 1).unwrap();
        let reason = hex::decode(&failed.reason).unwrap();
        let made = attribute(&secrets.as_slice()[4 - step], data.as_ref(), &reason, held);
        assert_eq!(hex::encode(made.as_bytes()), failed.attribution_data);
        data = Some(made);
    }
    let packet = hex::decode(&expected.failure[4].reason).unwrap();
    assert_eq!(read_failure(&secrets, &packet).unwrap().hop, 4);
    let read = read_attribution(&secrets, &packet, &data.unwrap(), 4);
    assert_eq!((read.held, read.broken), (vec![5, 4, 3, 2, 1], None));

    // Where nothing failed there is no message.
    let mut data: Option<Attribution> = None;
    for (step, expected) in expected.fulfillment.iter().enumerate() {
        let held = u32::try_from(step + 1).unwrap();
        let made = attribute(&secrets.as_slice()[4 - step], data.as_ref(), &[], held);
        assert_eq!(hex::encode(made.as_bytes()), *expected);
        data = Some(made);
    }
}

#[test]
fn failure_damaged_by_a_node_is_attributed_to_it_or_the_next() {
    let secrets = example();
    let each = |damage: &dyn Fn(usize, &mut Vec<u8>, &mut Attribution)| {
        let failure = Failure::IncorrectOrUnknownPaymentDetails {
            htlc_msat: 1,
            height: 2,
        };
        let mut packet = build_failure(&secrets.as_slice()[4], &failure);
        let mut data = attribute(&secrets.as_slice()[4], None, &packet, 0);
        damage(4, &mut packet, &mut data);
        for node in (0..4).rev() {
            let secret = &secrets.as_slice()[node];
            wrap_failure(secret, &mut packet);
            data = attribute(secret, Some(&data), &packet, 7);
            damage(node, &mut packet, &mut data);
        }
        let found = read_failure(&secrets, &packet);
        read_attribution(&secrets, &packet, &data, found.map_or(4, |found| found.hop))
    };
    assert_eq!(each(&|_, _, _| {}).held, [7, 7, 7, 7, 0]);
    for liar in 0..5 {
        let reason = each(&|node, packet, _| {
            if node == liar {
                packet[100] ^= 1;
            }
        });
        assert_eq!((reason.broken, reason.held.len()), (Some(liar), liar));
        for position in [0, 3, 4, 90, 400, 919] {
            let times = each(&|node, _, data| {
                if node == liar {
                    let mut bytes = data.as_bytes().to_vec();
                    bytes[position] ^= 1;
                    *data = Attribution::from_bytes(&bytes).unwrap();
                }
            });
            // What nobody reads may be anything.
            assert!(times.broken.is_none_or(|node| node >= liar), "{times:?}");
        }
    }
    assert!(Attribution::from_bytes(&[0; 919]).is_none());
}

#[test]
fn failure_damaged_on_its_way_is_nobodys() {
    let hops: Vec<PublicKey> = (1..=3).map(|n| node_id(&node(n))).collect();
    let secrets = session_secrets(&secret(9), &hops).unwrap();
    let mut packet = build_failure(&secrets.as_slice()[1], &Failure::MppTimeout);
    wrap_failure(&secrets.as_slice()[0], &mut packet);
    assert_eq!(read_failure(&secrets, &packet).unwrap().hop, 1);
    for position in 0..packet.len() {
        let mut damaged = packet.clone();
        damaged[position] ^= 1;
        assert_eq!(read_failure(&secrets, &damaged), None);
    }
    for length in 0..packet.len() {
        assert_eq!(read_failure(&secrets, &packet[..length]), None);
    }
    assert_eq!(read_failure(&secrets, &vec![0; 70_000]), None);
}

fn node(number: u8) -> KeysManager {
    KeysManager::new(&[number; 32], 0, 0, false)
}

fn node_id(node: &KeysManager) -> PublicKey {
    node.get_node_id(Recipient::Node).unwrap()
}

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

const PREIMAGE: PaymentPreimage = PaymentPreimage([3; 32]);
const HEIGHT: u32 = 700;

fn payment_hash() -> PaymentHash {
    PaymentHash(sha256::Hash::hash(&PREIMAGE.0).to_byte_array())
}

fn invoice() -> Payee {
    Payee::Invoice {
        payment_secret: PaymentSecret([8; 32]),
        payment_metadata: Some(vec![1, 2]),
    }
}

fn built(path: &Path, total_msat: u64, payee: Payee) -> BuiltOnion {
    let payment = Payment {
        path,
        total_msat,
        payment_hash: payment_hash(),
        payee,
        block_height: HEIGHT,
    };
    build(&secret(7), &payment).unwrap()
}

fn bytes(packet: &lightning::ln::msgs::OnionPacket) -> [u8; ONION_LENGTH] {
    packet.encode().try_into().unwrap()
}

fn incoming<'a>(onion: &'a [u8; ONION_LENGTH], built: &BuiltOnion) -> IncomingHtlc<'a> {
    IncomingHtlc {
        onion,
        amount_msat: built.amount_msat,
        payment_hash: payment_hash(),
        cltv_expiry: built.cltv_expiry,
        path_key: None,
        block_height: HEIGHT,
    }
}

#[test]
fn direct_payment_is_received() {
    let payee = node(1);
    let path = direct_path(node_id(&payee), 42, 5_000, 144);
    let built = built(&path, 9_000, invoice());
    assert_eq!(
        (built.amount_msat, built.cltv_expiry),
        (5_000, HEIGHT + 1 + 144)
    );
    let onion = bytes(&built.packet);
    let Peeled::Receive {
        amount_msat: 5_000,
        total_msat: 9_000,
        payment_secret: Some(PaymentSecret([8, ..])),
        cltv_expiry: 845,
        keysend_preimage: None,
        payment_metadata: Some(metadata),
        context: None,
    } = peel(&payee, &incoming(&onion, &built))
    else {
        panic!("not received");
    };
    assert_eq!(metadata, [1, 2]);
    assert_eq!(
        shared_secret(&payee, &onion).unwrap(),
        session_secrets(&secret(7), &[node_id(&payee)])
            .unwrap()
            .as_slice()[0]
    );
}

#[test]
fn keysend_is_received_only_with_the_preimage_of_its_hash() {
    let payee = node(1);
    let path = direct_path(node_id(&payee), 42, 5_000, 144);
    let right = built(&path, 5_000, Payee::Keysend { preimage: PREIMAGE });
    let onion = bytes(&right.packet);
    assert!(matches!(
        peel(&payee, &incoming(&onion, &right)),
        Peeled::Receive {
            keysend_preimage: Some(PREIMAGE),
            payment_secret: None,
            ..
        }
    ));
    let preimage = PaymentPreimage([4; 32]);
    let wrong = built(&path, 5_000, Payee::Keysend { preimage });
    let onion = bytes(&wrong.packet);
    assert!(matches!(
        peel(&payee, &incoming(&onion, &wrong)),
        Peeled::Fail(Failure::IncorrectOrUnknownPaymentDetails { .. })
    ));
}

/// Over `hub` to `payee`, with a fee of 10 msat and a delta of 80 blocks for the hub.
fn two_hops(hub: &KeysManager, payee: &KeysManager) -> Path {
    let hop = |node, short_channel_id, fee_msat, cltv_expiry_delta| RouteHop {
        pubkey: node_id(node),
        node_features: NodeFeatures::empty(),
        short_channel_id,
        channel_features: ChannelFeatures::empty(),
        fee_msat,
        cltv_expiry_delta,
        maybe_announced_channel: true,
    };
    Path {
        hops: vec![hop(hub, 1, 10, 80), hop(payee, 2, 5_000, 144)],
        blinded_tail: None,
    }
}

#[test]
fn forwarded_payment_reaches_the_payee_and_its_failure_the_payer() {
    let (hub, payee) = (node(1), node(2));
    let built = built(&two_hops(&hub, &payee), 5_000, invoice());
    assert_eq!(built.amount_msat, 5_010);
    let onion = bytes(&built.packet);
    let Peeled::Forward {
        short_channel_id: 2,
        amount_msat,
        cltv_expiry,
        packet,
        path_key: None,
    } = peel(&hub, &incoming(&onion, &built))
    else {
        panic!("not forwarded");
    };
    assert_eq!((amount_msat, cltv_expiry), (5_000, built.cltv_expiry - 80));
    let inner = bytes(&packet);
    let at_payee = IncomingHtlc {
        onion: &inner,
        amount_msat,
        cltv_expiry,
        ..incoming(&inner, &built)
    };
    assert!(matches!(peel(&payee, &at_payee), Peeled::Receive { .. }));

    let failure = Failure::IncorrectOrUnknownPaymentDetails {
        htlc_msat: 5_000,
        height: HEIGHT,
    };
    let HtlcFailure::Onion { mut reason } = fail_htlc(&payee, &inner, None, &failure) else {
        panic!("malformed");
    };
    wrap_failure(&shared_secret(&hub, &onion).unwrap(), &mut reason);
    let hops = [node_id(&hub), node_id(&payee)];
    let secrets = session_secrets(&secret(7), &hops).unwrap();
    let read = read_failure(&secrets, &reason).unwrap();
    assert_eq!((read.hop, read.failure), (1, Some(failure)));
}

#[test]
fn htlc_that_does_not_keep_what_the_onion_says_fails() {
    let payee = node(1);
    let path = direct_path(node_id(&payee), 42, 5_000, 144);
    let built = built(&path, 5_000, invoice());
    let onion = bytes(&built.packet);
    let good = incoming(&onion, &built);
    let fails = |htlc: IncomingHtlc<'_>| match peel(&payee, &htlc) {
        Peeled::Fail(failure) => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        fails(IncomingHtlc {
            amount_msat: 4_999,
            ..good.clone()
        }),
        Failure::FinalIncorrectHtlcAmount {
            incoming_htlc_msat: 4_999
        }
    );
    assert_eq!(
        fails(IncomingHtlc {
            cltv_expiry: built.cltv_expiry - 1,
            ..good.clone()
        }),
        Failure::FinalIncorrectCltvExpiry {
            cltv_expiry: built.cltv_expiry - 1
        }
    );
    let late = HEIGHT + 140;
    assert_eq!(
        fails(IncomingHtlc {
            block_height: late,
            ..good.clone()
        }),
        Failure::IncorrectOrUnknownPaymentDetails {
            htlc_msat: 5_000,
            height: late
        }
    );
    assert!(matches!(
        fails(IncomingHtlc {
            payment_hash: PaymentHash([0; 32]),
            ..good
        }),
        Failure::InvalidOnionHmac { .. }
    ));
}

#[test]
fn onion_for_another_node_or_damaged_is_malformed() {
    let payee = node(1);
    let path = direct_path(node_id(&payee), 42, 5_000, 144);
    let built = built(&path, 5_000, invoice());
    let onion = bytes(&built.packet);
    for (position, code) in [(0, 0xc004), (1, 0xc006), (40, 0xc005), (1_365, 0xc005)] {
        let mut damaged = onion;
        damaged[position] ^= 0x40;
        let Peeled::Fail(failure) = peel(&payee, &incoming(&damaged, &built)) else {
            panic!("byte {position} was taken");
        };
        assert_eq!(failure.code().0, code, "byte {position}");
        assert_eq!(
            fail_htlc(&payee, &damaged, None, &failure),
            HtlcFailure::Malformed {
                sha256_of_onion: onion_sha256(&damaged),
                failure_code: code
            }
        );
    }
    let stranger = peel(&node(2), &incoming(&onion, &built));
    assert!(matches!(
        stranger,
        Peeled::Fail(Failure::InvalidOnionHmac { .. })
    ));
}

#[test]
fn random_onions_and_failures_are_refused_without_a_panic() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let payee = node(1);
    let path = direct_path(node_id(&payee), 42, 5_000, 144);
    let built = built(&path, 5_000, invoice());
    let good = bytes(&built.packet);
    let secrets = session_secrets(&secret(7), &[node_id(&payee)]).unwrap();
    for round in 0..300 {
        let mut onion = good;
        if round % 2 == 0 {
            random.fill_bytes(&mut onion);
        } else {
            let position = random.gen_range(0..ONION_LENGTH);
            onion[position] ^= random.gen_range(1..=255);
        }
        assert!(matches!(
            peel(&payee, &incoming(&onion, &built)),
            Peeled::Fail(_)
        ));
        let mut packet = vec![0; random.gen_range(0..2_000)];
        random.fill_bytes(&mut packet);
        assert_eq!(read_failure(&secrets, &packet), None);
        let _ = Failure::decode(&packet);
    }
}

#[test]
fn route_without_hops_or_too_long_is_refused() {
    let payee = node(1);
    let hop = direct_path(node_id(&payee), 42, 5_000, 144).hops.remove(0);
    for count in [0, 60] {
        let path = Path {
            hops: vec![hop.clone(); count],
            blinded_tail: None,
        };
        let payment = Payment {
            path: &path,
            total_msat: 5_000,
            payment_hash: payment_hash(),
            payee: invoice(),
            block_height: HEIGHT,
        };
        assert!(build(&secret(7), &payment).is_err(), "{count} hops");
    }
}
