//! Which data folder a command is about.

use std::path::{Path, PathBuf};

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

/// The variable that names the settings' file.
pub const CONFIG_VARIABLE: &str = "ZARNITSA_CONFIG";

impl Place {
    /// The folder of a network that is there already, for commands that talk to a node.
    pub fn existing(&self) -> anyhow::Result<DataDir> {
        let layers = self.flags(self.layers(None)?);
        let root: PathBuf = layers.get("data_dir").unwrap_or_else(default_data_dir);
        if let Some(network) = layers.get::<Network>("network") {
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

    /// What lies below the flags: variables over the file. The file is `named`, or the variable's, or `zarnitsa.toml`
    /// in the data folder where there is one.
    pub fn layers(&self, named: Option<&Path>) -> anyhow::Result<Layers> {
        let named = named
            .map(Path::to_owned)
            .or_else(|| std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from));
        let folder = self.data_dir.clone().unwrap_or_else(default_data_dir);
        let beside = folder.join("zarnitsa.toml");
        let layers = match named {
            Some(path) => Layers::new().file(&path)?,
            None if beside.is_file() => Layers::new().file(&beside)?,
            None => Layers::new(),
        };
        Ok(layers.variables(std::env::vars())?)
    }

    /// The settings of a command that needs no flags but these.
    pub fn config(&self) -> anyhow::Result<Config> {
        Ok(self.flags(self.layers(None)?).resolve()?)
    }

    /// The settings of a command about a network's folder that is there already.
    pub fn config_of(&self, folder: &DataDir) -> anyhow::Result<Config> {
        let network = folder
            .path()
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let layers = self.flags(self.layers(None)?);
        Ok(layers.flag("network", network).resolve()?)
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
