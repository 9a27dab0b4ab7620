//! The feerate of commitments follows the network's (BOLT 2, update_fee): whoever opened a channel sees to that.

use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::params::Side;

use super::live::Live;
use super::step::Step;
use super::Driver;

impl Driver {
    /// With each block: a commitment that no mempool would take could not be broadcast alone, and one that pays far
    /// too much wastes this node's money.
    pub(super) fn follow_feerate(&mut self) {
        let shared = self.shared.clone();
        let off = self
            .channels
            .iter()
            .filter(|(_, live)| pays_for_commitments(live))
            .map(|(id, live)| {
                let format = live.machine.params().channel_type.format;
                let wanted = shared.commitment_feerate_per_kw(format);
                (*id, live.machine.feerate_per_kw(), wanted)
            })
            .filter(|(_, now, wanted)| is_far_off(*now, *wanted));
        let off: Vec<(ChannelId, u32)> = off.map(|(id, _, wanted)| (id, wanted)).collect();
        for (id, wanted) in off {
            let step = Step::local(LocalCommand::UpdateFee {
                feerate_per_kw: wanted,
            });
            // One that cannot be paid for now is proposed again with the next block.
            match self.advance(id, step) {
                Ok(()) => tracing::info!(channel = %id, feerate_per_kw = wanted, "update_fee"),
                Err(error) => tracing::warn!(channel = %id, %error, "the feerate stays"),
            }
        }
    }
}

fn pays_for_commitments(live: &Live) -> bool {
    live.is_ready() && live.machine.is_usable() && live.machine.params().opener == Side::Holder
}

/// A quarter above what the channel pays, or below half of it: each change costs both sides a commitment.
fn is_far_off(now: u32, wanted: u32) -> bool {
    wanted > now.saturating_add(now / 4) || wanted < now / 2
}

#[cfg(test)]
mod tests {
    use super::is_far_off;

    #[test]
    fn feerate_a_little_off_stays() {
        for wanted in [500, 999, 1_000, 1_250] {
            assert!(!is_far_off(1_000, wanted), "{wanted}");
        }
    }

    #[test]
    fn feerate_far_off_changes() {
        for wanted in [0, 499, 1_251, u32::MAX] {
            assert!(is_far_off(1_000, wanted), "{wanted}");
        }
    }
}
