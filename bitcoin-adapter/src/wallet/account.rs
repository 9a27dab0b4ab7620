//! One account: a pair of descriptors, and BDK's wallet for it.

use bdk_wallet::chain::ChainPosition;
use bdk_wallet::descriptor::ExtendedDescriptor;
use bdk_wallet::{KeychainKind, LocalOutput, Wallet};
use bitcoin::{Network, Transaction};

use super::error::WalletError;
use super::store::Store;
use super::{AccountDescriptors, AddressKind};

/// Addresses beyond the last revealed one that are recognised: a wallet restored from its seed must
/// find them too.
const LOOKAHEAD: u32 = 200;

#[derive(Debug)]
pub(super) struct Account {
    pub(super) kind: AddressKind,
    pub(super) wallet: Wallet,
}

impl Account {
    pub(super) fn open(
        store: &mut Store,
        network: Network,
        descriptors: AccountDescriptors,
    ) -> Result<Self, WalletError> {
        let AccountDescriptors {
            kind,
            external,
            change,
        } = descriptors;
        let foreign = |why: String| WalletError::Foreign { why };
        let wallet = match store.load(name(kind))? {
            Some(changes) => Wallet::load()
                .descriptor(KeychainKind::External, Some(external))
                .descriptor(KeychainKind::Internal, Some(change))
                .check_network(network)
                .lookahead(LOOKAHEAD)
                .load_wallet_no_persist(changes)
                .map_err(|error| foreign(error.to_string()))?
                .ok_or_else(|| foreign("it has no first record".to_owned()))?,
            None => Wallet::create(external, change)
                .network(network)
                .lookahead(LOOKAHEAD)
                .create_wallet_no_persist()
                .map_err(|error| WalletError::Descriptor {
                    why: error.to_string(),
                })?,
        };
        let account = Self { kind, wallet };
        account.check()?;
        Ok(account)
    }

    /// All coins must be native SegWit: channels stand on the id of their opening transaction, and
    /// with these no signature can change it.
    fn check(&self) -> Result<(), WalletError> {
        for (chain, descriptor) in self.wallet.keychains() {
            let right = match (self.kind, descriptor) {
                (AddressKind::Segwit, ExtendedDescriptor::Wpkh(_)) => true,
                (AddressKind::Taproot, ExtendedDescriptor::Tr(tree)) => tree.tap_tree().is_none(),
                (AddressKind::Segwit | AddressKind::Taproot, _) => false,
            };
            if !right {
                let why = format!("{chain} is not of kind {:?}", self.kind);
                return Err(WalletError::Descriptor { why });
            }
        }
        Ok(())
    }

    pub(super) fn name(&self) -> &'static str {
        name(self.kind)
    }

    /// Whether this account pays for the transaction, or for a part of it.
    pub(super) fn pays(&self, transaction: &Transaction) -> bool {
        let index = self.wallet.spk_index();
        transaction
            .input
            .iter()
            .any(|input| index.txout(input.previous_output).is_some())
    }

    /// The newest time that an event of the mempool has in the file; 0 where there was none.
    pub(super) fn newest_event(&self) -> u64 {
        let graph = self.wallet.tx_graph();
        graph
            .full_txs()
            .filter_map(|node| node.last_seen.max(graph.get_last_evicted(node.txid)))
            .max()
            .unwrap_or_default()
    }

    /// Coins that may be spent: confirmed ones, and change of one's own that is not.
    pub(super) fn spendable(&self) -> Vec<LocalOutput> {
        let height = self.wallet.latest_checkpoint().height();
        let coins = self.wallet.list_unspent();
        coins
            .filter(|coin| is_safe(coin) && self.is_mature(coin, height))
            .collect()
    }

    fn is_mature(&self, coin: &LocalOutput, tip: u32) -> bool {
        let transaction = self.wallet.get_tx(coin.outpoint.txid);
        let coinbase = transaction.is_some_and(|transaction| transaction.tx_node.tx.is_coinbase());
        match &coin.chain_position {
            ChainPosition::Confirmed { anchor, .. } if coinbase => {
                let age = tip.saturating_add(1).saturating_sub(anchor.block_id.height);
                age >= bitcoin::constants::COINBASE_MATURITY
            }
            ChainPosition::Confirmed { .. } => true,
            ChainPosition::Unconfirmed { .. } => !coinbase,
        }
    }
}

/// A stranger's unconfirmed payment may never confirm: nothing is built on it.
fn is_safe(coin: &LocalOutput) -> bool {
    coin.chain_position.is_confirmed() || coin.keychain == KeychainKind::Internal
}

fn name(kind: AddressKind) -> &'static str {
    match kind {
        AddressKind::Segwit => "bip84",
        AddressKind::Taproot => "bip86",
    }
}
