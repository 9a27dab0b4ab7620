//! Text fields, with `#[protobuf_convert(with = "text")]`: at most [`MAX_TEXT`] bytes.

// The derive macro gives a reference to the field.
#![allow(clippy::ptr_arg)]

use anyhow::Result;

use super::{bounded, MAX_TEXT};

pub(crate) fn to_pb(text: &String) -> String {
    text.clone()
}

pub(crate) fn from_pb(pb: String) -> Result<String> {
    bounded(pb, "text", MAX_TEXT)
}
