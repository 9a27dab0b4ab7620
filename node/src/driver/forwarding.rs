//! Payments of others, passed on: the HTLC out is offered in one ledger transaction that names the HTLC in, and what
//! becomes of it is done to the HTLC in at once.
//!
//! What is owed follows from the ledger: an HTLC in that waits has a record with its other half, and that says whether it
//! is to be claimed, failed, or waited for. What is kept here is only how far this process is ahead of the disk.

use std::collections::HashMap;
use std::time::Instant;

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::MessageSendEvent;
use zarnitsa_channel::action::{Event, FailureReason};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::htlc::{Htlc, HtlcState, Stage};
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentPreimage};
use zarnitsa_channel::message::UpdateAddHtlc;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::Channel;
use zarnitsa_peer::onion::{self, Attribution, Failure};
use zarnitsa_service::records::{HtlcKey, HtlcRecord, HtlcRef, ReturnedFailure};
use zarnitsa_service::Attachment;

use crate::channel_update::{NamedBy, Terms};
use crate::server_handler::forwarding::{
    places_for_one_peer, way_for, Ability, NotForwarded, Way, Wish,
};
use crate::shared::Shared;

use super::attributing::Behind;
use super::live::Live;
use super::step::{Step, Todo};
use super::Driver;

/// BOLT 7, channel_update: BOLT 4 has it in failures with its type before it.
const CHANNEL_UPDATE_TYPE: u16 = 258;

/// Names an HTLC of a channel; which side offers it is clear where it stands.
pub(super) type Name = (ChannelId, HtlcId);

/// The cause of an HTLC out.
#[derive(Debug)]
pub(super) struct Link {
    incoming: Name,
    /// When it was passed on, if that was in this process.
    since: Option<Instant>,
    /// It went on within a blinded path: what comes from there goes no further.
    hidden: bool,
    /// What came beside its preimage.
    attribution: Option<Attribution>,
}

impl Link {
    /// From before this process: nobody knows since when.
    fn old(incoming: Name) -> Self {
        Self {
            incoming,
            since: None,
            hidden: false,
            attribution: None,
        }
    }

    /// For how many tenths of a second the HTLC was here; 0 where nobody has looked at the clock (BOLT 4, "Returning
    /// Errors").
    fn held(&self) -> u32 {
        let held = self
            .since
            .map_or(0, |since| since.elapsed().as_millis() / 100);
        u32::try_from(held).unwrap_or(u32::MAX)
    }
}

/// HTLCs out that live, and the HTLCs in that cause them.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_outgoing: HashMap<Name, Link>,
    by_incoming: HashMap<Name, Name>,
}

impl Links {
    /// It is passed on now.
    pub(super) fn insert(&mut self, outgoing: Name, incoming: Name, hidden: bool) {
        let link = Link {
            since: Some(Instant::now()),
            hidden,
            ..Link::old(incoming)
        };
        self.link(outgoing, link);
    }

    /// It was passed on before this process began.
    fn restore(&mut self, outgoing: Name, incoming: Name, hidden: bool) {
        let known = self.by_outgoing.get(&outgoing);
        if known.is_none_or(|link| link.incoming != incoming) {
            let link = Link {
                hidden,
                ..Link::old(incoming)
            };
            self.link(outgoing, link);
        }
    }

    fn link(&mut self, outgoing: Name, link: Link) {
        self.by_incoming.insert(link.incoming, outgoing);
        self.by_outgoing.insert(outgoing, link);
    }

    /// The preimage of the HTLC out came with this beside it.
    pub(super) fn came_with(&mut self, outgoing: Name, attribution: Attribution) {
        let link = self.by_outgoing.get_mut(&outgoing);
        if let Some(link) = link.filter(|link| !link.hidden) {
            link.attribution = Some(attribution);
        }
    }

    fn incoming_of(&self, outgoing: Name) -> Option<Name> {
        self.by_outgoing.get(&outgoing).map(|link| link.incoming)
    }

    /// Whether the HTLC in has its other half already, be that on disk or not.
    pub(super) fn is_forwarded(&self, incoming: Name) -> bool {
        self.by_incoming.contains_key(&incoming)
    }

    pub(super) fn take(&mut self, outgoing: Name) -> Option<Link> {
        let link = self.by_outgoing.remove(&outgoing)?;
        self.by_incoming.remove(&link.incoming);
        Some(link)
    }

    fn outgoing_by(&self, channel: ChannelId) -> Vec<Name> {
        let all = self.by_outgoing.keys();
        all.filter(|(id, _)| *id == channel).copied().collect()
    }
}

/// By which short channel ids channels can be named, real ones and aliases. A name that a reorg has taken from its channel
/// stays: what is found is compared with the channel.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<u64, ChannelId>);

impl Names {
    /// The channel is new, or may have another name now.
    pub(super) fn learn(&mut self, channel: &Channel) {
        let id = channel.id();
        self.0.extend(names_of(channel).map(|name| (name, id)));
    }

    /// The channel is over.
    pub(super) fn forget(&mut self, channel: &Channel) {
        for name in names_of(channel) {
            self.0.remove(&name);
        }
    }
}

/// What an onion asks for.
pub(super) struct Ask {
    pub short_channel_id: u64,
    pub amount: Msat,
    pub cltv_expiry: u32,
    /// The next node's.
    pub onion: Vec<u8>,
    /// Likewise, within a blinded path.
    pub path_key: Option<PublicKey>,
}

/// An HTLC in that is being passed on.
#[derive(Debug)]
pub(super) struct Passed {
    incoming: Name,
    wish: Wish,
    /// The channel that its onion names, and how.
    named: Option<ChannelId>,
    short_channel_id: u64,
}

impl Driver {
    /// An HTLC in that is to be passed on.
    pub(super) fn forward(&mut self, id: ChannelId, add: &UpdateAddHtlc, ask: Ask) -> Option<Todo> {
        let wish = Wish {
            incoming: add.amount,
            incoming_expiry: add.cltv_expiry,
            outgoing: ask.amount,
            outgoing_expiry: ask.cltv_expiry,
            block_height: self.block_height,
        };
        let named = self.channel_named(ask.short_channel_id);
        let passed = Passed {
            incoming: (id, add.id),
            wish,
            named,
            short_channel_id: ask.short_channel_id,
        };
        let out = match self.way(&wish, id, named) {
            Ok(out) => out,
            Err(refused) => return self.not_forwarded(&passed, refused),
        };
        let incoming = HtlcRef {
            channel_id: id,
            offerer: Side::Counterparty,
            id: add.id,
        };
        let step = Step {
            command: Command::Local(LocalCommand::AddHtlc {
                amount: ask.amount,
                payment_hash: add.payment_hash,
                cltv_expiry: ask.cltv_expiry,
            }),
            attachment: Attachment {
                onion: ask.onion,
                path_key: ask.path_key,
                incoming: Some(incoming),
                ..Attachment::default()
            },
        };
        Some(Todo::new(out, step).for_forward(passed))
    }

    /// What the channel out refuses after all, for want of slots for instance, is a failure for now.
    pub(super) fn forward_refused(&self, passed: &Passed) -> Option<Todo> {
        self.not_forwarded(passed, NotForwarded::TemporaryChannelFailure)
    }

    fn not_forwarded(&self, passed: &Passed, refused: NotForwarded) -> Option<Todo> {
        let (id, htlc) = passed.incoming;
        let update = passed
            .named
            .map(|named| self.update_for(named, passed.short_channel_id));
        let failure = refused.failure(&passed.wish, update.unwrap_or_default());
        tracing::info!(channel = %id, htlc = htlc.0, %failure, "not forwarded");
        let received = self.received(id, htlc)?;
        Some(Todo::new(id, self.fail(&received, &failure)))
    }

    fn way(
        &self,
        wish: &Wish,
        incoming: ChannelId,
        named: Option<ChannelId>,
    ) -> Result<ChannelId, NotForwarded> {
        let rules = self.shared.rules();
        let way = |live: &Live| {
            let id = live.machine.id();
            Way {
                id,
                terms: Terms::of(&live.machine, &rules.policy, rules.channels.get(&id)),
                ability: match ability(live, || live.machine.spendable_msat(&rules.limits)) {
                    Ability::Carries(_) if self.is_underpaid(live) => Ability::Disabled,
                    Ability::Carries(_) if self.is_crowded(live, incoming) => Ability::Crowded,
                    ability => ability,
                },
            }
        };
        let named = named.and_then(|id| self.channels.get(&id));
        let others: Vec<Way> = named
            .into_iter()
            .flat_map(|named| self.by_peer.get(&named.machine.params().peer))
            .flatten()
            .filter_map(|id| self.channels.get(id))
            .filter(|live| named.is_some_and(|named| named.machine.id() != live.machine.id()))
            .map(way)
            .collect();
        way_for(rules.policy.forward, wish, named.map(way).as_ref(), &others)
    }

    /// Whether the peer of the channel `incoming` has as many HTLCs in a channel out as one peer may.
    fn is_crowded(&self, live: &Live, incoming: ChannelId) -> bool {
        let peer_of = |id: &ChannelId| Some(self.channels.get(id)?.machine.params().peer);
        let (id, peer) = (live.machine.id(), peer_of(&incoming));
        let places = live.machine.params().side(Side::Counterparty);
        let most = places_for_one_peer(places.max_accepted_htlcs);
        let out = live.machine.htlcs();
        let out = out.filter(|htlc| htlc.offered_by == Side::Holder);
        let causes = out.filter_map(|htlc| self.links.incoming_of((id, htlc.id)));
        let same = causes.filter(|(cause, _)| peer_of(cause) == peer);
        same.take(most).count() == most
    }

    /// The channel that is called so: by its real short channel id, or by the alias that this node has given its peer.
    fn channel_named(&self, name: u64) -> Option<ChannelId> {
        let is_called = |live: &Live| names_of(&live.machine).any(|other| other == name);
        let known = self.names.0.get(&name).copied();
        known.filter(|id| self.channels.get(id).is_some_and(is_called))
    }

    /// The channel's update as a failure carries it, under the name by which the onion knows the channel.
    fn update_for(&self, id: ChannelId, name: u64) -> Vec<u8> {
        let update = self.channels.get(&id).and_then(|live| {
            let able = matches!(ability(live, || Msat::ZERO), Ability::Carries(_));
            let enabled = able && self.carries_for_others(live);
            let named = NamedBy::Onion(name);
            self.shared.channel_update(&live.machine, named, enabled)
        });
        let Some(update) = update else {
            return Vec::new();
        };
        let mut bytes = CHANNEL_UPDATE_TYPE.to_be_bytes().to_vec();
        bytes.extend(lightning::util::ser::Writeable::encode(&update));
        bytes
    }

    /// BOLT 7, channel_update: a direction that carries nothing is told of as disabled. It is this node's own direction: what
    /// is paid to this node goes by the peer's, and its own payments need no update.
    pub(super) fn carries_for_others(&self, live: &Live) -> bool {
        self.shared.rules().policy.forward && !self.is_underpaid(live)
    }

    /// BOLT 7, channel_update: the peer hears on what terms this node passes payments on to it, for the hints in its
    /// invoices. For a channel that keeps its name to itself nobody else hears it.
    pub(super) fn tell_terms(&self, id: ChannelId) {
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        let (peer, names) = (live.machine.params().peer, names_of(&live.machine));
        self.shared.channel_peers.learn(peer, names);
        let usable = matches!(live.machine, Channel::Normal(_));
        let Some(connection) = live.connection().filter(|_| usable) else {
            return;
        };
        let shared = &self.shared;
        let enabled = self.carries_for_others(live);
        let update = shared
            .channel_update(&live.machine, NamedBy::Everybody, enabled)
            .or_else(|| shared.channel_update(&live.machine, NamedBy::Peer, enabled));
        if let Some(msg) = update {
            let node_id = connection.node_id;
            self.say_after(live, MessageSendEvent::SendChannelUpdate { node_id, msg });
        }
    }

    /// All peers hear of new terms.
    pub(super) fn tell_all_terms(&self) {
        for id in self.channels.keys() {
            self.tell_terms(*id);
        }
    }

    /// The preimage of an HTLC out is here: the HTLC in is claimed with it, by the same block.
    pub(super) fn forward_fulfilled(
        &mut self,
        id: ChannelId,
        htlc: HtlcId,
        preimage: PaymentPreimage,
    ) -> Option<Todo> {
        let link = self.links.by_outgoing.get(&(id, htlc))?;
        let behind = Behind {
            beside: link.attribution.as_ref(),
            held: link.held(),
        };
        self.claim_incoming(link.incoming, preimage, behind)
    }

    fn claim_incoming(
        &self,
        (id, htlc): Name,
        preimage: PaymentPreimage,
        behind: Behind<'_>,
    ) -> Option<Todo> {
        let live = self.channels.get(&id)?;
        let incoming = live.machine.htlc(Side::Counterparty, htlc)?;
        if incoming.preimage.is_some() {
            return None; // claimed already
        }
        Some(self.claim((id, htlc), preimage, behind))
    }

    /// An HTLC out is irrevocably gone without a preimage: the HTLC in fails with what it said.
    pub(super) fn forward_failed(
        &mut self,
        id: ChannelId,
        htlc: HtlcId,
        reason: &FailureReason,
    ) -> Option<Todo> {
        let link = self.links.take((id, htlc))?;
        let beside = self.shared.attribution(&id, Side::Holder, htlc);
        let beside = Attribution::from_bytes(&beside);
        let behind = Behind {
            beside: beside.as_ref(),
            held: link.held(),
        };
        self.fail_incoming(link.incoming, &reason.into(), behind)
    }

    fn fail_incoming(
        &self,
        (id, htlc): Name,
        returned: &ReturnedFailure,
        behind: Behind<'_>,
    ) -> Option<Todo> {
        if !can_still_be_failed(&self.channels.get(&id)?.machine, htlc) {
            return None; // it ends on chain
        }
        let received = self.received(id, htlc)?;
        let (signer, onion) = (&self.shared.node_signer, &received.onion);
        let silent = Failure::TemporaryChannelFailure {
            channel_update: Vec::new(),
        };
        // What comes out of a blinded path is not passed on: whoever entered it learns only that it failed.
        if received.path_key.is_some() || self.shared.is_introduction(&received) {
            return Some(Todo::new(id, self.fail(&received, &silent)));
        }
        let reason = match returned {
            ReturnedFailure::Onion(reason) => {
                let mut reason = reason.clone();
                // BOLT 4, "Returning Errors": each node on the way back adds its layer.
                if let Some(secret) = onion::shared_secret(signer, onion) {
                    onion::wrap_failure(&secret, &mut reason);
                }
                reason
            }
            ReturnedFailure::Malformed {
                sha256_of_onion,
                failure_code,
            } => {
                let failure = malformed(*sha256_of_onion, *failure_code);
                // BOLT 2: a code with BADONION goes back in an onion, for the node that read it is not the payer's peer.
                match onion::shared_secret(signer, onion) {
                    Some(secret) => onion::build_failure(&secret, &failure),
                    None => return Some(Todo::new(id, self.fail(&received, &failure))),
                }
            }
            ReturnedFailure::Silent => return Some(Todo::new(id, self.fail(&received, &silent))),
        };
        let step = self.fail_with(&received, reason, behind);
        Some(Todo::new(id, step))
    }

    /// What is owed to an HTLC in that the ledger has as forwarded. None: nothing yet.
    pub(super) fn owed_to(&mut self, record: &HtlcRecord, outgoing: &HtlcRef) -> Option<Todo> {
        let (id, htlc) = (record.channel_id, record.id);
        let other = self.shared.htlc(&outgoing.key())?;
        if let Some(preimage) = other.preimage {
            return self.claim_incoming((id, htlc), preimage, Behind::default());
        }
        if other.removed {
            let returned = self.shared.returned_failure(&outgoing.key());
            let returned = returned.unwrap_or(ReturnedFailure::Silent);
            return self.fail_incoming((id, htlc), &returned, Behind::default());
        }
        let name = (outgoing.channel_id, outgoing.id);
        let hidden = is_hidden(&self.shared, name);
        self.links.restore(name, (id, htlc), hidden);
        None
    }

    /// Whether an HTLC of ours is for one of others.
    pub(super) fn is_forward(&self, id: ChannelId, htlc: HtlcId) -> bool {
        self.links.incoming_of((id, htlc)).is_some()
    }

    /// The channel was read again from the ledger: what was to go out by it and is not there is decided anew.
    pub(super) fn forwards_lost(&mut self, id: ChannelId) {
        for (_, htlc) in self.links.outgoing_by(id) {
            let live = self.channels.get(&id);
            if live.is_some_and(|live| live.machine.htlc(Side::Holder, htlc).is_some()) {
                continue;
            }
            let Some(link) = self.links.take((id, htlc)) else {
                continue;
            };
            let (incoming, its) = link.incoming;
            let source = self.channels.get(&incoming);
            if source.is_some_and(|live| can_still_be_failed(&live.machine, its)) {
                self.follow(incoming, vec![Event::HtlcAccepted { id: its }]);
            }
        }
    }

    /// The peer is away: what was to be passed on to it and was never sent is taken back, so that nobody waits for it.
    pub(super) fn withdraw_forwards(&mut self, id: ChannelId) {
        let waits = |htlc: &Htlc| {
            let unsent = htlc.state == HtlcState::Adding(Stage::Proposed);
            unsent && htlc.offered_by == Side::Holder && self.is_forward(id, htlc.id)
        };
        let live = self.channels.get(&id);
        if !live.is_some_and(|live| live.machine.htlcs().any(waits)) {
            return;
        }
        let step = Step::local(LocalCommand::WithdrawHtlcs);
        if let Err(error) = self.advance(id, step) {
            tracing::error!(channel = %id, %error, "HTLCs could not be taken back");
        }
    }

    /// The height at which the HTLC in expires that pays for this HTLC out, where one does.
    pub(super) fn upstream_expiry(&self, outgoing: Name) -> Option<u32> {
        let (id, htlc) = self.links.incoming_of(outgoing)?;
        let machine = &self.channels.get(&id)?.machine;
        Some(machine.htlc(Side::Counterparty, htlc)?.cltv_expiry)
    }

    /// After a start: what this node has offered for others, by the ledger.
    pub(super) fn resume_links(&mut self) {
        for (id, live) in &self.channels {
            let offered = live.machine.htlcs();
            for htlc in offered.filter(|htlc| htlc.offered_by == Side::Holder) {
                let record = self.shared.htlc(&HtlcKey::new(id, Side::Holder, htlc.id));
                if let Some(incoming) = record.and_then(|record| record.forward) {
                    let incoming = (incoming.channel_id, incoming.id);
                    let hidden = is_hidden(&self.shared, (*id, htlc.id));
                    self.links.restore((*id, htlc.id), incoming, hidden);
                }
            }
        }
    }
}

/// Whether an HTLC out goes on within a blinded path.
fn is_hidden(shared: &Shared, (id, htlc): Name) -> bool {
    let onion = shared.onion(&id, Side::Holder, htlc);
    onion.is_some_and(|onion| onion.path_key.is_some())
}

fn malformed(sha256_of_onion: [u8; 32], failure_code: u16) -> Failure {
    match failure_code & 0xff {
        4 => Failure::InvalidOnionVersion { sha256_of_onion },
        5 => Failure::InvalidOnionHmac { sha256_of_onion },
        6 => Failure::InvalidOnionKey { sha256_of_onion },
        // What has no name is said in its own number.
        _ => Failure::Other {
            code: onion::FailureCode(failure_code),
            data: sha256_of_onion.to_vec(),
        },
    }
}

/// BOLT 2, channel_ready: a channel that keeps its short channel id to itself is called by its alias alone.
pub(super) fn names_of(channel: &Channel) -> impl Iterator<Item = u64> {
    let private = channel.params().channel_type.scid_alias;
    let real = channel.short_channel_id().filter(|_| !private);
    channel.holder_alias().into_iter().chain(real)
}

fn ability(live: &Live, most: impl FnOnce() -> Msat) -> Ability {
    match &live.machine {
        Channel::Normal(_) if live.is_ready() => Ability::Carries(most()),
        Channel::Normal(_) => Ability::Away,
        Channel::AwaitingFundingSigned(_)
        | Channel::AwaitingConfirmations(_)
        | Channel::AwaitingPeerReady(_)
        | Channel::ShuttingDown(_)
        | Channel::NegotiatingClosing(_) => Ability::Disabled,
        Channel::Closing(_) | Channel::Closed(_) | Channel::Failed(_) => Ability::Closed,
    }
}

/// Whether update_fail_htlc may still be said of it.
pub(super) fn can_still_be_failed(channel: &Channel, htlc: HtlcId) -> bool {
    let talks = match channel {
        Channel::Normal(_) | Channel::ShuttingDown(_) => true,
        Channel::AwaitingFundingSigned(_)
        | Channel::AwaitingConfirmations(_)
        | Channel::AwaitingPeerReady(_)
        | Channel::NegotiatingClosing(_)
        | Channel::Closing(_)
        | Channel::Closed(_)
        | Channel::Failed(_) => false,
    };
    let incoming = channel.htlc(Side::Counterparty, htlc);
    talks && incoming.is_some_and(|htlc| htlc.is_live() && htlc.preimage.is_none())
}
