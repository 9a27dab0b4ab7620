//! A payment that no single channel holds, in parts over several.

use zarnitsa_interop::link::Plan;
use zarnitsa_interop::net::{Hand, Net, Told};
use zarnitsa_interop::world::World;

const SAT: u64 = 2_000_000;
/// More than a half of a channel, which is all that the payer has in it, and less than both halves.
const MORE_THAN_A_HALF_MSAT: u64 = SAT * 1_000 * 6 / 10;
/// ldk-node lets a tenth of a channel that it accepts be under way at once: more than that, and less than two such parts.
const MORE_THAN_A_TENTH_MSAT: u64 = SAT * 1_000 * 15 / 100;

fn two_channels(names: [&str; 2]) -> Net {
    let mut net = Net::start(World::start(), &names);
    net.open(0, 1, Plan::private(SAT));
    net.open(0, 1, Plan::private(SAT));
    net
}

fn check_parts(net: &Net, msat: u64) {
    let before = net.check_balances();
    let (payer, payee) = (net.members[0].hand(), net.members[1].hand());
    let told = payer.pay(&payee.invoice(msat).expect("an invoice"));
    assert_eq!(told, Told::Paid { fee_msat: 0 });
    assert_eq!(net.check_balances(), before);
    net.check_books();
    net.verify_ledgers();
}

#[test]
fn ldk_pays_us_in_two_parts_over_two_channels() {
    let net = two_channels(["ldk-payer", "hub"]);
    check_parts(&net, MORE_THAN_A_HALF_MSAT);
}

#[test]
fn we_pay_ldk_in_two_parts_over_two_channels() {
    let net = two_channels(["payer", "ldk-payee"]);
    check_parts(&net, MORE_THAN_A_TENTH_MSAT);
    let Hand::Ours(payer) = net.members[0].hand() else {
        panic!("the payer is ours");
    };
    let payments = payer.payments().expect("our payments");
    let done: Vec<_> = payments[0].parts.iter().collect();
    let mut channels: Vec<_> = done
        .iter()
        .filter(|part| part.status == "succeeded")
        .map(|part| part.channel_id.as_str())
        .collect();
    channels.sort_unstable();
    channels.dedup();
    assert_eq!(channels.len(), 2, "{done:?}");
}

/// Our hub passes both parts on, and ldk-node's, each over a channel of its own.
fn check_parts_through(names: [&str; 3]) {
    let mut net = Net::start(World::start(), &names);
    for (from, to) in [(0, 1), (0, 1), (1, 2), (1, 2)] {
        net.open(from, to, Plan::announced(SAT));
    }
    let before = net.check_balances();
    net.first_payment(0, 2, MORE_THAN_A_TENTH_MSAT);
    assert_eq!(net.check_balances(), before);
    net.check_books();
    net.verify_ledgers();
}

#[test]
fn ldk_pays_ldk_in_parts_through_our_hub() {
    check_parts_through(["ldk-payer", "hub", "ldk-payee"]);
}

#[test]
fn we_pay_ours_in_parts_through_ldk() {
    check_parts_through(["payer", "ldk-hub", "payee"]);
}
