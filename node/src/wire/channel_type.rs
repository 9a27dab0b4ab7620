//! `channel_type`: feature bits on the wire, an enum with us.

use lightning::types::features::ChannelTypeFeatures;
use zarnitsa_channel::params::{ChannelType, CommitmentFormat};

use super::WireError;

/// BOLT 9: bit 12 static_remotekey, 22 anchors, 46 scid_alias, 50 zeroconf, each as a requirement.
pub fn features_from_channel_type(channel_type: ChannelType) -> ChannelTypeFeatures {
    let mut features = match channel_type.format {
        CommitmentFormat::StaticRemoteKey => ChannelTypeFeatures::only_static_remote_key(),
        CommitmentFormat::Anchors => ChannelTypeFeatures::anchors_zero_htlc_fee_and_dependencies(),
    };
    if channel_type.scid_alias {
        features.set_scid_privacy_required();
    }
    if channel_type.zero_conf {
        features.set_zero_conf_required();
    }
    features
}

/// Refuses everything that is not exactly one of the known combinations: an unknown bit changes the commitment's format.
pub fn channel_type_from_features(
    features: &ChannelTypeFeatures,
) -> Result<ChannelType, WireError> {
    let formats = [CommitmentFormat::StaticRemoteKey, CommitmentFormat::Anchors];
    let flags = [(false, false), (false, true), (true, false), (true, true)];
    formats
        .into_iter()
        .flat_map(|format| {
            flags.map(|(scid_alias, zero_conf)| ChannelType {
                format,
                scid_alias,
                zero_conf,
            })
        })
        .find(|known| features_from_channel_type(*known) == *features)
        .ok_or_else(|| WireError::ChannelType {
            got: features.to_string(),
        })
}
