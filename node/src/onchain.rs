//! The on-chain wallet and the list of peers, as the HTTP server asks for them.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, FeeRate, Psbt};
use exonum::messages::{AnyTx, Verified};
use zarnitsa_bitcoin_adapter::{
    AddressKind, FeeTarget, SendAmount, SendError, SendOrder, SignerFailure, WalletError,
};
use zarnitsa_peer::{AddressError, ConnectError, Connection, PeerAddress};

use crate::api::{self, AmountOrAll, ApiError, ErrorCode};
use crate::claims::kept_refusal;
use crate::shared::Shared;

/// Why a peer could not be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReachError {
    #[error("the peer is not connected, and no address was given")]
    NoAddress,
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

fn not_sent(error: &SendError, channels: usize) -> ApiError {
    let code = match error {
        SendError::Wallet(WalletError::Kept { available, keep }) => {
            return kept_refusal(channels, *available, *keep);
        }
        SendError::Wallet(WalletError::Insufficient { .. }) => ErrorCode::InsufficientFunds,
        SendError::Wallet(WalletError::Address { .. }) => ErrorCode::BadRequest,
        SendError::Wallet(_) | SendError::Rejected(_) => ErrorCode::Refused,
        SendError::NoWallet => ErrorCode::Internal,
    };
    ApiError::new(code, error)
}

impl Shared {
    pub(crate) fn wallet_address(
        &self,
        wanted: api::AddressType,
    ) -> Result<api::WalletAddress, ApiError> {
        let kind = match wanted {
            api::AddressType::Segwit => AddressKind::Segwit,
            api::AddressType::Taproot => AddressKind::Taproot,
        };
        let address = self
            .wallet
            .address(Some(kind))
            .map_err(ApiError::internal)?;
        Ok(api::WalletAddress {
            address: address.to_string(),
        })
    }

    pub(crate) async fn wallet_send(
        &self,
        request: api::WalletSend,
    ) -> Result<api::WalletSent, ApiError> {
        let feerate = match request.fee_rate_sat_vb {
            Some(rate) => FeeRate::from_sat_per_vb(rate)
                .filter(|rate| *rate > FeeRate::ZERO)
                .ok_or_else(|| ApiError::bad_request("the fee rate is out of range"))?,
            None => self.chain.fees().rate(FeeTarget::Normal),
        };
        let amount = match request.amount {
            AmountOrAll::All => SendAmount::All,
            AmountOrAll::Amount(amount) => SendAmount::Exactly(amount),
        };
        let channels = self.channels_to_pay_for();
        let keep = match request.spend_reserve {
            true => Amount::ZERO,
            false => self.close_reserve(&channels),
        };
        let order = SendOrder {
            address: request.address,
            amount,
            feerate,
            keep,
        };
        let signer = self.signer.clone();
        let sign = move |psbt: &mut Psbt| -> Result<(), SignerFailure> {
            signer.sign_psbt(psbt)?;
            Ok(())
        };
        let sent = self.chain.send(order, sign).await;
        let (txid, _) = sent.map_err(|error| not_sent(&error, channels.channels()))?;
        let kept_sat = keep.to_sat();
        Ok(api::WalletSent { txid, kept_sat })
    }

    pub(crate) fn wallet_utxos(&self) -> Result<Vec<api::Utxo>, ApiError> {
        let utxos = self.wallet.utxos().into_iter();
        Ok(utxos
            .map(|utxo| api::Utxo {
                txid: utxo.outpoint.txid,
                vout: utxo.outpoint.vout,
                amount_sat: utxo.amount.to_sat(),
                address: utxo.address.map(|address| address.to_string()),
                confirmations: self.confirmations(utxo.block.map(|block| block.height)),
            })
            .collect())
    }

    pub(crate) fn wallet_transactions(&self) -> Result<Vec<api::WalletTransaction>, ApiError> {
        let transactions = self.wallet.transactions().into_iter();
        Ok(transactions
            .map(|transaction| api::WalletTransaction {
                txid: transaction.txid,
                amount_sat: transaction.net.to_sat(),
                fee_sat: transaction.fee.map(bitcoin::Amount::to_sat),
                block_height: transaction.block.map(|block| block.height),
                confirmations: self.confirmations(transaction.block.map(|block| block.height)),
            })
            .collect())
    }

    fn confirmations(&self, height: Option<u32>) -> u32 {
        let tip = self.chain.status().tip.map_or(0, |block| block.height);
        height.map_or(0, |height| tip.saturating_sub(height).saturating_add(1))
    }

    /// Connects, and from then on keeps the peer connected.
    pub(crate) async fn reach(
        &self,
        peer: PublicKey,
        address: &str,
    ) -> Result<Connection, ReachError> {
        if address.is_empty() {
            return self.peers.connection(&peer).ok_or(ReachError::NoAddress);
        }
        let address: PeerAddress = address.parse()?;
        let connection = self.peers.connect(peer, &address).await?;
        self.peers.keep_connected(peer, vec![address.clone()]);
        self.remember_peer(peer, &address.to_string());
        Ok(connection)
    }

    /// A transaction that somebody else signed, the operator in a browser for one. Whether its author may do what it
    /// says is for the service to judge.
    pub(crate) async fn submit_foreign(
        &self,
        transaction: Verified<AnyTx>,
    ) -> Result<api::SubmittedTransaction, ApiError> {
        self.check_not_older()?;
        let committed = self
            .ledger
            .submit(transaction)
            .await
            .map_err(|error| ApiError::new(ErrorCode::Stopping, error))?;
        Ok(api::SubmittedTransaction {
            tx_hash: committed.tx_hash,
        })
    }
}
