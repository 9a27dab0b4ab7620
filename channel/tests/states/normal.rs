use bitcoin::Amount;
use zarnitsa_channel::action::{Action, Event, FailureReason};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::error::{ChannelError, Fault, UpdateError};
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::message::{PeerMessage, UpdateAddHtlc};
use zarnitsa_channel::params::{CommitmentFormat, Side};

use crate::support::pair::{add, preimage, Config, Pair};
use crate::support::party::Party;

fn update(id: u64, msat: u64) -> UpdateAddHtlc {
    UpdateAddHtlc {
        id: HtlcId(id),
        amount: Msat::new(msat),
        payment_hash: preimage(1).payment_hash(),
        cltv_expiry: 500,
    }
}

/// What `party` says to an update_add_htlc of its peer.
fn peer_add(party: &Party, update: UpdateAddHtlc) -> Result<(), UpdateError> {
    peer(party, PeerMessage::UpdateAddHtlc(update))
}

fn peer(party: &Party, message: PeerMessage) -> Result<(), UpdateError> {
    match party.try_handle(party.peer_command(message)) {
        Ok(_) => Ok(()),
        Err(refusal) => {
            assert_eq!(refusal.fault(), Fault::PeerWarning);
            match refusal {
                ChannelError::Update { by, source } => {
                    assert_eq!(by, Side::Counterparty);
                    Err(source)
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn local(party: &Party, command: LocalCommand) -> Result<(), UpdateError> {
    match party.try_handle(Command::Local(command)) {
        Ok(_) => Ok(()),
        Err(refusal) => {
            assert_eq!(refusal.fault(), Fault::Ours);
            match refusal {
                ChannelError::Update { source, .. } => Err(source),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn local_add(party: &Party, msat: u64) -> Result<(), UpdateError> {
    local(party, add(msat, preimage(1).payment_hash()))
}

fn fulfill(id: HtlcId, tag: u8) -> LocalCommand {
    LocalCommand::FulfillHtlc {
        id,
        preimage: preimage(tag),
    }
}

fn fail(id: HtlcId) -> LocalCommand {
    LocalCommand::FailHtlc {
        id,
        reason: vec![7; 292],
    }
}

#[test]
fn normal_add_and_fulfill_moves_the_money_once() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Holder, 50_000_000, preimage(9));
    pair.b.local(fulfill(id, 9)).unwrap();
    let (told_a, told_b) = pair.settle();
    let preimage = preimage(9);
    assert!(told_a.contains(&Event::HtlcFulfilled { id, preimage }));
    let removed = |offered_by_us| Event::HtlcRemoved { offered_by_us, id };
    assert!(told_a.contains(&removed(true)));
    assert!(told_b.contains(&removed(false)));
    assert_eq!(pair.a.channel.balances().local.to_msat(), 650_000_000);
    assert_eq!(pair.b.channel.balances().local.to_msat(), 350_000_000);
}

#[test]
fn normal_add_and_fail_gives_the_money_back() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Counterparty, 50_000_000, preimage(9));
    pair.a.local(fail(id)).unwrap();
    let (_, told_b) = pair.settle();
    let reason = FailureReason::Onion(vec![7; 292]);
    assert!(told_b.contains(&Event::HtlcFailed { id, reason }));
    assert_eq!(pair.b.channel.balances().local.to_msat(), 300_000_000);
    assert_eq!(pair.b.channel.htlcs().count(), 0);
}

#[test]
fn normal_htlc_is_accepted_only_once_irrevocable() {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.a
        .local(add(50_000_000, preimage(9).payment_hash()))
        .unwrap();
    let actions = pair.a.local(LocalCommand::Commit).unwrap();
    let id = HtlcId(0);
    let mut from_b = Vec::new();
    for wire in pair.a.wires(&actions) {
        // Neither with update_add_htlc nor with commitment_signed may it be claimed.
        from_b.extend(pair.b.receive(wire.message()).unwrap());
        let early = local(&pair.b, fulfill(id, 9));
        assert_eq!(early, Err(UpdateError::NotRemovable { id }));
    }
    assert!(!from_b.contains(&Action::Tell(Event::HtlcAccepted { id })));
    let (_, told_b) = pair.exchange(Vec::new(), from_b);
    assert!(told_b.contains(&Event::HtlcAccepted { id }));
    assert_eq!(local(&pair.b, fulfill(id, 9)), Ok(()));
    assert_eq!(
        pair.b.channel.resume(),
        vec![Action::Tell(Event::HtlcAccepted { id })]
    );
}

#[test]
fn normal_add_below_the_minimum_is_refused() {
    let config = Config {
        htlc_minimum: Msat::new(1_000),
        ..Config::default()
    };
    let pair = Pair::normal(&config, 1);
    let below = |amount, minimum| {
        Err(UpdateError::BelowMinimum {
            amount: Msat::new(amount),
            minimum: Msat::new(minimum),
        })
    };
    assert_eq!(local_add(&pair.a, 999), below(999, 1_000));
    assert_eq!(peer_add(&pair.a, update(0, 999)), below(999, 1_000));
    assert_eq!(peer_add(&pair.a, update(0, 1_000)), Ok(()));
    let free = Config {
        htlc_minimum: Msat::ZERO,
        ..Config::default()
    };
    let pair = Pair::normal(&free, 1);
    assert_eq!(local_add(&pair.a, 0), below(0, 1));
    assert_eq!(peer_add(&pair.a, update(0, 0)), below(0, 1));
}

#[test]
fn normal_add_with_a_time_as_expiry_is_refused() {
    let pair = Pair::normal(&Config::default(), 1);
    let late = UpdateAddHtlc {
        cltv_expiry: 500_000_000,
        ..update(0, 1_000_000)
    };
    let cltv_expiry = late.cltv_expiry;
    let refused = Err(UpdateError::ExpiryNotAHeight { cltv_expiry });
    assert_eq!(peer_add(&pair.a, late), refused);
    let command = LocalCommand::AddHtlc {
        amount: late.amount,
        payment_hash: late.payment_hash,
        cltv_expiry,
    };
    assert_eq!(local(&pair.a, command), refused);
}

#[test]
fn normal_add_with_a_wrong_id_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let wrong = |expected, got| {
        Err(UpdateError::WrongHtlcId {
            expected: HtlcId(expected),
            got: HtlcId(got),
        })
    };
    assert_eq!(peer_add(&pair.a, update(1, 1_000_000)), wrong(0, 1));
    pair.a
        .receive(PeerMessage::UpdateAddHtlc(update(0, 1_000_000)))
        .unwrap();
    assert_eq!(peer_add(&pair.a, update(0, 1_000_000)), wrong(1, 0));
    // Ids go on counting when HTLCs are gone.
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Counterparty, 5_000_000, preimage(2));
    pair.a.local(fulfill(id, 2)).unwrap();
    pair.settle();
    assert_eq!(peer_add(&pair.a, update(0, 1_000_000)), wrong(1, 0));
}

#[test]
fn normal_add_over_the_count_is_refused() {
    let config = Config {
        max_accepted: 5,
        ..Config::default()
    };
    let mut pair = Pair::normal(&config, 1);
    for id in 0..5 {
        pair.a
            .receive(PeerMessage::UpdateAddHtlc(update(id, 1_000_000)))
            .unwrap();
        pair.b
            .local(add(1_000_000, preimage(1).payment_hash()))
            .unwrap();
    }
    let refused = Err(UpdateError::TooManyHtlcs { limit: 5 });
    assert_eq!(peer_add(&pair.a, update(5, 1_000_000)), refused);
    assert_eq!(local_add(&pair.b, 1_000_000), refused);
    // The other direction counts for itself.
    assert_eq!(local_add(&pair.a, 1_000_000), Ok(()));
}

#[test]
fn normal_add_over_the_value_in_flight_is_refused() {
    let config = Config {
        max_in_flight: Msat::new(10_000_000),
        ..Config::default()
    };
    let mut pair = Pair::normal(&config, 1);
    pair.add_htlc(Side::Counterparty, 6_000_000, preimage(2));
    let refused = Err(UpdateError::TooMuchInFlight {
        total: Msat::new(10_000_001),
        limit: Msat::new(10_000_000),
    });
    assert_eq!(peer_add(&pair.a, update(1, 4_000_001)), refused);
    assert_eq!(local_add(&pair.b, 4_000_001), refused);
    assert_eq!(local_add(&pair.b, 4_000_000), Ok(()));
    assert_eq!(peer_add(&pair.a, update(1, 4_000_000)), Ok(()));
}

#[test]
fn normal_add_below_the_reserve_is_refused() {
    let pair = Pair::normal(&Config::default(), 1);
    // The acceptor has 300,000 sat and keeps 10,000; it pays no fee.
    assert_eq!(local_add(&pair.b, 290_000_000), Ok(()));
    let below = UpdateError::BelowReserve {
        available: Msat::new(300_000_000),
        needed: Msat::new(300_000_001),
    };
    assert_eq!(local_add(&pair.b, 290_000_001), Err(below.clone()));
    assert_eq!(peer_add(&pair.a, update(0, 290_000_001)), Err(below));
    assert_eq!(peer_add(&pair.a, update(0, 290_000_000)), Ok(()));
}

#[test]
fn normal_add_of_the_opener_needs_fee_and_anchors() {
    let pair = Pair::normal(&Config::default(), 1);
    // 1,000 sat/kw: 1,124 + 172 of weight for one HTLC are 1,296 sat; both anchors 660.
    let most = 700_000_000 - 10_000_000 - 1_296_000 - 660_000;
    assert_eq!(peer_add(&pair.b, update(0, most)), Ok(()));
    let refused = peer_add(&pair.b, update(0, most + 1));
    assert!(matches!(refused, Err(UpdateError::BelowReserve { .. })));
    // As a sender it also keeps what one more HTLC at twice the feerate needs: 2 * (1,124 + 2 * 172) sat.
    let careful = 700_000_000 - 10_000_000 - 2_936_000 - 660_000;
    assert_eq!(local_add(&pair.a, careful), Ok(()));
    assert!(local_add(&pair.a, careful + 1).is_err());
    let limits = &pair.a.limits;
    assert_eq!(pair.a.channel.spendable_msat(limits), Msat::new(careful));
    assert_eq!(pair.b.channel.receivable_msat(limits), Msat::new(careful));
    assert_eq!(
        pair.b.channel.spendable_msat(limits),
        Msat::new(290_000_000)
    );
}

#[test]
fn normal_add_that_the_opener_could_not_pay_for_is_refused() {
    // The opener is left with its reserve, the fee, the anchors, and less than another output costs.
    let config = Config {
        push: Msat::new(988_000_000),
        ..Config::default()
    };
    let pair = Pair::normal(&config, 1);
    let refused = local_add(&pair.b, 5_000_000);
    assert_eq!(refused, Ok(()));
    let config = Config {
        push: Msat::new(988_100_000),
        ..Config::default()
    };
    let pair = Pair::normal(&config, 1);
    assert!(matches!(
        local_add(&pair.b, 5_000_000),
        Err(UpdateError::OpenerCannotPay { .. })
    ));
    let refused = peer_add(&pair.a, update(0, 5_000_000));
    assert!(matches!(refused, Err(UpdateError::OpenerCannotPay { .. })));
    // Without an output it costs nothing.
    assert_eq!(local_add(&pair.b, 300_000), Ok(()));
    assert_eq!(peer_add(&pair.a, update(0, 300_000)), Ok(()));
}

#[test]
fn normal_add_of_absurd_amounts_is_refused_without_overflow() {
    let pair = Pair::normal(&Config::default(), 1);
    for amount in [
        u64::MAX,
        u64::MAX - 1,
        1 << 63,
        21_000_000 * 100_000_000_000,
    ] {
        assert!(peer_add(&pair.a, update(0, amount)).is_err());
        assert!(local_add(&pair.a, amount).is_err());
    }
}

#[test]
fn normal_add_over_the_dust_exposure_is_to_be_failed() {
    let mut config = Config::default();
    config.limits.max_dust_exposure = Msat::new(500_000);
    let mut pair = Pair::normal(&config, 1);
    let refused = {
        pair.b
            .local(add(300_000, preimage(1).payment_hash()))
            .unwrap();
        local_add(&pair.b, 300_000)
    };
    assert!(matches!(refused, Err(UpdateError::DustExposure { .. })));
    // A peer that is less careful is not refused: the HTLC is to be failed once it is committed.
    pair.b.limits.max_dust_exposure = Msat::new(50_000_000);
    pair.b
        .local(add(300_000, preimage(1).payment_hash()))
        .unwrap();
    let (told_a, _) = pair.settle();
    assert!(told_a.contains(&Event::HtlcAccepted { id: HtlcId(0) }));
    assert!(told_a.contains(&Event::HtlcOverExposure { id: HtlcId(1) }));
    let refused = local(&pair.a, fulfill(HtlcId(1), 1));
    assert_eq!(refused, Err(UpdateError::OverExposure { id: HtlcId(1) }));
    assert_eq!(local(&pair.a, fulfill(HtlcId(0), 1)), Ok(()));
}

#[test]
fn normal_fulfill_or_fail_of_an_unknown_htlc_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = HtlcId(0);
    let unknown = Err(UpdateError::UnknownHtlc { id });
    assert_eq!(local(&pair.a, fulfill(id, 1)), unknown);
    assert_eq!(local(&pair.a, fail(id)), unknown);
    let release = |tag| PeerMessage::UpdateFulfillHtlc {
        id,
        preimage: preimage(tag),
    };
    assert_eq!(peer(&pair.a, release(1)), unknown);
    pair.add_htlc(Side::Holder, 5_000_000, preimage(3));
    // Nobody removes what it offered itself.
    assert_eq!(local(&pair.a, fulfill(id, 3)), unknown);
    assert_eq!(peer(&pair.b, release(3)), unknown);
    assert_eq!(
        peer(&pair.a, release(4)),
        Err(UpdateError::WrongPreimage { id })
    );
    assert_eq!(peer(&pair.a, release(3)), Ok(()));
    assert_eq!(
        local(&pair.b, fulfill(id, 4)),
        Err(UpdateError::WrongPreimage { id })
    );
}

#[test]
fn normal_second_removal_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Holder, 5_000_000, preimage(3));
    let release = PeerMessage::UpdateFulfillHtlc {
        id,
        preimage: preimage(3),
    };
    let actions = pair.a.receive(release.clone()).unwrap();
    let preimage = preimage(3);
    assert_eq!(
        actions,
        vec![Action::Tell(Event::HtlcFulfilled { id, preimage })]
    );
    let refused = Err(UpdateError::NotRemovable { id });
    assert_eq!(peer(&pair.a, release), refused);
    let reason = vec![1];
    assert_eq!(
        peer(&pair.a, PeerMessage::UpdateFailHtlc { id, reason }),
        refused
    );
    // Preimage known, never a failure.
    pair.b.local(fulfill(id, 3)).unwrap();
    assert_eq!(local(&pair.b, fail(id)), refused);
}

#[test]
fn normal_removal_before_the_add_is_irrevocable_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.a
        .local(add(5_000_000, preimage(3).payment_hash()))
        .unwrap();
    let release = PeerMessage::UpdateFulfillHtlc {
        id: HtlcId(0),
        preimage: preimage(3),
    };
    let refused = Err(UpdateError::NotRemovable { id: HtlcId(0) });
    assert_eq!(peer(&pair.a, release.clone()), refused);
    pair.a.local(LocalCommand::Commit).unwrap();
    assert_eq!(peer(&pair.a, release), refused);
}

#[test]
fn normal_malformed_without_badonion_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Holder, 5_000_000, preimage(3));
    let malformed = |failure_code| PeerMessage::UpdateFailMalformedHtlc {
        id,
        sha256_of_onion: [1; 32],
        failure_code,
    };
    let refused = Err(UpdateError::NotBadOnion {
        failure_code: 0x4005,
    });
    assert_eq!(peer(&pair.a, malformed(0x4005)), refused);
    assert_eq!(peer(&pair.a, malformed(0xc005)), Ok(()));
    let command = |failure_code| LocalCommand::FailMalformedHtlc {
        id,
        sha256_of_onion: [1; 32],
        failure_code,
    };
    assert_eq!(local(&pair.b, command(0x4005)), refused);
    assert_eq!(local(&pair.b, command(0xc005)), Ok(()));
}

#[test]
fn normal_failure_of_a_peer_is_kept_to_a_bounded_length() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Holder, 5_000_000, preimage(3));
    let reason = vec![1; 65_000];
    pair.a
        .receive(PeerMessage::UpdateFailHtlc { id, reason })
        .unwrap();
    assert!(pair.a.channel.encode().len() < 10_000);
    let reason = vec![1; 65_000];
    let refused = local(&pair.b, LocalCommand::FailHtlc { id, reason });
    assert!(matches!(refused, Err(UpdateError::ReasonTooLong { .. })));
}

#[test]
fn normal_many_htlcs_with_one_hash_are_allowed() {
    let mut pair = Pair::normal(&Config::default(), 1);
    for _ in 0..20 {
        pair.a
            .local(add(5_000_000, preimage(3).payment_hash()))
            .unwrap();
        pair.b
            .local(add(4_000_000, preimage(3).payment_hash()))
            .unwrap();
    }
    pair.settle();
    for id in 0..20 {
        pair.b.local(fulfill(HtlcId(id), 3)).unwrap();
        pair.a.local(fail(HtlcId(id))).unwrap();
    }
    pair.settle();
    assert_eq!(pair.a.channel.htlcs().count(), 0);
    assert_eq!(pair.a.channel.balances().local.to_msat(), 600_000_000);
}

#[test]
fn normal_waiting_htlc_that_became_unaffordable_is_withdrawn() {
    let config = Config {
        format: CommitmentFormat::StaticRemoteKey,
        capacity: Amount::from_sat(100_000),
        push: Msat::new(50_000_000),
        reserve: Amount::from_sat(1_000),
        ..Config::default()
    };
    let mut pair = Pair::normal(&config, 1);
    // The acceptor's HTLC waits while the opener spends what would pay for its output.
    pair.b
        .local(add(40_000_000, preimage(1).payment_hash()))
        .unwrap();
    let most = pair.a.channel.spendable_msat(&pair.a.limits);
    pair.a
        .local(add(most.to_msat(), preimage(2).payment_hash()))
        .unwrap();
    let commit = pair.a.local(LocalCommand::Commit).unwrap();
    let mut from_b = Vec::new();
    for wire in pair.a.wires(&commit) {
        from_b.extend(pair.b.receive(wire.message()).unwrap());
    }
    pair.exchange(Vec::new(), from_b);
    // Whatever was withdrawn or sent: nobody refused anything, and both sides are at rest.
    assert_eq!(
        pair.a.channel.htlcs().count(),
        pair.b.channel.htlcs().count()
    );
}
