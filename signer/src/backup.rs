//! The envelope of a backup: any bytes, encrypted for this seed and a passphrase.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `ZARNBKUP` |
//! | 2 | version, big-endian: 1 |
//! | 4 | the network's magic |
//! | 4, 4, 4 | argon2id: memory in KiB, passes, lanes |
//! | 16 | argon2id's salt |
//! | 19 | what the nonces of all pieces begin with |
//! | 32 | HMAC of all before it under the seed's key: tells another seed from a wrong passphrase |
//! | | pieces: 65,536 bytes and a tag each, the last one shorter, XChaCha20-Poly1305; a nonce ends with the piece's number and whether it is the last, so that none can be left out or moved |
//! | 32 | SHA-256 of all before it: tells damage from both |
//!
//! The key needs both: it is the HMAC of the stretched passphrase under the seed's key.

use std::io::{self, Read, Write};

use bitcoin::hashes::{sha256, Hash, HashEngine, Hmac, HmacEngine};
use bitcoin::p2p::Magic;
use bitcoin::Network;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand::rngs::OsRng;
use rand::RngCore;
use zeroize::Zeroizing;

use crate::error::SignerError;
use crate::keys::Purpose;
use crate::seed::{stretch, Cost};
use crate::signer::Signer;

const MAGIC: &[u8; 8] = b"ZARNBKUP";
const VERSION: u16 = 1;
const PIECE: usize = 1 << 16;
const TAG: usize = 16;
const SUM: usize = 32;
const HEADER: usize = 8 + 2 + 4 + 12 + 16 + 19 + 32;

/// Why a backup cannot be made or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file cannot be read or written.
    #[error("the backup cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// The file is not as it was written.
    #[error("the backup is damaged: {what}")]
    Damaged {
        /// In what way.
        what: &'static str,
    },
    /// Written by a later version.
    #[error("the backup has format version {got}, this program knows {VERSION}: use the program that wrote it, or a later one")]
    UnknownVersion {
        /// Its version.
        got: u16,
    },
    /// It is of a node on another chain.
    #[error("the backup is of a node on {got}, not on {expected}")]
    WrongNetwork {
        /// What was asked for.
        expected: Network,
        /// What it is for; `None` where this program does not know it.
        got: String,
    },
    /// It is of another node.
    #[error("the backup was made with another seed than these words")]
    ForeignSeed,
    /// It is this node's and whole, so it is the passphrase.
    #[error(
        "wrong passphrase for the backup: it wants the one that the node had when it was made"
    )]
    WrongPassphrase,
    /// Randomness or key stretching.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

fn damaged(what: &'static str) -> BackupError {
    BackupError::Damaged { what }
}

/// The cipher and the count of pieces.
struct Pieces {
    cipher: XChaCha20Poly1305,
    prefix: [u8; 19],
    next: u32,
}

impl Pieces {
    fn nonce(&mut self, last: bool) -> io::Result<XNonce> {
        let mut nonce = [0; 24];
        nonce[..19].copy_from_slice(&self.prefix);
        nonce[19..23].copy_from_slice(&self.next.to_be_bytes());
        nonce[23] = u8::from(last);
        // 2^32 pieces are 256 TiB.
        let too_long = || io::Error::other("it is too long for one backup");
        self.next = self.next.checked_add(1).ok_or_else(too_long)?;
        Ok(nonce.into())
    }
}

/// Writes a backup. What is written to it comes out encrypted; [`finish`](Self::finish) ends it.
pub struct Sealing<W: Write> {
    out: W,
    sum: sha256::HashEngine,
    pieces: Pieces,
    waiting: Zeroizing<Vec<u8>>,
}

impl<W: Write> Sealing<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.input(bytes);
        self.out.write_all(bytes)
    }

    fn piece(&mut self, length: usize, last: bool) -> io::Result<()> {
        let nonce = self.pieces.nonce(last)?;
        let plain: Zeroizing<Vec<u8>> = Zeroizing::new(self.waiting.drain(..length).collect());
        let sealed = self
            .pieces
            .cipher
            .encrypt(&nonce, plain.as_slice())
            .map_err(|_| io::Error::other("the cipher takes no piece of this length"))?;
        self.put(&sealed)
    }

    /// Writes what waits and the checksum, and gives the file back, not yet synced.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let length = self.waiting.len();
        self.piece(length, true)?;
        let sum = sha256::Hash::from_engine(self.sum.clone());
        self.out.write_all(sum.as_byte_array())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = (2 * PIECE).saturating_sub(self.waiting.len());
        let taken = &bytes[..room.min(bytes.len())];
        self.waiting.extend_from_slice(taken);
        // One byte more than a piece must be there: the last piece is known only at the end.
        while self.waiting.len() > PIECE {
            self.piece(PIECE, false)?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads a backup. Every piece is authenticated before a byte of it is given out.
pub struct Opening<R: Read> {
    sealed: io::Take<R>,
    pieces: Pieces,
    open: Zeroizing<Vec<u8>>,
    read: usize,
}

impl<R: Read> Opening<R> {
    fn next_piece(&mut self) -> io::Result<()> {
        let mut sealed = Vec::with_capacity(PIECE + TAG);
        let piece = u64::try_from(PIECE + TAG).unwrap_or(u64::MAX);
        (&mut self.sealed).take(piece).read_to_end(&mut sealed)?;
        let nonce = self.pieces.nonce(self.sealed.limit() == 0)?;
        let open = self.pieces.cipher.decrypt(&nonce, sealed.as_slice());
        let wrong = |_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "a piece is not as it was sealed",
            )
        };
        self.open = Zeroizing::new(open.map_err(wrong)?);
        self.read = 0;
        Ok(())
    }
}

impl<R: Read> Read for Opening<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.open.len() {
            if self.sealed.limit() == 0 {
                return Ok(0);
            }
            self.next_piece()?;
        }
        let rest = &self.open[self.read..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.read += length;
        Ok(length)
    }
}

impl Signer {
    /// Begins a backup into `out`.
    ///
    /// # Errors
    /// No randomness, or `out` cannot be written.
    pub fn seal_backup<W: Write>(
        &self,
        passphrase: &str,
        out: W,
    ) -> Result<Sealing<W>, BackupError> {
        let cost = Cost::of(self.network());
        let (mut salt, mut prefix) = ([0; 16], [0; 19]);
        for random in [&mut salt[..], &mut prefix[..]] {
            OsRng
                .try_fill_bytes(random)
                .map_err(SignerError::Randomness)?;
        }
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&VERSION.to_be_bytes());
        header.extend_from_slice(&self.network().magic().to_bytes());
        for number in cost.numbers() {
            header.extend_from_slice(&number.to_be_bytes());
        }
        header.extend_from_slice(&salt);
        header.extend_from_slice(&prefix);
        header.extend_from_slice(&self.under_seed(&header));
        let mut sealing = Sealing {
            out,
            sum: sha256::HashEngine::default(),
            pieces: self.backup_pieces(passphrase, &salt, prefix, cost)?,
            waiting: Zeroizing::new(Vec::with_capacity(2 * PIECE)),
        };
        sealing.put(&header)?;
        Ok(sealing)
    }

    /// Opens a backup of `length` bytes after having compared its checksum: reads `file` twice.
    ///
    /// # Errors
    /// [`BackupError`] tells damage, another seed and a wrong passphrase apart.
    pub fn open_backup<R: Read + io::Seek>(
        &self,
        passphrase: &str,
        mut file: R,
    ) -> Result<Opening<R>, BackupError> {
        let body = check_sum(&mut file)?;
        file.seek(io::SeekFrom::Start(0))?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        let fields = self.backup_header(&header)?;
        let mut opening = Opening {
            sealed: file.take(body),
            pieces: self.backup_pieces(passphrase, &fields.salt, fields.prefix, fields.cost)?,
            open: Zeroizing::new(Vec::new()),
            read: 0,
        };
        // All else has been checked: only the passphrase is left to be wrong.
        opening.next_piece().map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => BackupError::WrongPassphrase,
            _ => error.into(),
        })?;
        Ok(opening)
    }

    fn backup_header(&self, header: &[u8; HEADER]) -> Result<Fields, BackupError> {
        let short = || damaged("it is too short");
        let (signed, tag) = header.split_last_chunk::<32>().ok_or_else(short)?;
        let mut rest = &signed[10..];
        let network = take(&mut rest).ok_or_else(short)?;
        if network != self.network().magic().to_bytes() {
            let got = Network::from_magic(Magic::from_bytes(network));
            return Err(BackupError::WrongNetwork {
                expected: self.network(),
                got: got.map_or_else(|| "an unknown chain".to_owned(), |got| got.to_string()),
            });
        }
        if self.under_seed(signed) != *tag {
            return Err(BackupError::ForeignSeed);
        }
        let mut number = || take(&mut rest).map(u32::from_be_bytes).ok_or_else(short);
        let cost = Cost::checked([number()?, number()?, number()?])
            .ok_or_else(|| damaged("it asks for more work than any backup does"))?;
        Ok(Fields {
            cost,
            salt: take(&mut rest).ok_or_else(short)?,
            prefix: take(&mut rest).ok_or_else(short)?,
        })
    }

    fn under_seed(&self, bytes: &[u8]) -> [u8; 32] {
        let mut engine = HmacEngine::<sha256::Hash>::new(&*self.purpose_key(Purpose::Backup));
        engine.input(bytes);
        Hmac::from_engine(engine).to_byte_array()
    }

    fn backup_pieces(
        &self,
        passphrase: &str,
        salt: &[u8; 16],
        prefix: [u8; 19],
        cost: Cost,
    ) -> Result<Pieces, SignerError> {
        let stretched = stretch(passphrase, salt, cost)?;
        let key = Zeroizing::new(self.under_seed(&*stretched));
        Ok(Pieces {
            cipher: XChaCha20Poly1305::new((&*key).into()),
            prefix,
            next: 0,
        })
    }
}

struct Fields {
    cost: Cost,
    salt: [u8; 16],
    prefix: [u8; 19],
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

/// Compares the checksum of the whole file. How many bytes lie between header and checksum.
fn check_sum<R: Read>(file: &mut R) -> Result<u64, BackupError> {
    let mut sum = sha256::HashEngine::default();
    let (mut length, mut window, mut piece) = (0_u64, Vec::new(), vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        if length == 0 && !piece[..read].starts_with(MAGIC) {
            return Err(damaged("it does not begin as a backup does"));
        }
        if length == 0 {
            if let Some([high, low]) = piece[..read].get(8..10) {
                let got = u16::from_be_bytes([*high, *low]);
                if got != VERSION {
                    return Err(BackupError::UnknownVersion { got });
                }
            }
        }
        length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        window.extend_from_slice(&piece[..read]);
        let ready = window.len().saturating_sub(SUM);
        sum.input(&window[..ready]);
        window.drain(..ready);
    }
    let least = u64::try_from(HEADER + TAG + SUM).unwrap_or(u64::MAX);
    let around = u64::try_from(HEADER + SUM).unwrap_or(u64::MAX);
    if length < least {
        return Err(damaged("it is too short"));
    }
    if sha256::Hash::from_engine(sum).as_byte_array()[..] != window[..] {
        return Err(damaged("its checksum is wrong"));
    }
    Ok(length - around)
}

#[cfg(test)]
mod tests;
