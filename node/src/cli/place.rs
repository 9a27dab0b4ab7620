//! Which data folder a command is about.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};

use crate::api::Network;
use crate::config::{default_data_dir, Config, Layers};
use crate::data_dir::DataDir;

/// The folder and the network, the same for every command.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The data folder [default: ~/.zarnitsa]
    #[arg(long, global = true, env = "ZARNITSA_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The Bitcoin network [default: the one that the data folder holds, else regtest]
    #[arg(long, global = true, env = "ZARNITSA_NETWORK", value_enum)]
    pub network: Option<Network>,
}

impl Place {
    /// The folder of a network that is there already, for commands that talk to a node.
    pub fn existing(&self) -> anyhow::Result<DataDir> {
        let root = self.data_dir.clone().unwrap_or_else(default_data_dir);
        if let Some(network) = self.network {
            return Ok(DataDir::new(root.join(network.name())));
        }
        let mut folders: Vec<_> = Network::value_variants()
            .iter()
            .map(|network| DataDir::new(root.join(network.name())))
            .filter(|folder| folder.path().is_dir())
            .collect();
        if folders.len() > 1 {
            folders.retain(|folder| folder.address().is_ok());
        }
        match (folders.pop(), folders.is_empty()) {
            (Some(folder), true) => Ok(folder),
            (None, _) => Ok(DataDir::new(root.join(Network::default().name()))),
            (Some(_), false) => {
                bail!(
                    "{} holds several networks: say which by --network",
                    root.display()
                )
            }
        }
    }

    /// The settings of a command that needs no flags but these: variables, then defaults.
    pub fn config(&self) -> anyhow::Result<Config> {
        let layers = Layers::new().variables(std::env::vars())?;
        Ok(self.flags(layers).resolve()?)
    }

    /// The settings of a command about a network's folder that is there already.
    pub fn config_of(&self, folder: &DataDir) -> anyhow::Result<Config> {
        let network = folder
            .path()
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let layers = Layers::new().variables(std::env::vars())?;
        Ok(self.flags(layers).flag("network", network).resolve()?)
    }

    /// Lays these two flags over other layers.
    pub fn flags(&self, layers: Layers) -> Layers {
        let folder = self.data_dir.as_ref();
        layers
            .flag(
                "data_dir",
                folder.map(|folder| folder.display().to_string()),
            )
            .flag("network", self.network.map(Network::name))
    }
}
