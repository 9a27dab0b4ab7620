//! The hub's role: whose channels are accepted and on what terms, and whose payments are passed on. The channel machine is
//! the same for users and hubs; only the policy differs, and any node with bitcoin can be a hub.

pub(crate) mod asks;
pub(crate) mod forwarding;
pub(crate) mod rate;

use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use zarnitsa_channel::message::OpenChannel;
use zarnitsa_channel::state::Channel;
use zarnitsa_service::records::{NoRoom, Occupied, Policy};

/// Why a peer may not open a channel. Its text goes to the peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// By policy.
    #[error("this node accepts no channels from you")]
    Peer,
    /// By policy.
    #[error("a channel of {got} was asked for, between {least} and {most} are accepted")]
    Size {
        /// The least that is accepted.
        least: Amount,
        /// The most.
        most: Amount,
        /// What was asked for.
        got: Amount,
    },
    /// Too many channels.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// Closing it at the worst time could not be paid for. How much is there is nobody's business.
    #[error("this node has too few coins on chain to pay for closing one more channel")]
    Reserve,
    /// A zero-conf channel trusts its opener with the whole balance.
    #[error("channels are usable only once their opening transaction is confirmed")]
    ZeroConf,
}

/// Whether `peer` may open this channel, beside the channels that there are; `asked`: because this node asked it to. Closed
/// ones do not count.
pub fn may_open<'a>(
    policy: &Policy,
    peer: &PublicKey,
    open: &OpenChannel,
    asked: bool,
    channels: impl Iterator<Item = &'a Channel>,
) -> Result<(), NotAccepted> {
    if !asked && !policy.is_among(policy.accept_from, peer) {
        return Err(NotAccepted::Peer);
    }
    if open.channel_type.zero_conf && !policy.limits_for(peer).allow_zero_conf {
        return Err(NotAccepted::ZeroConf);
    }
    let (least, most, got) = (
        policy.min_channel_sat,
        policy.max_channel_sat,
        open.funding_amount,
    );
    if got < least || got > most {
        return Err(NotAccepted::Size { least, most, got });
    }
    Ok(policy.check_room(peer, &occupied(peer, channels))?)
}

/// The places that are taken, as `peer` finds them.
pub fn occupied<'a>(peer: &PublicKey, channels: impl Iterator<Item = &'a Channel>) -> Occupied {
    let mut occupied = Occupied::default();
    for channel in channels.filter(|channel| !is_over(channel)) {
        occupied.count(channel.params().peer == *peer, channel.is_unproven());
    }
    occupied
}

fn is_over(channel: &Channel) -> bool {
    matches!(channel, Channel::Closed(_) | Channel::Failed(_))
}
