//! The moment at which a channel is closed: what each side has signed and revoked by then.

use zarnitsa_tests::wait;
use zarnitsa_tests::world::Pair;

use super::htlcs::{find, Fate, Htlc};
use super::stage::Stage;
use super::By;

/// Which commitment its owner broadcasts, as the other side knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The newest: both are in step.
    Newest,
    /// One that adds an HTLC, while the revocation of the one before has not arrived.
    AheadByAdd,
    /// One that removes an HTLC, likewise.
    AheadByRemoval,
    /// The one before the newest that the other has signed: its owner never heard of that, and has not revoked this one.
    Previous,
}

impl Moment {
    pub const ALL: [Self; 4] = [
        Self::Newest,
        Self::AheadByAdd,
        Self::AheadByRemoval,
        Self::Previous,
    ];
}

/// Numbers of `by`'s commitment: as it has it, and as the other last signed it.
fn numbers(stage: &Stage, by: By, pair: &Pair) -> (u64, u64) {
    let own = stage.api(by).channel(&pair.id).expect("the channel");
    let other = stage
        .api(by.other())
        .channel(&pair.id)
        .expect("the channel");
    (own.commitment_number, other.peer_commitment_number)
}

fn until_numbers(stage: &Stage, by: By, pair: &Pair, own: u64, signed: u64) {
    wait::until("the commitments are where they are to be", || {
        (numbers(stage, by, pair) == (own, signed)).then_some(())
    });
}

/// Makes it the moment for `by`, with these HTLCs held. Those of them that stand then, and one more where that is the moment.
pub fn bring_about(
    stage: &Stage,
    pair: &Pair,
    moment: Moment,
    by: By,
    mut htlcs: Vec<Htlc>,
) -> Vec<Htlc> {
    let other = by.other();
    // The payee of what the other pays is `by` itself.
    let (of_by, of_other) = (
        find(&htlcs, Fate::Released, by),
        find(&htlcs, Fate::Released, other),
    );
    let (before, signed) = numbers(stage, by, pair);
    assert_eq!(before, signed, "in step");
    stage.silence(by);
    match moment {
        Moment::Newest => {
            stage.settle(&of_other);
            // While the other hears nothing it cannot have released anything that `by` has not answered: it expires.
            htlcs.retain(|htlc| htlc.hash != of_by.hash);
            htlcs.push(Htlc {
                fate: Fate::Expires,
                ..of_by
            });
            until_numbers(stage, by, pair, before, before);
        }
        Moment::AheadByAdd => {
            htlcs.push(stage.offer(Fate::Late, other));
            until_numbers(stage, by, pair, before + 1, before + 1);
            stage.settle(&of_by);
            stage.settle(&of_other);
        }
        Moment::AheadByRemoval => {
            stage.settle(&of_other);
            stage.settle(&of_by);
            until_numbers(stage, by, pair, before + 1, before + 1);
        }
        Moment::Previous => {
            stage.silence(other);
            htlcs.push(stage.offer(Fate::Late, other));
            until_numbers(stage, by, pair, before, before + 1);
            stage.settle(&of_by);
            stage.settle(&of_other);
        }
    }
    htlcs
}
