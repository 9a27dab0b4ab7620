use std::io::{Cursor, Read, Write};

use bitcoin::Network;

use super::*;

fn signer(folder: &std::path::Path) -> Signer {
    Signer::create(folder, Network::Regtest, "words", None)
        .unwrap()
        .0
}

fn sealed(signer: &Signer, content: &[u8]) -> Vec<u8> {
    let mut sealing = signer.seal_backup("secret", Vec::new()).unwrap();
    sealing.write_all(content).unwrap();
    sealing.finish().unwrap()
}

fn opened(signer: &Signer, passphrase: &str, file: &[u8]) -> Result<Vec<u8>, BackupError> {
    let mut content = Vec::new();
    signer
        .open_backup(passphrase, Cursor::new(file))?
        .read_to_end(&mut content)?;
    Ok(content)
}

#[test]
fn backup_of_any_length_comes_back_and_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let signer = signer(folder.path());
    for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
        let content: Vec<u8> = (0..length)
            .map(|i| u8::try_from(i % 251).unwrap())
            .collect();
        let file = sealed(&signer, &content);
        assert_eq!(opened(&signer, "secret", &file).unwrap(), content);
        if length > 100 {
            let shown = file.windows(50).any(|window| window == &content[..50]);
            assert!(!shown, "{length}");
        }
    }
}

#[test]
fn backup_with_a_changed_or_missing_byte_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let signer = signer(folder.path());
    let file = sealed(&signer, &[7; 1000]);
    for at in 0..file.len() {
        let mut broken = file.clone();
        broken[at] ^= 1;
        let error = opened(&signer, "secret", &broken).unwrap_err();
        let version = matches!(error, BackupError::UnknownVersion { .. }) && (8..10).contains(&at);
        assert!(
            version || matches!(error, BackupError::Damaged { .. }),
            "{at}: {error}"
        );
    }
    for length in [0, 5, HEADER, file.len() - 1] {
        let error = opened(&signer, "secret", &file[..length]).unwrap_err();
        assert!(
            matches!(error, BackupError::Damaged { .. }),
            "{length}: {error}"
        );
    }
}

#[test]
fn backup_pieces_that_were_moved_or_left_out_are_refused_though_the_sum_fits() {
    let folder = tempfile::tempdir().unwrap();
    let signer = signer(folder.path());
    let file = sealed(&signer, &vec![7; 3 * PIECE + 9]);
    let body = &file[..file.len() - SUM];
    let piece = |n: usize| HEADER + n * (PIECE + TAG)..HEADER + (n + 1) * (PIECE + TAG);
    let rest = body[piece(2).end..].to_vec();
    let [one, two, three] = [0, 1, 2].map(|n| body[piece(n)].to_vec());
    for order in [
        vec![&one, &three, &two, &rest],
        vec![&one, &two, &three],
        vec![&one, &rest],
    ] {
        let mut other = body[..HEADER].to_vec();
        order.into_iter().for_each(|bytes| other.extend(bytes));
        let sum = sha256::Hash::hash(&other);
        other.extend_from_slice(sum.as_byte_array());
        assert!(opened(&signer, "secret", &other).is_err());
    }
}

#[test]
fn backup_with_another_passphrase_or_seed_is_refused_by_name() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = sealed(&signer(one.path()), b"content");
    let same = Signer::open(one.path(), Network::Regtest, "words").unwrap();
    let error = opened(&same, "guess", &file).unwrap_err();
    assert!(matches!(error, BackupError::WrongPassphrase), "{error}");
    let error = opened(&signer(two.path()), "secret", &file).unwrap_err();
    assert!(matches!(error, BackupError::ForeignSeed), "{error}");
    assert_eq!(opened(&same, "secret", &file).unwrap(), b"content");
}

#[test]
fn backup_made_twice_never_uses_a_nonce_twice() {
    let folder = tempfile::tempdir().unwrap();
    let signer = signer(folder.path());
    let content = vec![7; 2 * PIECE];
    let (one, two) = (sealed(&signer, &content), sealed(&signer, &content));
    assert_eq!(one.len(), two.len());
    // What the pieces hold is the same, and nothing of it shows: neither between two backups nor between a backup's own pieces.
    let body = |file: &[u8]| file[file.len() - 2 * PIECE..].to_vec();
    let (first, second) = (body(&one), body(&two));
    let same = first.iter().zip(&second).filter(|(a, b)| a == b).count();
    assert!(same < PIECE / 50, "one byte in 256 by chance: {same}");
    let pieces = first[..PIECE - 64].iter().zip(&first[PIECE..]);
    let same = pieces.filter(|(a, b)| a == b).count();
    assert!(same < PIECE / 100, "{same}");
}
