//! Invoice fields, with `#[protobuf_convert(with = "invoice_text")]`: at most [`MAX_INVOICE`] bytes.

// The derive macro gives a reference to the field.
#![allow(clippy::ptr_arg)]

use anyhow::Result;

use super::{bounded, MAX_INVOICE};

pub(crate) fn to_pb(text: &String) -> String {
    text.clone()
}

pub(crate) fn from_pb(pb: String) -> Result<String> {
    bounded(pb, "invoice", MAX_INVOICE)
}
