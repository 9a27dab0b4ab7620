//! `zarnitsa info`

use super::{Client, Output};
use crate::api::NodeInfo;

pub fn run(client: &Client, out: Output) -> anyhow::Result<()> {
    out.one(&client.get::<NodeInfo>("info")?)
}
