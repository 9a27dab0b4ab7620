//! The wallet: coins come, are reserved, spent, and survive reorgs and crashes.

use bitcoin::{Amount, FeeRate, ScriptBuf};
use tempfile::TempDir;
use zarnitsa_bitcoin_adapter::AddressKind::{Segwit, Taproot};
use zarnitsa_bitcoin_adapter::{
    AddressKind, SendAmount, SendError, SendOrder, Start, Wallet, WalletError,
};
use zarnitsa_tests::bitcoind::{Bitcoind, Options};

use crate::world::{until, Keys, World};

const RATE: FeeRate = FeeRate::from_sat_per_kwu(500);

struct Rich {
    world: World,
    wallet: Wallet,
    keys: Keys,
    folder: TempDir,
}

/// A wallet that holds these coins, confirmed.
async fn rich(kinds: &[AddressKind], coins: &[(AddressKind, u64)]) -> Rich {
    let (keys, folder) = (Keys::new(7), TempDir::new().unwrap());
    let wallet = keys.wallet(folder.path(), kinds);
    let mut world = World::around(
        Bitcoind::start_with_coins(Options::default()),
        Start::Tip,
        Some(wallet.clone()),
    )
    .await;
    for (kind, sat) in coins {
        let address = wallet.address(Some(*kind)).unwrap();
        world.bitcoind.send(&address, Amount::from_sat(*sat));
    }
    world.mine(1).await;
    let total = Amount::from_sat(coins.iter().map(|(_, sat)| sat).sum());
    until("the coins are there", || {
        wallet.balance().confirmed == total
    })
    .await;
    Rich {
        world,
        wallet,
        keys,
        folder,
    }
}

fn order(address: &str, amount: SendAmount) -> SendOrder {
    SendOrder {
        address: address.to_owned(),
        amount,
        feerate: RATE,
        keep: Amount::ZERO,
    }
}

/// A script like that of an opening transaction's output.
fn opening_script(byte: u8) -> ScriptBuf {
    ScriptBuf::from_bytes([vec![0, 32], vec![byte; 32]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_paid_shows_the_coin_unconfirmed_confirmed_and_after_a_reorg() {
    let (keys, folder) = (Keys::new(1), TempDir::new().unwrap());
    let wallet = keys.wallet(folder.path(), &[Segwit, Taproot]);
    let world = World::around(
        Bitcoind::start_with_coins(Options::default()),
        Start::Tip,
        Some(wallet.clone()),
    )
    .await;
    let amount = Amount::from_sat(123_456);
    world
        .bitcoind
        .send(&wallet.address(Some(Taproot)).unwrap(), amount);
    until("the payment is seen", || {
        wallet.balance().unconfirmed == amount
    })
    .await;
    assert!(matches!(
        wallet.fund(opening_script(1), Amount::from_sat(10_000), RATE),
        Err(WalletError::Insufficient { .. })
    ));
    world.bitcoind.mine(1);
    until("the payment is confirmed", || {
        wallet.balance().confirmed == amount
    })
    .await;
    world.bitcoind.reorg(1);
    until("the payment waits again", || {
        wallet.balance().confirmed == Amount::ZERO
    })
    .await;
    until("the payment is seen again", || {
        wallet.balance().unconfirmed == amount
    })
    .await;
    world.bitcoind.mine(1);
    until("the payment is confirmed again", || {
        wallet.balance().confirmed == amount
    })
    .await;
    let (utxos, transactions) = (wallet.utxos(), wallet.transactions());
    assert_eq!(
        (utxos.len(), utxos[0].amount, transactions.len()),
        (1, amount, 1)
    );
    assert_eq!(transactions[0].net.to_sat(), 123_456);
    assert_eq!(transactions[0].block, Some(world.best()));
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_funds_an_opening_with_segwit_inputs_and_the_id_stands_before_signing() {
    for kind in [Segwit, Taproot] {
        let Rich {
            mut world,
            wallet,
            keys,
            folder: _folder,
        } = rich(&[kind], &[(kind, 400_000), (kind, 300_000)]).await;
        let funded = wallet
            .fund(opening_script(2), Amount::from_sat(500_000), RATE)
            .unwrap();
        assert!(funded
            .psbt
            .unsigned_tx
            .input
            .iter()
            .all(|input| input.script_sig.is_empty()));
        let signed = wallet.sign(&funded, |psbt| keys.sign(psbt)).unwrap();
        assert_eq!(signed.compute_txid(), funded.txid);
        let output = &signed.output[usize::try_from(funded.output.vout).unwrap()];
        assert_eq!(
            (output.value, &output.script_pubkey),
            (Amount::from_sat(500_000), &opening_script(2))
        );
        world.chain.broadcast_tx(signed.clone()).await.unwrap();
        world.mine(1).await;
        let left = Amount::from_sat(200_000).checked_sub(funded.fee).unwrap();
        until("the change is there", || wallet.balance().confirmed == left).await;
        assert_eq!(wallet.balance().reserved, Amount::ZERO);
        assert_eq!(wallet.transactions()[0].fee, Some(funded.fee));
        let weight = signed.weight();
        let paid = funded.fee.to_sat() * 1000 / weight.to_wu();
        assert!((500..520).contains(&paid), "{paid} per kwu");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_never_gives_a_coin_to_two_openings() {
    let Rich {
        wallet,
        world: _world,
        folder: _folder,
        keys: _,
    } = rich(&[Segwit], &[(Segwit, 200_000), (Segwit, 200_000)]).await;
    let amount = Amount::from_sat(150_000);
    let (one, two) = (wallet.clone(), wallet.clone());
    let one = tokio::task::spawn_blocking(move || one.fund(opening_script(1), amount, RATE));
    let two = tokio::task::spawn_blocking(move || two.fund(opening_script(2), amount, RATE));
    let (one, two) = (one.await.unwrap().unwrap(), two.await.unwrap().unwrap());
    let inputs = |psbt: &bitcoin::Psbt| {
        psbt.unsigned_tx
            .input
            .iter()
            .map(|input| input.previous_output)
            .collect::<Vec<_>>()
    };
    assert!(inputs(&one.psbt)
        .iter()
        .all(|coin| !inputs(&two.psbt).contains(coin)));
    assert_eq!(wallet.balance().reserved, Amount::from_sat(400_000));
    assert!(matches!(
        wallet.fund(opening_script(3), amount, RATE),
        Err(WalletError::Insufficient { .. })
    ));
    wallet.release(&one.txid);
    let third = wallet.fund(opening_script(3), amount, RATE).unwrap();
    assert_eq!(inputs(&third.psbt), inputs(&one.psbt));
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_reopened_reserves_the_coins_of_a_pending_opening() {
    let Rich {
        world,
        wallet,
        keys,
        folder,
    } = rich(&[Segwit], &[(Segwit, 200_000), (Segwit, 200_000)]).await;
    let amount = Amount::from_sat(150_000);
    let funded = wallet.fund(opening_script(1), amount, RATE).unwrap();
    let signed = wallet.sign(&funded, |psbt| keys.sign(psbt)).unwrap();
    // The process ends here: signed, in the ledger, not broadcast.
    let start = Start::After(world.best());
    let wallet = keys.wallet(folder.path(), &[Segwit]);
    wallet.reserve(&signed);
    let world = world.restart(start, Some(wallet.clone())).await;
    let other = wallet.fund(opening_script(2), amount, RATE).unwrap();
    assert_ne!(
        other.psbt.unsigned_tx.input[0].previous_output,
        signed.input[0].previous_output
    );
    assert!(wallet.fund(opening_script(3), amount, RATE).is_err());
    world.chain.broadcast_tx(signed).await.unwrap();
    world.until_in_mempool(&funded.txid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_payment_written_before_a_crash_is_broadcast_by_the_next_start() {
    let Rich {
        world,
        wallet,
        keys,
        folder,
    } = rich(&[Segwit], &[(Segwit, 200_000)]).await;
    let target = world.bitcoind.address().to_string();
    let amount = SendAmount::Exactly(Amount::from_sat(100_000));
    let payment = wallet
        .prepare_send(&order(&target, amount), |psbt| keys.sign(psbt))
        .unwrap();
    // The process ends here: signed and written down, not broadcast.
    let start = Start::After(world.best());
    let wallet = keys.wallet(folder.path(), &[Segwit]);
    let mut world = world.restart(start, Some(wallet.clone())).await;
    world.until_in_mempool(&payment.compute_txid()).await;
    world.mine(1).await;
    until("it is confirmed", || {
        wallet
            .transactions()
            .iter()
            .all(|transaction| transaction.block.is_some())
    })
    .await;
    assert_eq!(wallet.transactions().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_sends_all_from_both_accounts() {
    let Rich {
        mut world,
        wallet,
        keys,
        folder: _folder,
    } = rich(&[Segwit, Taproot], &[(Segwit, 100_000), (Taproot, 200_000)]).await;
    let target = world.bitcoind.address();
    let most = wallet.max_fundable(target.script_pubkey(), RATE).unwrap();
    let (txid, _) = world
        .chain
        .send(order(&target.to_string(), SendAmount::All), move |psbt| {
            keys.sign(psbt)
        })
        .await
        .unwrap();
    world.mine(1).await;
    assert_eq!(world.bitcoind.confirmed_at(&target), most);
    until("nothing is left", || wallet.utxos().is_empty()).await;
    let sent = wallet
        .transactions()
        .into_iter()
        .find(|transaction| transaction.txid == txid)
        .unwrap();
    assert_eq!(sent.net.to_sat(), -300_000);
    assert_eq!(sent.fee, Amount::from_sat(300_000).checked_sub(most));
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_sends_all_but_what_is_to_be_kept() {
    let Rich {
        mut world,
        wallet,
        keys,
        folder: _folder,
    } = rich(&[Segwit, Taproot], &[(Segwit, 100_000), (Taproot, 200_000)]).await;
    let target = world.bitcoind.address();
    let keep = Amount::from_sat(7_000);
    let order = SendOrder {
        keep,
        ..order(&target.to_string(), SendAmount::All)
    };
    let (txid, _) = world
        .chain
        .send(order, move |psbt| keys.sign(psbt))
        .await
        .unwrap();
    assert_eq!(wallet.spendable(), keep, "change of its own may be spent");
    world.mine(1).await;
    until("what is kept is confirmed", || {
        let utxos = wallet.utxos();
        utxos.len() == 1 && utxos[0].amount == keep && utxos[0].block.is_some()
    })
    .await;
    let all = wallet.transactions();
    let fee = all.iter().find(|it| it.txid == txid).unwrap().fee.unwrap();
    let paid = Amount::from_sat(300_000) - keep - fee;
    assert_eq!(world.bitcoind.confirmed_at(&target), paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_sends_nothing_that_would_leave_less_than_is_to_be_kept() {
    let Rich {
        world,
        wallet,
        keys,
        folder: _folder,
    } = rich(&[Segwit], &[(Segwit, 100_000)]).await;
    let target = world.bitcoind.address().to_string();
    let keep = Amount::from_sat(7_000);
    let send = |amount: SendAmount, keep: Amount| {
        let order = SendOrder {
            keep,
            ..order(&target, amount)
        };
        wallet.prepare_send(&order, move |psbt| keys.sign(psbt))
    };
    let exactly = |sat| SendAmount::Exactly(Amount::from_sat(sat));
    // What is over would not pay the fee, or nothing is over.
    for (amount, keep) in [
        (exactly(93_000), keep),
        (SendAmount::All, Amount::from_sat(99_950)),
        (SendAmount::All, Amount::from_sat(99_700)),
        (SendAmount::All, Amount::from_sat(100_000)),
        (SendAmount::All, Amount::from_sat(200_000)),
    ] {
        let refused = send(amount, keep).unwrap_err();
        let WalletError::Kept {
            available,
            keep: kept,
        } = refused
        else {
            panic!("{amount:?} beside {keep}: {refused}");
        };
        assert_eq!((available, kept), (Amount::from_sat(100_000), keep));
    }
    assert_eq!(wallet.balance().reserved, Amount::ZERO);
    assert_eq!(wallet.spendable(), Amount::from_sat(100_000));
    send(exactly(92_000), keep).unwrap();
    assert!(wallet.spendable() >= keep);
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_knows_the_newest_block_and_its_reorg_before_they_are_told() {
    let Rich {
        mut world,
        wallet,
        folder: _folder,
        ..
    } = rich(&[Segwit], &[(Segwit, 50_000)]).await;
    while world.connected().await.height < world.bitcoind.height() {}
    let confirmed = || wallet.balance().confirmed.to_sat();
    for round in 1..=5 {
        let address = wallet.address(None).unwrap();
        world.bitcoind.send(&address, Amount::from_sat(1_000));
        world.bitcoind.mine(1);
        world.connected().await;
        assert_eq!(confirmed(), 50_000 + round * 1_000);
    }
    // Whoever hears of the last block of a reorg pays with no coin that it took.
    world.bitcoind.reorg(3);
    while world.connected().await.height < world.bitcoind.height() {}
    assert_eq!(confirmed(), 52_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_takes_coins_of_both_accounts_where_one_does_not_suffice() {
    let Rich {
        world,
        wallet,
        keys,
        folder: _folder,
    } = rich(&[Segwit, Taproot], &[(Segwit, 100_000), (Taproot, 200_000)]).await;
    let funded = wallet
        .fund(opening_script(1), Amount::from_sat(250_000), RATE)
        .unwrap();
    assert_eq!(funded.psbt.inputs.len(), 2);
    let signed = wallet.sign(&funded, |psbt| keys.sign(psbt)).unwrap();
    world.chain.broadcast_tx(signed).await.unwrap();
    world.until_in_mempool(&funded.txid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_refuses_foreign_addresses_failing_signers_and_wrong_signatures() {
    let Rich {
        world,
        wallet,
        keys,
        folder: _folder,
    } = rich(&[Segwit], &[(Segwit, 200_000)]).await;
    let amount = SendAmount::Exactly(Amount::from_sat(50_000));
    let send = |address: &str, keys: Keys| {
        wallet.prepare_send(&order(address, amount), move |psbt| keys.sign(psbt))
    };
    let mainnet = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    assert!(matches!(
        send(mainnet, keys),
        Err(WalletError::Address { .. })
    ));
    assert!(matches!(
        send("nonsense", keys),
        Err(WalletError::Address { .. })
    ));
    let target = world.bitcoind.address().to_string();
    let failing = wallet.prepare_send(&order(&target, amount), |_| Err("locked".into()));
    assert!(matches!(failing, Err(WalletError::Signer(_))));
    assert!(matches!(
        send(&target, Keys::new(9)),
        Err(WalletError::Signed { .. } | WalletError::Signer(_))
    ));
    let other = wallet.prepare_send(&order(&target, amount), |psbt| {
        psbt.unsigned_tx.output[0].value = Amount::from_sat(1);
        Ok(())
    });
    assert!(matches!(other, Err(WalletError::Signed { .. })));
    assert_eq!(wallet.balance().reserved, Amount::ZERO);
    let too_much = SendAmount::Exactly(Amount::from_sat(200_000));
    let error = world
        .chain
        .send(order(&target, too_much), move |psbt| keys.sign(psbt))
        .await
        .unwrap_err();
    assert!(
        matches!(error, SendError::Wallet(WalletError::Insufficient { .. })),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_restored_from_its_seed_finds_its_coins() {
    let Rich {
        world,
        keys,
        folder: _folder,
        wallet: _wallet,
    } = rich(&[Segwit, Taproot], &[(Segwit, 100_000), (Taproot, 200_000)]).await;
    let folder = TempDir::new().unwrap();
    let wallet = keys.wallet(folder.path(), &[Segwit, Taproot]);
    let start = Start::After(world.best());
    let _world = world.restart(start, Some(wallet.clone())).await;
    until("the coins are found", || {
        wallet.balance().confirmed == Amount::from_sat(300_000)
    })
    .await;
}

#[test]
fn wallet_of_another_seed_is_refused() {
    let folder = TempDir::new().unwrap();
    Keys::new(1).wallet(folder.path(), &[Segwit]);
    let other = Wallet::open(Keys::new(2).options(folder.path(), &[Segwit]));
    assert!(matches!(other, Err(WalletError::Foreign { .. })));
}

#[test]
fn wallet_with_a_descriptor_of_another_kind_is_refused() {
    let folder = TempDir::new().unwrap();
    let mut options = Keys::new(1).options(folder.path(), &[Segwit]);
    options.accounts[0].kind = Taproot;
    assert!(matches!(
        Wallet::open(options),
        Err(WalletError::Descriptor { .. })
    ));
}
