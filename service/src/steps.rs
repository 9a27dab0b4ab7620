//! A channel's steps, out of the ledger's transactions: for whoever follows a channel from its beginning again.

use exonum::merkledb::BinaryValue;
use exonum::messages::{AnyTx, Verified};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::opening::Opening as Transcript;

use crate::transactions::{
    BatchSigned, ChainStep, Closing, Commitment, FeeUpdate, HtlcAdd, HtlcResolve, JoinedStep,
    Opening, Ready, Reestablish, Revocation, Step, Steps,
};
use crate::INSTANCE_ID;

/// The method of `LightningInterface` that carries several steps.
const STEPS: u32 = 24;

/// What a transaction did to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelStep {
    /// It began.
    Opening(Box<Transcript>),
    /// It was moved.
    Moved(Box<Step>),
}

impl ChannelStep {
    /// How many steps the channel had made before this one.
    pub fn number(&self) -> u64 {
        match self {
            Self::Opening(_) => 0,
            Self::Moved(step) => step.number,
        }
    }
}

/// What the transaction did to this channel, in order: nothing where it is about another one, or cannot be read.
pub fn channel_steps(message: &Verified<AnyTx>, id: &ChannelId) -> Vec<ChannelStep> {
    let call = message.payload();
    if (call.call_info.instance_id, call.call_info.method_id) != (INSTANCE_ID, STEPS) {
        return channel_step(message, id).into_iter().collect();
    }
    let steps = read::<Steps>(&call.arguments).map(Steps::into_steps);
    let steps = steps.into_iter().flatten().map(JoinedStep::into_step);
    steps
        .filter(|step| step.channel_id == *id)
        .map(|step| ChannelStep::Moved(Box::new(step)))
        .collect()
}

fn channel_step(message: &Verified<AnyTx>, id: &ChannelId) -> Option<ChannelStep> {
    let call = message.payload();
    if call.call_info.instance_id != INSTANCE_ID {
        return None;
    }
    let bytes = call.arguments.as_slice();
    // The numbers of `LightningInterface`'s methods.
    let step = match call.call_info.method_id {
        0 => {
            let transcript = read::<Opening>(bytes)?.transcript;
            let is_it = transcript.channel_id() == *id;
            return is_it.then(|| ChannelStep::Opening(Box::new(transcript)));
        }
        1 => read::<Commitment>(bytes)?.into_step(),
        2 => read::<Revocation>(bytes)?.into_step(),
        3 => read::<HtlcAdd>(bytes)?.into_parts().0,
        4 => read::<HtlcResolve>(bytes)?.into_parts().0,
        5 => read::<FeeUpdate>(bytes)?.into_step(),
        6 => read::<Ready>(bytes)?.into_step(),
        7 => read::<Reestablish>(bytes)?.into_step(),
        8 => read::<Closing>(bytes)?.into_step(),
        9 => read::<ChainStep>(bytes)?.into_step(),
        19 => {
            let openings = read::<BatchSigned>(bytes)?.openings;
            let mut openings = openings.into_iter();
            openings.find(|one| one.channel_id == *id)?.into_step()
        }
        _ => return None,
    };
    (step.channel_id == *id).then(|| ChannelStep::Moved(Box::new(step)))
}

fn read<T: BinaryValue>(bytes: &[u8]) -> Option<T> {
    T::from_bytes(bytes.into()).ok()
}
