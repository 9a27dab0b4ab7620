//! An opening's whole transcript, from which a channel's first state is built, on the spot and on every replay.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, Transaction, TxOut};
use serde::{Deserialize, Serialize};

use super::checks::{check_accept, check_first_balances, check_open};
use super::{HolderPoints, OpeningError};
use crate::action::Action;
use crate::commitments::{FirstCommitments, Settled};
use crate::error::ChannelError;
use crate::ids::{ChannelId, KeysId};
use crate::message::{AcceptChannel, FundingCreated, OpenChannel, OutgoingMessage};
use crate::params::{ChannelParams, Side};
use crate::script::channel_funding_redeemscript;
use crate::state::{self, AwaitingFundingSigned, Channel, Context};
use crate::validate::{validate_tx, SignatureVerifier};

/// Everything that was said until funding_created. The ledger transaction of an opening carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Opening {
    /// This node opens.
    Opener(Box<OpenerOpening>),
    /// The peer opens.
    Acceptor(Box<AcceptorOpening>),
}

/// Of a channel that this node opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenerOpening {
    /// The peer's node id.
    pub peer: PublicKey,
    /// Names the channel's keys to the signer.
    pub keys_id: KeysId,
    /// This node's first two points.
    pub points: HolderPoints,
    /// Sent.
    pub open: OpenChannel,
    /// Received.
    pub accept: AcceptChannel,
    /// The channel's output.
    pub funding: OutPoint,
    /// Signed by the wallet, broadcast only after funding_signed.
    pub transaction: Transaction,
}

/// Of a channel that the peer opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptorOpening {
    /// The peer's node id.
    pub peer: PublicKey,
    /// Names the channel's keys to the signer.
    pub keys_id: KeysId,
    /// This node's first two points.
    pub points: HolderPoints,
    /// Received.
    pub open: OpenChannel,
    /// Sent.
    pub accept: AcceptChannel,
    /// Received.
    pub created: FundingCreated,
}

impl Opening {
    /// Makes every check again and builds the channel's first state, with what to do once it is durable.
    ///
    /// # Errors
    ///
    /// [`OpeningError`] where the transcript could not have led to a channel under these limits.
    pub fn rebuild(&self, context: &Context<'_>) -> Result<(Channel, Vec<Action>), OpeningError> {
        let limits = context.limits;
        let (open, accept) = (self.open(), self.accept());
        let (opener, acceptor) = match self {
            Self::Opener(_) => (Side::Holder, Side::Counterparty),
            Self::Acceptor(_) => (Side::Counterparty, Side::Holder),
        };
        check_open(opener, open, limits)?;
        check_accept(acceptor, open, accept, limits)?;
        match self {
            Self::Opener(opening) => opening.channel(),
            Self::Acceptor(opening) => opening.channel(context.verifier),
        }
    }

    /// open_channel.
    pub fn open(&self) -> &OpenChannel {
        match self {
            Self::Opener(opening) => &opening.open,
            Self::Acceptor(opening) => &opening.open,
        }
    }

    /// accept_channel.
    pub fn accept(&self) -> &AcceptChannel {
        match self {
            Self::Opener(opening) => &opening.accept,
            Self::Acceptor(opening) => &opening.accept,
        }
    }

    /// The channel's funding outpoint, which no other channel may ever have had.
    pub fn funding(&self) -> OutPoint {
        match self {
            Self::Opener(opening) => opening.funding,
            Self::Acceptor(opening) => opening.created.funding,
        }
    }

    /// The channel's id, which no other channel may ever have had.
    pub fn channel_id(&self) -> ChannelId {
        ChannelId::from_funding(self.funding())
    }

    /// The peer's node id.
    pub fn peer(&self) -> &PublicKey {
        match self {
            Self::Opener(opening) => &opening.peer,
            Self::Acceptor(opening) => &opening.peer,
        }
    }
}

/// BOLT 2, funding_created: the output's index has two bytes. A null txid is no transaction's.
fn check_outpoint(by: Side, funding: OutPoint) -> Result<(), OpeningError> {
    let fits = u16::try_from(funding.vout).is_ok();
    if !fits || funding.txid == bitcoin::hashes::Hash::all_zeros() {
        return Err(OpeningError::FundingOutpoint { by, funding });
    }
    Ok(())
}

impl OpenerOpening {
    fn params(&self) -> ChannelParams {
        ChannelParams {
            channel_id: ChannelId::from_funding(self.funding),
            peer: self.peer,
            channel_type: self.open.channel_type,
            funding: self.funding,
            capacity: self.open.funding_amount,
            opener: Side::Holder,
            announce: self.open.announce,
            minimum_depth: self.accept.minimum_depth,
            keys_id: self.keys_id,
            holder: self.open.side.clone(),
            counterparty: self.accept.side.clone(),
        }
    }

    pub(super) fn channel(&self) -> Result<(Channel, Vec<Action>), OpeningError> {
        let (holder, counterparty) = check_first_balances(&self.open, &self.accept)?;
        check_outpoint(Side::Holder, self.funding)?;
        let params = self.params();
        self.check_transaction(&params)?;
        let first = FirstCommitments {
            feerate_per_kw: self.open.feerate_per_kw,
            balances: Settled {
                holder,
                counterparty,
            },
            holder_points: [self.points.first, self.points.second],
            counterparty_point: self.accept.first_per_commitment_point,
        };
        // Both can be built, or the channel would be stuck before it exists.
        first.holder_tx(&params)?;
        first.counterparty_tx(&params)?;
        let created = Action::Send(OutgoingMessage::FundingCreated {
            temporary_channel_id: self.open.temporary_channel_id,
            funding: self.funding,
        });
        let state = AwaitingFundingSigned::new(params, first, self.transaction.clone());
        Ok((
            Channel::AwaitingFundingSigned(Box::new(state)),
            vec![created],
        ))
    }

    /// BOLT 2, funding_created: the outpoint names the output that pays exactly the capacity to both funding keys.
    fn check_transaction(&self, params: &ChannelParams) -> Result<(), OpeningError> {
        if self.transaction.compute_txid() != self.funding.txid {
            let (by, funding) = (Side::Holder, self.funding);
            return Err(OpeningError::FundingOutpoint { by, funding });
        }
        let expected = TxOut {
            value: params.capacity,
            script_pubkey: channel_funding_redeemscript(params).to_p2wsh(),
        };
        let index = usize::try_from(self.funding.vout).ok();
        let got = index.and_then(|index| self.transaction.output.get(index));
        if got != Some(&expected) {
            return Err(OpeningError::FundingOutput {
                funding: self.funding,
                got: got.cloned(),
                expected,
            });
        }
        Ok(())
    }
}

impl AcceptorOpening {
    fn params(&self) -> ChannelParams {
        ChannelParams {
            channel_id: ChannelId::from_funding(self.created.funding),
            peer: self.peer,
            channel_type: self.open.channel_type,
            funding: self.created.funding,
            capacity: self.open.funding_amount,
            opener: Side::Counterparty,
            announce: self.open.announce,
            minimum_depth: self.accept.minimum_depth,
            keys_id: self.keys_id,
            holder: self.accept.side.clone(),
            counterparty: self.open.side.clone(),
        }
    }

    pub(super) fn channel(
        &self,
        verifier: &dyn SignatureVerifier,
    ) -> Result<(Channel, Vec<Action>), OpeningError> {
        let (counterparty, holder) = check_first_balances(&self.open, &self.accept)?;
        if self.created.temporary_channel_id != self.open.temporary_channel_id {
            return Err(OpeningError::WrongTemporaryId {
                expected: self.open.temporary_channel_id,
                got: self.created.temporary_channel_id,
            });
        }
        check_outpoint(Side::Counterparty, self.created.funding)?;
        let params = self.params();
        let first = FirstCommitments {
            feerate_per_kw: self.open.feerate_per_kw,
            balances: Settled {
                holder,
                counterparty,
            },
            holder_points: [self.points.first, self.points.second],
            counterparty_point: self.open.first_per_commitment_point,
        };
        first.counterparty_tx(&params)?;
        // BOLT 2, funding_created: the signature must be valid for this node's first commitment, with a low S.
        let tx = first.holder_tx(&params)?;
        let evidence = validate_tx(tx, &params, self.created.signature, Vec::new(), verifier)
            .map_err(ChannelError::from)?;
        let signed = Action::Send(OutgoingMessage::FundingSigned);
        let (channel, more) = state::after_first_signature(params, first.signed(evidence), None);
        Ok((channel, [signed].into_iter().chain(more).collect()))
    }
}
