//! Blocks until both sides call the channel closed, and before each block every claim that it can hold.

use std::collections::BTreeSet;

use serde_json::{json, Value};
use zarnitsa_tests::answers::Channel;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::Pair;

use super::stage::Stage;
use super::By;

/// More than any channel here takes.
const MOST_BLOCKS: u32 = 1_500;

impl Stage {
    /// Until those of `sides` call it closed. Answers how each last knew the close.
    pub fn resolve(&self, pair: &Pair, sides: &[By]) -> Vec<Channel> {
        let end = self.world.bitcoind.height() + MOST_BLOCKS;
        self.mine_until(pair, sides, end, |channels| {
            channels.iter().all(|channel| channel.state == "closed")
        })
    }

    /// Until the chain has this height.
    pub fn resolve_to(&self, pair: &Pair, sides: &[By], height: u32) -> Vec<Channel> {
        let is_there = |_: &[Channel]| self.world.bitcoind.height() >= height;
        self.mine_until(pair, sides, height, is_there)
    }

    /// Claims of these sides are in each block that can hold them. What is a hundred blocks deep is not shown any more: answered
    /// is what was shown last.
    fn mine_until(
        &self,
        pair: &Pair,
        sides: &[By],
        end: u32,
        is_enough: impl Fn(&[Channel]) -> bool,
    ) -> Vec<Channel> {
        let mut known: Vec<Channel> = Vec::new();
        while self.world.bitcoind.height() <= end {
            self.until_seen(sides);
            let mut later = BTreeSet::new();
            let claimed = sides
                .iter()
                .map(|by| self.until_claimed(*by, pair, &mut later));
            let claimed: Vec<Vec<String>> = claimed.collect();
            let now = claimed.iter().any(|outputs| !outputs.is_empty());
            let channels = sides.iter().map(|by| self.api(*by).channel(&pair.id));
            let channels: Vec<Channel> = channels.map(|it| it.expect("the channel")).collect();
            let is_over = is_enough(&channels);
            let newer = (0..).zip(channels).map(|(index, channel)| {
                let before = known.get(index).filter(|_| channel.closing.is_none());
                before.cloned().unwrap_or(channel)
            });
            known = newer.collect();
            if is_over {
                return known;
            }
            let tip = self.world.bitcoind.height();
            let blocks = match later.first() {
                Some(height) if !now => height.min(&(end + 1)) - tip - 1,
                Some(_) | None => 1,
            };
            self.world.bitcoind.mine(blocks.max(1));
            for (by, outputs) in sides.iter().zip(claimed) {
                self.until_taken(*by, pair, &outputs);
            }
        }
        panic!("never so far: {known:?}");
    }

    /// Waits until a side's ledger has these outputs as spent: with the next blocks it may show none any more.
    fn until_taken(&self, by: By, pair: &Pair, outputs: &[String]) {
        if outputs.is_empty() {
            return;
        }
        wait::until(&format!("{by:?} knows who has taken {outputs:?}"), || {
            let closing = self.api(by).channel(&pair.id).ok()?.closing?;
            let is_spent = |output: &String| {
                let mut known = closing.outputs.iter();
                known.any(|it| it["output"] == **output && it["spent_txid"].is_string())
            };
            outputs.iter().all(is_spent).then_some(())
        });
    }

    /// Waits until all that the next block can hold of a side's claims is in the mempool, and tells what that is.
    fn until_claimed(&self, by: By, pair: &Pair, later: &mut BTreeSet<u32>) -> Vec<String> {
        let next = self.world.bitcoind.height() + 1;
        let what = format!("{by:?}'s claims for block {next} are in the mempool");
        wait::until(&what, || {
            let closing = self.api(by).channel(&pair.id).ok()?.closing;
            let outputs = closing.map_or_else(Vec::new, |closing| closing.outputs);
            let mut claimed = Vec::new();
            for output in outputs.iter().filter(|it| it["claim"].is_string()) {
                let height = u32::try_from(output["spendable_height"].as_u64()?).ok()?;
                if height > next {
                    later.insert(height);
                    continue;
                }
                let output = output["output"].as_str()?;
                self.spender(output)?;
                claimed.push(output.to_owned());
            }
            Some(claimed)
        })
    }

    /// What spends an output in the mempool.
    pub fn spender(&self, outpoint: &str) -> Option<String> {
        let (txid, vout) = outpoint.split_once(':')?;
        let vout: u32 = vout.parse().ok()?;
        let asked = json!([[{ "txid": txid, "vout": vout }]]);
        let answer: Value = self
            .world
            .bitcoind
            .call("gettxspendingprevout", asked.as_array()?);
        Some(answer[0]["spendingtxid"].as_str()?.to_owned())
    }
}
