//! Whose ledger it is: a small text file beside the database, compared before the database is touched.

use std::{fs, path::Path};

use exonum::{
    blockchain::config::GenesisConfig,
    crypto::{hash, Hash, PublicKey},
};
use hex::FromHex;

use crate::{
    error::OpenError,
    folder::{io_error, Folder},
    options::ValidatorPublic,
};

/// The layout of the folder and of the identity file.
const FORMAT: u32 = 1;
const TITLE: &str = "zarnitsa-ledger";

/// What a ledger was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) validator: ValidatorPublic,
    pub(crate) genesis: Hash,
    /// One line for each service instance, in order of their ids: id, name, artifact, hash of the constructor's argument.
    pub(crate) services: Vec<String>,
}

impl Identity {
    pub(crate) fn new(validator: ValidatorPublic, genesis: Hash, config: &GenesisConfig) -> Self {
        Self {
            validator,
            genesis,
            services: service_lines(config),
        }
    }

    /// Reads the identity of a locked ledger.
    pub(crate) fn read(folder: &Folder) -> Result<Self, OpenError> {
        let path = folder.store().join("identity");
        let text = fs::read_to_string(&path).map_err(|error| OpenError::Damaged {
            path: folder.path().into(),
            what: format!("store/identity: {error}"),
        })?;
        Self::parse(folder.path(), &text)
    }

    fn parse(ledger: &Path, text: &str) -> Result<Self, OpenError> {
        let damaged = |what: &str| OpenError::Damaged {
            path: ledger.into(),
            what: format!("store/identity: {what}"),
        };
        // The last line is the hash of all before it: a cut or altered file is damage, not another owner's ledger.
        let (body, sum) = text
            .trim_end()
            .rsplit_once("\nsum ")
            .ok_or_else(|| damaged("no checksum line"))?;
        if hash(body.as_bytes()).to_hex() != sum {
            return Err(damaged("its checksum does not fit"));
        }
        let mut lines = body.lines();
        let mut field = |name: &'static str| {
            lines
                .next()
                .and_then(|line| line.strip_prefix(name))
                .map(str::trim)
                .ok_or_else(|| damaged(&format!("no line `{name}`")))
        };
        let format = field(TITLE)?;
        if format != FORMAT.to_string() {
            return Err(OpenError::UnknownFormat {
                path: ledger.into(),
                found: format.to_owned(),
                expected: FORMAT,
            });
        }
        let key = |text: &str| PublicKey::from_hex(text).map_err(|_| damaged("a malformed key"));
        let consensus = key(field("consensus-key")?)?;
        let service = key(field("service-key")?)?;
        let genesis = Hash::from_hex(field("genesis")?).map_err(|_| damaged("a malformed hash"))?;
        let services = lines
            .map(|line| line.strip_prefix("service ").map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| damaged("an unknown line"))?;
        Ok(Self {
            validator: ValidatorPublic { consensus, service },
            genesis,
            services,
        })
    }

    /// Writes the identity into a store in the making, durably.
    pub(crate) fn write(&self, store: &Path) -> Result<(), OpenError> {
        let mut body = format!(
            "{TITLE} {FORMAT}\nconsensus-key {}\nservice-key {}\ngenesis {}",
            self.validator.consensus.to_hex(),
            self.validator.service.to_hex(),
            self.genesis.to_hex(),
        );
        for line in &self.services {
            body.push_str("\nservice ");
            body.push_str(line);
        }
        let text = format!("{body}\nsum {}\n", hash(body.as_bytes()).to_hex());
        let path = store.join("identity");
        fs::write(&path, text)
            .and_then(|()| fs::File::open(&path)?.sync_all())
            .map_err(io_error("write", &path))
    }

    /// Refuses a ledger of another validator or of other services.
    pub(crate) fn check(
        &self,
        ledger: &Path,
        validator: ValidatorPublic,
        config: &GenesisConfig,
    ) -> Result<(), OpenError> {
        let keys = [
            ("consensus", validator.consensus, self.validator.consensus),
            ("service", validator.service, self.validator.service),
        ];
        for (role, expected, found) in keys {
            if expected != found {
                return Err(OpenError::ForeignValidator {
                    path: ledger.into(),
                    role,
                    expected,
                    found,
                });
            }
        }
        self.check_services(ledger, config)
    }

    /// Refuses a ledger of other services.
    pub(crate) fn check_services(
        &self,
        ledger: &Path,
        config: &GenesisConfig,
    ) -> Result<(), OpenError> {
        let expected = service_lines(config);
        if expected == self.services {
            return Ok(());
        }
        let place = (0..)
            .take_while(|i| {
                self.services.get(*i).is_some() && self.services.get(*i) == expected.get(*i)
            })
            .count();
        let line = |lines: &[String]| {
            lines.get(place).map_or_else(
                || "no further service".to_owned(),
                |line| format!("`{line}`"),
            )
        };
        Err(OpenError::ForeignGenesis {
            path: ledger.into(),
            expected: line(&expected),
            found: line(&self.services),
        })
    }
}

fn service_lines(config: &GenesisConfig) -> Vec<String> {
    let mut instances: Vec<_> = config.builtin_instances.iter().collect();
    instances.sort_by_key(|instance| instance.instance_spec.id);
    instances
        .into_iter()
        .map(|instance| {
            let spec = &instance.instance_spec;
            let parameters = hash(&instance.constructor).to_hex();
            format!("{} {} {} {parameters}", spec.id, spec.name, spec.artifact)
        })
        .collect()
}
