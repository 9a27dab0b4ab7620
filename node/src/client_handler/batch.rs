//! Several channels by one opening transaction.

use bitcoin::Amount;
use zarnitsa_channel::amount::Msat;
use zarnitsa_service::records::{OpenBatchRequest, OpenChannelRequest, RequestStatus};
use zarnitsa_service::{read, LedgerCall};

use super::{feerate_per_kw, ORDER_TIMEOUT};
use crate::api::{self, ApiError, ErrorCode};
use crate::shared::Shared;

impl Shared {
    /// Opens all of them or none: returns when the opening transaction is with the Bitcoin network.
    pub(crate) async fn open_batch(
        &self,
        request: api::OpenBatch,
    ) -> Result<Vec<api::ChannelOpened>, ApiError> {
        let announce = request.announce;
        let channels = request
            .channels
            .into_iter()
            .map(|channel| OpenChannelRequest {
                peer: channel.peer.node_id,
                address: channel.peer.address.unwrap_or_default(),
                amount_sat: Amount::from_sat(channel.amount_sat),
                push_msat: Msat::ZERO,
                feerate_per_kw: 0,
                announce,
                nonce: [0; 32],
                zero_conf: false,
            });
        let order = OpenBatchRequest {
            channels: channels.collect(),
            feerate_per_kw: feerate_per_kw(request.fee_rate_sat_vb)?,
            nonce: rand::random(),
        };
        let hash = self.order(LedgerCall::OpenBatch(order)).await?;
        let ids = self
            .wait_until(hash.as_bytes(), ORDER_TIMEOUT, || {
                let request = read::request(&*self.ledger.snapshot(), &hash)?;
                match request.status {
                    RequestStatus::Pending => None,
                    RequestStatus::Done => Some(Ok(request.channels)),
                    RequestStatus::Failed => {
                        Some(Err(ApiError::new(ErrorCode::Refused, request.reason)))
                    }
                }
            })
            .await?;
        let opened = ids.iter().map(|id| {
            let channel = self.channel(id);
            let channel = channel.ok_or_else(|| ApiError::not_found("channel", id))?;
            Ok(api::ChannelOpened::from_funding(channel.params().funding))
        });
        opened.collect()
    }
}
