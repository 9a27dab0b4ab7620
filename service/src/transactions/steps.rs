//! Steps of one channel in one transaction.

use anyhow::{bail, ensure, Result};
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;

use super::step::Step;
use super::{Commitment, FeeUpdate, HtlcAdd, HtlcResolve, Revocation};
use crate::proto::{self, ChannelStep_oneof_step as Pb};

/// The most steps that one transaction has: an onion goes with an HTLC that is added, and a transaction has its bounds.
pub const MAX_STEPS: usize = 64;

/// Steps of one channel that came together: all of them are taken, or none is. At least one and at most [`MAX_STEPS`], and
/// each with the number after the one before it.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub struct Steps(Vec<JoinedStep>);

/// A step that may stand beside others: what a channel does all day. Others stand alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinedStep {
    /// commitment_signed.
    Commitment(Commitment),
    /// The peer's revoke_and_ack.
    Revocation(Revocation),
    /// update_add_htlc.
    HtlcAdd(Box<HtlcAdd>),
    /// An HTLC is fulfilled or failed.
    HtlcResolve(Box<HtlcResolve>),
    /// update_fee.
    FeeUpdate(FeeUpdate),
}

impl JoinedStep {
    /// The command and its channel.
    pub fn step(&self) -> &Step {
        match self {
            Self::Commitment(one) => one.step(),
            Self::Revocation(one) => one.step(),
            Self::HtlcAdd(one) => one.step(),
            Self::HtlcResolve(one) => one.step(),
            Self::FeeUpdate(one) => one.step(),
        }
    }

    /// The command and its channel.
    pub fn into_step(self) -> Step {
        match self {
            Self::Commitment(one) => one.into_step(),
            Self::Revocation(one) => one.into_step(),
            Self::HtlcAdd(one) => one.into_parts().0,
            Self::HtlcResolve(one) => one.into_parts().0,
            Self::FeeUpdate(one) => one.into_step(),
        }
    }
}

impl Steps {
    /// Nothing is checked here: what is wrong is refused when the transaction is executed.
    pub(crate) fn new(steps: Vec<JoinedStep>) -> Self {
        Self(steps)
    }

    /// In their order.
    pub fn into_steps(self) -> Vec<JoinedStep> {
        self.0
    }

    fn check(&self) -> Result<()> {
        let count = self.0.len();
        ensure!(
            (1..=MAX_STEPS).contains(&count),
            "steps: {count} where 1 to {MAX_STEPS} may be"
        );
        for pair in self.0.windows(2) {
            let [one, next] = pair else { continue };
            let (one, next) = (one.step(), next.step());
            ensure!(
                next.channel_id == one.channel_id,
                "steps of different channels"
            );
            ensure!(
                Some(next.number) == one.number.checked_add(1),
                "step {} after step {}",
                next.number,
                one.number
            );
        }
        Ok(())
    }
}

impl ProtobufConvert for Steps {
    type ProtoStruct = proto::Steps;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = proto::Steps::new();
        pb.set_steps(self.0.iter().map(to_pb).collect());
        pb
    }

    fn from_pb(pb: Self::ProtoStruct) -> Result<Self> {
        let steps = pb.steps.into_iter().map(from_pb);
        let steps = Self(steps.collect::<Result<_>>()?);
        steps.check()?;
        Ok(steps)
    }
}

fn to_pb(step: &JoinedStep) -> proto::ChannelStep {
    let mut pb = proto::ChannelStep::new();
    match step {
        JoinedStep::Commitment(one) => pb.set_commitment(one.to_pb()),
        JoinedStep::Revocation(one) => pb.set_revocation(one.to_pb()),
        JoinedStep::HtlcAdd(one) => pb.set_htlc_add(one.to_pb()),
        JoinedStep::HtlcResolve(one) => pb.set_htlc_resolve(one.to_pb()),
        JoinedStep::FeeUpdate(one) => pb.set_fee_update(one.to_pb()),
    }
    pb
}

fn from_pb(pb: proto::ChannelStep) -> Result<JoinedStep> {
    Ok(match pb.step {
        Some(Pb::commitment(one)) => JoinedStep::Commitment(Commitment::from_pb(one)?),
        Some(Pb::revocation(one)) => JoinedStep::Revocation(Revocation::from_pb(one)?),
        Some(Pb::htlc_add(one)) => JoinedStep::HtlcAdd(Box::new(HtlcAdd::from_pb(one)?)),
        Some(Pb::htlc_resolve(one)) => {
            JoinedStep::HtlcResolve(Box::new(HtlcResolve::from_pb(one)?))
        }
        Some(Pb::fee_update(one)) => JoinedStep::FeeUpdate(FeeUpdate::from_pb(one)?),
        None => bail!("steps: one that is none, or not known"),
    })
}
