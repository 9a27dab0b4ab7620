//! Two lives of a channel, as the ledger transactions of one of its nodes.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Transaction, TxIn, Witness};
use exonum::messages::{AnyTx, Verified};
use zarnitsa_channel::command::{ChainEvent, LocalCommand};
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{Claim, ClaimSpend};
use zarnitsa_service::records::Genesis;

use crate::world::{config, World};

/// How the channel ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By this node's own commitment.
    Forced,
    /// By a commitment that the peer had revoked.
    Punished,
}

/// What the node's ledger began with, and every transaction on it, in their order.
pub struct Life {
    pub genesis: Genesis,
    pub transactions: Vec<Verified<AnyTx>>,
}

/// Opened, paid over in both directions, with an HTLC left in it, and closed.
pub fn life(end: End) -> Life {
    let mut world = World::normal(&config(), 7);
    world.pay(Side::Holder, 5_000_000);
    let old = world.b.party.channel.holder_commitment().unwrap();
    world.pay(Side::Counterparty, 2_000_000);
    let preimage = world.new_preimage();
    world.order(Side::Holder, 9_000_000, preimage);
    world.offer(Side::Holder, 9_000_000, preimage);
    let commitment = match end {
        End::Forced => {
            let reason = "a test".to_owned();
            world.a.local(LocalCommand::ForceClose { reason });
            world.a.party.channel.holder_commitment().unwrap()
        }
        End::Punished => old,
    };
    world.a.chain(ChainEvent::FundingSpent {
        transaction: Box::new(commitment.commitment.tx().clone()),
        block_height: 700,
    });
    for height in [710, 720] {
        for claim in world.a.party.channel.claims() {
            let outpoint = claim.outpoint;
            world.a.chain(ChainEvent::OutputSpent {
                outpoint,
                transaction: Box::new(transaction_of(&claim)),
                block_height: height,
            });
        }
    }
    world.a.chain(ChainEvent::OutputReorged {
        outpoint: world.a.party.channel.resolution().unwrap().outputs()[0].outpoint,
    });
    for claim in world.a.party.channel.claims() {
        let outpoint = claim.outpoint;
        world.a.chain(ChainEvent::OutputSpent {
            outpoint,
            transaction: Box::new(transaction_of(&claim)),
            block_height: 725,
        });
    }
    world.a.chain(ChainEvent::SpendBuried { block_height: 740 });
    assert_eq!(world.a.party.channel.state_name(), "closed");
    world.a.chain(ChainEvent::SpendBuried { block_height: 900 });
    assert!(world.a.party.channel.is_over());
    Life {
        genesis: world.a.node.genesis.clone(),
        transactions: world.a.node.log.clone(),
    }
}

/// A spend of the right shape: what a witness proves is not the machine's to check.
fn transaction_of(claim: &Claim) -> Transaction {
    let (item, output) = match &claim.spend {
        ClaimSpend::Output(_) => (vec![1], Vec::new()),
        ClaimSpend::SecondStage { stage, .. } => (Vec::new(), stage.tx().output.clone()),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: claim.outpoint,
            witness: Witness::from_slice(&[vec![7; 71], item, vec![8; 40]]),
            ..TxIn::default()
        }],
        output,
    }
}
