//! The records: a file for each account, to which states are appended.
//!
//! A state in it: 16 bytes of locator, 4 bytes of the data's length, big-endian, the data. What a power cut has left
//! half-written is cut off at the next start: it was not acknowledged.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zarnitsa_signer::{Locator, MAX_JUSTICE};

use crate::tower::next_digest;
use crate::watch::protocol::AccountState;

const HEAD: usize = 16 + 4;
/// Accounts of one tower: each is a channel of somebody who has the token.
const MAX_ACCOUNTS: usize = 100_000;

/// Why states are not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("state {from} is not the next one: {have} are here")]
    Gap { from: u64, have: u64 },
    #[error("the state has {got} bytes, {MAX_JUSTICE} are the most")]
    TooLong { got: usize },
    #[error("this tower has room for {MAX_ACCOUNTS} channels")]
    Full,
    #[error("the records cannot be read or written: {0}")]
    Io(#[from] io::Error),
}

struct Account {
    file: File,
    length: u64,
    states: u64,
    digest: [u8; 32],
}

/// Where a record is.
#[derive(Clone, Copy)]
struct Place {
    account: [u8; 32],
    offset: u64,
    length: u32,
}

/// All records.
pub(crate) struct Store {
    folder: PathBuf,
    /// The folder itself, to be fsynced: a new file's name is durable when its folder is.
    names: File,
    accounts: HashMap<[u8; 32], Account>,
    /// Two states of one locator would be two commitments with the same half of a txid.
    places: HashMap<Locator, Vec<Place>>,
}

impl Store {
    /// Reads the files in a folder, which is made where it is not there.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        if let Some(parent) = folder.parent() {
            File::open(parent)?.sync_all()?;
        }
        let mut store = Self {
            folder: folder.clone(),
            names: File::open(&folder)?,
            accounts: HashMap::new(),
            places: HashMap::new(),
        };
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let mut id = [0; 32];
            if hex::decode_to_slice(&*name, &mut id).is_ok() {
                store.load(id, &path)?;
            }
        }
        // A tower that was killed may have written what it did not come to fsync.
        store.names.sync_all()?;
        Ok(store)
    }

    fn load(&mut self, id: [u8; 32], path: &Path) -> io::Result<()> {
        let mut content = Vec::new();
        File::open(path)?.read_to_end(&mut content)?;
        let mut account = self.file(path)?;
        let mut rest = content.as_slice();
        while let Some((locator, data, after)) = split(rest) {
            self.note(id, &mut account, locator, data);
            rest = after;
        }
        account.file.set_len(account.length)?;
        account.file.sync_all()?;
        self.accounts.insert(id, account);
        Ok(())
    }

    fn file(&self, path: &Path) -> io::Result<Account> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        Ok(Account {
            file,
            length: 0,
            states: 0,
            digest: [0; 32],
        })
    }

    fn note(&mut self, id: [u8; 32], account: &mut Account, locator: Locator, data: &[u8]) {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX); // MAX_JUSTICE at most
        let head = u64::try_from(HEAD).unwrap_or(u64::MAX);
        let place = Place {
            account: id,
            offset: account.length.saturating_add(head),
            length,
        };
        self.places.entry(locator).or_default().push(place);
        account.digest = next_digest(&account.digest, &locator, data);
        account.length = place.offset.saturating_add(u64::from(length));
        account.states += 1;
    }

    /// What is here of an account; nothing of one that was never heard of.
    pub(crate) fn state(&self, id: &[u8; 32]) -> AccountState {
        let known = self.accounts.get(id);
        let (states, digest) =
            known.map_or((0, [0; 32]), |account| (account.states, account.digest));
        AccountState {
            states,
            digest: hex::encode(digest),
        }
    }

    /// Appends states, from number `from` on; those that are here already are passed over. They are on disk when this
    /// returns.
    pub(crate) fn add(
        &mut self,
        id: [u8; 32],
        from: u64,
        states: Vec<(Locator, Vec<u8>)>,
    ) -> Result<AccountState, StoreError> {
        if let Some((_, data)) = states.iter().find(|(_, data)| data.len() > MAX_JUSTICE) {
            return Err(StoreError::TooLong { got: data.len() });
        }
        let have = self.state(&id).states;
        if from > have {
            return Err(StoreError::Gap { from, have });
        }
        let known = usize::try_from(have - from).unwrap_or(usize::MAX);
        let new: Vec<_> = states.into_iter().skip(known).collect();
        if new.is_empty() {
            return Ok(self.state(&id));
        }
        let mut account = match self.accounts.remove(&id) {
            Some(account) => account,
            None if self.accounts.len() >= MAX_ACCOUNTS => return Err(StoreError::Full),
            None => {
                let account = self.file(&self.folder.join(hex::encode(id)))?;
                self.names.sync_all()?;
                account
            }
        };
        let written = append(&mut account, &new);
        if written.is_ok() {
            for (locator, data) in &new {
                self.note(id, &mut account, *locator, data);
            }
        }
        self.accounts.insert(id, account);
        written?;
        Ok(self.state(&id))
    }

    /// The records of a locator.
    pub(crate) fn find(&self, locator: &Locator) -> Vec<Vec<u8>> {
        let places = self.places.get(locator).into_iter().flatten();
        let read = |place: &Place| {
            let account = self.accounts.get(&place.account)?;
            let mut data = vec![0; usize::try_from(place.length).ok()?];
            let read = account.file.read_exact_at(&mut data, place.offset);
            read.inspect_err(|error| tracing::error!(%error, "a record cannot be read"))
                .ok()?;
            Some(data)
        };
        places.filter_map(read).collect()
    }
}

/// One write and one fsync. What is left of a write that failed is cut off.
fn append(account: &mut Account, states: &[(Locator, Vec<u8>)]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for (locator, data) in states {
        bytes.extend_from_slice(locator);
        let length = u32::try_from(data.len()).map_err(io::Error::other)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(data);
    }
    let written = account
        .file
        .write_all(&bytes)
        .and_then(|()| account.file.sync_data());
    if written.is_err() {
        account.file.set_len(account.length)?;
    }
    written
}

fn split(bytes: &[u8]) -> Option<(Locator, &[u8], &[u8])> {
    let (locator, rest) = bytes.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (data, rest) = rest.split_at_checked(length)?;
    Some((*locator, data, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u8) -> (Locator, Vec<u8>) {
        ([number; 16], vec![number; 40])
    }

    #[test]
    fn states_are_taken_in_order_and_are_there_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("states");
        let mut store = Store::open(path.clone()).unwrap();
        let id = [9; 32];
        let two = store.add(id, 0, vec![record(1), record(2)]).unwrap();
        assert_eq!(two.states, 2);
        // Said again, and one more.
        let three = store.add(id, 1, vec![record(2), record(3)]).unwrap();
        assert_eq!(three.states, 3);
        let gap = store.add(id, 4, vec![record(5)]).unwrap_err();
        assert!(matches!(gap, StoreError::Gap { from: 4, have: 3 }), "{gap}");
        let long = store.add(id, 3, vec![([4; 16], vec![0; MAX_JUSTICE + 1])]);
        assert!(matches!(long, Err(StoreError::TooLong { .. })));
        assert_eq!(store.find(&[2; 16]), [vec![2; 40]]);
        assert_eq!(store.find(&[7; 16]), Vec::<Vec<u8>>::new());
        drop(store);

        // A write that a power cut has torn.
        let file = path.join(hex::encode(id));
        let mut content = fs::read(&file).unwrap();
        content.extend_from_slice(&[5; 30]);
        fs::write(&file, &content).unwrap();
        let mut store = Store::open(path).unwrap();
        assert_eq!(store.state(&id), three);
        store.add(id, 3, vec![record(4)]).unwrap();
        assert_eq!(store.find(&[4; 16]), [vec![4; 40]]);
        assert_eq!(store.state(&[8; 32]).states, 0);
    }

    #[test]
    fn states_of_a_new_account_are_refused_where_its_name_cannot_be_made_durable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("states");
        let mut store = Store::open(path.clone()).unwrap();
        store.add([1; 32], 0, vec![record(1)]).unwrap();
        // What has no disk cannot be fsynced.
        store.names = File::open("/dev/null").unwrap();
        let refused = store.add([2; 32], 0, vec![record(2)]);
        assert!(matches!(refused, Err(StoreError::Io(_))), "{refused:?}");
        assert_eq!(store.state(&[2; 32]).states, 0);
        // A name that is there already needs no more.
        assert_eq!(store.add([1; 32], 1, vec![record(3)]).unwrap().states, 2);

        store.names = File::open(&path).unwrap();
        assert_eq!(store.add([2; 32], 0, vec![record(2)]).unwrap().states, 1);
        drop(store);
        let store = Store::open(path).unwrap();
        assert_eq!(store.state(&[1; 32]).states, 2);
        assert_eq!(store.state(&[2; 32]).states, 1);
    }
}
