//! `zarnitsa node`

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{bail, Context};
use clap::Args;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use tokio::signal::unix::{signal, SignalKind};
use zarnitsa_signer::Signer;

use super::place::CONFIG_VARIABLE;
use super::{init, Place};
use crate::api::{Network, NodeApi, Role};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::http::Server;
use crate::logging;
use crate::node::Node;
use crate::Answers;

#[derive(Debug, Args)]
pub struct NodeArgs {
    /// Settings, TOML [default: zarnitsa.toml in the data folder, if it is there]
    #[arg(long, env = CONFIG_VARIABLE, value_name = "F")]
    config: Option<PathBuf>,
    /// How the node treats others [default: user]
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// The name that the node gives itself
    #[arg(long)]
    alias: Option<String>,
    /// Where peers connect [default: 0.0.0.0:9735]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Where API and web UI are served [default: 127.0.0.1:9780]
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<String>,
    /// Bitcoin Core's RPC address
    #[arg(long, value_name = "URL")]
    bitcoind_rpc_url: Option<String>,
    /// Bitcoin Core's cookie file
    #[arg(long, value_name = "F")]
    bitcoind_cookie_file: Option<String>,
    /// Bitcoin Core's zmqpubhashblock address
    #[arg(long, value_name = "URL")]
    bitcoind_zmq: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or by part
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// End when standard input ends: whoever started this node is gone
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

impl NodeArgs {
    pub fn run(self, place: &Place) -> anyhow::Result<()> {
        let config = self.settings(place)?;
        let folder = DataDir::new(config.network_dir());
        folder.create()?;
        let _lock = folder.lock()?;
        logging::start(&config.log, &folder.log())?;
        raise_descriptor_limit();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        runtime.block_on(serve(config, folder, self.stop_with_stdin))
    }

    /// Flags over variables over the file over defaults.
    fn settings(&self, place: &Place) -> anyhow::Result<Config> {
        let layers = place
            .layers(self.config.as_deref())?
            .flag("role", self.role.map(|role| role.to_string()))
            .flag("alias", self.alias.clone())
            .flag("lightning.listen", self.listen.clone())
            .flag("http.listen", self.http.clone())
            .flag("bitcoind.rpc_url", self.bitcoind_rpc_url.clone())
            .flag("bitcoind.cookie_file", self.bitcoind_cookie_file.clone())
            .flag("bitcoind.zmq", self.bitcoind_zmq.clone())
            .flag("log.level", self.log_level.clone());
        Ok(place.flags(layers).resolve()?)
    }
}

/// From start to stop, each part in its order: what others need starts first and stops last.
async fn serve(config: Config, folder: DataDir, stop_with_stdin: bool) -> anyhow::Result<()> {
    let stop = stop_signal(stop_with_stdin)?;
    let signer = signer(&config, &folder)?;
    let (tokens, operator) = (folder.tokens()?, folder.operator_key()?);
    let http = config.http.clone();
    let mut node = Node::start(config, &folder, signer, operator).await?;
    let answers = Arc::new(Answers::of(&node));
    let server = Server::start(&http, answers.clone(), tokens)
        .with_context(|| format!("cannot serve HTTP on {}", http.listen))?;
    folder.write_address(server.address())?;
    let info = answers.info().await?;
    tracing::info!(uri = %info.uri, http = %server.address(), "ready");
    let failure = tokio::select! {
        () = stop => None,
        failure = node.failed() => Some(failure),
    };
    tracing::info!("stopping");
    if failure.is_some() {
        node.hush();
    }
    folder.remove_address();
    drop(answers);
    server.stop().await?;
    node.shutdown().await;
    tracing::info!("stopped");
    match failure {
        None => Ok(()),
        Some(failure) => bail!("the node had to stop: {failure}"),
    }
}

/// Two descriptors a connection and the ledger's files: more than the thousand that systems give at first, where a hub has
/// many peers. What the system allows at most is taken.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the number of open files stays limited to {:?}", limit.current);
    }
}

/// The seed; on regtest it makes itself.
fn signer(config: &Config, folder: &DataDir) -> anyhow::Result<Signer> {
    if folder.seed().exists() {
        return init::open(config, folder);
    }
    if config.network == Network::Regtest {
        return Ok(init::create(config, folder, None)?.0);
    }
    bail!(
        "{} holds no seed: make one with `zarnitsa init`",
        folder.path().display()
    )
}

/// Ends at SIGTERM or Ctrl-C, or with standard input where that is wanted.
pub(super) fn stop_signal(
    with_stdin: bool,
) -> anyhow::Result<impl std::future::Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, mut stdin_ended) = tokio::sync::mpsc::channel::<()>(1);
    // A thread of its own: a read of standard input cannot be cancelled and must not hold up the runtime's end.
    std::thread::spawn(move || {
        if with_stdin {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = sender.blocking_send(());
        } else {
            std::mem::drop(sender);
        }
    });
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            Some(()) = stdin_ended.recv() => {}
        }
    })
}
