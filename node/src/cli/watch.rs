//! `zarnitsa watch` and `zarnitsa watchtower`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::node::stop_signal;
use super::{Client, Output, Place};
use crate::api::TowerChannel;
use crate::config::{Config, Layers};
use crate::data_dir::DataDir;
use crate::logging;
use crate::node::chain_source;
use crate::watch::Watch;

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Settings, TOML: network, bitcoind, log
    #[arg(long, env = "ZARNITSA_CONFIG", value_name = "F")]
    config: Option<PathBuf>,
    /// Where nodes bring what is to be watched; what they bring is encrypted, the connection is not
    #[arg(long, default_value = "127.0.0.1:9911", value_name = "HOST:PORT")]
    listen: SocketAddr,
    /// Bitcoin Core's RPC address
    #[arg(long, value_name = "URL")]
    bitcoind_rpc_url: Option<String>,
    /// Bitcoin Core's cookie file
    #[arg(long, value_name = "F")]
    bitcoind_cookie_file: Option<String>,
    /// End when standard input ends: whoever started this tower is gone
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

impl WatchArgs {
    pub fn run(self, place: &Place) -> anyhow::Result<()> {
        let config = self.settings(place)?;
        let folder = DataDir::new(config.network_dir().join("watch"));
        folder.create()?;
        let _lock = folder.lock()?;
        logging::start(&config.log, &folder.log())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        runtime.block_on(self.serve(&config, &folder))
    }

    fn settings(&self, place: &Place) -> anyhow::Result<Config> {
        let mut layers = Layers::new();
        if let Some(path) = &self.config {
            layers = layers.file(path)?;
        }
        let layers = layers
            .variables(std::env::vars())?
            .flag("bitcoind.rpc_url", self.bitcoind_rpc_url.clone())
            .flag("bitcoind.cookie_file", self.bitcoind_cookie_file.clone());
        Ok(place.flags(layers).resolve()?)
    }

    async fn serve(&self, config: &Config, folder: &DataDir) -> anyhow::Result<()> {
        let stop = stop_signal(self.stop_with_stdin)?;
        let token = folder.watch_token()?;
        let poll = Duration::from_millis(config.bitcoind.poll_ms);
        let chain = (chain_source(config)?, poll);
        let watch = Watch::start(folder, self.listen, token, chain)?;
        let token = folder.path().join("watch.token");
        tracing::info!(listen = %watch.address(), token = %token.display(), "watching");
        stop.await;
        tracing::info!("stopping");
        watch.stop().await
    }
}

/// What the tower has, asked by the node and compared with its ledger.
pub fn status(client: &Client, out: Output) -> anyhow::Result<()> {
    let channels: Vec<TowerChannel> = client.get("watchtower")?;
    let columns = [
        "channel_id",
        "revoked_states",
        "tower_states",
        "complete",
        "error",
    ];
    out.list(&channels, &columns)
}
