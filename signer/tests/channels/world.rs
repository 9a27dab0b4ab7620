//! Two nodes without network, ledger and chain: machine, signer, and a ledger of one channel.

use std::sync::{Arc, Mutex};

use bitcoin::absolute::LockTime;
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, BlockHash, Network, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, WPubkeyHash,
};
use zarnitsa_channel::action::Action;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{ChainEvent, Command, LocalCommand};
use zarnitsa_channel::ids::{ChannelId, HtlcId, KeysId, PaymentPreimage, TemporaryChannelId};
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::message::{ClosingSigned, FundingCreated, OutgoingMessage, PeerMessage};
use zarnitsa_channel::opening::{AcceptTerms, Acceptor, HolderPoints, OpenTerms, Opener};
use zarnitsa_channel::params::{ChannelType, CommitmentFormat, SideParams};
use zarnitsa_channel::script::channel_funding_redeemscript;
use zarnitsa_channel::state::{Channel, Context};
use zarnitsa_channel::validate::Secp;
use zarnitsa_signer::{ChannelView, Mnemonic, Signer};

pub const FORMATS: [CommitmentFormat; 2] =
    [CommitmentFormat::StaticRemoteKey, CommitmentFormat::Anchors];
pub const EXPIRY: u32 = 500;

/// What is durable.
#[derive(Default)]
pub struct Ledger(Mutex<Option<Channel>>);

impl Ledger {
    pub fn set(&self, channel: &Channel) {
        *self.0.lock().unwrap() = Some(channel.clone());
    }
}

impl ChannelView for Ledger {
    fn channel(&self, id: &ChannelId) -> Option<Channel> {
        let channel = self.0.lock().unwrap().clone();
        channel.filter(|channel| channel.params().channel_id == *id)
    }
}

pub struct Node {
    pub signer: Signer,
    pub ledger: Arc<Ledger>,
    pub channel: Channel,
    dir: tempfile::TempDir,
}

pub struct Pair {
    pub a: Node,
    pub b: Node,
}

pub fn signer(dir: &tempfile::TempDir, words: u8) -> Signer {
    let mnemonic = if words == 0 {
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
    } else {
        "legal winner thank year wave sausage worth useful legal winner thank yellow"
    };
    let mnemonic = Mnemonic::parse(mnemonic).unwrap();
    Signer::create(dir.path(), Network::Regtest, "", Some(mnemonic))
        .unwrap()
        .0
}

pub fn preimage(tag: u8) -> PaymentPreimage {
    PaymentPreimage([tag; 32])
}

/// Somewhere to pay to.
pub fn destination() -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([9; 20]))
}

fn side(signer: &Signer, keys_id: KeysId, to_self_delay: u16) -> SideParams {
    SideParams {
        keys: signer.channel_public_keys(&keys_id).unwrap(),
        dust_limit: Amount::from_sat(354),
        max_htlc_value_in_flight: Msat::new(1_000_000_000),
        channel_reserve: Amount::from_sat(10_000),
        htlc_minimum: Msat::new(1),
        max_accepted_htlcs: 483,
        to_self_delay,
        upfront_shutdown_script: None,
    }
}

fn points(signer: &Signer, keys_id: KeysId) -> HolderPoints {
    HolderPoints {
        first: signer.per_commitment_point(&keys_id, 0).unwrap(),
        second: signer.per_commitment_point(&keys_id, 1).unwrap(),
    }
}

impl Node {
    pub fn new(signer: Signer, dir: tempfile::TempDir, channel: Channel) -> Self {
        let ledger = Arc::new(Ledger::default());
        ledger.set(&channel);
        signer.set_view(Arc::<Ledger>::clone(&ledger));
        Self {
            signer,
            ledger,
            channel,
            dir,
        }
    }

    pub fn id(&self) -> ChannelId {
        self.channel.params().channel_id
    }

    /// The same signer after a restart.
    pub fn restart(mut self) -> Self {
        drop(self.signer);
        self.signer = Signer::open(self.dir.path(), Network::Regtest, "").unwrap();
        self.signer.set_view(Arc::<Ledger>::clone(&self.ledger));
        self
    }

    /// What the command would give, nothing stored.
    pub fn try_handle(&self, command: Command) -> (Channel, Vec<Action>) {
        let limits = Limits::default();
        let context = Context {
            verifier: &Secp,
            limits: &limits,
        };
        self.channel.clone().handle(command, &context).unwrap()
    }

    pub fn handle(&mut self, command: Command) -> Vec<Action> {
        let (channel, actions) = self.try_handle(command);
        self.ledger.set(&channel);
        self.channel = channel;
        actions
    }

    pub fn local(&mut self, command: LocalCommand) -> Vec<Action> {
        self.handle(Command::Local(command))
    }

    pub fn receive(&mut self, message: PeerMessage) -> Vec<Action> {
        let keys_id = self.channel.params().keys_id;
        let needed = self.channel.holder_point_needed(&message);
        let point = |number| self.signer.per_commitment_point(&keys_id, number).unwrap();
        let next_holder_point = needed.map(point);
        self.handle(Command::Peer {
            message,
            next_holder_point,
        })
    }

    /// The messages among `actions`, signed.
    pub fn messages(&self, actions: &[Action]) -> Vec<PeerMessage> {
        let sends = actions.iter().filter_map(|action| match action {
            Action::Send(message) => Some(self.message(message.clone())),
            Action::Broadcast(_) | Action::Tell(_) => None,
        });
        sends.collect()
    }

    fn message(&self, message: OutgoingMessage) -> PeerMessage {
        let id = self.id();
        match message {
            OutgoingMessage::FundingSigned => PeerMessage::FundingSigned {
                signature: self
                    .signer
                    .sign_counterparty_commitment(&id)
                    .unwrap()
                    .signature,
            },
            OutgoingMessage::CommitmentSigned { number } => {
                let signed = self.signer.sign_counterparty_commitment(&id).unwrap();
                assert_eq!(signed.number, number);
                PeerMessage::CommitmentSigned {
                    signature: signed.signature,
                    htlc_signatures: signed.htlc_signatures,
                }
            }
            OutgoingMessage::RevokeAndAck {
                revoked,
                next_per_commitment_point,
            } => PeerMessage::RevokeAndAck {
                per_commitment_secret: self.signer.release_secret(&id, revoked).unwrap(),
                next_per_commitment_point,
            },
            OutgoingMessage::ClosingSigned { fee, fee_range } => {
                PeerMessage::ClosingSigned(ClosingSigned {
                    fee,
                    signature: self.signer.sign_closing(&id, fee).unwrap(),
                    fee_range,
                })
            }
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
            OutgoingMessage::Shutdown { script } => PeerMessage::Shutdown { script },
            OutgoingMessage::ChannelReestablish(message) => {
                PeerMessage::ChannelReestablish(message)
            }
            OutgoingMessage::Error { text } => PeerMessage::Error { text },
            other => panic!("{other:?}"),
        }
    }
}

impl Pair {
    pub fn new(format: CommitmentFormat) -> Self {
        Self::funded_by(format, 144, |output| {
            let transaction = Transaction {
                version: Version::TWO,
                lock_time: LockTime::ZERO,
                input: vec![TxIn::default()],
                output: vec![output],
            };
            let txid = transaction.compute_txid();
            (OutPoint { txid, vout: 0 }, transaction)
        })
    }

    /// A channel whose opening transaction is what `fund` makes for its output.
    pub fn funded_by(
        format: CommitmentFormat,
        to_self_delay: u16,
        fund: impl FnOnce(TxOut) -> (OutPoint, Transaction),
    ) -> Self {
        let limits = Limits::default();
        let (dir_a, dir_b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, b) = (signer(&dir_a, 0), signer(&dir_b, 1));
        let (keys_a, keys_b) = (KeysId([1; 32]), KeysId([2; 32]));
        let terms = OpenTerms {
            peer: b.node_id(),
            temporary_channel_id: TemporaryChannelId([5; 32]),
            keys_id: keys_a,
            funding_amount: Amount::from_sat(1_000_000),
            push: Msat::new(300_000_000),
            feerate_per_kw: 1_000,
            announce: false,
            channel_type: ChannelType {
                format,
                scid_alias: false,
                zero_conf: false,
            },
            side: side(&a, keys_a, to_self_delay),
            points: points(&a, keys_a),
        };
        let opener = Opener::new(terms, &limits).unwrap();
        let terms = AcceptTerms {
            peer: a.node_id(),
            keys_id: keys_b,
            minimum_depth: 3,
            side: side(&b, keys_b, to_self_delay),
            points: points(&b, keys_b),
        };
        let acceptor = Acceptor::new(opener.message().clone(), terms, &limits).unwrap();
        let accepted = opener.accept(acceptor.message().clone(), &limits).unwrap();
        let (funding, transaction) = fund(accepted.funding_output());
        let (channel, _, _) = accepted.fund(funding, transaction).unwrap();
        let a = Node::new(a, dir_a, channel);
        let created = FundingCreated {
            temporary_channel_id: TemporaryChannelId([5; 32]),
            funding,
            signature: a
                .signer
                .sign_counterparty_commitment(&a.id())
                .unwrap()
                .signature,
        };
        let (channel, actions, _) = acceptor.funding_created(created, &Secp).unwrap();
        let b = Node::new(b, dir_b, channel);
        let mut pair = Self { a, b };
        pair.exchange(Vec::new(), actions);
        let confirmed = confirmed(&pair.a.channel);
        let from_a = pair.a.handle(Command::Chain(confirmed.clone()));
        let from_b = pair.b.handle(Command::Chain(confirmed));
        pair.exchange(from_a, from_b);
        assert!(pair.a.channel.is_usable() && pair.b.channel.is_usable());
        pair
    }

    /// Delivers messages and commits what is due until all is quiet.
    pub fn exchange(&mut self, mut from_a: Vec<Action>, mut from_b: Vec<Action>) {
        loop {
            let (to_b, to_a) = (self.a.messages(&from_a), self.b.messages(&from_b));
            from_a = to_a.into_iter().flat_map(|m| self.a.receive(m)).collect();
            from_b = to_b.into_iter().flat_map(|m| self.b.receive(m)).collect();
            for (node, actions) in [(&mut self.a, &mut from_a), (&mut self.b, &mut from_b)] {
                if node.channel.commitment_due() {
                    actions.extend(node.local(LocalCommand::Commit));
                }
            }
            if from_a.is_empty() && from_b.is_empty() {
                return;
            }
        }
    }

    /// HTLCs both ways, committed on both sides, with the preimages of 1 and 2. Both have the id 0.
    pub fn add_htlcs(&mut self) {
        let from_a = self.a.local(add(1));
        let from_b = self.b.local(add(2));
        self.exchange(from_a, from_b);
        assert_eq!(self.a.channel.htlcs().count(), 2);
    }

    /// The HTLC from `a` is fulfilled, and what follows.
    pub fn fulfill_first(&mut self) {
        let from_b = self.b.local(LocalCommand::FulfillHtlc {
            id: HtlcId(0),
            preimage: preimage(1),
        });
        self.exchange(Vec::new(), from_b);
    }

    pub fn funding_output(&self) -> TxOut {
        let params = self.a.channel.params();
        TxOut {
            value: params.capacity,
            script_pubkey: channel_funding_redeemscript(params).to_p2wsh(),
        }
    }
}

pub fn add(tag: u8) -> LocalCommand {
    LocalCommand::AddHtlc {
        amount: Msat::new(20_000_000),
        payment_hash: preimage(tag).payment_hash(),
        cltv_expiry: EXPIRY,
    }
}

fn confirmed(channel: &Channel) -> ChainEvent {
    let params = channel.params();
    ChainEvent::OpeningConfirmed {
        block_hash: BlockHash::all_zeros(),
        block_height: 100,
        transaction_index: 1,
        confirmations: 3,
        output_value: params.capacity,
        output_script: channel_funding_redeemscript(params).to_p2wsh(),
        coinbase: false,
    }
}

/// The spend of the funding output in a block.
pub fn spent(transaction: &Transaction) -> Command {
    Command::Chain(ChainEvent::FundingSpent {
        transaction: Box::new(transaction.clone()),
        block_height: 110,
    })
}

/// Bitcoin Core's interpreter takes every input, which spend outputs of `earlier`.
pub fn assert_valid(tx: &Transaction, earlier: &[TxOut]) {
    assert_eq!(tx.input.len(), earlier.len());
    let bytes = serialize(tx);
    for (index, output) in earlier.iter().enumerate() {
        let script = output.script_pubkey.as_bytes();
        let sat = output.value.to_sat();
        let verified = bitcoinconsensus::verify(script, sat, &bytes, None, index);
        assert!(verified.is_ok(), "input {index}: {verified:?}");
    }
}

/// The outputs of `of` that `tx` spends.
pub fn spent_outputs(tx: &Transaction, of: &Transaction) -> Vec<TxOut> {
    let txid = of.compute_txid();
    let inputs = tx.input.iter().map(|input| input.previous_output);
    inputs
        .map(|outpoint| {
            assert_eq!(outpoint.txid, txid);
            of.output[usize::try_from(outpoint.vout).unwrap()].clone()
        })
        .collect()
}

impl Node {
    /// Takes the peer's messages and asks for the secret of `number`, which is refused.
    pub fn try_revoking(
        &mut self,
        peer: &Node,
        actions: &[Action],
        id: &ChannelId,
        number: u64,
    ) -> zarnitsa_signer::SignerError {
        for message in peer.messages(actions) {
            self.receive(message);
        }
        assert!(self.channel.releasable_secret_below() > number);
        self.signer.release_secret(id, number).unwrap_err()
    }
}
