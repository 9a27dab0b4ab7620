//! From LDK's messages to the channel's.

use bitcoin::constants::ChainHash;
use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use lightning::ln::msgs;
use lightning::util::ser::Writeable;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash, PaymentPreimage, TemporaryChannelId};
use zarnitsa_channel::message::{
    AcceptChannel, ChannelReestablish, ClosingSigned, OpenChannel, PeerMessage, UpdateAddHtlc,
};
use zarnitsa_channel::params::{ChannelPublicKeys, SideParams};

use super::{channel_id, channel_type_from_features, WireError};

/// A message of an existing channel with what travels beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelMessage {
    /// Which channel the peer says it means. Whether it is the peer's is not checked here.
    pub channel_id: ChannelId,
    /// What it says.
    pub message: PeerMessage,
    /// With update_add_htlc: its onion, 1366 bytes.
    pub onion: Option<Vec<u8>>,
    /// Beside it, behind the introduction node of a blinded path.
    pub path_key: Option<PublicKey>,
    /// Beside a failure or a preimage, 920 bytes; or nothing.
    pub attribution: Vec<u8>,
}

/// open_channel, for the chain `chain` only.
pub fn open_channel(
    message: &msgs::OpenChannel,
    chain: ChainHash,
) -> Result<OpenChannel, WireError> {
    let common = &message.common_fields;
    if common.chain_hash != chain {
        return Err(WireError::OtherChain);
    }
    let features = common
        .channel_type
        .as_ref()
        .ok_or_else(|| WireError::ChannelType {
            got: "nothing".to_owned(),
        })?;
    Ok(OpenChannel {
        temporary_channel_id: TemporaryChannelId(common.temporary_channel_id.0),
        funding_amount: Amount::from_sat(common.funding_satoshis),
        push: Msat::new(message.push_msat),
        feerate_per_kw: common.commitment_feerate_sat_per_1000_weight,
        announce: common.channel_flags & 1 == 1, // BOLT 2: the lowest bit is announce_channel
        channel_type: channel_type_from_features(features)?,
        side: SideParams {
            keys: ChannelPublicKeys {
                funding: common.funding_pubkey,
                revocation_basepoint: common.revocation_basepoint,
                payment_basepoint: common.payment_basepoint,
                delayed_payment_basepoint: common.delayed_payment_basepoint,
                htlc_basepoint: common.htlc_basepoint,
            },
            dust_limit: Amount::from_sat(common.dust_limit_satoshis),
            max_htlc_value_in_flight: Msat::new(common.max_htlc_value_in_flight_msat),
            channel_reserve: Amount::from_sat(message.channel_reserve_satoshis),
            htlc_minimum: Msat::new(common.htlc_minimum_msat),
            max_accepted_htlcs: common.max_accepted_htlcs,
            to_self_delay: common.to_self_delay,
            upfront_shutdown_script: given(&common.shutdown_scriptpubkey),
        },
        first_per_commitment_point: common.first_per_commitment_point,
    })
}

/// accept_channel.
pub fn accept_channel(message: &msgs::AcceptChannel) -> Result<AcceptChannel, WireError> {
    let common = &message.common_fields;
    let features = common
        .channel_type
        .as_ref()
        .ok_or_else(|| WireError::ChannelType {
            got: "nothing".to_owned(),
        })?;
    Ok(AcceptChannel {
        temporary_channel_id: TemporaryChannelId(common.temporary_channel_id.0),
        minimum_depth: common.minimum_depth,
        channel_type: channel_type_from_features(features)?,
        side: SideParams {
            keys: ChannelPublicKeys {
                funding: common.funding_pubkey,
                revocation_basepoint: common.revocation_basepoint,
                payment_basepoint: common.payment_basepoint,
                delayed_payment_basepoint: common.delayed_payment_basepoint,
                htlc_basepoint: common.htlc_basepoint,
            },
            dust_limit: Amount::from_sat(common.dust_limit_satoshis),
            max_htlc_value_in_flight: Msat::new(common.max_htlc_value_in_flight_msat),
            channel_reserve: Amount::from_sat(message.channel_reserve_satoshis),
            htlc_minimum: Msat::new(common.htlc_minimum_msat),
            max_accepted_htlcs: common.max_accepted_htlcs,
            to_self_delay: common.to_self_delay,
            upfront_shutdown_script: given(&common.shutdown_scriptpubkey),
        },
        first_per_commitment_point: common.first_per_commitment_point,
    })
}

// BOLT 2, option_upfront_shutdown_script: an empty script says that none is set.
fn given(script: &Option<bitcoin::ScriptBuf>) -> Option<bitcoin::ScriptBuf> {
    script.clone().filter(|script| !script.is_empty())
}

/// An onion as the 1366 bytes that travelled.
pub fn onion_bytes(packet: &msgs::OnionPacket) -> Vec<u8> {
    packet.encode()
}

impl ChannelMessage {
    fn plain(id: lightning::ln::types::ChannelId, message: PeerMessage) -> Self {
        Self {
            channel_id: channel_id(id),
            message,
            onion: None,
            path_key: None,
            attribution: Vec::new(),
        }
    }
}

impl From<&msgs::FundingSigned> for ChannelMessage {
    fn from(m: &msgs::FundingSigned) -> Self {
        Self::plain(
            m.channel_id,
            PeerMessage::FundingSigned {
                signature: m.signature,
            },
        )
    }
}

impl From<&msgs::ChannelReady> for ChannelMessage {
    fn from(m: &msgs::ChannelReady) -> Self {
        Self::plain(
            m.channel_id,
            PeerMessage::ChannelReady {
                next_per_commitment_point: m.next_per_commitment_point,
                alias: m.short_channel_id_alias,
            },
        )
    }
}

impl From<&msgs::UpdateAddHTLC> for ChannelMessage {
    fn from(m: &msgs::UpdateAddHTLC) -> Self {
        Self {
            channel_id: channel_id(m.channel_id),
            message: PeerMessage::UpdateAddHtlc(UpdateAddHtlc {
                id: HtlcId(m.htlc_id),
                amount: Msat::new(m.amount_msat),
                payment_hash: PaymentHash(m.payment_hash.0),
                cltv_expiry: m.cltv_expiry,
            }),
            onion: Some(onion_bytes(&m.onion_routing_packet)),
            path_key: m.blinding_point,
            attribution: Vec::new(),
        }
    }
}

impl From<&msgs::UpdateFulfillHTLC> for ChannelMessage {
    fn from(m: &msgs::UpdateFulfillHTLC) -> Self {
        let (id, preimage) = (HtlcId(m.htlc_id), PaymentPreimage(m.payment_preimage.0));
        let attribution = m.attribution_data.as_ref().map(Writeable::encode);
        Self {
            attribution: attribution.unwrap_or_default(),
            ..Self::plain(
                m.channel_id,
                PeerMessage::UpdateFulfillHtlc { id, preimage },
            )
        }
    }
}

impl From<&msgs::UpdateFailHTLC> for ChannelMessage {
    fn from(m: &msgs::UpdateFailHTLC) -> Self {
        // LDK keeps the field to itself; on the wire it stands behind channel_id (32), id (8) and its length (2).
        let wire = m.encode();
        let length = match wire.get(40..42) {
            Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        };
        let reason = wire.get(42..42 + length).unwrap_or_default().to_vec();
        let attribution = m.attribution_data.as_ref().map(Writeable::encode);
        let id = HtlcId(m.htlc_id);
        Self {
            attribution: attribution.unwrap_or_default(),
            ..Self::plain(m.channel_id, PeerMessage::UpdateFailHtlc { id, reason })
        }
    }
}

impl From<&msgs::UpdateFailMalformedHTLC> for ChannelMessage {
    fn from(m: &msgs::UpdateFailMalformedHTLC) -> Self {
        // As above: channel_id (32), id (8), then the hash.
        let wire = m.encode();
        let mut sha256_of_onion = [0; 32];
        if let Some(hash) = wire.get(40..72) {
            sha256_of_onion.copy_from_slice(hash);
        }
        Self::plain(
            m.channel_id,
            PeerMessage::UpdateFailMalformedHtlc {
                id: HtlcId(m.htlc_id),
                sha256_of_onion,
                failure_code: m.failure_code,
            },
        )
    }
}

impl From<&msgs::UpdateFee> for ChannelMessage {
    fn from(m: &msgs::UpdateFee) -> Self {
        Self::plain(
            m.channel_id,
            PeerMessage::UpdateFee {
                feerate_per_kw: m.feerate_per_kw,
            },
        )
    }
}

impl From<&msgs::CommitmentSigned> for ChannelMessage {
    fn from(m: &msgs::CommitmentSigned) -> Self {
        Self::plain(
            m.channel_id,
            PeerMessage::CommitmentSigned {
                signature: m.signature,
                htlc_signatures: m.htlc_signatures.clone(),
            },
        )
    }
}

impl From<&msgs::RevokeAndACK> for ChannelMessage {
    fn from(m: &msgs::RevokeAndACK) -> Self {
        Self::plain(
            m.channel_id,
            PeerMessage::RevokeAndAck {
                per_commitment_secret: m.per_commitment_secret,
                next_per_commitment_point: m.next_per_commitment_point,
            },
        )
    }
}

impl From<&msgs::Shutdown> for ChannelMessage {
    fn from(m: &msgs::Shutdown) -> Self {
        Self::plain(
            m.channel_id,
            PeerMessage::Shutdown {
                script: m.scriptpubkey.clone(),
            },
        )
    }
}

impl From<&msgs::ClosingSigned> for ChannelMessage {
    fn from(m: &msgs::ClosingSigned) -> Self {
        let fee_range = m.fee_range.as_ref().map(|range| {
            (
                Amount::from_sat(range.min_fee_satoshis),
                Amount::from_sat(range.max_fee_satoshis),
            )
        });
        Self::plain(
            m.channel_id,
            PeerMessage::ClosingSigned(ClosingSigned {
                fee: Amount::from_sat(m.fee_satoshis),
                signature: m.signature,
                fee_range,
            }),
        )
    }
}

impl From<&msgs::ChannelReestablish> for ChannelMessage {
    fn from(m: &msgs::ChannelReestablish) -> Self {
        Self::plain(
            m.channel_id,
            PeerMessage::ChannelReestablish(ChannelReestablish {
                next_commitment_number: m.next_local_commitment_number,
                next_revocation_number: m.next_remote_commitment_number,
                your_last_per_commitment_secret: m.your_last_per_commitment_secret,
                my_current_per_commitment_point: m.my_current_per_commitment_point,
            }),
        )
    }
}

impl From<&msgs::ErrorMessage> for ChannelMessage {
    fn from(m: &msgs::ErrorMessage) -> Self {
        Self::plain(
            m.channel_id,
            PeerMessage::Error {
                text: m.data.clone(),
            },
        )
    }
}
