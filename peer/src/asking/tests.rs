//! The bytes of this program's own messages.

use std::sync::Arc;

use lightning::ln::msgs::DecodeError;
use lightning::ln::wire::{CustomMessageReader as _, Type as _};
use lightning::util::ser::{FixedLengthReader, Writeable as _};

use super::{AskStage, ChannelAsk, ChannelAskState, OwnMessage, OwnMessages};
use crate::inbox::{Inbox, QueueLimits};

fn read(message_type: u16, bytes: &[u8]) -> Result<Option<OwnMessage>, DecodeError> {
    let reader = OwnMessages(Arc::clone(&Inbox::new(QueueLimits::default())));
    let mut rest = bytes;
    let length = u64::try_from(bytes.len()).expect("a short message");
    let mut buffer = FixedLengthReader::new(&mut rest, length);
    reader.read(message_type, &mut buffer)
}

fn state(stage: AskStage) -> OwnMessage {
    OwnMessage::State(ChannelAskState {
        id: [7; 32],
        stage,
        channel_id: [0; 32],
        reason: "no".to_owned(),
    })
}

#[test]
fn message_read_back_is_the_same() {
    let ask = ChannelAsk {
        id: [7; 32],
        amount_sat: 500_000,
    };
    let stages = [
        AskStage::Asked,
        AskStage::Approved,
        AskStage::Opening,
        AskStage::Opened,
        AskStage::Refused,
    ];
    let all = stages.into_iter().map(state).chain([OwnMessage::Ask(ask)]);
    for message in all {
        // BOLT 1: a node that does not know an odd type passes it over; from 32768 on types are for experiments.
        assert!(message.type_id() >= 32_768 && message.type_id() % 2 == 1);
        let bytes = message.encode();
        assert_eq!(read(message.type_id(), &bytes).ok(), Some(Some(message)));
    }
}

#[test]
fn message_that_is_cut_or_says_an_unknown_stage_is_refused() {
    let message = state(AskStage::Refused);
    let bytes = message.encode();
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        assert!(read(message.type_id(), cut).is_err(), "{length} bytes");
    }
    for stage in [0, 6, 255] {
        let mut wrong = bytes.clone();
        wrong[32] = stage;
        assert!(read(message.type_id(), &wrong).is_err(), "stage {stage}");
    }
}

#[test]
fn extension_is_passed_over_if_odd_and_refused_if_even() {
    let message = state(AskStage::Asked);
    let mut odd = message.encode();
    odd.extend_from_slice(&[1, 1, 0]);
    assert_eq!(
        read(message.type_id(), &odd).ok(),
        Some(Some(message.clone()))
    );
    let mut even = message.encode();
    even.extend_from_slice(&[2, 1, 0]);
    assert!(read(message.type_id(), &even).is_err());
}

#[test]
fn text_with_control_characters_is_made_printable() {
    let OwnMessage::State(mut told) = state(AskStage::Refused) else {
        panic!("a state");
    };
    told.reason = "no\u{1b}[2J".to_owned();
    let message = OwnMessage::State(told);
    let Ok(Some(OwnMessage::State(read))) = read(message.type_id(), &message.encode()) else {
        panic!("it is not read");
    };
    assert!(!read.reason.contains('\u{1b}'), "{:?}", read.reason);
}

#[test]
fn message_of_another_type_is_left_alone() {
    assert_eq!(read(38_325, &[0; 40]).ok(), Some(None));
}
