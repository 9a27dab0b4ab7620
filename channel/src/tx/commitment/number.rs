//! The commitment number, as the transaction's sequence and lock time carry it (BOLT 3, "Commitment Transaction").

use bitcoin::absolute::LockTime;
use bitcoin::hashes::{sha256, Hash, HashEngine};
use bitcoin::transaction::Version;
use bitcoin::{ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

use crate::params::ChannelParams;

/// BOLT 3, "Commitment Transaction": the 48-bit mask that hides commitment numbers on the chain, from the opener's
/// payment basepoint first and the acceptor's after it.
fn obscuring_factor(params: &ChannelParams) -> u64 {
    let opener = &params.side(params.opener).keys;
    let acceptor = &params.side(params.opener.other()).keys;
    let mut engine = sha256::Hash::engine();
    engine.input(&opener.payment_basepoint.serialize());
    engine.input(&acceptor.payment_basepoint.serialize());
    let digest = sha256::Hash::from_engine(engine).to_byte_array();
    digest[26..]
        .iter()
        .fold(0, |factor, byte| factor << 8 | u64::from(*byte))
}

/// Version 2, one input; sequence and lock time carry the obscured number, 24 bits each.
pub(super) fn unsigned_tx(params: &ChannelParams, number: u64, output: Vec<TxOut>) -> Transaction {
    let obscured = number ^ obscuring_factor(params);
    let low = (obscured & 0xff_ffff) as u32; // 24 bits
    let high = (obscured >> 24 & 0xff_ffff) as u32; // 24 bits
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(0x20 << 24 | low),
        input: vec![TxIn {
            previous_output: params.funding,
            script_sig: ScriptBuf::new(),
            sequence: Sequence(0x80 << 24 | high),
            witness: Witness::new(),
        }],
        output,
    }
}

/// The commitment number that a transaction which spends the funding output shows, `None` where it is no commitment
/// transaction by its sequence and lock time.
pub fn commitment_number_of(params: &ChannelParams, tx: &Transaction) -> Option<u64> {
    let [input] = tx.input.as_slice() else {
        return None;
    };
    let sequence = input.sequence.to_consensus_u32();
    let lock_time = tx.lock_time.to_consensus_u32();
    if input.previous_output != params.funding || sequence >> 24 != 0x80 || lock_time >> 24 != 0x20
    {
        return None;
    }
    let obscured = u64::from(sequence & 0xff_ffff) << 24 | u64::from(lock_time & 0xff_ffff);
    Some(obscured ^ obscuring_factor(params))
}
