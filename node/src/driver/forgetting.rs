//! Channels of peers whose opening transactions never come are forgotten, so that nobody fills this node with channels that
//! cost nothing (BOLT 2, channel_ready).

use std::sync::Arc;

use bitcoin::OutPoint;
use zarnitsa_bitcoin_adapter::{ChainError, ChainSource};
use zarnitsa_channel::ids::ChannelId;

use super::{Driver, Event};
use crate::claims::ToClose;
use crate::funding::FORGOTTEN_AFTER;

/// Blocks after a start before anything is forgotten: what happened while the node was down is looked for first.
const PRESENT_BLOCKS: u32 = 6;

/// One that may be forgotten, if its time has come.
struct Unconfirmed {
    id: ChannelId,
    funding: OutPoint,
    /// When the ledger took it in, Unix time.
    opened: u64,
}

impl Driver {
    /// With each block. How long a channel has waited is not counted but read: from the time of the ledger's block that
    /// has its opening, and the time of the block that is 2,016 deep.
    pub(super) fn forget_unconfirmed(&self) {
        let present = self.block_height.saturating_sub(self.present_since);
        let Some(first) = self.block_height.checked_sub(FORGOTTEN_AFTER - 1) else {
            return;
        };
        let channels = self.channels.iter();
        let waiting: Vec<(ChannelId, OutPoint)> = channels
            .filter(|(_, live)| live.machine.may_be_abandoned())
            .map(|(id, live)| (*id, live.machine.params().funding))
            .collect();
        if waiting.is_empty() || present < PRESENT_BLOCKS {
            return;
        }
        let (shared, to_self) = (self.shared.clone(), self.to_self.clone());
        tokio::task::spawn_blocking(move || {
            let opened = |(id, funding)| {
                let record = shared.channel_record(&id)?;
                let opened = shared.block_time(record.opened_height);
                Some(Unconfirmed {
                    id,
                    funding,
                    opened,
                })
            };
            let waiting: Vec<_> = waiting.into_iter().filter_map(opened).collect();
            match never_confirmed(&shared.source, first, &waiting) {
                Ok(ids) => ids.into_iter().for_each(|id| {
                    let _ = to_self.send(Event::NeverConfirmed(id)); // a driver that is gone forgets nothing
                }),
                Err(error) => tracing::warn!(%error, "unconfirmed channels are not looked at"),
            }
        });
    }

    /// 2,016 blocks have not brought its opening transaction.
    pub(super) fn never_confirmed(&mut self, id: ChannelId) {
        let live = self.channels.get(&id);
        if live.is_some_and(|live| live.machine.may_be_abandoned()) {
            let reason = format!("its opening transaction is in none of {FORGOTTEN_AFTER} blocks");
            self.abandon(id, reason);
        }
    }

    /// Channels whose close this node may have to pay for. Those of peers that are not confirmed cannot be closed on chain.
    pub(super) fn channels_to_close(&self) -> ToClose {
        self.channels.values().map(|live| &live.machine).collect()
    }
}

/// Those that were opened before the block at height `first` and have no unspent output in the chain.
fn never_confirmed(
    source: &Arc<dyn ChainSource>,
    first: u32,
    waiting: &[Unconfirmed],
) -> Result<Vec<ChannelId>, ChainError> {
    let Some(hash) = source.block_hash(first)? else {
        return Ok(Vec::new());
    };
    let Some(header) = source.header(&hash)? else {
        return Ok(Vec::new());
    };
    let late = waiting
        .iter()
        .filter(|channel| channel.opened <= u64::from(header.time));
    let mut never = Vec::new();
    for channel in late {
        // One that is in a block but not deep enough yet is not forgotten.
        if source.unspent(&channel.funding)?.is_none() {
            never.push(channel.id);
        }
    }
    Ok(never)
}
