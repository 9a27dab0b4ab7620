//! One call to bitcoind: credentials, time limit, and what its refusals mean.

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoincore_rpc::jsonrpc::{self, minreq_http};
use bitcoincore_rpc::{Client, RpcApi};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Auth, BitcoindConfig};
use crate::error::ChainError;

/// RPC_IN_WARMUP of bitcoind.
const WARMING_UP: i32 = -28;

/// A call that bitcoind understood and refused, or one that did not reach it.
#[derive(Debug)]
pub(super) enum CallError {
    /// bitcoind's own error: it may well be the answer.
    Refused { code: i32, message: String },
    /// No answer.
    Failed(ChainError),
}

impl From<ChainError> for CallError {
    fn from(error: ChainError) -> Self {
        Self::Failed(error)
    }
}

impl CallError {
    /// Takes a refusal for what it is when it answers nothing.
    pub(super) fn no_answer(self, call: &'static str) -> ChainError {
        match self {
            Self::Refused { code, message } => ChainError::Rpc {
                call,
                code,
                message,
            },
            Self::Failed(error) => error,
        }
    }
}

/// Each call opens its own TCP connection: a restarted bitcoind leaves no stale one, and a long call stops no other.
#[derive(Debug)]
pub(super) struct Connection {
    config: BitcoindConfig,
    client: Mutex<Option<Arc<Client>>>,
}

impl Connection {
    pub(super) fn new(config: BitcoindConfig) -> Self {
        Self {
            config,
            client: Mutex::default(),
        }
    }

    /// The host of the RPC server, where its other services are too unless they say otherwise.
    pub(super) fn host(&self) -> std::net::IpAddr {
        self.config.rpc.ip()
    }

    /// Calls; with a new cookie if bitcoind no longer takes the last one.
    pub(super) fn call<T: DeserializeOwned>(
        &self,
        call: &'static str,
        arguments: &[Value],
    ) -> Result<T, CallError> {
        match self.call_once(call, arguments) {
            Err(CallError::Failed(ChainError::Unauthorized { .. }))
                if matches!(self.config.auth, Auth::Cookie(_)) =>
            {
                self.forget_client();
                self.call_once(call, arguments)
            }
            answer => answer,
        }
    }

    fn call_once<T: DeserializeOwned>(
        &self,
        call: &'static str,
        arguments: &[Value],
    ) -> Result<T, CallError> {
        let client = self.client()?;
        client
            .call(call, arguments)
            .map_err(|error| explain(call, error))
    }

    fn client(&self) -> Result<Arc<Client>, ChainError> {
        let mut slot = self.slot();
        if let Some(client) = slot.as_ref() {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.connect()?);
        *slot = Some(Arc::clone(&client));
        Ok(client)
    }

    fn connect(&self) -> Result<Client, ChainError> {
        let call = "connect";
        let builder = minreq_http::MinreqHttpTransport::builder()
            .timeout(self.config.timeout)
            .url(&format!("http://{}", self.config.rpc))
            .map_err(|error| ChainError::Answer {
                call,
                why: error.to_string(),
            })?;
        let builder = match &self.config.auth {
            Auth::UserPassword(user, password) => {
                builder.basic_auth(user.clone(), Some(password.clone()))
            }
            Auth::Cookie(path) => {
                let cookie = fs::read_to_string(path).map_err(|source| ChainError::Cookie {
                    path: path.clone(),
                    source,
                })?;
                builder.cookie_auth(cookie.trim_end())
            }
        };
        Ok(Client::from_jsonrpc(jsonrpc::Client::with_transport(
            builder.build(),
        )))
    }

    fn forget_client(&self) {
        *self.slot() = None;
    }

    /// A panic elsewhere cannot leave an `Option` half made.
    fn slot(&self) -> MutexGuard<'_, Option<Arc<Client>>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells a refusal by bitcoind from a call that did not reach it.
fn explain(call: &'static str, error: bitcoincore_rpc::Error) -> CallError {
    let failed = match error {
        bitcoincore_rpc::Error::JsonRpc(jsonrpc::Error::Rpc(refusal))
            if refusal.code == WARMING_UP =>
        {
            ChainError::WarmingUp {
                message: refusal.message,
            }
        }
        bitcoincore_rpc::Error::JsonRpc(jsonrpc::Error::Rpc(refusal)) => {
            return CallError::Refused {
                code: refusal.code,
                message: refusal.message,
            };
        }
        bitcoincore_rpc::Error::JsonRpc(jsonrpc::Error::Transport(transport)) => {
            match http_status(transport.as_ref()) {
                Some(status @ (401 | 403)) => ChainError::Unauthorized { call, status },
                _ => ChainError::Unreachable {
                    call,
                    source: jsonrpc::Error::Transport(transport).into(),
                },
            }
        }
        bitcoincore_rpc::Error::Json(error) => ChainError::Answer {
            call,
            why: error.to_string(),
        },
        bitcoincore_rpc::Error::JsonRpc(jsonrpc::Error::Json(error)) => ChainError::Answer {
            call,
            why: error.to_string(),
        },
        source => ChainError::Unreachable { call, source },
    };
    CallError::Failed(failed)
}

fn http_status(transport: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<i32> {
    let minreq_http::Error::Http(http) = transport.downcast_ref()? else {
        return None;
    };
    Some(http.status_code)
}
