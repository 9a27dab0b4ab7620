//! The layers of settings and how the higher ones cover the lower ones.

use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use toml::{Table, Value};

use super::Config;
use crate::api::{Network, Role};

/// The prefix of every variable.
const PREFIX: &str = "ZARNITSA_";

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not readable.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{} is not TOML: {source}", path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A value of a layer has the wrong kind, or there is no such setting.
    #[error("{layer}: {reason}")]
    Value {
        /// The file's name, the variable's name or "the flags".
        layer: String,
        /// Which setting, and why not.
        reason: String,
    },
}

/// The layers above the defaults. Each method covers what was given before it.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    table: Table,
}

impl Layers {
    /// Nothing but defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// A TOML text; `name` is said in errors.
    pub fn toml(mut self, name: &Path, text: &str) -> Result<Self, ConfigError> {
        let table: Table = text.parse().map_err(|source| ConfigError::Toml {
            path: name.into(),
            source: Box::new(source),
        })?;
        check(&name.display().to_string(), &table)?;
        merge(&mut self.table, table);
        Ok(self)
    }

    /// A TOML file.
    pub fn file(self, path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        self.toml(path, &text)
    }

    /// Variables; those whose name is no setting's are not ours to judge and are passed over.
    pub fn variables(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let keys = keys();
        for (name, text) in variables {
            let Some(key) = keys.iter().find(|key| key.variable == name) else {
                continue;
            };
            let mut table = Table::new();
            set(&mut table, &key.path, key.kind.value(&name, &text)?);
            check(&name, &table)?;
            merge(&mut self.table, table);
        }
        Ok(self)
    }

    /// One flag: the setting's path and its value, nothing where the flag was not given.
    pub fn flag(mut self, path: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            let path: Vec<String> = path.split('.').map(String::from).collect();
            set(&mut self.table, &path, value.into());
        }
        self
    }

    /// A setting as the layers so far have it.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.table.get(key)?.clone().try_into().ok()
    }

    /// The settings, with the defaults of their network and role below them.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        let network = self.get::<Network>("network").unwrap_or_default();
        let role = self.get::<Role>("role").unwrap_or_default();
        let wrong = |reason: toml::de::Error| ConfigError::Value {
            layer: "the settings".into(),
            reason: reason.message().into(),
        };
        let mut table = Table::try_from(Config::defaults(network, role)).map_err(|error| {
            ConfigError::Value {
                layer: "the defaults".into(),
                reason: error.to_string(),
            }
        })?;
        merge(&mut table, self.table);
        let config: Config = table.try_into().map_err(wrong)?;
        config.validate()?;
        Ok(config)
    }
}

impl Config {
    /// What no type can say.
    fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |reason: &str| {
            Err(ConfigError::Value {
                layer: "the settings".into(),
                reason: reason.into(),
            })
        };
        if self.alias.len() > 32 {
            return refuse("alias: 32 bytes at most");
        }
        if self.fees.floor_sat_vb == 0 || self.fees.floor_sat_vb > self.fees.ceiling_sat_vb {
            return refuse("fees: floor_sat_vb must be 1 or more and not above ceiling_sat_vb");
        }
        if self.policy.min_channel_sat > self.policy.max_channel_sat {
            return refuse("policy: min_channel_sat is above max_channel_sat");
        }
        if self.bitcoind.user.is_some() != self.bitcoind.password.is_some() {
            return refuse("bitcoind: user and password go together");
        }
        Ok(())
    }
}

/// How a variable's text becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Bool,
    List,
}

impl Kind {
    fn value(self, name: &str, text: &str) -> Result<Value, ConfigError> {
        let wrong = |what: &str| ConfigError::Value {
            layer: name.into(),
            reason: format!("{text:?} is not {what}"),
        };
        Ok(match self {
            Self::Text => text.into(),
            Self::Number => text.parse::<i64>().map_err(|_| wrong("a number"))?.into(),
            Self::Bool => text
                .parse::<bool>()
                .map_err(|_| wrong("true or false"))?
                .into(),
            Self::List => Value::Array(
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(Value::from)
                    .collect(),
            ),
        })
    }
}

/// A setting: its path, the name of its variable, its kind.
#[derive(Clone, Debug)]
struct Key {
    path: Vec<String>,
    variable: String,
    kind: Kind,
}

/// Every setting, out of the types themselves.
fn keys() -> Vec<Key> {
    let schema = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<Config>();
    let mut keys = Vec::new();
    collect(schema.as_value(), &mut Vec::new(), &mut keys);
    keys
}

fn collect(schema: &Json, path: &mut Vec<String>, keys: &mut Vec<Key>) {
    if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
        for (name, schema) in properties {
            path.push(name.clone());
            collect(schema, path, keys);
            path.pop();
        }
        return;
    }
    let kind = match schema.get("type").map(Json::to_string) {
        Some(kind) if kind.contains("integer") => Kind::Number,
        Some(kind) if kind.contains("boolean") => Kind::Bool,
        Some(kind) if kind.contains("array") => Kind::List,
        _ => Kind::Text,
    };
    keys.push(Key {
        path: path.clone(),
        variable: format!("{PREFIX}{}", path.join("_").to_uppercase()),
        kind,
    });
}

/// Refuses a layer with a setting that does not exist or whose value has the wrong kind.
fn check(layer: &str, table: &Table) -> Result<(), ConfigError> {
    let network = Network::default();
    let mut whole = Table::try_from(Config::defaults(network, Role::User)).map_err(|error| {
        ConfigError::Value {
            layer: "the defaults".into(),
            reason: error.to_string(),
        }
    })?;
    merge(&mut whole, table.clone());
    match whole.try_into::<Config>() {
        Ok(_) => Ok(()),
        Err(error) => Err(ConfigError::Value {
            layer: layer.into(),
            reason: error.to_string().trim().replace('\n', " "),
        }),
    }
}

fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn set(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = table
                .entry(first.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_types_are_found_with_their_kinds() {
        let keys = keys();
        let kind = |variable: &str| {
            keys.iter()
                .find(|key| key.variable == variable)
                .map(|key| key.kind)
        };
        assert_eq!(kind("ZARNITSA_DATA_DIR"), Some(Kind::Text));
        assert_eq!(kind("ZARNITSA_BITCOIND_PASSWORD"), Some(Kind::Text));
        assert_eq!(kind("ZARNITSA_BITCOIND_POLL_MS"), Some(Kind::Number));
        assert_eq!(kind("ZARNITSA_LOG_JSON"), Some(Kind::Bool));
        assert_eq!(kind("ZARNITSA_LIGHTNING_ANNOUNCE"), Some(Kind::List));
        assert_eq!(kind("ZARNITSA_HTTP"), None);
    }
}
