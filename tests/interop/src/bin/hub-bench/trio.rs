//! A payer, a hub and a payee of one kind.

use std::fs;

use bitcoin::Amount;
use zarnitsa_interop::ldk::{Ldk, LdkError};
use zarnitsa_interop::link::until_in_mempool;
use zarnitsa_interop::ours::Ours as _;
use zarnitsa_interop::protocol::{Order, Outcome};
use zarnitsa_interop::world::{Ours, World};
use zarnitsa_tests::wait;

/// Each of the two channels holds this much.
const SAT: u64 = 16_000_000;
/// One payment.
const MSAT: u64 = 1_000_000;

/// What is compared.
pub trait Trio: Sync {
    /// Of the table's rows.
    fn name(&self) -> &'static str;
    /// A new invoice of the payee.
    fn invoice(&self) -> String;
    /// The payer pays it, and has the proof.
    fn pay(&self, invoice: &str);
    /// What the three have written to disk so far.
    fn written_bytes(&self) -> u64;
    /// How often the three have waited for the disk so far, where they tell.
    fn syncs(&self) -> Option<u64>;
}

/// Of a process, as the kernel counts it: what really goes to the disk.
fn written(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).expect("it runs");
    let bytes = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    bytes
        .and_then(|bytes| bytes.parse().ok())
        .expect("the kernel counts it")
}

/// Three of our nodes.
pub struct OurTrio {
    payer: Ours,
    hub: Ours,
    payee: Ours,
}

impl OurTrio {
    /// Starts them and opens both channels.
    pub fn start(world: &World) -> Self {
        let trio = Self {
            payer: world.ours("payer", "user"),
            hub: world.ours("hub", "hub"),
            payee: world.ours("payee", "user"),
        };
        for (from, to) in [(&trio.payer, &trio.hub), (&trio.hub, &trio.payee)] {
            world.fund_ours(from, Amount::from_sat(SAT + 1_000_000));
            let uri = to.api().info().expect("its info").uri;
            let opened = from.api().open_announced(&uri, SAT, 0);
            let opened = opened.unwrap_or_else(|error| panic!("no channel: {error}"));
            until_in_mempool(world, &opened.opening_txid);
            world.mine(6, &[&trio.payer, &trio.hub, &trio.payee], &[]);
            for side in [from, to] {
                wait::until("the channel is usable", || {
                    let channel = side.api().channel(&opened.channel_id).ok()?;
                    (channel.state == "normal").then_some(())
                });
            }
        }
        // Until the payer knows the way.
        wait::until("the payer can pay the payee", || {
            let paid = trio.payer.api().pay(&trio.invoice()).ok()?;
            (paid.status == "succeeded").then_some(())
        });
        trio
    }

    fn all(&self) -> [&Ours; 3] {
        [&self.payer, &self.hub, &self.payee]
    }
}

impl Trio for OurTrio {
    fn name(&self) -> &'static str {
        "zarnitsa"
    }

    fn invoice(&self) -> String {
        let invoice = self.payee.api().invoice(MSAT, "benchmark");
        invoice.expect("an invoice").invoice
    }

    fn pay(&self, invoice: &str) {
        let paid = self.payer.api().pay(invoice).expect("an outcome");
        assert_eq!(paid.status, "succeeded", "{paid:?}");
    }

    fn written_bytes(&self) -> u64 {
        self.all().map(|node| written(node.pid())).iter().sum()
    }

    /// Each block of a ledger is one sync.
    fn syncs(&self) -> Option<u64> {
        let heights = self.all().map(|node| {
            let info = node.api().info().expect("its info");
            info.ledger_height
        });
        Some(heights.iter().sum())
    }
}

/// Three ldk-nodes.
pub struct LdkTrio {
    payer: Ldk,
    hub: Ldk,
    payee: Ldk,
}

impl LdkTrio {
    /// Starts them and opens both channels.
    pub fn start(world: &World) -> Self {
        let trio = Self {
            payer: world.ldk("payer"),
            hub: world.ldk("hub"),
            payee: world.ldk("payee"),
        };
        for (from, to) in [(&trio.payer, &trio.hub), (&trio.hub, &trio.payee)] {
            world.fund_ldk(from, Amount::from_sat(SAT + 1_000_000));
            let order = Order::Open {
                node_id: to.node_id().to_owned(),
                address: to.listen().to_string(),
                sat: SAT,
                push_msat: 0,
                announce: true,
            };
            from.line().ask::<()>(order).expect("a channel");
            wait::until("the opening is in the mempool", || {
                (!world.bitcoind.mempool().is_empty()).then_some(())
            });
            world.mine(6, &[], &[&trio.payer, &trio.hub, &trio.payee]);
            for side in [from, to] {
                wait::until("the channel is usable", || {
                    let channels = side.line().channels();
                    channels.iter().all(|channel| channel.usable).then_some(())
                });
            }
        }
        wait::until("the payer knows both channels", || {
            let known: [usize; 2] = trio.payer.line().ask(Order::Graph).ok()?;
            (known == [2, 2]).then_some(())
        });
        trio
    }

    fn all(&self) -> [&Ldk; 3] {
        [&self.payer, &self.hub, &self.payee]
    }
}

impl Trio for LdkTrio {
    fn name(&self) -> &'static str {
        "ldk-node"
    }

    fn invoice(&self) -> String {
        self.payee.line().invoice(MSAT)
    }

    /// With many under way ldk-node refuses some at once, and takes them a moment later: its users try again, as here.
    fn pay(&self, invoice: &str) {
        wait::until("ldk-node pays", || match self.payer.line().pay(invoice) {
            Ok(Outcome::Paid { .. }) => Some(()),
            Err(LdkError::Refused(_)) => None,
            outcome => panic!("not paid: {outcome:?}"),
        });
    }

    fn written_bytes(&self) -> u64 {
        self.all().map(|node| written(node.pid())).iter().sum()
    }

    fn syncs(&self) -> Option<u64> {
        None
    }
}
