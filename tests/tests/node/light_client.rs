//! The light client's example, as a program of the operator's: it opens a channel and pays over it, and needs no word of
//! the node's to be believed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bitcoin::Amount;
use serde_json::Value;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::World;

const CHANNEL_SAT: u64 = 1_000_000;
const PAID_MSAT: u64 = 25_000_001;

fn light_client() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../light-client")
}

/// Starts the example with a key that it shall believe.
fn start(world: &World, validator_key: &str, invoice: &str) -> Child {
    let built = light_client().join("dist/index.js");
    assert!(
        built.is_file(),
        "there is no {}: run `scripts/web build` first",
        built.display()
    );
    let user = &world.user;
    Command::new("node")
        .arg(light_client().join("examples/list-open-pay.mjs"))
        .arg(format!("http://{}", user.http_address()))
        .arg(user.token("read.token"))
        .arg(validator_key)
        .arg(user.folder().join("operator.key"))
        .arg(world.hub.api().info().expect("the hub's info").uri)
        .arg(CHANNEL_SAT.to_string())
        .arg(invoice)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node can be started")
}

fn info(world: &World) -> Value {
    let path = "/api/services/lightning/v1/info";
    world.user.api().call(path, &[], None).expect("info")
}

#[test]
fn light_client_with_the_read_token_and_the_key_opens_a_channel_and_pays() {
    let world = World::start();
    world.fund(&world.user, Amount::from_sat(CHANNEL_SAT * 2));
    let key = info(&world)["validator_key"]
        .as_str()
        .expect("a key")
        .to_owned();
    let invoice = world
        .hub
        .api()
        .invoice(PAID_MSAT, "for the light client")
        .expect("an invoice");

    let mut example = start(&world, &key, &invoice.invoice);
    wait::until("the example has ended", || {
        // What it opens is confirmed as it goes.
        if !world.bitcoind.mempool().is_empty() {
            world.bitcoind.mine(6);
        }
        example.try_wait().expect("a child of ours")
    });
    let output = example.wait_with_output().expect("its output");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("0 channels, proved at block"), "{said}");
    assert!(said.contains("payment succeeded"), "{said}");
    assert!(said.contains("receipt of block"), "{said}");

    let paid = world.hub.api().invoice_of(&invoice.payment_hash).unwrap();
    assert_eq!(paid.status, "paid");
    let channels = world.user.api().channels().expect("channels");
    assert_eq!(channels.len(), 1);
    assert_eq!(channels[0].remote_msat, PAID_MSAT);
}

#[test]
fn light_client_that_pinned_another_key_believes_nothing_and_orders_nothing() {
    let world = World::start();
    world.fund(&world.user, Amount::from_sat(CHANNEL_SAT * 2));
    let invoice = world.hub.api().invoice(PAID_MSAT, "never").unwrap();
    let output = start(&world, &"ab".repeat(32), &invoice.invoice)
        .wait_with_output()
        .expect("its output");
    assert!(!output.status.success());
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complained.contains("ProofError"), "{complained}");
    assert!(world.user.api().channels().unwrap().is_empty());
}
