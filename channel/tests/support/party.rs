//! One side: a machine in some state, its signer, and how its messages become a peer's.

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use zarnitsa_channel::action::Action;
use zarnitsa_channel::command::{ChainEvent, Command, LocalCommand};
use zarnitsa_channel::error::ChannelError;
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::message::{
    AcceptChannel, ClosingSigned, FundingCreated, OpenChannel, OutgoingMessage, PeerMessage,
};
use zarnitsa_channel::state::{Channel, Context};

use super::keys::Keys;

/// What travels between two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    OpenChannel(Box<OpenChannel>),
    AcceptChannel(Box<AcceptChannel>),
    FundingCreated(FundingCreated),
    Message(PeerMessage),
    Warning(String),
}

impl Wire {
    pub fn message(self) -> PeerMessage {
        match self {
            Self::Message(message) => message,
            other => panic!("{other:?} is no channel message"),
        }
    }
}

pub struct Party {
    pub keys: Keys,
    pub limits: Limits,
    pub channel: Channel,
}

impl Party {
    pub fn context(&self) -> Context<'_> {
        Context {
            verifier: &self.keys.signing,
            limits: &self.limits,
        }
    }

    /// What `command` would give, nothing changed.
    pub fn try_handle(&self, command: Command) -> Result<(Channel, Vec<Action>), ChannelError> {
        self.channel.clone().handle(command, &self.context())
    }

    /// Handles a command and checks that a refusal would leave no trace and that bytes give the state back.
    pub fn handle(&mut self, command: Command) -> Result<Vec<Action>, ChannelError> {
        let (next, actions) = self.try_handle(command)?;
        assert_eq!(Channel::decode(&next.encode()).unwrap(), next);
        self.channel = next;
        Ok(actions)
    }

    pub fn local(&mut self, command: LocalCommand) -> Result<Vec<Action>, ChannelError> {
        self.handle(Command::Local(command))
    }

    pub fn chain(&mut self, event: ChainEvent) -> Result<Vec<Action>, ChannelError> {
        self.handle(Command::Chain(event))
    }

    pub fn receive(&mut self, message: PeerMessage) -> Result<Vec<Action>, ChannelError> {
        let command = self.peer_command(message);
        self.handle(command)
    }

    /// With the point that the message needs.
    pub fn peer_command(&self, message: PeerMessage) -> Command {
        let needed = self.channel.holder_point_needed(&message);
        Command::Peer {
            message,
            next_holder_point: needed.map(|number| self.point_of(number)),
        }
    }

    pub fn point_of(&self, number: u64) -> PublicKey {
        self.keys.point_of(number)
    }

    /// Signs and reveals what the message names, from the state as it is.
    pub fn wire(&self, message: OutgoingMessage) -> Wire {
        match message {
            OutgoingMessage::FundingCreated {
                temporary_channel_id,
                funding,
            } => Wire::FundingCreated(FundingCreated {
                temporary_channel_id,
                funding,
                signature: self.sign(0).0,
            }),
            OutgoingMessage::Warning { text } => Wire::Warning(text),
            message => Wire::Message(match self.update(message) {
                Ok(message) => message,
                Err(message) => self.signed(message),
            }),
        }
    }

    /// The state must say what is signed.
    fn sign(&self, number: u64) -> (Signature, Vec<Signature>) {
        let commitment = self.channel.counterparty_commitment().unwrap();
        assert_eq!(commitment.number(), number);
        self.keys
            .sign_commitment(self.channel.params(), &commitment)
    }

    /// Messages that go out as they are.
    fn update(&self, message: OutgoingMessage) -> Result<PeerMessage, OutgoingMessage> {
        Ok(match message {
            OutgoingMessage::ChannelReady {
                next_per_commitment_point,
                alias,
            } => PeerMessage::ChannelReady {
                next_per_commitment_point,
                alias,
            },
            OutgoingMessage::UpdateAddHtlc(add) => PeerMessage::UpdateAddHtlc(add),
            OutgoingMessage::UpdateFulfillHtlc { id, preimage } => {
                PeerMessage::UpdateFulfillHtlc { id, preimage }
            }
            OutgoingMessage::UpdateFailHtlc { id, reason } => {
                PeerMessage::UpdateFailHtlc { id, reason }
            }
            OutgoingMessage::UpdateFailMalformedHtlc {
                id,
                sha256_of_onion,
                failure_code,
            } => PeerMessage::UpdateFailMalformedHtlc {
                id,
                sha256_of_onion,
                failure_code,
            },
            OutgoingMessage::UpdateFee { feerate_per_kw } => {
                PeerMessage::UpdateFee { feerate_per_kw }
            }
            OutgoingMessage::Shutdown { script } => PeerMessage::Shutdown { script },
            OutgoingMessage::ChannelReestablish(message) => {
                PeerMessage::ChannelReestablish(message)
            }
            OutgoingMessage::Error { text } => PeerMessage::Error { text },
            other => return Err(other),
        })
    }

    /// Messages with a signature or a secret.
    fn signed(&self, message: OutgoingMessage) -> PeerMessage {
        match message {
            OutgoingMessage::FundingSigned => PeerMessage::FundingSigned {
                signature: self.sign(0).0,
            },
            OutgoingMessage::CommitmentSigned { number } => {
                let (signature, htlc_signatures) = self.sign(number);
                PeerMessage::CommitmentSigned {
                    signature,
                    htlc_signatures,
                }
            }
            OutgoingMessage::RevokeAndAck {
                revoked,
                next_per_commitment_point,
            } => {
                assert!(revoked < self.channel.releasable_secret_below());
                PeerMessage::RevokeAndAck {
                    per_commitment_secret: self.keys.secret_of(revoked),
                    next_per_commitment_point,
                }
            }
            OutgoingMessage::ClosingSigned { fee, fee_range } => {
                PeerMessage::ClosingSigned(self.closing_signed(fee, fee_range))
            }
            other => panic!("{other:?} needs no signature"),
        }
    }

    pub fn closing_signed(
        &self,
        fee: Amount,
        fee_range: Option<(Amount, Amount)>,
    ) -> ClosingSigned {
        let params = self.channel.params();
        let closing = self.channel.closing_transaction(fee).unwrap().unwrap();
        ClosingSigned {
            fee,
            signature: self.keys.sign_funding(params, &closing.sighash(params)),
            fee_range,
        }
    }

    /// The messages among `actions`, as the peer gets them.
    pub fn wires(&self, actions: &[Action]) -> Vec<Wire> {
        let sends = actions.iter().filter_map(|action| match action {
            Action::Send(message) => Some(self.wire(message.clone())),
            Action::Broadcast(_) | Action::Tell(_) => None,
        });
        sends.collect()
    }
}
