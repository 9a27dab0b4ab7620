//! What the chain shows, as steps of channels.

use bitcoin::OutPoint;
use zarnitsa_bitcoin_adapter::{BroadcastEvent, ChainEvent, WatchEvent};
use zarnitsa_channel::action::Event;
use zarnitsa_channel::command::{ChainEvent as Shown, Command};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::Channel;

use super::effects::Batch;
use super::forwarding::names_of;
use super::live::Live;
use super::step::{split, Step};
use super::Driver;

impl Driver {
    pub(super) fn chain_event(&mut self, event: ChainEvent) {
        match event {
            ChainEvent::Connected { block, more, .. } => {
                self.block_height = block.height;
                if more > 0 {
                    // It was away, whoever's fault that was: the peer is given its time from the newest block on.
                    self.present_since = block.height.saturating_add(more);
                }
                if !std::mem::replace(&mut self.watching, true) {
                    self.present_since = block.height;
                    let channels = self.channels.values().map(|live| live.machine.clone());
                    self.shared.watch_again(channels.collect(), block.height);
                    self.track_all();
                    self.settle_those_that_came_early();
                }
                self.give_back_held();
                self.block_connected();
                self.follow_feerate();
                self.forget_unconfirmed();
                self.renew_what_is_new();
                self.announce_what_is_deep();
                self.publish_all_terms();
            }
            ChainEvent::Disconnected { block } => {
                self.block_height = block.height.saturating_sub(1);
            }
            ChainEvent::Watch(event) => self.watch_event(event),
            ChainEvent::Broadcast(event) => self.broadcast_event(&event),
            ChainEvent::Fault { error } => {
                tracing::warn!(%error, "the chain cannot be followed now")
            }
        }
    }

    /// What the mempool has thrown out and takes no more for its fee is raised at once, lest it waits for the next block.
    fn broadcast_event(&self, event: &BroadcastEvent) {
        tracing::info!(?event, "broadcast");
        match event {
            BroadcastEvent::Rejected { rejection, .. } if rejection.wants_higher_fee() => {
                self.look_at_all_claims();
            }
            BroadcastEvent::Rejected { .. }
            | BroadcastEvent::Confirmed { .. }
            | BroadcastEvent::Replaced { .. } => {}
        }
    }

    /// The height is known now, and with it whether HTLCs are in time.
    fn settle_those_that_came_early(&mut self) {
        for (id, htlc) in std::mem::take(&mut self.too_early) {
            self.follow(id, vec![Event::HtlcAccepted { id: htlc }]);
        }
    }

    fn watch_event(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::TransactionConfirmed {
                outpoint,
                output,
                block,
                index,
                coinbase,
            } => {
                let output = output.unwrap_or(bitcoin::TxOut::NULL);
                // It is told when it is as deep as the watch asked, before the block that makes it so is.
                let id = ChannelId::from_funding(outpoint);
                let depth = self.shared.watch_depth(&id, coinbase);
                let counted = self
                    .block_height
                    .saturating_sub(block.height)
                    .saturating_add(1);
                let shown = Shown::OpeningConfirmed {
                    block_hash: block.hash,
                    block_height: block.height,
                    transaction_index: index,
                    confirmations: counted.max(depth),
                    output_value: output.value,
                    output_script: output.script_pubkey,
                    coinbase,
                };
                self.shown(outpoint, shown);
            }
            WatchEvent::TransactionReorged { outpoint } => {
                self.shown(outpoint, Shown::OpeningReorged);
            }
            WatchEvent::SpendConfirmed {
                outpoint,
                transaction,
                block,
            } => {
                let transaction = Box::new((*transaction).clone());
                let block_height = block.height;
                match self.tracked.get(&outpoint).copied() {
                    Some(id) => self.output_spent(id, outpoint, transaction, block_height),
                    None => self.shown(
                        outpoint,
                        Shown::FundingSpent {
                            transaction,
                            block_height,
                        },
                    ),
                }
            }
            WatchEvent::SpendReorged { outpoint, .. } => match self.tracked.get(&outpoint) {
                Some(id) => self.output_reorged(*id, outpoint),
                None => self.shown(outpoint, Shown::SpendReorged),
            },
            // What is deep enough for what is reckoned with each block, from the ledger's own state.
            WatchEvent::SpendBuried { .. } => {}
            WatchEvent::SpendSeen {
                outpoint,
                transaction,
            } => self.spend_seen(outpoint, &transaction),
        }
    }

    fn shown(&mut self, outpoint: OutPoint, event: Shown) {
        let id = ChannelId::from_funding(outpoint);
        let is_funding = |live: &Live| live.machine.params().funding == outpoint;
        if self.channels.get(&id).is_some_and(is_funding) {
            self.shown_of(id, event);
        }
    }

    pub(super) fn shown_of(&mut self, id: ChannelId, event: Shown) {
        if let Err(error) = self.advance(id, Step::new(Command::Chain(event))) {
            tracing::error!(channel = %id, %error, "what the chain shows was refused");
        }
    }

    /// After a start: every channel that is not over is read from the ledger, watched, and does what it owes.
    pub(super) fn resume(&mut self) {
        for id in self.shared.live_channels() {
            let Some((machine, steps)) = self.shared.channel_and_steps(&id) else {
                continue;
            };
            self.shared.peers.protect(machine.params().peer, true);
            let request = self.shared.request_of(&id);
            self.own(Live::offline(machine, steps, request));
        }
        self.resume_links();
        self.restore_parts();
        let ids: Vec<ChannelId> = self.channels.keys().copied().collect();
        for id in ids {
            self.resume_channel(id);
        }
        self.end_interrupted_payments();
        self.resume_requests();
        self.resume_asks();
    }

    fn resume_channel(&mut self, id: ChannelId) {
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        if matches!(live.machine, Channel::AwaitingFundingSigned(_)) {
            return self.abandon(id, "the node stopped before the peer had signed".to_owned());
        }
        let (effects, events) = split(live.machine.resume());
        let batch = Batch {
            receipt: None,
            target: live.target(),
            connection: None,
            effects,
        };
        self.outbox.enqueue(batch);
        self.follow(id, events);
        self.withdraw_forwards(id);
    }

    /// A channel that is over is watched no more and forgotten; the ledger keeps it.
    pub(super) fn state_changed(&mut self, id: ChannelId) {
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        let state = live.machine.state_name();
        tracing::info!(channel = %id, state, "state");
        match live.machine {
            Channel::AwaitingConfirmations(_) => self.opening_is_out(id),
            // A channel that is usable unconfirmed awaits no confirmations: this is the first that is heard of it.
            Channel::AwaitingPeerReady(_) if live.machine.params().minimum_depth == 0 => {
                self.opening_is_out(id);
            }
            Channel::Closed(_) | Channel::Failed(_) if live.machine.is_over() => self.over(id),
            Channel::Closed(_) | Channel::Failed(_) => {}
            Channel::AwaitingFundingSigned(_)
            | Channel::AwaitingPeerReady(_)
            | Channel::Normal(_)
            | Channel::ShuttingDown(_)
            | Channel::NegotiatingClosing(_)
            | Channel::Closing(_) => {}
        }
    }

    pub(super) fn over(&mut self, id: ChannelId) {
        // A channel of a batch that is not signed yet takes the others with it.
        if let Some(request) = self.batches.of_channel(&id) {
            let peer = self
                .channels
                .get(&id)
                .map(|live| live.machine.params().peer);
            let reason = "the opening was given up";
            match peer {
                Some(peer) => self.order_failed_by(request, &peer, reason),
                None => self.order_failed(request, reason),
            }
        }
        let Some(live) = self.channels.remove(&id) else {
            return;
        };
        self.opening_failed(&live);
        self.forget_outputs(&id);
        self.names.forget(&live.machine);
        let params = live.machine.params();
        self.shared.chain.unwatch(params.funding);
        self.shared.peer_terms.forget(&id);
        self.shared.channel_peers.forget(names_of(&live.machine));
        self.announcings.remove(&id);
        self.published.remove(&id);
        let mut none_left = false;
        if let Some(ids) = self.by_peer.get_mut(&params.peer) {
            ids.remove(&id);
            none_left = ids.is_empty();
        }
        if none_left {
            self.by_peer.remove(&params.peer);
            self.shared.peers.protect(params.peer, false);
        }
        self.closing_feerates.remove(&id);
        self.parts.forget(id);
        self.shared.channel_updates.forget(&id);
    }
}
