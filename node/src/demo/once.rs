//! The story of `zarnitsa demo --once`: each user opens a channel to the hub, pays it, is paid back, closes the channel.
//! Then sums: bitcoind's coins against the ledgers' balances, to the satoshi.

use anyhow::{bail, Context};
use bitcoin::{Amount, Txid};
use serde_json::json;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;

use super::node::Node;
use super::report::{ChannelEnd, NodeBalance, NodeLedger, PaidOnce, Report};
use super::world::{World, SETTLED};
use crate::api::{
    Balance, ChannelClosed, ChannelOpened, ChannelState, ChannelSummary, Invoice, LedgerHead,
    LedgerReport, LedgerWork, NodeInfo, Payment, PaymentStatus, Utxo,
};

/// Each user's channel.
const CAPACITY: Amount = Amount::from_sat(1_000_000);
/// From the user to the hub.
const THERE: Amount = Amount::from_sat(250_000);
/// And back.
const BACK: Amount = Amount::from_sat(100_000);

/// Plays it.
pub fn play(world: &mut World) -> anyhow::Result<Report> {
    world.endow()?;
    let before = world
        .nodes()
        .map(|node| coins(world, node))
        .collect::<Result<Vec<_>, _>>()?;
    let mut stories = Vec::new();
    for user in &world.users {
        stories.push(Story::play(world, user)?);
        world.interrupted()?;
    }
    eprintln!("comparing coins and ledgers");
    let mut balances = Vec::new();
    for (node, before) in world.nodes().zip(before) {
        balances.push(balance(world, node, before, &stories)?);
    }
    let ledger = world.nodes().map(ledger).collect::<Result<Vec<_>, _>>()?;
    let mut report = Report {
        opening_txids: stories.iter().map(|story| story.opening_txid).collect(),
        closing_txids: stories.iter().map(|story| story.closing_txid).collect(),
        channels: stories.iter().map(|story| story.end.clone()).collect(),
        payments: stories
            .into_iter()
            .flat_map(|story| story.payments)
            .collect(),
        balances,
        ledger,
        differences: Vec::new(),
    };
    report.differences = report.find_differences();
    Ok(report)
}

/// One user's part.
struct Story {
    user: &'static str,
    opening_txid: Txid,
    opening_fee: Amount,
    closing_txid: Txid,
    payments: Vec<PaidOnce>,
    end: ChannelEnd,
}

impl Story {
    fn play(world: &World, user: &Node) -> anyhow::Result<Self> {
        let hub = &world.hub;
        eprintln!("{} opens a channel of {CAPACITY} to the hub", user.name);
        let opened = open(world, user)?;
        let payments = vec![pay(user, hub, THERE)?, pay(hub, user, BACK)?];
        let id = opened.channel_id;
        let [here, there] = [user, hub].map(|node| last_state(world, node, id));
        let (here, there) = (here?, there?);
        eprintln!("{} closes the channel", user.name);
        let request = json!({ "channel_id": id.to_string() });
        let closed: ChannelClosed = user.client()?.post("channels/close", request)?;
        world.bitcoind.mine(SETTLED)?;
        for node in [user, hub] {
            world.wait(&format!("{} sees the channel closed", node.name), || {
                let channel = channel(node, id)?;
                let over = matches!(channel.state, ChannelState::Closing | ChannelState::Closed);
                let same = channel.closing_txid == Some(closed.closing_txid);
                Ok((over && same).then_some(()))
            })?;
        }
        let opening = world.bitcoind.transaction(&opened.opening_txid)?;
        let closing = world.bitcoind.transaction(&closed.closing_txid)?;
        let end = ChannelEnd {
            channel_id: id,
            user_ledger_sat: whole_sat(here.local_msat)?,
            hub_ledger_sat: whole_sat(there.local_msat)?,
            closing_outputs_sat: closing
                .output
                .iter()
                .map(|output| output.value.to_sat())
                .sum(),
            closing_fee_sat: world.bitcoind.fee(&closing)?.to_sat(),
        };
        Ok(Self {
            user: user.name,
            opening_txid: opened.opening_txid,
            opening_fee: world.bitcoind.fee(&opening)?,
            closing_txid: closed.closing_txid,
            payments,
            end,
        })
    }
}

fn open(world: &World, user: &Node) -> anyhow::Result<ChannelOpened> {
    let hub: NodeInfo = world.hub.client()?.get("info")?;
    let request = json!({ "peer": hub.uri, "amount": format!("{}sat", CAPACITY.to_sat()) });
    let opened: ChannelOpened = user.client()?.post("channels", request)?;
    world.bitcoind.mine(SETTLED)?;
    for node in [user, &world.hub] {
        world.wait(&format!("{} may use the channel", node.name), || {
            let channel = channel(node, opened.channel_id)?;
            Ok((channel.state == ChannelState::Normal).then_some(()))
        })?;
    }
    Ok(opened)
}

fn pay(from: &Node, to: &Node, amount: Amount) -> anyhow::Result<PaidOnce> {
    eprintln!("{} pays {amount} to {}", from.name, to.name);
    let request = json!({ "amount": format!("{}sat", amount.to_sat()), "description": "demo" });
    let invoice: Invoice = to.client()?.post("invoices", request)?;
    let paid: Payment = from
        .client()?
        .post("payments", json!({ "invoice": invoice.invoice }))?;
    if paid.status != PaymentStatus::Succeeded {
        bail!(
            "{} could not pay {}: {:?}",
            from.name,
            to.name,
            paid.failure
        );
    }
    Ok(PaidOnce {
        from: from.name,
        to: to.name,
        payment_hash: paid.payment_hash,
        amount_sat: amount.to_sat(),
        fee_sat: whole_sat(paid.fee_msat)?,
    })
}

fn channel(node: &Node, id: ChannelId) -> anyhow::Result<ChannelSummary> {
    node.client()?.get(&format!("channels/{id}"))
}

/// The channel once nothing is under way in it.
fn last_state(world: &World, node: &Node, id: ChannelId) -> anyhow::Result<ChannelSummary> {
    world.wait(&format!("the channel of {} is at rest", node.name), || {
        let channel = channel(node, id)?;
        Ok(channel.htlcs.is_empty().then_some(channel))
    })
}

/// Payments here are in whole satoshis, so that nothing is rounded away.
fn whole_sat(amount: Msat) -> anyhow::Result<u64> {
    let msat = amount.to_msat();
    if !msat.is_multiple_of(1_000) {
        bail!("{msat} msat is not a whole number of satoshis");
    }
    Ok(msat / 1_000)
}

/// The node's coins as bitcoind has them: each output that the node names is looked up in the chain.
fn coins(world: &World, node: &Node) -> anyhow::Result<Amount> {
    let utxos: Vec<Utxo> = node.client()?.get("wallet/utxos")?;
    let mut sum = Amount::ZERO;
    for utxo in utxos {
        let value = world
            .bitcoind
            .unspent(&utxo.txid, utxo.vout)?
            .with_context(|| format!("bitcoind has no output {}:{}", utxo.txid, utxo.vout))?;
        sum = sum.checked_add(value).context("coins overflow")?;
    }
    Ok(sum)
}

fn balance(
    world: &World,
    node: &Node,
    before: Amount,
    stories: &[Story],
) -> anyhow::Result<NodeBalance> {
    // Who opened a channel pays its fees (BOLT 2, closing_signed: the opener).
    let own = || stories.iter().filter(|story| story.user == node.name);
    let payments = || stories.iter().flat_map(|story| &story.payments);
    let opening_fee_sat = own().map(|story| story.opening_fee.to_sat()).sum();
    let closing_fee_sat = own().map(|story| story.end.closing_fee_sat).sum();
    let sent = payments().filter(|payment| payment.from == node.name);
    let paid_sat: u64 = sent
        .map(|payment| payment.amount_sat + payment.fee_sat)
        .sum();
    let came = payments().filter(|payment| payment.to == node.name);
    let received_sat: u64 = came.map(|payment| payment.amount_sat).sum();
    let spent = [opening_fee_sat, closing_fee_sat, paid_sat];
    let expected_sat = spent
        .iter()
        .try_fold(before.to_sat() + received_sat, |sum, part| {
            sum.checked_sub(*part)
        })
        .with_context(|| format!("{} spent more than it had", node.name))?;
    // The wallet may be a block behind the channel.
    let settled = world.wait(&format!("{} has its coins back", node.name), || {
        let balance: Balance = node.client()?.get("balance")?;
        Ok((balance.onchain_sat == expected_sat).then_some(balance))
    });
    let node_says_sat = match settled {
        Ok(balance) => balance.onchain_sat,
        Err(_) => node.client()?.get::<Balance>("balance")?.onchain_sat,
    };
    Ok(NodeBalance {
        node: node.name,
        before_sat: before.to_sat(),
        after_sat: coins(world, node)?.to_sat(),
        node_says_sat,
        opening_fee_sat,
        closing_fee_sat,
        paid_sat,
        received_sat,
        expected_sat,
    })
}

fn ledger(node: &Node) -> anyhow::Result<NodeLedger> {
    let client = node.client()?;
    let head: LedgerHead = client.get("ledger/head")?;
    let mut report: Option<LedgerReport> = None;
    for line in client.lines("ledger/verify")? {
        match line? {
            LedgerWork::Step(_) => {}
            LedgerWork::Report(done) => report = Some(done),
            LedgerWork::Error(error) => bail!("the ledger of {} does not hold: {error}", node.name),
        }
    }
    let report = report.with_context(|| format!("{} did not verify its ledger", node.name))?;
    Ok(NodeLedger {
        node: node.name,
        head,
        report,
    })
}

impl Report {
    /// Everything that should be equal and is not.
    fn find_differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        for balance in &self.balances {
            for (who, sat) in [
                ("bitcoind", balance.after_sat),
                ("the node", balance.node_says_sat),
            ] {
                if sat != balance.expected_sat {
                    let (node, expected) = (balance.node, balance.expected_sat);
                    found.push(format!(
                        "{node}: {who} has {sat} sat, {expected} sat expected"
                    ));
                }
            }
        }
        let rest = CAPACITY.to_sat() - THERE.to_sat() + BACK.to_sat();
        for channel in &self.channels {
            let id = channel.channel_id;
            let sides = channel.user_ledger_sat + channel.hub_ledger_sat;
            if channel.user_ledger_sat != rest || sides != CAPACITY.to_sat() {
                found.push(format!(
                    "channel {id}: the ledgers do not hold what was paid"
                ));
            }
            if channel.closing_outputs_sat + channel.closing_fee_sat != sides {
                found.push(format!(
                    "channel {id}: the closing transaction pays something else"
                ));
            }
        }
        found
    }
}
