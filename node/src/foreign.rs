//! Transactions that somebody else signed and sent over HTTP.

use exonum::crypto::PublicKey;
use exonum::merkledb::BinaryValue;
use exonum::messages::{AnyTx, SignedMessage, Verified};

use crate::api::{ApiError, ErrorCode};

/// The transaction in `body`, if the operator signed it.
///
/// A read token is enough to come here, so nothing but what the operator signed is decoded any deeper than the
/// envelope: protobuf 2 skips groups that it does not know by calling itself, as deep as they are nested
/// (RUSTSEC-2024-0437).
///
/// # Errors
/// [`ErrorCode::BadRequest`] if it is no signed transaction, [`ErrorCode::Forbidden`] if another key signed it.
pub(crate) fn transaction_of(
    body: Vec<u8>,
    operator: &PublicKey,
) -> Result<Verified<AnyTx>, ApiError> {
    check_envelope(&body).ok_or_else(|| {
        ApiError::bad_request("not a signed message: its fields are not Exonum's")
    })?;
    let message = SignedMessage::from_bytes(body.into())
        .map_err(|error| ApiError::bad_request(format_args!("not a signed message: {error}")))?;
    // What this node itself reports must have been decided by its own machine first.
    if message.author != *operator {
        let not_his = "the transaction is not signed by the operator's key";
        return Err(ApiError::new(ErrorCode::Forbidden, not_his));
    }
    message
        .into_verified()
        .map_err(|error| ApiError::bad_request(format_args!("not a transaction: {error}")))
}

/// Whether this is a `SignedMessage` of Exonum's: payload, author and signature in bytes, the latter two with bytes in
/// them, and no other field.
fn check_envelope(body: &[u8]) -> Option<()> {
    let mut rest = body;
    while !rest.is_empty() {
        let (field, content) = bytes_field(&mut rest)?;
        match field {
            1 => {}
            2 | 3 => {
                let mut inner = content;
                while !inner.is_empty() {
                    let (field, _) = bytes_field(&mut inner)?;
                    (field == 1).then_some(())?;
                }
            }
            _ => return None,
        }
    }
    Some(())
}

/// The next field, which must hold bytes: its number and its content.
fn bytes_field<'a>(rest: &mut &'a [u8]) -> Option<(u64, &'a [u8])> {
    const BYTES: u64 = 2;
    let key = varint(rest)?;
    (key & 7 == BYTES).then_some(())?;
    let length = usize::try_from(varint(rest)?).ok()?;
    let (content, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some((key >> 3, content))
}

/// Protobuf's base 128, at most ten bytes.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..10_u32 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        value |= bits.checked_shl(place.checked_mul(7)?)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use exonum::crypto::KeyPair;
    use exonum::runtime::CallInfo;

    use super::*;

    fn signed(by: &KeyPair) -> Vec<u8> {
        let call = AnyTx::new(CallInfo::new(100, 0), vec![7; 40]);
        Verified::from_value(call, by.public_key(), by.secret_key())
            .into_raw()
            .into_bytes()
    }

    #[test]
    fn transaction_of_the_operator_is_taken() {
        let operator = KeyPair::random();
        let taken = transaction_of(signed(&operator), &operator.public_key()).unwrap();
        assert_eq!(taken.payload().arguments, vec![7; 40]);
    }

    #[test]
    fn transaction_of_another_key_is_refused() {
        let operator = KeyPair::random().public_key();
        let error = transaction_of(signed(&KeyPair::random()), &operator).unwrap_err();
        assert_eq!(error.code, ErrorCode::Forbidden);
    }

    #[test]
    fn changed_transaction_is_refused() {
        let operator = KeyPair::random();
        let mut body = signed(&operator);
        body[10] ^= 1;
        assert!(transaction_of(body, &operator.public_key()).is_err());
    }

    #[test]
    fn groups_in_groups_are_refused_before_they_are_decoded() {
        let operator = KeyPair::random();
        // Field 9, start of a group, half a million times: protobuf would call itself as often.
        let groups = vec![0x4b_u8; 500_000];
        let mut behind = signed(&operator);
        behind.extend_from_slice(&groups);
        let mut inside = vec![0x12, 0xa0, 0xc2, 0x1e];
        inside.extend_from_slice(&groups);
        for body in [groups, behind, inside] {
            let error = transaction_of(body, &operator.public_key()).unwrap_err();
            assert_eq!(error.code, ErrorCode::BadRequest);
        }
    }

    #[test]
    fn random_bytes_are_refused_without_a_panic() {
        let operator = KeyPair::random().public_key();
        for length in 0..200 {
            let body: Vec<u8> = (0..length).map(|_| rand::random()).collect();
            let _ = transaction_of(body, &operator);
        }
        assert!(transaction_of(vec![0xff; 64], &operator).is_err());
    }
}
