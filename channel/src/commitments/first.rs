//! Commitment 0 of both sides (BOLT 2, funding_created and funding_signed).

use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use super::{Commitments, CounterpartyCommitment, FeeState, HolderCommitment, NextIds, Settled};
use crate::error::ChannelError;
use crate::params::{ChannelParams, Side};
use crate::secrets::SecretStore;
use crate::tx::commitment::{create_commitment_tx, CommitmentSpec, CommitmentTx};
use crate::validate::ValidatedTx;

/// The content of both first commitments, before the counterparty has signed this node's (BOLT 2, funding_created and
/// funding_signed).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FirstCommitments {
    pub feerate_per_kw: u32,
    pub balances: Settled,
    /// This node's points of commitments 0 and 1.
    pub holder_points: [PublicKey; 2],
    pub counterparty_point: PublicKey,
}

impl FirstCommitments {
    fn spec(&self, broadcaster: Side) -> CommitmentSpec {
        let (own, other) = self.balances.of_both(broadcaster);
        CommitmentSpec {
            feerate_per_kw: self.feerate_per_kw,
            to_broadcaster: own,
            to_countersignatory: other,
            htlcs: Vec::new(),
        }
    }

    /// This node's commitment 0.
    pub(crate) fn holder_tx(&self, params: &ChannelParams) -> Result<CommitmentTx, ChannelError> {
        let spec = self.spec(Side::Holder);
        let [point, _] = &self.holder_points;
        Ok(create_commitment_tx(params, Side::Holder, 0, point, &spec)?)
    }

    /// The counterparty's commitment 0, which this node signs.
    pub(crate) fn counterparty_tx(
        &self,
        params: &ChannelParams,
    ) -> Result<CommitmentTx, ChannelError> {
        let spec = self.spec(Side::Counterparty);
        let point = &self.counterparty_point;
        Ok(create_commitment_tx(
            params,
            Side::Counterparty,
            0,
            point,
            &spec,
        )?)
    }

    /// With the evidence that the counterparty signed this node's commitment 0.
    pub(crate) fn signed(self, evidence: ValidatedTx) -> Commitments {
        let (_, signature, htlc_signatures) = evidence.into_parts();
        let [point, next_point] = self.holder_points;
        Commitments {
            holder: HolderCommitment {
                number: 0,
                point,
                next_point,
                signature,
                htlc_signatures,
            },
            counterparty: CounterpartyCommitment::First {
                point: self.counterparty_point,
            },
            secrets: SecretStore::new(),
            settled: self.balances,
            htlcs: Vec::new(),
            next_ids: NextIds::default(),
            fee: FeeState::new(self.feerate_per_kw),
        }
    }
}
