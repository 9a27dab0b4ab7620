//! The signer's own memory: per channel the highest commitment signed for the peer, the highest secret released, and
//! whether a commitment of ours was signed for broadcast.
//!
//! The ledger is durable before anything is signed, so the ledger is never behind this file, except where
//! somebody put an older ledger in its place. That is what the file is for: such a ledger would sign, reveal and
//! broadcast states that are revoked. Nothing is synced for each signature: what a power cut takes from this file, the
//! ledger still has.
//!
//! The file: a header of 128 bytes, then 256 bytes for each channel: two copies of its record, written in turn, so that
//! a torn write leaves the other one. It grows with the number of channels only. Each copy carries a MAC
//! under a key of the seed, and the copy with the higher sequence counts.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bitcoin::hashes::{sha256, Hash, HashEngine, Hmac, HmacEngine};
use bitcoin::Txid;
use zarnitsa_channel::ids::ChannelId;
use zeroize::Zeroizing;

use crate::error::{SignerError, WitnessError};
use crate::seed::{io, sync_folder};

const MAGIC: &[u8; 8] = b"ZARNWITN";
const VERSION: u16 = 1;
/// Of the header and of each copy: below a disk's sector, and a divisor of it.
pub(crate) const COPY: usize = 128;
const MAC: usize = 16;
const COPIES: u64 = 2;
/// More channels than any node has: a file that is longer is no witness file.
const MAX_CHANNELS: u64 = 1 << 20;

/// What was done in one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// The highest commitment of the counterparty that was signed.
    pub(crate) signed: Option<(u64, Txid)>,
    /// The secrets of our commitments below this number were released.
    pub(crate) released: u64,
    /// The lowest commitment of ours that was signed for broadcast.
    pub(crate) broadcast: Option<u64>,
}

/// What the ledger says of the same channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LedgerView {
    /// The number of the newest commitment signed for the counterparty.
    pub(crate) signed: u64,
    /// Its txid, where the state still has it.
    pub(crate) txid: Option<Txid>,
    /// The secrets of our commitments below this number may be released.
    pub(crate) releasable: u64,
}

impl Record {
    /// May the counterparty's commitment `number`, with this txid, be signed? Then the record that says so.
    pub(crate) fn sign(
        self,
        channel_id: ChannelId,
        number: u64,
        txid: Txid,
    ) -> Result<Self, WitnessError> {
        match self.signed {
            Some((signed, _)) if number < signed => Err(WitnessError::SignedLater {
                channel_id,
                asked: number,
                signed,
            }),
            Some((signed, before)) if number == signed && txid != before => {
                Err(WitnessError::SignedDifferently {
                    channel_id,
                    number,
                    asked: txid,
                    signed: before,
                })
            }
            Some(_) | None => Ok(Self {
                signed: Some((number, txid)),
                ..self
            }),
        }
    }

    /// May the secret of our commitment `number` go out, where the ledger allows those below `releasable`?
    pub(crate) fn release(
        self,
        channel_id: ChannelId,
        number: u64,
        releasable: u64,
    ) -> Result<Self, WitnessError> {
        if number >= releasable {
            return Err(WitnessError::NotReleasable {
                channel_id,
                asked: number,
                releasable,
            });
        }
        if self.broadcast.is_some_and(|broadcast| number >= broadcast) {
            return Err(WitnessError::Broadcast { channel_id, number });
        }
        // BOLT 2, channel_reestablish: the last revoke_and_ack may have to be said again, no other.
        if number.saturating_add(1) < self.released {
            return Err(WitnessError::ReleasedLater {
                channel_id,
                asked: number,
                released: self.released,
            });
        }
        Ok(Self {
            released: self.released.max(number.saturating_add(1)),
            ..self
        })
    }

    /// May our commitment `number` be signed for broadcast?
    pub(crate) fn broadcast(
        self,
        channel_id: ChannelId,
        number: u64,
    ) -> Result<Self, WitnessError> {
        if number < self.released {
            return Err(WitnessError::Revoked {
                channel_id,
                asked: number,
                released: self.released,
            });
        }
        let lowest = self.broadcast.map_or(number, |before| before.min(number));
        Ok(Self {
            broadcast: Some(lowest),
            ..self
        })
    }

    /// Is the ledger at least as new as this record?
    pub(crate) fn compare(
        &self,
        channel_id: ChannelId,
        ledger: Option<LedgerView>,
    ) -> Result<(), WitnessError> {
        let older = |what, ledger: Option<u64>, witness| WitnessError::LedgerOlder {
            channel_id,
            what,
            ledger: ledger.map_or_else(|| "none".to_owned(), |number| number.to_string()),
            witness,
        };
        if let Some((number, signed)) = self.signed {
            let in_ledger = ledger.map(|view| view.signed);
            if in_ledger.is_none_or(|in_ledger| in_ledger < number) {
                return Err(older("signed commitment", in_ledger, number));
            }
            let txid = ledger.and_then(|view| view.txid);
            if let Some(asked) = txid.filter(|txid| in_ledger == Some(number) && *txid != signed) {
                return Err(WitnessError::SignedDifferently {
                    channel_id,
                    number,
                    asked,
                    signed,
                });
            }
        }
        let releasable = ledger.map(|view| view.releasable);
        if self.released > releasable.unwrap_or(0) {
            return Err(older("revocation", releasable, self.released));
        }
        Ok(())
    }

    fn encode(&self, channel_id: ChannelId, sequence: u64, key: &[u8; 32]) -> [u8; COPY] {
        let (signed, txid) = match self.signed {
            Some((number, txid)) => (number.saturating_add(1), txid.to_byte_array()),
            None => (0, [0; 32]),
        };
        let broadcast = self.broadcast.map_or(0, |number| number.saturating_add(1));
        let mut body = Vec::with_capacity(COPY);
        body.extend_from_slice(&channel_id.0);
        body.extend_from_slice(&sequence.to_be_bytes());
        body.extend_from_slice(&signed.to_be_bytes());
        body.extend_from_slice(&txid);
        body.extend_from_slice(&self.released.to_be_bytes());
        body.extend_from_slice(&broadcast.to_be_bytes());
        sealed(body, key)
    }

    fn decode(copy: &[u8; COPY], key: &[u8; 32]) -> Option<(ChannelId, u64, Self)> {
        let mut rest = opened(copy, key)?;
        let channel_id = ChannelId(take(&mut rest)?);
        let sequence = u64::from_be_bytes(take(&mut rest)?);
        let signed = u64::from_be_bytes(take(&mut rest)?);
        let txid = Txid::from_byte_array(take(&mut rest)?);
        let released = u64::from_be_bytes(take(&mut rest)?);
        let broadcast = u64::from_be_bytes(take(&mut rest)?);
        let record = Self {
            signed: signed.checked_sub(1).map(|number| (number, txid)),
            released,
            broadcast: broadcast.checked_sub(1),
        };
        Some((channel_id, sequence, record))
    }
}

/// `body` filled up with zeros, and its MAC.
pub(crate) fn sealed(mut body: Vec<u8>, key: &[u8; 32]) -> [u8; COPY] {
    body.resize(COPY - MAC, 0);
    let tag = mac(&body, key);
    body.extend_from_slice(&tag);
    body.try_into().expect("a record is shorter than its copy")
}

/// What was sealed, `None` where it was not sealed with this key.
pub(crate) fn opened<'a>(copy: &'a [u8; COPY], key: &[u8; 32]) -> Option<&'a [u8]> {
    let (body, tag) = copy.split_last_chunk::<MAC>()?;
    (mac(body, key) == *tag).then_some(body)
}

fn mac(body: &[u8], key: &[u8; 32]) -> [u8; MAC] {
    let mut engine = HmacEngine::<sha256::Hash>::new(key);
    engine.input(body);
    let full = Hmac::from_engine(engine).to_byte_array();
    let (tag, _) = full.split_first_chunk().expect("32 bytes are more than 16");
    *tag
}

pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

/// `<dir>/witness`
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("witness")
}

struct Slot {
    index: u64,
    sequence: u64,
    record: Record,
}

/// The open file, and what is in it.
pub(crate) struct Witness {
    path: PathBuf,
    file: File,
    key: Zeroizing<[u8; 32]>,
    slots: HashMap<ChannelId, Slot>,
    /// Slots in the file, readable or not.
    used: u64,
}

impl Witness {
    /// Opens `<dir>/witness`, or makes it where there is none.
    ///
    /// # Errors
    /// Where it cannot be read or written, is no witness file, or was written with another seed.
    pub(crate) fn open(dir: &Path, key: Zeroizing<[u8; 32]>) -> Result<Self, SignerError> {
        let path = path(dir);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Self::create(dir, path, key);
            }
            Err(error) => return Err(io(&path, "open it")(error)),
        };
        let mut witness = Self {
            path,
            file,
            key,
            slots: HashMap::new(),
            used: 0,
        };
        witness.load()?;
        Ok(witness)
    }

    fn create(dir: &Path, path: PathBuf, key: Zeroizing<[u8; 32]>) -> Result<Self, SignerError> {
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&VERSION.to_be_bytes());
        let header = sealed(header, &key);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(io(&path, "create it"))?;
        file.write_all_at(&header, 0)
            .and_then(|()| file.sync_all())
            .map_err(io(&path, "write it"))?;
        sync_folder(dir)?;
        Ok(Self {
            path,
            file,
            key,
            slots: HashMap::new(),
            used: 0,
        })
    }

    fn load(&mut self) -> Result<(), SignerError> {
        let damaged = |what| SignerError::Damaged {
            path: self.path.clone(),
            what,
        };
        let length = self
            .file
            .metadata()
            .map_err(io(&self.path, "read it"))?
            .len();
        let channel = COPIES * offset_of(1);
        if length > offset_of(1) + MAX_CHANNELS * channel {
            return Err(damaged("it is longer than any witness file"));
        }
        let mut contents = Vec::new();
        (&self.file)
            .read_to_end(&mut contents)
            .map_err(io(&self.path, "read it"))?;
        let (header, body) = contents
            .split_first_chunk::<COPY>()
            .ok_or_else(|| damaged("it is too short"))?;
        if !header.starts_with(MAGIC) {
            return Err(damaged("it does not begin as a witness file does"));
        }
        let [.., high, low] = header[..10] else {
            return Err(damaged("it is too short"));
        };
        let version = u16::from_be_bytes([high, low]);
        if version != VERSION {
            return Err(SignerError::UnknownVersion {
                path: self.path.clone(),
                got: version,
                known: VERSION,
            });
        }
        if opened(header, &self.key).is_none() {
            return Err(SignerError::ForeignWitness {
                path: self.path.clone(),
            });
        }
        self.load_slots(body);
        Ok(())
    }

    /// Takes what can be read. A copy that cannot be, torn by a power cut perhaps, costs the step that it recorded.
    fn load_slots(&mut self, body: &[u8]) {
        let mut unreadable = 0_u64;
        for (index, slot) in (0..).zip(body.chunks(2 * COPY)) {
            self.used = index + 1;
            let newest = slot
                .chunks_exact(COPY)
                .filter_map(|copy| Record::decode(copy.try_into().ok()?, &self.key))
                .max_by_key(|(_, sequence, _)| *sequence);
            let Some((channel_id, sequence, record)) = newest else {
                unreadable += 1;
                continue;
            };
            self.slots.insert(
                channel_id,
                Slot {
                    index,
                    sequence,
                    record,
                },
            );
        }
        if unreadable > 0 {
            tracing::warn!(unreadable, path = %self.path.display(), "the signer's witness file has records that cannot be read; the ledger alone guards their channels");
        }
    }

    /// What is known of the channel.
    pub(crate) fn record(&self, channel_id: &ChannelId) -> Record {
        self.slots
            .get(channel_id)
            .map_or_else(Record::default, |slot| slot.record)
    }

    /// Every channel that something is known of.
    pub(crate) fn channels(&self) -> impl Iterator<Item = (ChannelId, Record)> + '_ {
        self.slots.iter().map(|(id, slot)| (*id, slot.record))
    }

    /// Writes the record, where it says anything new.
    pub(crate) fn store(
        &mut self,
        channel_id: ChannelId,
        record: Record,
    ) -> Result<(), SignerError> {
        let (index, sequence) = match self.slots.get(&channel_id) {
            Some(slot) if slot.record == record => return Ok(()),
            Some(slot) => (slot.index, slot.sequence + 1),
            None => (self.used, 0),
        };
        let copy = record.encode(channel_id, sequence, &self.key);
        // The header is copy 0 of the file; the slot's two copies are written in turn.
        let place = 1 + COPIES * index + sequence % COPIES;
        self.file
            .write_all_at(&copy, offset_of(place))
            .map_err(io(&self.path, "write it"))?;
        self.used = self.used.max(index + 1);
        self.slots.insert(
            channel_id,
            Slot {
                index,
                sequence,
                record,
            },
        );
        Ok(())
    }

    /// Puts all of it on disk, before the process ends.
    pub(crate) fn sync(&self) -> Result<(), SignerError> {
        self.file.sync_all().map_err(io(&self.path, "write it"))
    }
}

pub(crate) fn offset_of(copy: u64) -> u64 {
    copy * u64::try_from(COPY).expect("a small constant")
}

#[cfg(test)]
mod tests;
