//! One call to bitcoind: credentials, time limit, and what its refusals mean.

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoincore_rpc::jsonrpc;
use bitcoincore_rpc::{Client, RpcApi};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::transport::{HttpTransport, TransportError};
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

/// Calls at the same time go over connections of their own: a long one stops no other.
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
        let credentials = match &self.config.auth {
            Auth::UserPassword(user, password) => format!("{user}:{password}"),
            Auth::Cookie(path) => {
                let cookie = fs::read_to_string(path).map_err(|source| ChainError::Cookie {
                    path: path.clone(),
                    source,
                })?;
                cookie.trim_end().to_owned()
            }
        };
        let transport = HttpTransport::new(self.config.rpc, &credentials, self.config.timeout);
        Ok(Client::from_jsonrpc(jsonrpc::Client::with_transport(
            transport,
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
    match transport.downcast_ref()? {
        TransportError::Status { status, .. } => Some(i32::from(*status)),
        _ => None,
    }
}
