//! Channels: openings and steps.

use zarnitsa_channel::validate::SignatureVerifier;

use super::{Ledger, Outcome};
use crate::errors::{ChannelError, OpeningError};
use crate::transactions::{HtlcAdd, HtlcResolve, Opening, Step};

impl Ledger<'_> {
    pub(crate) fn opening(self, _argument: Opening, _verifier: &dyn SignatureVerifier) -> Outcome {
        Err(OpeningError::Refused.into())
    }

    pub(crate) fn step(self, _step: Step, _verifier: &dyn SignatureVerifier) -> Outcome {
        Err(ChannelError::UnknownChannel.into())
    }

    pub(crate) fn htlc_add(self, argument: HtlcAdd, verifier: &dyn SignatureVerifier) -> Outcome {
        self.step(argument.into_parts().0, verifier)
    }

    pub(crate) fn htlc_resolve(
        self,
        argument: HtlcResolve,
        verifier: &dyn SignatureVerifier,
    ) -> Outcome {
        self.step(argument.into_parts().0, verifier)
    }
}
