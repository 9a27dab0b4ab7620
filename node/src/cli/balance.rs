//! `zarnitsa balance`

use super::{Client, Output};
use crate::api::Balance;

pub fn run(client: &Client, out: Output) -> anyhow::Result<()> {
    out.one(&client.get::<Balance>("balance")?)
}
