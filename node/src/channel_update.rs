//! channel_update of this node's own channels (BOLT 7): what each forwards for, signed.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{ChannelUpdate, UnsignedChannelUpdate, UnsignedGossipMessage};
use lightning::sign::NodeSigner;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::Channel;
use zarnitsa_service::records::{ChannelPolicy, Policy};

use crate::shared::Shared;
use crate::time;

/// BOLT 7, channel_update: message_flags, the maximum is there (compulsory), and the message is not for others.
const MUST_BE_ONE: u8 = 1;
const DONT_FORWARD: u8 = 1 << 1;
/// channel_flags: which end speaks, and whether it is closed to payments for now.
const SECOND_NODE: u8 = 1;
const DISABLED: u8 = 1 << 1;
/// BOLT 7: an update of more than two weeks ago is forgotten by others, so one is made anew in time.
const RENEW_AFTER_SECONDS: u32 = 24 * 60 * 60;

/// Under which short channel id the channel stands in an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// Its real one, for everybody: only a channel that is to be announced has such an update.
    Everybody,
    /// What its peer calls it: the peer's own alias, or the real one.
    Peer,
    /// As an onion named it, BOLT 4: a failure tells a payer no other name than that which it used.
    Onion(u64),
}

/// What a channel carries out for, and for how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub base_fee: Msat,
    pub fee_ppm: u32,
    pub cltv_delta: u16,
    /// The smallest HTLC out.
    pub htlc_minimum: Msat,
    /// The largest.
    pub htlc_maximum: Msat,
}

impl Terms {
    /// Of the channel's own policy, where it has one, else of the node's. A channel never offers more than its peer lets
    /// it send (BOLT 7: htlc_maximum_msat is at most the capacity and the peer's limit in flight).
    pub(crate) fn of(channel: &Channel, policy: &Policy, own: Option<&ChannelPolicy>) -> Self {
        let params = channel.params();
        let theirs = &params.counterparty;
        let capacity = Msat::from_sat(params.capacity).unwrap_or(Msat::ZERO);
        let most = theirs.max_htlc_value_in_flight.min(capacity);
        let (base_fee, fee_ppm, cltv_delta) = own.map_or(
            (policy.base_fee_msat, policy.fee_ppm, policy.cltv_delta),
            |own| (own.base_fee_msat, own.fee_ppm, own.cltv_delta),
        );
        let minimum = own.map_or(Msat::ZERO, |own| own.htlc_minimum_msat);
        let maximum = own.map_or(Msat::ZERO, |own| own.htlc_maximum_msat);
        Self {
            base_fee,
            fee_ppm,
            cltv_delta,
            htlc_minimum: minimum.max(theirs.htlc_minimum),
            htlc_maximum: match maximum {
                Msat::ZERO => most,
                maximum => maximum.min(most),
            },
        }
    }

    /// BOLT 7, "HTLC Fees". None where it is more than there is.
    pub(crate) fn fee(&self, amount: Msat) -> Option<Msat> {
        let part = u128::from(amount.to_msat()).checked_mul(self.fee_ppm.into())? / 1_000_000;
        let part = Msat::new(u64::try_from(part).ok()?);
        self.base_fee.checked_add(part)
    }
}

/// Which of a channel's names an update takes. None: there is no such update.
fn name(channel: &Channel, named: NamedBy) -> Option<u64> {
    let params = channel.params();
    match named {
        NamedBy::Everybody => channel
            .short_channel_id()
            .filter(|_| params.announce && !params.channel_type.scid_alias),
        NamedBy::Peer => channel
            .counterparty_alias()
            .or_else(|| channel.short_channel_id()),
        NamedBy::Onion(id) => Some(id),
    }
}

/// Everything of the update but its time.
fn unsigned(
    shared: &Shared,
    channel: &Channel,
    named: NamedBy,
    enabled: bool,
) -> Option<UnsignedChannelUpdate> {
    let params = channel.params();
    let short_channel_id = name(channel, named)?;
    let terms = shared.terms(channel);
    let message_flags = match named {
        NamedBy::Everybody => MUST_BE_ONE,
        NamedBy::Peer => MUST_BE_ONE | DONT_FORWARD,
        NamedBy::Onion(_) if params.announce => MUST_BE_ONE,
        NamedBy::Onion(_) => MUST_BE_ONE | DONT_FORWARD,
    };
    let mut channel_flags = direction(&shared.signer.node_id(), &params.peer);
    if !enabled {
        channel_flags |= DISABLED;
    }
    Some(UnsignedChannelUpdate {
        chain_hash: shared.chain_hash(),
        short_channel_id,
        timestamp: 0,
        message_flags,
        channel_flags,
        cltv_expiry_delta: terms.cltv_delta,
        htlc_minimum_msat: terms.htlc_minimum.to_msat(),
        htlc_maximum_msat: terms.htlc_maximum.to_msat(),
        fee_base_msat: u32::try_from(terms.base_fee.to_msat()).unwrap_or(u32::MAX),
        fee_proportional_millionths: terms.fee_ppm,
        excess_data: Vec::new(),
    })
}

/// BOLT 7: node_id_1 is the lesser of the two compressed keys.
fn direction(own: &PublicKey, peer: &PublicKey) -> u8 {
    match own.serialize().cmp(&peer.serialize()) {
        Ordering::Less | Ordering::Equal => 0,
        Ordering::Greater => SECOND_NODE,
    }
}

/// The newest update by short channel id: what has not changed is not signed again, and time never goes back.
///
/// A cache: after a restart the clock alone gives later times than before it.
#[derive(Debug, Default)]
pub(crate) struct ChannelUpdates {
    newest: Mutex<HashMap<(ChannelId, u64), Newest>>,
}

#[derive(Debug)]
struct Newest {
    update: ChannelUpdate,
    /// Made anew when it is asked for next, whatever it says.
    again: bool,
}

impl ChannelUpdates {
    /// The newest where it still says the same, else the time that another one must have.
    fn newest_or_time(
        &self,
        key: (ChannelId, u64),
        contents: &UnsignedChannelUpdate,
        now: u32,
    ) -> Result<ChannelUpdate, u32> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(newest) = newest.get(&key) else {
            return Err(now);
        };
        let timestamp = newest.update.contents.timestamp;
        let same = newest.update.contents
            == UnsignedChannelUpdate {
                timestamp,
                ..contents.clone()
            };
        if same && !newest.again && now < timestamp.saturating_add(RENEW_AFTER_SECONDS) {
            return Ok(newest.update.clone());
        }
        Err(now.max(timestamp.saturating_add(1)))
    }

    fn keep(&self, key: (ChannelId, u64), update: ChannelUpdate) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let again = false;
        newest.insert(key, Newest { update, again });
    }

    /// The channel's updates are to be said once more, as new ones: who has them already passes no old one on.
    pub(crate) fn renew(&self, id: &ChannelId) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let own = newest.iter_mut().filter(|((channel, _), _)| channel == id);
        own.for_each(|(_, newest)| newest.again = true);
    }

    /// The channel is over.
    pub(crate) fn forget(&self, id: &ChannelId) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.retain(|(channel, _), _| channel != id);
    }
}

impl Shared {
    /// What the channel carries out for, as the ledger's policy has it now.
    pub(crate) fn terms(&self, channel: &Channel) -> Terms {
        let rules = self.rules();
        Terms::of(channel, &rules.policy, rules.channels.get(&channel.id()))
    }

    /// The channel's signed channel_update. `enabled`: whether it can carry payments out now. As long as it says the same
    /// it is the same message; one that says something else is always newer. None where the channel has no such name,
    /// or the node has no key to sign with.
    pub(crate) fn channel_update(
        &self,
        channel: &Channel,
        named: NamedBy,
        enabled: bool,
    ) -> Option<ChannelUpdate> {
        let mut contents = unsigned(self, channel, named, enabled)?;
        let key = (channel.id(), contents.short_channel_id);
        let now = u32::try_from(time::unix()).unwrap_or(u32::MAX);
        match self.channel_updates.newest_or_time(key, &contents, now) {
            Ok(update) => return Some(update),
            Err(timestamp) => contents.timestamp = timestamp,
        }
        let unsigned = UnsignedGossipMessage::ChannelUpdate(&contents);
        let signature = self.node_signer.sign_gossip_message(unsigned).ok()?;
        let update = ChannelUpdate {
            signature,
            contents,
        };
        self.channel_updates.keep(key, update.clone());
        Some(update)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(base: u64, ppm: u32) -> Terms {
        Terms {
            base_fee: Msat::new(base),
            fee_ppm: ppm,
            cltv_delta: 80,
            htlc_minimum: Msat::new(1),
            htlc_maximum: Msat::new(1_000_000),
        }
    }

    fn contents(fee: u32) -> UnsignedChannelUpdate {
        UnsignedChannelUpdate {
            chain_hash: bitcoin::constants::ChainHash::REGTEST,
            short_channel_id: 7,
            timestamp: 0,
            message_flags: MUST_BE_ONE,
            channel_flags: 0,
            cltv_expiry_delta: 80,
            htlc_minimum_msat: 1,
            htlc_maximum_msat: 1_000,
            fee_base_msat: fee,
            fee_proportional_millionths: 0,
            excess_data: Vec::new(),
        }
    }

    #[test]
    fn terms_fee_is_base_and_part_rounded_down() {
        assert_eq!(terms(1_000, 100).fee(Msat::new(0)), Some(Msat::new(1_000)));
        assert_eq!(terms(0, 100).fee(Msat::new(9_999)), Some(Msat::new(0)));
        assert_eq!(terms(0, 100).fee(Msat::new(10_000)), Some(Msat::new(1)));
        // BOLT 7's own example: 200 and 2,000 millionths of 4,999,999.
        assert_eq!(
            terms(200, 2_000).fee(Msat::new(4_999_999)),
            Some(Msat::new(10_199))
        );
        assert_eq!(terms(u64::MAX, 1).fee(Msat::new(1_000_000)), None);
    }

    #[test]
    fn updates_same_contents_is_the_same_message_and_another_is_newer() {
        let updates = ChannelUpdates::default();
        let key = (ChannelId([1; 32]), 7);
        assert_eq!(updates.newest_or_time(key, &contents(1), 100), Err(100));
        let signature = bitcoin::secp256k1::ecdsa::Signature::from_compact(&[1; 64]);
        let update = ChannelUpdate {
            signature: signature.expect("an encoding"),
            contents: UnsignedChannelUpdate {
                timestamp: 100,
                ..contents(1)
            },
        };
        updates.keep(key, update.clone());
        let renewed = 100 + RENEW_AFTER_SECONDS;
        assert_eq!(
            updates.newest_or_time(key, &contents(1), 90),
            Ok(update.clone())
        );
        // In the same second, and by a clock that went back.
        assert_eq!(updates.newest_or_time(key, &contents(2), 100), Err(101));
        assert_eq!(updates.newest_or_time(key, &contents(2), 50), Err(101));
        assert_eq!(
            updates.newest_or_time(key, &contents(1), renewed),
            Err(renewed)
        );
        updates.forget(&key.0);
        assert_eq!(updates.newest_or_time(key, &contents(2), 50), Err(50));
    }

    #[test]
    fn updates_that_are_to_be_said_again_are_newer_once() {
        let updates = ChannelUpdates::default();
        let (key, other) = ((ChannelId([1; 32]), 7), (ChannelId([2; 32]), 8));
        let signature = bitcoin::secp256k1::ecdsa::Signature::from_compact(&[1; 64]);
        let signature = signature.expect("an encoding");
        let at = |timestamp| ChannelUpdate {
            signature,
            contents: UnsignedChannelUpdate {
                timestamp,
                ..contents(1)
            },
        };
        updates.keep(key, at(100));
        updates.keep(other, at(100));
        updates.renew(&key.0);
        // In the same second already.
        assert_eq!(updates.newest_or_time(key, &contents(1), 100), Err(101));
        assert_eq!(
            updates.newest_or_time(other, &contents(1), 100),
            Ok(at(100))
        );
        updates.keep(key, at(101));
        assert_eq!(updates.newest_or_time(key, &contents(1), 102), Ok(at(101)));
    }

    #[test]
    fn direction_is_of_the_lesser_key_first() {
        let key = |byte| {
            bitcoin::secp256k1::SecretKey::from_slice(&[byte; 32])
                .expect("a key")
                .public_key(bitcoin::secp256k1::SECP256K1)
        };
        let (a, b) = (key(1), key(2));
        assert_eq!(direction(&a, &b) + direction(&b, &a), 1);
        let lesser = a.serialize() < b.serialize();
        assert_eq!(direction(&a, &b) == 0, lesser);
    }
}
