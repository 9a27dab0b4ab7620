//! Several nodes of both kinds, and the channels between them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bitcoin::Amount;
use serde_json::Value;
use zarnitsa_tests::api::{Api, CallError};
use zarnitsa_tests::wait;

use crate::ldk::{Ldk, LdkError, Line};
use crate::link::{agree, until_in_mempool, Plan};
use crate::ours::Ours as _;
use crate::protocol::{Order, Outcome};
use crate::world::{Ours, World};

/// How long a node may take to learn of a channel between others.
const GOSSIP: Duration = Duration::from_secs(60);
/// A payment has ended after this time, whatever becomes of it: either node gives up looking for ways before.
const PAYMENT: Duration = Duration::from_secs(180);
/// Between two blocks, while a test waits for what is told with them.
const BETWEEN_BLOCKS: Duration = Duration::from_secs(3);
/// Coins that a wallet needs beside its channels.
const BESIDE_SAT: u64 = 200_000;

/// A node of either kind.
pub enum Member {
    /// Ours.
    Ours(Ours),
    /// ldk-node.
    Ldk(Ldk),
}

/// Its orders' way, for any thread.
#[derive(Clone)]
pub enum Hand {
    /// Ours.
    Ours(Api),
    /// ldk-node.
    Ldk(Line),
}

/// What a payer was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Paid, for this fee.
    Paid {
        /// In msat.
        fee_msat: u64,
    },
    /// Not paid.
    Failed(String),
    /// The node went away meanwhile.
    Nothing,
}

impl Member {
    /// What the test calls it.
    pub fn name(&self) -> &str {
        match self {
            Self::Ours(node) => node.name(),
            Self::Ldk(node) => node.name(),
        }
    }

    /// Its identity.
    ///
    /// # Panics
    /// If it does not run.
    pub fn node_id(&self) -> String {
        match self {
            Self::Ours(node) => node.api().info().expect("its info").node_id,
            Self::Ldk(node) => node.node_id().to_owned(),
        }
    }

    fn address(&self) -> String {
        match self {
            Self::Ours(node) => node.lightning_address().to_string(),
            Self::Ldk(node) => node.listen().to_string(),
        }
    }

    /// For any thread.
    pub fn hand(&self) -> Hand {
        match self {
            Self::Ours(node) => Hand::Ours(node.api()),
            Self::Ldk(node) => Hand::Ldk(node.line()),
        }
    }

    /// Goes down: ours by `kill -9` if `hard`, else in order; ldk-node only in order, for a kill may cost it its channels
    /// (see [`Ldk::has_lost_channels`]).
    ///
    /// # Panics
    /// If it goes on running.
    pub fn down(&mut self, hard: bool) {
        match self {
            Self::Ours(node) if hard => node.kill_hard(),
            Self::Ours(node) => node.stop(),
            Self::Ldk(node) => node.stop(),
        }
    }

    /// Comes up again.
    ///
    /// # Panics
    /// If it does not.
    pub fn up(&mut self) {
        match self {
            Self::Ours(node) => node.start(),
            Self::Ldk(node) => node.start(),
        }
    }
}

impl Hand {
    /// An invoice, if the node is there.
    pub fn invoice(&self, msat: u64) -> Option<String> {
        match self {
            Self::Ours(api) => Some(api.invoice(msat, "for anybody").ok()?.invoice),
            Self::Ldk(line) => line.ask(Order::Invoice { msat: Some(msat) }).ok(),
        }
    }

    /// Pays, and waits for the outcome.
    pub fn pay(&self, invoice: &str) -> Told {
        match self {
            Self::Ours(api) => match api.pay(invoice) {
                Ok(payment) if payment.status == "succeeded" => Told::Paid {
                    fee_msat: payment.fee_msat,
                },
                Ok(payment) => Told::Failed(format!("{payment:?}")),
                Err(CallError::Unreachable(_)) => Told::Nothing,
                Err(error) if ["timeout", "stopping"].contains(&error.code()) => Told::Nothing,
                Err(error) => Told::Failed(error.to_string()),
            },
            Self::Ldk(line) => told_by_ldk(line.pay(invoice)),
        }
    }

    /// Calls a peer, if the node is there and they are not connected; it may fail while one of them is starting.
    fn dial(&self, node_id: &str, address: &str) {
        match self {
            Self::Ours(api) => {
                let _ = api.connect(&format!("{node_id}@{address}"));
            }
            Self::Ldk(line) => {
                let (node_id, address) = (node_id.to_owned(), address.to_owned());
                let _ = line.ask::<()>(Order::Connect { node_id, address });
            }
        }
    }

    /// Pays without an invoice.
    pub fn keysend(&self, node_id: &str, msat: u64) -> Told {
        match self {
            Self::Ours(api) => match api.keysend(node_id, msat) {
                Ok(payment) if payment.status == "succeeded" => Told::Paid {
                    fee_msat: payment.fee_msat,
                },
                Ok(payment) => Told::Failed(format!("{payment:?}")),
                Err(error) => Told::Failed(error.to_string()),
            },
            Self::Ldk(line) => told_by_ldk(line.keysend(node_id, msat)),
        }
    }

    /// What it knows of the network, for a failure to show.
    fn map(&self) -> Value {
        let known = match self {
            Self::Ours(api) => api.network().map_err(|error| error.to_string()),
            Self::Ldk(line) => line.ask(Order::Graph).map_err(|error| format!("{error:?}")),
        };
        known.unwrap_or_else(Value::String)
    }

    /// Hashes and amounts of the payments that it made and that succeeded, and how many are under way.
    ///
    /// # Panics
    /// If it does not run.
    pub fn sent(&self) -> (Vec<(String, u64)>, usize) {
        match self {
            Self::Ours(api) => {
                let all = api.payments().expect("its payments");
                let pending = all.iter().filter(|one| one.status == "pending").count();
                let done = all.into_iter().filter(|one| one.status == "succeeded");
                let done = done.map(|one| (one.payment_hash, one.amount_msat));
                (done.collect(), pending)
            }
            Self::Ldk(line) => {
                let mut all = line.payments();
                all.retain(|one| !one.inbound);
                let pending = all.iter().filter(|one| one.status == "pending").count();
                let done = all.into_iter().filter(|one| one.status == "succeeded");
                (done.map(|one| (one.hash, one.msat)).collect(), pending)
            }
        }
    }

    /// Hashes and amounts of what it was paid.
    ///
    /// # Panics
    /// If it does not run.
    pub fn received(&self) -> Vec<(String, u64)> {
        match self {
            Self::Ours(api) => {
                let all = api.invoices().expect("its invoices");
                let paid = all.into_iter().filter_map(|one| {
                    let msat = one.received_msat?;
                    (one.status == "paid").then_some((one.payment_hash, msat))
                });
                paid.collect()
            }
            Self::Ldk(line) => {
                let all = line.payments().into_iter();
                let paid = all.filter(|one| one.inbound && one.status == "succeeded");
                paid.map(|one| (one.hash, one.msat)).collect()
            }
        }
    }
}

fn told_by_ldk(outcome: Result<Outcome, LdkError>) -> Told {
    match outcome {
        Ok(Outcome::Paid { fee_msat, .. }) => Told::Paid { fee_msat },
        Ok(Outcome::Failed { reason }) => Told::Failed(reason),
        Err(LdkError::Refused(error)) => Told::Failed(error),
        Err(LdkError::Gone) => Told::Nothing,
    }
}

/// A channel between two members, by their places.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Its id.
    pub id: String,
    /// Who opened it.
    pub from: usize,
    /// Who accepted it.
    pub to: usize,
}

/// The members and their channels.
pub struct Net {
    // The members end before their world.
    /// The nodes.
    pub members: Vec<Member>,
    /// The channels.
    pub edges: Vec<Edge>,
    /// Their chain.
    pub world: World,
}

impl Net {
    /// Starts nodes by these names; `ldk...` is ldk-node, `hub...` a hub of ours, all else a user of ours.
    pub fn start(world: World, names: &[&str]) -> Self {
        let members = names.iter().map(|name| match name {
            name if name.starts_with("ldk") => Member::Ldk(world.ldk(name)),
            name if name.starts_with("hub") => Member::Ours(world.ours(name, "hub")),
            name => Member::Ours(world.ours(name, "user")),
        });
        Self {
            members: members.collect(),
            edges: Vec::new(),
            world,
        }
    }

    /// Mines blocks, and waits until everybody has seen them.
    ///
    /// # Panics
    /// If one of ours does not.
    pub fn mine(&self, blocks: u32) {
        self.world.bitcoind.mine(blocks);
        let (mut ours, mut ldks) = (Vec::new(), Vec::new());
        for member in &self.members {
            match member {
                Member::Ours(node) => ours.push(&**node),
                Member::Ldk(node) => ldks.push(node),
            }
        }
        self.world.until_seen(&ours, &ldks);
    }

    /// Opens a channel from one to another, and waits until it is usable.
    ///
    /// # Panics
    /// If it does not come to that.
    pub fn open(&mut self, from: usize, to: usize, plan: Plan) -> &Edge {
        let (opener, acceptor) = (&self.members[from], &self.members[to]);
        let (node_id, address) = (acceptor.node_id(), acceptor.address());
        let coins = Amount::from_sat(plan.sat + BESIDE_SAT);
        let id = match opener {
            Member::Ours(node) => {
                self.world.fund_ours(node, coins);
                let uri = format!("{node_id}@{address}");
                let opened = if plan.announce {
                    node.api().open_announced(&uri, plan.sat, plan.push_msat)
                } else {
                    node.api().open(&uri, plan.sat, plan.push_msat)
                };
                let opened = opened.unwrap_or_else(|error| panic!("no channel: {error}"));
                until_in_mempool(&self.world, &opened.opening_txid);
                opened.channel_id
            }
            Member::Ldk(node) => {
                self.world.fund_ldk(node, coins);
                let known = |line: &Line| -> Vec<String> {
                    let all = line.channels().into_iter();
                    all.map(|one| one.channel_id).collect()
                };
                let before = known(&node.line());
                let order = Order::Open {
                    node_id,
                    address,
                    sat: plan.sat,
                    push_msat: plan.push_msat,
                    announce: plan.announce,
                };
                node.line().ask::<()>(order).expect("a channel");
                wait::until("the opening is in the mempool", || {
                    (!self.world.bitcoind.mempool().is_empty()).then_some(())
                });
                let now = known(&node.line());
                let mut new = now.into_iter().filter(|id| !before.contains(id));
                new.next().expect("a new channel")
            }
        };
        self.mine(6);
        let edge = Edge { id, from, to };
        self.until_usable(&edge);
        self.edges.push(edge);
        &self.edges[self.edges.len() - 1]
    }

    /// Waits until both ends of a channel call it usable.
    ///
    /// # Panics
    /// If one never does.
    pub fn until_usable(&self, edge: &Edge) {
        for place in [edge.from, edge.to] {
            let member = &self.members[place];
            let what = format!("{} can use {}", member.name(), edge.id);
            wait::within(GOSSIP, &what, || match member.hand() {
                Hand::Ours(api) => (api.channel(&edge.id).ok()?.state == "normal").then_some(()),
                Hand::Ldk(line) => line.channel(&edge.id)?.usable.then_some(()),
            });
        }
    }

    /// As [`Self::until_usable`], and the one end calls the other as an operator would who waits for it.
    ///
    /// # Panics
    /// If one never does.
    pub fn until_connected(&self, edge: &Edge) {
        let (from, to) = (&self.members[edge.from], &self.members[edge.to]);
        let usable = |member: &Member| match member.hand() {
            Hand::Ours(api) => api.channel(&edge.id).is_ok_and(|it| it.state == "normal"),
            Hand::Ldk(line) => line.channel(&edge.id).is_some_and(|it| it.usable),
        };
        let what = format!("{} and {} can use {}", from.name(), to.name(), edge.id);
        wait::within(GOSSIP, &what, || {
            if usable(from) && usable(to) {
                return Some(());
            }
            from.hand().dial(&to.node_id(), &to.address());
            None
        });
    }

    /// Waits until no member has a payment under way that it made.
    ///
    /// # Panics
    /// If one is stuck.
    pub fn until_all_have_ended(&self) {
        for member in &self.members {
            let hand = member.hand();
            let what = format!("no payment of {} is under way", member.name());
            wait::within(PAYMENT, &what, || (hand.sent().1 == 0).then_some(()));
        }
    }

    /// Whoever says that it has paid has paid somebody who says so too, and as much; and nobody was paid beside.
    ///
    /// # Panics
    /// If the members' books differ.
    pub fn check_books(&self) {
        let (mut sent, mut received) = (BTreeMap::new(), BTreeMap::new());
        for member in &self.members {
            let hand = member.hand();
            let name = |(hash, msat)| (hash, (msat, member.name()));
            sent.extend(hand.sent().0.into_iter().map(name));
            received.extend(hand.received().into_iter().map(name));
        }
        let amounts = |books: &BTreeMap<String, (u64, &str)>, others: &BTreeMap<_, (u64, &str)>| {
            let alone = books.iter().filter(|(hash, (msat, _))| {
                let other = others.get(*hash);
                other.map(|(other, _)| other) != Some(msat)
            });
            alone
                .map(|(hash, (msat, name))| format!("{hash}: {msat} msat by {name}"))
                .collect::<Vec<_>>()
        };
        let (lost, found) = (amounts(&sent, &received), amounts(&received, &sent));
        assert!(
            lost.is_empty() && found.is_empty(),
            "sent, not received: {lost:#?}; received, not sent: {found:#?}"
        );
    }

    /// The first payment on a way that the payer may still have to learn of; answers its fee.
    ///
    /// # Panics
    /// If it never succeeds.
    pub fn first_payment(&self, payer: usize, payee: usize, msat: u64) -> u64 {
        let (from, to) = (self.members[payer].hand(), self.members[payee].hand());
        let (mut why, late) = (Told::Nothing, Instant::now() + GOSSIP);
        let mut mined = Instant::now();
        wait::within(GOSSIP * 2, "the payer knows the way", || {
            why = from.pay(&to.invoice(msat)?);
            // As the chain goes on: with a block nodes say again what may have been lost on its way.
            if mined.elapsed() > BETWEEN_BLOCKS {
                self.mine(1);
                mined = Instant::now();
            }
            let what = || format!("never paid: {why:?}; it knows {}", from.map());
            assert!(Instant::now() < late, "{}", what());
            match why {
                Told::Paid { fee_msat } => Some(fee_msat),
                _ => None,
            }
        })
    }

    /// Waits until no payment is under way anywhere, then checks that in each channel both ends say the same and that
    /// nothing is lost. Answers what the members have in channels altogether, in msat.
    ///
    /// # Panics
    /// If a payment is stuck, or the ends differ.
    pub fn check_balances(&self) -> u64 {
        self.edges.iter().map(|edge| self.check_edge(edge)).sum()
    }

    fn check_edge(&self, edge: &Edge) -> u64 {
        let (from, to) = (self.members[edge.from].hand(), self.members[edge.to].hand());
        let mut seen = String::new();
        let late = Instant::now() + GOSSIP;
        wait::within(GOSSIP * 2, "both ends agree", || {
            let agreed = match (&from, &to) {
                (Hand::Ours(one), Hand::Ours(other)) => {
                    let (one, other) = (one.channel(&edge.id).ok()?, other.channel(&edge.id).ok()?);
                    seen = format!("{one:?} {other:?}");
                    let quiet = one.htlcs.is_empty() && other.htlcs.is_empty();
                    let same = one.local_msat == other.remote_msat
                        && one.remote_msat == other.local_msat
                        && one.local_msat + one.remote_msat == one.capacity_sat * 1_000;
                    (quiet && same).then_some(one.capacity_sat * 1_000)
                }
                (Hand::Ours(ours), Hand::Ldk(ldk)) | (Hand::Ldk(ldk), Hand::Ours(ours)) => {
                    let (ours, ldk) = (ours.channel(&edge.id).ok()?, ldk.channel(&edge.id)?);
                    seen = format!("{ours:?} {ldk:?}");
                    agree(&ours, &ldk).then_some(ours.capacity_sat * 1_000)
                }
                // Between two ldk-nodes there is nothing of ours to check.
                (Hand::Ldk(_), Hand::Ldk(_)) => Some(0),
            };
            assert!(agreed.is_some() || Instant::now() < late, "{seen}");
            agreed
        })
    }

    /// `zarnitsa ledger verify` on each of ours.
    ///
    /// # Panics
    /// If a ledger does not hold.
    pub fn verify_ledgers(&self) {
        for member in &self.members {
            if let Member::Ours(node) = member {
                self.world.verify_ledgers(&[&**node]);
            }
        }
    }
}
