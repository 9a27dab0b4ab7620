//! What the node answers to its HTTP server: reads from the ledger, the wallet and the network side; orders go to
//! [`client_handler`](crate::client_handler).

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use bitcoin::secp256k1::PublicKey;
use tokio::sync::watch;
use zarnitsa_bitcoin_adapter::FeeTarget;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, PaymentHash};
use zarnitsa_channel::state::Channel;
use zarnitsa_ledger::Ledger;
use zarnitsa_service::read;

use crate::api::{self, ApiError, ErrorCode, NodeApi};
use crate::claims::ToClose;
use crate::node::Node;
use crate::shared::Shared;
use crate::{foreign, logging, network_view, time, view};

/// The most entries that a list gives at once.
const MOST: usize = 100_000;

/// The node as its HTTP server sees it.
pub struct Answers {
    shared: Arc<Shared>,
    heights: watch::Receiver<u64>,
    uri: String,
}

impl Answers {
    /// Of a running node.
    pub fn of(node: &Node) -> Self {
        let announced = node.shared.config.lightning.announce.first().cloned();
        let address = announced.unwrap_or_else(|| {
            let bound = node.lightning_address;
            let loopback = if bound.ip().is_unspecified() {
                "127.0.0.1".to_owned()
            } else {
                bound.ip().to_string()
            };
            format!("{loopback}:{}", bound.port())
        });
        let uri = format!("{}@{address}", node.shared.signer.node_id());
        Self {
            shared: node.shared.clone(),
            heights: node.heights(),
            uri,
        }
    }

    fn connected(&self) -> HashSet<PublicKey> {
        let peers = self.shared.peers.list();
        peers
            .into_iter()
            .filter(|p| p.connection.is_some())
            .map(|p| p.node_id)
            .collect()
    }
}

#[async_trait]
impl NodeApi for Answers {
    async fn health(&self) -> api::Health {
        let ledger = self.shared.ledger.stopped().is_none();
        let status = self.shared.chain.status();
        let chain = status.reachable && status.stalled.is_none();
        api::Health {
            ok: ledger,
            ledger,
            chain,
            peers: !self.shared.stopping.is_cancelled(),
        }
    }

    async fn info(&self) -> Result<api::NodeInfo, ApiError> {
        let head = self.shared.ledger.head();
        let chain = self.shared.chain.status();
        let config = &self.shared.config;
        Ok(api::NodeInfo {
            node_id: self.shared.signer.node_id(),
            alias: config.alias.clone(),
            uri: self.uri.clone(),
            role: config.role,
            network: config.network,
            block_height: chain.known_height(),
            ledger_height: head.height,
            ledger_hash: head.block_hash,
            state_hash: head.state_hash,
            validator_key: self.shared.ledger.validator_key(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            chain_available: chain.reachable,
            alarm: self.shared.signer.refusing().map(str::to_owned),
        })
    }

    async fn balance(&self) -> Result<api::Balance, ApiError> {
        self.shared.balance()
    }

    async fn wallet_address(
        &self,
        wanted: api::AddressWanted,
    ) -> Result<api::WalletAddress, ApiError> {
        self.shared.wallet_address(wanted.kind)
    }

    async fn wallet_send(&self, request: api::WalletSend) -> Result<api::WalletSent, ApiError> {
        self.shared.wallet_send(request).await
    }

    async fn wallet_utxos(&self) -> Result<Vec<api::Utxo>, ApiError> {
        self.shared.wallet_utxos()
    }

    async fn wallet_transactions(&self) -> Result<Vec<api::WalletTransaction>, ApiError> {
        self.shared.wallet_transactions()
    }

    async fn fee_rates(&self) -> Result<api::FeeRates, ApiError> {
        let fees = self.shared.chain.fees();
        let rate = |target| fees.rate(target).to_sat_per_vb_ceil();
        Ok(api::FeeRates {
            minimum_sat_vb: fees.minimum().to_sat_per_vb_ceil(),
            slow_sat_vb: rate(FeeTarget::Background),
            normal_sat_vb: rate(FeeTarget::Normal),
            fast_sat_vb: rate(FeeTarget::Urgent),
        })
    }

    async fn log_tail(&self, count: usize) -> Result<api::LogTail, ApiError> {
        let path = self.shared.config.network_dir().join("node.log");
        let lines = tokio::task::spawn_blocking(move || logging::tail(&path, count))
            .await
            .map_err(ApiError::internal)?
            .map_err(ApiError::internal)?;
        Ok(api::LogTail { lines })
    }

    async fn backup(&self) -> Result<std::fs::File, ApiError> {
        let shared = self.shared.clone();
        tokio::task::spawn_blocking(move || shared.backup())
            .await
            .map_err(ApiError::internal)?
    }

    async fn watchtower(&self) -> Result<Vec<api::TowerChannel>, ApiError> {
        let shared = self.shared.clone();
        let Some(tower) = shared.tower.clone() else {
            let message = "no watchtower is set: watchtower.url";
            return Err(ApiError::new(ErrorCode::NotFound, message));
        };
        tokio::task::spawn_blocking(move || tower.proven(&shared))
            .await
            .map_err(ApiError::internal)?
            .map_err(|error| ApiError::new(ErrorCode::PeerUnreachable, format_args!("{error:#}")))
    }

    async fn peer_connect(&self, request: api::PeerConnect) -> Result<api::PeerNamed, ApiError> {
        let peer = request.peer;
        let address = peer.address.unwrap_or_default();
        self.shared
            .reach(peer.node_id, &address)
            .await
            .map_err(|error| ApiError::new(ErrorCode::PeerUnreachable, error))?;
        Ok(api::PeerNamed {
            node_id: peer.node_id,
        })
    }

    async fn peers(&self) -> Result<Vec<api::Peer>, ApiError> {
        let peers = self.shared.peers.list().into_iter();
        Ok(peers
            .map(|peer| api::Peer {
                node_id: peer.node_id,
                address: peer.address,
                connected: peer.connection.is_some(),
                inbound: peer.inbound,
                features: peer
                    .features
                    .as_ref()
                    .map(view::features)
                    .unwrap_or_default(),
            })
            .collect())
    }

    async fn peer_disconnect(
        &self,
        request: api::PeerDisconnect,
    ) -> Result<api::PeerNamed, ApiError> {
        let node_id = request.node_id;
        let known = self
            .shared
            .peers
            .list()
            .iter()
            .any(|peer| peer.node_id == node_id);
        if !known {
            return Err(ApiError::not_found("peer", node_id));
        }
        self.shared.forget_peer(node_id);
        Ok(api::PeerNamed { node_id })
    }

    async fn open_channel(
        &self,
        request: api::OpenChannel,
    ) -> Result<api::ChannelOpened, ApiError> {
        self.shared.open_channel(request).await
    }

    async fn open_batch(
        &self,
        request: api::OpenBatch,
    ) -> Result<Vec<api::ChannelOpened>, ApiError> {
        self.shared.open_batch(request).await
    }

    async fn ask_channel(&self, request: api::AskChannel) -> Result<api::ChannelAsk, ApiError> {
        self.shared.ask_channel(request).await
    }

    async fn asks(&self) -> Result<Vec<api::ChannelAsk>, ApiError> {
        Ok(self.shared.asks())
    }

    async fn approve_ask(&self, request: api::ApproveAsk) -> Result<api::ChannelAsk, ApiError> {
        self.shared.approve_ask(request.ask_id).await
    }

    async fn refuse_ask(&self, request: api::RefuseAsk) -> Result<api::ChannelAsk, ApiError> {
        self.shared.refuse_ask(request).await
    }

    async fn channels(&self) -> Result<Vec<api::ChannelSummary>, ApiError> {
        let (connected, limits) = (self.connected(), self.shared.limits());
        let mut records = read::channel_records(&*self.shared.ledger.snapshot());
        records.sort_by_key(|record| (record.opened_height, record.channel_id));
        Ok(records
            .iter()
            .map(|record| {
                let machine = Channel::decode(&record.machine).ok();
                view::channel(
                    record,
                    machine.as_ref(),
                    &limits,
                    connected.contains(&record.peer),
                )
            })
            .collect())
    }

    async fn channel(&self, id: ChannelId) -> Result<api::ChannelSummary, ApiError> {
        let record = self.shared.channel_record(&id);
        let record = record.ok_or_else(|| ApiError::not_found("channel", id))?;
        let machine = Channel::decode(&record.machine).ok();
        let connected = self.shared.peers.connection(&record.peer).is_some();
        Ok(view::channel(
            &record,
            machine.as_ref(),
            &self.shared.limits(),
            connected,
        ))
    }

    async fn channel_history(
        &self,
        id: ChannelId,
    ) -> Result<Vec<api::ChannelHistoryEntry>, ApiError> {
        self.shared
            .channel_record(&id)
            .ok_or_else(|| ApiError::not_found("channel", id))?;
        let entries = read::history(&*self.shared.ledger.snapshot(), &id, 0, MOST);
        Ok((0..)
            .zip(&entries)
            .map(|(index, entry)| view::history_entry(index, entry))
            .collect())
    }

    async fn close_channel(
        &self,
        request: api::CloseChannel,
    ) -> Result<api::ChannelClosed, ApiError> {
        self.shared.close_channel(request).await
    }

    async fn create_invoice(&self, request: api::CreateInvoice) -> Result<api::Invoice, ApiError> {
        self.shared.create_invoice(request).await
    }

    async fn create_offer(&self, request: api::CreateOffer) -> Result<api::Offer, ApiError> {
        self.shared.create_offer(request)
    }

    async fn draft_invoice(
        &self,
        request: api::CreateInvoice,
    ) -> Result<api::InvoiceDraft, ApiError> {
        self.shared.draft_invoice(request)
    }

    async fn invoices(&self) -> Result<Vec<api::Invoice>, ApiError> {
        let now = time::unix();
        let records = read::invoices(&*self.shared.ledger.snapshot(), 0, MOST);
        Ok(records
            .iter()
            .map(|record| view::invoice(record, now))
            .collect())
    }

    async fn invoice(&self, hash: PaymentHash) -> Result<api::Invoice, ApiError> {
        let record = self.shared.invoice(&hash);
        let record = record.ok_or_else(|| ApiError::not_found("invoice", hash))?;
        Ok(view::invoice(&record, time::unix()))
    }

    async fn held_preimage(
        &self,
        request: api::HeldInvoice,
    ) -> Result<api::HeldPreimage, ApiError> {
        self.shared.held_preimage(&request.payment_hash)
    }

    async fn settle_invoice(&self, request: api::SettleInvoice) -> Result<api::Invoice, ApiError> {
        self.shared.settle_invoice(request).await
    }

    async fn cancel_invoice(&self, request: api::CancelInvoice) -> Result<api::Invoice, ApiError> {
        self.shared.cancel_invoice(request).await
    }

    async fn pay(&self, request: api::Pay) -> Result<api::Payment, ApiError> {
        self.shared.pay(request).await
    }

    async fn keysend(&self, request: api::Keysend) -> Result<api::Payment, ApiError> {
        self.shared.keysend(request).await
    }

    async fn draft_offer_payment(
        &self,
        request: api::DraftOfferPayment,
    ) -> Result<api::OfferPaymentDraft, ApiError> {
        self.shared.draft_offer_payment(request).await
    }

    async fn draft_keysend(&self) -> Result<api::KeysendDraft, ApiError> {
        Ok(self.shared.draft_keysend())
    }

    async fn payments(&self) -> Result<Vec<api::Payment>, ApiError> {
        let records = read::payments(&*self.shared.ledger.snapshot(), 0, MOST);
        Ok(records
            .iter()
            .map(|record| self.shared.payment_shown(record))
            .collect())
    }

    async fn payment(&self, hash: PaymentHash) -> Result<api::Payment, ApiError> {
        let record = self.shared.payment(&hash);
        let record = record.ok_or_else(|| ApiError::not_found("payment", hash))?;
        Ok(self.shared.payment_shown(&record))
    }

    async fn forwards(&self) -> Result<Vec<api::Forward>, ApiError> {
        let records = read::forwards(&*self.shared.ledger.snapshot(), 0, MOST);
        Ok(records.iter().map(view::forward).collect())
    }

    async fn network(&self, page: api::NetworkPage) -> Result<api::NetworkGraph, ApiError> {
        network_view::page(self.shared.router.graph(), &page)
    }

    async fn policy(&self) -> Result<api::Policy, ApiError> {
        Ok(self.shared.policy_view())
    }

    async fn set_policy(&self, request: api::SetPolicy) -> Result<api::Policy, ApiError> {
        self.shared.set_policy(request).await
    }

    async fn submit_transaction(
        &self,
        body: Vec<u8>,
    ) -> Result<api::SubmittedTransaction, ApiError> {
        let transaction = foreign::transaction_of(body, &self.shared.operator.public_key())?;
        self.shared.submit_foreign(transaction).await
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<api::Event>, ApiError> {
        let entries = read::events(&*self.shared.ledger.snapshot(), after, limit);
        Ok(entries
            .iter()
            .map(|(index, event)| view::event(*index, event))
            .collect())
    }

    fn watch_height(&self) -> watch::Receiver<u64> {
        self.heights.clone()
    }

    fn ledger(&self) -> Ledger {
        self.shared.ledger.clone()
    }
}

impl Shared {
    fn balance(&self) -> Result<api::Balance, ApiError> {
        let wallet = self.wallet.balance();
        let mut balance = api::Balance {
            onchain_sat: wallet.confirmed.to_sat(),
            onchain_unconfirmed_sat: wallet.unconfirmed.to_sat(),
            ..api::Balance::default()
        };
        let sum = |total: Msat, more: Msat| total.checked_add(more).unwrap_or(total);
        let records = read::channel_records(&*self.ledger.snapshot());
        let to_pay_for: ToClose = records.iter().collect();
        balance.onchain_reserve_sat = self.close_reserve(&to_pay_for).to_sat();
        for record in records {
            match record.state.as_str() {
                "closed" | "failed" => {}
                "closing" => {
                    let machine = Channel::decode(&record.machine).ok();
                    let pending = view::pending_close_sat(&record, machine.as_ref());
                    balance.pending_close_sat = balance.pending_close_sat.saturating_add(pending);
                }
                _ => {
                    balance.channels_local_msat =
                        sum(balance.channels_local_msat, record.local_msat);
                    balance.channels_remote_msat =
                        sum(balance.channels_remote_msat, record.remote_msat);
                }
            }
        }
        Ok(balance)
    }
}
