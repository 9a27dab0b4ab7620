//! What the chain shows of a channel.

use super::step::step_argument;

step_argument! {
    /// An event of the chain that concerns a channel.
    ChainStep in convert
}

mod convert {
    use anyhow::{bail, Result};
    use zarnitsa_channel::command::{ChainEvent, Command};
    use zarnitsa_channel::params::Side;
    use zarnitsa_channel::state::HtlcTerms;
    use zarnitsa_channel::tx::MAX_HTLCS;

    use crate::proto::{self, ChainStep_oneof_step as Pb};
    use crate::wire::Wire;

    pub(super) fn to_pb(command: &Command) -> Option<proto::ChainStep> {
        let Command::Chain(event) = command else {
            return None;
        };
        let mut pb = proto::ChainStep::new();
        pb.step = Some(event_to_pb(event));
        Some(pb)
    }

    pub(super) fn from_pb(pb: proto::ChainStep) -> Result<Command> {
        let Some(step) = pb.step else {
            bail!("chain_event: no event, or one that is not known");
        };
        event_from_pb(step).map(Command::Chain)
    }

    fn event_to_pb(event: &ChainEvent) -> Pb {
        match event {
            ChainEvent::OpeningConfirmed {
                block_hash,
                block_height,
                transaction_index,
                confirmations,
                output_value,
                output_script,
                coinbase,
            } => {
                let mut pb = proto::OpeningConfirmed::new();
                pb.set_block_hash(block_hash.to_pb());
                pb.set_block_height(*block_height);
                pb.set_transaction_index(*transaction_index);
                pb.set_confirmations(*confirmations);
                pb.set_output_value_sat(output_value.to_pb());
                pb.set_output_script(output_script.to_pb());
                pb.set_coinbase(*coinbase);
                Pb::opening_confirmed(pb)
            }
            ChainEvent::OpeningReorged => Pb::opening_reorged(proto::OpeningReorged::new()),
            ChainEvent::FundingSpent {
                transaction,
                block_height,
            } => {
                let mut pb = proto::FundingSpent::new();
                pb.set_transaction(transaction.to_pb());
                pb.set_block_height(*block_height);
                Pb::funding_spent(pb)
            }
            ChainEvent::SpendReorged => Pb::spend_reorged(proto::SpendReorged::new()),
            ChainEvent::SpendBuried { block_height } => {
                let mut pb = proto::SpendBuried::new();
                pb.set_block_height(*block_height);
                Pb::spend_buried(pb)
            }
            ChainEvent::OutputSpent {
                outpoint,
                transaction,
                block_height,
            } => {
                let mut pb = proto::OutputSpent::new();
                pb.set_outpoint(outpoint.to_pb());
                pb.set_transaction(transaction.to_pb());
                pb.set_block_height(*block_height);
                Pb::output_spent(pb)
            }
            ChainEvent::OutputReorged { outpoint } => {
                let mut pb = proto::OutputReorged::new();
                pb.set_outpoint(outpoint.to_pb());
                Pb::output_reorged(pb)
            }
            ChainEvent::PastHtlcs { htlcs } => {
                let mut pb = proto::PastHtlcs::new();
                pb.set_htlcs(htlcs.to_pb().into());
                Pb::past_htlcs(pb)
            }
            ChainEvent::PreimageSeen { id, preimage } => {
                let mut pb = proto::PreimageSeen::new();
                pb.set_id(id.to_pb());
                pb.set_preimage(preimage.to_pb());
                Pb::preimage_seen(pb)
            }
        }
    }

    fn event_from_pb(pb: Pb) -> Result<ChainEvent> {
        Ok(match pb {
            Pb::opening_confirmed(mut pb) => ChainEvent::OpeningConfirmed {
                block_hash: Wire::from_pb(pb.take_block_hash())?,
                block_height: pb.get_block_height(),
                transaction_index: pb.get_transaction_index(),
                confirmations: pb.get_confirmations(),
                output_value: Wire::from_pb(pb.get_output_value_sat())?,
                output_script: Wire::from_pb(pb.take_output_script())?,
                coinbase: pb.get_coinbase(),
            },
            Pb::opening_reorged(_) => ChainEvent::OpeningReorged,
            Pb::funding_spent(mut pb) => ChainEvent::FundingSpent {
                transaction: Box::new(Wire::from_pb(pb.take_transaction())?),
                block_height: pb.get_block_height(),
            },
            Pb::spend_reorged(_) => ChainEvent::SpendReorged,
            Pb::spend_buried(pb) => ChainEvent::SpendBuried {
                block_height: pb.get_block_height(),
            },
            Pb::output_spent(mut pb) => ChainEvent::OutputSpent {
                outpoint: Wire::from_pb(pb.take_outpoint())?,
                transaction: Box::new(Wire::from_pb(pb.take_transaction())?),
                block_height: pb.get_block_height(),
            },
            Pb::output_reorged(mut pb) => ChainEvent::OutputReorged {
                outpoint: Wire::from_pb(pb.take_outpoint())?,
            },
            Pb::past_htlcs(mut pb) => {
                let htlcs: Vec<proto::PastHtlc> = pb.take_htlcs().into();
                if htlcs.len() > MAX_HTLCS {
                    bail!("past_htlcs: {} where {MAX_HTLCS} are allowed", htlcs.len());
                }
                ChainEvent::PastHtlcs {
                    htlcs: Wire::from_pb(htlcs)?,
                }
            }
            Pb::preimage_seen(mut pb) => ChainEvent::PreimageSeen {
                id: Wire::from_pb(pb.get_id())?,
                preimage: Wire::from_pb(pb.take_preimage())?,
            },
        })
    }

    impl Wire for HtlcTerms {
        type Pb = proto::PastHtlc;

        fn to_pb(&self) -> Self::Pb {
            let mut pb = proto::PastHtlc::new();
            pb.set_offered(self.offered_by == Side::Holder);
            pb.set_id(self.id.to_pb());
            pb.set_payment_hash(self.payment_hash.to_pb());
            pb.set_cltv_expiry(self.cltv_expiry);
            pb
        }

        fn from_pb(mut pb: Self::Pb) -> Result<Self> {
            Ok(Self {
                offered_by: match pb.get_offered() {
                    true => Side::Holder,
                    false => Side::Counterparty,
                },
                id: Wire::from_pb(pb.get_id())?,
                payment_hash: Wire::from_pb(pb.take_payment_hash())?,
                cltv_expiry: pb.get_cltv_expiry(),
            })
        }
    }
}
