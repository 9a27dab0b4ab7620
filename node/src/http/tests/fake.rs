//! A node that answers from samples and remembers what it was asked to do.

use std::sync::Mutex;

use async_trait::async_trait;
use exonum::crypto::Hash;
use tokio::sync::watch;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, PaymentHash};
use zarnitsa_ledger::{Ledger, LedgerOptions, Services, Validator};

use crate::api::*;

pub const NODE_ID: &str = "02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619";

pub struct Fake {
    /// What was commanded, in Debug form.
    pub commands: Mutex<Vec<String>>,
    pub events: Mutex<Vec<Event>>,
    pub height: watch::Sender<u64>,
    pub healthy: Mutex<bool>,
    /// Opened when it is asked for.
    ledger: Mutex<Option<(Ledger, tempfile::TempDir)>>,
}

impl Fake {
    pub fn new() -> Self {
        Self {
            commands: Mutex::default(),
            events: Mutex::default(),
            height: watch::Sender::new(0),
            healthy: Mutex::new(true),
            ledger: Mutex::default(),
        }
    }

    /// Closes the ledger: an open one must not outlive the test.
    pub fn close(&self) {
        if let Some((ledger, _folder)) = self.ledger.lock().unwrap().take() {
            ledger.shutdown().unwrap();
        }
    }

    pub fn emit(&self, count: u64) {
        let mut events = self.events.lock().unwrap();
        for _ in 0..count {
            let number = u64::try_from(events.len()).unwrap() + 1;
            events.push(Event {
                number,
                kind: "commitment".into(),
                ledger_height: number,
                tx_hash: None,
                channel_id: Some(ChannelId([7; 32])),
                payment_hash: None,
                data: serde_json::Map::new(),
            });
        }
        self.height.send_modify(|height| *height += 1);
    }

    fn command<T>(&self, request: impl std::fmt::Debug, answer: T) -> Result<T, ApiError> {
        self.commands.lock().unwrap().push(format!("{request:?}"));
        Ok(answer)
    }
}

/// A real ledger without services.
fn open_ledger() -> (Ledger, tempfile::TempDir) {
    let validator = Validator {
        consensus: exonum::crypto::KeyPair::random(),
        service: exonum::crypto::KeyPair::random(),
    };
    let options = LedgerOptions::new(validator, Services::new(|_, _| {}));
    let folder = tempfile::tempdir().unwrap();
    (
        Ledger::open(folder.path().join("ledger"), options).unwrap(),
        folder,
    )
}

fn unsupported<T>() -> Result<T, ApiError> {
    Err(ApiError::new(
        ErrorCode::NotSupported,
        "the fake has no sample",
    ))
}

pub fn channel() -> ChannelSummary {
    ChannelSummary {
        channel_id: ChannelId([7; 32]),
        short_channel_id: None,
        peer: NODE_ID.parse().unwrap(),
        state: ChannelState::AwaitingConfirmations,
        opener: Opener::Local,
        announced: false,
        capacity_sat: 100_000,
        local_msat: Msat::new(90_000_000),
        remote_msat: Msat::new(10_000_000),
        spendable_msat: Msat::new(80_000_000),
        receivable_msat: Msat::ZERO,
        commitment_number: 3,
        peer_commitment_number: 4,
        opening_txid: "11".repeat(32).parse().unwrap(),
        opening_output: 1,
        closing_txid: None,
        htlcs: Vec::new(),
        closing: None,
    }
}

pub fn ask() -> ChannelAsk {
    ChannelAsk {
        ask_id: Hash::new([6; 32]),
        direction: AskDirection::Incoming,
        peer: NODE_ID.parse().unwrap(),
        amount_sat: 500_000,
        status: AskState::Asked,
        channel_id: None,
        reason: None,
        created_at: 1_700_000_000,
    }
}

pub fn policy() -> Policy {
    Policy {
        base_fee_msat: Msat::new(1),
        fee_ppm: 2,
        cltv_delta: 3,
        min_channel_sat: 4,
        max_channel_sat: 5,
        max_channels: 7,
        max_channels_per_peer: 8,
        minimum_depth: 6,
        accept_channels: true,
        forward: true,
        accept_keysend: true,
        asks: AskPolicy {
            from: AskFrom::Nobody,
            approve: true,
            min_sat: 7,
            max_sat: 8,
            max_open: 9,
            wait_seconds: 10,
            max_batch: 11,
            expiry_seconds: 12,
        },
        listed: Vec::new(),
        channels: Vec::new(),
        peers: Vec::new(),
    }
}

#[async_trait]
impl NodeApi for Fake {
    async fn health(&self) -> Health {
        Health {
            ok: *self.healthy.lock().unwrap(),
            ledger: true,
            chain: false,
            peers: true,
        }
    }

    async fn info(&self) -> Result<NodeInfo, ApiError> {
        Ok(NodeInfo {
            node_id: NODE_ID.parse().unwrap(),
            alias: "fake".into(),
            uri: format!("{NODE_ID}@127.0.0.1:9735"),
            role: Role::Hub,
            network: Network::Regtest,
            block_height: 101,
            ledger_height: 7,
            ledger_hash: Hash::zero(),
            state_hash: Hash::zero(),
            validator_key: exonum::crypto::PublicKey::zero(),
            version: "0.1.0".into(),
            chain_available: true,
            alarm: None,
        })
    }

    async fn balance(&self) -> Result<Balance, ApiError> {
        let channels_local_msat = Msat::new(2_100_000_000_000_000_001);
        Ok(Balance {
            onchain_sat: 5,
            channels_local_msat,
            ..Balance::default()
        })
    }

    async fn wallet_address(&self, _wanted: AddressWanted) -> Result<WalletAddress, ApiError> {
        self.command(
            "address",
            WalletAddress {
                address: "bcrt1q".into(),
            },
        )
    }

    async fn wallet_send(&self, request: WalletSend) -> Result<WalletSent, ApiError> {
        self.command(
            request,
            WalletSent {
                txid: "22".repeat(32).parse().unwrap(),
                kept_sat: 0,
            },
        )
    }

    async fn wallet_utxos(&self) -> Result<Vec<Utxo>, ApiError> {
        Ok(Vec::new())
    }

    async fn wallet_transactions(&self) -> Result<Vec<WalletTransaction>, ApiError> {
        Ok(Vec::new())
    }

    async fn fee_rates(&self) -> Result<FeeRates, ApiError> {
        Ok(FeeRates {
            minimum_sat_vb: 1,
            slow_sat_vb: 2,
            normal_sat_vb: 3,
            fast_sat_vb: 4,
        })
    }

    async fn log_tail(&self, count: usize) -> Result<LogTail, ApiError> {
        Ok(LogTail {
            lines: vec!["a line".into(); count],
        })
    }

    async fn backup(&self) -> Result<std::fs::File, ApiError> {
        use std::io::{Seek, Write};
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 200_000]).unwrap();
        file.rewind().unwrap();
        self.command("backup", file)
    }

    async fn watchtower(&self) -> Result<Vec<TowerChannel>, ApiError> {
        Ok(Vec::new())
    }

    async fn peer_connect(&self, request: PeerConnect) -> Result<PeerNamed, ApiError> {
        let node_id = request.peer.node_id;
        self.command(request, PeerNamed { node_id })
    }

    async fn peers(&self) -> Result<Vec<Peer>, ApiError> {
        Ok(Vec::new())
    }

    async fn peer_disconnect(&self, request: PeerDisconnect) -> Result<PeerNamed, ApiError> {
        let node_id = request.node_id;
        self.command(request, PeerNamed { node_id })
    }

    async fn open_channel(&self, request: OpenChannel) -> Result<ChannelOpened, ApiError> {
        let outpoint = bitcoin::OutPoint {
            txid: "11".repeat(32).parse().unwrap(),
            vout: 1,
        };
        self.command(request, ChannelOpened::from_funding(outpoint))
    }

    async fn open_batch(&self, _: OpenBatch) -> Result<Vec<ChannelOpened>, ApiError> {
        unsupported()
    }

    async fn ask_channel(&self, request: AskChannel) -> Result<ChannelAsk, ApiError> {
        self.command(request, ask())
    }

    async fn asks(&self) -> Result<Vec<ChannelAsk>, ApiError> {
        Ok(vec![ask()])
    }

    async fn approve_ask(&self, request: ApproveAsk) -> Result<ChannelAsk, ApiError> {
        self.command(request, ask())
    }

    async fn refuse_ask(&self, request: RefuseAsk) -> Result<ChannelAsk, ApiError> {
        self.command(request, ask())
    }

    async fn channels(&self) -> Result<Vec<ChannelSummary>, ApiError> {
        Ok(vec![channel()])
    }

    async fn channel(&self, id: ChannelId) -> Result<ChannelSummary, ApiError> {
        let channel = channel();
        let found = channel.channel_id == id;
        found
            .then_some(channel)
            .ok_or_else(|| ApiError::not_found("channel", id))
    }

    async fn channel_history(&self, _: ChannelId) -> Result<Vec<ChannelHistoryEntry>, ApiError> {
        Ok(Vec::new())
    }

    async fn close_channel(&self, request: CloseChannel) -> Result<ChannelClosed, ApiError> {
        self.command(
            request,
            ChannelClosed {
                closing_txid: "33".repeat(32).parse().unwrap(),
            },
        )
    }

    async fn create_invoice(&self, _: CreateInvoice) -> Result<Invoice, ApiError> {
        unsupported()
    }

    async fn draft_offer_payment(
        &self,
        request: DraftOfferPayment,
    ) -> Result<OfferPaymentDraft, ApiError> {
        Ok(OfferPaymentDraft {
            invoice: "lni1".to_owned(),
            payment_hash: PaymentHash([7; 32]),
            payee: NODE_ID.parse().unwrap(),
            amount_msat: request.amount_msat.unwrap_or(Msat::ZERO),
        })
    }

    async fn create_offer(&self, _: CreateOffer) -> Result<Offer, ApiError> {
        unsupported()
    }

    async fn draft_invoice(&self, _: CreateInvoice) -> Result<InvoiceDraft, ApiError> {
        Ok(InvoiceDraft {
            payment_hash: PaymentHash([7; 32]),
            nonce: "08".repeat(32),
            amount_msat: Msat::ZERO,
            description: String::new(),
            created_at: 1_800_000_000,
            expiry_seconds: 3_600,
            invoice: "lnbcrt1".into(),
            hold: false,
        })
    }

    async fn invoices(&self) -> Result<Vec<Invoice>, ApiError> {
        Ok(Vec::new())
    }

    async fn invoice(&self, _: PaymentHash) -> Result<Invoice, ApiError> {
        unsupported()
    }

    async fn settle_invoice(&self, _: SettleInvoice) -> Result<Invoice, ApiError> {
        unsupported()
    }

    async fn cancel_invoice(&self, _: CancelInvoice) -> Result<Invoice, ApiError> {
        unsupported()
    }

    async fn pay(&self, _: Pay) -> Result<Payment, ApiError> {
        Err(ApiError::new(ErrorCode::RouteNotFound, "no route"))
    }

    async fn keysend(&self, _: Keysend) -> Result<Payment, ApiError> {
        unsupported()
    }

    async fn draft_keysend(&self) -> Result<KeysendDraft, ApiError> {
        Ok(KeysendDraft {
            payment_hash: PaymentHash([7; 32]),
            session_nonce: "08".repeat(32),
        })
    }

    async fn held_preimage(&self, _: HeldInvoice) -> Result<HeldPreimage, ApiError> {
        let preimage = "09".repeat(32);
        Ok(HeldPreimage { preimage })
    }

    async fn payments(&self) -> Result<Vec<Payment>, ApiError> {
        Ok(Vec::new())
    }

    async fn payment(&self, _: PaymentHash) -> Result<Payment, ApiError> {
        unsupported()
    }

    async fn forwards(&self) -> Result<Vec<Forward>, ApiError> {
        Ok(Vec::new())
    }

    async fn network(&self, _: NetworkPage) -> Result<NetworkGraph, ApiError> {
        Ok(NetworkGraph {
            node_count: 0,
            channel_count: 0,
            nodes: Vec::new(),
            channels: Vec::new(),
            next_nodes: None,
            next_channels: None,
        })
    }

    async fn policy(&self) -> Result<Policy, ApiError> {
        Ok(policy())
    }

    async fn set_policy(&self, request: SetPolicy) -> Result<Policy, ApiError> {
        self.command(request, policy())
    }

    async fn submit_transaction(&self, body: Vec<u8>) -> Result<SubmittedTransaction, ApiError> {
        self.command(
            body,
            SubmittedTransaction {
                tx_hash: Hash::zero(),
            },
        )
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, ApiError> {
        let events = self.events.lock().unwrap();
        let skip = usize::try_from(after).unwrap();
        Ok(events.iter().skip(skip).take(limit).cloned().collect())
    }

    fn watch_height(&self) -> watch::Receiver<u64> {
        self.height.subscribe()
    }

    fn ledger(&self) -> Ledger {
        let mut ledger = self.ledger.lock().unwrap();
        let (ledger, _) = ledger.get_or_insert_with(open_ledger);
        ledger.clone()
    }
}
