//! Channels: openings and steps. The machine decides, this writes.

use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, Txid};
use exonum::crypto::Hash;
use exonum::merkledb::ObjectHash as _;
use exonum::runtime::{ExecutionError, ExecutionFail as _};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::Command;
use zarnitsa_channel::ids::{ChannelId, HtlcId};
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::opening::Opening as Transcript;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{Cause, Channel, Context};

use super::describe::{detail_of, kind_of, Detail, HtlcMark, StepKind};
use super::htlcs::Htlcs;
use super::{Ledger, Outcome};
use crate::errors::{channel_refusal, opening_refusal, ChannelError, OpeningError};
use crate::read::hash_of;
use crate::records::{
    Actor, ChannelRecord, EventKind, Failure, HistoryEntry, HistoryKind, HtlcOnion, HtlcRef,
    Occupied, Policy, Request, RequestArguments, RequestStatus, Route,
};
use crate::service::Memory;
use crate::transactions::{BatchSigned, HtlcAdd, HtlcResolve, JoinedStep, Opening, Step, Steps};

/// What a step brings that is not the machine's.
#[derive(Default)]
pub(super) struct Extra {
    /// Of an HTLC that is added.
    pub(super) onion: Option<HtlcOnion>,
    /// Of an HTLC of ours: the way that it is to go.
    pub(super) route: Option<Route>,
    /// Of an HTLC of ours that the peer fails: what the onion says.
    pub(super) failure: Option<Failure>,
    /// Of an HTLC that fails or that this node fulfils: what travels beside that.
    pub(super) attribution: Vec<u8>,
    /// Of an HTLC of ours that is a forward: its cause.
    pub(super) incoming: Option<HtlcRef>,
    /// It is a part of a step of a whole batch.
    pub(super) with_batch: bool,
}

impl Ledger<'_> {
    /// A channel begins.
    pub(crate) fn opening(mut self, argument: Opening, memory: Memory<'_>) -> Outcome {
        let Opening {
            transcript,
            request,
        } = argument;
        let channel_id = hash_of(&transcript.channel_id().0);
        let outpoint = outpoint_key(transcript.funding());
        if self.read.funding_outpoints().contains(&outpoint) {
            return Err(OpeningError::FundingUsed.into());
        }
        if self.read.channels().contains(&channel_id) {
            return Err(OpeningError::ChannelIdUsed.into());
        }
        let policy = self.known_policy();
        let by = match &transcript {
            Transcript::Opener(_) => {
                self.check_ordered(&transcript, request)?;
                Actor::Holder
            }
            Transcript::Acceptor(_) => {
                let asked = self.asked_for(&transcript);
                self.check_accepted(&transcript, &policy, asked.is_some())?;
                self.note_opened(asked, transcript.channel_id());
                Actor::Counterparty
            }
        };
        let limits = policy.limits_for(transcript.peer());
        let context = Context {
            verifier: memory.verifier,
            limits: &limits,
        };
        let (machine, _) = transcript
            .rebuild(&context)
            .map_err(|error| opening_refusal(&error))?;
        self.schema.funding_outpoints().insert(&outpoint);
        self.schema.live_channels().insert(&channel_id);
        self.note_opened(request, machine.id());
        let record = new_record(&machine, request, self.height);
        let mut moving = Moving {
            record,
            machine,
            entries: Vec::new(),
        };
        let kind = StepKind {
            kind: HistoryKind::Opening,
            by,
        };
        moving.record.machine = memory.machines.encode(&moving.machine);
        self.note_step(&mut moving, kind, (None, Detail::default()));
        self.write_channel(moving);
        self.log(EventKind::ChannelOpened, Some(channel_id.as_bytes()));
        Ok(())
    }

    /// This node opens a channel only as its operator ordered it.
    fn check_ordered(
        &self,
        transcript: &Transcript,
        request: Option<Hash>,
    ) -> Result<(), OpeningError> {
        let request = request
            .and_then(|hash| self.read.requests().get(&hash))
            .filter(|request| request.status == RequestStatus::Pending)
            .ok_or(OpeningError::NotOrdered)?;
        let order = match &request.arguments {
            RequestArguments::OpenChannel(order) if request.channel_id.is_none() => order,
            RequestArguments::OpenBatch(batch) => {
                self.check_batch(&request, transcript)?;
                let order = batch.with(transcript.peer());
                order.ok_or(OpeningError::OtherThanOrdered)?
            }
            RequestArguments::OpenChannel(_)
            | RequestArguments::CloseChannel(_)
            | RequestArguments::AskChannel(_) => return Err(OpeningError::NotOrdered),
        };
        let open = transcript.open();
        let amount = order.amount_sat == Amount::ZERO || order.amount_sat == open.funding_amount;
        let terms = order.push_msat == open.push
            && order.announce == open.announce
            && order.zero_conf == open.channel_type.zero_conf;
        if !amount || !terms || order.peer != *transcript.peer() {
            return Err(OpeningError::OtherThanOrdered);
        }
        Ok(())
    }

    /// One channel with each peer, and one transaction for all.
    fn check_batch(&self, request: &Request, transcript: &Transcript) -> Result<(), OpeningError> {
        for id in &request.channels {
            let Some(other) = self.read.channels().get(&hash_of(&id.0)) else {
                return Err(OpeningError::OtherThanBatch);
            };
            let same_peer = other.peer == *transcript.peer();
            if same_peer || other.funding.txid != transcript.funding().txid {
                return Err(OpeningError::OtherThanBatch);
            }
        }
        Ok(())
    }

    /// The operator's order by which this node asked for the channel that the peer opens. One channel is opened of it; a
    /// second only where the first came to nothing.
    fn asked_for(&self, transcript: &Transcript) -> Option<Hash> {
        let (hash, request) = self.asked_of(transcript.peer())?;
        let RequestArguments::AskChannel(ask) = &request.arguments else {
            return None;
        };
        let first = request
            .channel_id
            .and_then(|id| self.read.channels().get(&hash_of(&id.0)));
        let failed = first.is_none_or(|first| first.state == "failed");
        (failed && ask.amount_sat == transcript.open().funding_amount).then_some(hash)
    }

    /// A peer opens a channel only as the policy allows it, or because it was asked to. What the sizes and numbers must be
    /// is the machine's to check.
    fn check_accepted(
        &self,
        transcript: &Transcript,
        policy: &Policy,
        asked: bool,
    ) -> Result<(), OpeningError> {
        if !asked && !policy.is_among(policy.accept_from, transcript.peer()) {
            return Err(OpeningError::PeerNotAccepted);
        }
        let size = transcript.open().funding_amount;
        if size < policy.min_channel_sat || size > policy.max_channel_sat {
            return Err(OpeningError::SizeNotAccepted);
        }
        policy
            .check_room(transcript.peer(), &self.occupied(transcript.peer()))
            .map_err(|_| OpeningError::TooManyChannels)
    }

    /// The channels that there are and are not closed, as this peer finds them.
    pub(super) fn occupied(&self, peer: &PublicKey) -> Occupied {
        let mut occupied = Occupied::default();
        for id in self.read.live_channels().iter() {
            // A closed one is kept only until no reorg can undo its close.
            let record = self.read.channels().get(&id);
            let Some(record) = record.filter(|record| record.state != "closed") else {
                continue;
            };
            let is_unconfirmed =
                record.opener == Side::Counterparty && record.short_channel_id == 0;
            occupied.count(record.peer == *peer, is_unconfirmed);
        }
        occupied
    }

    /// The order's channel is known from now on, so that a second opening cannot be made of it.
    fn note_opened(&mut self, request: Option<Hash>, id: ChannelId) {
        let Some(hash) = request else { return };
        let Some(mut request) = self.read.requests().get(&hash) else {
            return;
        };
        match request.arguments {
            RequestArguments::OpenChannel(_)
            | RequestArguments::CloseChannel(_)
            | RequestArguments::AskChannel(_) => request.channel_id = Some(id),
            RequestArguments::OpenBatch(_) => request.channels.push(id),
        }
        request.updated_height = self.height;
        self.schema.requests().put(&hash, request);
    }

    /// Every peer of a batch has signed: all channels go on together, or none does.
    pub(crate) fn batch_signed(mut self, argument: BatchSigned, memory: Memory<'_>) -> Outcome {
        let request = self
            .read
            .requests()
            .get(&argument.request)
            .filter(|request| request.status == RequestStatus::Pending)
            .ok_or(OpeningError::NotOrdered)?;
        let RequestArguments::OpenBatch(order) = &request.arguments else {
            return Err(OpeningError::NotOrdered.into());
        };
        let mut named: Vec<ChannelId> =
            argument.openings.iter().map(|one| one.channel_id).collect();
        let mut of_batch = request.channels.clone();
        named.sort_unstable();
        of_batch.sort_unstable();
        if named != of_batch || named.len() != order.channels.len() {
            return Err(OpeningError::OtherThanBatch.into());
        }
        for opening in argument.openings {
            let extra = Extra {
                with_batch: true,
                ..Extra::default()
            };
            self.move_channel(vec![(opening.into_step(), extra)], memory)?;
        }
        self.asks_opened(&argument.request, &request.channels);
        Ok(())
    }

    /// The funding_signed of a channel of a batch is never stored alone: on it the opening transaction would leave.
    fn check_not_of_batch(&self, record: &ChannelRecord, step: &Step) -> Result<(), OpeningError> {
        let Command::Peer {
            message: PeerMessage::FundingSigned { .. },
            ..
        } = &step.command
        else {
            return Ok(());
        };
        let request = record
            .request
            .and_then(|hash| self.read.requests().get(&hash));
        match request.map(|request| request.arguments) {
            Some(RequestArguments::OpenBatch(_)) => Err(OpeningError::PartOfBatch),
            Some(
                RequestArguments::OpenChannel(_)
                | RequestArguments::CloseChannel(_)
                | RequestArguments::AskChannel(_),
            )
            | None => Ok(()),
        }
    }

    /// A step that brings nothing but its command.
    pub(crate) fn step(mut self, step: Step, memory: Memory<'_>) -> Outcome {
        self.move_channel(vec![(step, Extra::default())], memory)
    }

    /// update_add_htlc.
    pub(crate) fn htlc_add(mut self, argument: HtlcAdd, memory: Memory<'_>) -> Outcome {
        self.move_channel(vec![of_add(argument)], memory)
    }

    /// An HTLC is fulfilled or failed.
    pub(crate) fn htlc_resolve(mut self, argument: HtlcResolve, memory: Memory<'_>) -> Outcome {
        self.move_channel(vec![of_resolve(argument)], memory)
    }

    /// Steps of one channel that came together.
    pub(crate) fn steps(mut self, argument: Steps, memory: Memory<'_>) -> Outcome {
        let steps = argument.into_steps().into_iter().map(with_extra);
        self.move_channel(steps.collect(), memory)
    }

    /// Of one channel. Its record is read and written once.
    fn move_channel(&mut self, steps: Vec<(Step, Extra)>, memory: Memory<'_>) -> Outcome {
        let Some(id) = steps.first().map(|(step, _)| step.channel_id) else {
            return Ok(());
        };
        let key = hash_of(&id.0);
        let record = self
            .read
            .channels()
            .get(&key)
            .ok_or(ChannelError::UnknownChannel)?;
        let machine = memory
            .machines
            .decode(&id, &record.machine)
            .map_err(|error| ChannelError::InvariantBroken.with_description(error))?;
        let before = record.state.clone();
        let mut moving = Moving {
            record,
            machine,
            entries: Vec::new(),
        };
        for (step, extra) in steps {
            moving = self.take_step(moving, step, extra, memory)?;
        }
        let event = if moving.record.state == before {
            EventKind::ChannelUpdated
        } else {
            EventKind::ChannelStateChanged
        };
        moving.record.machine = memory.machines.encode(&moving.machine);
        self.write_channel(moving);
        self.log(event, Some(key.as_bytes()));
        Ok(())
    }

    fn take_step(
        &mut self,
        mut moving: Moving,
        step: Step,
        extra: Extra,
        memory: Memory<'_>,
    ) -> Result<Moving, ExecutionError> {
        let next = moving.next_step();
        if step.number != next {
            let got = step.number;
            return Err(ChannelError::WrongStep
                .with_description(format!("step {got} where {next} was next")));
        }
        if !extra.with_batch {
            self.check_not_of_batch(&moving.record, &step)?;
        }
        let cause = self.check_htlc_step(&step, extra.incoming.as_ref(), extra.route.as_ref())?;
        let before = Htlcs::of(&moving.machine);
        let kind = kind_of(&step.command);
        let detail = detail_of(&step.command);
        let limits = self.known_policy().limits();
        let context = Context {
            verifier: memory.verifier,
            limits: &limits,
        };
        let (after, actions) = moving
            .machine
            .handle(step.command, &context)
            .map_err(|error| channel_refusal(&error))?;
        let htlcs = Htlcs::of(&after);
        let changed = self.write_htlcs(&before, &htlcs, extra, cause);
        self.follow_events(&before, &htlcs, &actions);
        let changed = changed.filter(|_| kind.is_of_htlc());
        moving.machine = after;
        self.note_step(&mut moving, kind, (changed, detail));
        Ok(moving)
    }

    pub(super) fn known_policy(&self) -> Policy {
        // `initialize` sets it before any transaction can come.
        self.read.policy().get().unwrap_or_else(Policy::user)
    }

    /// What its history says of the step that has brought the channel where it is.
    fn note_step(
        &self,
        moving: &mut Moving,
        step: StepKind,
        (htlc, detail): (Option<HtlcMark>, Detail),
    ) {
        let record = &mut moving.record;
        update_record(record, &moving.machine, self.height);
        let htlc = htlc.unwrap_or(HtlcMark {
            id: HtlcId(0),
            amount: Msat::ZERO,
        });
        moving.entries.push(HistoryEntry {
            kind: step.kind,
            by: step.by,
            state: record.state.clone(),
            commitment_number: record.commitment_number,
            counterparty_commitment_number: record.counterparty_commitment_number,
            local_msat: record.local_msat,
            remote_msat: record.remote_msat,
            amount_msat: htlc.amount,
            htlc_id: htlc.id,
            tx_hash: self.tx_hash,
            height: self.height,
            txid: detail.txid,
            note: detail.note,
        });
    }

    /// Writes the channel's record, which has the machine's bytes, and appends to its history.
    fn write_channel(&mut self, moving: Moving) {
        let Moving {
            mut record,
            machine,
            entries,
        } = moving;
        let key = hash_of(&record.channel_id.0);
        let mut history = self.schema.history().get(&key);
        history.extend(entries);
        record.history_hash = history.object_hash();
        record.history_len = history.len();
        drop(history);
        if is_over(&machine) {
            self.schema.live_channels().remove(&key);
        }
        self.schema.channels().put(&key, record);
    }
}

/// A channel between its steps of one transaction.
struct Moving {
    record: ChannelRecord,
    machine: Channel,
    /// What its history gets.
    entries: Vec<HistoryEntry>,
}

impl Moving {
    fn next_step(&self) -> u64 {
        let taken = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.record.history_len.saturating_add(taken)
    }
}

fn with_extra(step: JoinedStep) -> (Step, Extra) {
    match step {
        JoinedStep::Commitment(one) => (one.into_step(), Extra::default()),
        JoinedStep::Revocation(one) => (one.into_step(), Extra::default()),
        JoinedStep::FeeUpdate(one) => (one.into_step(), Extra::default()),
        JoinedStep::HtlcAdd(one) => of_add(*one),
        JoinedStep::HtlcResolve(one) => of_resolve(*one),
    }
}

fn of_add(argument: HtlcAdd) -> (Step, Extra) {
    let (step, onion, (incoming, route)) = argument.into_parts();
    let extra = Extra {
        onion: Some(onion),
        incoming,
        route,
        ..Extra::default()
    };
    (step, extra)
}

fn of_resolve(argument: HtlcResolve) -> (Step, Extra) {
    let (step, failure, attribution) = argument.into_parts();
    let extra = Extra {
        failure,
        attribution,
        ..Extra::default()
    };
    (step, extra)
}

pub(super) fn is_over(machine: &Channel) -> bool {
    machine.is_over()
}

fn new_record(machine: &Channel, request: Option<Hash>, height: u64) -> ChannelRecord {
    let params = machine.params();
    ChannelRecord {
        channel_id: params.channel_id,
        peer: params.peer,
        state: String::new(),
        opener: params.opener,
        format: params.channel_type.format,
        announced: params.announce,
        capacity_sat: params.capacity,
        local_msat: Msat::ZERO,
        remote_msat: Msat::ZERO,
        offered_msat: Msat::ZERO,
        received_msat: Msat::ZERO,
        commitment_number: 0,
        counterparty_commitment_number: 0,
        funding: params.funding,
        short_channel_id: 0,
        closing_txid: None,
        request,
        opened_height: height,
        updated_height: height,
        history_hash: Hash::zero(),
        history_len: 0,
        machine: Vec::new(),
    }
}

fn update_record(record: &mut ChannelRecord, machine: &Channel, height: u64) {
    let balances = machine.balances();
    let (holder, counterparty) = machine.commitment_numbers();
    record.state = machine.state_name().to_owned();
    record.local_msat = balances.local;
    record.remote_msat = balances.remote;
    record.offered_msat = balances.offered;
    record.received_msat = balances.received;
    record.commitment_number = holder;
    record.counterparty_commitment_number = counterparty;
    // What was known once stays known: a closed channel keeps its place in the chain.
    record.short_channel_id = machine
        .short_channel_id()
        .unwrap_or(record.short_channel_id);
    record.closing_txid = closing_txid(machine);
    record.updated_height = height;
}

/// Of the transaction that ends the channel, once one is seen, agreed or to be broadcast.
fn closing_txid(machine: &Channel) -> Option<Txid> {
    match machine {
        Channel::Closed(state) => Some(state.txid),
        Channel::Closing(state) => {
            if let Some(spend) = state.spend() {
                return Some(spend.transaction.compute_txid());
            }
            match state.cause() {
                Cause::Mutual { .. } => machine.agreed_closing().map(|(tx, _)| tx.txid()),
                Cause::Alone { .. } => machine.holder_commitment().map(|it| it.commitment.txid()),
                Cause::Seen | Cause::DataLost => None,
            }
        }
        Channel::AwaitingFundingSigned(_)
        | Channel::AwaitingConfirmations(_)
        | Channel::AwaitingPeerReady(_)
        | Channel::Normal(_)
        | Channel::ShuttingDown(_)
        | Channel::NegotiatingClosing(_)
        | Channel::Failed(_) => None,
    }
}

fn outpoint_key(outpoint: OutPoint) -> Vec<u8> {
    let mut key = outpoint.txid.to_byte_array().to_vec();
    key.extend_from_slice(&outpoint.vout.to_be_bytes());
    key
}
