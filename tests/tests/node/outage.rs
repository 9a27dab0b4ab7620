//! bitcoind is away for a while.

use std::thread;
use std::time::{Duration, Instant};

use bitcoin::Amount;
use zarnitsa_tests::api::Api;
use zarnitsa_tests::length;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

use crate::settlement::close_and_compare;
use crate::traffic::Traffic;

const CAPACITY_SAT: u64 = 2_000_000;

fn until_chain(api: &Api, is_there: bool) {
    wait::until("the node notices", || {
        (api.info().ok()?.chain_available == is_there).then_some(())
    });
}

#[test]
fn bitcoind_stopped_in_the_middle() {
    let mut world = World::start();
    let pair = world.open(CAPACITY_SAT, CAPACITY_SAT * 1_000 / 2);
    let before = pair.check_agreement();
    let apis = [world.user.api(), world.hub.api()];
    let traffic = Traffic::start(&pair, 1);

    world.bitcoind.stop();
    let begin = Instant::now();
    for api in &apis {
        until_chain(api, false);
    }
    // A channel needs no block while nobody mines one: payments go on.
    let seconds = length::count("ZARNITSA_OUTAGE_SECONDS", 5, 60);
    let so_far = paid(&apis);
    wait::within(Duration::from_secs(180), "payments go on", || {
        assert!(!traffic.has_failed(), "a payer has ended");
        let is_over = begin.elapsed() >= Duration::from_secs(seconds.into());
        (is_over && paid(&apis) > so_far + 10).then_some(())
    });
    // A node that starts now does not know how much time an HTLC has left. It begins no payment and settles none, but
    // takes those that come.
    world.hub.stop();
    world.hub.start();
    pair.until_usable();
    let refused = refused_payment(&pair);
    assert_eq!(refused, "chain_unavailable");
    let waiting = pair.hub.invoice(1_000_000, "waits").unwrap();
    let payer = pair.user.clone();
    let settled = thread::spawn(move || payer.pay(&waiting.invoice).unwrap().status);

    world.bitcoind.resume();
    for api in &apis {
        until_chain(api, true);
    }
    world.bitcoind.mine(3);
    let height = world.bitcoind.height();
    for api in &apis {
        wait::until("the node has caught up", || {
            (api.info().ok()?.block_height == height).then_some(())
        });
    }
    assert_eq!(settled.join().unwrap(), "succeeded");
    traffic.end().check(&pair, before);
    close_and_compare(&world, &pair, Amount::from_sat(CAPACITY_SAT * 2));
    world.verify_ledgers();
}

/// Why the hub's payment fails.
fn refused_payment(pair: &Pair) -> String {
    let invoice = pair.user.invoice(1_000_000, "refused").unwrap();
    let payment = pair.hub.pay(&invoice.invoice).unwrap();
    assert_eq!(payment.status, "failed", "{payment:?}");
    let failure = payment.failure.unwrap();
    failure["code"].as_str().unwrap().to_owned()
}

/// Payments that succeeded so far, in both directions.
fn paid(apis: &[Api]) -> usize {
    let of = |api: &Api| {
        let payments = api.payments().unwrap_or_default();
        let succeeded = payments
            .iter()
            .filter(|payment| payment.status == "succeeded");
        succeeded.count()
    };
    apis.iter().map(of).sum()
}
