//! A channel between two parties, from open_channel on.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::PublicKey;
use bitcoin::transaction::Version;
use bitcoin::{Amount, BlockHash, OutPoint, ScriptBuf, Transaction, TxIn};
use zarnitsa_channel::action::{Action, Event};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{ChainEvent, LocalCommand};
use zarnitsa_channel::ids::{HtlcId, KeysId, PaymentHash, PaymentPreimage, TemporaryChannelId};
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::message::{OutgoingMessage, PeerMessage};
use zarnitsa_channel::opening::{
    AcceptTerms, AcceptedOpener, Acceptor, HolderPoints, OpenTerms, Opener,
};
use zarnitsa_channel::params::{ChannelParams, ChannelType, CommitmentFormat, Side, SideParams};
use zarnitsa_channel::script::channel_funding_redeemscript;

use super::keys::{Keys, Signing};
use super::party::{Party, Wire};
use super::rng::Rng;

/// What a test may want to be different.
#[derive(Clone, Debug)]
pub struct Config {
    pub signing: Signing,
    pub format: CommitmentFormat,
    pub zero_conf: bool,
    pub capacity: Amount,
    pub push: Msat,
    pub feerate_per_kw: u32,
    pub minimum_depth: u32,
    pub limits: Limits,
    /// Of both sides; each may be changed by `opener` and `acceptor`.
    pub dust_limit: Amount,
    pub reserve: Amount,
    pub htlc_minimum: Msat,
    pub max_in_flight: Msat,
    pub max_accepted: u16,
    pub upfront: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            signing: Signing::Real,
            format: CommitmentFormat::Anchors,
            zero_conf: false,
            capacity: Amount::from_sat(1_000_000),
            push: Msat::new(300_000_000),
            feerate_per_kw: 1_000,
            minimum_depth: 3,
            limits: Limits::default(),
            dust_limit: Amount::from_sat(354),
            reserve: Amount::from_sat(10_000),
            htlc_minimum: Msat::new(1),
            max_in_flight: Msat::new(1_000_000_000),
            max_accepted: 483,
            upfront: true,
        }
    }
}

/// A script that a wallet would own.
pub fn script(tag: u8) -> ScriptBuf {
    ScriptBuf::from_bytes([&[0, 20][..], &[tag; 20]].concat())
}

impl Config {
    fn side(&self, keys: &Keys, tag: u8) -> SideParams {
        SideParams {
            keys: keys.public(),
            dust_limit: self.dust_limit,
            max_htlc_value_in_flight: self.max_in_flight,
            channel_reserve: self.reserve,
            htlc_minimum: self.htlc_minimum,
            max_accepted_htlcs: self.max_accepted,
            to_self_delay: 144 + u16::from(tag),
            upfront_shutdown_script: self.upfront.then(|| script(tag)),
        }
    }

    pub fn open_terms(&self, keys: &Keys, peer: PublicKey) -> OpenTerms {
        OpenTerms {
            peer,
            temporary_channel_id: TemporaryChannelId([5; 32]),
            keys_id: KeysId([1; 32]),
            funding_amount: self.capacity,
            push: self.push,
            feerate_per_kw: self.feerate_per_kw,
            announce: false,
            channel_type: ChannelType {
                format: self.format,
                scid_alias: false,
                zero_conf: self.zero_conf,
            },
            side: self.side(keys, 1),
            points: points(keys),
        }
    }

    pub fn accept_terms(&self, keys: &Keys, peer: PublicKey) -> AcceptTerms {
        AcceptTerms {
            peer,
            keys_id: KeysId([2; 32]),
            minimum_depth: if self.zero_conf {
                0
            } else {
                self.minimum_depth
            },
            side: self.side(keys, 2),
            points: points(keys),
        }
    }
}

pub fn points(keys: &Keys) -> HolderPoints {
    HolderPoints {
        first: keys.point_of(0),
        second: keys.point_of(1),
    }
}

/// The opener is `a`, the acceptor `b`.
pub struct Pair {
    pub a: Party,
    pub b: Party,
}

/// A funding transaction of one output.
pub fn funding_transaction(accepted: &AcceptedOpener) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn::default()],
        output: vec![accepted.funding_output()],
    }
}

/// The event that the opening transaction is deep enough.
pub fn confirmed(party: &Party) -> ChainEvent {
    confirmed_at(party.channel.params(), 100)
}

/// The same, in the block of that height.
pub fn confirmed_at(params: &ChannelParams, block_height: u32) -> ChainEvent {
    ChainEvent::OpeningConfirmed {
        block_hash: BlockHash::all_zeros(),
        block_height,
        transaction_index: 1,
        confirmations: params.minimum_depth.max(1),
        output_value: params.capacity,
        output_script: channel_funding_redeemscript(params).to_p2wsh(),
        coinbase: false,
    }
}

impl Pair {
    /// Up to funding_created: `a` awaits funding_signed, `b` confirmations. Also what `b` sends.
    pub fn funded(config: &Config, seed: u64) -> (Self, Vec<Wire>) {
        let mut rng = Rng::new(seed);
        let a_keys = Keys::new(&mut rng, config.signing);
        let b_keys = Keys::new(&mut rng, config.signing);
        let (a_id, b_id) = (a_keys.public().funding, b_keys.public().funding);
        let opener = Opener::new(config.open_terms(&a_keys, b_id), &config.limits).unwrap();
        let open = opener.message().clone();
        let acceptor =
            Acceptor::new(open, config.accept_terms(&b_keys, a_id), &config.limits).unwrap();
        let accepted = opener
            .accept(acceptor.message().clone(), &config.limits)
            .unwrap();
        let transaction = funding_transaction(&accepted);
        let funding = OutPoint {
            txid: transaction.compute_txid(),
            vout: 0,
        };
        let (channel, actions, _) = accepted.fund(funding, transaction).unwrap();
        let a = Party {
            keys: a_keys,
            limits: config.limits.clone(),
            channel,
        };
        let created = match a.wires(&actions).as_slice() {
            [Wire::FundingCreated(created)] => created.clone(),
            other => panic!("{other:?} is not funding_created"),
        };
        let (channel, actions, _) = acceptor.funding_created(created, &config.signing).unwrap();
        let b = Party {
            keys: b_keys,
            limits: config.limits.clone(),
            channel,
        };
        let replies = b.wires(&actions);
        (Self { a, b }, replies)
    }

    /// Both await confirmations.
    pub fn signed(config: &Config, seed: u64) -> Self {
        let (mut pair, replies) = Self::funded(config, seed);
        for reply in replies {
            pair.a.receive(reply.message()).unwrap();
        }
        pair
    }

    /// Both in normal operation.
    pub fn normal(config: &Config, seed: u64) -> Self {
        let mut pair = Self::signed(config, seed);
        let from_a = pair.a.chain(confirmed(&pair.a)).unwrap();
        let from_b = pair.b.chain(confirmed(&pair.b)).unwrap();
        pair.exchange(from_a, from_b);
        assert!(pair.a.channel.is_usable() && pair.b.channel.is_usable());
        pair
    }

    /// Delivers both sides' messages and what follows, committing whenever that is due, until all is quiet. Gives all that
    /// both were told.
    pub fn exchange(
        &mut self,
        from_a: Vec<Action>,
        from_b: Vec<Action>,
    ) -> (Vec<Event>, Vec<Event>) {
        let (mut told_a, mut told_b) = (Vec::new(), Vec::new());
        let (mut from_a, mut from_b) = (from_a, from_b);
        loop {
            told_a.extend(events(&from_a));
            told_b.extend(events(&from_b));
            let (to_b, to_a) = (self.a.wires(&from_a), self.b.wires(&from_b));
            from_a = deliver(&mut self.a, to_a);
            from_b = deliver(&mut self.b, to_b);
            if self.a.channel.commitment_due() {
                from_a.extend(self.a.local(LocalCommand::Commit).unwrap());
            }
            if self.b.channel.commitment_due() {
                from_b.extend(self.b.local(LocalCommand::Commit).unwrap());
            }
            if from_a.is_empty() && from_b.is_empty() {
                return (told_a, told_b);
            }
        }
    }

    /// Until all is quiet.
    pub fn settle(&mut self) -> (Vec<Event>, Vec<Event>) {
        self.exchange(Vec::new(), Vec::new())
    }

    /// Both send channel_reestablish on a new connection; then everything goes on until it is quiet.
    pub fn reconnect(&mut self) -> (Vec<Event>, Vec<Event>) {
        let from_a = self.a.channel.reestablish().unwrap();
        let from_b = self.b.channel.reestablish().unwrap();
        let from_a = vec![Action::Send(OutgoingMessage::ChannelReestablish(from_a))];
        let from_b = vec![Action::Send(OutgoingMessage::ChannelReestablish(from_b))];
        self.exchange(from_a, from_b)
    }

    /// An HTLC of `msat` from `side`'s party (Holder is `a`), committed on both sides.
    pub fn add_htlc(&mut self, from: Side, msat: u64, preimage: PaymentPreimage) -> HtlcId {
        let party = self.party(from);
        party.local(add(msat, preimage.payment_hash())).unwrap();
        let id = party
            .channel
            .htlcs()
            .filter(|htlc| htlc.offered_by == Side::Holder)
            .map(|htlc| htlc.id)
            .max()
            .unwrap();
        self.settle();
        id
    }

    pub fn party(&mut self, side: Side) -> &mut Party {
        match side {
            Side::Holder => &mut self.a,
            Side::Counterparty => &mut self.b,
        }
    }
}

pub fn events(actions: &[Action]) -> Vec<Event> {
    let told = actions.iter().filter_map(|action| match action {
        Action::Tell(event) => Some(event.clone()),
        Action::Send(_) | Action::Broadcast(_) => None,
    });
    told.collect()
}

fn deliver(to: &mut Party, wires: Vec<Wire>) -> Vec<Action> {
    let answers = wires
        .into_iter()
        .flat_map(|wire| to.receive(wire.message()).unwrap());
    answers.collect()
}

/// A local update_add_htlc.
pub fn add(msat: u64, payment_hash: PaymentHash) -> LocalCommand {
    LocalCommand::AddHtlc {
        amount: Msat::new(msat),
        payment_hash,
        cltv_expiry: 500,
    }
}

pub fn preimage(tag: u8) -> PaymentPreimage {
    PaymentPreimage([tag; 32])
}

/// The only message of its kind in `actions`.
pub fn only_message(party: &Party, actions: &[Action]) -> PeerMessage {
    match party.wires(actions).as_slice() {
        [Wire::Message(message)] => message.clone(),
        other => panic!("{other:?} is not one message"),
    }
}
