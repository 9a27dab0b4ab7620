//! The operator's key and the two tokens.

use std::fmt;

use exonum_crypto::{KeyPair, Seed};
use rand::rngs::OsRng;
use rand::RngCore;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{DataDir, DataDirError};

/// Read by their owner, changed by nobody.
const MODE: u32 = 0o400;

/// What a client shows to prove that it may ask. Never printed by Debug.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(bytes.as_mut_slice());
        Self(Zeroizing::new(hex::encode(*bytes)))
    }

    fn parse(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then_some(Self(text))
    }

    /// Whether `shown` is this token. The time that the answer takes tells nothing of the token.
    pub fn matches(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }

    /// The token itself, to be sent to the node or put in its UI link.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The two tokens of a node.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// May ask.
    pub read: Token,
    /// May ask and command.
    pub full: Token,
}

impl Tokens {
    /// New ones, in no file.
    pub fn generate() -> Self {
        Self {
            read: Token::generate(),
            full: Token::generate(),
        }
    }
}

impl DataDir {
    /// The tokens; made at the first start.
    pub fn tokens(&self) -> Result<Tokens, DataDirError> {
        Ok(Tokens {
            read: self.token("read.token")?,
            full: self.token("full.token")?,
        })
    }

    /// The token of a watchtower in this folder; made at the first start.
    pub fn watch_token(&self) -> Result<Token, DataDirError> {
        self.token("watch.token")
    }

    /// The full token of a node that was started before.
    pub fn full_token(&self) -> Result<Token, DataDirError> {
        match self.stored_token("full.token")? {
            Some(token) => Ok(token),
            None => Err(DataDirError::NotRunning {
                path: self.path().into(),
            }),
        }
    }

    fn token(&self, name: &str) -> Result<Token, DataDirError> {
        if let Some(token) = self.stored_token(name)? {
            return Ok(token);
        }
        let token = Token::generate();
        let content = Zeroizing::new(format!("{}\n", token.reveal()));
        self.create_file(&self.path().join(name), MODE, content.as_bytes())?;
        Ok(token)
    }

    fn stored_token(&self, name: &str) -> Result<Option<Token>, DataDirError> {
        let path = self.path().join(name);
        let Some(text) = self.read_line(&path)? else {
            return Ok(None);
        };
        let damaged = DataDirError::Damaged {
            path,
            expected: "64 hex digits",
        };
        Token::parse(text).map(Some).ok_or(damaged)
    }

    /// The key that signs the operator's ledger transactions; made at the first start. The file holds its seed.
    pub fn operator_key(&self) -> Result<KeyPair, DataDirError> {
        let path = self.path().join("operator.key");
        if let Some(text) = self.read_line(&path)? {
            let bytes = Zeroizing::new(hex::decode(Zeroizing::new(text)).unwrap_or_default());
            let seed = Seed::from_slice(&bytes).ok_or(DataDirError::Damaged {
                path,
                expected: "64 hex digits",
            })?;
            return Ok(KeyPair::from_seed(&seed));
        }
        let mut bytes = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(bytes.as_mut_slice());
        let content = Zeroizing::new(format!("{}\n", hex::encode(*bytes)));
        self.create_file(&path, MODE, content.as_bytes())?;
        Ok(KeyPair::from_seed(&Seed::new(*bytes)))
    }
}
