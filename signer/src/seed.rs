//! The seed file: a mnemonic's entropy, encrypted with a passphrase.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `ZARNSEED` |
//! | 2 | version, big-endian: 1 |
//! | 4 | the network's magic (BIP 325's for signet) |
//! | 4, 4, 4 | argon2id: memory in KiB, passes, lanes |
//! | 16 | argon2id's salt |
//! | 24 | XChaCha20-Poly1305's nonce |
//! | 1 | length of what follows |
//! | 32 or 48 | entropy of 12 or 24 words and the tag; everything before it is authenticated with it |
//! | 32 | SHA-256 of all before it: tells damage from a wrong passphrase |

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use bitcoin::hashes::{sha256, Hash};
use bitcoin::p2p::Magic;
use bitcoin::Network;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand::rngs::OsRng;
use rand::RngCore;
use zeroize::Zeroizing;

use crate::error::SignerError;
use crate::mnemonic::Mnemonic;

const MAGIC: &[u8; 8] = b"ZARNSEED";
const VERSION: u16 = 1;
/// OWASP's advice for argon2id is 46 MiB and one pass, or less; this is above all of it and takes a fraction of a second.
const COST: Cost = Cost {
    memory_kib: 64 << 10,
    passes: 3,
    lanes: 1,
};
/// On regtest coins are worth nothing and the passphrase is a fixed default: nodes are to start quickly.
const REGTEST_COST: Cost = Cost {
    memory_kib: 1 << 10,
    passes: 1,
    lanes: 1,
};
/// What a file may ask for: more is damage, or an attempt to stop the node.
const MOST: Cost = Cost {
    memory_kib: 1 << 20,
    passes: 16,
    lanes: 4,
};
const HEADER: usize = 8 + 2 + 4 + 12 + 16 + 24 + 1;
const CHECKSUM: usize = 32;
const TAG: usize = 16;
/// The largest file there can be.
const MAX_FILE: usize = HEADER + 32 + TAG + CHECKSUM;

#[derive(Clone, Copy)]
pub(crate) struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// What a new file of this network costs to open.
    pub(crate) fn of(network: Network) -> Self {
        match network {
            Network::Regtest => REGTEST_COST,
            _ => COST,
        }
    }

    /// Memory, passes, lanes; none where a file asks for more than any does.
    pub(crate) fn checked([memory_kib, passes, lanes]: [u32; 3]) -> Option<Self> {
        let fits = memory_kib <= MOST.memory_kib && passes <= MOST.passes && lanes <= MOST.lanes;
        fits.then_some(Self {
            memory_kib,
            passes,
            lanes,
        })
    }

    /// Memory, passes, lanes.
    pub(crate) fn numbers(self) -> [u32; 3] {
        [self.memory_kib, self.passes, self.lanes]
    }
}

/// `<dir>/seed`
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("seed")
}

/// Writes the seed file, which must not exist. When this returns, it is on disk.
pub(crate) fn create(
    dir: &Path,
    network: Network,
    passphrase: &str,
    mnemonic: &Mnemonic,
) -> Result<(), SignerError> {
    let path = path(dir);
    if path.exists() {
        return Err(SignerError::SeedExists { path });
    }
    let contents = encrypt(network, passphrase, mnemonic)?;
    write_new(dir, &path, &contents)
}

/// Reads the seed file.
pub(crate) fn open(
    dir: &Path,
    network: Network,
    passphrase: &str,
) -> Result<Mnemonic, SignerError> {
    let path = path(dir);
    let contents = read(&path)?;
    decrypt(&path, network, passphrase, &contents)
}

fn encrypt(
    network: Network,
    passphrase: &str,
    mnemonic: &Mnemonic,
) -> Result<Vec<u8>, SignerError> {
    let mut salt = [0; 16];
    let mut nonce = [0; 24];
    for random in [&mut salt[..], &mut nonce[..]] {
        OsRng
            .try_fill_bytes(random)
            .map_err(SignerError::Randomness)?;
    }
    let entropy = mnemonic.entropy();
    let mut file = Vec::with_capacity(MAX_FILE);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&VERSION.to_be_bytes());
    file.extend_from_slice(&network.magic().to_bytes());
    let cost = Cost::of(network);
    for number in cost.numbers() {
        file.extend_from_slice(&number.to_be_bytes());
    }
    file.extend_from_slice(&salt);
    file.extend_from_slice(&nonce);
    let length = u8::try_from(entropy.len() + TAG).expect("entropy has 16 or 32 bytes");
    file.push(length);
    let cipher = cipher(passphrase, &salt, cost)?;
    let payload = Payload {
        msg: entropy,
        aad: &file,
    };
    let encrypted = cipher
        .encrypt(XNonce::from_slice(&nonce), payload)
        .expect("48 bytes are far below the cipher's limit");
    file.extend_from_slice(&encrypted);
    let checksum = sha256::Hash::hash(&file);
    file.extend_from_slice(checksum.as_byte_array());
    Ok(file)
}

fn decrypt(
    path: &Path,
    expected: Network,
    passphrase: &str,
    contents: &[u8],
) -> Result<Mnemonic, SignerError> {
    let damaged = |what| SignerError::Damaged {
        path: path.to_owned(),
        what,
    };
    let file = Fields::parse(contents).map_err(|bad| match bad {
        Bad::Damaged(what) => damaged(what),
        Bad::Version(got) => SignerError::UnknownVersion {
            path: path.to_owned(),
            got,
            known: VERSION,
        },
    })?;
    if file.network != expected {
        return Err(SignerError::WrongNetwork {
            path: path.to_owned(),
            expected,
            got: file.network,
        });
    }
    let payload = Payload {
        msg: file.encrypted,
        aad: file.header,
    };
    let entropy = cipher(passphrase, &file.salt, file.cost)?
        .decrypt(XNonce::from_slice(&file.nonce), payload)
        .map_err(|_| SignerError::WrongPassphrase {
            path: path.to_owned(),
        })?;
    Mnemonic::from_entropy(Zeroizing::new(entropy))
        .ok_or_else(|| damaged("its entropy has a wrong length"))
}

/// A whole seed file, taken apart. The checksum has been compared.
struct Fields<'a> {
    header: &'a [u8],
    network: Network,
    cost: Cost,
    salt: [u8; 16],
    nonce: [u8; 24],
    encrypted: &'a [u8],
}

enum Bad {
    Damaged(&'static str),
    Version(u16),
}

impl<'a> Fields<'a> {
    fn parse(contents: &'a [u8]) -> Result<Self, Bad> {
        let mut rest = contents;
        if take::<8>(&mut rest)? != *MAGIC {
            return Err(Bad::Damaged("it does not begin as a seed file does"));
        }
        let version = u16::from_be_bytes(take(&mut rest)?);
        if version != VERSION {
            return Err(Bad::Version(version));
        }
        check_sum(contents)?;
        let magic = Magic::from_bytes(take(&mut rest)?);
        let network = Network::from_magic(magic).ok_or(Bad::Damaged("its network is unknown"))?;
        let mut number = || take(&mut rest).map(u32::from_be_bytes);
        let cost = Cost::checked([number()?, number()?, number()?]).ok_or(Bad::Damaged(
            "it asks for more work than any seed file does",
        ))?;
        let salt = take(&mut rest)?;
        let nonce = take(&mut rest)?;
        let [length] = take(&mut rest)?;
        let encrypted = rest
            .strip_suffix(&contents[contents.len() - CHECKSUM..]) // check_sum has looked at the length
            .filter(|encrypted| encrypted.len() == usize::from(length))
            .ok_or(Bad::Damaged("its length is wrong"))?;
        let header = contents
            .get(..HEADER)
            .ok_or(Bad::Damaged("it is too short"))?;
        Ok(Self {
            header,
            network,
            cost,
            salt,
            nonce,
            encrypted,
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Bad> {
    let (taken, after) = rest
        .split_first_chunk::<N>()
        .ok_or(Bad::Damaged("it is too short"))?;
    *rest = after;
    Ok(*taken)
}

fn check_sum(contents: &[u8]) -> Result<(), Bad> {
    let (body, checksum) = contents
        .split_last_chunk::<CHECKSUM>()
        .ok_or(Bad::Damaged("it is too short"))?;
    if sha256::Hash::hash(body).to_byte_array() == *checksum {
        Ok(())
    } else {
        Err(Bad::Damaged("its checksum is wrong"))
    }
}

fn cipher(passphrase: &str, salt: &[u8; 16], cost: Cost) -> Result<XChaCha20Poly1305, SignerError> {
    Ok(XChaCha20Poly1305::new(
        (&*stretch(passphrase, salt, cost)?).into(),
    ))
}

/// The passphrase as a key.
pub(crate) fn stretch(
    passphrase: &str,
    salt: &[u8; 16],
    cost: Cost,
) -> Result<Zeroizing<[u8; 32]>, SignerError> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(SignerError::KeyStretching)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(SignerError::KeyStretching)?;
    Ok(key)
}

fn read(path: &Path) -> Result<Vec<u8>, SignerError> {
    let file = File::open(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => SignerError::NoSeed {
            path: path.to_owned(),
        },
        _ => io(path, "open it")(source),
    })?;
    let mut contents = Vec::with_capacity(MAX_FILE);
    // One byte more than there can be is enough to see that it is no seed file.
    let limit = u64::try_from(MAX_FILE + 1).expect("a small constant");
    file.take(limit)
        .read_to_end(&mut contents)
        .map_err(io(path, "read it"))?;
    Ok(contents)
}

/// Writes under a name of its own, then links the finished file to its place, which fails where one is already.
fn write_new(dir: &Path, path: &Path, contents: &[u8]) -> Result<(), SignerError> {
    let mut random = [0; 8];
    OsRng
        .try_fill_bytes(&mut random)
        .map_err(SignerError::Randomness)?;
    let unfinished = dir.join(format!("seed.{}", hex::encode(random)));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(io(&unfinished, "create it"))?;
    let written = file
        .write_all(contents)
        .and_then(|()| file.sync_all())
        .map_err(io(&unfinished, "write it"))
        .and_then(|()| {
            fs::hard_link(&unfinished, path).map_err(|source| match source.kind() {
                ErrorKind::AlreadyExists => SignerError::SeedExists {
                    path: path.to_owned(),
                },
                _ => io(path, "create it")(source),
            })
        });
    let removed = fs::remove_file(&unfinished).map_err(io(&unfinished, "remove it"));
    written?;
    removed?;
    sync_folder(dir)
}

/// A new name is on disk once its folder is.
pub(crate) fn sync_folder(dir: &Path) -> Result<(), SignerError> {
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(io(dir, "sync the folder"))
}

pub(crate) fn io<'a>(
    path: &'a Path,
    action: &'static str,
) -> impl FnOnce(std::io::Error) -> SignerError + 'a {
    move |source| SignerError::Io {
        path: path.to_owned(),
        action,
        source,
    }
}

#[cfg(test)]
mod tests;
