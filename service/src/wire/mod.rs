//! How Bitcoin's and Lightning's types stand in protobuf fields.
//!
//! [`Wire`] is what `ProtobufConvert` is for types that are not ours: the derive macro takes it by
//! `#[protobuf_convert(with = "Wire")]`. Reading checks lengths and encodings, so that a value that exists is well formed.

mod bytes;
mod enums;
pub(crate) mod invoice_text;
mod ledger;
pub(crate) mod text;

use anyhow::{bail, Result};
use protobuf::SingularPtrField;

/// A type of one protobuf field.
pub(crate) trait Wire: Sized {
    /// The generated code's type of the field.
    type Pb;

    /// The field's value.
    fn to_pb(&self) -> Self::Pb;

    /// Reads the field.
    ///
    /// # Errors
    ///
    /// What is wrong with it: its length, its encoding or its range.
    fn from_pb(pb: Self::Pb) -> Result<Self>;
}

/// The longest text that a transaction may bring: a reason, a description, an address.
pub(crate) const MAX_TEXT: usize = 1_024;

/// The longest BOLT 11 or BOLT 12 string: far beyond what fits into a QR code.
pub(crate) const MAX_INVOICE: usize = 8_192;

/// The longest message of BOLT 1, so the most that any field of a message can have.
pub(crate) const MAX_MESSAGE: usize = 65_535;

/// The largest Bitcoin transaction that is relayed: 400,000 weight units of witness bytes (Bitcoin Core's policy).
pub(crate) const MAX_TRANSACTION: usize = 400_000;

/// Refuses what is longer than `max` bytes.
pub(crate) fn bounded<T: AsRef<[u8]>>(value: T, what: &str, max: usize) -> Result<T> {
    let got = value.as_ref().len();
    if got > max {
        bail!("{what}: {got} bytes where {max} are allowed");
    }
    Ok(value)
}

/// Refuses a message field that is absent.
pub(crate) fn present<T>(field: SingularPtrField<T>, what: &str) -> Result<T> {
    field
        .into_option()
        .ok_or_else(|| anyhow::anyhow!("{what} is missing"))
}

impl<T: Wire> Wire for Vec<T> {
    type Pb = Vec<T::Pb>;

    fn to_pb(&self) -> Self::Pb {
        self.iter().map(T::to_pb).collect()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        pb.into_iter().map(T::from_pb).collect()
    }
}
