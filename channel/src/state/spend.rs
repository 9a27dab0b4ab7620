//! Recognises a transaction that spends the funding output (BOLT 5).

use bitcoin::Transaction;
use serde::{Deserialize, Serialize};

use super::established::Established;
use super::negotiation::ShutdownScripts;
use crate::error::{ChainError, ChannelError};
use crate::tx::commitment::{commitment_number_of, CommitmentTx};

/// What spent the funding output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpendKind {
    /// A closing transaction of both sides.
    Mutual,
    /// This node's newest commitment.
    Holder {
        /// Its number.
        number: u64,
    },
    /// A commitment of the counterparty's that it has not revoked: the newest or the one before.
    Counterparty {
        /// Its number.
        number: u64,
    },
    /// A commitment of the counterparty's that it has revoked: all of it may be taken.
    Revoked {
        /// Its number.
        number: u64,
    },
    /// A commitment newer than any this node knows of: it has lost data, and only to_remote is its own to take.
    Future {
        /// Its number.
        number: u64,
    },
    /// None of these.
    Unknown,
}

/// A confirmed spend of the funding output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// All of it: later steps need its outputs.
    pub transaction: Box<Transaction>,
    /// Its block's height.
    pub block_height: u32,
    /// What it is.
    pub kind: SpendKind,
}

/// Which of the channel's transactions this is.
pub(super) fn identify(
    common: &Established,
    transaction: &Transaction,
    scripts: Option<&ShutdownScripts>,
) -> Result<SpendKind, ChannelError> {
    let (params, commitments) = (&common.params, &common.commitments);
    let txid = transaction.compute_txid();
    let spends = |input: &bitcoin::TxIn| input.previous_output == params.funding;
    if !transaction.input.iter().any(spends) {
        return Err(ChainError::NotASpend { txid }.into());
    }
    let (holder_number, counterparty_number) = commitments.numbers();
    if commitments.holder_tx(params)?.txid() == txid {
        let number = holder_number;
        return Ok(SpendKind::Holder { number });
    }
    let newest = commitments.counterparty_tx(params)?;
    let previous = commitments.counterparty_previous_tx(params)?;
    let unrevoked = [Some(newest), previous];
    let seen = unrevoked
        .iter()
        .flatten()
        .find(|commitment| commitment.txid() == txid);
    if let Some(commitment) = seen {
        let number = commitment.number();
        return Ok(SpendKind::Counterparty { number });
    }
    Ok(match commitment_number_of(params, transaction) {
        Some(number) if number < commitments.secrets().len() => SpendKind::Revoked { number },
        Some(number) if number > counterparty_number => SpendKind::Future { number },
        Some(_) => SpendKind::Unknown,
        None if is_mutual(transaction, scripts) => SpendKind::Mutual,
        None => SpendKind::Unknown,
    })
}

/// BOLT 3, "Closing Transaction": one or two outputs, to the scripts of both shutdown messages.
fn is_mutual(transaction: &Transaction, scripts: Option<&ShutdownScripts>) -> bool {
    let Some(scripts) = scripts else {
        return false;
    };
    let known = [&scripts.holder, &scripts.counterparty];
    let outputs = &transaction.output;
    (1..=2).contains(&outputs.len())
        && outputs
            .iter()
            .all(|output| known.contains(&&output.script_pubkey))
}

impl SpendKind {
    /// The commitment, where this node can build it again: its own, or one that the counterparty has not revoked.
    pub(super) fn commitment(self, common: &Established) -> Option<CommitmentTx> {
        let (params, commitments) = (&common.params, &common.commitments);
        match self {
            Self::Holder { .. } => commitments.holder_tx(params).ok(),
            Self::Counterparty { number } => {
                let newest = commitments.counterparty_tx(params).ok();
                let previous = commitments.counterparty_previous_tx(params).ok().flatten();
                [newest, previous]
                    .into_iter()
                    .flatten()
                    .find(|tx| tx.number() == number)
            }
            Self::Mutual | Self::Revoked { .. } | Self::Future { .. } | Self::Unknown => None,
        }
    }
}
