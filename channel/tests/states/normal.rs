use zarnitsa_channel::action::Event;
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::params::Side;

use crate::support::pair::{preimage, Config, Pair};

#[test]
fn normal_add_and_fulfill_moves_the_money_once() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Holder, 50_000_000, preimage(9));
    let claim = LocalCommand::FulfillHtlc {
        id,
        preimage: preimage(9),
    };
    pair.b.local(claim).unwrap();
    let (told_a, told_b) = pair.settle();
    let preimage = preimage(9);
    assert!(told_a.contains(&Event::HtlcFulfilled { id, preimage }));
    let removed = |offered_by_us| Event::HtlcRemoved { offered_by_us, id };
    assert!(told_a.contains(&removed(true)));
    assert!(told_b.contains(&removed(false)));
    assert_eq!(pair.a.channel.balances().local.to_msat(), 650_000_000);
    assert_eq!(pair.b.channel.balances().local.to_msat(), 350_000_000);
}
