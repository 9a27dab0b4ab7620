//! Refusals. Each says who is at fault, what was expected and what came.

use bitcoin::{Amount, OutPoint, ScriptBuf, Txid};

use crate::amount::Msat;
use crate::ids::HtlcId;
use crate::params::Side;
use crate::secrets::SecretError;
use crate::tx::TxError;
use crate::validate::ValidateError;

/// Whose fault a refusal is, which decides what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This node asked for what it must not do: nothing happened, the caller is told.
    Ours,
    /// The peer broke the protocol in a way that BOLT 2 answers with a warning and a closed connection.
    PeerWarning,
    /// The peer broke the protocol in a way that fails the channel.
    PeerFailsChannel,
}

impl Fault {
    /// The fault of whoever proposed something that breaks a rule.
    pub(crate) fn of(side: Side) -> Self {
        match side {
            Side::Holder => Self::Ours,
            // Nothing of it is in a commitment yet, so a new connection starts clean (BOLT 2, Message Retransmission).
            Side::Counterparty => Self::PeerWarning,
        }
    }
}

/// Why a command was refused. The state stays what it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The command has no meaning in this state.
    #[error("{command} does not fit a channel that is {state}")]
    WrongState {
        /// [`Channel::state_name`](crate::state::Channel::state_name)'s finer cousin: the state's own name.
        state: &'static str,
        /// What came.
        command: &'static str,
        /// Who sent it.
        fault: Fault,
    },
    /// An update that the protocol or this node's limits forbid.
    #[error("update of the {by:?} refused: {source}")]
    Update {
        /// Who proposed it.
        by: Side,
        /// The rule.
        #[source]
        source: UpdateError,
    },
    /// There is nothing for a commitment_signed to cover.
    #[error("commitment_signed of the {by:?} without any update")]
    NothingToCommit {
        /// Who would have signed.
        by: Side,
    },
    /// A revoke_and_ack is awaited, and one unrevoked commitment is all that may be outstanding.
    #[error("commitment {number} has not been acknowledged yet")]
    RevocationAwaited {
        /// The newest commitment signed for the counterparty.
        number: u64,
    },
    /// revoke_and_ack without a commitment_signed that it could answer.
    #[error("revoke_and_ack although nothing newer than commitment {number} is signed")]
    NoRevocationAwaited {
        /// The newest commitment signed for the counterparty.
        number: u64,
    },
    /// The counterparty's signatures over this node's commitment.
    #[error("commitment signature refused")]
    Signature(#[from] ValidateError),
    /// The counterparty's per-commitment secret.
    #[error("revocation refused")]
    Secret(#[from] SecretError),
    /// A transaction of this channel cannot be built.
    #[error("transaction cannot be built")]
    Tx(#[from] TxError),
    /// Balances and HTLCs do not sum to the capacity: the state is damaged or this program is wrong.
    #[error("balances and HTLCs come to {total:?} of {capacity}")]
    NotConserved {
        /// The capacity.
        capacity: Amount,
        /// Their sum, `None` where a side would have less than nothing.
        total: Option<Msat>,
    },
    /// A commitment number would go back or leap.
    #[error("commitment numbers {before:?} became {after:?}")]
    NumbersNotMonotonic {
        /// `(holder, counterparty)` before.
        before: (u64, u64),
        /// `(holder, counterparty)` after.
        after: (u64, u64),
    },
    /// The caller did not give this node's per-commitment point that the message needs.
    #[error("this node's per-commitment point {number} is needed")]
    PointMissing {
        /// Of which commitment.
        number: u64,
    },
    /// channel_ready with another point than before.
    #[error("channel_ready with another point than before")]
    PointChanged,
    /// channel_reestablish that no honest and healthy peer sends.
    #[error("channel_reestablish refused: {what} {got} where {expected} was due")]
    Reestablish {
        /// Which field.
        what: &'static str,
        /// The value, or the lower of two, that agrees with this state.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// channel_reestablish with a secret that is not the one of that number.
    #[error("channel_reestablish with a wrong secret for commitment {number}")]
    ReestablishSecret {
        /// The commitment that the peer claims to have been given the secret of.
        number: u64,
    },
    /// channel_reestablish with a secret although it says that none was given.
    #[error("channel_reestablish with a secret where nothing is revoked and zeroes are due")]
    ReestablishSecretEarly,
    /// shutdown or closing_signed that breaks BOLT 2.
    #[error("close refused")]
    Close(#[from] CloseError),
    /// The chain shows something that does not fit the channel.
    #[error("chain event refused")]
    Chain(#[from] ChainError),
    /// Only an opening that nobody can have broadcast may be given up, or a peer's that never confirmed.
    #[error("the opening transaction may be on its way: close the channel instead")]
    CannotAbandon,
    /// This node's state is old: whatever it would broadcast, the peer could punish.
    #[error("this node has lost data: it must wait for the peer to close")]
    DataLost,
}

impl ChannelError {
    /// Who is at fault and what follows.
    pub fn fault(&self) -> Fault {
        match self {
            Self::WrongState { fault, .. } => *fault,
            // It comes again with each connection, and can never be taken: no order of messages explains it.
            Self::Update {
                by: Side::Counterparty,
                source: UpdateError::AfterShutdown,
            } => Fault::PeerFailsChannel,
            Self::Update { by, .. } | Self::NothingToCommit { by } => Fault::of(*by),
            Self::RevocationAwaited { .. }
            | Self::Tx(_)
            | Self::NotConserved { .. }
            | Self::NumbersNotMonotonic { .. }
            | Self::PointMissing { .. }
            | Self::Chain(_)
            | Self::CannotAbandon
            | Self::DataLost => Fault::Ours,
            Self::Signature(_) | Self::NoRevocationAwaited { .. } => Fault::PeerWarning,
            Self::Secret(_)
            | Self::PointChanged
            | Self::Reestablish { .. }
            | Self::ReestablishSecret { .. }
            | Self::ReestablishSecretEarly => Fault::PeerFailsChannel,
            Self::Close(error) => error.fault(),
        }
    }
}

/// A rule of BOLT 2, "Normal Operation", or a limit of this node that an update breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// Ids count up by one.
    #[error("HTLC id {got:?} where {expected:?} was next")]
    WrongHtlcId {
        /// The next.
        expected: HtlcId,
        /// What came.
        got: HtlcId,
    },
    /// No such HTLC.
    #[error("there is no HTLC {id:?}")]
    UnknownHtlc {
        /// The id.
        id: HtlcId,
    },
    /// It is not committed on both sides yet, or its removal has begun.
    #[error("HTLC {id:?} cannot be removed now")]
    NotRemovable {
        /// The id.
        id: HtlcId,
    },
    /// An HTLC of nothing, or below the receiver's htlc_minimum_msat.
    #[error("{amount} is below the least HTLC of {minimum}")]
    BelowMinimum {
        /// The HTLC's.
        amount: Msat,
        /// The least.
        minimum: Msat,
    },
    /// cltv_expiry is no block height.
    #[error("expiry {cltv_expiry} is no block height")]
    ExpiryNotAHeight {
        /// The expiry.
        cltv_expiry: u32,
    },
    /// max_accepted_htlcs of the receiver.
    #[error("more than {limit} HTLCs")]
    TooManyHtlcs {
        /// The most.
        limit: u16,
    },
    /// max_htlc_value_in_flight_msat of the receiver.
    #[error("{total} in flight, {limit} at most")]
    TooMuchInFlight {
        /// With this HTLC.
        total: Msat,
        /// The most.
        limit: Msat,
    },
    /// The offerer would fall below its reserve, and the fee if it opened the channel.
    #[error("the offerer has {available}, amount, reserve and fee need {needed}")]
    BelowReserve {
        /// The offerer's balance.
        available: Msat,
        /// What it must have.
        needed: Msat,
    },
    /// The opener, who pays the fee, would fall below its reserve.
    #[error("the opener has {available}, reserve and fee need {needed}")]
    OpenerCannotPay {
        /// The opener's balance.
        available: Msat,
        /// What it must have.
        needed: Msat,
    },
    /// Too much would stand in HTLCs without an output.
    #[error("{total} in trimmed HTLCs, {limit} at most")]
    DustExposure {
        /// With this update.
        total: Msat,
        /// The most.
        limit: Msat,
    },
    /// The preimage is of another hash.
    #[error("the preimage is not that of HTLC {id:?}")]
    WrongPreimage {
        /// The HTLC.
        id: HtlcId,
    },
    /// It came over the limit of exposure and is to be failed.
    #[error("HTLC {id:?} came over the limit of exposure to trimmed HTLCs and is to be failed")]
    OverExposure {
        /// The HTLC.
        id: HtlcId,
    },
    /// update_fail_malformed_htlc without BADONION.
    #[error("failure code {failure_code:#06x} has no BADONION")]
    NotBadOnion {
        /// The code.
        failure_code: u16,
    },
    /// A failure longer than any that BOLT 4 makes.
    #[error("failure of {length} bytes, {limit} at most")]
    ReasonTooLong {
        /// Its length.
        length: usize,
        /// The most.
        limit: usize,
    },
    /// Only the opener sets the fee.
    #[error("only the opener may change the fee")]
    NotTheOpener,
    /// Outside of this node's limits.
    #[error("feerate {feerate_per_kw} is not in {min}..={max} sat/kw")]
    FeerateOutOfRange {
        /// What was proposed.
        feerate_per_kw: u32,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// It is what it was.
    #[error("feerate {feerate_per_kw} is the feerate already")]
    FeerateUnchanged {
        /// What was proposed.
        feerate_per_kw: u32,
    },
    /// No update_add_htlc after shutdown, and no update_fee once everything is cleared (BOLT 2).
    #[error("nothing is added or changed after shutdown")]
    AfterShutdown,
    /// Amounts beyond all bitcoin there are.
    #[error("amounts overflow")]
    Overflow,
}

/// What is wrong with a shutdown or a closing_signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// Not one of the forms that BOLT 2 allows.
    #[error("shutdown script {script} of the {by:?} is no standard segwit script")]
    ScriptForm {
        /// Who sent it.
        by: Side,
        /// The script.
        script: ScriptBuf,
    },
    /// Another script than before, or than promised in open_channel or accept_channel.
    #[error("shutdown script of the {by:?} is {got}, {expected} was promised")]
    ScriptChanged {
        /// Who sent it.
        by: Side,
        /// The promise.
        expected: ScriptBuf,
        /// What came.
        got: ScriptBuf,
    },
    /// shutdown while updates of its sender are in no commitment yet.
    #[error("shutdown while updates of its sender are uncommitted")]
    UpdatesPending,
    /// shutdown has been sent.
    #[error("shutdown has been sent already")]
    AlreadySent,
    /// It is the opener that proposes first.
    #[error("the opener proposes the first closing fee")]
    NotYourTurn {
        /// Who spoke too early.
        by: Side,
    },
    /// A fee outside of the range that goes with it, or more than the opener has.
    #[error("closing fee {fee} is not in {least} to {most}")]
    FeeOutOfRange {
        /// Who proposed it.
        by: Side,
        /// The fee.
        fee: Amount,
        /// The least.
        least: Amount,
        /// The most.
        most: Amount,
    },
    /// Both sides' ranges have no fee in common.
    #[error("no closing fee in common: {least} to {most} is what this node agrees to")]
    NoOverlap {
        /// The least.
        least: Amount,
        /// The most.
        most: Amount,
    },
    /// A fee that is in one side's range only, although the ranges overlap.
    #[error("closing fee {fee} is not in the range that both sides agree to")]
    FeeNotInOverlap {
        /// The fee.
        fee: Amount,
    },
    /// No variant of the closing transaction has this signature.
    #[error("the signature over the closing transaction that pays {fee} is not valid")]
    BadSignature {
        /// The fee.
        fee: Amount,
        /// For the variant with all outputs.
        #[source]
        source: Option<ValidateError>,
    },
    /// No closing transaction can be built.
    #[error("no closing transaction that pays {fee}")]
    Unbuildable {
        /// The fee.
        fee: Amount,
        /// Why.
        #[source]
        source: TxError,
    },
}

impl CloseError {
    /// Who is at fault and what follows.
    pub fn fault(&self) -> Fault {
        match self {
            Self::ScriptForm { by, .. }
            | Self::NotYourTurn { by }
            | Self::FeeOutOfRange { by, .. } => Fault::of(*by),
            Self::ScriptChanged { by, .. } => match by {
                Side::Holder => Fault::Ours,
                // BOLT 2, shutdown: MUST fail the connection.
                Side::Counterparty => Fault::PeerWarning,
            },
            Self::UpdatesPending
            | Self::NoOverlap { .. }
            | Self::BadSignature { .. }
            | Self::Unbuildable { .. } => Fault::PeerWarning,
            // BOLT 2, closing_signed: MUST fail the channel.
            Self::FeeNotInOverlap { .. } => Fault::PeerFailsChannel,
            Self::AlreadySent => Fault::Ours,
        }
    }
}

/// Why a chain event was refused. The adapter's caller reported what cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The transaction does not spend the funding output.
    #[error("{txid} does not spend the funding output")]
    NotASpend {
        /// The transaction.
        txid: Txid,
    },
    /// Too few confirmations.
    #[error("{got} confirmations of {needed}")]
    TooShallow {
        /// minimum_depth, or 100 for a coinbase.
        needed: u32,
        /// How many there are.
        got: u32,
    },
    /// Nothing has spent the funding output.
    #[error("the funding output is not known to be spent")]
    NotSpent,
    /// An output that is none of this node's.
    #[error("{outpoint} is no output of the close that concerns this node")]
    NotTracked {
        /// The output.
        outpoint: OutPoint,
    },
}
