//! What both sides offer decides what a channel may be (BOLT 2, open_channel; BOLT 9), and what its fee must be.

use bitcoin::{Script, WitnessVersion};
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
    /// BOLT 2, shutdown: witness programs of later versions are paid to only where both sides know of them.
    #[error("a shutdown script of a witness version above 0 needs option_shutdown_anysegwit, which was not negotiated")]
    ShutdownScript,
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

/// BOLT 2, shutdown and open_channel: a script that the peer names, as an upfront one too. This node offers
/// option_shutdown_anysegwit, so it is negotiated where the peer does; its own scripts are of version 0.
pub(super) fn check_script(peer: &InitFeatures, script: Option<&Script>) -> Result<(), Unsuitable> {
    let version = script.and_then(Script::witness_version);
    let is_later = version.is_some_and(|version| version > WitnessVersion::V0);
    if is_later && !peer.supports_shutdown_anysegwit() {
        return Err(Unsuitable::ShutdownScript);
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

/// What is done about the peer's update_fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It goes to the machine.
    Take,
    /// BOLT 2, update_fee: a warning, and the connection ends.
    Warn(Unsuitable),
    /// BOLT 2, update_fee: an error, and the channel ends, while its commitment still pays enough.
    Fail(Unsuitable),
}

/// So often a peer hears a warning before the channel is closed over a feerate.
const WARNINGS: u32 = 3;

/// The two sides' estimates differ, and a channel is not closed over that where nothing in it has a deadline: a feerate that
/// is too small is taken, and the channel carries nothing while it has it. HTLCs have deadlines, and the commitment at hand
/// still pays for them. The peer is warned, which leaves time to settle them, and may think better of it; one that insists
/// loses the channel, not this node its HTLCs. `warned`: how often that has been so.
pub(super) fn answer_fee(checked: Result<(), Unsuitable>, has_htlcs: bool, warned: u32) -> Answer {
    match checked {
        Ok(()) => Answer::Take,
        Err(_) if !has_htlcs => Answer::Take,
        Err(error) if warned < WARNINGS => Answer::Warn(error),
        Err(error) => Answer::Fail(error),
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::ScriptBuf;

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

    #[test]
    fn shutdown_script_of_a_later_version_needs_the_feature() {
        let program = |version: u8, length: u8| {
            let mut bytes = vec![version, length];
            bytes.extend(vec![7; usize::from(length)]);
            ScriptBuf::from_bytes(bytes)
        };
        let without = offers(true);
        let mut with = offers(true);
        with.set_shutdown_any_segwit_optional();
        for (version, length) in [(0x51, 32), (0x51, 2), (0x60, 40)] {
            let script = program(version, length);
            let refused = Err(Unsuitable::ShutdownScript);
            assert_eq!(check_script(&without, Some(&script)), refused);
            assert_eq!(check_script(&with, Some(&script)), Ok(()));
        }
        for length in [20, 32] {
            assert_eq!(check_script(&without, Some(&program(0, length))), Ok(()));
        }
        assert_eq!(check_script(&without, None), Ok(()));
    }

    #[test]
    fn update_fee_too_small_is_taken_without_htlcs_and_ends_the_channel_only_with_them() {
        let small = Unsuitable::FeerateTooSmall { got: 1, least: 2 };
        for warned in [0, 99] {
            assert_eq!(answer_fee(Ok(()), true, warned), Answer::Take);
            assert_eq!(answer_fee(Err(small), false, warned), Answer::Take);
        }
        for warned in 0..3 {
            assert_eq!(answer_fee(Err(small), true, warned), Answer::Warn(small));
        }
        assert_eq!(answer_fee(Err(small), true, 3), Answer::Fail(small));
    }
}
