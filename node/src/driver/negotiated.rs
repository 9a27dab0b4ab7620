//! What both sides offer decides what a channel may be (BOLT 2, open_channel; BOLT 9), and what its fee must be.

use lightning::types::features::InitFeatures;
use zarnitsa_channel::params::{ChannelType, CommitmentFormat};

/// Why there is no such channel with that peer. Its text goes to the operator, or to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsuitable {
    /// Every format that this node speaks needs one of them.
    #[error("the peer offers neither option_anchors nor option_static_remotekey")]
    NoFormat,
    /// BOLT 2: the type holds only what was negotiated.
    #[error("the channel's type has {feature}, which was not negotiated")]
    NotNegotiated {
        /// BOLT 9's name.
        feature: &'static str,
    },
    /// Without anchors nobody can pay more later.
    #[error("a feerate of {got} per kiloweight is too small for a commitment without anchors: {least} at least")]
    FeerateTooSmall {
        /// What was proposed.
        got: u32,
        /// What would do.
        least: u32,
    },
}

/// The type to propose: anchors where the peer offers them, else what comes before them.
pub(super) fn proposed(peer: &InitFeatures, zero_conf: bool) -> Result<ChannelType, Unsuitable> {
    let format = if peer.supports_anchors_zero_fee_htlc_tx() {
        CommitmentFormat::Anchors
    } else if peer.supports_static_remote_key() {
        CommitmentFormat::StaticRemoteKey
    } else {
        return Err(Unsuitable::NoFormat);
    };
    let proposed = ChannelType {
        format,
        scid_alias: false,
        zero_conf,
    };
    check_type(peer, proposed).map(|()| proposed)
}

/// BOLT 2, open_channel: MUST fail the channel if its type is not made of what was negotiated. This node offers all of it.
pub(super) fn check_type(peer: &InitFeatures, got: ChannelType) -> Result<(), Unsuitable> {
    let anchors = got.format == CommitmentFormat::Anchors;
    for (has, offered, feature) in [
        (
            true,
            peer.supports_static_remote_key(),
            "option_static_remotekey",
        ),
        (
            anchors,
            peer.supports_anchors_zero_fee_htlc_tx(),
            "option_anchors",
        ),
        (
            got.scid_alias,
            peer.supports_scid_privacy(),
            "option_scid_alias",
        ),
        (got.zero_conf, peer.supports_zero_conf(), "option_zeroconf"),
    ] {
        if has && !offered {
            return Err(Unsuitable::NotNegotiated { feature });
        }
    }
    Ok(())
}

/// BOLT 2, open_channel and update_fee: too small for timely processing. With anchors the fee is paid at broadcast; without
/// them it must do on its own, so half of what would confirm within a day is the least. `slow` is that estimate.
pub(super) fn check_feerate(
    format: CommitmentFormat,
    got: u32,
    slow: u32,
) -> Result<(), Unsuitable> {
    let least = slow / 2;
    if format == CommitmentFormat::StaticRemoteKey && got < least {
        return Err(Unsuitable::FeerateTooSmall { got, least });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(anchors: bool) -> InitFeatures {
        let mut features = InitFeatures::empty();
        features.set_static_remote_key_required();
        if anchors {
            features.set_anchors_zero_fee_htlc_tx_optional();
        }
        features
    }

    fn a_type(format: CommitmentFormat) -> ChannelType {
        ChannelType {
            format,
            scid_alias: false,
            zero_conf: false,
        }
    }

    #[test]
    fn type_proposed_is_the_newest_that_the_peer_offers() {
        let of = |peer| proposed(&peer, false).map(|proposed| proposed.format);
        assert_eq!(of(offers(true)), Ok(CommitmentFormat::Anchors));
        assert_eq!(of(offers(false)), Ok(CommitmentFormat::StaticRemoteKey));
        assert_eq!(of(InitFeatures::empty()), Err(Unsuitable::NoFormat));
    }

    #[test]
    fn type_with_what_the_peer_does_not_offer_is_refused() {
        let refused = |feature| Some(Unsuitable::NotNegotiated { feature });
        let zero_conf = proposed(&offers(true), true).err();
        assert_eq!(zero_conf, refused("option_zeroconf"));
        let anchors = a_type(CommitmentFormat::Anchors);
        assert_eq!(
            check_type(&offers(false), anchors).err(),
            refused("option_anchors")
        );
        let hidden = ChannelType {
            scid_alias: true,
            ..anchors
        };
        assert_eq!(
            check_type(&offers(true), hidden).err(),
            refused("option_scid_alias")
        );
        assert_eq!(check_type(&offers(true), anchors), Ok(()));
    }

    #[test]
    fn feerate_too_small_without_anchors_is_refused() {
        let (anchors, none) = (CommitmentFormat::Anchors, CommitmentFormat::StaticRemoteKey);
        assert_eq!(check_feerate(anchors, 253, 10_000), Ok(()));
        assert_eq!(check_feerate(none, 5_000, 10_000), Ok(()));
        let least = 5_000;
        let refused = Err(Unsuitable::FeerateTooSmall { got: 4_999, least });
        assert_eq!(check_feerate(none, 4_999, 10_000), refused);
    }
}
