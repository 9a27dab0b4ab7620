//! The table: what became of each HTLC, and what each side has.

use std::collections::BTreeSet;

use serde_json::Value;
use zarnitsa_tests::answers::Channel;

use super::htlcs::{Fate, Htlc};
use super::moment::Moment;
use super::stage::Stage;
use super::By;

/// BOLT 3: two of 330 satoshis, which are anybody's in the end.
pub const ANCHORS_SAT: u64 = 660;

/// Who has what an HTLC held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Winner {
    Payer,
    Payee,
    /// The miner: it had no output.
    Miner,
}

/// A close that is over.
pub struct Ended<'a> {
    pub stage: &'a Stage,
    pub moment: Moment,
    pub by: By,
    pub htlcs: Vec<Htlc>,
    /// Both wallets before the close. Without them the outputs are counted that each side's ledger says that it has taken.
    pub before: Option<[u64; 2]>,
    /// How both knew the close in the end.
    pub channels: [Channel; 2],
    /// Both ledgers' balances when the commitment was in a block, in sat.
    pub ledger: [u64; 2],
}

/// What must become of an HTLC of this fate: whether it has an output, and who gets what it held.
fn due(moment: Moment, by: By, htlc: &Htlc) -> (bool, Winner) {
    match (htlc.fate, moment) {
        (Fate::Dust, _) => (false, Winner::Miner),
        (Fate::Expires, _) => (true, Winner::Payer),
        (Fate::Claimed, _) => (true, Winner::Payee),
        // The commitment that removes it has it in the payee's balance.
        (Fate::Released, Moment::AheadByRemoval) => (htlc.payer != by, Winner::Payee),
        (Fate::Released, _) => (true, Winner::Payee),
        // One that its payee's commitment does not have yet is the payer's as before.
        (Fate::Late, Moment::Previous) => (false, Winner::Payer),
        (Fate::Late, _) => (true, Winner::Payer),
    }
}

fn outputs(channel: &Channel) -> &[Value] {
    let closing = channel.closing.as_ref();
    closing.map_or(&[], |closing| &closing.outputs[..])
}

/// The outputs that a side has taken, by these transactions.
pub fn taken(channel: &Channel) -> BTreeSet<String> {
    let own = outputs(channel)
        .iter()
        .filter(|output| output["taken_by"] == "local");
    own.filter_map(|output| Some(output["spent_txid"].as_str()?.to_owned()))
        .collect()
}

/// What these outputs held, of the commitment itself.
fn taken_sat(channel: &Channel) -> u64 {
    let own = outputs(channel)
        .iter()
        .filter(|output| output["taken_by"] == "local" && output["kind"] != "second_stage");
    own.filter_map(|output| output["amount_sat"].as_u64()).sum()
}

impl Ended<'_> {
    fn channel(&self, by: By) -> &Channel {
        let [user, hub] = &self.channels;
        match by {
            By::User => user,
            By::Hub => hub,
        }
    }

    /// The HTLC's output as its payer's ledger has it.
    fn output(&self, htlc: &Htlc) -> Option<Value> {
        let mut outputs = outputs(self.channel(htlc.payer)).iter();
        let found = outputs.find(|it| {
            it["kind"] == "outgoing_htlc" && it["amount_sat"].as_u64() == Some(htlc.sat)
        });
        found.cloned()
    }

    /// The transactions after the commitment by which an HTLC is taken: one, or a second stage and what spends that.
    fn path(&self, output: &Value) -> Vec<String> {
        let taken = output["spent_txid"].as_str().unwrap_or_default().to_owned();
        let mut stages = self.channels.iter().flat_map(outputs).filter(|it| {
            let at = it["output"].as_str().unwrap_or_default();
            it["kind"] == "second_stage" && at.starts_with(&taken)
        });
        let then = stages.next().and_then(|it| it["spent_txid"].as_str());
        let then = then.map(str::to_owned);
        [taken].into_iter().chain(then).collect()
    }

    /// Prints its rows, and answers what is wrong.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for htlc in &self.htlcs {
            wrong.extend(self.check_htlc(htlc));
        }
        wrong.extend(self.check_balances());
        wrong.extend(self.check_kind());
        wrong
    }

    fn check_htlc(&self, htlc: &Htlc) -> Vec<String> {
        let (has_output, winner) = due(self.moment, self.by, htlc);
        let output = self.output(htlc);
        let by = output.as_ref().map(|it| match it["taken_by"].as_str() {
            Some("local") => Winner::Payer,
            Some("remote") => Winner::Payee,
            _ => Winner::Miner,
        });
        let payment = self.stage.api(htlc.payer).payment(&htlc.hash);
        let payment = payment.map_or_else(|error| error.to_string(), |it| it.status);
        let invoice = self.stage.api(htlc.payer.other()).invoice_of(&htlc.hash);
        let invoice = invoice.map_or_else(|error| error.to_string(), |it| it.status);
        let path = output.as_ref().map_or_else(Vec::new, |it| self.path(it));
        let path: Vec<_> = path.iter().map(|txid| format!("{txid:.12}")).collect();
        println!(
            "| {:?} | {:?} | {:?} | {:?} | {} | {} | {} | {payment} | {invoice} |",
            self.moment,
            self.by,
            htlc.fate,
            htlc.payer,
            htlc.sat,
            by.map_or("no output".to_owned(), |by| format!("{by:?}")),
            path.join(" "),
        );
        let mut wrong = Vec::new();
        if output.is_some() != has_output || by.is_some_and(|by| by != winner) {
            wrong.push(format!("{htlc:?}: {by:?}, must be {winner:?}: {output:?}"));
        }
        let paid = winner == Winner::Payee;
        if payment != if paid { "succeeded" } else { "failed" } {
            wrong.push(format!("{htlc:?}: the payment {payment}"));
        }
        if (invoice == "paid") != paid {
            wrong.push(format!("{htlc:?}: the invoice is {invoice}"));
        }
        wrong
    }

    /// What a side has paid so that the commitment gets into a block, less the anchor that it has taken with that.
    fn paid_for(&self, commitment: &str, by: By) -> u64 {
        let world = &self.stage.world;
        let outputs = world.transaction(commitment).output;
        let known: Vec<Value> = self.stage.node(by).json(&["wallet", "transactions"]);
        let confirmed = known.iter().filter(|it| it["confirmations"] != 0);
        let confirmed = confirmed.filter_map(|it| it["txid"].as_str());
        let children = confirmed.filter_map(|txid| {
            let child = world.transaction(txid);
            let spent = child.input.iter().map(|input| input.previous_output);
            let mut parents = spent.filter(|at| at.txid.to_string() == commitment);
            let anchor = parents.find_map(|at| {
                let output = outputs.get(usize::try_from(at.vout).ok()?)?;
                (output.value.to_sat() * 2 == ANCHORS_SAT).then_some(output.value)
            })?;
            Some((world.fee(&child) - anchor).to_sat())
        });
        children.sum()
    }

    /// Each side has what its ledger said, and what it won.
    fn check_balances(&self) -> Vec<String> {
        let world = &self.stage.world;
        let closing = self.channel(self.by).closing_txid.as_ref();
        let closing = closing.expect("it is closed");
        let fee = world.fee(&world.transaction(closing)).to_sat();
        let dust = self.htlcs.iter().filter(|it| it.fate == Fate::Dust);
        let dust: u64 = dust.map(|htlc| htlc.sat).sum();
        let mut wrong = Vec::new();
        for (index, by) in By::BOTH.into_iter().enumerate() {
            let won = self.htlcs.iter().filter(|htlc| {
                let (_, winner) = due(self.moment, self.by, htlc);
                match winner {
                    // What is not in its own commitment yet its ledger has not taken off its balance.
                    Winner::Payer => htlc.payer == by && htlc.fate != Fate::Late,
                    Winner::Payee => htlc.payer != by,
                    Winner::Miner => false,
                }
            });
            let won: u64 = won.map(|htlc| htlc.sat).sum();
            let opener = match by {
                By::User => fee - dust + ANCHORS_SAT,
                By::Hub => 0,
            };
            let due = self.ledger[index] + won - opener;
            let claims = taken(self.channel(by));
            let fees = claims
                .iter()
                .map(|txid| world.fee(&world.transaction(txid)).to_sat());
            let (got, fees) = match self.before {
                Some(before) => {
                    let now = self.stage.coins_of(by);
                    let fees = fees.sum::<u64>() + self.paid_for(closing, by);
                    (i128::from(now) - i128::from(before[index]), fees)
                }
                None => (i128::from(taken_sat(self.channel(by))), 0u64),
            };
            println!(
                "| {:?} | {:?} | **{closing:.12}** | {by:?} has | ledger {} + won {won} - opener's {opener} = due {due} | got {got} + fees {fees} | {} claims | | |",
                self.moment, self.by, self.ledger[index], claims.len(),
            );
            if got + i128::from(fees) != i128::from(due) {
                wrong.push(format!(
                    "{:?} by {:?}: {by:?} has {got} and paid {fees}, due {due}",
                    self.moment, self.by
                ));
            }
        }
        wrong
    }

    fn check_kind(&self) -> Option<String> {
        let kinds = [self.by, self.by.other()]
            .map(|by| self.channel(by).closing.as_ref()?.spent_by.as_deref());
        let right = [Some("local_commitment"), Some("remote_commitment")];
        (kinds != right).then(|| format!("{:?} by {:?}: {kinds:?}", self.moment, self.by))
    }
}

pub fn print_head() {
    println!("| commitment | of | HTLC | offered by | sat | who has it | transactions after the commitment | payment | invoice |");
    println!("|---|---|---|---|---|---|---|---|---|");
}
