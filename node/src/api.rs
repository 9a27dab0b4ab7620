//! What the node offers to its own HTTP server and, through it, to the command line and the web UI.
//!
//! [`NodeApi`] is the one door: the HTTP server holds an `Arc<dyn NodeApi>` and knows nothing of drivers,
//! peers or Bitcoin. Requests and answers are plain values whose JSON form is the public interface;
//! the command line reads the same types back.

mod amount;
mod ask;
mod channel;
mod closing;
mod error;
mod event;
mod ledger;
mod network;
mod node;
mod offer;
mod payment;
mod peer;
mod policy;
mod text;
mod tower;
mod wallet;

use async_trait::async_trait;
use tokio::sync::watch;
use zarnitsa_channel::ids::{ChannelId, PaymentHash};
use zarnitsa_ledger::Ledger;

pub use amount::{parse_msat, parse_sat, AmountOrAll, AmountOrAny, ParseAmountError};
pub use ask::{
    ApproveAsk, AskChannel, AskDirection, AskFrom, AskPolicy, AskState, ChannelAsk, RefuseAsk,
    SetAskPolicy,
};
pub use channel::{
    BatchChannel, ChannelClosed, ChannelHistoryEntry, ChannelHtlc, ChannelOpened, ChannelState,
    ChannelSummary, CloseChannel, HtlcDirection, OpenBatch, OpenChannel, Opener,
};
pub use closing::{ChannelClosing, ClosingOutput};
pub use error::{ApiError, ErrorCode, Problem};
pub use event::Event;
pub use ledger::{LedgerHead, LedgerReport, LedgerStep, LedgerWork, SubmittedTransaction};
pub use network::{NetworkChannel, NetworkGraph, NetworkNode, NetworkPage, NetworkTerms};
pub use node::{
    Balance, Health, LedgerOwner, LogTail, Network, NodeInfo, Role, Session, SessionAccess,
};
pub use offer::{CreateOffer, DraftOfferPayment, Offer, OfferPaymentDraft};
pub use payment::{
    CancelInvoice, CreateInvoice, Forward, HeldInvoice, HeldPreimage, Invoice, InvoiceDraft,
    InvoiceStatus, Keysend, KeysendDraft, Metadata, Pay, Payment, PaymentDirection, PaymentFailure,
    PaymentPart, PaymentStatus, RouteHop, SettleInvoice,
};
pub use peer::{ParsePeerError, Peer, PeerAddress, PeerConnect, PeerDisconnect, PeerNamed};
pub use policy::{ChannelPolicy, PeerPolicy, Policy, SetPolicy};
pub use text::{display, display_option, msat, msat_option};
pub use tower::TowerChannel;
pub use wallet::{
    AddressType, AddressWanted, FeeRates, Utxo, WalletAddress, WalletOverview, WalletSend,
    WalletSent, WalletTransaction,
};

/// All that a running node answers and does.
///
/// A command returns when what it did is on disk: each method that changes something builds a ledger
/// transaction, signs it with the operator's key, and waits for its block.
#[async_trait]
pub trait NodeApi: Send + Sync + 'static {
    /// Whether the node's parts are up. Holds nothing that a stranger may not know.
    async fn health(&self) -> Health;

    /// Who this node is and how far it has come.
    async fn info(&self) -> Result<NodeInfo, ApiError>;

    /// The node's money, on chain and in channels.
    async fn balance(&self) -> Result<Balance, ApiError>;

    /// A fresh receiving address of the on-chain wallet.
    async fn wallet_address(&self, wanted: AddressWanted) -> Result<WalletAddress, ApiError>;

    /// Sends on chain. Errors: [`ErrorCode::InsufficientFunds`], [`ErrorCode::ChainUnavailable`].
    async fn wallet_send(&self, request: WalletSend) -> Result<WalletSent, ApiError>;

    /// Unspent outputs of the on-chain wallet.
    async fn wallet_utxos(&self) -> Result<Vec<Utxo>, ApiError>;

    /// Transactions that touch the on-chain wallet, newest first.
    async fn wallet_transactions(&self) -> Result<Vec<WalletTransaction>, ApiError>;

    /// What transactions cost now.
    async fn fee_rates(&self) -> Result<FeeRates, ApiError>;

    /// The newest lines of the log, `count` at most.
    async fn log_tail(&self, count: usize) -> Result<LogTail, ApiError>;

    /// An encrypted backup of the node as it is now, in a file that has no name. Error while a channel is being opened:
    /// [`ErrorCode::Conflict`].
    async fn backup(&self) -> Result<std::fs::File, ApiError>;

    /// What the watchtower has of each channel that is not over, compared with the ledger. Errors:
    /// [`ErrorCode::NotFound`] where none is set, [`ErrorCode::PeerUnreachable`].
    async fn watchtower(&self) -> Result<Vec<TowerChannel>, ApiError>;

    /// Connects, and stays connected. Error when the handshake fails: [`ErrorCode::PeerUnreachable`].
    async fn peer_connect(&self, request: PeerConnect) -> Result<PeerNamed, ApiError>;

    /// Peers that are connected or that the node tries to reach.
    async fn peers(&self) -> Result<Vec<Peer>, ApiError>;

    /// Ends the connection and forgets the address.
    async fn peer_disconnect(&self, request: PeerDisconnect) -> Result<PeerNamed, ApiError>;

    /// Opens a channel; returns once the opening transaction is handed to the Bitcoin network.
    async fn open_channel(&self, request: OpenChannel) -> Result<ChannelOpened, ApiError>;

    /// Opens several channels by one opening transaction; returns once that is handed to the Bitcoin network.
    async fn open_batch(&self, request: OpenBatch) -> Result<Vec<ChannelOpened>, ApiError>;

    /// Asks a hub for a channel; what becomes of it is among [`asks`](Self::asks).
    async fn ask_channel(&self, request: AskChannel) -> Result<ChannelAsk, ApiError>;

    /// Channels that hubs were asked for, and that peers ask for, the newest first.
    async fn asks(&self) -> Result<Vec<ChannelAsk>, ApiError>;

    /// Approves what a peer asks for.
    async fn approve_ask(&self, request: ApproveAsk) -> Result<ChannelAsk, ApiError>;

    /// Refuses it.
    async fn refuse_ask(&self, request: RefuseAsk) -> Result<ChannelAsk, ApiError>;

    /// Every channel that is not closed for good, and those that are, oldest first.
    async fn channels(&self) -> Result<Vec<ChannelSummary>, ApiError>;

    /// One channel, or [`ErrorCode::NotFound`].
    async fn channel(&self, id: ChannelId) -> Result<ChannelSummary, ApiError>;

    /// Every step of a channel, oldest first, or [`ErrorCode::NotFound`].
    async fn channel_history(&self, id: ChannelId) -> Result<Vec<ChannelHistoryEntry>, ApiError>;

    /// Closes a channel; returns once the closing transaction is handed to the Bitcoin network.
    async fn close_channel(&self, request: CloseChannel) -> Result<ChannelClosed, ApiError>;

    /// Makes a BOLT 11 invoice.
    async fn create_invoice(&self, request: CreateInvoice) -> Result<Invoice, ApiError>;

    /// Makes a BOLT 12 offer. Errors: [`ErrorCode::BadRequest`] where nobody could ask for its invoice.
    async fn create_offer(&self, request: CreateOffer) -> Result<Offer, ApiError>;

    /// Makes and signs a BOLT 11 invoice and changes nothing: it is known once the operator's key has put it into the
    /// ledger.
    async fn draft_invoice(&self, request: CreateInvoice) -> Result<InvoiceDraft, ApiError>;

    /// The preimage of an invoice that is held, for the operator to release. Errors: [`ErrorCode::NotFound`],
    /// [`ErrorCode::BadRequest`] where nothing is held or the preimage is not this node's.
    async fn held_preimage(&self, request: HeldInvoice) -> Result<HeldPreimage, ApiError>;

    /// Every invoice, newest first.
    async fn invoices(&self) -> Result<Vec<Invoice>, ApiError>;

    /// One invoice, or [`ErrorCode::NotFound`].
    async fn invoice(&self, hash: PaymentHash) -> Result<Invoice, ApiError>;

    /// Claims what is held for an invoice. Error where nothing is: [`ErrorCode::Refused`].
    async fn settle_invoice(&self, request: SettleInvoice) -> Result<Invoice, ApiError>;

    /// Takes an invoice back that is not paid, and gives back what is held for it.
    async fn cancel_invoice(&self, request: CancelInvoice) -> Result<Invoice, ApiError>;

    /// Pays, and waits for the outcome. A payment that failed is an `Ok` with its status and reason; `Err` is
    /// for a payment that was never begun or whose outcome is not known within the timeout
    /// ([`ErrorCode::Timeout`]; it may still succeed).
    async fn pay(&self, request: Pay) -> Result<Payment, ApiError>;

    /// Pays without an invoice, and waits as [`pay`](NodeApi::pay) does.
    async fn keysend(&self, request: Keysend) -> Result<Payment, ApiError>;

    /// What an order to pay an offer is made of: the invoice that its maker gives. It changes nothing: the operator's key
    /// orders it. Errors: [`ErrorCode::Refused`] where the maker gives none, [`ErrorCode::Timeout`] where nothing comes.
    async fn draft_offer_payment(
        &self,
        request: DraftOfferPayment,
    ) -> Result<OfferPaymentDraft, ApiError>;

    /// What an order of [`keysend`](NodeApi::keysend) is made of. It changes nothing: the operator's key orders it.
    async fn draft_keysend(&self) -> Result<KeysendDraft, ApiError>;

    /// Every payment sent, newest first.
    async fn payments(&self) -> Result<Vec<Payment>, ApiError>;

    /// One payment sent, or [`ErrorCode::NotFound`].
    async fn payment(&self, hash: PaymentHash) -> Result<Payment, ApiError>;

    /// Every payment forwarded, newest first.
    async fn forwards(&self) -> Result<Vec<Forward>, ApiError>;

    /// Public nodes and channels, a page of each.
    async fn network(&self, page: NetworkPage) -> Result<NetworkGraph, ApiError>;

    /// The node's policy.
    async fn policy(&self) -> Result<Policy, ApiError>;

    /// Changes the policy; fields that are `None` stay.
    async fn set_policy(&self, request: SetPolicy) -> Result<Policy, ApiError>;

    /// Submits a signed ledger transaction as it came, the bytes of `Verified<AnyTx>`; returns once its block
    /// is durable. Whether the service accepted it is read by call status, as with every Exonum node.
    async fn submit_transaction(&self, body: Vec<u8>) -> Result<SubmittedTransaction, ApiError>;

    /// Events numbered `after + 1` and on, `limit` at most, out of the durable ledger.
    async fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, ApiError>;

    /// Tells that there may be new events: the value is the height of the newest durable block.
    fn watch_height(&self) -> watch::Receiver<u64>;

    /// A handle of the ledger: explorer, proofs, verification and export read it. Kept for the length of a request only.
    fn ledger(&self) -> Ledger;
}
