//! A hub and simulated peers: many of them, and such as spoil what is opened to them.

use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use exonum::crypto::Hash;
use exonum::merkledb::BinaryValue;
use rand::Rng;
use serde_json::{json, Value};
use std::thread;
use std::time::Duration;
use zarnitsa_channel::amount::Msat;
use zarnitsa_node::data_dir::DataDir;
use zarnitsa_service::records::OpenChannelRequest;
use zarnitsa_service::{transaction, LedgerCall};
use zarnitsa_tests::api::Api;
use zarnitsa_tests::length;
use zarnitsa_tests::net::{Net, Terms};
use zarnitsa_tests::node::Node;
use zarnitsa_tests::{wait, world};

use crate::crowd::{count, order_batch, Crowd, Manner, Order, DEPTH};

const SAT: u64 = 100_000;

fn hub_with_coins(others: &[(&str, &str)], sat: u64) -> (Net, Crowd) {
    let net = Net::start(&[&[("hub", "hub")], others].concat());
    world::fund(&net.bitcoind, net.node("hub"), Amount::from_sat(sat));
    let crowd = Crowd::of(
        &net.api("hub"),
        net.node("hub").lightning_address(),
        &net.bitcoind,
    );
    (net, crowd)
}

fn until_normal(hub: &Api, channels: usize) {
    wait::until("every channel is usable", || {
        (count(hub, "normal")? == channels).then_some(())
    });
}

/// Opens a channel with each, and waits until all are usable.
fn open(net: &Net, crowd: &Crowd, peers: &[PublicKey]) {
    let hub = net.api("hub");
    let before = count(&hub, "normal").expect("channels");
    let opened = order_batch(&hub, peers, SAT).expect("they are opened");
    assert_eq!(opened, peers.len());
    crowd.confirm(&net.bitcoind);
    net.bitcoind.mine(DEPTH);
    until_normal(&hub, before + peers.len());
}

#[test]
fn hub_with_many_peers_starts_again_with_all_of_them_and_forwards() {
    const PEERS: usize = 24;
    let users = [("payer", "user"), ("payee", "user")];
    let (mut net, mut crowd) = hub_with_coins(&users, 50_000_000);
    let hub = net.api("hub");
    let peers = crowd.join(&hub, PEERS, Manner::Honest);
    open(&net, &crowd, &peers);
    let even = Terms::even(1_000_000, false);
    net.open("payer", "hub", even);
    net.open("payee", "hub", even);
    let pay = |net: &Net| {
        let invoice = net.api("payee").invoice(20_000_000, "tea").unwrap();
        net.api("payer").pay(&invoice.invoice).unwrap()
    };
    let paid = pay(&net);
    assert_eq!(paid.status, "succeeded", "{paid:?}");

    net.node_mut("hub").stop();
    net.node_mut("hub").start();
    let uri = hub.info().unwrap().uri;
    for user in ["payer", "payee"] {
        net.api(user).connect(&uri).unwrap();
    }
    until_normal(&hub, PEERS + 2);
    for user in ["payer", "payee"] {
        until_normal(&net.api(user), 1);
    }
    let paid = pay(&net);
    assert_eq!(paid.status, "succeeded", "{paid:?}");
    crowd.check();
    net.verify_ledgers();
}

#[test]
fn batch_that_a_peer_spoils_is_opened_with_nobody_and_locks_no_coins() {
    let coins = 1_000_000;
    let (mut net, mut crowd) = hub_with_coins(&[], coins);
    let hub = net.api("hub");
    let honest = crowd.join(&hub, 2, Manner::Honest);
    for manner in [
        Manner::Refuses,
        Manner::RefusesToSign,
        Manner::SignsWrongly,
        Manner::Leaves,
        Manner::WrongScript,
    ] {
        let spoiler = crowd.join(&hub, 1, manner)[0];
        // It is the second, so that one has been asked before and one after it.
        let peers = [honest[0], spoiler, honest[1]];
        let refused = order_batch(&hub, &peers, SAT).unwrap_err();
        assert!(
            refused.contains(&spoiler.to_string()),
            "{manner:?}: {refused}"
        );
        nothing_is_left(&net, &crowd, coins);
        crowd.leave(spoiler);
    }

    // The node ends while a peer keeps all waiting.
    let silent = crowd.join(&hub, 1, Manner::Silent)[0];
    let (asked, waiting) = (crowd.asked_to_sign(), hub.clone());
    let peers = [honest[0], silent, honest[1]];
    let order = thread::spawn(move || order_batch(&waiting, &peers, SAT));
    wait::until("all were asked to sign", || {
        (crowd.asked_to_sign() == asked + 3).then_some(())
    });
    net.node_mut("hub").kill_hard();
    assert!(order.join().unwrap().is_err());
    crowd.leave(silent);
    net.node_mut("hub").start();
    wait::until("the honest are back", || {
        let peers = hub.peers().ok()?;
        (peers.iter().filter(|peer| peer.connected).count() >= 2).then_some(())
    });
    nothing_is_left(&net, &crowd, coins);

    // The wallet has one coin: were it locked, nothing could be opened.
    open(&net, &crowd, &honest);
    assert_eq!(crowd.channels(), 2);
    crowd.check();
    net.verify_ledgers();
}

/// No opening transaction, no channel on either side, all coins.
fn nothing_is_left(net: &Net, crowd: &Crowd, coins: u64) {
    let hub = net.api("hub");
    assert_eq!(net.bitcoind.mempool(), Vec::new());
    wait::until("the hub has given all of them up", || {
        let channels = hub.channels().ok()?;
        channels
            .iter()
            .all(|one| one.state == "failed")
            .then_some(())
    });
    wait::until("the peers have forgotten theirs", || {
        (crowd.channels() == 0).then_some(())
    });
    let all = coins + world::HUB_COINS.to_sat();
    assert_eq!(hub.balance().expect("a balance").onchain_sat, all);
}

/// The operator's own order, by its ledger transaction: its hash is known whatever happens to the node.
fn order_zero_conf(node: &Node, peer: PublicKey) -> Hash {
    let operator = DataDir::new(node.folder()).operator_key().expect("a key");
    let order = OpenChannelRequest {
        peer,
        address: String::new(),
        amount_sat: Amount::from_sat(SAT),
        push_msat: Msat::ZERO,
        feerate_per_kw: 0,
        announce: false,
        nonce: rand::random(),
        zero_conf: true,
    };
    let signed = transaction(&operator, LedgerCall::OpenChannel(order));
    let body = json!({ "tx_body": hex::encode(signed.to_bytes()) });
    let path = "/api/explorer/v1/transactions";
    let answer = node.api().call(path, &[], Some(body)).expect("it is taken");
    let hash = answer["tx_hash"].as_str().expect("a hash");
    hex::FromHex::from_hex(hash).expect("hex")
}

fn status(hub: &Api, order: &Hash) -> Option<Value> {
    let path = format!("/api/services/lightning/v1/requests/{}", order.to_hex());
    hub.call(&path, &[], None).ok()
}

#[test]
fn opener_killed_in_a_zero_conf_opening_ends_its_order_after_the_restart() {
    let (mut net, mut crowd) = hub_with_coins(&[], 50_000_000);
    let hub = net.api("hub");
    let mut random = length::random();
    let silent = crowd.join(&hub, 1, Manner::Silent)[0];
    let peer = crowd.join(&hub, 1, Manner::Honest)[0];
    // One who never signs, then one who does: killed at some moment around that.
    let moments = length::count("ZARNITSA_OPENINGS", 8, 60);
    for number in 0..=moments {
        let asked = crowd.asked_to_sign();
        let with = if number == 0 { silent } else { peer };
        let order = order_zero_conf(net.node("hub"), with);
        wait::until("the peer is to sign", || {
            (crowd.asked_to_sign() > asked).then_some(())
        });
        wait::moment(Duration::from_micros(random.gen_range(0..8_000)));
        net.node_mut("hub").kill_hard();
        net.node_mut("hub").start();
        let ended = wait::until("the order has ended", || {
            let answer = status(&hub, &order)?;
            (answer["status"] != "pending").then_some(answer)
        });
        let channel = ended["channel_id"].as_str().expect("a channel");
        let channel = hub.channel(channel).expect("the channel");
        match ended["status"].as_str() {
            Some("done") => assert_ne!(channel.state, "failed", "{ended}"),
            Some("failed") => {
                assert_eq!(channel.state, "failed", "{ended}");
                assert!(
                    ended["reason"].as_str().unwrap().contains("stopped"),
                    "{ended}"
                );
            }
            _ => panic!("{ended}"),
        }
        println!("{number}: {} with {}", ended["status"], channel.state);
        wait::until("the peers are back", || {
            let peers = hub.peers().ok()?;
            (peers.iter().filter(|peer| peer.connected).count() == 2).then_some(())
        });
    }
    net.verify_ledgers();
}

const KEYSEND: &str = "/api/services/lightning/v1/payments/keysend";
/// Enough for the hub in a commitment without anchors, and what only relays.
const ENOUGH: u32 = 5_000;
const TOO_SMALL: u32 = 1_000;

/// A hub that calls 20 sat/vB the least, and a peer that has opened a channel without anchors to it.
fn hub_with_old_peer() -> (Net, Crowd, PublicKey) {
    let mut net = Net::start(&[("hub", "hub")]);
    net.node_mut("hub").stop();
    net.node("hub").add_settings("[fees]\nfloor_sat_vb = 20\n");
    net.node_mut("hub").start();
    let hub = net.api("hub");
    let mut crowd = Crowd::of(&hub, net.node("hub").lightning_address(), &net.bitcoind);
    let peer = crowd.join(&hub, 1, Manner::Old)[0];
    let order = Order::Open {
        sat: 1_000_000,
        feerate_per_kw: ENOUGH,
    };
    crowd.order(peer, order);
    crowd.confirm(&net.bitcoind);
    net.bitcoind.mine(DEPTH);
    until_normal(&hub, 1);
    (net, crowd, peer)
}

#[test]
fn feerate_too_small_costs_no_channel_until_htlcs_depend_on_it() {
    let (net, crowd, peer) = hub_with_old_peer();
    let hub = net.api("hub");
    let fee = |feerate_per_kw| crowd.order(peer, Order::Fee { feerate_per_kw });
    let channel = || hub.channels().expect("channels").remove(0);
    let until_commitment = |number: u64| {
        wait::until("the hub has the new commitment", || {
            let channel = channel();
            assert_eq!(channel.state, "normal", "{channel:?}");
            (channel.commitment_number == number).then_some(())
        });
    };
    let order = json!({
        "node_id": peer.to_string(), "amount_msat": "2000000", "timeout_seconds": 5,
    });

    // Nothing has a deadline: the channel lives on, and carries nothing.
    fee(TOO_SMALL);
    until_commitment(1);
    let unpaid = hub.call(KEYSEND, &[], Some(order.clone()));
    let unpaid = unpaid.expect("an outcome");
    assert_eq!(unpaid["status"], "failed", "{unpaid}");
    assert!(channel().htlcs.is_empty());

    // It carries again, and the peer keeps what it is paid waiting.
    fee(ENOUGH);
    until_commitment(2);
    let paying = {
        let hub = hub.clone();
        thread::spawn(move || hub.call(KEYSEND, &[], Some(order)))
    };
    wait::until("an HTLC is in both commitments", || {
        let channel = channel();
        (channel.commitment_number >= 3 && channel.htlcs.len() == 1).then_some(())
    });

    // Now the commitment at hand pays for it, and the smaller one would not.
    fee(TOO_SMALL);
    let closed = wait::until("the hub closes", || {
        crowd.check();
        let channel = channel();
        let open = ["normal", "offline"].contains(&channel.state.as_str());
        (!open).then_some(channel)
    });
    assert_eq!(closed.state, "closing", "{closed:?}");
    let closing = closed.closing.expect("how it closes");
    let reason = closing.reason.expect("a reason");
    assert!(reason.contains("a feerate of 1000"), "{reason}");
    // Whether it was paid is not known yet.
    drop(paying.join());
    net.verify_ledgers();
}
