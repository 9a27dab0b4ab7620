//! A watchtower punishes while the cheated node is away.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use bitcoin::{OutPoint, Transaction, Txid};
use serde_json::{json, Value};
use zarnitsa_tests::api::Api;
use zarnitsa_tests::folder;
use zarnitsa_tests::node::{program, Node};
use zarnitsa_tests::port::free_port;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

const CAPACITY_SAT: u64 = 1_000_000;
const PUSHED_SAT: u64 = 400_000;
const ANCHOR_SAT: u64 = 330;
const HELD_SAT: [u64; 2] = [30_000, 20_000];
/// Payments that are made at a time where there are many.
const PAYERS: u64 = 4;

/// `zarnitsa watch` as a process of its own. It is killed when this is dropped.
struct Tower {
    folder: PathBuf,
    listen: SocketAddr,
    process: Option<Child>,
}

impl Tower {
    fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            listen: free_port(),
            process: None,
        }
    }

    fn start(&mut self, world: &World) {
        let said = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(world.folder().join("tower.stderr"))
            .unwrap();
        let process = Command::new(program())
            .env("ZARNITSA_BITCOIND_POLL_MS", "100")
            .args(["--network", "regtest", "--data-dir"])
            .arg(&self.folder)
            .args(["watch", "--stop-with-stdin", "--listen"])
            .arg(self.listen.to_string())
            .arg("--bitcoind-rpc-url")
            .arg(format!("http://{}", world.bitcoind.rpc_address()))
            .arg("--bitcoind-cookie-file")
            .arg(world.bitcoind.cookie_file())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        self.process = Some(process);
        wait::until("the tower has a token", || {
            fs::read_to_string(self.token_file()).ok()
        });
    }

    fn token_file(&self) -> PathBuf {
        self.folder.join("regtest/watch/watch.token")
    }

    fn settings(&self) -> String {
        let (listen, token) = (self.listen, self.token_file());
        format!("[watchtower]\nurl = \"http://{listen}\"\ntoken_file = {token:?}\n")
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Tower {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let said = self.folder.with_file_name("tower.stderr");
            eprintln!("{}", fs::read_to_string(said).unwrap_or_default());
        }
    }
}

fn pay(from: &Api, to: &Api, msat: u64) {
    let invoice = to.invoice(msat, "a test").expect("an invoice");
    let payment = from.pay(&invoice.invoice).expect("a payment");
    assert_eq!(payment.status, "succeeded");
}

/// That many payments, some at a time.
fn pay_many(from: &Api, to: &Api, count: u64) {
    thread::scope(|scope| {
        for _ in 0..PAYERS {
            scope.spawn(|| (0..count.div_ceil(PAYERS)).for_each(|_| pay(from, to, 10_000)));
        }
    });
}

/// A payment that its payee holds. Its HTLC stays in both commitments.
pub fn hold(payer: &Api, payee: &Node, sat: u64) -> (String, thread::JoinHandle<()>) {
    let amount = format!("{sat}sat");
    let invoice: Value = payee.json(&["invoice", "create", &amount, "--hold"]);
    let hash = invoice["payment_hash"].as_str().expect("a hash").to_owned();
    let text = invoice["invoice"].as_str().expect("text").to_owned();
    let payer = payer.clone();
    let paying = thread::spawn(move || {
        // The payer stops meanwhile: what it says in the end does not matter here.
        let _ = payer.pay_with(json!({ "invoice": text }));
    });
    let api = payee.api();
    wait::until("the payment is held", || {
        (api.invoice_of(&hash).ok()?.status == "accepted").then_some(())
    });
    (hash, paying)
}

/// The tower has all states, by the hub's ledger. How many.
fn until_complete(world: &World) -> u64 {
    wait::until("the tower has all states", || {
        let output = world.hub.command(&["watchtower", "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).ok()?;
        let channel = shown.get(0)?;
        let states = channel["tower_states"].as_u64()?;
        assert!(states <= channel["revoked_states"].as_u64()?);
        channel["complete"].as_bool()?.then_some(states)
    })
}

/// How many states the tower has of each channel, in the node's order, if it has all of all.
fn all_complete(world: &World) -> Option<Vec<u64>> {
    let output = world.hub.command(&["watchtower", "--json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).ok()?;
    let states = |channel: &Value| {
        let complete = channel["complete"].as_bool()?;
        channel["tower_states"].as_u64().filter(|_| complete)
    };
    shown.as_array()?.iter().map(states).collect()
}

/// The states in a file of the tower's.
fn states_in(content: &[u8]) -> u64 {
    let mut rest = content;
    let mut count = 0;
    while let Some((length, after)) = rest.get(16..).and_then(<[u8]>::split_first_chunk) {
        let length = usize::try_from(u32::from_be_bytes(*length)).expect("a small number");
        rest = &after[length..];
        count += 1;
    }
    count
}

/// Satoshis that bitcoind knows of, of the node's wallet.
fn onchain(world: &World, node: &Node) -> u64 {
    let balance = node.api().balance().expect("a balance");
    let coins = world.coins_on_chain(node).to_sat();
    assert_eq!(balance.onchain_sat, coins, "{balance:?}");
    coins
}

/// The user gives up a state with two HTLCs, one each way. Its folder of that time, and the invoice that it held.
fn give_up_a_state(world: &mut World, pair: &Pair) -> (PathBuf, String) {
    let held = [
        hold(&pair.user, &world.hub, HELD_SAT[0]),
        hold(&pair.hub, &world.user, HELD_SAT[1]),
    ];
    pair.until_both("in step, with two HTLCs", |channel| {
        channel.state == "normal" && channel.htlcs.len() == 2
    });
    world.user.stop();
    let kept = world.folder().join("kept");
    folder::copy(&world.user.folder(), &kept);
    world.user.start();
    pair.until_both("in step again", |channel| {
        channel.state == "normal" && channel.htlcs.len() == 2
    });
    let [(to_hub, one), (to_user, two)] = held;
    let _: Value = world.hub.json(&["invoice", "settle", &to_hub]);
    let _: Value = world.user.json(&["invoice", "cancel", &to_user]);
    for paying in [one, two] {
        paying.join().expect("the payer ends");
    }
    pair.until_quiet();
    (kept, to_user)
}

/// The cheater claims an HTLC by its second stage, which confirms. Where the output is that it waits for.
fn second_stage(world: &World, commitment: &Txid, held: &str) -> OutPoint {
    let _: Value = world.user.json(&["invoice", "settle", held]);
    let spends = |transaction: &Transaction| {
        let mut inputs = transaction.input.iter();
        inputs.position(|input| input.previous_output.txid == *commitment)
    };
    wait::until("the second stage is in the mempool", || {
        (!world.bitcoind.mempool().is_empty()).then_some(())
    });
    world.bitcoind.mine(1);
    let block = world
        .bitcoind
        .block(&world.bitcoind.hash_at(world.bitcoind.height()));
    // With anchors it has another input, which pays its fee; the output stands where the HTLC's input does.
    let found = block.txdata.iter().filter(|tx| tx.input.len() == 2);
    let (txid, vout) = found
        .filter_map(|tx| Some((tx.compute_txid(), spends(tx)?)))
        .next()
        .expect("the second stage is in the block");
    OutPoint::new(txid, u32::try_from(vout).expect("a small number"))
}

#[test]
fn tower_without_keys_punishes_a_revoked_commitment_with_htlcs_while_the_node_is_away() {
    cheat_while_the_hub_is_away(false);
}

#[test]
fn tower_that_comes_late_takes_what_the_cheater_has_moved_to_its_second_stage() {
    cheat_while_the_hub_is_away(true);
}

/// A world with a channel whose hub has a tower, which has all states.
fn watched_world() -> (World, Tower, Pair) {
    let mut world = World::start();
    let mut tower = Tower::new(world.folder().join("tower"));
    tower.start(&world);
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    pay(&pair.user, &pair.hub, 10_000_000);
    pair.until_quiet();
    // The tower comes later than the first states: they are made again out of the ledger.
    world.hub.stop();
    world.hub.add_settings(&tower.settings());
    world.hub.start();
    pair.until_usable();
    let first = until_complete(&world);
    assert!(first >= 2, "{first}");

    // While the tower is away the node says so; afterwards the tower has what it missed.
    tower.kill();
    pay(&pair.user, &pair.hub, 5_000_000);
    pair.until_quiet();
    let away = world.hub.command(&["watchtower"]);
    let said = String::from_utf8_lossy(&away.stderr).into_owned();
    assert!(
        !away.status.success() && said.contains("does not answer"),
        "{said}"
    );
    tower.start(&world);
    assert!(until_complete(&world) > first);
    (world, tower, pair)
}

#[test]
fn node_started_again_brings_its_tower_what_a_busy_channel_revokes_next() {
    // Records that a node keeps for a tower that does not answer, and more.
    const BUSY: u64 = 620;
    let (mut world, _tower, pair) = watched_world();
    let mut states = until_complete(&world);
    while states < BUSY {
        pay_many(&pair.user, &pair.hub, 40);
        states = until_complete(&world);
    }
    world.hub.stop();
    world.hub.start();
    pair.until_usable();
    pay_many(&pair.user, &pair.hub, 8);
    pair.until_quiet();
    let after = until_complete(&world);
    println!("{states} states before the start, {after} after it");
    assert!(after > states, "{after}");
}

#[test]
fn tower_that_lost_a_channels_states_gets_them_again_beside_one_whose_states_are_damaged() {
    let (world, mut tower, pair) = watched_world();
    let other = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    // Each is more than half of what a channel can pay: both channels come to have revoked states.
    for _ in 0..2 {
        pay(&pair.user, &pair.hub, 400_000_000);
    }
    pair.until_quiet();
    other.until_quiet();
    let counts = wait::until("the tower has all states", || all_complete(&world));
    assert!(counts.len() == 2 && !counts.contains(&0), "{counts:?}");
    assert_ne!(counts[0], counts[1], "their files are told apart by it");

    // The channel that the node looks at first has an error that stays.
    tower.kill();
    let states = fs::read_dir(tower.folder.join("regtest/watch/states")).unwrap();
    let mut files: Vec<_> = states.map(|entry| entry.unwrap().path()).collect();
    files.sort_by_key(|file| states_in(&fs::read(file).unwrap()) != counts[0]);
    let kept: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let mut damaged = kept[0].clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&files[0], &damaged).unwrap();
    fs::remove_file(&files[1]).unwrap();
    tower.start(&world);
    wait::until("the tower has what it lost", || {
        assert_eq!(all_complete(&world), None);
        (fs::read(&files[1]).ok()? == kept[1]).then_some(())
    });
    wait::until("the list tells the one from the other", || {
        let shown: Vec<Value> = world.hub.json(&["watchtower"]);
        let error = shown[0]["error"].as_str()?;
        assert!(error.contains("other states than the ledger"), "{error}");
        assert_eq!(shown[0]["complete"], false);
        assert!(shown[1]["error"].is_null(), "{shown:?}");
        (shown[1]["complete"] == true).then_some(())
    });
    assert_eq!(fs::read(&files[0]).unwrap(), damaged, "nothing is added");

    tower.kill();
    fs::write(&files[0], &kept[0]).unwrap();
    tower.start(&world);
    let again = wait::until("the tower has all states", || all_complete(&world));
    assert_eq!(again, counts);
}

fn cheat_while_the_hub_is_away(second: bool) {
    let (mut world, mut tower, pair) = watched_world();
    let (kept, held) = give_up_a_state(&mut world, &pair);
    pay(&pair.user, &pair.hub, 100_000_000);
    pair.until_quiet();
    println!("the tower has {} states", until_complete(&world));
    let hub_before = onchain(&world, &world.hub);

    let closing = go_back_and_close(&mut world, &pair, &kept);
    if second {
        tower.kill();
    }
    world.bitcoind.mine(1);
    let commitment = world.transaction(&closing);
    // Two anchors, both balances, both HTLCs.
    assert_eq!(commitment.output.len(), 6, "{commitment:?}");
    let moved = second.then(|| second_stage(&world, &commitment.compute_txid(), &held));
    if second {
        tower.start(&world);
    }
    until_taken(&world, &commitment, moved);
    check_all_is_the_hubs(&mut world, &pair, &commitment, hub_before);

    // Nothing in the tower's files names the channel.
    let states = tower.folder.join("regtest/watch/states");
    for entry in fs::read_dir(states).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert_ne!(name, pair.id);
    }
}

/// What the tower pays at this moment for each of these outputs, in sat; `None` until all are in the mempool.
fn penalties(world: &World, outputs: &[OutPoint]) -> Option<Vec<u64>> {
    let outputs = outputs.iter();
    let waiting = outputs.map(|output| Some(world.bitcoind.waiting_spend(output)?.fee_sat));
    waiting.collect()
}

/// A block of nothing passes: each penalty pays more than before.
fn until_raised(world: &World, outputs: &[OutPoint], before: &[u64]) -> Vec<u64> {
    world.bitcoind.mine_empty();
    let raised = wait::until("every penalty is raised", || {
        let now = penalties(world, outputs)?;
        let mut pairs = now.iter().zip(before);
        pairs.all(|(now, before)| now > before).then_some(now)
    });
    println!("penalties pay {raised:?} sat");
    raised
}

#[test]
fn tower_raises_its_penalties_with_each_block_and_makes_them_again_after_reorgs() {
    let (mut world, mut tower, pair) = watched_world();
    let (kept, _) = give_up_a_state(&mut world, &pair);
    pay(&pair.user, &pair.hub, 100_000_000);
    pair.until_quiet();
    until_complete(&world);
    let closing = go_back_and_close(&mut world, &pair, &kept);
    world.bitcoind.mine(1);
    world.user.kill_hard();
    let commitment = world.transaction(&closing);
    let own = pair_balance_in(&commitment);
    let outputs: Vec<OutPoint> = (0..)
        .zip(&commitment.output)
        .filter(|(_, output)| ![ANCHOR_SAT, own].contains(&output.value.to_sat()))
        .map(|(vout, _)| OutPoint::new(commitment.compute_txid(), vout))
        .collect();
    assert_eq!(outputs.len(), 3, "the cheater's balance and two HTLCs");
    let mut fees = wait::until("all is taken", || penalties(&world, &outputs));
    println!("penalties pay {fees:?} sat");
    for _ in 0..3 {
        fees = until_raised(&world, &outputs, &fees);
    }

    // A tower that starts anew does not know what it paid before.
    tower.kill();
    tower.start(&world);
    let said = world.folder().join("tower.stderr");
    wait::until("the tower has found the cheat again", || {
        let said = fs::read_to_string(&said).ok()?;
        (said.matches("a revoked commitment txid").count() == 2).then_some(())
    });
    fees = until_raised(&world, &outputs, &fees);

    // bitcoind forgets them.
    let forgets = &["-persistmempool=0"];
    world.bitcoind.restart_with(forgets);
    assert!(world.bitcoind.mempool().is_empty());
    fees = until_raised(&world, &outputs, &fees);

    // A reorg takes them out of the chain, and bitcoind forgets them again.
    world.bitcoind.mine(1);
    let taken = |world: &World| {
        !outputs
            .iter()
            .any(|at| world.bitcoind.unspent(at).is_some())
    };
    assert!(taken(&world));
    world.bitcoind.reorg(1);
    world.bitcoind.restart_with(forgets);
    fees = until_raised(&world, &outputs, &fees);

    // A reorg takes the cheat itself, and the cheater broadcasts it again.
    let depth = world.bitcoind.height() - block_of(&world, &closing) + 1;
    world.bitcoind.reorg(depth);
    world.bitcoind.restart_with(forgets);
    world.bitcoind.mine_empty();
    world.bitcoind.mine_only(&[commitment]);
    let again = wait::until("all is taken again", || penalties(&world, &outputs));
    println!("after {depth} blocks were undone: {again:?} sat, {fees:?} before");
    world.bitcoind.mine(1);
    assert!(taken(&world));
}

fn block_of(world: &World, txid: &str) -> u32 {
    let shown: Value = world
        .bitcoind
        .call("getrawtransaction", &[json!(txid), json!(true)]);
    let hash = shown["blockhash"].as_str().expect("it is in a block");
    let header: Value = world.bitcoind.call("getblockheader", &[json!(hash)]);
    let height = header["height"].as_u64().expect("a height");
    height.try_into().expect("a height")
}

/// The hub's own balance in the cheater's commitment: all that is neither an HTLC, an anchor, nor the larger balance.
fn pair_balance_in(commitment: &Transaction) -> u64 {
    let values = commitment.output.iter().map(|output| output.value.to_sat());
    let known = [ANCHOR_SAT, HELD_SAT[0], HELD_SAT[1]];
    let balances = values.filter(|value| !known.contains(value));
    balances.min().expect("two balances")
}

/// The hub goes away, and the user broadcasts what it has revoked.
fn go_back_and_close(world: &mut World, pair: &Pair, kept: &Path) -> String {
    world.hub.stop();
    world.user.stop();
    folder::put_back(kept, &world.user.folder());
    world.user.start();
    let cheater = world.user.api();
    let closed = cheater.force_close(&pair.id).expect("it closes");
    let txid: Txid = closed.closing_txid.parse().expect("a txid");
    wait::until("the commitment is in the mempool", || {
        world.bitcoind.mempool().contains(&txid).then_some(())
    });
    closed.closing_txid
}

/// The tower takes the cheater's balance and both HTLCs. Only the hub's own balance and the anchors are left.
fn until_taken(world: &World, commitment: &Transaction, moved: Option<OutPoint>) {
    let txid = commitment.compute_txid();
    let is_there = |outpoint: &OutPoint| world.bitcoind.unspent(outpoint).is_some();
    let left = || {
        let outputs = (0_u32..).zip(&commitment.output);
        let values = outputs.filter(|(_, output)| output.value.to_sat() != ANCHOR_SAT);
        let moved_there = moved.iter().filter(|outpoint| is_there(outpoint)).count();
        let there = values.filter(|(vout, _)| is_there(&OutPoint::new(txid, *vout)));
        there.count() + moved_there
    };
    for _ in 0..10 {
        if left() == 1 {
            break;
        }
        wait::until("a penalty is in the mempool", || {
            (!world.bitcoind.mempool().is_empty()).then_some(())
        });
        world.bitcoind.mine(1);
    }
    assert_eq!(left(), 1, "the hub's own balance");
}

/// The hub comes back and finds it all in its wallet, to the satoshi.
fn check_all_is_the_hubs(world: &mut World, pair: &Pair, commitment: &Transaction, before: u64) {
    world.hub.start();
    let hub = world.hub.api();
    for _ in 0..30 {
        let height = world.bitcoind.height();
        world.bitcoind.mine(1);
        wait::until("the hub sees the block", || {
            (hub.info().ok()?.block_height > height).then_some(())
        });
        if hub.channel(&pair.id).unwrap().state == "closed" {
            break;
        }
    }
    let channel = hub.channel(&pair.id).unwrap();
    assert_eq!(channel.state, "closed", "{channel:?}");
    let closing = commitment.compute_txid().to_string();
    let history = hub.history(&pair.id).expect("the history");
    let mut claims: Vec<String> = history.into_iter().filter_map(|step| step.txid).collect();
    claims.retain(|claim| *claim != closing);
    claims.sort();
    claims.dedup();
    // The cheater's second stage has a second input.
    claims.retain(|claim| world.transaction(claim).input.len() == 1);
    let fee = |claim: &String| world.fee(&world.transaction(claim)).to_sat();
    let fees: u64 = claims.iter().map(fee).sum();
    let outputs = commitment.output.iter().map(|output| output.value.to_sat());
    let due = outputs.sum::<u64>() - 2 * ANCHOR_SAT;
    let got = onchain(world, &world.hub) - before;
    println!("revoked {closing}: {got} sat by {claims:?}, {fees} sat of fees");
    assert_eq!(
        claims.len(),
        4,
        "three penalties, and the hub's own balance"
    );
    assert_eq!(got + fees, due, "all but the anchors");
}
