//! Channels whose funding output is spent: their outputs are watched and claimed, until nothing can change any more.

use std::collections::HashSet;

use bitcoin::{OutPoint, Transaction};
use zarnitsa_channel::command::{ChainEvent as Shown, Command, LocalCommand};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{CloseDue, HtlcTerms};

use super::effects::{Batch, Effect};
use super::step::Step;
use super::{Driver, Live};

/// Blocks for which an expired HTLC of this node's waits for its disk: far fewer than an HTLC that pays for it has left (BOLT 2,
/// `cltv_expiry_delta`).
const DISK_PATIENCE_BLOCKS: u32 = 18;

impl Driver {
    /// A block joined the chain: what is due by its height is done, and every claim is looked at again.
    pub(super) fn block_connected(&mut self) {
        let closing: Vec<ChannelId> = self
            .channels
            .iter()
            .filter(|(_, live)| live.machine.is_closing())
            .map(|(id, _)| *id)
            .collect();
        for id in closing {
            self.grown(id);
            self.look_at_claims(id);
        }
        self.look_at_peers_commitments();
        self.close_those_at_risk();
    }

    /// Of every channel that closes.
    pub(super) fn look_at_all_claims(&self) {
        let all = self.channels.iter();
        for (id, _) in all.filter(|(_, live)| live.machine.is_closing()) {
            self.look_at_claims(*id);
        }
        self.look_at_peers_commitments();
    }

    /// A channel that the peer closes by a commitment which no block has yet, while an HTLC of this node's needs it.
    fn look_at_peers_commitments(&self) {
        for (id, live) in &self.channels {
            let machine = &live.machine;
            let chain = &self.shared.chain;
            if !machine.is_closing()
                && machine.htlc_deadline().is_some()
                && chain.waiting_spend(&machine.params().funding).is_some()
            {
                self.look_at_claims(*id);
            }
        }
    }

    /// BOLT 2, "`cltv_expiry_delta` Selection": an HTLC that would be lost by waiting closes its channel. Nothing else does on
    /// this node's own account: no restart, no slow disk.
    fn close_those_at_risk(&mut self) {
        let (tip, since) = (self.block_height, self.present_since);
        let due: Vec<(ChannelId, String)> = self
            .channels
            .iter()
            .filter_map(|(id, live)| {
                let upstream = |htlc| self.upstream_expiry((*id, htlc));
                let due = live.machine.close_due(tip, since, upstream)?;
                (!self.waits_for_disk(live, &due)).then(|| (*id, due.to_string()))
            })
            .collect();
        for (id, reason) in due {
            tracing::warn!(channel = %id, %reason, "closed by force");
            let step = Step::local(LocalCommand::ForceClose { reason });
            if let Err(error) = self.advance(id, step) {
                tracing::error!(channel = %id, %error, "a channel at risk cannot be closed");
            }
        }
    }

    /// The peer may have removed its HTLC long ago, while this node's answer waits for its own disk.
    fn waits_for_disk(&self, live: &Live, due: &CloseDue) -> bool {
        let patient = match due.offered_by {
            Side::Holder => {
                self.block_height < due.from_height.saturating_add(DISK_PATIENCE_BLOCKS)
            }
            Side::Counterparty => false,
        };
        let id = live.machine.id();
        let stored = self.shared.channel_and_steps(&id);
        let waits = patient && stored.is_some_and(|(_, steps)| steps < live.steps);
        if waits {
            tracing::warn!(channel = %id, %due, "the disk is waited for: the channel is not closed yet");
        }
        waits
    }

    fn grown(&mut self, id: ChannelId) {
        let block_height = self.block_height;
        let is_due = |live: &Live| live.machine.is_due(block_height);
        if !self.channels.get(&id).is_some_and(is_due) {
            return;
        }
        self.shown_of(id, Shown::SpendBuried { block_height });
        let is_over = |live: &Live| live.machine.is_over();
        if self.channels.get(&id).is_some_and(is_over) {
            self.over(id);
        }
    }

    /// The close has other outputs than before: they are watched, and claimed once the ledger has them.
    pub(super) fn outputs_changed(&mut self, id: ChannelId) {
        self.track(id);
        self.look_at_claims(id);
    }

    /// After the steps before it are on disk: claims are made from what the ledger holds.
    fn look_at_claims(&self, id: ChannelId) {
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        self.outbox.enqueue(Batch {
            receipt: None,
            target: live.target(),
            connection: None,
            effects: vec![Effect::Claim {
                height: self.block_height,
            }],
        });
    }

    /// After a start.
    pub(super) fn track_all(&mut self) {
        let ids: Vec<ChannelId> = self.channels.keys().copied().collect();
        for id in ids {
            self.track(id);
        }
    }

    /// Watches the outputs that are new, and no longer those that a reorg took.
    fn track(&mut self, id: ChannelId) {
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        let outputs = live
            .machine
            .resolution()
            .map_or(&[][..], |resolution| resolution.outputs());
        let now: HashSet<OutPoint> = outputs.iter().map(|output| output.outpoint).collect();
        for output in outputs {
            if self.tracked.insert(output.outpoint, id).is_none() {
                self.shared.watch_output(output);
            }
        }
        let chain = &self.shared.chain;
        self.tracked.retain(|outpoint, of| {
            let stays = *of != id || now.contains(outpoint);
            if !stays {
                chain.unwatch(*outpoint);
            }
            stays
        });
    }

    pub(super) fn forget_outputs(&mut self, id: &ChannelId) {
        let chain = &self.shared.chain;
        self.tracked.retain(|outpoint, of| {
            let stays = of != id;
            if !stays {
                chain.unwatch(*outpoint);
            }
            stays
        });
    }

    pub(super) fn output_spent(
        &mut self,
        id: ChannelId,
        outpoint: OutPoint,
        transaction: Box<Transaction>,
        block_height: u32,
    ) {
        let shown = Shown::OutputSpent {
            outpoint,
            transaction,
            block_height,
        };
        self.shown_of(id, shown);
    }

    pub(super) fn output_reorged(&mut self, id: ChannelId, outpoint: OutPoint) {
        self.shown_of(id, Shown::OutputReorged { outpoint });
    }

    /// A transaction in the mempool spends something of a channel. A preimage in it counts although it may never confirm;
    /// and an output that somebody else is after is claimed by a transaction of its own.
    pub(super) fn spend_seen(&mut self, outpoint: OutPoint, transaction: &Transaction) {
        let txid = transaction.compute_txid();
        tracing::info!(%outpoint, %txid, "a spend of a channel is in the mempool");
        let Some(id) = self.tracked.get(&outpoint).copied() else {
            // The funding output: a commitment that waits for a block may have to be paid for.
            return self.look_at_claims(ChannelId::from_funding(outpoint));
        };
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        for (htlc, preimage) in live.machine.shown_preimages(transaction) {
            self.shown_of(id, Shown::PreimageSeen { id: htlc, preimage });
        }
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        let effects = vec![Effect::Contested { outpoint, txid }];
        self.outbox.enqueue(Batch {
            receipt: None,
            target: live.target(),
            connection: None,
            effects,
        });
    }

    /// HTLCs of a revoked commitment that the machine has forgotten, from the ledger, which forgets nothing.
    pub(super) fn past_htlcs(&self, id: ChannelId) -> Option<Step> {
        let machine = &self.channels.get(&id)?.machine;
        let past = self.shared.past_htlcs(machine);
        let htlcs: Vec<HtlcTerms> = machine.fitting_past_htlcs(past);
        if htlcs.is_empty() {
            tracing::error!(channel = %id, "a revoked commitment has outputs that nothing in the ledger explains");
            return None;
        }
        Some(Step::new(Command::Chain(Shown::PastHtlcs { htlcs })))
    }
}
