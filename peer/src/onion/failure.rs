//! Failure messages (BOLT 4, "Failure Messages").

use std::fmt;

const BADONION: u16 = 0x8000;
const PERM: u16 = 0x4000;
const NODE: u16 = 0x2000;
const UPDATE: u16 = 0x1000;

/// A failure's number, whose top byte has flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FailureCode(pub u16);

impl FailureCode {
    /// The peer could not read the onion at all: the failure goes in update_fail_malformed_htlc, not in an onion.
    pub const fn is_malformed(self) -> bool {
        self.0 & BADONION != 0
    }

    /// Trying again is of no use.
    pub const fn is_permanent(self) -> bool {
        self.0 & PERM != 0
    }

    /// The whole node failed, not one of its channels.
    pub const fn is_node(self) -> bool {
        self.0 & NODE != 0
    }

    /// The name that BOLT 4 gives it.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0x2002 => "temporary_node_failure",
            0x6002 => "permanent_node_failure",
            0x6003 => "required_node_feature_missing",
            0xc004 => "invalid_onion_version",
            0xc005 => "invalid_onion_hmac",
            0xc006 => "invalid_onion_key",
            0x1007 => "temporary_channel_failure",
            0x4008 => "permanent_channel_failure",
            0x4009 => "required_channel_feature_missing",
            0x400a => "unknown_next_peer",
            0x100b => "amount_below_minimum",
            0x100c => "fee_insufficient",
            0x100d => "incorrect_cltv_expiry",
            0x100e => "expiry_too_soon",
            0x400f => "incorrect_or_unknown_payment_details",
            18 => "final_incorrect_cltv_expiry",
            19 => "final_incorrect_htlc_amount",
            0x1014 => "channel_disabled",
            21 => "expiry_too_far",
            0x4016 => "invalid_onion_payload",
            23 => "mpp_timeout",
            0xc018 => "invalid_onion_blinding",
            _ => "unknown_failure",
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:04x})", self.name(), self.0)
    }
}

impl fmt::Debug for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why an HTLC failed, with what BOLT 4 lets the failing node say about it. `channel_update` is the message with or
/// without its type, as it came, and may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The node cannot work at present.
    TemporaryNodeFailure,
    /// The node will not work again.
    PermanentNodeFailure,
    /// The onion lacks a feature that the node requires.
    RequiredNodeFeatureMissing,
    /// The onion's version byte is unknown.
    InvalidOnionVersion {
        /// Of the onion as it came.
        sha256_of_onion: [u8; 32],
    },
    /// The onion's HMAC is wrong.
    InvalidOnionHmac {
        /// Of the onion as it came.
        sha256_of_onion: [u8; 32],
    },
    /// The onion's ephemeral key is no key.
    InvalidOnionKey {
        /// Of the onion as it came.
        sha256_of_onion: [u8; 32],
    },
    /// The outgoing channel cannot carry it now.
    TemporaryChannelFailure {
        /// Of the outgoing channel.
        channel_update: Vec<u8>,
    },
    /// The outgoing channel will carry nothing more.
    PermanentChannelFailure,
    /// The outgoing channel requires a feature that the onion lacks.
    RequiredChannelFeatureMissing,
    /// No channel has the short channel id that the onion names.
    UnknownNextPeer,
    /// Below htlc_minimum_msat of the outgoing channel.
    AmountBelowMinimum {
        /// What came.
        htlc_msat: u64,
        /// Of the outgoing channel.
        channel_update: Vec<u8>,
    },
    /// The fee left to the node is too small.
    FeeInsufficient {
        /// What came.
        htlc_msat: u64,
        /// Of the outgoing channel.
        channel_update: Vec<u8>,
    },
    /// The difference of expiries left to the node is too small.
    IncorrectCltvExpiry {
        /// Of the outgoing HTLC, as the onion has it.
        cltv_expiry: u32,
        /// Of the outgoing channel.
        channel_update: Vec<u8>,
    },
    /// It expires too soon to be forwarded safely.
    ExpiryTooSoon {
        /// Of the outgoing channel.
        channel_update: Vec<u8>,
    },
    /// The payee does not know the hash, or amount, secret or expiry are wrong. Which, it does not say.
    IncorrectOrUnknownPaymentDetails {
        /// What came.
        htlc_msat: u64,
        /// The payee's block height.
        height: u32,
    },
    /// The HTLC expires earlier than the onion says.
    FinalIncorrectCltvExpiry {
        /// Of the HTLC.
        cltv_expiry: u32,
    },
    /// The HTLC has less than the onion says.
    FinalIncorrectHtlcAmount {
        /// Of the HTLC.
        incoming_htlc_msat: u64,
    },
    /// The outgoing channel is disabled.
    ChannelDisabled {
        /// None is defined.
        flags: u16,
        /// Of the outgoing channel.
        channel_update: Vec<u8>,
    },
    /// It expires too far in the future.
    ExpiryTooFar,
    /// The layer's contents are not understood, or something is missing in them.
    InvalidOnionPayload {
        /// Which record.
        tlv_type: u64,
        /// Where in the decrypted layer.
        offset: u16,
    },
    /// Not all parts of the payment came in time.
    MppTimeout,
    /// Something failed within a blinded path.
    InvalidOnionBlinding {
        /// Of the onion as it came.
        sha256_of_onion: [u8; 32],
    },
    /// A code that is not listed, or data that does not fit its code.
    Other {
        /// The number.
        code: FailureCode,
        /// What came after it.
        data: Vec<u8>,
    },
}

impl Failure {
    /// Its number.
    pub fn code(&self) -> FailureCode {
        FailureCode(match self {
            Self::TemporaryNodeFailure => NODE | 2,
            Self::PermanentNodeFailure => PERM | NODE | 2,
            Self::RequiredNodeFeatureMissing => PERM | NODE | 3,
            Self::InvalidOnionVersion { .. } => BADONION | PERM | 4,
            Self::InvalidOnionHmac { .. } => BADONION | PERM | 5,
            Self::InvalidOnionKey { .. } => BADONION | PERM | 6,
            Self::TemporaryChannelFailure { .. } => UPDATE | 7,
            Self::PermanentChannelFailure => PERM | 8,
            Self::RequiredChannelFeatureMissing => PERM | 9,
            Self::UnknownNextPeer => PERM | 10,
            Self::AmountBelowMinimum { .. } => UPDATE | 11,
            Self::FeeInsufficient { .. } => UPDATE | 12,
            Self::IncorrectCltvExpiry { .. } => UPDATE | 13,
            Self::ExpiryTooSoon { .. } => UPDATE | 14,
            Self::IncorrectOrUnknownPaymentDetails { .. } => PERM | 15,
            Self::FinalIncorrectCltvExpiry { .. } => 18,
            Self::FinalIncorrectHtlcAmount { .. } => 19,
            Self::ChannelDisabled { .. } => UPDATE | 20,
            Self::ExpiryTooFar => 21,
            Self::InvalidOnionPayload { .. } => PERM | 22,
            Self::MppTimeout => 23,
            Self::InvalidOnionBlinding { .. } => BADONION | PERM | 24,
            Self::Other { code, .. } => code.0,
        })
    }

    /// `failuremsg`: code and data.
    pub fn encode(&self) -> Vec<u8> {
        let mut message = self.code().0.to_be_bytes().to_vec();
        match self {
            Self::TemporaryNodeFailure
            | Self::PermanentNodeFailure
            | Self::RequiredNodeFeatureMissing
            | Self::PermanentChannelFailure
            | Self::RequiredChannelFeatureMissing
            | Self::UnknownNextPeer
            | Self::ExpiryTooFar
            | Self::MppTimeout => {}
            Self::InvalidOnionVersion { sha256_of_onion }
            | Self::InvalidOnionHmac { sha256_of_onion }
            | Self::InvalidOnionKey { sha256_of_onion }
            | Self::InvalidOnionBlinding { sha256_of_onion } => {
                message.extend_from_slice(sha256_of_onion);
            }
            Self::TemporaryChannelFailure { channel_update }
            | Self::ExpiryTooSoon { channel_update } => with_length(&mut message, channel_update),
            Self::AmountBelowMinimum {
                htlc_msat,
                channel_update,
            }
            | Self::FeeInsufficient {
                htlc_msat,
                channel_update,
            } => {
                message.extend_from_slice(&htlc_msat.to_be_bytes());
                with_length(&mut message, channel_update);
            }
            Self::IncorrectCltvExpiry {
                cltv_expiry,
                channel_update,
            } => {
                message.extend_from_slice(&cltv_expiry.to_be_bytes());
                with_length(&mut message, channel_update);
            }
            Self::IncorrectOrUnknownPaymentDetails { htlc_msat, height } => {
                message.extend_from_slice(&htlc_msat.to_be_bytes());
                message.extend_from_slice(&height.to_be_bytes());
            }
            Self::FinalIncorrectCltvExpiry { cltv_expiry } => {
                message.extend_from_slice(&cltv_expiry.to_be_bytes());
            }
            Self::FinalIncorrectHtlcAmount { incoming_htlc_msat } => {
                message.extend_from_slice(&incoming_htlc_msat.to_be_bytes());
            }
            Self::ChannelDisabled {
                flags,
                channel_update,
            } => {
                message.extend_from_slice(&flags.to_be_bytes());
                with_length(&mut message, channel_update);
            }
            Self::InvalidOnionPayload { tlv_type, offset } => {
                push_bigsize(&mut message, *tlv_type);
                message.extend_from_slice(&offset.to_be_bytes());
            }
            Self::Other { data, .. } => message.extend_from_slice(data),
        }
        message
    }

    /// Reads `failuremsg`. `None` where not even a code is there; what does not fit its code is [`Failure::Other`].
    /// A TLV stream after the data is left unread, as BOLT 4 allows it to be.
    pub fn decode(message: &[u8]) -> Option<Self> {
        let (code, data) = message.split_first_chunk()?;
        let code = FailureCode(u16::from_be_bytes(*code));
        let known = Self::decode_known(code, data);
        Some(known.unwrap_or_else(|| Self::Other {
            code,
            data: data.to_vec(),
        }))
    }

    fn decode_known(code: FailureCode, mut data: &[u8]) -> Option<Self> {
        let data = &mut data;
        Some(match code.0 {
            0x2002 => Self::TemporaryNodeFailure,
            0x6002 => Self::PermanentNodeFailure,
            0x6003 => Self::RequiredNodeFeatureMissing,
            0xc004 => Self::InvalidOnionVersion {
                sha256_of_onion: take(data)?,
            },
            0xc005 => Self::InvalidOnionHmac {
                sha256_of_onion: take(data)?,
            },
            0xc006 => Self::InvalidOnionKey {
                sha256_of_onion: take(data)?,
            },
            0x1007 => Self::TemporaryChannelFailure {
                channel_update: take_update(data)?,
            },
            0x4008 => Self::PermanentChannelFailure,
            0x4009 => Self::RequiredChannelFeatureMissing,
            0x400a => Self::UnknownNextPeer,
            0x100b => Self::AmountBelowMinimum {
                htlc_msat: u64::from_be_bytes(take(data)?),
                channel_update: take_update(data)?,
            },
            0x100c => Self::FeeInsufficient {
                htlc_msat: u64::from_be_bytes(take(data)?),
                channel_update: take_update(data)?,
            },
            0x100d => Self::IncorrectCltvExpiry {
                cltv_expiry: u32::from_be_bytes(take(data)?),
                channel_update: take_update(data)?,
            },
            0x100e => Self::ExpiryTooSoon {
                channel_update: take_update(data)?,
            },
            0x400f => Self::IncorrectOrUnknownPaymentDetails {
                htlc_msat: u64::from_be_bytes(take(data)?),
                height: u32::from_be_bytes(take(data)?),
            },
            18 => Self::FinalIncorrectCltvExpiry {
                cltv_expiry: u32::from_be_bytes(take(data)?),
            },
            19 => Self::FinalIncorrectHtlcAmount {
                incoming_htlc_msat: u64::from_be_bytes(take(data)?),
            },
            0x1014 => Self::ChannelDisabled {
                flags: u16::from_be_bytes(take(data)?),
                channel_update: take_update(data)?,
            },
            21 => Self::ExpiryTooFar,
            0x4016 => Self::InvalidOnionPayload {
                tlv_type: take_bigsize(data)?,
                offset: u16::from_be_bytes(take(data)?),
            },
            23 => Self::MppTimeout,
            0xc018 => Self::InvalidOnionBlinding {
                sha256_of_onion: take(data)?,
            },
            _ => return None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code().name())
    }
}

/// A length of two bytes and the bytes; what is longer than that is left out, which BOLT 4 allows for channel_update.
fn with_length(message: &mut Vec<u8>, bytes: &[u8]) {
    match u16::try_from(bytes.len()) {
        Ok(length) => {
            message.extend_from_slice(&length.to_be_bytes());
            message.extend_from_slice(bytes);
        }
        Err(_) => message.extend_from_slice(&[0, 0]),
    }
}

/// BOLT 1, "Fundamental Types": bigsize.
fn push_bigsize(message: &mut Vec<u8>, value: u64) {
    if let Ok(value) = u8::try_from(value) {
        if value < 0xfd {
            message.push(value);
            return;
        }
    }
    if let Ok(value) = u16::try_from(value) {
        message.push(0xfd);
        message.extend_from_slice(&value.to_be_bytes());
    } else if let Ok(value) = u32::try_from(value) {
        message.push(0xfe);
        message.extend_from_slice(&value.to_be_bytes());
    } else {
        message.push(0xff);
        message.extend_from_slice(&value.to_be_bytes());
    }
}

fn take_bigsize(data: &mut &[u8]) -> Option<u64> {
    let [first] = take(data)?;
    let (value, least) = match first {
        0xff => (u64::from_be_bytes(take(data)?), 1 << 32),
        0xfe => (u64::from(u32::from_be_bytes(take(data)?)), 1 << 16),
        0xfd => (u64::from(u16::from_be_bytes(take(data)?)), 0xfd),
        small => (u64::from(small), 0),
    };
    (value >= least).then_some(value)
}

fn take<const N: usize>(data: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = data.split_first_chunk()?;
    *data = rest;
    Some(*taken)
}

fn take_update(data: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes(take(data)?));
    let (taken, rest) = data.split_at_checked(length)?;
    *data = rest;
    Some(taken.to_vec())
}

#[cfg(test)]
mod tests {
    use super::{Failure, FailureCode};

    fn every() -> Vec<Failure> {
        let sha256_of_onion = [7; 32];
        let channel_update = vec![1, 2, 3];
        vec![
            Failure::TemporaryNodeFailure,
            Failure::PermanentNodeFailure,
            Failure::RequiredNodeFeatureMissing,
            Failure::InvalidOnionVersion { sha256_of_onion },
            Failure::InvalidOnionHmac { sha256_of_onion },
            Failure::InvalidOnionKey { sha256_of_onion },
            Failure::TemporaryChannelFailure {
                channel_update: channel_update.clone(),
            },
            Failure::PermanentChannelFailure,
            Failure::RequiredChannelFeatureMissing,
            Failure::UnknownNextPeer,
            Failure::AmountBelowMinimum {
                htlc_msat: u64::MAX,
                channel_update: vec![],
            },
            Failure::FeeInsufficient {
                htlc_msat: 1,
                channel_update: channel_update.clone(),
            },
            Failure::IncorrectCltvExpiry {
                cltv_expiry: 9,
                channel_update: channel_update.clone(),
            },
            Failure::ExpiryTooSoon {
                channel_update: channel_update.clone(),
            },
            Failure::IncorrectOrUnknownPaymentDetails {
                htlc_msat: 100,
                height: 800_000,
            },
            Failure::FinalIncorrectCltvExpiry { cltv_expiry: 1 },
            Failure::FinalIncorrectHtlcAmount {
                incoming_htlc_msat: 2,
            },
            Failure::ChannelDisabled {
                flags: 0,
                channel_update,
            },
            Failure::ExpiryTooFar,
            Failure::InvalidOnionPayload {
                tlv_type: 0x1_0000,
                offset: 3,
            },
            Failure::MppTimeout,
            Failure::InvalidOnionBlinding { sha256_of_onion },
        ]
    }

    #[test]
    fn failure_every_kind_round_trips() {
        for failure in every() {
            let encoded = failure.encode();
            assert_eq!(Failure::decode(&encoded), Some(failure.clone()));
            assert_ne!(failure.code().name(), "unknown_failure", "{failure:?}");
            let with_tlv = [encoded.as_slice(), &[1, 0]].concat();
            assert_eq!(Failure::decode(&with_tlv), Some(failure));
        }
    }

    #[test]
    fn failure_short_or_unknown_data_is_kept_as_it_came() {
        assert_eq!(Failure::decode(&[]), None);
        assert_eq!(Failure::decode(&[0x40]), None);
        for failure in every() {
            let encoded = failure.encode();
            for length in 2..encoded.len() {
                assert_eq!(
                    Failure::decode(&encoded[..length]),
                    Some(Failure::Other {
                        code: failure.code(),
                        data: encoded[2..length].to_vec(),
                    })
                );
            }
        }
        let other = Failure::Other {
            code: FailureCode(0x0fff),
            data: vec![1],
        };
        assert_eq!(Failure::decode(&other.encode()), Some(other));
    }

    #[test]
    fn failure_bigsize_that_is_not_minimal_is_not_understood() {
        let message = [0x40, 0x16, 0xfd, 0, 8, 0, 0];
        assert!(matches!(
            Failure::decode(&message),
            Some(Failure::Other { .. })
        ));
    }
}
