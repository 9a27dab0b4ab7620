//! The chain, as far as the opening transaction goes: it confirms, a reorg takes it out, it confirms again elsewhere. Each
//! node hears of that when chance has it look.

use zarnitsa_channel::command::{ChainEvent, Command};
use zarnitsa_channel::error::{ChainError, ChannelError};
use zarnitsa_channel::state::Channel;

use crate::support::pair::confirmed_at;
use crate::world::{Index, World};

/// The height at which [`Pair::normal`](crate::support::pair::Pair::normal) has the opening transaction.
const FIRST_HEIGHT: u32 = 100;

pub struct Chain {
    /// The opener has handed the opening transaction out: a block may have it at any time.
    pub is_broadcast: bool,
    height: u32,
    /// The block that has it now.
    mined: Option<u32>,
}

impl Chain {
    /// Nobody has heard of the opening transaction.
    pub fn empty() -> Self {
        Self {
            is_broadcast: false,
            height: FIRST_HEIGHT,
            mined: None,
        }
    }

    /// It is where both nodes know it to be.
    pub fn confirmed() -> Self {
        Self {
            is_broadcast: true,
            height: FIRST_HEIGHT,
            mined: Some(FIRST_HEIGHT),
        }
    }
}

impl World {
    /// A block, a reorg, or news of one that reaches a node.
    pub fn chain_moves(&mut self) {
        match self.rng.below(8) {
            0 => self.mine(),
            1 if self.chain.mined.is_some() => {
                self.log(|| "reorg".to_owned());
                self.chain.mined = None;
            }
            2 => {
                let index = self.rng.index(2);
                self.look_too_early(index);
            }
            _ => {
                let index = self.rng.index(2);
                self.look(index);
            }
        }
    }

    pub fn mine(&mut self) {
        if self.chain.is_broadcast && self.chain.mined.is_none() {
            self.chain.height += 1;
            self.chain.mined = Some(self.chain.height);
            self.log(|| format!("mined at {}", self.chain.height));
        }
    }

    fn watches(&self, index: Index) -> bool {
        let memory = &self.nodes[index].memory;
        !matches!(
            memory,
            Channel::AwaitingFundingSigned(_) | Channel::Failed(_)
        )
    }

    /// What a node knows of the opening transaction is what the chain has.
    pub fn is_in_step_with_chain(&self, index: Index) -> bool {
        let confirmation = self.nodes[index].memory.confirmation();
        self.chain.mined == confirmation.map(|found| found.block_height)
    }

    /// The node's adapter reports what it has missed: first what is gone, then what is new.
    pub fn look(&mut self, index: Index) {
        if !self.watches(index) || self.is_in_step_with_chain(index) {
            return;
        }
        let memory = &self.nodes[index].memory;
        let event = match (memory.confirmation(), self.chain.mined) {
            (None, Some(height)) => confirmed_at(memory.params(), height),
            (Some(_), _) | (None, None) => ChainEvent::OpeningReorged,
        };
        match event {
            ChainEvent::OpeningReorged => self.tally.reorgs += 1,
            _ => self.tally.confirmations += 1,
        }
        self.tally.amid_payments += u64::from(memory.htlcs().next().is_some());
        let before = Standing::of(memory);
        self.log(|| format!("{} sees {event:?}", self.nodes[index].name));
        self.command(index, Command::Chain(event));
        let after = Standing::of(&self.nodes[index].memory);
        assert_eq!(before, after, "a block moves no money");
    }

    /// A block that does not bury the opening transaction deep enough is no news.
    fn look_too_early(&mut self, index: Index) {
        let node = &self.nodes[index];
        let needed = node.memory.params().minimum_depth;
        if needed < 2 || !self.watches(index) {
            return;
        }
        let got = needed - 1;
        let mut event = confirmed_at(node.memory.params(), self.chain.height);
        if let ChainEvent::OpeningConfirmed { confirmations, .. } = &mut event {
            *confirmations = got;
        }
        let connection = self.connection;
        let refusal = self.nodes[index].handle(Command::Chain(event), connection);
        let shallow = ChannelError::Chain(ChainError::TooShallow { needed, got });
        assert_eq!(refusal, Err(shallow));
        self.tally.shallow += 1;
    }
}

/// What a change of the chain must leave alone.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    balances: zarnitsa_channel::state::Balances,
    numbers: (u64, u64),
    htlcs: Vec<zarnitsa_channel::htlc::Htlc>,
}

impl Standing {
    fn of(channel: &Channel) -> Self {
        Self {
            balances: channel.balances(),
            numbers: channel.commitment_numbers(),
            htlcs: channel.htlcs().cloned().collect(),
        }
    }
}
