//! The way of an HTLC that this node offers for a payment of its own.

use bitcoin::secp256k1::PublicKey;
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::amount::Msat;

use crate::proto;
use crate::wire::Wire;

/// BOLT 4, "Packet Structure": an onion of 1,300 bytes has room for no more hops.
pub const MAX_HOPS: usize = 27;

/// One hop: the node that it leads to, and what arrives there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ProtobufConvert)]
#[protobuf_convert(source = "proto::RouteHop")]
pub struct RouteHop {
    /// Where it leads.
    #[protobuf_convert(with = "Wire")]
    pub node_id: PublicKey,
    /// The channel that leads there: its real number or an alias.
    pub short_channel_id: u64,
    /// What arrives there.
    #[protobuf_convert(with = "Wire")]
    pub amount_msat: Msat,
    /// When the HTLC expires that arrives there.
    pub cltv_expiry: u32,
}

/// The way of one part of a payment, from the first peer to the payee. It holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, ProtobufConvert)]
#[protobuf_convert(source = "proto::Route")]
pub struct Route {
    /// The hops, the payee last.
    pub hops: Vec<RouteHop>,
    /// From this and the seed the signer derives the session key of this part's onion. Public.
    #[protobuf_convert(with = "Nonce")]
    pub session_nonce: [u8; 32],
}

impl Route {
    /// Whether an HTLC of `amount` that expires at `cltv_expiry` can go this way to `payee`.
    ///
    /// BOLT 4, "Packet Construction": on its way a payment only loses amount, and expires earlier at each hop.
    pub fn leads_to(&self, payee: &PublicKey, amount: Msat, cltv_expiry: u32) -> bool {
        let (Some(first), Some(last)) = (self.hops.first(), self.hops.last()) else {
            return false;
        };
        let falls = self.hops.windows(2).all(|pair| {
            pair[1].amount_msat <= pair[0].amount_msat && pair[1].cltv_expiry <= pair[0].cltv_expiry
        });
        falls
            && self.hops.len() <= MAX_HOPS
            && first.amount_msat == amount
            && first.cltv_expiry == cltv_expiry
            && last.node_id == *payee
            && last.amount_msat > Msat::ZERO
    }

    /// What the payee gets by it.
    pub fn delivered(&self) -> Option<Msat> {
        self.hops.last().map(|hop| hop.amount_msat)
    }
}

/// A nonce that is absent with the message around it.
struct Nonce;

impl Nonce {
    fn to_pb(nonce: &[u8; 32]) -> Vec<u8> {
        if *nonce == [0; 32] {
            return Vec::new();
        }
        nonce.to_vec()
    }

    fn from_pb(pb: Vec<u8>) -> anyhow::Result<[u8; 32]> {
        Ok(Option::<[u8; 32]>::from_pb(pb)?.unwrap_or_default())
    }
}

/// None is the empty message.
impl Wire for Option<Route> {
    type Pb = proto::Route;

    fn to_pb(&self) -> Self::Pb {
        self.as_ref()
            .map(ProtobufConvert::to_pb)
            .unwrap_or_default()
    }

    fn from_pb(pb: Self::Pb) -> anyhow::Result<Self> {
        let route = <Route as ProtobufConvert>::from_pb(pb)?;
        Ok((route != Route::default()).then_some(route))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::secp256k1::{SecretKey, SECP256K1};

    fn key(byte: u8) -> PublicKey {
        SecretKey::from_slice(&[byte; 32])
            .expect("a valid key")
            .public_key(SECP256K1)
    }

    fn hop(node: u8, amount: u64, cltv_expiry: u32) -> RouteHop {
        RouteHop {
            node_id: key(node),
            short_channel_id: u64::from(node),
            amount_msat: Msat::new(amount),
            cltv_expiry,
        }
    }

    fn route(hops: Vec<RouteHop>) -> Route {
        Route {
            hops,
            session_nonce: [7; 32],
        }
    }

    #[test]
    fn route_that_falls_from_the_htlc_to_the_payee_leads_there() {
        let route = route(vec![hop(1, 1_010, 700), hop(2, 1_000, 660)]);
        assert!(route.leads_to(&key(2), Msat::new(1_010), 700));
        assert_eq!(route.delivered(), Some(Msat::new(1_000)));
    }

    #[test]
    fn route_of_another_payee_amount_or_expiry_does_not_lead_there() {
        let route = route(vec![hop(1, 1_010, 700), hop(2, 1_000, 660)]);
        assert!(!route.leads_to(&key(1), Msat::new(1_010), 700));
        assert!(!route.leads_to(&key(2), Msat::new(1_000), 700));
        assert!(!route.leads_to(&key(2), Msat::new(1_010), 701));
    }

    #[test]
    fn route_that_rises_on_its_way_is_no_route() {
        let more = route(vec![hop(1, 1_000, 700), hop(2, 1_001, 660)]);
        assert!(!more.leads_to(&key(2), Msat::new(1_000), 700));
        let later = route(vec![hop(1, 1_000, 700), hop(2, 1_000, 701)]);
        assert!(!later.leads_to(&key(2), Msat::new(1_000), 700));
    }

    #[test]
    fn route_without_hops_or_with_too_many_is_no_route() {
        assert!(!route(Vec::new()).leads_to(&key(2), Msat::new(1_000), 700));
        let long = route(vec![hop(2, 1_000, 700); MAX_HOPS + 1]);
        assert!(!long.leads_to(&key(2), Msat::new(1_000), 700));
        let longest = route(vec![hop(2, 1_000, 700); MAX_HOPS]);
        assert!(longest.leads_to(&key(2), Msat::new(1_000), 700));
    }

    #[test]
    fn route_of_none_is_the_empty_message_and_comes_back() {
        let some = Some(route(vec![hop(1, 1_010, 700)]));
        assert_eq!(Option::<Route>::from_pb(some.to_pb()).unwrap(), some);
        assert_eq!(Option::<Route>::from_pb(proto::Route::new()).unwrap(), None);
    }
}
