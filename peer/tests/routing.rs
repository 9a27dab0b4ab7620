//! Routes over a small network, and what failures teach. Tests are named `state_input_condition`.

// Clippy sees a test only in a #[test] function; the functions that tests share are tests as well.
#![allow(clippy::unwrap_used, clippy::panic)]

use bitcoin::constants::ChainHash;
use bitcoin::hashes::{sha256d, Hash};
use bitcoin::secp256k1::{Message, PublicKey, Secp256k1, SecretKey};
use bitcoin::Network;
use lightning::ln::msgs::{ChannelUpdate, UnsignedChannelUpdate};
use lightning::routing::gossip::NodeId;
use lightning::routing::router::{Path, RouteHint, RouteHintHop};
use lightning::types::features::ChannelFeatures;
use lightning::types::routing::RoutingFees;
use lightning::util::ser::Writeable;
use zarnitsa_peer::onion::Failure;
use zarnitsa_peer::routing::{arrivals, FirstHop, NextTry, Returned, RouteRequest, Router};

const US: u8 = 1;
const A: u8 = 2;
const B: u8 = 3;
const PAYEE: u8 = 4;

/// Of our own channels with A and B, and of theirs with the payee.
const OURS_A: u64 = 11 << 40;
const OURS_B: u64 = 12 << 40;
const A_PAYEE: u64 = 13 << 40;
const B_PAYEE: u64 = 14 << 40;

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

fn key(byte: u8) -> PublicKey {
    secret(byte).public_key(&Secp256k1::new())
}

fn now() -> u32 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    u32::try_from(since.as_secs()).unwrap()
}

/// `from` forwards to `to` for `base_msat` and 40 blocks.
fn update(short_channel_id: u64, from: u8, to: u8, base_msat: u32) -> UnsignedChannelUpdate {
    let (a, b) = (
        NodeId::from_pubkey(&key(from)),
        NodeId::from_pubkey(&key(to)),
    );
    UnsignedChannelUpdate {
        chain_hash: ChainHash::REGTEST,
        short_channel_id,
        timestamp: now() - 100,
        message_flags: 1,
        channel_flags: u8::from(a > b), // BOLT 7: direction 0 is from the lesser node id
        cltv_expiry_delta: 40,
        htlc_minimum_msat: 1,
        htlc_maximum_msat: 900_000_000,
        fee_base_msat: base_msat,
        fee_proportional_millionths: 0,
        excess_data: Vec::new(),
    }
}

fn signed(contents: UnsignedChannelUpdate, by: u8) -> ChannelUpdate {
    let digest = sha256d::Hash::hash(&contents.encode()).to_byte_array();
    ChannelUpdate {
        signature: Secp256k1::new().sign_ecdsa(&Message::from_digest(digest), &secret(by)),
        contents,
    }
}

/// Two ways to the payee: over A for 1,000 msat, over B for 5,000.
fn router(folder: &std::path::Path) -> Router {
    let router = Router::open(key(US), Network::Regtest, folder);
    let graph = router.graph();
    for (id, from, base) in [(A_PAYEE, A, 1_000), (B_PAYEE, B, 5_000)] {
        let (one, two) = (
            NodeId::from_pubkey(&key(from)),
            NodeId::from_pubkey(&key(PAYEE)),
        );
        let (one, two) = if one < two { (one, two) } else { (two, one) };
        graph
            .add_channel_from_partial_announcement(
                id,
                Some(1_000_000),
                u64::from(now()),
                ChannelFeatures::empty(),
                one,
                two,
            )
            .unwrap();
        // A channel counts only once both its ends have told their terms.
        for update in [update(id, from, PAYEE, base), update(id, PAYEE, from, 0)] {
            graph.update_channel_unsigned(&update).unwrap();
        }
    }
    router
}

fn first_hops(spendable_msat: u64) -> Vec<FirstHop> {
    let hop = |peer, short_channel_id| FirstHop {
        peer: key(peer),
        short_channel_id,
        alias: None,
        announced: false,
        capacity_sat: 1_000_000,
        spendable_msat,
        minimum_msat: 1,
    };
    vec![hop(A, OURS_A), hop(B, OURS_B)]
}

fn request(amount_msat: u64, max_fee_msat: u64) -> RouteRequest {
    RouteRequest::for_keysend(key(PAYEE), amount_msat, max_fee_msat)
}

fn channels(path: &Path) -> Vec<u64> {
    path.hops.iter().map(|hop| hop.short_channel_id).collect()
}

fn one_path(router: &Router, request: &RouteRequest) -> Path {
    let mut paths = router.find(request, &first_hops(500_000_000)).unwrap();
    assert_eq!(paths.len(), 1);
    paths.remove(0)
}

#[test]
fn find_takes_the_cheaper_way_and_says_what_arrives_where() {
    let folder = tempfile::tempdir().unwrap();
    let router = router(folder.path());
    let path = one_path(&router, &request(50_000_000, 10_000));
    assert_eq!(channels(&path), [OURS_A, A_PAYEE]);
    let arrivals = arrivals(&path, 700).unwrap();
    assert_eq!(arrivals[0].node_id, key(A));
    assert_eq!(arrivals[0].amount_msat, 50_001_000);
    assert_eq!(arrivals[1].node_id, key(PAYEE));
    assert_eq!(arrivals[1].amount_msat, 50_000_000);
    assert_eq!(arrivals[0].cltv_expiry, arrivals[1].cltv_expiry + 40);
    assert!(arrivals[1].cltv_expiry > 700);
}

/// An invoice of A's that hints at our own channel with it by our alias.
fn invoice_of_a(alias: u64) -> lightning::bolt11_invoice::Bolt11Invoice {
    let payee = secret(A);
    lightning::bolt11_invoice::InvoiceBuilder::new(lightning::bolt11_invoice::Currency::Regtest)
        .description(String::new())
        .payment_hash(bitcoin::hashes::sha256::Hash::hash(&[1]))
        .payment_secret(lightning::types::payment::PaymentSecret([2; 32]))
        .duration_since_epoch(std::time::Duration::from_secs(u64::from(now())))
        .min_final_cltv_expiry_delta(80)
        .private_route(RouteHint(vec![RouteHintHop {
            src_node_id: key(US),
            short_channel_id: alias,
            fees: RoutingFees {
                base_msat: 0,
                proportional_millionths: 0,
            },
            cltv_expiry_delta: 40,
            htlc_minimum_msat: None,
            htlc_maximum_msat: None,
        }]))
        .build_signed(|digest| Secp256k1::new().sign_ecdsa_recoverable(digest, &payee))
        .unwrap()
}

const ALIAS: u64 = 0xff00_0000_0000_0007;

#[test]
fn find_takes_our_own_channel_where_the_peer_hints_at_it_by_our_alias() {
    let folder = tempfile::tempdir().unwrap();
    let router = router(folder.path());
    let hop = FirstHop {
        alias: Some(ALIAS),
        ..first_hops(500_000_000)[0]
    };
    let request = RouteRequest::for_invoice(&invoice_of_a(ALIAS), 5_000, 0);
    let paths = router.find(&request, &[hop]).unwrap();
    assert_eq!(channels(&paths[0]), [OURS_A]);
}

#[test]
fn find_leaves_our_empty_channel_where_the_peer_hints_at_it_and_has_another() {
    let folder = tempfile::tempdir().unwrap();
    let router = router(folder.path());
    let full = first_hops(500_000_000)[0];
    let empty = FirstHop {
        short_channel_id: OURS_A + 1,
        alias: Some(ALIAS),
        spendable_msat: 0,
        ..full
    };
    let request = RouteRequest::for_invoice(&invoice_of_a(ALIAS), 5_000, 0);
    let paths = router.find(&request, &[empty, full]).unwrap();
    assert_eq!(channels(&paths[0]), [OURS_A]);
}

#[test]
fn find_respects_the_fee_limit_the_channels_and_what_they_can_carry() {
    let folder = tempfile::tempdir().unwrap();
    let router = router(folder.path());
    let find = |request, hops: &[FirstHop]| router.find(&request, hops);
    assert!(find(request(50_000_000, 999), &first_hops(500_000_000)).is_err());
    assert!(find(request(50_000_000, 10_000), &[]).is_err());
    assert!(find(request(50_000_000, 10_000), &first_hops(40_000_000)).is_err());
    assert!(find(request(50_000_000, 10_000), &first_hops(0)).is_err());
}

#[test]
fn failed_channel_is_avoided_by_the_next_try() {
    let folder = tempfile::tempdir().unwrap();
    let router = router(folder.path());
    let mut request = request(50_000_000, 10_000);
    let path = one_path(&router, &request);
    let failure = Failure::TemporaryChannelFailure {
        channel_update: Vec::new(),
    };
    let returned = Returned::From(0, Some(failure));
    assert_eq!(
        router.path_failed(&path, &returned, &mut request),
        NextTry::Worth
    );
    assert!(request.avoids(A_PAYEE) && !request.avoids(OURS_A));
    assert_eq!(channels(&one_path(&router, &request)), [OURS_B, B_PAYEE]);
    // The second one too, and no way is left.
    let path = one_path(&router, &request);
    let garbled = Returned::Unreadable;
    assert_eq!(
        router.path_failed(&path, &garbled, &mut request),
        NextTry::Worth
    );
    assert!(router.find(&request, &first_hops(500_000_000)).is_err());
}

#[test]
fn payee_that_refuses_makes_another_way_useless_but_for_late_parts() {
    let folder = tempfile::tempdir().unwrap();
    let router = router(folder.path());
    let mut request = request(50_000_000, 10_000);
    let path = one_path(&router, &request);
    let refused = Failure::IncorrectOrUnknownPaymentDetails {
        htlc_msat: 1,
        height: 1,
    };
    let mut next = |failure| {
        let returned = Returned::From(1, Some(failure));
        router.path_failed(&path, &returned, &mut request)
    };
    assert_eq!(next(refused), NextTry::Useless);
    assert_eq!(next(Failure::MppTimeout), NextTry::Worth);
}

#[test]
fn failed_node_is_left_out_with_both_its_channels() {
    let folder = tempfile::tempdir().unwrap();
    let router = router(folder.path());
    let mut request = request(50_000_000, 10_000);
    let path = one_path(&router, &request);
    let returned = Returned::From(0, Some(Failure::TemporaryNodeFailure));
    router.path_failed(&path, &returned, &mut request);
    assert!(request.avoids(OURS_A) && request.avoids(A_PAYEE));
}

#[test]
fn fee_insufficient_with_the_nodes_own_update_changes_the_terms_and_is_not_relayed() {
    let folder = tempfile::tempdir().unwrap();
    let router = router(folder.path());
    let mut request = request(50_000_000, 10_000);
    let path = one_path(&router, &request);
    let mut contents = update(A_PAYEE, A, PAYEE, 2_000);
    contents.timestamp += 1;
    let returned = |update: &ChannelUpdate| {
        let failure = Failure::FeeInsufficient {
            htlc_msat: 50_001_000,
            channel_update: update.encode(),
        };
        Returned::From(0, Some(failure))
    };
    router.path_failed(&path, &returned(&signed(contents, A)), &mut request);
    assert!(!request.avoids(A_PAYEE));
    let path = one_path(&router, &request);
    assert_eq!(channels(&path), [OURS_A, A_PAYEE]);
    assert_eq!(arrivals(&path, 700).unwrap()[0].amount_msat, 50_002_000);
    let graph = router.graph().read_only();
    let channel = graph.channel(A_PAYEE).unwrap();
    for direction in [&channel.one_to_two, &channel.two_to_one]
        .into_iter()
        .flatten()
    {
        assert!(direction.last_update_message.is_none());
    }
}

#[test]
fn fee_insufficient_with_a_strangers_or_another_channels_update_changes_nothing() {
    let newer = |mut contents: UnsignedChannelUpdate| {
        contents.timestamp += 1;
        contents
    };
    let mut zero = update(A_PAYEE, A, PAYEE, 2_000);
    zero.timestamp = 0;
    let bad = [
        signed(newer(update(A_PAYEE, A, PAYEE, 2_000)), B),
        signed(newer(update(B_PAYEE, B, PAYEE, 2_000)), A),
        signed(update(A_PAYEE, A, PAYEE, 2_000), A), // not newer
        signed(zero, A),
    ];
    for update in bad {
        let folder = tempfile::tempdir().unwrap();
        let router = router(folder.path());
        let mut request = request(50_000_000, 10_000);
        let path = one_path(&router, &request);
        let failure = Failure::FeeInsufficient {
            htlc_msat: 50_001_000,
            channel_update: update.encode(),
        };
        let returned = Returned::From(0, Some(failure));
        router.path_failed(&path, &returned, &mut request);
        assert!(request.avoids(A_PAYEE), "{update:?}");
    }
}

#[test]
fn router_saved_and_opened_again_knows_the_same_network() {
    let folder = tempfile::tempdir().unwrap();
    router(folder.path()).save().unwrap();
    let again = Router::open(key(US), Network::Regtest, folder.path());
    assert_eq!(
        channels(&one_path(&again, &request(50_000_000, 10_000))),
        [OURS_A, A_PAYEE]
    );
    // Another chain's graph, or a damaged one, is as good as none.
    let other = Router::open(key(US), Network::Signet, folder.path());
    assert!(other.graph().read_only().channels().is_empty());
    std::fs::write(folder.path().join("graph"), b"nonsense").unwrap();
    let damaged = Router::open(key(US), Network::Regtest, folder.path());
    assert!(damaged.graph().read_only().channels().is_empty());
}
