//! The alarm for an older ledger: whoever goes on with one signs, reveals and broadcasts what is revoked.
//!
//! What the ledger must contain is kept outside of it: the signer's record of what it signed for each channel, the newest
//! block in the file beside the seed, and the same block with every peer that has a channel and keeps something for
//! others. Where the ledger lacks it, the node runs on and shows what it has, but its signer signs nothing of any channel,
//! the driver neither speaks of channels nor acts on the chain, and no order is taken.

use std::sync::Arc;

use exonum::crypto::Hash;
use zarnitsa_ledger::{Head, Ledger, LedgerError};
use zarnitsa_signer::{LedgerHead, Signer};

use crate::api::{ApiError, ErrorCode};
use crate::shared::{LedgerView, Shared};

/// What follows the reason, in logs and answers.
const WHAT_TO_DO: &str = "Nothing of its channels is signed, sent or broadcast. Stop the node and put the newest copy \
    of its data folder back. If there is none: `zarnitsa backup create F` on this folder, then `zarnitsa --data-dir \
    OTHER backup restore F` with the seed's words, and run the node in that folder: its peers close the channels and \
    pay out what is yours.";

/// The ledger's newest block, as it is noted. `generation` is the line's.
pub(crate) fn noted(head: Head, generation: u64) -> LedgerHead {
    LedgerHead {
        generation,
        height: head.height,
        hash: head.block_hash.as_bytes(),
    }
}

/// Why the ledger is older than what is known of it, before the node starts on it.
///
/// # Errors
/// Where it cannot be read: nobody knows then.
pub(crate) fn older_at_start(
    ledger: &Ledger,
    signer: &Signer,
) -> Result<Option<String>, LedgerError> {
    // Whoever restores an old copy of the ledger would hand the peer a revoked commitment: not one message leaves.
    let alarms = signer.check_against(&LedgerView::new(ledger.clone(), Arc::default()));
    let by_record = alarms.first().map(ToString::to_string);
    let by_head = match signer.head() {
        Some(head) if older(ledger, head.generation, &head)? => Some(format!(
            "the file `head` beside the seed knows block {}",
            head.height
        )),
        _ => None,
    };
    let why = by_record.or(by_head);
    Ok(why.map(|why| format!("this ledger is an older copy: {why}. {WHAT_TO_DO}")))
}

/// Whether the ledger lacks a block that it had once, where that block is not of a line that was given up.
fn older(ledger: &Ledger, generation: u64, seen: &LedgerHead) -> Result<bool, LedgerError> {
    Ok(!contains(ledger, seen)? && seen.generation >= generation)
}

fn contains(ledger: &Ledger, seen: &LedgerHead) -> Result<bool, LedgerError> {
    let block = ledger.block(seen.height)?;
    Ok(block.is_some_and(|block| block.block_hash == Hash::new(seen.hash)))
}

impl Shared {
    fn generation(&self) -> u64 {
        self.signer.head().map_or(0, |head| head.generation)
    }

    /// Notes beside the seed how far the ledger has come. Nothing is noted by a ledger that is an older one.
    pub(crate) fn note_head(&self) {
        if self.signer.refusing().is_some() {
            return;
        }
        let head = noted(self.ledger.head(), self.generation());
        if let Err(error) = self.signer.note_head(head) {
            tracing::warn!(%error, "how far the ledger has come is not noted");
        }
    }

    /// How far the ledger has come, for a peer to keep.
    pub(crate) fn sealed_head(&self) -> Option<Vec<u8>> {
        let head = noted(self.ledger.head(), self.generation());
        self.signer
            .seal_head(&head)
            .inspect_err(|error| tracing::warn!(%error, "no head for the peers"))
            .ok()
    }

    /// A peer shows what it has kept: the ledger must contain it. Whether it does.
    pub(crate) fn check_kept(&self, kept: &[u8], peer: impl std::fmt::Display) -> bool {
        let Some(seen) = self.signer.open_head(kept) else {
            tracing::debug!(%peer, "what a peer kept is not this node's");
            return true;
        };
        match older(&self.ledger, self.generation(), &seen) {
            Ok(true) => {}
            Ok(false) => {
                self.take_generation(&seen);
                return true;
            }
            Err(error) => {
                // An alarm would be a false one. The node stops over what it could not read.
                tracing::error!(%error, "whether the ledger is an older copy is not known");
                return false;
            }
        }
        let why = format!(
            "this ledger is an older copy: {peer} has kept that it had come to block {}, it ends with block {}",
            seen.height,
            self.ledger.head().height
        );
        let reason = format!("{why}. {WHAT_TO_DO}");
        tracing::error!("{reason}");
        // At the next start the peer may be away.
        if let Err(error) = self.signer.note_head(seen) {
            tracing::warn!(%error, "what the peer kept is not noted");
        }
        self.signer.refuse(reason);
        false
    }

    /// The file beside the seed may have been lost since the restore that a peer remembers.
    fn take_generation(&self, seen: &LedgerHead) {
        if seen.generation <= self.generation() {
            return;
        }
        let head = noted(self.ledger.head(), seen.generation);
        if let Err(error) = self.signer.note_head(head) {
            tracing::warn!(%error, "when the node was restored is not noted");
        }
    }

    /// # Errors
    /// [`ErrorCode::LedgerOld`] where the ledger is an older one: no order is taken then.
    pub(crate) fn check_not_older(&self) -> Result<(), ApiError> {
        match self.signer.refusing() {
            None => Ok(()),
            Some(reason) => Err(ApiError::new(ErrorCode::LedgerOld, reason)),
        }
    }
}
