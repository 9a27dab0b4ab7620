//! `wallet.sqlite`: a log of changes, for each account of the wallet.
//!
//! It holds nothing secret and nothing that could not be found again on the chain, except
//! transactions of the wallet's own that have not been seen there yet.

use std::path::Path;

use bdk_wallet::chain::Merge;
use bdk_wallet::rusqlite::{params, Connection};
use bdk_wallet::ChangeSet;

use super::error::WalletError;

/// Rows of one account from which the log is written anew as one.
const ROWS_TO_COMPACT: usize = 500;

#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, WalletError> {
        let connection = Connection::open(path)?;
        // A transaction that is to be broadcast must be on disk first: each change is fsynced.
        connection.execute_batch(
            "PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS changes (
                 id INTEGER PRIMARY KEY AUTOINCREMENT,
                 account TEXT NOT NULL,
                 change_set TEXT NOT NULL
             );",
        )?;
        Ok(Self { connection })
    }

    /// Copies the file into another, which must not exist.
    pub(super) fn copy_to(&self, path: &Path) -> Result<(), WalletError> {
        let to = path.display().to_string();
        self.connection.execute("VACUUM INTO ?1", [to])?;
        Ok(())
    }

    /// All changes of an account, merged; `None` if there are none.
    pub(super) fn load(&mut self, account: &str) -> Result<Option<ChangeSet>, WalletError> {
        let mut merged: Option<ChangeSet> = None;
        let rows = self.rows(account)?;
        for text in &rows {
            let change = serde_json::from_str(text).map_err(|error| WalletError::Foreign {
                why: error.to_string(),
            })?;
            match &mut merged {
                Some(all) => all.merge(change),
                None => merged = Some(change),
            }
        }
        if let Some(all) = merged.as_ref().filter(|_| rows.len() >= ROWS_TO_COMPACT) {
            self.compact(account, all)?;
        }
        Ok(merged)
    }

    fn rows(&self, account: &str) -> Result<Vec<String>, WalletError> {
        let mut query = self
            .connection
            .prepare("SELECT change_set FROM changes WHERE account = ?1 ORDER BY id")?;
        let rows = query.query_map([account], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn compact(&mut self, account: &str, all: &ChangeSet) -> Result<(), WalletError> {
        let text = to_text(all)?;
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM changes WHERE account = ?1", [account])?;
        transaction.execute(INSERT, params![account, text])?;
        Ok(transaction.commit()?)
    }

    /// Writes changes of several accounts at once: all of them, or none.
    pub(super) fn append(&mut self, changes: &[(&str, &ChangeSet)]) -> Result<(), WalletError> {
        if changes.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        for (account, change) in changes {
            transaction.execute(INSERT, params![account, to_text(change)?])?;
        }
        Ok(transaction.commit()?)
    }
}

const INSERT: &str = "INSERT INTO changes (account, change_set) VALUES (?1, ?2)";

fn to_text(change: &ChangeSet) -> Result<String, WalletError> {
    serde_json::to_string(change).map_err(|error| WalletError::Foreign {
        why: error.to_string(),
    })
}
