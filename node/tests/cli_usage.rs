//! The built program without a node: usage, exit codes, completions, folders and the JSON of what needs no node.

// A helper of a test that fails may panic, as the test itself may.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn zarnitsa(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zarnitsa"))
        .args(arguments)
        .env_clear()
        .env("HOME", folder)
        .env("ZARNITSA_DATA_DIR", folder.join("data"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The exit code, nothing on standard output, and what stands on standard error.
fn refusal(output: &Output) -> (i32, String) {
    assert_eq!(text(&output.stdout), "");
    (output.status.code().unwrap(), text(&output.stderr))
}

#[test]
fn usage_that_is_wrong_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &[][..],
        &["nonsense"],
        &["wallet", "send", "bcrt1q", "50"],
        &["pay"],
        &["info", "--network", "moon"],
    ] {
        let (code, message) = refusal(&zarnitsa(folder.path(), arguments));
        assert_eq!(code, 2, "{arguments:?}");
        assert!(message.contains("--help"), "{message}");
    }
    let amount = zarnitsa(folder.path(), &["wallet", "send", "bcrt1q", "50"]);
    assert!(refusal(&amount).1.contains("write 50sat"));
}

#[test]
fn command_without_a_node_exits_with_1_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["info"][..], &["balance", "--json"], &["ledger", "head"]] {
        let (code, message) = refusal(&zarnitsa(folder.path(), arguments));
        assert_eq!(code, 1);
        assert!(message.contains("zarnitsa node"), "{message}");
    }
    assert!(
        !folder.path().join("data").exists(),
        "asking makes no folder"
    );
}

#[test]
fn node_that_went_away_is_named_by_its_address() {
    let folder = tempfile::tempdir().unwrap();
    json(&zarnitsa(folder.path(), &["init", "--json"]));
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let file = folder.path().join("data/regtest/http.address");
    fs::write(file, closed.to_string()).unwrap();
    let (code, message) = refusal(&zarnitsa(folder.path(), &["info"]));
    assert_eq!(code, 1);
    assert!(message.contains(&closed.to_string()), "{message}");
}

#[test]
fn init_prints_the_mnemonic_once_and_the_node_id_ever_after() {
    let folder = tempfile::tempdir().unwrap();
    let first = json(&zarnitsa(folder.path(), &["init", "--json"]));
    let words = first["mnemonic"].as_str().unwrap();
    assert!([12, 24].contains(&words.split(' ').count()), "{words}");
    assert_eq!(first["node_id"].as_str().unwrap().len(), 66);
    let second = json(&zarnitsa(folder.path(), &["init", "--json"]));
    assert_eq!(second["node_id"], first["node_id"]);
    assert_eq!(second.get("mnemonic"), None);

    let network = folder.path().join("data/regtest");
    for name in ["seed", "operator.key", "read.token", "full.token"] {
        assert!(network.join(name).is_file(), "{name}");
    }
    for entry in fs::read_dir(&network).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        let secret = words.as_bytes();
        let found = content.windows(secret.len()).any(|window| window == secret);
        assert!(!found, "{} holds the words", path.display());
    }
}

#[test]
fn init_with_the_same_words_gives_the_same_node() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = json(&zarnitsa(one.path(), &["init", "--json"]));
    let file = two.path().join("words");
    fs::write(&file, first["mnemonic"].as_str().unwrap()).unwrap();
    let arguments = ["init", "--json", "--mnemonic-file", file.to_str().unwrap()];
    let second = json(&zarnitsa(two.path(), &arguments));
    assert_eq!(second["node_id"], first["node_id"]);
    let (code, message) = refusal(&zarnitsa(two.path(), &arguments));
    assert_eq!(code, 1, "a seed is never overwritten: {message}");
}

#[test]
fn init_away_from_regtest_wants_a_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let (code, message) = refusal(&zarnitsa(folder.path(), &["init", "--network", "signet"]));
    assert_eq!(code, 1);
    assert!(message.contains("ZARNITSA_PASSPHRASE"), "{message}");
}

#[test]
fn node_without_a_seed_or_with_wrong_settings_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let (code, message) = refusal(&zarnitsa(folder.path(), &["node", "--network", "signet"]));
    assert_eq!(code, 1);
    assert!(message.contains("zarnitsa init"), "{message}");
    let file = folder.path().join("wrong.toml");
    fs::write(&file, "[http]\nport = 1\n").unwrap();
    let arguments = ["node", "--config", file.to_str().unwrap()];
    let (code, message) = refusal(&zarnitsa(folder.path(), &arguments));
    assert_eq!(code, 1);
    assert!(
        message.contains("wrong.toml") && message.contains("port"),
        "{message}"
    );
    assert!(!folder.path().join("data/regtest").exists());
}

#[test]
fn init_goes_by_the_settings_file_that_the_node_reads() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let secret = folder.path().join("passphrase");
    fs::write(&secret, "correct horse\n").unwrap();
    let settings = format!("network = \"signet\"\n[seed]\npassphrase_file = {secret:?}\n");
    fs::write(data.join("zarnitsa.toml"), settings).unwrap();

    let made = json(&zarnitsa(folder.path(), &["init", "--json"]));
    assert!(data.join("signet/seed").is_file());
    assert!(!data.join("regtest").exists());
    // The same passphrase opens it, another does not.
    let again = json(&zarnitsa(folder.path(), &["init", "--json"]));
    assert_eq!(again["node_id"], made["node_id"]);
    fs::write(&secret, "another\n").unwrap();
    let (code, message) = refusal(&zarnitsa(folder.path(), &["init", "--json"]));
    assert_eq!(code, 1, "{message}");
    // A flag covers the file.
    json(&zarnitsa(
        folder.path(),
        &["init", "--json", "--network", "regtest"],
    ));
    assert!(data.join("regtest/seed").is_file());
}

#[test]
fn empty_passphrase_in_the_variable_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_zarnitsa"))
        .args(["init", "--network", "signet"])
        .env_clear()
        .env("HOME", folder.path())
        .env("ZARNITSA_PASSPHRASE", "")
        .output()
        .unwrap();
    let (code, message) = refusal(&output);
    assert_eq!(code, 1);
    assert!(message.contains("ZARNITSA_PASSPHRASE"), "{message}");
    assert!(!folder.path().join(".zarnitsa/signet/seed").exists());
}

#[test]
fn ledger_that_is_not_there_cannot_be_verified() {
    let folder = tempfile::tempdir().unwrap();
    json(&zarnitsa(folder.path(), &["init", "--json"]));
    let (code, message) = refusal(&zarnitsa(folder.path(), &["ledger", "verify"]));
    assert_eq!(code, 1);
    assert!(message.contains("no ledger"), "{message}");
}

#[test]
fn completions_of_each_shell_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = zarnitsa(folder.path(), &["completions", shell]);
        assert!(script.status.success());
        let script = text(&script.stdout);
        for word in ["invoice", "keysend", "completions"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn help_and_version_exit_with_0() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["--help"][..],
        &["channel", "open", "--help"],
        &["--version"],
    ] {
        assert!(zarnitsa(folder.path(), arguments).status.success());
    }
}
