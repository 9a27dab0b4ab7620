//! Where the seed's passphrase comes from when no person is there to type it.

use std::fs;

use anyhow::{bail, Context};
use zeroize::Zeroizing;

use crate::api::Network;
use crate::config::Config;

/// The variable that holds the passphrase itself.
const VARIABLE: &str = "ZARNITSA_PASSPHRASE";
/// On regtest coins are worth nothing, and a passphrase would only be in the way.
const REGTEST: &str = "regtest";

/// The variable, the file's first line, regtest's fixed one; in this order.
pub fn passphrase(config: &Config) -> anyhow::Result<Zeroizing<String>> {
    if let Ok(text) = std::env::var(VARIABLE) {
        let text = Zeroizing::new(text);
        // More likely a mistake in a unit file than a wish for a seed that anybody can open.
        if text.is_empty() {
            bail!("{VARIABLE} is set and empty: the seed needs a passphrase");
        }
        return Ok(text);
    }
    if let Some(path) = &config.seed.passphrase_file {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the passphrase from {}", path.display()))?;
        let text = Zeroizing::new(text);
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            bail!(
                "{}: the first line, the passphrase, is empty",
                path.display()
            );
        }
        return Ok(Zeroizing::new(line.to_string()));
    }
    if config.network == Network::Regtest {
        return Ok(Zeroizing::new(REGTEST.into()));
    }
    bail!("the seed needs a passphrase: set {VARIABLE}, or seed.passphrase_file")
}
