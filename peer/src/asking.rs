//! Asking a hub for a channel: two messages of this program's own.
//!
//! A user that wants to be paid needs a channel in which the other side has coins. It asks a hub for one, and the hub
//! opens it with its own:
//!
//! ```text
//!     user                                 hub
//!       | --- channel_ask(id, amount) --->  |   taken in, or refused at once
//!       | <-- channel_ask_state(id, ...) -  |   each time that its state changes
//!       | <-- open_channel ...              |   BOLT 2, one opening transaction for many users
//!       | <-- channel_ask_state(opened) --  |
//! ```
//!
//! The user says channel_ask again on every connection until it knows the outcome; the hub answers with the state that
//! the ask has. Both types are odd and in the range that BOLT 1 leaves to experiments, so a node that does not know them
//! passes them over, and the user hears nothing. Both end with a TLV stream that is empty so far (BOLT 1).

#![allow(clippy::drop_non_drop, reason = "LDK's macro for messages does it")]

use bitcoin::secp256k1::PublicKey;
use lightning::impl_writeable_msg;
use lightning::io;
use lightning::ln::msgs::{DecodeError, Init, LightningError};
use lightning::ln::peer_handler::CustomMessageHandler;
use lightning::ln::wire::{CustomMessageReader, Type};
use lightning::types::features::{InitFeatures, NodeFeatures};
use lightning::util::ser::{LengthLimitedRead, LengthReadable as _, Readable, Writeable, Writer};
use std::sync::Arc;

use crate::event::WireMessage;
use crate::inbox::Inbox;
use crate::printable;

/// Type of [`ChannelAsk`].
const CHANNEL_ASK: u16 = 38_321;
/// Type of [`ChannelAskState`].
const CHANNEL_ASK_STATE: u16 = 38_323;

/// channel_ask: its sender wants the receiver to open a channel to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelAsk {
    /// Chosen by the sender; the same in every repetition.
    pub id: [u8; 32],
    /// How large the channel is to be, in satoshis. All of it is the receiver's.
    pub amount_sat: u64,
}

impl_writeable_msg!(ChannelAsk, { id, amount_sat }, {});

/// channel_ask_state: what became of a [`ChannelAsk`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelAskState {
    /// That of the ask.
    pub id: [u8; 32],
    /// Where it stands.
    pub stage: AskStage,
    /// Where it is opened, else zeroes.
    pub channel_id: [u8; 32],
    /// Where it is refused: why. For people.
    pub reason: String,
}

impl_writeable_msg!(ChannelAskState, { id, stage, channel_id, reason }, {});

/// Where an ask stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskStage {
    /// The hub's operator is to approve it.
    Asked,
    /// It waits for others, to be opened with them.
    Approved,
    /// The opening has begun.
    Opening,
    /// All peers of the opening transaction have signed.
    Opened,
    /// There will be no channel.
    Refused,
}

impl Writeable for AskStage {
    fn write<W: Writer>(&self, writer: &mut W) -> Result<(), io::Error> {
        let byte: u8 = match self {
            Self::Asked => 1,
            Self::Approved => 2,
            Self::Opening => 3,
            Self::Opened => 4,
            Self::Refused => 5,
        };
        byte.write(writer)
    }
}

impl Readable for AskStage {
    fn read<R: io::Read>(reader: &mut R) -> Result<Self, DecodeError> {
        match u8::read(reader)? {
            1 => Ok(Self::Asked),
            2 => Ok(Self::Approved),
            3 => Ok(Self::Opening),
            4 => Ok(Self::Opened),
            5 => Ok(Self::Refused),
            _ => Err(DecodeError::InvalidValue),
        }
    }
}

/// A message of this program's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnMessage {
    /// channel_ask
    Ask(ChannelAsk),
    /// channel_ask_state
    State(ChannelAskState),
}

impl Writeable for OwnMessage {
    fn write<W: Writer>(&self, writer: &mut W) -> Result<(), io::Error> {
        match self {
            Self::Ask(message) => message.write(writer),
            Self::State(message) => message.write(writer),
        }
    }
}

impl Type for OwnMessage {
    fn type_id(&self) -> u16 {
        match self {
            Self::Ask(_) => CHANNEL_ASK,
            Self::State(_) => CHANNEL_ASK_STATE,
        }
    }
}

/// Reads and writes [`OwnMessage`]s for LDK.
pub(crate) struct OwnMessages(pub(crate) Arc<Inbox>);

impl CustomMessageReader for OwnMessages {
    type CustomMessage = OwnMessage;

    /// What does not parse ends the connection, as with any message.
    fn read<R: LengthLimitedRead>(
        &self,
        message_type: u16,
        buffer: &mut R,
    ) -> Result<Option<OwnMessage>, DecodeError> {
        Ok(match message_type {
            CHANNEL_ASK => Some(OwnMessage::Ask(ChannelAsk::read_from_fixed_length_buffer(
                buffer,
            )?)),
            CHANNEL_ASK_STATE => {
                let mut state = ChannelAskState::read_from_fixed_length_buffer(buffer)?;
                state.reason = printable(&state.reason);
                Some(OwnMessage::State(state))
            }
            _ => None,
        })
    }
}

impl CustomMessageHandler for OwnMessages {
    fn handle_custom_message(
        &self,
        message: OwnMessage,
        sender: PublicKey,
    ) -> Result<(), LightningError> {
        self.0.message(sender, WireMessage::Own(message));
        Ok(())
    }

    fn get_and_clear_pending_msg(&self) -> Vec<(PublicKey, OwnMessage)> {
        self.0.take_own()
    }

    // The channel messages' handler hears of connections.
    fn peer_disconnected(&self, _peer: PublicKey) {}

    fn peer_connected(&self, _peer: PublicKey, _init: &Init, _inbound: bool) -> Result<(), ()> {
        Ok(())
    }

    fn provided_node_features(&self) -> NodeFeatures {
        NodeFeatures::empty()
    }

    fn provided_init_features(&self, _peer: PublicKey) -> InitFeatures {
        InitFeatures::empty()
    }
}

#[cfg(test)]
mod tests;
