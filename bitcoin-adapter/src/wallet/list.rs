//! What the wallet has and has done.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bdk_wallet::chain::{ChainPosition, ConfirmationBlockTime};
use bdk_wallet::KeychainKind;
use bitcoin::{Address, Amount, OutPoint, SignedAmount, Transaction, TxIn, TxOut, Txid};

use super::{Inner, Wallet};
use crate::source::BlockRef;

/// What the wallet has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalletBalance {
    /// Confirmed coins that can be spent, reserved ones included.
    pub confirmed: Amount,
    /// Coins of transactions that wait for a block.
    pub unconfirmed: Amount,
    /// Mined coins that cannot be spent yet.
    pub immature: Amount,
    /// The part of all these that is reserved for transactions that are being made.
    pub reserved: Amount,
}

/// A coin of the wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletUtxo {
    /// Which one.
    pub outpoint: OutPoint,
    /// What it is worth.
    pub amount: Amount,
    /// Who was paid.
    pub address: Option<Address>,
    /// The block that holds it.
    pub block: Option<BlockRef>,
    /// Whether it is change of the wallet's own.
    pub change: bool,
    /// Whether a transaction that is being made will spend it.
    pub reserved: bool,
}

/// A transaction that concerns the wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletTransaction {
    /// Its id.
    pub txid: Txid,
    /// What it changed: received minus sent, the fee included.
    pub net: SignedAmount,
    /// Its fee, where the wallet knows all inputs.
    pub fee: Option<Amount>,
    /// The block that holds it.
    pub block: Option<BlockRef>,
    /// When it was confirmed, or last seen waiting. Seconds since 1970.
    pub time: Option<u64>,
}

impl Wallet {
    /// What the wallet has, as of the blocks and the mempool that it has seen.
    pub fn balance(&self) -> WalletBalance {
        let inner = self.lock();
        let mut sum = WalletBalance::default();
        for account in &inner.accounts {
            let balance = account.wallet.balance();
            let pending = add(balance.trusted_pending, balance.untrusted_pending);
            sum.confirmed = add(sum.confirmed, balance.confirmed);
            sum.unconfirmed = add(sum.unconfirmed, pending);
            sum.immature = add(sum.immature, balance.immature);
        }
        let reserved = inner.reserved();
        let coins = inner
            .accounts
            .iter()
            .flat_map(|account| account.wallet.list_unspent());
        sum.reserved = coins
            .filter(|coin| reserved.contains(&coin.outpoint))
            .fold(Amount::ZERO, |sum, coin| add(sum, coin.txout.value));
        sum
    }

    /// All coins, the oldest first.
    pub fn utxos(&self) -> Vec<WalletUtxo> {
        let inner = self.lock();
        let reserved = inner.reserved();
        let coins = inner
            .accounts
            .iter()
            .flat_map(|account| account.wallet.list_unspent());
        let mut utxos: Vec<WalletUtxo> = coins
            .map(|coin| WalletUtxo {
                outpoint: coin.outpoint,
                amount: coin.txout.value,
                address: Address::from_script(&coin.txout.script_pubkey, inner.network).ok(),
                block: block_of(&coin.chain_position),
                change: coin.keychain == KeychainKind::Internal,
                reserved: reserved.contains(&coin.outpoint),
            })
            .collect();
        utxos.sort_by_key(|utxo| (utxo.block.is_none(), utxo.block, utxo.outpoint));
        utxos
    }

    /// All transactions that count at this moment, the newest first.
    pub fn transactions(&self) -> Vec<WalletTransaction> {
        let inner = self.lock();
        let mut all: BTreeMap<Txid, WalletTransaction> = BTreeMap::new();
        for account in &inner.accounts {
            for entry in account.wallet.transactions() {
                let (sent, received) = account.wallet.sent_and_received(&entry.tx_node.tx);
                let net = signed(received)
                    .checked_sub(signed(sent))
                    .unwrap_or_default();
                let listed = all
                    .entry(entry.tx_node.txid)
                    .or_insert_with(|| WalletTransaction {
                        txid: entry.tx_node.txid,
                        net: SignedAmount::ZERO,
                        fee: inner.fee(&entry.tx_node.tx),
                        block: block_of(&entry.chain_position),
                        time: time_of(&entry.chain_position),
                    });
                listed.net = listed.net.checked_add(net).unwrap_or_default();
            }
        }
        let mut newest: Vec<WalletTransaction> = all.into_values().collect();
        newest.sort_by_key(|entry| Reverse((entry.block.is_none(), entry.block, entry.time)));
        newest
    }
}

impl Inner {
    fn fee(&self, transaction: &Transaction) -> Option<Amount> {
        let value = |input: &TxIn| Some(self.output(&input.previous_output)?.value);
        let mut inputs = transaction.input.iter().map(value);
        let paid = inputs.try_fold(Amount::ZERO, |sum, value| sum.checked_add(value?));
        let kept = transaction.output.iter().map(|output| output.value);
        let kept = kept
            .into_iter()
            .try_fold(Amount::ZERO, |sum, value| sum.checked_add(value));
        paid?.checked_sub(kept?)
    }

    pub(super) fn output(&self, outpoint: &OutPoint) -> Option<TxOut> {
        let graphs = self
            .accounts
            .iter()
            .map(|account| account.wallet.tx_graph());
        graphs
            .into_iter()
            .find_map(|graph| graph.get_txout(*outpoint).cloned())
    }
}

/// All the bitcoin there is fits into an amount many times over.
fn add(a: Amount, b: Amount) -> Amount {
    a.checked_add(b).unwrap_or(Amount::MAX_MONEY)
}

fn signed(amount: Amount) -> SignedAmount {
    amount.to_signed().unwrap_or(SignedAmount::MAX)
}

fn block_of(position: &ChainPosition<ConfirmationBlockTime>) -> Option<BlockRef> {
    match position {
        ChainPosition::Confirmed { anchor, .. } => Some(BlockRef {
            height: anchor.block_id.height,
            hash: anchor.block_id.hash,
        }),
        ChainPosition::Unconfirmed { .. } => None,
    }
}

fn time_of(position: &ChainPosition<ConfirmationBlockTime>) -> Option<u64> {
    match position {
        ChainPosition::Confirmed { anchor, .. } => Some(anchor.confirmation_time),
        ChainPosition::Unconfirmed { last_seen, .. } => *last_seen,
    }
}
