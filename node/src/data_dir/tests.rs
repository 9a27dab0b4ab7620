use std::os::unix::fs::PermissionsExt;

use super::*;

fn folder() -> (tempfile::TempDir, DataDir) {
    let parent = tempfile::tempdir().unwrap();
    let folder = DataDir::new(parent.path().join("a").join("regtest"));
    folder.create().unwrap();
    (parent, folder)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn folder_when_new_gets_secrets_that_only_the_owner_reads() {
    let (_parent, folder) = folder();
    folder.tokens().unwrap();
    folder.operator_key().unwrap();
    assert_eq!(mode(folder.path()), 0o700);
    for name in ["read.token", "full.token", "operator.key"] {
        assert_eq!(mode(&folder.path().join(name)), 0o400, "{name}");
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        3,
        "no draft stays"
    );
}

#[test]
fn folder_when_opened_again_gives_the_same_secrets() {
    let (_parent, folder) = folder();
    let (tokens, key) = (folder.tokens().unwrap(), folder.operator_key().unwrap());
    let again = folder.tokens().unwrap();
    assert!(again.read.matches(tokens.read.reveal()));
    assert!(again.full.matches(tokens.full.reveal()));
    assert!(!again.full.matches(tokens.read.reveal()));
    assert!(!again.full.matches(""));
    assert_eq!(
        folder.operator_key().unwrap().public_key(),
        key.public_key()
    );
    assert!(!format!("{again:?}").contains(again.full.reveal()));
}

#[test]
fn folder_with_a_damaged_secret_is_refused_by_name_and_left_alone() {
    let (_parent, folder) = folder();
    for name in ["full.token", "operator.key"] {
        fs::write(folder.path().join(name), "short").unwrap();
    }
    let token = folder.tokens().unwrap_err().to_string();
    assert!(token.contains("full.token"), "{token}");
    let key = folder.operator_key().unwrap_err().to_string();
    assert!(key.contains("operator.key"), "{key}");
    assert_eq!(
        fs::read(folder.path().join("operator.key")).unwrap(),
        b"short"
    );
}

#[test]
fn folder_when_locked_refuses_a_second_node() {
    let (_parent, folder) = folder();
    let lock = folder.lock().unwrap();
    assert!(matches!(folder.lock(), Err(DataDirError::InUse { .. })));
    drop(lock);
    folder.lock().unwrap();
}

#[test]
fn folder_tells_the_address_while_a_node_runs() {
    let (_parent, folder) = folder();
    assert!(matches!(
        folder.address(),
        Err(DataDirError::NotRunning { .. })
    ));
    let address = SocketAddr::from(([127, 0, 0, 1], 9780));
    folder.write_address(address).unwrap();
    folder.write_address(address).unwrap();
    assert_eq!(folder.address().unwrap(), address);
    folder.remove_address();
    assert!(folder.address().is_err());
}

#[test]
fn file_that_appeared_meanwhile_is_not_covered() {
    let (_parent, folder) = folder();
    let path = folder.path().join("x");
    folder.create_file(&path, 0o400, b"one").unwrap();
    assert!(folder.create_file(&path, 0o400, b"two").is_err());
    assert_eq!(fs::read(&path).unwrap(), b"one");
}
