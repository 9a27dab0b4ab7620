//! Commitments that are not revoked: in step, one ahead, and the one before, of either side.

use super::htlcs::Fate;
use super::moment::{bring_about, Moment};
use super::report::{print_head, Ended};
use super::stage::Stage;
use super::By;

#[test]
fn commitment_of_the_user_with_every_kind_of_htlc_pays_both_what_the_ledgers_say() {
    close_at_every_moment(By::User);
}

#[test]
fn commitment_of_the_hub_with_every_kind_of_htlc_pays_both_what_the_ledgers_say() {
    close_at_every_moment(By::Hub);
}

fn close_at_every_moment(by: By) {
    let stage = Stage::start();
    print_head();
    let mut wrong = Vec::new();
    for moment in Moment::ALL {
        wrong.extend(close(&stage, moment, by));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stage.world.verify_ledgers();
}

fn close(stage: &Stage, moment: Moment, by: By) -> Vec<String> {
    let pair = stage.open();
    let before = stage.coins();
    let held = stage.hold_all();
    let htlcs = bring_about(stage, &pair, moment, by, held);
    stage.silence_both();
    let closed = stage.api(by).force_close(&pair.id).expect("it closes");
    stage.confirm(&closed.closing_txid, &By::BOTH);
    let ledger = By::BOTH.map(|by| {
        let channel = stage.api(by).channel(&pair.id).expect("the channel");
        channel.local_msat / 1_000
    });
    let claimed = htlcs.iter().filter(|htlc| htlc.fate == Fate::Claimed);
    claimed.for_each(|htlc| stage.settle(htlc));
    let channels = stage.resolve(&pair, &By::BOTH);
    let ended = Ended {
        stage,
        moment,
        by,
        htlcs,
        before: Some(before),
        channels: channels.try_into().expect("two"),
        ledger,
    };
    ended.check()
}
