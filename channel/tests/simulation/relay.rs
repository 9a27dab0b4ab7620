//! A wire that does what BOLT 8 rules out: within one direction and without a disconnection it drops, repeats or moves
//! messages. Neither node may lose anything by that, nor take what breaks an invariant: it refuses and the connection ends,
//! or it goes on properly.

use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::error::{ChannelError, Fault, UpdateError};
use zarnitsa_channel::params::Side;

use crate::world::{Index, World};

/// How good the wire is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// It keeps order and loses nothing while the connection lasts.
    Good,
    /// It does neither.
    Faulty,
    /// It is good again, but was not.
    Mended,
}

impl World {
    /// A slow wire, on which messages queue up and may suffer.
    pub fn relay(&mut self, index: Index) {
        match self.rng.below(12) {
            0..=2 => self.meddle(index),
            3..=6 => {}
            _ => self.deliver(index),
        }
    }

    /// One fault, where there is a message.
    fn meddle(&mut self, index: Index) {
        let length = self.wires[index].len();
        if length == 0 {
            return;
        }
        let (from, to) = (self.rng.index(length), self.rng.index(length));
        match self.rng.below(4) {
            0 => {
                self.log(|| format!("dropped {:?}", self.wires[index][from]));
                self.wires[index].remove(from);
                self.tally.dropped += 1;
            }
            1 => {
                self.log(|| format!("repeated {:?}", self.wires[index][from]));
                let again = self.wires[index][from].clone();
                let place = self.rng.index(length + 1);
                self.wires[index].insert(place, again);
                self.tally.repeated += 1;
            }
            _ if from != to => {
                self.log(|| format!("moved {:?} from {from} to {to}", self.wires[index][from]));
                self.wires[index].swap(from, to);
                self.tally.moved += 1;
            }
            _ => {}
        }
    }

    /// A message that no state can make sense of on this connection.
    pub fn out_of_step(&mut self, index: Index, what: &str) {
        let name = self.nodes[index].name;
        assert_eq!(self.wire, Quality::Faulty, "{name}: {what}");
        self.log(|| format!("{name} refuses: {what}"));
        self.tally.refused += 1;
        self.disconnect();
    }

    /// A message that the machine refused: the connection ends, and the channel too where BOLT 2 wants that.
    pub fn refused(&mut self, index: Index, refusal: &ChannelError) {
        let name = self.nodes[index].name;
        self.log(|| format!("{name} refuses: {refusal:?}"));
        self.tally.refused += 1;
        match self.wire {
            Quality::Good => panic!("{name} refuses {refusal:?}"),
            Quality::Mended => assert!(
                cannot_be_made_good(refusal),
                "{name} still refuses: {refusal:?}"
            ),
            Quality::Faulty => {}
        }
        match refusal.fault() {
            Fault::PeerWarning => self.disconnect(),
            Fault::PeerFailsChannel => {
                self.tally.given_up += 1;
                self.force_closed = true;
                let reason = refusal.to_string();
                self.command(index, Command::Local(LocalCommand::ForceClose { reason }));
            }
            Fault::Ours => panic!("{name} blames itself: {refusal:?}"),
        }
    }

    /// The wire is as BOLT 8 wants it from now on. What it has swallowed comes again after a reconnection, and nothing is
    /// refused any more but what shows that something cannot be made good.
    pub fn mend(&mut self) {
        if self.wire == Quality::Faulty {
            self.disconnect();
            self.wire = Quality::Mended;
        }
    }
}

/// A revocation that overtook its commitment shows in channel_reestablish; a shutdown that overtook an update, in the
/// update that comes again.
fn cannot_be_made_good(refusal: &ChannelError) -> bool {
    let after_shutdown = matches!(
        refusal,
        ChannelError::Update {
            by: Side::Counterparty,
            source: UpdateError::AfterShutdown,
        }
    );
    after_shutdown || matches!(refusal, ChannelError::Reestablish { .. })
}
