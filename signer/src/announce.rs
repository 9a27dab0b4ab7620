//! Signatures that make a channel public (BOLT 7, announcement_signatures).

use bitcoin::constants::ChainHash;
use bitcoin::hashes::{sha256d, Hash};
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::Channel;

use crate::error::SignerError;
use crate::signer::{sign, Signer};

/// What announcement_signatures carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnouncementSignatures {
    /// The channel's number, by the ledger.
    pub short_channel_id: u64,
    /// By the node key.
    pub node: Signature,
    /// By this node's key in the funding output.
    pub bitcoin: Signature,
}

impl Signer {
    /// Signs the announcement of a channel that the durable ledger says is confirmed, and that both sides asked to be
    /// announced. Its contents are made here from the ledger: nobody can have another text signed by the funding key.
    ///
    /// # Errors
    /// Where the channel is unknown, private, unconfirmed or at its end.
    pub fn sign_announcement(&self, id: &ChannelId) -> Result<AnnouncementSignatures, SignerError> {
        let known = self.known(id)?;
        let public = known.channel.is_usable() && known.channel.params().announce;
        let short_channel_id = known.channel.short_channel_id().filter(|_| public);
        let short_channel_id = short_channel_id.ok_or_else(|| known.nothing("announcement"))?;
        let contents = self.announcement(&known.channel, short_channel_id);
        let digest = Message::from_digest(sha256d::Hash::hash(&contents).to_byte_array());
        Ok(AnnouncementSignatures {
            short_channel_id,
            node: self.sign_node(&digest),
            bitcoin: sign(&digest, &known.keys.funding),
        })
    }

    /// BOLT 7, channel_announcement, behind the signatures: no features, the chain, the channel, both nodes and their
    /// funding keys, the lesser node id first.
    fn announcement(&self, channel: &Channel, short_channel_id: u64) -> Vec<u8> {
        let params = channel.params();
        let ours = (self.node_id(), params.holder.keys.funding);
        let theirs = (params.peer, params.counterparty.keys.funding);
        let mut sides = [ours, theirs].map(|(node, funding)| bytes(&node, &funding));
        sides.sort_unstable();
        let [(node_1, funding_1), (node_2, funding_2)] = sides;
        let mut contents = vec![0, 0];
        contents.extend(ChainHash::using_genesis_block(self.network()).to_bytes());
        contents.extend(short_channel_id.to_be_bytes());
        for key in [node_1, node_2, funding_1, funding_2] {
            contents.extend(key);
        }
        contents
    }
}

fn bytes(node: &PublicKey, funding: &PublicKey) -> ([u8; 33], [u8; 33]) {
    (node.serialize(), funding.serialize())
}
