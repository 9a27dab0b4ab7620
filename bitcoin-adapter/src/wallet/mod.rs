//! The on-chain wallet: public descriptors, the coins that they own, and transactions that spend
//! them.
//!
//! It knows no private key. A transaction is built here, signed by a function that the caller gives,
//! checked, written to the wallet's file, and only then broadcast: a crash in between leaves either
//! nothing, or a transaction that the next start broadcasts again.

mod account;
mod error;
mod fee;
mod funding;
mod list;
mod store;
mod sync;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bdk_wallet::{ChangeSet, KeychainKind};
use bitcoin::{Address, Network, OutPoint, Transaction, Txid};
use tokio::sync::watch;

use self::account::Account;
use self::store::Store;

pub use self::error::WalletError;
pub use self::fee::{FeeGoal, FeeRequest, ForeignInput};
pub use self::funding::{FundedPsbt, SendAmount, SendOrder, SignerFailure};
pub use self::list::{WalletBalance, WalletTransaction, WalletUtxo};

/// A kind of address, each with an account of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressKind {
    /// BIP 84: pay to witness public key hash.
    Segwit,
    /// BIP 86: pay to taproot, key path only.
    Taproot,
}

/// The public descriptors of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDescriptors {
    /// What kind of addresses they describe.
    pub kind: AddressKind,
    /// For addresses to be paid to, e.g. `wpkh([fingerprint/84h/0h/0h]xpub…/0/*)`.
    pub external: String,
    /// For change.
    pub change: String,
}

/// From where on the chain may hold coins of a wallet that has no file yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birthday {
    /// Nobody knows: everything is searched.
    Genesis,
    /// From this height on.
    Height(u32),
    /// The seed is new. A day's blocks are searched all the same: an address may have been given
    /// away while bitcoind was not there.
    Now,
}

/// What makes a wallet.
#[derive(Clone, Debug)]
pub struct WalletOptions {
    /// Its file, `wallet.sqlite`.
    pub path: PathBuf,
    /// Its network.
    pub network: Network,
    /// Its accounts, at most one of each kind. The first is where addresses and change come from
    /// unless asked otherwise.
    pub accounts: Vec<AccountDescriptors>,
    /// From where to search, when the file is new.
    pub birthday: Birthday,
}

/// The wallet. Clones are the same wallet. Calls read and write its file: they take milliseconds.
#[derive(Clone)]
pub struct Wallet(Arc<Mutex<Inner>>);

struct Inner {
    network: Network,
    birthday: Birthday,
    accounts: Vec<Account>,
    store: Store,
    /// Coins that no other transaction may use, by the transaction that is to spend them.
    reserved: BTreeMap<Txid, HashSet<OutPoint>>,
    /// The newest time that was given to an event of the mempool: later ones win over earlier ones,
    /// within a second too, and over those of an earlier start, which may be ahead of the machine's clock.
    clock: u64,
    /// Whether the mempool was once looked at.
    mempool_seen: bool,
    /// Why the file could not be written.
    failure: watch::Sender<Option<String>>,
}

impl std::fmt::Debug for Wallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wallet").finish_non_exhaustive()
    }
}

impl Wallet {
    /// Opens the wallet's file, or makes it. Asks no chain: the follower brings the wallet up to
    /// date.
    ///
    /// # Errors
    /// If the file cannot be read, is of another wallet, or a descriptor cannot be used.
    pub fn open(options: WalletOptions) -> Result<Self, WalletError> {
        let unusable = |why: String| Err(WalletError::Descriptor { why });
        let mut store = Store::open(&options.path)?;
        let mut accounts: Vec<Account> = Vec::new();
        for descriptors in options.accounts {
            let kind = descriptors.kind;
            if accounts.iter().any(|account| account.kind == kind) {
                return unusable(format!("there are two accounts of kind {kind:?}"));
            }
            accounts.push(Account::open(&mut store, options.network, descriptors)?);
        }
        if accounts.is_empty() {
            return unusable("there is none".to_owned());
        }
        let newest = accounts.iter().map(Account::newest_event).max();
        let mut inner = Inner {
            network: options.network,
            birthday: options.birthday,
            accounts,
            store,
            reserved: BTreeMap::new(),
            clock: newest.unwrap_or_default(),
            mempool_seen: false,
            failure: watch::Sender::new(None),
        };
        inner.persist()?;
        Ok(Self(Arc::new(Mutex::new(inner))))
    }

    /// A new address to be paid to, of the first account or of the given kind. It is remembered
    /// before it is returned.
    ///
    /// # Errors
    /// If the wallet has no account of that kind, or its file cannot be written.
    pub fn address(&self, kind: Option<AddressKind>) -> Result<Address, WalletError> {
        let mut inner = self.lock();
        let account = inner
            .accounts
            .iter_mut()
            .find(|account| kind.is_none_or(|kind| account.kind == kind))
            .ok_or_else(|| WalletError::Descriptor {
                why: format!("there is no account of kind {kind:?}"),
            })?;
        let address = account
            .wallet
            .reveal_next_address(KeychainKind::External)
            .address;
        inner.persist()?;
        Ok(address)
    }

    /// Waits for a change that could not be written to the file, and gives the reason. What the wallet says from then on
    /// may be forgotten at the next start.
    pub async fn failed(&self) -> String {
        let mut failure = self.lock().failure.subscribe();
        let failed = failure.wait_for(Option::is_some).await;
        // The sender is in this wallet's hands.
        failed
            .map_or_else(|_| None, |reason| reason.clone())
            .unwrap_or_default()
    }

    /// Whether this wallet can spend what is paid to `script`, as far as it has given addresses away.
    pub fn is_mine(&self, script: &bitcoin::Script) -> bool {
        let mine = |account: &Account| account.wallet.is_mine(script.to_owned());
        self.lock().accounts.iter().any(mine)
    }

    /// Whether this wallet pays for a transaction, or for a part of it.
    pub fn pays(&self, transaction: &Transaction) -> bool {
        let pays = |account: &Account| account.pays(transaction);
        self.lock().accounts.iter().any(pays)
    }

    /// All transactions in no block that spend one of these outputs and concern the wallet: replaced and forgotten ones too.
    pub fn unconfirmed_spends(&self, outpoints: &[OutPoint]) -> Vec<Arc<Transaction>> {
        let inner = self.lock();
        let mut spends: BTreeMap<Txid, Arc<Transaction>> = BTreeMap::new();
        for account in &inner.accounts {
            let graph = account.wallet.tx_graph();
            let spenders = outpoints.iter().flat_map(|at| graph.outspends(*at));
            for txid in spenders {
                let confirmed = account
                    .wallet
                    .get_tx(*txid)
                    .is_some_and(|entry| entry.chain_position.is_confirmed());
                if let Some(transaction) = graph.get_tx(*txid).filter(|_| !confirmed) {
                    spends.insert(*txid, transaction);
                }
            }
        }
        spends.into_values().collect()
    }

    /// What an output that the wallet knows holds.
    pub fn value_of(&self, outpoint: &OutPoint) -> Option<bitcoin::Amount> {
        Some(self.lock().output(outpoint)?.value)
    }

    /// Reserves the coins that a transaction spends: one that an earlier run signed and the ledger
    /// remembers, and that the wallet may not have seen on the chain yet. Coins of others in it do
    /// not matter.
    pub fn reserve(&self, transaction: &Transaction) {
        let coins = transaction
            .input
            .iter()
            .map(|input| input.previous_output)
            .collect();
        self.lock()
            .reserved
            .insert(transaction.compute_txid(), coins);
    }

    /// Gives back the coins that were reserved for a transaction that is never to be broadcast.
    pub fn release(&self, txid: &Txid) {
        self.lock().reserved.remove(txid);
    }

    /// Writes down a transaction that is about to be broadcast. Transactions that do not concern the
    /// wallet leave no trace.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn note_broadcast(&self, transaction: &Transaction) -> Result<(), WalletError> {
        let mut inner = self.lock();
        let now = inner.now();
        for account in &mut inner.accounts {
            account
                .wallet
                .apply_unconfirmed_txs([(transaction.clone(), now)]);
        }
        inner.persist()
    }

    /// Copies the wallet's file as it is now to `path`, which must not exist.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn copy_to(&self, path: &Path) -> Result<(), WalletError> {
        self.lock().store.copy_to(path)
    }

    /// Forgets an unconfirmed transaction that the network will never take, and gives back its coins.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn forget(&self, txid: &Txid) -> Result<(), WalletError> {
        let mut inner = self.lock();
        inner.reserved.remove(txid);
        let now = inner.now();
        for account in &mut inner.accounts {
            account.wallet.apply_evicted_txs([(*txid, now)]);
        }
        inner.persist()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What a panic may leave behind is staged changes: they are written with the next ones.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Writes all changes since the last time.
    fn persist(&mut self) -> Result<(), WalletError> {
        let changes: Vec<(&str, &ChangeSet)> = self
            .accounts
            .iter()
            .filter_map(|account| Some((account.name(), account.wallet.staged()?)))
            .collect();
        self.store.append(&changes).inspect_err(|error| {
            self.failure.send_replace(Some(error.to_string()));
        })?;
        for account in &mut self.accounts {
            account.wallet.take_staged();
        }
        Ok(())
    }

    /// Seconds since 1970, and later than any time before.
    fn now(&mut self) -> u64 {
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        self.clock = clock.max(self.clock.saturating_add(1));
        self.clock
    }

    /// All coins that are reserved.
    fn reserved(&self) -> HashSet<OutPoint> {
        self.reserved.values().flatten().copied().collect()
    }
}
