//! The closing transaction and the choice of its fee (BOLT 2, "Legacy Closing Negotiation").

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::{Amount, ScriptBuf, Txid};
use serde::{Deserialize, Serialize};

use super::established::Established;
use crate::error::{ChannelError, CloseError};
use crate::fees::fee_for_weight;
use crate::limits::Limits;
use crate::message::ClosingSigned;
use crate::params::Side;
use crate::tx::closing::{closing_weight, create_closing_tx, ClosingTx};
use crate::validate::{validate_closing_tx, SignatureVerifier};

/// Where a cooperative close pays to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShutdownScripts {
    /// Of this node's shutdown.
    pub holder: ScriptBuf,
    /// Of the peer's.
    pub counterparty: ScriptBuf,
}

/// A closing transaction that both sides agree on and that the counterparty has signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosingAgreement {
    /// fee_satoshis.
    pub fee: Amount,
    /// Which variant of the closing transaction the counterparty signed.
    pub txid: Txid,
    /// Over that variant.
    pub signature: Signature,
}

/// How far the choice of the fee has come. It begins anew with every connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Negotiation {
    /// Nobody has spoken since the last reconnection: it is the opener's turn.
    Fresh,
    /// This node has proposed, and an answer is awaited.
    Proposed {
        fee: Amount,
        /// The least and the most that this node agrees to.
        least: Amount,
        most: Amount,
        /// The peer's last fee before that.
        received: Option<Amount>,
    },
}

/// What a closing_signed comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Its fee is what this node proposed: done.
    Done,
    /// Its fee is fine: said back, done.
    Agree { least: Amount, most: Amount },
    /// This node proposes another fee.
    Counter {
        fee: Amount,
        least: Amount,
        most: Amount,
    },
}

impl Established {
    /// The closing transaction that pays `fee`, by this node's dust limit.
    pub(super) fn closing_tx(
        &self,
        scripts: &ShutdownScripts,
        fee: Amount,
    ) -> Result<ClosingTx, CloseError> {
        let (holder, counterparty) = self.commitments.balances();
        let (ours, theirs) = (scripts.holder.clone(), scripts.counterparty.clone());
        create_closing_tx(&self.params, holder, counterparty, ours, theirs, fee)
            .map_err(|source| CloseError::Unbuildable { fee, source })
    }

    /// BOLT 2, closing_signed: the signature must be valid for the closing transaction, or for a variant in which a side's
    /// output is left out as it may be.
    pub(super) fn validate_closing(
        &self,
        scripts: &ShutdownScripts,
        message: &ClosingSigned,
        verifier: &dyn SignatureVerifier,
    ) -> Result<ClosingAgreement, ChannelError> {
        let ClosingSigned { fee, signature, .. } = *message;
        let full = self.closing_tx(scripts, fee)?;
        let mut refused = None;
        for variant in full.variants(&self.params) {
            match validate_closing_tx(variant, &self.params, signature, verifier) {
                Ok(evidence) => {
                    return Ok(ClosingAgreement {
                        fee,
                        txid: evidence.closing().txid(),
                        signature: *evidence.signature(),
                    })
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(CloseError::BadSignature {
            fee,
            source: refused,
        }
        .into())
    }

    /// The transaction of an agreement, without this node's signature.
    pub(super) fn agreed_tx(
        &self,
        scripts: &ShutdownScripts,
        agreement: &ClosingAgreement,
    ) -> Option<ClosingTx> {
        let full = self.closing_tx(scripts, agreement.fee).ok()?;
        let variants = full.variants(&self.params);
        variants
            .into_iter()
            .find(|variant| variant.txid() == agreement.txid)
    }
}

/// The least fee that this node agrees to as the acceptor, who does not pay it: that it relays.
pub(crate) fn least_fee(scripts: &ShutdownScripts, limits: &Limits) -> Amount {
    let weight = closing_weight([scripts.holder.as_script(), scripts.counterparty.as_script()]);
    fee_for_weight(limits.min_closing_feerate_per_kw, weight)
}

fn out_of_range(fee: Amount, least: Amount, most: Amount) -> CloseError {
    let by = Side::Counterparty;
    CloseError::FeeOutOfRange {
        by,
        fee,
        least,
        most,
    }
}

/// What to answer to the fee of a closing_signed whose signature is valid. `least` is what this node needs at least where
/// it has not proposed anything yet.
pub(crate) fn answer(
    negotiation: &Negotiation,
    opener: Side,
    message: &ClosingSigned,
    least: Amount,
) -> Result<Answer, CloseError> {
    let (fee, range) = (message.fee, message.fee_range);
    // A fee outside of the range that comes with it contradicts itself.
    if let Some((low, high)) = range {
        if fee < low || fee > high {
            return Err(out_of_range(fee, low, high));
        }
    }
    match (negotiation, opener) {
        // BOLT 2, closing_signed: the opener speaks first.
        (Negotiation::Fresh, Side::Holder) => {
            let by = Side::Counterparty;
            Err(CloseError::NotYourTurn { by })
        }
        (Negotiation::Fresh, Side::Counterparty) => first_answer(fee, range, least),
        (
            Negotiation::Proposed {
                fee: own,
                least,
                most,
                received,
            },
            _,
        ) => {
            if fee == *own {
                return Ok(Answer::Done);
            }
            // BOLT 2, closing_signed: a fee within the range that this node sent is agreed to.
            if (*least..=*most).contains(&fee) {
                let (least, most) = (*least, *most);
                return Ok(Answer::Agree { least, most });
            }
            match range {
                Some((low, high)) if low.max(*least) > high.min(*most) => {
                    let (least, most) = (*least, *most);
                    Err(CloseError::NoOverlap { least, most })
                }
                Some(_) => Err(CloseError::FeeNotInOverlap { fee }),
                None => legacy_answer(fee, *own, *received, (*least, *most)),
            }
        }
    }
}

/// The acceptor's answer to the opener's first fee: yes, unless it is too low to relay.
fn first_answer(
    fee: Amount,
    range: Option<(Amount, Amount)>,
    least: Amount,
) -> Result<Answer, CloseError> {
    // The acceptor does not pay, so no fee is too high for it (BOLT 2: max_fee_satoshis at least what was received).
    let most = range.map_or(fee.max(least), |(_, high)| high);
    if most < least {
        return Err(CloseError::NoOverlap { least, most });
    }
    if fee >= least {
        return Ok(Answer::Agree { least, most });
    }
    Ok(Answer::Counter {
        fee: least,
        least,
        most,
    })
}

/// BOLT 2, closing_signed without fee_range: fees must come nearer with each message, strictly.
fn legacy_answer(
    fee: Amount,
    own: Amount,
    received: Option<Amount>,
    (least, most): (Amount, Amount),
) -> Result<Answer, CloseError> {
    if let Some(before) = received {
        let (low, high) = (before.min(own), before.max(own));
        if fee <= low || fee >= high {
            return Err(out_of_range(fee, low, high));
        }
    }
    // Half way, as far as this node goes.
    let middle = Amount::from_sat(fee.to_sat() / 2 + own.to_sat() / 2);
    let counter = middle.clamp(least, most);
    let (low, high) = (fee.min(own), fee.max(own));
    if counter <= low || counter >= high {
        return Err(out_of_range(fee, least, most));
    }
    Ok(Answer::Counter {
        fee: counter,
        least,
        most,
    })
}
