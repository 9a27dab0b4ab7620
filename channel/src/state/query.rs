//! What can be asked of a channel in any state.

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::{Amount, Transaction};
use serde::{Deserialize, Serialize};

use super::established::{Established, OpeningStatus};
use super::negotiation::{ClosingAgreement, ShutdownScripts};
use super::{Cause, Channel, Spend, SpendKind};
use crate::action::Action;
use crate::amount::Msat;
use crate::commitments::Commitments;
use crate::error::{ChannelError, CloseError};
use crate::fees;
use crate::htlc::{Htlc, Presence, View};
use crate::ids::ChannelId;
use crate::limits::Limits;
use crate::message::{ChannelReestablish, PeerMessage};
use crate::params::{ChannelParams, Side};
use crate::secrets::MAX_COMMITMENT_NUMBER;
use crate::tx::closing::ClosingTx;
use crate::tx::commitment::CommitmentTx;

/// What both sides have, by this node's newest commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balances {
    /// This node's, HTLCs left out, the commitment's fee not yet taken off.
    pub local: Msat,
    /// The peer's, likewise.
    pub remote: Msat,
    /// In HTLCs that this node offers.
    pub offered: Msat,
    /// In HTLCs that the peer offers.
    pub received: Msat,
    /// What the commitment transaction costs the opener: base fee and anchors.
    pub fee: Amount,
}

/// This node's newest commitment with the counterparty's signatures: complete once this node signs too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHolderCommitment {
    /// The transaction.
    pub commitment: CommitmentTx,
    /// The counterparty's signature over it.
    pub signature: Signature,
    /// Its signatures over the HTLC transactions, in output order.
    pub htlc_signatures: Vec<Signature>,
}

impl Balances {
    pub(super) fn of(params: &ChannelParams, commitments: &Commitments) -> Self {
        let (local, remote) = commitments.balances();
        let view = View::HolderCurrent;
        let in_htlcs = |side: Side| {
            let present = commitments
                .htlcs()
                .iter()
                .filter(|htlc| htlc.offered_by == side && htlc.presence(view) == Presence::Present);
            Msat::checked_sum(present.map(|htlc| htlc.amount)).unwrap_or(Msat::ZERO)
        };
        let spec = commitments.spec(params, view, Side::Holder);
        let fee = spec.map_or(Amount::ZERO, |spec| {
            let amounts = fees::commitment_amounts(params, Side::Holder, &spec);
            let anchors = fees::anchors_cost(params.channel_type.format);
            amounts
                .base_fee
                .checked_add(anchors)
                .unwrap_or(amounts.base_fee)
        });
        Self {
            local,
            remote,
            offered: in_htlcs(Side::Holder),
            received: in_htlcs(Side::Counterparty),
            fee,
        }
    }
}

impl Channel {
    /// The common part, where the channel has one.
    pub(super) fn established(&self) -> Option<&Established> {
        match self {
            Self::AwaitingFundingSigned(_) | Self::Failed(_) => None,
            Self::Closed(state) => state.watched().map(|closing| &closing.common),
            Self::AwaitingConfirmations(state) => Some(&state.common),
            Self::AwaitingPeerReady(state) => Some(&state.common),
            Self::Normal(state) => Some(&state.common),
            Self::ShuttingDown(state) => Some(&state.common),
            Self::NegotiatingClosing(state) => Some(&state.common),
            Self::Closing(state) => Some(&state.common),
        }
    }

    /// The common part, where this node still signs and revokes commitments.
    fn alive(&self) -> Option<&Established> {
        match self {
            Self::Closing(_) | Self::Closed(_) => None,
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Failed(_) => self.established(),
        }
    }

    /// What was agreed at the opening.
    pub fn params(&self) -> &ChannelParams {
        match self {
            Self::AwaitingFundingSigned(state) => &state.params,
            Self::AwaitingConfirmations(state) => &state.common.params,
            Self::AwaitingPeerReady(state) => &state.common.params,
            Self::Normal(state) => &state.common.params,
            Self::ShuttingDown(state) => &state.common.params,
            Self::NegotiatingClosing(state) => &state.common.params,
            Self::Closing(state) => &state.common.params,
            Self::Closed(state) => &state.params,
            Self::Failed(state) => &state.params,
        }
    }

    /// The channel's id.
    pub fn id(&self) -> ChannelId {
        self.params().channel_id
    }

    /// What both sides have. Of a closed channel: what they had last. Of a failed one: nothing.
    pub fn balances(&self) -> Balances {
        let nothing = Balances {
            local: Msat::ZERO,
            remote: Msat::ZERO,
            offered: Msat::ZERO,
            received: Msat::ZERO,
            fee: Amount::ZERO,
        };
        match self {
            Self::AwaitingFundingSigned(state) => {
                let (first, format) = (&state.first, state.params.channel_type.format);
                let cost = fees::opener_cost(format, first.feerate_per_kw, 0);
                Balances {
                    local: first.balances.holder,
                    remote: first.balances.counterparty,
                    fee: cost.to_sat_floor(),
                    ..nothing
                }
            }
            Self::Closed(state) => state.balances,
            Self::Failed(_) => nothing,
            Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_) => self.established().map_or(nothing, |common| {
                Balances::of(&common.params, &common.commitments)
            }),
        }
    }

    /// `(holder, counterparty)`: the number of this node's newest commitment, and of the newest signed for the peer.
    pub fn commitment_numbers(&self) -> (u64, u64) {
        match self {
            Self::AwaitingFundingSigned(_) | Self::Failed(_) => (0, 0),
            Self::Closed(state) => state.numbers,
            Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_) => self
                .established()
                .map_or((0, 0), |common| common.commitments.numbers()),
        }
    }

    /// All HTLCs that are proposed, committed or on their way out.
    pub fn htlcs(&self) -> impl Iterator<Item = &Htlc> {
        self.established()
            .into_iter()
            .flat_map(|common| common.commitments.htlcs())
    }

    /// One HTLC, by the side that offers it and its id.
    pub fn htlc(&self, offered_by: Side, id: crate::ids::HtlcId) -> Option<&Htlc> {
        self.htlcs()
            .find(|htlc| htlc.offered_by == offered_by && htlc.id == id)
    }

    /// The feerate of this node's newest commitment, satoshis for 1000 weight units.
    pub fn feerate_per_kw(&self) -> u32 {
        match self {
            Self::AwaitingFundingSigned(state) => state.first.feerate_per_kw,
            Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Closed(_)
            | Self::Failed(_) => self.established().map_or(0, |common| {
                common
                    .commitments
                    .feerate(&common.params, View::HolderCurrent)
            }),
        }
    }

    /// The newest commitment that the state says is signed for the peer: what the signer signs, also again after a
    /// restart. `None` once the channel closes: nothing is signed for the peer any more.
    pub fn counterparty_commitment(&self) -> Option<CommitmentTx> {
        match self {
            Self::AwaitingFundingSigned(state) => state.first.counterparty_tx(&state.params).ok(),
            Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Closed(_)
            | Self::Failed(_) => {
                let common = self.alive()?;
                common.commitments.counterparty_tx(&common.params).ok()
            }
        }
    }

    /// All commitments of the peer's that it could broadcast without being punished: the newest, and the one before
    /// while that is not revoked.
    pub fn counterparty_unrevoked(&self) -> Vec<CommitmentTx> {
        let Some(common) = self.established() else {
            return Vec::new();
        };
        let newest = common.commitments.counterparty_tx(&common.params).ok();
        let previous = common
            .commitments
            .counterparty_previous_tx(&common.params)
            .ok()
            .flatten();
        newest.into_iter().chain(previous).collect()
    }

    /// This node's newest commitment with the peer's signatures: what a force close broadcasts. `None` where nothing
    /// may be broadcast: before funding_signed, after loss of data, and at the end.
    pub fn holder_commitment(&self) -> Option<SignedHolderCommitment> {
        match self {
            Self::Closing(state) if !state.may_broadcast() => return None,
            Self::Closed(_) => return None,
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Failed(_) => {}
        }
        let common = self.established()?;
        let holder = common.commitments.holder();
        Some(SignedHolderCommitment {
            commitment: common.commitments.holder_tx(&common.params).ok()?,
            signature: holder.signature,
            htlc_signatures: holder.htlc_signatures.clone(),
        })
    }

    /// This node's newest commitment without any signature, whether or not it may be broadcast: for whoever must end its
    /// broadcast.
    pub fn unsigned_holder_commitment(&self) -> Option<CommitmentTx> {
        let common = self.established()?;
        common.commitments.holder_tx(&common.params).ok()
    }

    /// Whether the peer or the chain has shown that this node's state is old: it broadcasts none of its commitments.
    pub fn has_lost_data(&self) -> bool {
        self.close().is_some_and(super::Closing::has_lost_data)
    }

    /// This node's secrets of commitments with a lower number than this may be revealed, and no others ever.
    pub fn releasable_secret_below(&self) -> u64 {
        self.commitment_numbers().0
    }

    /// The peer's secret of a commitment that it has revoked: with it everything of that commitment can be taken.
    pub fn counterparty_secret(&self, number: u64) -> Option<[u8; 32]> {
        self.established()?.commitments.secrets().get(number)
    }

    /// Whether payments flow.
    pub fn is_usable(&self) -> bool {
        match self {
            Self::Normal(_) => true,
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Closed(_)
            | Self::Failed(_) => false,
        }
    }

    /// Whether `Local(Commit)` is possible and needed.
    pub fn commitment_due(&self) -> bool {
        match self {
            Self::Normal(state) => state
                .common
                .commitments
                .commitment_due(&state.common.params),
            Self::ShuttingDown(state) => state
                .common
                .commitments
                .commitment_due(&state.common.params),
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Closed(_)
            | Self::Failed(_) => false,
        }
    }

    /// The most that this node could offer in one HTLC now.
    pub fn spendable_msat(&self, limits: &Limits) -> Msat {
        self.most_offerable(limits, Side::Holder)
    }

    /// The most that the peer could offer in one HTLC now.
    pub fn receivable_msat(&self, limits: &Limits) -> Msat {
        self.most_offerable(limits, Side::Counterparty)
    }

    fn most_offerable(&self, limits: &Limits, by: Side) -> Msat {
        match self {
            Self::Normal(state) => {
                state
                    .common
                    .commitments
                    .most_offerable(&state.common.params, limits, by)
            }
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Closed(_)
            | Self::Failed(_) => Msat::ZERO,
        }
    }

    /// Where the opening transaction is, once it is at minimum_depth.
    pub fn confirmation(&self) -> Option<super::Confirmation> {
        match &self.established()?.opening {
            OpeningStatus::Confirmed(confirmation) => Some(*confirmation),
            OpeningStatus::Unconfirmed { .. } | OpeningStatus::Reorged => None,
        }
    }

    /// A peer opens it, and its opening transaction was never seen deep enough: it costs its opener nothing.
    pub fn is_unproven(&self) -> bool {
        self.established().is_some_and(|common| {
            let unconfirmed = matches!(common.opening, OpeningStatus::Unconfirmed { .. });
            unconfirmed && common.params.opener == Side::Counterparty
        })
    }

    /// Whether closing it on chain may yet cost this node coins that the channel does not hold (BOLT 5, fees of what is
    /// claimed): not where nothing can be closed, nor where both have closed it together, for that pays for itself.
    pub fn may_cost_to_close(&self) -> bool {
        match self {
            Self::Failed(_) | Self::Closed(_) => false,
            Self::Closing(_) => self
                .spend()
                .is_none_or(|spend| spend.kind != SpendKind::Mutual),
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_) => !self.is_unproven(),
        }
    }

    /// Whether this node may forget it (BOLT 2, channel_ready) once its opening transaction has had time enough to confirm.
    pub fn may_be_abandoned(&self) -> bool {
        match self {
            Self::Closing(state) if state.spend().is_some() => false,
            Self::Closed(_) => false,
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Failed(_) => self
                .established()
                .is_some_and(Established::may_be_abandoned),
        }
    }

    /// BOLT 7: block height, place in the block and output index in one number.
    pub fn short_channel_id(&self) -> Option<u64> {
        let confirmation = self.confirmation()?;
        let height = u64::from(confirmation.block_height) << 40;
        let index = u64::from(confirmation.transaction_index) << 16;
        Some(height | index | u64::from(self.params().funding.vout))
    }

    /// The alias that this node's channel_ready gives the channel.
    pub fn holder_alias(&self) -> Option<u64> {
        self.established().map(Established::holder_alias)
    }

    /// The alias that the peer's channel_ready gave the channel.
    pub fn counterparty_alias(&self) -> Option<u64> {
        self.established()?.counterparty_alias
    }

    /// The opening transaction, while this node has to see to its broadcast.
    pub fn opening_transaction(&self) -> Option<&Transaction> {
        match &self.established()?.opening {
            OpeningStatus::Unconfirmed { transaction } => transaction.as_deref(),
            OpeningStatus::Confirmed(_) | OpeningStatus::Reorged => None,
        }
    }

    /// The channel_reestablish to send on every new connection. `None` where none is due: an opening that is not
    /// signed, a channel that is over.
    pub fn reestablish(&self) -> Option<ChannelReestablish> {
        match self {
            Self::Closed(_) => None,
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Failed(_) => self
                .established()
                .map(|common| common.commitments.reestablish()),
        }
    }

    /// The number of this node's commitment whose per-commitment point goes with this message of the peer, as
    /// `next_holder_point` of [`Command::Peer`](crate::command::Command::Peer). `None` where none does.
    pub fn holder_point_needed(&self, message: &PeerMessage) -> Option<u64> {
        match message {
            PeerMessage::CommitmentSigned { .. } => {
                let number = self.commitment_numbers().0.checked_add(2)?;
                (number <= MAX_COMMITMENT_NUMBER).then_some(number)
            }
            PeerMessage::ChannelReestablish(message) => Commitments::reestablish_point(message),
            PeerMessage::FundingSigned { .. }
            | PeerMessage::ChannelReady { .. }
            | PeerMessage::UpdateAddHtlc(_)
            | PeerMessage::UpdateFulfillHtlc { .. }
            | PeerMessage::UpdateFailHtlc { .. }
            | PeerMessage::UpdateFailMalformedHtlc { .. }
            | PeerMessage::UpdateFee { .. }
            | PeerMessage::RevokeAndAck { .. }
            | PeerMessage::Shutdown { .. }
            | PeerMessage::ClosingSigned(_)
            | PeerMessage::Error { .. } => None,
        }
    }

    fn scripts(&self) -> Option<&ShutdownScripts> {
        match self {
            Self::NegotiatingClosing(state) => Some(&state.scripts),
            Self::Closing(state) => match state.cause() {
                Cause::Mutual { scripts, .. } => Some(scripts),
                Cause::Alone { .. } | Cause::Seen | Cause::DataLost => None,
            },
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::Closed(_)
            | Self::Failed(_) => None,
        }
    }

    /// Where a cooperative close pays to, once both shutdown are exchanged: to turn a feerate into a fee.
    pub fn shutdown_scripts(&self) -> Option<&ShutdownScripts> {
        self.scripts()
    }

    /// The closing transaction that pays `fee`, for the signer to sign: only while its fee is negotiated or agreed.
    pub fn closing_transaction(&self, fee: Amount) -> Option<Result<ClosingTx, CloseError>> {
        let scripts = self.scripts()?;
        Some(self.established()?.closing_tx(scripts, fee))
    }

    /// The closing transaction that both agreed on, with the peer's signature over it: complete once this node signs.
    pub fn agreed_closing(&self) -> Option<(ClosingTx, Signature)> {
        match self {
            Self::Closing(state) => match state.cause() {
                Cause::Mutual { scripts, agreement } => {
                    let ClosingAgreement { signature, .. } = agreement;
                    let tx = state.common.agreed_tx(scripts, agreement)?;
                    Some((tx, *signature))
                }
                Cause::Alone { .. } | Cause::Seen | Cause::DataLost => None,
            },
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closed(_)
            | Self::Failed(_) => None,
        }
    }

    /// The confirmed spend of the funding output, until it is buried for good.
    pub fn spend(&self) -> Option<&Spend> {
        self.resolution().map(super::Resolution::spend)
    }

    /// After a restart: what this state still owes that needs no peer. Broadcasts, HTLCs that wait for a decision,
    /// preimages that were released. What needs the peer follows from channel_reestablish.
    pub fn resume(&self) -> Vec<Action> {
        match self {
            Self::AwaitingFundingSigned(_) | Self::Failed(_) => Vec::new(),
            Self::Closed(state) => state
                .watched()
                .map_or_else(Vec::new, super::Closing::outcomes),
            Self::AwaitingConfirmations(state) => {
                state.common.opening_broadcast().into_iter().collect()
            }
            Self::AwaitingPeerReady(state) => {
                state.common.opening_broadcast().into_iter().collect()
            }
            Self::Normal(state) => state.resume(),
            Self::ShuttingDown(state) => state.resume(),
            Self::NegotiatingClosing(state) => state.resume(),
            Self::Closing(state) => state.resume(),
        }
    }

    /// BOLT 3: whatever can be broadcast distributes exactly the capacity.
    pub(super) fn check_conservation(&self) -> Result<(), ChannelError> {
        match self.established() {
            Some(common) => common.commitments.check_conservation(&common.params),
            None => Ok(()),
        }
    }
}
