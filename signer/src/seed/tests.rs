use std::fs;
use std::os::unix::fs::PermissionsExt;

use bitcoin::Network;

use super::{create, open, path};
use crate::error::SignerError;
use crate::mnemonic::Mnemonic;

const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

fn folder_with_seed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mnemonic = Mnemonic::parse(WORDS).unwrap();
    create(dir.path(), Network::Regtest, "correct horse", &mnemonic).unwrap();
    dir
}

#[test]
fn seed_right_passphrase_gives_the_words_back() {
    let dir = folder_with_seed();
    let opened = open(dir.path(), Network::Regtest, "correct horse").unwrap();
    assert_eq!(opened.words().as_str(), WORDS);
    let mode = fs::metadata(path(dir.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "no unfinished file stays behind"
    );
}

#[test]
fn seed_wrong_passphrase_is_told_from_damage() {
    let dir = folder_with_seed();
    for wrong in ["", "correct horse ", "Correct horse"] {
        let refused = open(dir.path(), Network::Regtest, wrong).unwrap_err();
        assert!(matches!(refused, SignerError::WrongPassphrase { .. }));
    }
}

#[test]
fn seed_existing_file_is_never_overwritten() {
    let dir = folder_with_seed();
    let before = fs::read(path(dir.path())).unwrap();
    let other = Mnemonic::generate().unwrap();
    let refused = create(dir.path(), Network::Regtest, "x", &other).unwrap_err();
    assert!(matches!(refused, SignerError::SeedExists { .. }));
    // Not even where the file appears between the look and the write.
    let late = super::write_new(dir.path(), &path(dir.path()), b"other").unwrap_err();
    assert!(matches!(late, SignerError::SeedExists { .. }));
    assert_eq!(fs::read(path(dir.path())).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn seed_missing_file_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let refused = open(dir.path(), Network::Regtest, "x").unwrap_err();
    assert!(matches!(refused, SignerError::NoSeed { .. }));
    assert!(refused.to_string().contains("zarnitsa init"));
}

#[test]
fn seed_other_network_is_refused() {
    let dir = folder_with_seed();
    let refused = open(dir.path(), Network::Signet, "correct horse").unwrap_err();
    assert!(matches!(
        refused,
        SignerError::WrongNetwork {
            expected: Network::Signet,
            got: Network::Regtest,
            ..
        }
    ));
}

#[test]
fn seed_every_damaged_byte_and_length_is_refused() {
    let dir = folder_with_seed();
    let good = fs::read(path(dir.path())).unwrap();
    let refused = |contents: &[u8]| {
        fs::write(path(dir.path()), contents).unwrap();
        let error = open(dir.path(), Network::Regtest, "correct horse").unwrap_err();
        assert!(
            matches!(
                error,
                SignerError::Damaged { .. } | SignerError::UnknownVersion { .. }
            ),
            "{error}"
        );
    };
    for position in 0..good.len() {
        let mut damaged = good.clone();
        damaged[position] ^= 1;
        refused(&damaged);
    }
    for length in 0..good.len() {
        refused(&good[..length]);
    }
    let mut longer = good.clone();
    longer.push(0);
    refused(&longer);
    refused(&vec![0xff; 1 << 20]);
}

#[test]
fn seed_excessive_cost_is_refused_before_any_work() {
    use bitcoin::hashes::{sha256, Hash};
    let dir = folder_with_seed();
    let mut file = fs::read(path(dir.path())).unwrap();
    let body = file.len() - super::CHECKSUM;
    file[14..18].copy_from_slice(&u32::MAX.to_be_bytes());
    let checksum = sha256::Hash::hash(&file[..body]);
    file[body..].copy_from_slice(checksum.as_byte_array());
    fs::write(path(dir.path()), file).unwrap();
    let refused = open(dir.path(), Network::Regtest, "correct horse").unwrap_err();
    assert!(matches!(refused, SignerError::Damaged { .. }));
}
