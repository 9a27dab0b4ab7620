//! A node whose folder is lost comes back from its words and a backup, and with it its coins.

use std::fs;
use std::path::Path;

use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

const CAPACITY_SAT: u64 = 1_000_000;
const PUSHED_SAT: u64 = 400_000;

fn pay(from: &zarnitsa_tests::api::Api, to: &zarnitsa_tests::api::Api, msat: u64) {
    let invoice = to.invoice(msat, "a test").expect("an invoice");
    let payment = from.pay(&invoice.invoice).expect("a payment");
    assert_eq!(payment.status, "succeeded");
}

/// Satoshis that bitcoind knows of, of the node's wallet.
fn onchain(world: &World, node: &Node) -> u64 {
    world.settled_coins(node).to_sat()
}

fn restore(node: &Node, variables: &[(&str, &str)], words: &Path, backup: &Path) -> (bool, String) {
    let [words, backup] = [words, backup].map(|path| path.to_str().expect("a path in UTF-8"));
    let arguments = [
        "backup",
        "restore",
        backup,
        "--mnemonic-file",
        words,
        "--json",
    ];
    let output = node.command_with(variables, &arguments);
    let said = if output.status.success() {
        output.stdout
    } else {
        assert_eq!(output.status.code(), Some(1));
        output.stderr
    };
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Names of what lies beside the network's folder, the test's own files left out.
fn beside(node: &Node) -> Vec<String> {
    let root = node.folder().parent().expect("it is in another").to_owned();
    let mut names: Vec<String> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "settings.toml" && name != "stderr")
        .collect();
    names.sort();
    names
}

/// Each refusal says what is wrong, and writes nothing.
fn check_refusals(world: &World, words: &Path, backup: &Path) {
    let node = &world.user;
    let refused = |variables: &[(&str, &str)], words: &Path, backup: &Path, says: &str| {
        let before = beside(node);
        let (restored, said) = restore(node, variables, words, backup);
        println!("{}", said.trim());
        assert!(!restored && said.contains(says), "{said}");
        assert_eq!(beside(node), before, "{says}");
    };
    let other = [("ZARNITSA_PASSPHRASE", "a guess")];
    refused(&other, words, backup, "wrong passphrase");
    let foreign = world.folder().join("foreign-words");
    fs::write(&foreign, world.hub.words()).unwrap();
    refused(&[], &foreign, backup, "another seed");
    let mut bytes = fs::read(backup).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = world.folder().join("damaged");
    fs::write(&damaged, &bytes).unwrap();
    refused(&[], words, &damaged, "damaged");
    fs::write(&damaged, &bytes[..middle]).unwrap();
    refused(&[], words, &damaged, "damaged");

    fs::create_dir(node.folder()).unwrap();
    fs::write(node.folder().join("mine"), "precious").unwrap();
    refused(&[], words, backup, "not empty");
    let kept = fs::read_to_string(node.folder().join("mine")).unwrap();
    assert_eq!(kept, "precious");
    assert_eq!(fs::read_dir(node.folder()).unwrap().count(), 1);
    fs::remove_dir_all(node.folder()).unwrap();
}

/// Mines until the user calls the channel closed: what is its own is in its wallet, six blocks deep.
fn mine_until_closed(world: &World, pair: &Pair) {
    for _ in 0..40 {
        let before = world.bitcoind.height();
        world.bitcoind.mine(1);
        for api in [&pair.user, &pair.hub] {
            wait::until("the node sees the block", || {
                (api.info().ok()?.block_height > before).then_some(())
            });
        }
        if pair.sides().0.state == "closed" {
            return;
        }
    }
    panic!("never closed: {:?}", pair.sides());
}

#[test]
fn node_with_its_folder_lost_gets_its_coins_back_from_words_and_an_older_backup() {
    let mut world = World::start();
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    pay(&pair.user, &pair.hub, 30_000_000);
    pair.until_quiet();
    let backup = world.folder().join("backup");
    let backup_text = backup.to_str().expect("a path in UTF-8").to_owned();
    let _: serde_json::Value = world.user.json(&["backup", "create", &backup_text]);
    let again = world.user.command(&["backup", "create", &backup_text]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !again.status.success() && said.contains("exists already"),
        "{said}"
    );

    // Life goes on: the backup is old.
    pay(&pair.user, &pair.hub, 50_000_000);
    pay(&pair.hub, &pair.user, 7_000_000);
    pair.until_quiet();
    let due = pair.check_agreement() / 1_000;
    let before = onchain(&world, &world.user);
    let words = world.folder().join("words");
    fs::write(&words, world.user.words()).unwrap();
    world.user.kill_hard();
    fs::remove_dir_all(world.user.folder()).unwrap();

    check_refusals(&world, &words, &backup);
    let (restored, said) = restore(&world.user, &[], &words, &backup);
    assert!(restored, "{said}");
    println!("{said}");
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["channels"][0]["channel_id"], pair.id.as_str());
    let left: Vec<String> = beside(&world.user);
    assert_eq!(left, ["regtest"], "nothing else is left behind");

    // From the first moment on it is a channel that only the peer may close.
    world.user.start();
    let pair = world.pair(&pair.id); // with new tokens
    let refusal = pair.user.force_close(&pair.id).expect_err("it must not");
    println!("{refusal}");
    let closing = wait::until("the hub's commitment is in the mempool", || {
        let txid = pair.hub.channel(&pair.id).ok()?.closing_txid?;
        let parsed = txid.parse().ok()?;
        world.bitcoind.mempool().contains(&parsed).then_some(txid)
    });
    mine_until_closed(&world, &pair);

    let (user, _) = pair.sides();
    let spent_by = user.closing.as_ref().and_then(|it| it.spent_by.clone());
    println!("{spent_by:?} {closing}");
    assert_eq!(user.closing_txid.as_deref(), Some(closing.as_str()));
    let history = pair.user.history(&pair.id).expect("the history");
    let notes: Vec<&str> = history
        .iter()
        .filter_map(|step| step.note.as_deref())
        .collect();
    assert!(
        notes.iter().any(|note| note.contains("backup")),
        "{notes:?}"
    );
    let claims: Vec<String> = history
        .iter()
        .filter_map(|step| step.txid.clone())
        .filter(|txid| *txid != closing)
        .collect();
    let claim_fees: u64 = claims
        .iter()
        .map(|txid| world.fee(&world.transaction(txid)).to_sat())
        .sum();
    // The user opened the channel: commitment's fee and anchors are its own.
    let fee = world.fee(&world.transaction(&closing)).to_sat();
    let got = onchain(&world, &world.user) - before;
    println!("{got} sat came back by {claims:?}, {claim_fees} sat of fees; {due} sat were due");
    assert_eq!(got + claim_fees + fee + 660, due);
    world.verify_ledgers();
}
