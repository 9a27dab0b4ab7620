use bitcoin::Amount;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::error::{ChannelError, Fault, UpdateError};
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::params::{CommitmentFormat, Side};

use crate::support::pair::{preimage, Config, Pair};
use crate::support::party::Party;

fn fee(feerate_per_kw: u32) -> LocalCommand {
    LocalCommand::UpdateFee { feerate_per_kw }
}

fn local(party: &Party, feerate_per_kw: u32) -> Option<UpdateError> {
    match party.try_handle(Command::Local(fee(feerate_per_kw))) {
        Ok(_) => None,
        Err(ChannelError::Update { by, source }) => {
            assert_eq!(by, Side::Holder);
            Some(source)
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn peer(party: &Party, feerate_per_kw: u32) -> Option<UpdateError> {
    let message = PeerMessage::UpdateFee { feerate_per_kw };
    match party.try_handle(party.peer_command(message)) {
        Ok(_) => None,
        Err(refusal) => {
            assert_eq!(refusal.fault(), Fault::PeerWarning);
            match refusal {
                ChannelError::Update { source, .. } => Some(source),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn normal_update_fee_reaches_both_commitments() {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.a.local(fee(2_000)).unwrap();
    pair.a.local(fee(3_000)).unwrap();
    pair.settle();
    for party in [&pair.a, &pair.b] {
        assert_eq!(party.channel.feerate_per_kw(), 3_000);
        // 3,000 sat/kw times 1,124, and both anchors.
        assert_eq!(party.channel.balances().fee, Amount::from_sat(3_372 + 660));
    }
    assert_eq!(pair.a.channel.commitment_numbers(), (1, 1));
}

#[test]
fn normal_update_fee_of_the_acceptor_is_refused() {
    let pair = Pair::normal(&Config::default(), 1);
    assert_eq!(local(&pair.b, 2_000), Some(UpdateError::NotTheOpener));
    assert_eq!(peer(&pair.a, 2_000), Some(UpdateError::NotTheOpener));
}

#[test]
fn normal_update_fee_outside_of_the_limits_is_refused() {
    let pair = Pair::normal(&Config::default(), 1);
    for feerate in [0, 252, 100_001, u32::MAX] {
        let refused = |refusal| matches!(refusal, Some(UpdateError::FeerateOutOfRange { .. }));
        assert!(refused(local(&pair.a, feerate)));
        assert!(refused(peer(&pair.b, feerate)));
    }
    let same = local(&pair.a, 1_000);
    assert!(matches!(same, Some(UpdateError::FeerateUnchanged { .. })));
}

#[test]
fn normal_update_fee_that_the_opener_cannot_pay_is_refused() {
    let config = Config {
        capacity: Amount::from_sat(100_000),
        push: Msat::new(50_000_000),
        ..Config::default()
    };
    let pair = Pair::normal(&config, 1);
    // 50,000 sat, of which 10,000 and 660 stay: 39,340 sat for 1,124 of weight.
    assert_eq!(peer(&pair.b, 35_000), None);
    assert!(matches!(
        peer(&pair.b, 35_001),
        Some(UpdateError::OpenerCannotPay { .. })
    ));
    // The opener leaves room for two HTLCs that may cross its message: 1,468 of weight.
    assert_eq!(local(&pair.a, 26_799), None);
    assert!(matches!(
        local(&pair.a, 26_800),
        Some(UpdateError::OpenerCannotPay { .. })
    ));
}

#[test]
fn normal_update_fee_that_trims_too_much_is_refused() {
    let mut config = Config {
        format: CommitmentFormat::StaticRemoteKey,
        ..Config::default()
    };
    config.limits.max_dust_exposure = Msat::new(4_000_000);
    let mut pair = Pair::normal(&config, 1);
    pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    // At 4,000 sat/kw and the room that exposure is reckoned with, 5,000 sat have no output of their own any more.
    assert!(matches!(
        local(&pair.a, 6_000),
        Some(UpdateError::DustExposure { .. })
    ));
    assert!(matches!(
        peer(&pair.b, 6_000),
        Some(UpdateError::DustExposure { .. })
    ));
    assert_eq!(local(&pair.a, 500), None);
}

#[test]
fn normal_update_fee_that_crosses_htlcs_leaves_nobody_stuck() {
    let config = Config {
        capacity: Amount::from_sat(100_000),
        push: Msat::new(80_000_000),
        reserve: Amount::from_sat(1_000),
        ..Config::default()
    };
    let mut pair = Pair::normal(&config, 1);
    // The opener raises the fee as far as it may while the acceptor adds as many HTLCs as it may.
    let mut feerate = 1_001;
    while local(&pair.a, feerate + 100).is_none() {
        feerate += 100;
    }
    pair.a.local(fee(feerate)).unwrap();
    let mut added: u64 = 0;
    let hash = preimage(4).payment_hash();
    while pair
        .b
        .local(crate::support::pair::add(1_500_000, hash))
        .is_ok()
    {
        added += 1;
    }
    assert!(added > 5);
    let from_a = pair.a.local(LocalCommand::Commit).unwrap();
    let from_b = pair.b.local(LocalCommand::Commit).unwrap();
    pair.exchange(from_a, from_b);
    assert_eq!(pair.a.channel.feerate_per_kw(), feerate);
    for id in 0..added {
        let claim = LocalCommand::FulfillHtlc {
            id: zarnitsa_channel::ids::HtlcId(id),
            preimage: preimage(4),
        };
        pair.a.local(claim).unwrap();
    }
    pair.settle();
    assert_eq!(pair.b.channel.htlcs().count(), 0);
}

#[test]
fn normal_add_beside_a_cut_of_the_fee_is_affordable_before_it() {
    let config = Config {
        capacity: Amount::from_sat(100_000),
        push: Msat::new(50_000_000),
        feerate_per_kw: 5_000,
        ..Config::default()
    };
    let mut pair = Pair::normal(&config, 1);
    let before = pair.a.channel.spendable_msat(&pair.a.limits);
    pair.a.local(fee(300)).unwrap();
    // update_fee goes out last, so it gives no room yet.
    assert_eq!(pair.a.channel.spendable_msat(&pair.a.limits), before);
    let hash = preimage(1).payment_hash();
    pair.a
        .local(crate::support::pair::add(before.to_msat(), hash))
        .unwrap();
    pair.settle();
    assert_eq!(pair.b.channel.feerate_per_kw(), 300);
    assert!(pair.a.channel.spendable_msat(&pair.a.limits) > Msat::ZERO);
}
