//! Keeps the wallet in step with the chain and the mempool.

use std::collections::HashSet;
use std::sync::Arc;

use bdk_wallet::chain::BlockId;
use bdk_wallet::Update;
use bitcoin::{OutPoint, Transaction, Txid};

use super::{Birthday, Inner, Wallet, WalletError};
use crate::error::ChainError;
use crate::source::{BlockRef, ChainSource};

/// Blocks between two writes while many are read.
const BLOCKS_A_WRITE: u32 = 100;
/// Blocks of a day: see [`Birthday::Now`].
const BLOCKS_A_DAY: u32 = 144;

impl Wallet {
    /// Reads all blocks up to `tip` that the wallet has not seen, beginning where its own chain and
    /// the source's part. What was read before a failure stays.
    ///
    /// # Errors
    /// Whatever could not be asked or written; trying again goes on from there.
    pub(crate) fn sync(&self, source: &dyn ChainSource, tip: BlockRef) -> Result<(), WalletError> {
        self.begin(source, tip)?;
        let accounts = self.lock().accounts.len();
        for account in 0..accounts {
            self.sync_account(source, tip, account)?;
        }
        let mut inner = self.lock();
        inner.release_spent();
        inner.persist()
    }

    /// Skips what lies before the wallet's birthday.
    fn begin(&self, source: &dyn ChainSource, tip: BlockRef) -> Result<(), WalletError> {
        let birthday = match self.lock().birthday {
            Birthday::Genesis => 0,
            Birthday::Height(height) => height.saturating_sub(1),
            Birthday::Now => tip.height.saturating_sub(BLOCKS_A_DAY),
        };
        let height = birthday.min(tip.height);
        let is_new = |inner: &Inner| {
            inner
                .accounts
                .iter()
                .any(|account| account.wallet.latest_checkpoint().height() == 0)
        };
        if height == 0 || !is_new(&self.lock()) {
            return Ok(());
        }
        let Some(hash) = source.block_hash(height)? else {
            return Ok(());
        };
        let mut inner = self.lock();
        for account in &mut inner.accounts {
            let newest = account.wallet.latest_checkpoint();
            if newest.height() == 0 {
                let chain = Some(newest.insert(BlockId { height, hash }));
                account
                    .wallet
                    .apply_update(Update {
                        chain,
                        ..Update::default()
                    })
                    .map_err(|error| WalletError::Foreign {
                        why: error.to_string(),
                    })?;
            }
        }
        inner.persist()
    }

    fn sync_account(
        &self,
        source: &dyn ChainSource,
        tip: BlockRef,
        account: usize,
    ) -> Result<(), WalletError> {
        let mut known = self.common_block(source, account)?;
        while known.height < tip.height {
            let height = known.height.saturating_add(1);
            let hash = source.block_hash(height)?.ok_or_else(moved)?;
            let block = source.block(&hash)?;
            if block.header.prev_blockhash != known.hash {
                return Err(moved().into());
            }
            let mut inner = self.lock();
            if let Some(account) = inner.accounts.get_mut(account) {
                account
                    .wallet
                    .apply_block_connected_to(&block, height, known)?;
            }
            if height.is_multiple_of(BLOCKS_A_WRITE) {
                inner.persist()?;
            }
            known = BlockId { height, hash };
        }
        Ok(())
    }

    /// The newest block that the account knows and that is in the best chain.
    fn common_block(
        &self,
        source: &dyn ChainSource,
        account: usize,
    ) -> Result<BlockId, WalletError> {
        let mut checkpoint = {
            let inner = self.lock();
            inner
                .accounts
                .get(account)
                .map(|account| account.wallet.latest_checkpoint())
        };
        while let Some(block) = checkpoint {
            let id = block.block_id();
            if source
                .header(&id.hash)?
                .is_some_and(|header| header.in_best_chain)
            {
                return Ok(id);
            }
            checkpoint = block.prev();
        }
        Err(WalletError::Foreign {
            why: "it knows no block of this chain".to_owned(),
        })
    }

    /// Takes note of what entered and left the mempool. `listed` is all of it.
    ///
    /// A transaction that this wallet pays for is never given up because bitcoind has dropped it: its
    /// coins stay spent, and it is broadcast again.
    pub(crate) fn mempool_changed(
        &self,
        entered: &[Arc<Transaction>],
        left: &[Txid],
        listed: &HashSet<Txid>,
    ) -> Result<(), WalletError> {
        let mut inner = self.lock();
        let first = !std::mem::replace(&mut inner.mempool_seen, true);
        if entered.is_empty() && left.is_empty() && !first {
            return Ok(());
        }
        let now = inner.now();
        let entered = inner.news(entered);
        for account in &mut inner.accounts {
            let seen = entered
                .iter()
                .map(|transaction| (Arc::clone(transaction), now));
            account.wallet.apply_unconfirmed_txs(seen);
        }
        let strangers = inner
            .unconfirmed(false)
            .map(|transaction| transaction.compute_txid());
        let gone: Vec<Txid> = strangers.filter(|txid| !listed.contains(txid)).collect();
        let now = inner.now();
        for account in &mut inner.accounts {
            account
                .wallet
                .apply_evicted_txs(gone.iter().map(|txid| (*txid, now)));
        }
        inner.persist()
    }

    /// Unconfirmed transactions that this wallet pays for.
    pub(crate) fn unconfirmed_sends(&self) -> Vec<Transaction> {
        self.lock()
            .unconfirmed(true)
            .map(|transaction| (*transaction).clone())
            .collect()
    }
}

impl Inner {
    /// Those of the transactions in the mempool that the wallet does not go by already. What it pays for itself counts from when
    /// it was made: of two that spend the same, the one that was made last goes on, though the other is seen a moment later.
    fn news(&self, entered: &[Arc<Transaction>]) -> Vec<Arc<Transaction>> {
        let is_pursued = |transaction: &Transaction| {
            let txid = transaction.compute_txid();
            self.accounts.iter().any(|account| {
                let graph = account.wallet.tx_graph();
                let made = graph.get_tx_node(txid).and_then(|node| node.last_seen);
                account.pays(transaction) && made > graph.get_last_evicted(txid)
            })
        };
        let news = entered.iter().filter(|it| !is_pursued(it));
        news.cloned().collect()
    }

    /// Unconfirmed transactions that the wallet pays for, or those that it does not.
    fn unconfirmed(&self, paid_by_us: bool) -> impl Iterator<Item = Arc<Transaction>> + '_ {
        let mut seen = HashSet::new();
        let transactions = self
            .accounts
            .iter()
            .flat_map(|account| account.wallet.transactions());
        transactions
            .filter(|entry| !entry.chain_position.is_confirmed())
            .filter(move |entry| seen.insert(entry.tx_node.txid))
            .map(|entry| Arc::clone(&entry.tx_node.tx))
            .filter(move |transaction| {
                self.accounts
                    .iter()
                    .any(|account| account.pays(transaction))
                    == paid_by_us
            })
    }

    /// A reservation ends once a confirmed transaction has spent one of its coins.
    fn release_spent(&mut self) {
        let accounts = &self.accounts;
        let spent = |coin: &OutPoint| {
            accounts.iter().any(|account| {
                let confirmed = |txid: &Txid| {
                    let transaction = account.wallet.get_tx(*txid);
                    transaction.is_some_and(|entry| entry.chain_position.is_confirmed())
                };
                account
                    .wallet
                    .tx_graph()
                    .outspends(*coin)
                    .iter()
                    .any(confirmed)
            })
        };
        self.reserved.retain(|_, coins| !coins.iter().any(spent));
    }
}

/// The chain moved while it was read: the follower goes along, and asks again.
fn moved() -> ChainError {
    let why = "the best chain changed while the wallet read it".to_owned();
    ChainError::Answer {
        call: "getblockhash",
        why,
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::bip32::{DerivationPath, Xpriv, Xpub};
    use bitcoin::hashes::Hash;
    use bitcoin::secp256k1::Secp256k1;
    use bitcoin::transaction::Version;
    use bitcoin::{Amount, Network, ScriptBuf, Sequence, TxIn, TxOut, Witness};

    use super::super::{AccountDescriptors, AddressKind, WalletOptions};
    use super::*;

    fn wallet(folder: &std::path::Path) -> Wallet {
        let secp = Secp256k1::new();
        let master = Xpriv::new_master(Network::Regtest, &[7; 32]).unwrap();
        let path: DerivationPath = "84h/1h/0h".parse().unwrap();
        let account = Xpub::from_priv(&secp, &master.derive_priv(&secp, &path).unwrap());
        let of = |chain| {
            let fingerprint = master.fingerprint(&secp);
            format!("wpkh([{fingerprint}/84h/1h/0h]{account}/{chain}/*)")
        };
        Wallet::open(WalletOptions {
            path: folder.join("wallet.sqlite"),
            network: Network::Regtest,
            accounts: vec![AccountDescriptors {
                kind: AddressKind::Segwit,
                external: of(0),
                change: of(1),
            }],
            birthday: Birthday::Genesis,
        })
        .unwrap()
    }

    fn pay(from: OutPoint, to: &ScriptBuf, sat: u64) -> Arc<Transaction> {
        Arc::new(Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: from,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value: Amount::from_sat(sat),
                script_pubkey: to.clone(),
            }],
        })
    }

    /// What entered is all that the mempool holds.
    fn see(wallet: &Wallet, entered: &[&Arc<Transaction>]) {
        let entered: Vec<Arc<Transaction>> = entered.iter().map(|it| Arc::clone(it)).collect();
        let listed = entered.iter().map(|it| it.compute_txid()).collect();
        wallet.mempool_changed(&entered, &[], &listed).unwrap();
    }

    /// A coin of the wallet's, and two payments that spend it.
    fn rivals(wallet: &Wallet) -> [Arc<Transaction>; 3] {
        let own = wallet.address(None).unwrap().script_pubkey();
        let others = ScriptBuf::new_op_return([1]);
        let coin = pay(
            OutPoint::new(Txid::from_byte_array([1; 32]), 0),
            &own,
            50_000,
        );
        let at = OutPoint::new(coin.compute_txid(), 0);
        let payment = |sat| pay(at, &others, sat);
        [coin, payment(49_000), payment(48_000)]
    }

    #[test]
    fn payment_made_last_goes_on_though_the_one_before_is_seen_later() {
        let folder = tempfile::tempdir().unwrap();
        let wallet = wallet(folder.path());
        let [coin, first, second] = rivals(&wallet);
        see(&wallet, &[&coin]);
        wallet.note_broadcast(&first).unwrap();
        assert_eq!(wallet.unconfirmed_sends(), [(*first).clone()]);
        wallet.note_broadcast(&second).unwrap();
        assert_eq!(wallet.unconfirmed_sends(), [(*second).clone()]);
        // bitcoind has only come to show the first by now.
        see(&wallet, &[&coin, &first]);
        assert_eq!(wallet.unconfirmed_sends(), [(*second).clone()]);
        see(&wallet, &[&coin, &second]);
        assert_eq!(wallet.unconfirmed_sends(), [(*second).clone()]);
    }

    #[test]
    fn payment_of_an_earlier_start_is_given_up_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let before = wallet(folder.path());
        let [coin, first, second] = rivals(&before);
        see(&before, &[&coin]);
        // Many in one second: the wallet's time runs ahead of the machine's.
        for _ in 0..100 {
            before.note_broadcast(&second).unwrap();
            before.note_broadcast(&first).unwrap();
        }
        drop(before);
        let wallet = wallet(folder.path());
        wallet.forget(&first.compute_txid()).unwrap();
        wallet.forget(&second.compute_txid()).unwrap();
        assert!(wallet.unconfirmed_sends().is_empty());
    }

    #[test]
    fn payment_given_up_goes_on_where_the_mempool_has_it_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let wallet = wallet(folder.path());
        let [coin, first, second] = rivals(&wallet);
        see(&wallet, &[&coin]);
        wallet.note_broadcast(&first).unwrap();
        wallet.forget(&first.compute_txid()).unwrap();
        assert!(wallet.unconfirmed_sends().is_empty());
        see(&wallet, &[&coin, &first]);
        assert_eq!(wallet.unconfirmed_sends(), [(*first).clone()]);
        // One that this file has never heard of, as of another copy of the wallet, is news too.
        see(&wallet, &[&coin, &second]);
        assert_eq!(wallet.unconfirmed_sends(), [(*second).clone()]);
    }

    #[test]
    fn strangers_payment_that_left_the_mempool_is_news_when_it_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        let wallet = wallet(folder.path());
        let [coin, _, _] = rivals(&wallet);
        let unconfirmed = |wallet: &Wallet| wallet.balance().unconfirmed.to_sat();
        see(&wallet, &[&coin]);
        assert_eq!(unconfirmed(&wallet), 50_000);
        see(&wallet, &[]);
        wallet
            .mempool_changed(&[], &[coin.compute_txid()], &HashSet::new())
            .unwrap();
        assert_eq!(unconfirmed(&wallet), 0);
        see(&wallet, &[&coin]);
        assert_eq!(unconfirmed(&wallet), 50_000);
    }
}
