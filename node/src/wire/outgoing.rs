//! From the channel's messages to LDK's, with what the signer and the ledger fill in.

use bitcoin::constants::ChainHash;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{self, CommitmentUpdate, MessageSendEvent};
use lightning::types::payment::{PaymentHash, PaymentPreimage};
use lightning::util::ser::{BigSize, LengthReadable, Readable, Writeable as _};
use zarnitsa_channel::ids::{ChannelId, HtlcId};
use zarnitsa_channel::message::{
    AcceptChannel, ChannelReestablish, ClosingSigned, FundingCreated, OpenChannel, UpdateAddHtlc,
};
use zarnitsa_service::records::HtlcOnion;

use super::{features_from_channel_type, ldk_channel_id, WireError};

/// BOLT 2, update_fulfill_htlc and update_fail_htlc: the TLV of attribution_data.
const ATTRIBUTION_TYPE: u64 = 1;
/// BOLT 1: a message's length has 16 bits, and two bytes are its type.
const MAX_BODY: usize = 65_533;

/// BOLT 1, "Type-Length-Value Format". Nothing where there is no value.
fn tlv(kind: u64, value: &[u8]) -> Vec<u8> {
    if value.is_empty() {
        return Vec::new();
    }
    let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
    let mut record = BigSize(kind).encode();
    record.extend(BigSize(length).encode());
    record.extend_from_slice(value);
    record
}

/// A message that needs nothing more, for one channel and its peer.
#[derive(Clone, Copy, Debug)]
pub struct Complete {
    /// To whom.
    pub node_id: PublicKey,
    /// Of which channel.
    pub channel_id: ChannelId,
}

/// open_channel.
pub fn open_channel_message(
    node_id: PublicKey,
    open: &OpenChannel,
    chain: ChainHash,
) -> MessageSendEvent {
    let side = &open.side;
    let common_fields = msgs::CommonOpenChannelFields {
        chain_hash: chain,
        temporary_channel_id: lightning::ln::types::ChannelId(open.temporary_channel_id.0),
        funding_satoshis: open.funding_amount.to_sat(),
        dust_limit_satoshis: side.dust_limit.to_sat(),
        max_htlc_value_in_flight_msat: side.max_htlc_value_in_flight.to_msat(),
        htlc_minimum_msat: side.htlc_minimum.to_msat(),
        commitment_feerate_sat_per_1000_weight: open.feerate_per_kw,
        to_self_delay: side.to_self_delay,
        max_accepted_htlcs: side.max_accepted_htlcs,
        funding_pubkey: side.keys.funding,
        revocation_basepoint: side.keys.revocation_basepoint,
        payment_basepoint: side.keys.payment_basepoint,
        delayed_payment_basepoint: side.keys.delayed_payment_basepoint,
        htlc_basepoint: side.keys.htlc_basepoint,
        first_per_commitment_point: open.first_per_commitment_point,
        channel_flags: u8::from(open.announce),
        shutdown_scriptpubkey: Some(side.upfront_shutdown_script.clone().unwrap_or_default()),
        channel_type: Some(features_from_channel_type(open.channel_type)),
    };
    let msg = msgs::OpenChannel {
        common_fields,
        push_msat: open.push.to_msat(),
        channel_reserve_satoshis: side.channel_reserve.to_sat(),
    };
    MessageSendEvent::SendOpenChannel { node_id, msg }
}

/// accept_channel.
pub fn accept_channel_message(node_id: PublicKey, accept: &AcceptChannel) -> MessageSendEvent {
    let side = &accept.side;
    let common_fields = msgs::CommonAcceptChannelFields {
        temporary_channel_id: lightning::ln::types::ChannelId(accept.temporary_channel_id.0),
        dust_limit_satoshis: side.dust_limit.to_sat(),
        max_htlc_value_in_flight_msat: side.max_htlc_value_in_flight.to_msat(),
        htlc_minimum_msat: side.htlc_minimum.to_msat(),
        minimum_depth: accept.minimum_depth,
        to_self_delay: side.to_self_delay,
        max_accepted_htlcs: side.max_accepted_htlcs,
        funding_pubkey: side.keys.funding,
        revocation_basepoint: side.keys.revocation_basepoint,
        payment_basepoint: side.keys.payment_basepoint,
        delayed_payment_basepoint: side.keys.delayed_payment_basepoint,
        htlc_basepoint: side.keys.htlc_basepoint,
        first_per_commitment_point: accept.first_per_commitment_point,
        shutdown_scriptpubkey: Some(side.upfront_shutdown_script.clone().unwrap_or_default()),
        channel_type: Some(features_from_channel_type(accept.channel_type)),
    };
    let msg = msgs::AcceptChannel {
        common_fields,
        channel_reserve_satoshis: side.channel_reserve.to_sat(),
    };
    MessageSendEvent::SendAcceptChannel { node_id, msg }
}

/// The 1366 bytes of an onion, as LDK's type.
pub fn onion_packet(bytes: &[u8]) -> Result<msgs::OnionPacket, WireError> {
    msgs::OnionPacket::read(&mut &bytes[..]).map_err(|e| WireError::Codec(format!("onion: {e:?}")))
}

impl Complete {
    /// funding_created with the signature over the counterparty's first commitment.
    pub fn funding_created(self, m: &FundingCreated) -> MessageSendEvent {
        let msg = msgs::FundingCreated {
            temporary_channel_id: lightning::ln::types::ChannelId(m.temporary_channel_id.0),
            funding_txid: m.funding.txid,
            // The channel machine refuses an opening whose output index is larger.
            funding_output_index: u16::try_from(m.funding.vout).unwrap_or(u16::MAX),
            signature: m.signature,
        };
        MessageSendEvent::SendFundingCreated {
            node_id: self.node_id,
            msg,
        }
    }

    /// funding_signed.
    pub fn funding_signed(self, signature: Signature) -> MessageSendEvent {
        let msg = msgs::FundingSigned {
            channel_id: ldk_channel_id(self.channel_id),
            signature,
        };
        MessageSendEvent::SendFundingSigned {
            node_id: self.node_id,
            msg,
        }
    }

    /// channel_ready.
    pub fn channel_ready(self, point: PublicKey, alias: Option<u64>) -> MessageSendEvent {
        let msg = msgs::ChannelReady {
            channel_id: ldk_channel_id(self.channel_id),
            next_per_commitment_point: point,
            short_channel_id_alias: alias,
        };
        MessageSendEvent::SendChannelReady {
            node_id: self.node_id,
            msg,
        }
    }

    /// revoke_and_ack with the secret that the signer released.
    pub fn revoke_and_ack(self, secret: [u8; 32], next: PublicKey) -> MessageSendEvent {
        let msg = msgs::RevokeAndACK {
            channel_id: ldk_channel_id(self.channel_id),
            per_commitment_secret: secret,
            next_per_commitment_point: next,
            release_htlc_message_paths: Vec::new(),
        };
        MessageSendEvent::SendRevokeAndACK {
            node_id: self.node_id,
            msg,
        }
    }

    /// shutdown.
    pub fn shutdown(self, script: bitcoin::ScriptBuf) -> MessageSendEvent {
        let msg = msgs::Shutdown {
            channel_id: ldk_channel_id(self.channel_id),
            scriptpubkey: script,
        };
        MessageSendEvent::SendShutdown {
            node_id: self.node_id,
            msg,
        }
    }

    /// closing_signed.
    pub fn closing_signed(self, m: &ClosingSigned) -> MessageSendEvent {
        let fee_range = m
            .fee_range
            .map(|(least, most)| msgs::ClosingSignedFeeRange {
                min_fee_satoshis: least.to_sat(),
                max_fee_satoshis: most.to_sat(),
            });
        let msg = msgs::ClosingSigned {
            channel_id: ldk_channel_id(self.channel_id),
            fee_satoshis: m.fee.to_sat(),
            signature: m.signature,
            fee_range,
        };
        MessageSendEvent::SendClosingSigned {
            node_id: self.node_id,
            msg,
        }
    }

    /// channel_reestablish.
    pub fn channel_reestablish(self, m: &ChannelReestablish) -> MessageSendEvent {
        let msg = msgs::ChannelReestablish {
            channel_id: ldk_channel_id(self.channel_id),
            next_local_commitment_number: m.next_commitment_number,
            next_remote_commitment_number: m.next_revocation_number,
            your_last_per_commitment_secret: m.your_last_per_commitment_secret,
            my_current_per_commitment_point: m.my_current_per_commitment_point,
            next_funding: None,
            my_current_funding_locked: None,
        };
        MessageSendEvent::SendChannelReestablish {
            node_id: self.node_id,
            msg,
        }
    }

    /// warning, after which the connection is closed (BOLT 1).
    pub fn warning(self, text: String) -> MessageSendEvent {
        let msg = msgs::WarningMessage {
            channel_id: ldk_channel_id(self.channel_id),
            data: text,
        };
        MessageSendEvent::HandleError {
            node_id: self.node_id,
            action: msgs::ErrorAction::DisconnectPeerWithWarning { msg },
        }
    }

    /// Not a message: the connection ends. A new one begins with channel_reestablish.
    pub fn hang_up(self) -> MessageSendEvent {
        MessageSendEvent::HandleError {
            node_id: self.node_id,
            action: msgs::ErrorAction::DisconnectPeer { msg: None },
        }
    }

    /// error: the channel is given up.
    pub fn error(self, text: String) -> MessageSendEvent {
        let msg = msgs::ErrorMessage {
            channel_id: ldk_channel_id(self.channel_id),
            data: text,
        };
        MessageSendEvent::HandleError {
            node_id: self.node_id,
            action: msgs::ErrorAction::SendErrorMessage { msg },
        }
    }
}

/// Updates that wait for their commitment_signed: they leave in one bundle.
#[derive(Debug)]
pub struct UpdateBundle {
    target: Complete,
    updates: CommitmentUpdate,
}

impl UpdateBundle {
    /// Nothing yet.
    pub fn new(target: Complete) -> Self {
        let updates = CommitmentUpdate {
            update_add_htlcs: Vec::new(),
            update_fulfill_htlcs: Vec::new(),
            update_fail_htlcs: Vec::new(),
            update_fail_malformed_htlcs: Vec::new(),
            update_fee: None,
            commitment_signed: Vec::new(),
        };
        Self { target, updates }
    }

    /// update_add_htlc with its onion.
    pub fn add(&mut self, m: &UpdateAddHtlc, onion: &HtlcOnion) -> Result<(), WireError> {
        self.updates.update_add_htlcs.push(msgs::UpdateAddHTLC {
            channel_id: ldk_channel_id(self.target.channel_id),
            htlc_id: m.id.0,
            amount_msat: m.amount.to_msat(),
            payment_hash: PaymentHash(m.payment_hash.0),
            cltv_expiry: m.cltv_expiry,
            skimmed_fee_msat: None,
            onion_routing_packet: onion_packet(&onion.packet)?,
            blinding_point: onion.path_key,
            hold_htlc: None,
        });
        Ok(())
    }

    /// update_fulfill_htlc, with what travels beside it, or nothing. LDK does not name the type of that.
    pub fn fulfill(
        &mut self,
        id: HtlcId,
        preimage: [u8; 32],
        attribution: &[u8],
    ) -> Result<(), WireError> {
        let attribution_data = match attribution {
            [] => None,
            data => Some(
                Readable::read(&mut &*data)
                    .map_err(|e| WireError::Codec(format!("attribution_data: {e:?}")))?,
            ),
        };
        self.updates
            .update_fulfill_htlcs
            .push(msgs::UpdateFulfillHTLC {
                channel_id: ldk_channel_id(self.target.channel_id),
                htlc_id: id.0,
                payment_preimage: PaymentPreimage(preimage),
                attribution_data,
            });
        Ok(())
    }

    /// update_fail_htlc. LDK lets nobody else set its reason, so the message is read from the bytes it would have on the wire.
    /// `attribution` is what travels beside it, or nothing; a failure that leaves it no room goes without.
    pub fn fail(&mut self, id: HtlcId, reason: &[u8], attribution: &[u8]) -> Result<(), WireError> {
        let length = u16::try_from(reason.len())
            .map_err(|_| WireError::Codec(format!("a failure of {} bytes", reason.len())))?;
        let mut wire = self.target.channel_id.0.to_vec();
        wire.extend_from_slice(&id.0.to_be_bytes());
        wire.extend_from_slice(&length.to_be_bytes());
        wire.extend_from_slice(reason);
        let tail = tlv(ATTRIBUTION_TYPE, attribution);
        if wire.len() + tail.len() <= MAX_BODY {
            wire.extend(tail);
        }
        let message = msgs::UpdateFailHTLC::read_from_fixed_length_buffer(&mut &wire[..])
            .map_err(|e| WireError::Codec(format!("update_fail_htlc: {e:?}")))?;
        self.updates.update_fail_htlcs.push(message);
        Ok(())
    }

    /// update_fail_malformed_htlc, likewise.
    pub fn fail_malformed(
        &mut self,
        id: HtlcId,
        sha256_of_onion: [u8; 32],
        failure_code: u16,
    ) -> Result<(), WireError> {
        let mut wire = self.target.channel_id.0.to_vec();
        wire.extend_from_slice(&id.0.to_be_bytes());
        wire.extend_from_slice(&sha256_of_onion);
        wire.extend_from_slice(&failure_code.to_be_bytes());
        let message = msgs::UpdateFailMalformedHTLC::read_from_fixed_length_buffer(&mut &wire[..])
            .map_err(|e| WireError::Codec(format!("update_fail_malformed_htlc: {e:?}")))?;
        self.updates.update_fail_malformed_htlcs.push(message);
        Ok(())
    }

    /// update_fee.
    pub fn fee(&mut self, feerate_per_kw: u32) {
        self.updates.update_fee = Some(msgs::UpdateFee {
            channel_id: ldk_channel_id(self.target.channel_id),
            feerate_per_kw,
        });
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        let u = &self.updates;
        u.update_add_htlcs.is_empty()
            && u.update_fulfill_htlcs.is_empty()
            && u.update_fail_htlcs.is_empty()
            && u.update_fail_malformed_htlcs.is_empty()
            && u.update_fee.is_none()
    }

    /// All of it with its commitment_signed.
    pub fn commit(mut self, signature: Signature, htlcs: Vec<Signature>) -> MessageSendEvent {
        self.updates.commitment_signed.push(msgs::CommitmentSigned {
            channel_id: ldk_channel_id(self.target.channel_id),
            signature,
            htlc_signatures: htlcs,
            funding_txid: None,
        });
        MessageSendEvent::UpdateHTLCs {
            node_id: self.target.node_id,
            channel_id: ldk_channel_id(self.target.channel_id),
            updates: self.updates,
        }
    }
}
