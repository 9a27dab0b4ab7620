//! All of them, one after the other, on one bitcoind.

use std::rc::Rc;

use zarnitsa_channel::params::{CommitmentFormat, Side};
use zarnitsa_tests::bitcoind::{Bitcoind, Options};

use crate::party::Outcome;
use crate::purse::Purse;
use crate::scenario::{Close, Htlc, Report, Run, Scenario};

const HTLCS: [Htlc; 4] = [Htlc::Expires, Htlc::Claimed, Htlc::Released, Htlc::Dust];
const SIDES: [Side; 2] = [Side::Holder, Side::Counterparty];

const CLOSES: [Close; 5] = [
    Close::Newest,
    Close::Ahead,
    Close::Previous,
    Close::Revoked,
    Close::JustRevoked,
];

fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    let format = CommitmentFormat::Anchors;
    for by in SIDES {
        for close in CLOSES {
            let plain = Scenario {
                close,
                by,
                htlc: Htlc::None,
                offered_by: Side::Holder,
                format,
            };
            if close != Close::Ahead {
                all.push(plain);
            }
            for offered_by in SIDES {
                for htlc in HTLCS {
                    let scenario = Scenario {
                        htlc,
                        offered_by,
                        ..plain
                    };
                    let happens = match close {
                        Close::Newest | Close::Previous => true,
                        // Who adds an HTLC signs it into the other's commitment first, where nobody can release it yet.
                        Close::Ahead => {
                            offered_by == by.other() && matches!(htlc, Htlc::Expires | Htlc::Dust)
                        }
                        Close::Revoked | Close::JustRevoked => htlc != Htlc::Released,
                    };
                    if happens {
                        all.push(scenario);
                    }
                }
            }
        }
    }
    // Commitments without anchors, whose second stages pay for themselves.
    let plain = CommitmentFormat::StaticRemoteKey;
    let again: Vec<Scenario> = all
        .iter()
        .filter(|it| !matches!(it.close, Close::Ahead | Close::JustRevoked))
        .filter(|it| matches!(it.htlc, Htlc::Expires | Htlc::Claimed))
        .map(|it| Scenario {
            format: plain,
            ..*it
        })
        .collect();
    all.extend(again);
    all
}

#[test]
fn close_of_every_kind_leaves_each_side_what_the_ledger_says() {
    let bitcoind = Bitcoind::start_with_coins(Options {
        txindex: true,
        ..Options::default()
    });
    let purse = Rc::new(Purse::new(5, 48, &bitcoind));
    println!(
        "| format | confirms | by | HTLC | offered by | commitment | claims of a | claims of b | a has | b has | told |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut wrong = Vec::new();
    for (number, scenario) in (0u8..).zip(scenarios()) {
        let mut run = Run::new(scenario, number, Rc::clone(&purse), &bitcoind);
        run.prepare();
        let report = run.close();
        println!("{}", row(&report));
        wrong.extend(check(&report));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn close_that_a_reorg_replaces_by_the_other_sides_leaves_each_side_what_the_ledger_says() {
    let bitcoind = Bitcoind::start_with_coins(Options {
        txindex: true,
        ..Options::default()
    });
    let purse = Rc::new(Purse::new(6, 48, &bitcoind));
    let mut wrong = Vec::new();
    let newest = scenarios().into_iter().filter(|it| {
        let anchors = it.format == CommitmentFormat::Anchors;
        anchors && it.close == Close::Newest && it.htlc != Htlc::Released
    });
    for (number, scenario) in (0u8..).zip(newest) {
        let mut run = Run::new(scenario, number, Rc::clone(&purse), &bitcoind);
        run.prepare();
        let depth = u32::from(number) % 6 + 1;
        let report = run.close_and_replace(depth);
        println!("{depth} deep {}", row(&report));
        wrong.extend(check(&report));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn row(report: &Report) -> String {
    let Scenario {
        close,
        by,
        htlc,
        offered_by,
        format,
    } = report.scenario;
    let name = |side| match side {
        Side::Holder => "a",
        Side::Counterparty => "b",
    };
    let claims = report.claims.each_ref().map(|claims| {
        let txids = claims.iter().map(|txid| txid.to_string()[..12].to_owned());
        txids.collect::<Vec<_>>().join(" ")
    });
    let told = report
        .outcome
        .map_or_else(String::new, |it| format!("{it:?}"));
    format!(
        "| {format:?} | {close:?} | {} | {htlc:?} | {} | {:.12} | {} | {} | {} | {} | {told} |",
        name(by),
        if htlc == Htlc::None {
            ""
        } else {
            name(offered_by)
        },
        report.commitment.to_string(),
        claims[0],
        claims[1],
        report.received[0].to_sat(),
        report.received[1].to_sat(),
    )
}

/// What is not as it must be.
fn check(report: &Report) -> Option<String> {
    let Scenario { close, htlc, .. } = report.scenario;

    let amounts = report
        .received
        .iter()
        .zip(&report.expected)
        .all(|(got, expected)| got == expected);
    let told = match (close, htlc) {
        (_, Htlc::None) => None,
        // It was fulfilled before the commitment that has it came back, or lives on beside it.
        (
            Close::Revoked | Close::JustRevoked,
            Htlc::Expires | Htlc::Claimed | Htlc::Released | Htlc::Dust,
        ) => report.outcome,
        (Close::Newest | Close::Ahead | Close::Previous, Htlc::Expires | Htlc::Dust) => {
            Some(Outcome::Failed)
        }
        (Close::Newest | Close::Ahead | Close::Previous, Htlc::Claimed | Htlc::Released) => {
            Some(Outcome::Fulfilled)
        }
    };
    // What the commitment lacks is lost as soon as that is irrevocable.
    let late = report.late.is_none_or(|told| told == Some(Outcome::Failed));
    (!amounts || !late || told != report.outcome).then(|| {
        format!(
            "{:?}: has {:?}, must have {:?}; told {:?}, must be {told:?}; late {:?}",
            report.scenario, report.received, report.expected, report.outcome, report.late
        )
    })
}
