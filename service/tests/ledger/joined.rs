//! Steps of one channel in one transaction.

use exonum::merkledb::BinaryValue as _;
use exonum::messages::{AnyTx, Verified};
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::{ChannelId, HtlcId};
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{HistoryEntry, HtlcKey, HtlcRecord};
use zarnitsa_service::transactions::{HtlcAdd, HtlcResolve, MAX_STEPS};
use zarnitsa_service::{channel_steps, may_join, read, Attachment, ChannelStep, HtlcError};
use zarnitsa_service::{ChannelError, LedgerCall};

use crate::node::Node;
use crate::support::pair::preimage;
use crate::world::{config, World};

/// The steps of a transaction, where they may stand beside others, with what came with them.
fn joinable(message: &Verified<AnyTx>, id: &ChannelId) -> Option<(u64, Command, Attachment)> {
    let ChannelStep::Moved(step) = channel_steps(message, id).pop()? else {
        return None;
    };
    let (bytes, method) = (
        message.payload().arguments.as_slice(),
        message.payload().call_info.method_id,
    );
    let mut beside = Attachment::default();
    match method {
        3 => {
            let (_, onion, (incoming, route)) =
                HtlcAdd::from_bytes(bytes.into()).unwrap().into_parts();
            beside.onion = onion.packet;
            (beside.incoming, beside.route) = (incoming, route);
        }
        4 => {
            let (_, failure, attribution) =
                HtlcResolve::from_bytes(bytes.into()).unwrap().into_parts();
            (beside.failure, beside.attribution) = (failure, attribution);
        }
        _ => {}
    }
    may_join(&step.command).then_some((step.number, step.command, beside))
}

/// The same ledger, with up to so many steps in a transaction. Gives how many transactions it has.
fn joined(node: &Node, id: ChannelId, most: usize) -> (Node, usize) {
    let mut other = node.empty();
    let mut waiting: Vec<(u64, Command, Attachment)> = Vec::new();
    let hand_in = |other: &mut Node, waiting: &mut Vec<(u64, Command, Attachment)>| {
        let Some((step, ..)) = waiting.first() else {
            return;
        };
        let step = *step;
        let commands = waiting
            .drain(..)
            .map(|(_, command, beside)| (command, beside));
        let call = LedgerCall::Commands {
            channel_id: id,
            step,
            commands: commands.collect(),
        };
        other.report(call).unwrap();
    };
    for message in &node.log {
        match joinable(message, &id) {
            Some(step) => waiting.push(step),
            None => {
                hand_in(&mut other, &mut waiting);
                other.execute(message.clone()).unwrap();
            }
        }
        if waiting.len() == most {
            hand_in(&mut other, &mut waiting);
        }
    }
    hand_in(&mut other, &mut waiting);
    let count = other.log.len();
    (other, count)
}

/// But for the transactions and their heights.
fn history(node: &Node, id: &ChannelId) -> Vec<HistoryEntry> {
    let entries = read::history(&*node.snapshot(), id, 0, usize::MAX);
    let timeless = |entry| HistoryEntry {
        tx_hash: exonum::crypto::Hash::zero(),
        height: 0,
        ..entry
    };
    entries.into_iter().map(timeless).collect()
}

fn htlcs(node: &Node, id: &ChannelId) -> Vec<HtlcRecord> {
    let all = read::htlcs_below(&*node.snapshot(), id, (100, 100));
    let timeless = |record| HtlcRecord {
        added_height: 0,
        updated_height: 0,
        ..record
    };
    all.into_iter().map(timeless).collect()
}

#[test]
fn steps_in_one_transaction_leave_what_they_leave_alone() {
    let mut world = World::normal(&config(), 1);
    for round in 1..=3 {
        world.pay(Side::Holder, round * 1_000_000);
        world.pay(Side::Counterparty, round * 100_000);
    }
    let id = world.a.id();
    for peer in [&world.a, &world.b] {
        let alone = &peer.node;
        for most in [1, 2, 5, MAX_STEPS] {
            let (together, count) = joined(alone, id, most);
            assert!(most == 1 || count < alone.log.len());
            let (snapshot, other) = (alone.snapshot(), together.snapshot());
            assert_eq!(read::channel(&*other, &id), read::channel(&*snapshot, &id));
            assert_eq!(history(&together, &id), history(alone, &id));
            assert_eq!(htlcs(&together, &id), htlcs(alone, &id));
            let record = read::channel_record(&*other, &id).unwrap();
            assert_eq!(record.history_len, peer.next_step());
            assert_eq!(record.local_msat, peer.party.channel.balances().local);
            let paid = |of| {
                read::payments(of, 0, 10)
                    .into_iter()
                    .map(|it| (it.payment_hash, it.status))
            };
            assert!(paid(&*other).eq(paid(&*snapshot)));
            assert_eq!(together.replayed().state_hash(), together.state_hash());
        }
    }
}

#[test]
fn steps_of_which_one_is_refused_leave_nothing() {
    let mut world = World::normal(&config(), 2);
    let key = world.a.node.node.clone();
    let fee = Command::Local(LocalCommand::UpdateFee {
        feerate_per_kw: 2_000,
    });
    let unknown = Command::Local(LocalCommand::FulfillHtlc {
        id: HtlcId(7),
        preimage: preimage(7),
    });
    let call = |step, commands: &[&Command]| LedgerCall::Commands {
        channel_id: world.a.id(),
        step,
        commands: commands
            .iter()
            .map(|command| ((*command).clone(), Attachment::default()))
            .collect(),
    };
    let next = world.a.next_step();
    let refused = call(next, &[&fee, &unknown]);
    let wrong = [call(next - 1, &[&fee]), call(next + 1, &[&fee])];
    let good = call(next, &[&fee]);
    let code = HtlcError::UnknownHtlc as u8;
    world.a.node.refuses(&key, refused, code);
    for call in wrong {
        let code = ChannelError::WrongStep as u8;
        world.a.node.refuses(&key, call, code);
    }
    world.a.node.report(good).unwrap();
    assert_eq!(world.a.next_step(), next + 1);
}

#[test]
fn steps_of_which_one_must_stand_alone_leave_nothing() {
    let mut world = World::normal(&config(), 3);
    let commands = [
        LocalCommand::UpdateFee {
            feerate_per_kw: 2_000,
        },
        LocalCommand::ForceClose {
            reason: "it stands alone".to_owned(),
        },
    ];
    let next = world.a.next_step();
    let call = LedgerCall::Commands {
        channel_id: world.a.id(),
        step: next,
        commands: commands
            .map(|command| (Command::Local(command), Attachment::default()))
            .into(),
    };
    let before = world.a.node.state_hash();
    world.a.node.report(call).unwrap_err();
    assert_eq!(world.a.node.state_hash(), before);
    assert_eq!(world.a.next_step(), next);
}

#[test]
fn keys_of_htlcs_that_live_at_the_same_time_stand_side_by_side() {
    let id = ChannelId([7; 32]);
    // As the tree reads a key: bit by bit, the lowest of each byte first.
    let bits = |number: u64| {
        let key = HtlcKey::new(&id, Side::Holder, HtlcId(number));
        let bytes = key.as_bytes().to_vec();
        let bit = |at: usize| (bytes[at / 8] >> (at % 8)) & 1;
        (0..256).map(bit).collect::<Vec<u8>>()
    };
    let shared = |one: u64, other: u64| {
        let (one, other) = (bits(one), bits(other));
        one.iter().zip(&other).take_while(|(a, b)| a == b).count()
    };
    assert_eq!(shared(6, 7), 255);
    assert_eq!(shared(4, 7), 254);
    assert_eq!(shared(0, 255), 248);
    assert_eq!(shared(255, 256), 247);
}

#[test]
fn channels_of_one_opening_transaction_have_keys_of_their_own() {
    let of = |output: u8| {
        let mut id = [7; 32];
        // BOLT 2: the txid, with the output's index in its last bytes.
        id[31] ^= output;
        HtlcKey::new(&ChannelId(id), Side::Holder, HtlcId(0))
    };
    assert_ne!(of(0), of(1));
    assert_ne!(of(1), of(2));
}
