//! For tests: nodes' keys and ledgers without the nodes, and channels between them as far as both have signed.

use std::sync::Arc;

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Amount, BlockHash, OutPoint, Transaction, TxIn};
use exonum::crypto::{Hash, KeyPair};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{ChainEvent, Command};
use zarnitsa_channel::ids::{ChannelId, KeysId, TemporaryChannelId};
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::message::FundingCreated;
use zarnitsa_channel::opening::{
    AcceptTerms, AcceptedOpener, Acceptor, HolderPoints, OpenTerms, Opener, Opening as Transcript,
};
use zarnitsa_channel::params::{ChannelType, CommitmentFormat, SideParams};
use zarnitsa_channel::script::channel_funding_redeemscript;
use zarnitsa_channel::state::{Channel, Context};
use zarnitsa_channel::validate::Secp;
use zarnitsa_ledger::{Ledger, LedgerOptions};
use zarnitsa_service::records::{OpenChannelRequest, Policy};
use zarnitsa_service::transactions::{Opening, PolicyChange};
use zarnitsa_service::{transaction, LedgerCall};
use zarnitsa_signer::{ChannelView, Signer};

use crate::api::Network;
use crate::data_dir::DataDir;
use crate::genesis::{ledger_options, Memory};

const CAPACITY: Amount = Amount::from_sat(1_000_000);
const PUSH: Msat = Msat::new(300_000_000);

/// A node's folder with its ledger, without the node.
pub(crate) struct Party {
    folder: tempfile::TempDir,
    pub(crate) signer: Signer,
    operator: KeyPair,
}

/// The ledger's word for one channel.
struct Only(Channel);

impl ChannelView for Only {
    fn channel(&self, id: &ChannelId) -> Option<Channel> {
        Some(self.0.clone()).filter(|channel| channel.id() == *id)
    }
}

impl Party {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kind = Network::Regtest.kind();
        let (signer, _) = Signer::create(folder.path(), kind, "a passphrase", None).unwrap();
        let operator = DataDir::new(folder.path()).operator_key().unwrap();
        Self {
            folder,
            signer,
            operator,
        }
    }

    pub(crate) fn dir(&self) -> DataDir {
        DataDir::new(self.folder.path())
    }

    pub(crate) fn options(&self) -> LedgerOptions {
        let operator = self.operator.public_key();
        ledger_options(Network::Regtest, operator, &self.signer, Memory::default())
    }

    /// Its ledger, which anybody may open channels with.
    pub(crate) fn ledger(&self) -> Ledger {
        let ledger = Ledger::open(self.dir().ledger(), self.options()).unwrap();
        let policy = PolicyChange {
            policy: Policy::hub(),
            nonce: [1; 32],
        };
        submit(
            &ledger,
            &self.operator,
            LedgerCall::Policy(Box::new(policy)),
        );
        ledger
    }

    pub(crate) fn report(&self, ledger: &Ledger, call: LedgerCall) {
        submit(ledger, &self.options().validator.service, call);
    }

    fn side(&self, keys_id: &KeysId) -> SideParams {
        SideParams {
            keys: self.signer.channel_public_keys(keys_id).unwrap(),
            dust_limit: Amount::from_sat(354),
            max_htlc_value_in_flight: Msat::new(CAPACITY.to_sat() * 1_000),
            channel_reserve: CAPACITY / 100,
            htlc_minimum: Msat::new(1),
            max_accepted_htlcs: 483,
            to_self_delay: 144,
            upfront_shutdown_script: None,
        }
    }

    fn points(&self, keys_id: &KeysId) -> HolderPoints {
        let point = |number| self.signer.per_commitment_point(keys_id, number).unwrap();
        HolderPoints {
            first: point(0),
            second: point(1),
        }
    }
}

fn submit(ledger: &Ledger, key: &KeyPair, call: LedgerCall) -> Hash {
    let transaction = transaction(key, call);
    let receipt = ledger.submit(transaction);
    let committed = futures::executor::block_on(receipt).unwrap();
    committed.result.unwrap();
    committed.tx_hash
}

/// `opener` has asked and `acceptor` has accepted, by these keys.
fn accepted(
    opener: &Party,
    acceptor: &Party,
    (keys, zero_conf): (u8, bool),
) -> (AcceptedOpener, Acceptor) {
    let limits = limits();
    let keys_id = KeysId([keys; 32]);
    let terms = OpenTerms {
        peer: acceptor.signer.node_id(),
        temporary_channel_id: TemporaryChannelId([keys; 32]),
        keys_id,
        funding_amount: CAPACITY,
        push: PUSH,
        feerate_per_kw: 1_000,
        announce: false,
        channel_type: ChannelType {
            format: CommitmentFormat::Anchors,
            scid_alias: false,
            zero_conf,
        },
        side: opener.side(&keys_id),
        points: opener.points(&keys_id),
    };
    let asked = Opener::new(terms, &limits).unwrap();
    let terms = AcceptTerms {
        peer: opener.signer.node_id(),
        keys_id,
        minimum_depth: if zero_conf { 0 } else { 3 },
        side: acceptor.side(&keys_id),
        points: acceptor.points(&keys_id),
    };
    let acceptor = Acceptor::new(asked.message().clone(), terms, &limits).unwrap();
    let accepted = asked.accept(acceptor.message().clone(), &limits).unwrap();
    (accepted, acceptor)
}

/// The opener's first state, and what its ledger is told.
fn funded(accepted: AcceptedOpener) -> (Channel, Transcript) {
    let transaction = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn::default()],
        output: vec![accepted.funding_output()],
    };
    let funding = OutPoint::new(transaction.compute_txid(), 0);
    let (channel, _, transcript) = accepted.fund(funding, transaction).unwrap();
    (channel, transcript)
}

/// A channel to `peer` that `party` opens, and the peer has not signed; with what the ledger is told.
pub(crate) fn opened(party: &Party, peer: &Party, keys: u8) -> (Channel, Transcript) {
    funded(accepted(party, peer, (keys, false)).0)
}

/// A channel of `peer`'s that `party` accepts: both have signed.
pub(crate) fn taken(
    party: &Party,
    peer: &Party,
    (keys, zero_conf): (u8, bool),
) -> (Channel, Transcript) {
    let (asked, acceptor) = accepted(peer, party, (keys, zero_conf));
    let (theirs, _) = funded(asked);
    let (id, funding) = (theirs.id(), theirs.params().funding);
    peer.signer.set_view(Arc::new(Only(theirs)));
    let signed = peer.signer.sign_counterparty_commitment(&id).unwrap();
    let created = FundingCreated {
        temporary_channel_id: TemporaryChannelId([keys; 32]),
        funding,
        signature: signed.signature,
    };
    let (channel, _, transcript) = acceptor.funding_created(created, &Secp).unwrap();
    (channel, transcript)
}

/// The channel's next state.
pub(crate) fn next(channel: Channel, command: Command) -> Channel {
    let limits = limits();
    let context = Context {
        verifier: &Secp,
        limits: &limits,
    };
    channel.handle(command, &context).unwrap().0
}

/// Its opening transaction is deep enough.
pub(crate) fn confirmed(channel: &Channel) -> Command {
    let params = channel.params();
    Command::Chain(ChainEvent::OpeningConfirmed {
        block_hash: BlockHash::all_zeros(),
        block_height: 100,
        transaction_index: 1,
        confirmations: 3,
        output_value: params.capacity,
        output_script: channel_funding_redeemscript(params).to_p2wsh(),
        coinbase: false,
    })
}

fn limits() -> Limits {
    Limits {
        allow_zero_conf: true,
        ..Limits::default()
    }
}

/// `party` begins to open a channel, and its ledger knows.
pub(crate) fn begin_opening(party: &Party, ledger: &Ledger, peer: &Party, keys: u8) -> ChannelId {
    let order = OpenChannelRequest {
        peer: peer.signer.node_id(),
        address: "127.0.0.1:9735".to_owned(),
        amount_sat: CAPACITY,
        push_msat: PUSH,
        feerate_per_kw: 0,
        announce: false,
        nonce: [keys; 32],
        zero_conf: false,
    };
    let request = submit(ledger, &party.operator, LedgerCall::OpenChannel(order));
    let (channel, transcript) = opened(party, peer, keys);
    let opening = Opening {
        transcript,
        request: Some(request),
    };
    party.report(ledger, LedgerCall::Opening(Box::new(opening)));
    channel.id()
}

/// `party` takes a channel of `peer`'s, and its ledger knows.
pub(crate) fn accept_opening(party: &Party, ledger: &Ledger, peer: &Party, keys: u8) -> ChannelId {
    let (channel, transcript) = taken(party, peer, (keys, false));
    let opening = Opening {
        transcript,
        request: None,
    };
    party.report(ledger, LedgerCall::Opening(Box::new(opening)));
    channel.id()
}
