//! Execution of the ledger transactions: each step is checked first, then written. A refusal takes back all that the
//! transaction has written before.

mod asks;
mod channels;
mod describe;
mod forwards;
mod htlcs;
mod invoices;
mod payments;
mod requests;

use exonum::crypto::{Hash, PublicKey};
use exonum::merkledb::access::Prefixed;
use exonum::merkledb::{Fork, ReadonlyFork};
use exonum::runtime::{CommonError, ExecutionContext, ExecutionError, ExecutionFail as _};

use crate::errors::{ChannelError, OperatorError};
use crate::read::hash_of;
use crate::records::{Event, EventKind};
use crate::schema::Schema;
use crate::transactions::{ChannelPolicyChange, PolicyChange};

/// What every execution gives.
pub(crate) type Outcome = Result<(), ExecutionError>;

/// Whose signature a method asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    Operator,
    Node,
    OperatorOrNode,
}

/// The ledger during one transaction.
pub(crate) struct Ledger<'a> {
    /// For writing: while an index of it lives, the same one must not be opened again. In the head of an `if let` or a
    /// `match` it would live as long as the body.
    schema: Schema<Prefixed<&'a Fork>>,
    /// The same for reading, which leaves no trace in the block.
    read: Schema<Prefixed<ReadonlyFork<'a>>>,
    tx_hash: Hash,
    height: u64,
}

impl<'a> Ledger<'a> {
    /// Begins a transaction, if its author may make it.
    pub(crate) fn enter(
        context: &'a ExecutionContext<'_>,
        allowed: Author,
    ) -> Result<Self, ExecutionError> {
        let author = context
            .caller()
            .author()
            .ok_or(CommonError::UnauthorizedCaller)?;
        let tx_hash = context
            .transaction_hash()
            .ok_or(CommonError::UnauthorizedCaller)?;
        let ledger = Self {
            schema: Schema::new(context.service_data()),
            read: Schema::new(Prefixed::new(
                context.instance().name.as_str(),
                context.data().unstructured_access(),
            )),
            tx_hash,
            height: context.data().for_core().next_height().0,
        };
        if !ledger.may(author, allowed) {
            return Err(CommonError::UnauthorizedCaller.into());
        }
        Ok(ledger)
    }

    fn may(&self, author: PublicKey, allowed: Author) -> bool {
        let Some(config) = self.read.config().get() else {
            return false;
        };
        let operator = author == config.operator_key;
        let node = author == config.node_key;
        match allowed {
            Author::Operator => operator,
            Author::Node => node,
            Author::OperatorOrNode => operator || node,
        }
    }

    /// Sets the policy.
    pub(crate) fn policy(mut self, argument: PolicyChange) -> Outcome {
        argument
            .policy
            .check()
            .map_err(|broken| OperatorError::BadPolicy.with_description(broken))?;
        self.schema.policy().set(argument.policy);
        self.log(EventKind::PolicyChanged, None);
        Ok(())
    }

    /// Sets what one channel forwards for, or gives it back to the policy.
    pub(crate) fn channel_policy(mut self, argument: ChannelPolicyChange) -> Outcome {
        let key = hash_of(&argument.channel_id.0);
        if !self.read.channels().contains(&key) {
            return Err(ChannelError::UnknownChannel.into());
        }
        match argument.policy {
            Some(policy) => {
                if policy.channel_id != argument.channel_id {
                    let broken = "the policy is for another channel";
                    return Err(OperatorError::BadPolicy.with_description(broken));
                }
                policy
                    .check()
                    .map_err(|broken| OperatorError::BadPolicy.with_description(broken))?;
                self.schema.channel_policies().put(&key, policy);
            }
            None => self.schema.channel_policies().remove(&key),
        }
        self.log(EventKind::ChannelPolicyChanged, Some(key.as_bytes()));
        Ok(())
    }

    /// Appends to the numbered log.
    fn log(&mut self, kind: EventKind, subject: Option<[u8; 32]>) {
        self.schema.events().push(Event {
            kind,
            subject,
            tx_hash: self.tx_hash,
            height: self.height,
        });
    }
}
