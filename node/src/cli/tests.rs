use clap::CommandFactory;

use super::*;

#[test]
fn command_line_contradicts_itself_nowhere() {
    Cli::command().debug_assert();
}

#[test]
fn command_of_the_interface_is_understood() {
    let id = "02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619";
    let hash = "07".repeat(32);
    let lines = [
        "init --mnemonic-file f".to_string(),
        "node --config f --role hub --network regtest --listen 127.0.0.1:9735".into(),
        "info --json --data-dir d".into(),
        "--json balance".into(),
        "wallet address".into(),
        "wallet address --type taproot".into(),
        "wallet send bcrt1q 50000sat".into(),
        "wallet send bcrt1q all".into(),
        "wallet utxos".into(),
        "wallet transactions".into(),
        format!("peer connect {id}@127.0.0.1:9735"),
        "peer list".into(),
        format!("peer disconnect {id}"),
        format!("channel open {id}@127.0.0.1:9735 0.1btc --push 50sat --fee-rate 2 --announce"),
        format!("channel open {id} all"),
        "channel open-batch f --fee-rate 3 --announce".into(),
        format!("channel open {id} 1000000sat --zero-conf"),
        "channel list".into(),
        format!("channel show {hash}"),
        format!("channel history {hash}"),
        format!("channel close {hash} --force --fee-rate 3"),
        "invoice create 50000msat --description tea --expiry 60".into(),
        "invoice create any".into(),
        "invoice create 5sat --hold".into(),
        format!("invoice create 5sat --hold {hash} --description tea"),
        format!("invoice settle {hash}"),
        format!("invoice cancel {hash}"),
        "invoice list".into(),
        format!("invoice show {hash}"),
        "pay lnbcrt1 --amount 50sat --max-fee 1sat --timeout 5".into(),
        format!("keysend {id} 50sat"),
        "payment list".into(),
        format!("payment show {hash}"),
        "forward list".into(),
        "policy show".into(),
        format!("policy set --base-fee 1sat --fee-ppm 10 --cltv-delta 40 --channel {hash}"),
        format!("policy set --htlc-minimum 1sat --htlc-maximum 0.01btc --channel {hash}"),
        format!("policy set --minimum-depth 0 --zero-conf true --peer {id}"),
        "policy set --forward true --accept-keysend false --accept-channels true".into(),
        "ledger head".into(),
        "ledger verify".into(),
        "ledger export f".into(),
        "backup create f".into(),
        "backup restore f --mnemonic-file w".into(),
        "backup restore f".into(),
        "watch --listen 127.0.0.1:9911 --bitcoind-rpc-url u".into(),
        "watchtower --json".into(),
        "completions bash".into(),
    ];
    for line in lines {
        let words = std::iter::once("zarnitsa").chain(line.split(' '));
        assert!(Cli::try_parse_from(words).is_ok(), "{line}");
    }
}

#[test]
fn command_that_is_incomplete_or_wrong_is_refused() {
    for line in [
        "",
        "nonsense",
        "wallet send bcrt1q 50",
        "wallet send bcrt1q any",
        "invoice create all",
        "peer connect 02",
        "peer connect 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619",
        "channel show 07",
        "policy set",
        "policy set --htlc-minimum 1sat",
        "policy set --forward perhaps",
        "info --network moon",
        "completions",
    ] {
        let words =
            std::iter::once("zarnitsa").chain(line.split(' ').filter(|word| !word.is_empty()));
        assert!(Cli::try_parse_from(words).is_err(), "{line}");
    }
}
