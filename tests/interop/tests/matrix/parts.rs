//! A payment that no single channel holds, in parts over several.

use zarnitsa_interop::link::Plan;
use zarnitsa_interop::net::{Net, Told};
use zarnitsa_interop::world::World;

const SAT: u64 = 2_000_000;

#[test]
fn ldk_pays_us_in_two_parts_over_two_channels() {
    let mut net = Net::start(World::start(), &["ldk-payer", "hub"]);
    net.open(0, 1, Plan::private(SAT));
    net.open(0, 1, Plan::private(SAT));
    let before = net.check_balances();
    // Each channel has a half of SAT on each side, less reserves and fees.
    let msat = SAT * 1_000 * 6 / 10;
    let (payer, payee) = (net.members[0].hand(), net.members[1].hand());
    let told = payer.pay(&payee.invoice(msat).expect("an invoice"));
    assert_eq!(told, Told::Paid { fee_msat: 0 });
    assert_eq!(net.check_balances(), before);
    let (sent, _) = payer.sent();
    assert_eq!(sent, payee.received());
    net.verify_ledgers();
}
