//! Each order as calls of ldk-node.

use std::str::FromStr;

use ldk_node::bitcoin::secp256k1::PublicKey;
use ldk_node::lightning::ln::types::ChannelId;
use ldk_node::lightning::offers::offer::Offer;
use ldk_node::lightning_invoice::{Bolt11Invoice, Bolt11InvoiceDescription, Description};
use ldk_node::lightning_types::payment::{PaymentHash, PaymentPreimage};
use ldk_node::payment::{PaymentDetails, PaymentDirection, PaymentKind, PaymentStatus};
use ldk_node::{ChannelDetails, Node};
use serde_json::{json, Value};
use zarnitsa_interop::protocol::{Balances, Channel, Order, Payment};

use crate::events::{hex, Events};
use crate::Failure;

const EXPIRY_SECONDS: u32 = 3_600;

/// Does it, and waits where the order says so.
pub fn carry_out(node: &Node, events: &Events, order: Order) -> Result<Value, Failure> {
    match order {
        Order::NodeId => Ok(json!(node.node_id().to_string())),
        Order::Address => Ok(json!(node.onchain_payment().new_address()?.to_string())),
        Order::Sync => {
            node.sync_wallets()?;
            Ok(json!(node.status().current_best_block.height))
        }
        Order::Balances => Ok(serde_json::to_value(balances(node))?),
        Order::Connect { node_id, address } => {
            node.connect(key(&node_id)?, socket(&address)?, true)?;
            Ok(Value::Null)
        }
        Order::Disconnect { node_id } => {
            node.disconnect(key(&node_id)?)?;
            Ok(Value::Null)
        }
        Order::Peers => {
            let peers = node.list_peers().into_iter();
            let connected = peers.filter(|peer| peer.is_connected);
            let ids: Vec<_> = connected.map(|peer| peer.node_id.to_string()).collect();
            Ok(json!(ids))
        }
        Order::Channels => {
            let channels: Vec<_> = node.list_channels().iter().map(channel).collect();
            Ok(serde_json::to_value(channels)?)
        }
        Order::Payments => {
            let payments = node.list_payments();
            let payments: Vec<_> = payments.iter().filter_map(payment).collect();
            Ok(serde_json::to_value(payments)?)
        }
        Order::Events => Ok(serde_json::to_value(events.all())?),
        Order::Graph => Ok(graph(node)),
        Order::Stop => Err("it is stopping".into()),
        order => channels_and_invoices(node, events, order),
    }
}

fn channels_and_invoices(node: &Node, events: &Events, order: Order) -> Result<Value, Failure> {
    match order {
        Order::Open {
            node_id,
            address,
            sat,
            push_msat,
            announce,
        } => {
            let (peer, address, push) = (key(&node_id)?, socket(&address)?, Some(push_msat));
            if announce {
                node.open_announced_channel(peer, address, sat, push, None)?;
            } else {
                node.open_channel(peer, address, sat, push, None)?;
            }
            Ok(Value::Null)
        }
        Order::Close { channel_id, force } => close(node, &channel_id, force),
        Order::Invoice { msat } => {
            let bolt11 = node.bolt11_payment();
            let invoice = match msat {
                Some(msat) => bolt11.receive(msat, &description()?, EXPIRY_SECONDS)?,
                None => bolt11.receive_variable_amount(&description()?, EXPIRY_SECONDS)?,
            };
            Ok(json!(invoice.to_string()))
        }
        Order::HoldInvoice { msat, hash } => {
            let hash = PaymentHash(bytes(&hash)?);
            let bolt11 = node.bolt11_payment();
            let made = bolt11.receive_for_hash(msat, &description()?, EXPIRY_SECONDS, hash)?;
            Ok(json!(made.to_string()))
        }
        Order::Claim {
            hash,
            msat,
            preimage,
        } => {
            let (hash, preimage) = (
                PaymentHash(bytes(&hash)?),
                PaymentPreimage(bytes(&preimage)?),
            );
            node.bolt11_payment().claim_for_hash(hash, msat, preimage)?;
            Ok(Value::Null)
        }
        Order::Fail { hash } => {
            let hash = PaymentHash(bytes(&hash)?);
            node.bolt11_payment().fail_for_hash(hash)?;
            Ok(Value::Null)
        }
        order => offers_and_payments(node, events, order),
    }
}

fn offers_and_payments(node: &Node, events: &Events, order: Order) -> Result<Value, Failure> {
    match order {
        Order::Pay { invoice, msat } => {
            let invoice = Bolt11Invoice::from_str(&invoice).map_err(|e| e.to_string())?;
            let bolt11 = node.bolt11_payment();
            let id = match msat {
                Some(msat) => bolt11.send_using_amount(&invoice, msat, None)?,
                None => bolt11.send(&invoice, None)?,
            };
            Ok(serde_json::to_value(events.outcome(id)?)?)
        }
        Order::Offer { msat } => {
            let bolt12 = node.bolt12_payment();
            let offer = match msat {
                Some(msat) => bolt12.receive(msat, "interoperability", None, None)?,
                None => bolt12.receive_variable_amount("interoperability", None)?,
            };
            Ok(json!(offer.to_string()))
        }
        Order::PayOffer { offer, msat } => {
            let offer = Offer::from_str(&offer).map_err(|e| format!("{e:?}"))?;
            let bolt12 = node.bolt12_payment();
            let id = match msat {
                Some(msat) => bolt12.send_using_amount(&offer, msat, None, None, None)?,
                None => bolt12.send(&offer, None, None, None)?,
            };
            Ok(serde_json::to_value(events.outcome(id)?)?)
        }
        Order::Keysend { node_id, msat } => {
            let spontaneous = node.spontaneous_payment();
            let id = spontaneous.send(msat, key(&node_id)?, None)?;
            Ok(serde_json::to_value(events.outcome(id)?)?)
        }
        other => Err(format!("not an order that is known: {other:?}").into()),
    }
}

fn close(node: &Node, channel_id: &str, force: bool) -> Result<Value, Failure> {
    let id = ChannelId(bytes(channel_id)?);
    let channels = node.list_channels();
    let channel = channels.iter().find(|channel| channel.channel_id == id);
    let channel = channel.ok_or("there is no such channel")?;
    let (user, peer) = (&channel.user_channel_id, channel.counterparty_node_id);
    if force {
        node.force_close_channel(user, peer, None)?;
    } else {
        node.close_channel(user, peer)?;
    }
    Ok(Value::Null)
}

fn balances(node: &Node) -> Balances {
    let all = node.list_balances();
    let sweeps = all.pending_balances_from_channel_closures.iter();
    Balances {
        onchain: all.total_onchain_balance_sats,
        lightning: all.total_lightning_balance_sats,
        sweeping: sweeps.map(sweeping).sum(),
    }
}

fn sweeping(sweep: &ldk_node::PendingSweepBalance) -> u64 {
    use ldk_node::PendingSweepBalance::{
        AwaitingThresholdConfirmations, BroadcastAwaitingConfirmation, PendingBroadcast,
    };
    match sweep {
        PendingBroadcast {
            amount_satoshis, ..
        }
        | BroadcastAwaitingConfirmation {
            amount_satoshis, ..
        }
        | AwaitingThresholdConfirmations {
            amount_satoshis, ..
        } => *amount_satoshis,
    }
}

fn channel(details: &ChannelDetails) -> Channel {
    Channel {
        channel_id: hex(&details.channel_id.0),
        peer: details.counterparty_node_id.to_string(),
        ready: details.is_channel_ready,
        usable: details.is_usable,
        announced: details.is_announced,
        outbound: details.is_outbound,
        feerate_per_kw: details.feerate_sat_per_1000_weight,
        outbound_msat: details.outbound_capacity_msat,
        inbound_msat: details.inbound_capacity_msat,
        reserve_sat: details.unspendable_punishment_reserve.unwrap_or_default(),
        confirmations: details.confirmations.unwrap_or_default(),
        short_channel_id: details.short_channel_id.or(details.outbound_scid_alias),
    }
}

/// Nothing of a payment on the chain.
fn payment(details: &PaymentDetails) -> Option<Payment> {
    let hash = match &details.kind {
        PaymentKind::Bolt11 { hash, .. }
        | PaymentKind::Spontaneous { hash, .. }
        | PaymentKind::Bolt12Offer {
            hash: Some(hash), ..
        } => hash,
        _ => return None,
    };
    let status = match details.status {
        PaymentStatus::Pending => "pending",
        PaymentStatus::Succeeded => "succeeded",
        PaymentStatus::Failed => "failed",
    };
    Some(Payment {
        hash: hex(&hash.0),
        inbound: details.direction == PaymentDirection::Inbound,
        status: status.to_owned(),
        msat: details.amount_msat.unwrap_or_default(),
        fee_msat: details.fee_paid_msat.unwrap_or_default(),
    })
}

fn graph(node: &Node) -> Value {
    let graph = node.network_graph();
    let channels = graph.list_channels();
    let whole = channels.iter().filter(|id| {
        graph
            .channel(**id)
            .is_some_and(|channel| channel.one_to_two.is_some() && channel.two_to_one.is_some())
    });
    json!([channels.len(), whole.count()])
}

fn description() -> Result<Bolt11InvoiceDescription, Failure> {
    let text = Description::new("interoperability".to_owned()).map_err(|e| e.to_string())?;
    Ok(Bolt11InvoiceDescription::Direct(text))
}

fn key(text: &str) -> Result<PublicKey, Failure> {
    Ok(text.parse()?)
}

fn socket(text: &str) -> Result<ldk_node::lightning::ln::msgs::SocketAddress, Failure> {
    text.parse()
        .map_err(|e| format!("{text}: no address: {e:?}").into())
}

fn bytes(text: &str) -> Result<[u8; 32], Failure> {
    use ldk_node::bitcoin::hex::FromHex;
    Ok(<[u8; 32]>::from_hex(text)?)
}
