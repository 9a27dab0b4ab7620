//! Takes back what must not reach the chain: this node's commitment of a state that is old, which the peer could punish, and
//! whatever rests on it.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Txid};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::{Channel, SpendKind};

use super::Claimer;

impl Claimer {
    /// Broadcasts this node's commitment of the channel no more, nor its child and its claims. What the network has already is
    /// not called back: claims of a commitment that a block holds go on, for the peer may leave something.
    pub(crate) fn withdraw(&mut self, id: &ChannelId) {
        let Some(channel) = self.shared.channel(id) else {
            return;
        };
        let Some(own) = channel.unsigned_holder_commitment() else {
            return;
        };
        let commitment = own.txid();
        let chain = &self.shared.chain;
        chain.forbid_broadcast(commitment);
        self.outbox.withdraw(&commitment);
        if is_confirmed(&channel) {
            return;
        }
        // Where it waits in the mempool its child may too, and the wallet's coins in that one are spent.
        let waiting = chain.waiting_spend(&channel.params().funding);
        let waits = waiting.is_some_and(|spend| spend.compute_txid() == commitment);
        let outputs = own.tx().output.iter().zip(0..);
        let outputs: BTreeSet<OutPoint> = outputs
            .map(|(_, vout)| OutPoint::new(commitment, vout))
            .collect();
        let spenders = self.spenders(id, &outputs);
        tracing::warn!(channel = %id, txid = %commitment, spenders = spenders.len(), "its broadcast has ended: it may be revoked");
        for txid in spenders {
            self.outbox.withdraw(&txid);
            self.shared.chain.stop_broadcast(&txid);
            let wallet = &self.shared.wallet;
            wallet.release(&txid);
            let forgotten = if waits { Ok(()) } else { wallet.forget(&txid) };
            if let Err(error) = forgotten {
                tracing::error!(%txid, %error, "the wallet cannot forget what is not broadcast any more");
            }
        }
    }

    /// This node's transactions that spend one of these, of this run and of earlier ones. They are pursued no more.
    fn spenders(&mut self, id: &ChannelId, outputs: &BTreeSet<OutPoint>) -> BTreeSet<Txid> {
        let mut spenders = BTreeSet::new();
        if let Some(pursuit) = self.pursuits.get_mut(id) {
            pursuit.made.retain(|made| {
                let stays = made.outpoints.is_disjoint(outputs);
                if !stays {
                    spenders.insert(made.txid);
                }
                stays
            });
        }
        let outputs: Vec<OutPoint> = outputs.iter().copied().collect();
        let earlier = self.shared.wallet.unconfirmed_spends(&outputs);
        spenders.extend(earlier.iter().map(|spend| spend.compute_txid()));
        spenders
    }
}

fn is_confirmed(channel: &Channel) -> bool {
    let spend = channel.spend();
    spend.is_some_and(|spend| matches!(spend.kind, SpendKind::Holder { .. }))
}
