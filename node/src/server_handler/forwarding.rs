//! Whether a payment of others is passed on, by which channel, and with which of BOLT 4's failures it is refused. Pure:
//! what is known of the channels is given.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_peer::onion::Failure;

use crate::channel_update::Terms;

/// An HTLC out that expires in so few blocks would be failed on chain before its receiver could answer.
const EXPIRES_TOO_SOON: u32 = 6;
/// BOLT 4, expiry_too_far: two weeks. Nobody's money is locked for longer.
const EXPIRES_TOO_FAR: u32 = 2_016;

/// What came in, and what its onion asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// What the HTLC in carries.
    pub incoming: Msat,
    /// Its expiry.
    pub incoming_expiry: u32,
    /// What the HTLC out is to carry.
    pub outgoing: Msat,
    /// Its expiry.
    pub outgoing_expiry: u32,
    /// Of the chain.
    pub block_height: u32,
}

/// What a channel can do at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ability {
    /// It carries HTLCs of up to this.
    Carries(Msat),
    /// HTLCs that came from the same peer as this one have taken all the places that are not kept for others.
    Crowded,
    /// Its peer is away, or has not caught up yet.
    Away,
    /// It is not usable yet, or takes no more HTLCs because it is shut down.
    Disabled,
    /// It closes, or is closed.
    Closed,
}

/// A channel to the next node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub id: ChannelId,
    pub terms: Terms,
    pub ability: Ability,
}

impl Way {
    fn room(&self) -> Option<Msat> {
        match self.ability {
            Ability::Carries(most) => Some(most),
            Ability::Crowded | Ability::Away | Ability::Disabled | Ability::Closed => None,
        }
    }

    /// Whether it takes the HTLC now, within the sizes that it announces.
    fn takes(&self, amount: Msat) -> bool {
        let sizes = self.terms.htlc_minimum..=self.terms.htlc_maximum;
        sizes.contains(&amount) && self.room().is_some_and(|room| room >= amount)
    }
}

/// Why it is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotForwarded {
    UnknownNextPeer,
    PermanentChannelFailure,
    ChannelDisabled,
    TemporaryChannelFailure,
    AmountBelowMinimum,
    FeeInsufficient,
    IncorrectCltvExpiry,
    ExpiryTooSoon,
    ExpiryTooFar,
}

impl NotForwarded {
    /// The same with what BOLT 4 lets it tell. `channel_update` is that of the channel that the onion names; those
    /// failures that have none leave it out.
    pub(crate) fn failure(self, wish: &Wish, channel_update: Vec<u8>) -> Failure {
        let htlc_msat = wish.incoming.to_msat();
        match self {
            Self::UnknownNextPeer => Failure::UnknownNextPeer,
            Self::PermanentChannelFailure => Failure::PermanentChannelFailure,
            Self::ChannelDisabled => Failure::ChannelDisabled {
                flags: 0,
                channel_update,
            },
            Self::TemporaryChannelFailure => Failure::TemporaryChannelFailure { channel_update },
            Self::AmountBelowMinimum => Failure::AmountBelowMinimum {
                htlc_msat: wish.outgoing.to_msat(),
                channel_update,
            },
            Self::FeeInsufficient => Failure::FeeInsufficient {
                htlc_msat,
                channel_update,
            },
            Self::IncorrectCltvExpiry => Failure::IncorrectCltvExpiry {
                cltv_expiry: wish.outgoing_expiry,
                channel_update,
            },
            Self::ExpiryTooSoon => Failure::ExpiryTooSoon { channel_update },
            Self::ExpiryTooFar => Failure::ExpiryTooFar,
        }
    }
}

/// BOLT 4, "Failure Messages", requirements for forwarding nodes, and "Non-strict Forwarding": the channel that the onion
/// names sets the terms, and any channel with the same node may carry the HTLC. `others` are those.
///
/// Gives the channel that is to carry it: the named one where it has the room, else the one with the most.
pub(crate) fn way_for(
    forwards: bool,
    wish: &Wish,
    named: Option<&Way>,
    others: &[Way],
) -> Result<ChannelId, NotForwarded> {
    let named = named
        .filter(|_| forwards)
        .ok_or(NotForwarded::UnknownNextPeer)?;
    check_terms(wish, &named.terms)?;
    check_expiry(wish)?;
    if named.takes(wish.outgoing) {
        return Ok(named.id);
    }
    let widest = others
        .iter()
        .filter(|way| way.takes(wish.outgoing))
        .max_by_key(|way| (way.room(), way.id));
    match widest {
        Some(way) => Ok(way.id),
        None => Err(match named.ability {
            Ability::Closed => NotForwarded::PermanentChannelFailure,
            Ability::Disabled => NotForwarded::ChannelDisabled,
            Ability::Crowded | Ability::Away | Ability::Carries(_) => {
                NotForwarded::TemporaryChannelFailure
            }
        }),
    }
}

/// Channel jamming: how many of a channel's HTLCs may be of payments that one peer brings. A quarter of its places is for those of
/// others, however long the peer's are held and however little it pays.
pub(crate) fn places_for_one_peer(places: u16) -> usize {
    usize::from(places.saturating_sub(places / 4))
}

fn check_terms(wish: &Wish, terms: &Terms) -> Result<(), NotForwarded> {
    if wish.outgoing < terms.htlc_minimum {
        return Err(NotForwarded::AmountBelowMinimum);
    }
    // BOLT 7, "HTLC Fees": reckoned on what goes out.
    let least = terms
        .fee(wish.outgoing)
        .and_then(|fee| wish.outgoing.checked_add(fee));
    if least.is_none_or(|least| wish.incoming < least) {
        return Err(NotForwarded::FeeInsufficient);
    }
    let latest = wish.incoming_expiry.checked_sub(terms.cltv_delta.into());
    if latest.is_none_or(|latest| wish.outgoing_expiry > latest) {
        return Err(NotForwarded::IncorrectCltvExpiry);
    }
    Ok(())
}

fn check_expiry(wish: &Wish) -> Result<(), NotForwarded> {
    let soon = wish.block_height.saturating_add(EXPIRES_TOO_SOON);
    if wish.outgoing_expiry <= soon {
        return Err(NotForwarded::ExpiryTooSoon);
    }
    let far = wish.block_height.saturating_add(EXPIRES_TOO_FAR);
    if wish.incoming_expiry > far {
        return Err(NotForwarded::ExpiryTooFar);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEIGHT: u32 = 1_000;

    fn terms() -> Terms {
        Terms {
            base_fee: Msat::new(1_000),
            fee_ppm: 100,
            cltv_delta: 80,
            htlc_minimum: Msat::new(1_000),
            htlc_maximum: Msat::new(5_000_000),
        }
    }

    fn way(byte: u8, ability: Ability) -> Way {
        Way {
            id: ChannelId([byte; 32]),
            terms: terms(),
            ability,
        }
    }

    fn room(msat: u64) -> Ability {
        Ability::Carries(Msat::new(msat))
    }

    /// One that just does.
    fn wish() -> Wish {
        Wish {
            incoming: Msat::new(1_001_100),
            incoming_expiry: HEIGHT + 200,
            outgoing: Msat::new(1_000_000),
            outgoing_expiry: HEIGHT + 120,
            block_height: HEIGHT,
        }
    }

    fn decide(wish: &Wish, ability: Ability) -> Result<ChannelId, NotForwarded> {
        way_for(true, wish, Some(&way(1, ability)), &[])
    }

    fn code(refused: NotForwarded, wish: &Wish) -> u16 {
        refused.failure(wish, vec![7]).code().0
    }

    #[test]
    fn wish_that_just_does_goes_by_the_channel_that_it_names() {
        assert_eq!(decide(&wish(), room(1_000_000)), Ok(ChannelId([1; 32])));
    }

    #[test]
    fn places_for_one_peer_leave_a_quarter_to_others() {
        assert_eq!(places_for_one_peer(483), 363);
        assert_eq!(places_for_one_peer(50), 38);
        assert_eq!(places_for_one_peer(4), 3);
        assert_eq!(places_for_one_peer(1), 1);
    }

    #[test]
    fn wish_by_a_channel_that_its_peer_crowds_fails_for_now_or_goes_by_another() {
        let refused = decide(&wish(), Ability::Crowded).unwrap_err();
        assert_eq!(refused, NotForwarded::TemporaryChannelFailure);
        let (named, other) = (way(1, Ability::Crowded), way(2, room(1_000_000)));
        let taken = way_for(true, &wish(), Some(&named), &[other]);
        assert_eq!(taken, Ok(ChannelId([2; 32])));
    }

    #[test]
    fn wish_at_a_node_that_forwards_nothing_knows_no_next_peer() {
        let way = way(1, room(1_000_000));
        let refused = way_for(false, &wish(), Some(&way), &[]).unwrap_err();
        assert_eq!(refused, NotForwarded::UnknownNextPeer);
        assert_eq!(code(refused, &wish()), 0x400a);
        let unknown = way_for(true, &wish(), None, &[]).unwrap_err();
        assert_eq!(unknown, NotForwarded::UnknownNextPeer);
    }

    #[test]
    fn wish_with_one_msat_too_little_fee_is_insufficient() {
        let wish = Wish {
            incoming: Msat::new(1_001_099),
            ..wish()
        };
        let refused = decide(&wish, room(1_000_000)).unwrap_err();
        let failure = refused.failure(&wish, vec![7]);
        assert_eq!(failure.code().0, 0x100c);
        assert_eq!(
            failure,
            Failure::FeeInsufficient {
                htlc_msat: 1_001_099,
                channel_update: vec![7]
            }
        );
    }

    #[test]
    fn wish_of_everything_there_is_overflows_no_fee() {
        let wish = Wish {
            incoming: Msat::new(u64::MAX),
            outgoing: Msat::new(u64::MAX),
            ..wish()
        };
        let refused = decide(&wish, room(u64::MAX)).unwrap_err();
        assert_eq!(refused, NotForwarded::FeeInsufficient);
    }

    #[test]
    fn wish_with_one_block_too_little_is_an_incorrect_expiry() {
        let wish = Wish {
            outgoing_expiry: HEIGHT + 121,
            ..wish()
        };
        let refused = decide(&wish, room(1_000_000)).unwrap_err();
        assert_eq!(code(refused, &wish), 0x100d);
        assert_eq!(
            refused.failure(&wish, Vec::new()),
            Failure::IncorrectCltvExpiry {
                cltv_expiry: HEIGHT + 121,
                channel_update: Vec::new()
            }
        );
    }

    #[test]
    fn wish_with_an_expiry_before_the_first_block_is_incorrect() {
        let wish = Wish {
            incoming_expiry: 79,
            outgoing_expiry: 0,
            ..wish()
        };
        let refused = decide(&wish, room(1_000_000)).unwrap_err();
        assert_eq!(refused, NotForwarded::IncorrectCltvExpiry);
    }

    #[test]
    fn wish_below_the_minimum_is_below_the_minimum() {
        let wish = Wish {
            outgoing: Msat::new(999),
            ..wish()
        };
        let refused = decide(&wish, room(1_000_000)).unwrap_err();
        assert_eq!(code(refused, &wish), 0x100b);
    }

    #[test]
    fn wish_that_expires_soon_is_too_soon() {
        let wish = Wish {
            incoming_expiry: HEIGHT + 6 + 80,
            outgoing_expiry: HEIGHT + 6,
            ..wish()
        };
        let refused = decide(&wish, room(1_000_000)).unwrap_err();
        assert_eq!(code(refused, &wish), 0x100e);
        let later = Wish {
            incoming_expiry: HEIGHT + 7 + 80,
            outgoing_expiry: HEIGHT + 7,
            ..wish
        };
        assert!(decide(&later, room(1_000_000)).is_ok());
    }

    #[test]
    fn wish_that_expires_in_the_far_future_is_too_far() {
        let wish = Wish {
            incoming_expiry: HEIGHT + 2_017,
            ..wish()
        };
        let refused = decide(&wish, room(1_000_000)).unwrap_err();
        assert_eq!(code(refused, &wish), 21);
    }

    #[test]
    fn wish_for_a_channel_that_cannot_now_fails_as_the_channel_stands() {
        let cases = [
            (room(999_999), 0x1007),
            (Ability::Away, 0x1007),
            (Ability::Disabled, 0x1014),
            (Ability::Closed, 0x4008),
        ];
        for (ability, expected) in cases {
            let refused = decide(&wish(), ability).unwrap_err();
            assert_eq!(code(refused, &wish()), expected, "{ability:?}");
        }
    }

    #[test]
    fn wish_above_the_maximum_fails_for_now() {
        let wish = Wish {
            incoming: Msat::new(6_000_000),
            outgoing: Msat::new(5_000_001),
            ..wish()
        };
        let refused = decide(&wish, room(9_000_000)).unwrap_err();
        assert_eq!(code(refused, &wish), 0x1007);
    }

    #[test]
    fn wish_that_the_named_channel_cannot_carry_goes_by_the_widest_of_the_same_node() {
        for ability in [room(1), Ability::Away, Ability::Disabled, Ability::Closed] {
            let named = way(1, ability);
            let others = [
                way(2, room(1_000_000)),
                way(3, room(2_000_000)),
                way(4, room(999_999)),
                way(5, Ability::Away),
            ];
            let chosen = way_for(true, &wish(), Some(&named), &others);
            assert_eq!(chosen, Ok(ChannelId([3; 32])), "{ability:?}");
        }
    }

    #[test]
    fn wish_pays_the_fee_of_the_named_channel_whatever_carries_it() {
        let named = way(1, room(1));
        let mut cheaper = way(2, room(2_000_000));
        cheaper.terms.base_fee = Msat::ZERO;
        let wish = Wish {
            incoming: Msat::new(1_001_099),
            ..wish()
        };
        let refused = way_for(true, &wish, Some(&named), &[cheaper]);
        assert_eq!(refused, Err(NotForwarded::FeeInsufficient));
    }
}
