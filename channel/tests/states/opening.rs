use bitcoin::{Amount, OutPoint, ScriptBuf};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::error::{ChannelError, Fault};
use zarnitsa_channel::ids::TemporaryChannelId;
use zarnitsa_channel::message::{AcceptChannel, FundingCreated, OpenChannel};
use zarnitsa_channel::opening::{AcceptedOpener, Acceptor, Opener, Opening, OpeningError};
use zarnitsa_channel::params::{CommitmentFormat, Side};
use zarnitsa_channel::state::{Channel, Context};

use crate::support::keys::{Keys, Signing};
use crate::support::pair::{funding_transaction, script, Config};
use crate::support::rng::Rng;

struct Two {
    config: Config,
    a: Keys,
    b: Keys,
}

impl Two {
    fn new(config: Config) -> Self {
        let mut rng = Rng::new(1);
        let a = Keys::new(&mut rng, Signing::Real);
        let b = Keys::new(&mut rng, Signing::Real);
        Self { config, a, b }
    }

    fn open(&self) -> Result<Opener, OpeningError> {
        let terms = self.config.open_terms(&self.a, self.b.public().funding);
        Opener::new(terms, &self.config.limits)
    }

    fn acceptor(&self, open: OpenChannel) -> Result<Acceptor, OpeningError> {
        let terms = self.config.accept_terms(&self.b, self.a.public().funding);
        Acceptor::new(open, terms, &self.config.limits)
    }

    fn accepted(&self) -> (AcceptedOpener, Acceptor) {
        let opener = self.open().unwrap();
        let acceptor = self.acceptor(opener.message().clone()).unwrap();
        let answer = acceptor.message().clone();
        (
            opener.accept(answer, &self.config.limits).unwrap(),
            acceptor,
        )
    }
}

/// What an acceptor says to an open_channel that is changed.
fn answer(change: impl FnOnce(&mut OpenChannel)) -> Result<Acceptor, OpeningError> {
    let two = Two::new(Config::default());
    let mut open = two.open().unwrap().message().clone();
    change(&mut open);
    two.acceptor(open)
}

/// What an opener says to an accept_channel that is changed.
fn answer_to_accept(
    change: impl FnOnce(&mut AcceptChannel),
) -> Result<AcceptedOpener, OpeningError> {
    let two = Two::new(Config::default());
    let opener = two.open().unwrap();
    let mut accept = two
        .acceptor(opener.message().clone())
        .unwrap()
        .message()
        .clone();
    change(&mut accept);
    opener.accept(accept, &two.config.limits)
}

fn field<T: std::fmt::Debug>(refusal: Result<T, OpeningError>) -> &'static str {
    let error = refusal.unwrap_err();
    assert_eq!(error.fault(), Fault::PeerFailsChannel);
    match error {
        OpeningError::OutOfRange { field, .. } => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn open_channel_of_both_formats_is_accepted() {
    assert!(answer(|_| ()).is_ok());
    let changed = answer(|open| open.channel_type.format = CommitmentFormat::StaticRemoteKey);
    assert!(changed.is_ok());
}

#[test]
fn open_channel_outside_of_bolt_2_is_refused() {
    let sat = Amount::from_sat;
    assert_eq!(
        field(answer(|open| open.side.dust_limit = sat(353))),
        "dust_limit_satoshis"
    );
    let above_reserve = answer(|open| {
        open.side.dust_limit = sat(600);
        open.side.channel_reserve = sat(599);
    });
    assert_eq!(field(above_reserve), "dust_limit_satoshis");
    assert_eq!(
        field(answer(|open| open.side.max_accepted_htlcs = 484)),
        "max_accepted_htlcs"
    );
    let push = answer(|open| open.push = Msat::new(open.funding_amount.to_sat() * 1_000 + 1));
    assert_eq!(field(push), "push_msat");
    assert_eq!(
        field(answer(|open| open.feerate_per_kw = 252)),
        "feerate_per_kw"
    );
    assert_eq!(
        field(answer(|open| open.feerate_per_kw = 100_001)),
        "feerate_per_kw"
    );
    assert_eq!(
        field(answer(|open| open.side.to_self_delay = 2_017)),
        "to_self_delay"
    );
    let large = answer(|open| open.funding_amount = sat(1 << 24));
    assert_eq!(field(large), "funding_satoshis");
    let absurd = answer(|open| open.funding_amount = sat(u64::MAX));
    assert_eq!(field(absurd), "funding_satoshis");
}

#[test]
fn open_channel_outside_of_our_limits_is_refused() {
    let sat = Amount::from_sat;
    let small = answer(|open| {
        open.funding_amount = sat(19_999);
        open.push = Msat::ZERO;
    });
    assert_eq!(field(small), "funding_satoshis");
    assert_eq!(
        field(answer(|open| open.side.dust_limit = sat(1_001))),
        "dust_limit_satoshis"
    );
    let reserve = answer(|open| open.side.channel_reserve = sat(100_001));
    assert_eq!(field(reserve), "channel_reserve_satoshis");
    assert_eq!(
        field(answer(|open| open.side.max_accepted_htlcs = 4)),
        "max_accepted_htlcs"
    );
    let flight = answer(|open| open.side.max_htlc_value_in_flight = Msat::new(999_999));
    assert_eq!(field(flight), "max_htlc_value_in_flight_msat");
    let minimum = answer(|open| open.side.htlc_minimum = Msat::new(1_000_001));
    assert_eq!(field(minimum), "htlc_minimum_msat");
}

#[test]
fn open_channel_that_the_opener_cannot_pay_is_refused() {
    let all = answer(|open| open.push = Msat::new(open.funding_amount.to_sat() * 1_000));
    assert!(matches!(all, Err(OpeningError::OpenerCannotPay { .. })));
}

#[test]
fn open_channel_that_leaves_both_below_the_reserve_is_refused() {
    let both = answer(|open| {
        open.funding_amount = Amount::from_sat(20_000);
        open.push = Msat::new(10_000_000);
        open.side.channel_reserve = Amount::from_sat(1_000);
    });
    // The acceptor has 10,000 sat and needs 1,000: one side above its reserve is enough.
    assert!(both.is_ok());
    let both = answer(|open| {
        open.funding_amount = Amount::from_sat(20_000);
        open.push = Msat::new(9_000_000);
        open.side.channel_reserve = Amount::from_sat(1_000);
        open.feerate_per_kw = 5_000;
    });
    assert!(both.is_ok());
    let mut config = Config {
        capacity: Amount::from_sat(20_000),
        push: Msat::new(10_000_000),
        ..Config::default()
    };
    config.limits.max_reserve_percent = 50;
    let two = Two::new(config);
    let refused = two.acceptor(two.open().unwrap().message().clone());
    assert!(matches!(
        refused,
        Err(OpeningError::BothBelowReserve { .. })
    ));
}

#[test]
fn open_channel_of_an_unsuitable_type_is_refused() {
    let announced = answer(|open| {
        open.announce = true;
        open.channel_type.scid_alias = true;
    });
    assert!(matches!(
        announced,
        Err(OpeningError::ChannelTypeUnsuitable { .. })
    ));
    let untrusted = answer(|open| open.channel_type.zero_conf = true);
    assert!(matches!(
        untrusted,
        Err(OpeningError::ChannelTypeUnsuitable { .. })
    ));
}

#[test]
fn open_channel_with_a_strange_shutdown_script_is_refused() {
    let script = ScriptBuf::from_bytes(vec![0x51]);
    let refused = answer(|open| open.side.upfront_shutdown_script = Some(script));
    assert!(matches!(refused, Err(OpeningError::ShutdownScript { .. })));
}

#[test]
fn accept_channel_that_breaks_bolt_2_is_refused() {
    let sat = Amount::from_sat;
    let id = answer_to_accept(|accept| accept.temporary_channel_id = TemporaryChannelId([9; 32]));
    assert!(matches!(id, Err(OpeningError::WrongTemporaryId { .. })));
    let other = answer_to_accept(|accept| {
        accept.channel_type.format = CommitmentFormat::StaticRemoteKey;
    });
    assert!(matches!(
        other,
        Err(OpeningError::ChannelTypeChanged { .. })
    ));
    assert_eq!(
        field(answer_to_accept(|accept| accept.minimum_depth = 145)),
        "minimum_depth"
    );
    let reserve = answer_to_accept(|accept| accept.side.channel_reserve = sat(353));
    assert_eq!(field(reserve), "channel_reserve_satoshis");
    let dust = answer_to_accept(|accept| accept.side.dust_limit = sat(353));
    assert_eq!(field(dust), "dust_limit_satoshis");
    let delay = answer_to_accept(|accept| accept.side.to_self_delay = 2_017);
    assert_eq!(field(delay), "to_self_delay");
}

#[test]
fn accept_channel_whose_dust_limit_is_above_our_reserve_is_refused() {
    let two = Two::new(Config {
        reserve: Amount::from_sat(500),
        ..Config::default()
    });
    let opener = two.open().unwrap();
    let mut accept = two
        .acceptor(opener.message().clone())
        .unwrap()
        .message()
        .clone();
    accept.side.dust_limit = Amount::from_sat(501);
    accept.side.channel_reserve = Amount::from_sat(600);
    let refused = opener.accept(accept, &two.config.limits);
    assert_eq!(field(refused), "dust_limit_satoshis");
}

#[test]
fn accept_channel_of_zero_conf_needs_depth_zero() {
    let mut config = Config {
        zero_conf: true,
        ..Config::default()
    };
    config.limits.allow_zero_conf = true;
    let two = Two::new(config);
    let opener = two.open().unwrap();
    let mut accept = two
        .acceptor(opener.message().clone())
        .unwrap()
        .message()
        .clone();
    assert_eq!(accept.minimum_depth, 0);
    accept.minimum_depth = 1;
    assert_eq!(
        field(opener.accept(accept, &two.config.limits)),
        "minimum_depth"
    );
}

#[test]
fn funding_with_another_output_is_refused() {
    let two = Two::new(Config::default());
    let (accepted, _) = two.accepted();
    let mut transaction = funding_transaction(&accepted);
    transaction.output[0].value = Amount::from_sat(999_999);
    let funding = OutPoint::new(transaction.compute_txid(), 0);
    let refused = accepted.clone().fund(funding, transaction.clone());
    assert!(matches!(
        refused,
        Err(OpeningError::FundingOutput { got: Some(_), .. })
    ));
    let missing = OutPoint::new(transaction.compute_txid(), 1);
    let refused = accepted.clone().fund(missing, transaction.clone());
    assert!(matches!(
        refused,
        Err(OpeningError::FundingOutput { got: None, .. })
    ));
    let wide = OutPoint::new(transaction.compute_txid(), 65_536);
    let refused = accepted.clone().fund(wide, transaction);
    assert!(matches!(refused, Err(OpeningError::FundingOutpoint { .. })));
    let other = OutPoint::new(funding_transaction(&accepted).compute_txid(), 0);
    let mut transaction = funding_transaction(&accepted);
    transaction.output.push(accepted.funding_output());
    let refused = accepted.fund(other, transaction);
    assert!(matches!(refused, Err(OpeningError::FundingOutpoint { .. })));
}

/// A channel funded by the opener, the acceptor, and what the opener would send.
fn funded(two: &Two) -> (Channel, Opening, Acceptor, FundingCreated) {
    let (accepted, acceptor) = two.accepted();
    let transaction = funding_transaction(&accepted);
    let funding = OutPoint::new(transaction.compute_txid(), 0);
    let (channel, _, opening) = accepted.fund(funding, transaction).unwrap();
    let commitment = channel.counterparty_commitment().unwrap();
    let created = FundingCreated {
        temporary_channel_id: acceptor.message().temporary_channel_id,
        funding,
        signature: two.a.sign_commitment(channel.params(), &commitment).0,
    };
    (channel, opening, acceptor, created)
}

#[test]
fn funding_created_that_does_not_fit_is_refused() {
    let two = Two::new(Config::default());
    let (_, _, acceptor, created) = funded(&two);
    let try_it = |change: &dyn Fn(&mut FundingCreated)| {
        let mut created = created.clone();
        change(&mut created);
        acceptor
            .clone()
            .funding_created(created, &Signing::Real)
            .unwrap_err()
    };
    let id = try_it(&|created| created.temporary_channel_id = TemporaryChannelId([9; 32]));
    assert!(matches!(id, OpeningError::WrongTemporaryId { .. }));
    let signature = try_it(&|created| created.funding.vout = 1);
    assert!(matches!(
        signature,
        OpeningError::Commitment(ChannelError::Signature(_))
    ));
    let null = try_it(&|created| created.funding.txid = OutPoint::null().txid);
    assert!(matches!(null, OpeningError::FundingOutpoint { .. }));
    let wide = try_it(&|created| created.funding.vout = 65_536);
    assert!(matches!(wide, OpeningError::FundingOutpoint { .. }));
}

#[test]
fn opening_transcript_rebuilds_the_same_channel() {
    let two = Two::new(Config::default());
    let (channel, opening, acceptor, created) = funded(&two);
    let context = Context {
        verifier: &Signing::Real,
        limits: &two.config.limits,
    };
    let bytes = postcard::to_allocvec(&opening).unwrap();
    let read: Opening = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(read, opening);
    assert_eq!(read.rebuild(&context).unwrap().0, channel);
    let (channel, actions, opening) = acceptor.funding_created(created, &Signing::Real).unwrap();
    assert_eq!(opening.rebuild(&context).unwrap(), (channel, actions));
}

#[test]
fn opening_transcript_that_breaks_a_rule_is_refused() {
    let two = Two::new(Config::default());
    let (_, opening, _, _) = funded(&two);
    let context = Context {
        verifier: &Signing::Real,
        limits: &two.config.limits,
    };
    let Opening::Opener(mut opening) = opening else {
        panic!("the opener's");
    };
    opening.accept.side.to_self_delay = 5_000;
    assert!(Opening::Opener(opening).rebuild(&context).is_err());
}

#[test]
fn acceptor_promises_only_a_script_that_a_close_can_pay() {
    let two = Two::new(Config::default());
    let open = two.open().unwrap().message().clone();
    let acceptor = two.acceptor(open).unwrap();
    let anyone = ScriptBuf::from_bytes(vec![0x51]);
    let refusal = acceptor.clone().promising(anyone.clone()).unwrap_err();
    let by = Side::Holder;
    assert_eq!(refusal, OpeningError::ShutdownScript { by, script: anyone });
    let promised = acceptor.promising(script(9)).unwrap();
    let said = &promised.message().side.upfront_shutdown_script;
    assert_eq!(said.as_ref(), Some(&script(9)));
}
