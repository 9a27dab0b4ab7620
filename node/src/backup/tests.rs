//! Copies of a ledger with real channels in it.

use std::collections::BTreeMap;
use std::path::Path;

use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::Channel;
use zarnitsa_ledger::{read_copy, Ledger};
use zarnitsa_service::{read, Attachment, LedgerCall};

use super::restore::lose_all;
use super::{saved_channels, CreateError};
use crate::api::Network;
use crate::test_party::{accept_opening, begin_opening, Party};

fn abandon(party: &Party, ledger: &Ledger, channel_id: ChannelId) {
    let reason = "the peer went away".to_owned();
    let command = Command::Local(LocalCommand::Abandon { reason });
    let call = LedgerCall::Command {
        channel_id,
        step: 1,
        command: Box::new(command),
        attachment: Attachment::default(),
    };
    party.report(ledger, call);
}

fn channel(ledger: &Ledger, id: &ChannelId) -> Channel {
    read::channel(&*ledger.snapshot(), id).unwrap()
}

/// The channels that a backup of this copy would have.
fn saved(copy: &Path) -> Result<Vec<ChannelId>, CreateError> {
    let known = BTreeMap::new();
    let saved = read_copy(copy, |copy| saved_channels(copy, &known)).unwrap()?;
    Ok(saved
        .into_iter()
        .map(|channel| channel.channel_id)
        .collect())
}

#[test]
fn copy_of_an_opening_is_refused_though_the_ledger_has_gone_on() {
    let (party, peer) = (Party::new(), Party::new());
    let ledger = party.ledger();
    let taken = accept_opening(&party, &ledger, &peer, 1);
    let copies = tempfile::tempdir().unwrap();
    let [before, during, after] =
        ["before", "during", "after"].map(|name| copies.path().join(name));
    ledger.copy_to(&before).unwrap();
    let begun = begin_opening(&party, &ledger, &peer, 2);
    ledger.copy_to(&during).unwrap();
    abandon(&party, &ledger, begun);
    ledger.copy_to(&after).unwrap();
    // The ledger has no opening before and after the copy that has one.
    assert_eq!(saved(&before).unwrap(), [taken]);
    assert!(matches!(saved(&during), Err(CreateError::OpeningUnderWay)));
    assert_eq!(saved(&after).unwrap(), [taken]);
}

#[test]
fn restored_ledger_with_an_opening_gives_it_up_and_loses_all_others() {
    let (party, peer) = (Party::new(), Party::new());
    let ledger = party.ledger();
    let begun = begin_opening(&party, &ledger, &peer, 1);
    let taken = accept_opening(&party, &ledger, &peer, 2);
    let state = |ledger: &Ledger, id: &ChannelId| channel(ledger, id).state_name();
    assert_eq!(state(&ledger, &begun), "opening");
    ledger.shutdown().unwrap();

    let head = lose_all(Network::Regtest, &party.dir(), &party.signer).unwrap();
    let ledger = Ledger::open(party.dir().ledger(), party.options()).unwrap();
    assert_eq!(ledger.head(), head);
    assert_eq!(state(&ledger, &begun), "failed");
    let lost = channel(&ledger, &taken);
    assert!(matches!(lost, Channel::Closing(_)), "{lost:?}");
    // Nothing of either is signed or broadcast any more.
    for id in [begun, taken] {
        let channel = channel(&ledger, &id);
        assert!(channel.counterparty_commitment().is_none(), "{channel:?}");
        assert!(channel.holder_commitment().is_none(), "{channel:?}");
        assert!(channel.resume().is_empty(), "{channel:?}");
    }
    ledger.shutdown().unwrap();
}
