//! The fee of a cooperative close.

use bitcoin::Amount;
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::tx::closing::closing_weight;

use super::step::Step;
use super::Driver;

/// The most that the opener lets its closing fee grow beyond the estimate in a negotiation.
const MOST_TIMES_ESTIMATE: u64 = 3;

impl Driver {
    /// shutdown, ours first or in answer: pays where the opening said, else to a fresh address.
    pub(super) fn closing_shutdown(&mut self, id: ChannelId) -> Option<Step> {
        let params = self.channels.get(&id)?.machine.params();
        let upfront = params.holder.upfront_shutdown_script.clone();
        let script = match upfront {
            Some(script) => script,
            None => match self.shared.fresh_script() {
                Ok(script) => script,
                Err(error) => {
                    tracing::error!(channel = %id, %error, "no address to close to");
                    return None;
                }
            },
        };
        Some(Step::local(LocalCommand::Shutdown { script }))
    }

    /// BOLT 2, closing_signed: the opener names the fee, with the range that it would agree to.
    pub(super) fn closing_fee(&mut self, id: ChannelId) -> Option<Step> {
        let scripts = self.channels.get(&id)?.machine.shutdown_scripts()?;
        let weight = closing_weight([scripts.holder.as_script(), scripts.counterparty.as_script()]);
        let feerate_per_kw = self
            .closing_feerates
            .get(&id)
            .copied()
            .unwrap_or_else(|| self.shared.closing_feerate_per_kw());
        // Rounded up: a fee below the relay minimum by one satoshi is not relayed.
        let estimate = weight
            .saturating_mul(u64::from(feerate_per_kw))
            .div_ceil(1_000);
        let least = weight.saturating_mul(253).div_ceil(1_000);
        let fee = estimate.max(least);
        let most = fee.saturating_mul(MOST_TIMES_ESTIMATE);
        Some(Step::local(LocalCommand::ProposeClosing {
            fee: Amount::from_sat(fee),
            fee_range: (Amount::from_sat(least), Amount::from_sat(most)),
        }))
    }
}
