//! Output scripts of BOLT 3. All but the plain to_remote are witness scripts, paid to by P2WSH.

use bitcoin::hashes::{hash160, ripemd160, Hash};
use bitcoin::opcodes::all::{
    OP_CHECKMULTISIG, OP_CHECKSIG, OP_CHECKSIGVERIFY, OP_CLTV, OP_CSV, OP_DROP, OP_DUP, OP_ELSE,
    OP_ENDIF, OP_EQUAL, OP_EQUALVERIFY, OP_HASH160, OP_IF, OP_IFDUP, OP_NOTIF, OP_SIZE, OP_SWAP,
};
use bitcoin::script::Builder;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{ScriptBuf, WPubkeyHash};

use crate::ids::PaymentHash;
use crate::keys::TxKeys;
use crate::params::{ChannelParams, CommitmentFormat, Side};

/// BOLT 3, "Funding Transaction Output": two of two, the lexicographically lesser key first.
pub fn funding_redeemscript(one: &PublicKey, other: &PublicKey) -> ScriptBuf {
    let (one, other) = (one.serialize(), other.serialize());
    let (first, second) = if one < other {
        (one, other)
    } else {
        (other, one)
    };
    Builder::new()
        .push_int(2)
        .push_slice(first)
        .push_slice(second)
        .push_int(2)
        .push_opcode(OP_CHECKMULTISIG)
        .into_script()
}

/// The funding output's scriptPubKey, for the two sides' funding keys in either order.
pub fn funding_script_pubkey(one: &PublicKey, other: &PublicKey) -> ScriptBuf {
    funding_redeemscript(one, other).to_p2wsh()
}

/// [`funding_redeemscript`] of a channel.
pub fn channel_funding_redeemscript(params: &ChannelParams) -> ScriptBuf {
    funding_redeemscript(
        &params.holder.keys.funding,
        &params.counterparty.keys.funding,
    )
}

/// BOLT 3, "to_local Output", and the output of both HTLC transactions: the revocation key at once, or the
/// broadcaster's delayed key after `delay` blocks.
pub fn revocable_redeemscript(
    revocation: &PublicKey,
    delay: u16,
    broadcaster_delayed: &PublicKey,
) -> ScriptBuf {
    Builder::new()
        .push_opcode(OP_IF)
        .push_slice(revocation.serialize())
        .push_opcode(OP_ELSE)
        .push_int(i64::from(delay))
        .push_opcode(OP_CSV)
        .push_opcode(OP_DROP)
        .push_slice(broadcaster_delayed.serialize())
        .push_opcode(OP_ENDIF)
        .push_opcode(OP_CHECKSIG)
        .into_script()
}

/// [`revocable_redeemscript`] of `broadcaster`'s commitment: its delay is what the OTHER side demanded.
pub fn broadcaster_redeemscript(
    params: &ChannelParams,
    broadcaster: Side,
    keys: &TxKeys,
) -> ScriptBuf {
    let delay = params.side(broadcaster.other()).to_self_delay;
    revocable_redeemscript(&keys.revocation, delay, &keys.broadcaster_delayed)
}

/// BOLT 3, "to_remote Output" with option_anchors: the witness script that waits one block.
pub fn to_remote_anchors_redeemscript(payment_basepoint: &PublicKey) -> ScriptBuf {
    Builder::new()
        .push_slice(payment_basepoint.serialize())
        .push_opcode(OP_CHECKSIGVERIFY)
        .push_int(1)
        .push_opcode(OP_CSV)
        .into_script()
}

/// BOLT 3, "to_remote Output": P2WPKH, or with anchors P2WSH of [`to_remote_anchors_redeemscript`].
pub fn to_remote_script_pubkey(
    format: CommitmentFormat,
    payment_basepoint: &PublicKey,
) -> ScriptBuf {
    match format {
        CommitmentFormat::StaticRemoteKey => {
            let hash = hash160::Hash::hash(&payment_basepoint.serialize());
            ScriptBuf::new_p2wpkh(&WPubkeyHash::from_raw_hash(hash))
        }
        CommitmentFormat::Anchors => to_remote_anchors_redeemscript(payment_basepoint).to_p2wsh(),
    }
}

/// BOLT 3, "to_local_anchor and to_remote_anchor Output": its side at once, anybody after 16 blocks.
pub fn anchor_redeemscript(funding: &PublicKey) -> ScriptBuf {
    Builder::new()
        .push_slice(funding.serialize())
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_IFDUP)
        .push_opcode(OP_NOTIF)
        .push_int(16)
        .push_opcode(OP_CSV)
        .push_opcode(OP_ENDIF)
        .into_script()
}

/// The head that both HTLC scripts share: the revocation path, and the preimage's length as a switch.
fn htlc_head(keys: &TxKeys) -> Builder {
    let revocation_hash = hash160::Hash::hash(&keys.revocation.serialize());
    Builder::new()
        .push_opcode(OP_DUP)
        .push_opcode(OP_HASH160)
        .push_slice(revocation_hash.to_byte_array())
        .push_opcode(OP_EQUAL)
        .push_opcode(OP_IF)
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_ELSE)
        .push_slice(keys.countersignatory_htlc.serialize())
        .push_opcode(OP_SWAP)
        .push_opcode(OP_SIZE)
        .push_int(32)
        .push_opcode(OP_EQUAL)
}

/// The tail that both share: with anchors, every path but the revocation waits one block.
fn htlc_tail(builder: Builder, format: CommitmentFormat) -> ScriptBuf {
    let builder = match format {
        CommitmentFormat::StaticRemoteKey => builder,
        CommitmentFormat::Anchors => builder.push_int(1).push_opcode(OP_CSV).push_opcode(OP_DROP),
    };
    builder.push_opcode(OP_ENDIF).into_script()
}

fn payment_hash160(payment_hash: &PaymentHash) -> [u8; 20] {
    ripemd160::Hash::hash(&payment_hash.0).to_byte_array()
}

/// BOLT 3, "Offered HTLC Outputs": offered by the side whose commitment transaction it stands in.
pub fn offered_htlc_redeemscript(
    format: CommitmentFormat,
    keys: &TxKeys,
    payment_hash: &PaymentHash,
) -> ScriptBuf {
    let builder = htlc_head(keys)
        .push_opcode(OP_NOTIF)
        .push_opcode(OP_DROP)
        .push_int(2)
        .push_opcode(OP_SWAP)
        .push_slice(keys.broadcaster_htlc.serialize())
        .push_int(2)
        .push_opcode(OP_CHECKMULTISIG)
        .push_opcode(OP_ELSE)
        .push_opcode(OP_HASH160)
        .push_slice(payment_hash160(payment_hash))
        .push_opcode(OP_EQUALVERIFY)
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_ENDIF);
    htlc_tail(builder, format)
}

/// BOLT 3, "Received HTLC Outputs": received by the side whose commitment transaction it stands in.
pub fn received_htlc_redeemscript(
    format: CommitmentFormat,
    keys: &TxKeys,
    payment_hash: &PaymentHash,
    cltv_expiry: u32,
) -> ScriptBuf {
    let builder = htlc_head(keys)
        .push_opcode(OP_IF)
        .push_opcode(OP_HASH160)
        .push_slice(payment_hash160(payment_hash))
        .push_opcode(OP_EQUALVERIFY)
        .push_int(2)
        .push_opcode(OP_SWAP)
        .push_slice(keys.broadcaster_htlc.serialize())
        .push_int(2)
        .push_opcode(OP_CHECKMULTISIG)
        .push_opcode(OP_ELSE)
        .push_opcode(OP_DROP)
        .push_int(i64::from(cltv_expiry))
        .push_opcode(OP_CLTV)
        .push_opcode(OP_DROP)
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_ENDIF);
    htlc_tail(builder, format)
}
