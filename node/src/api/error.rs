//! Errors as a client sees them: a stable code, an HTTP status, a sentence.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What went wrong, for programs. The snake_case name is part of the interface and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request does not parse or a value is out of its range.
    BadRequest,
    /// Bitcoin Core does not answer or is still warming up.
    ChainUnavailable,
    /// The channel's state does not allow it.
    ChannelNotUsable,
    /// It exists already: a paid invoice, a pending payment, a file.
    Conflict,
    /// The token may read but not command.
    Forbidden,
    /// The Host header names another machine.
    HostRefused,
    /// The wallet or the channel holds too little.
    InsufficientFunds,
    /// A fault of this node; its log says more.
    Internal,
    /// The ledger is an older copy: nothing of channels is done. The message says what to do.
    LedgerOld,
    /// This endpoint has no such method.
    MethodNotAllowed,
    /// No such thing.
    NotFound,
    /// This node does not do that yet.
    NotSupported,
    /// The Origin header names another site.
    OriginRefused,
    /// The peer refused, with its reason in the message.
    PeerRefused,
    /// The peer is not connected or does not answer.
    PeerUnreachable,
    /// The ledger's service refused the transaction.
    Refused,
    /// Too little would be left on chain to pay for closing the channels.
    ReserveMissing,
    /// No route with enough capacity.
    RouteNotFound,
    /// The node is stopping or not yet up.
    Stopping,
    /// The outcome is not known yet; ask again.
    Timeout,
    /// The request body is larger than the limit.
    TooLarge,
    /// No token, or a wrong one.
    Unauthorized,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::HostRefused | Self::OriginRefused => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::ChannelNotUsable | Self::Conflict | Self::LedgerOld => 409,
            Self::TooLarge => 413,
            Self::InsufficientFunds
            | Self::PeerRefused
            | Self::Refused
            | Self::ReserveMissing
            | Self::RouteNotFound => 422,
            Self::Internal => 500,
            Self::NotSupported => 501,
            Self::PeerUnreachable => 502,
            Self::ChainUnavailable | Self::Stopping => 503,
            Self::Timeout => 504,
        }
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::ChainUnavailable => "chain_unavailable",
            Self::ChannelNotUsable => "channel_not_usable",
            Self::Conflict => "conflict",
            Self::Forbidden => "forbidden",
            Self::HostRefused => "host_refused",
            Self::InsufficientFunds => "insufficient_funds",
            Self::Internal => "internal",
            Self::LedgerOld => "ledger_old",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound => "not_found",
            Self::NotSupported => "not_supported",
            Self::OriginRefused => "origin_refused",
            Self::PeerRefused => "peer_refused",
            Self::PeerUnreachable => "peer_unreachable",
            Self::Refused => "refused",
            Self::ReserveMissing => "reserve_missing",
            Self::RouteNotFound => "route_not_found",
            Self::Stopping => "stopping",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Unauthorized => "unauthorized",
        }
    }

    /// Every code, for the interface's description.
    pub const ALL: [Self; 22] = [
        Self::BadRequest,
        Self::ChainUnavailable,
        Self::ChannelNotUsable,
        Self::Conflict,
        Self::Forbidden,
        Self::HostRefused,
        Self::InsufficientFunds,
        Self::Internal,
        Self::LedgerOld,
        Self::MethodNotAllowed,
        Self::NotFound,
        Self::NotSupported,
        Self::OriginRefused,
        Self::PeerRefused,
        Self::PeerUnreachable,
        Self::Refused,
        Self::ReserveMissing,
        Self::RouteNotFound,
        Self::Stopping,
        Self::Timeout,
        Self::TooLarge,
        Self::Unauthorized,
    ];
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refusal of the node. The message is for a person and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong, for people: what was expected, what came, what to do.
    pub message: String,
}

impl ApiError {
    /// An error with a code and a sentence.
    pub fn new(code: ErrorCode, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    /// [`ErrorCode::NotFound`]: "no such channel: ...".
    pub fn not_found(what: &str, id: impl fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound, format_args!("no such {what}: {id}"))
    }

    /// [`ErrorCode::BadRequest`].
    pub fn bad_request(message: impl fmt::Display) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// [`ErrorCode::Internal`]; the error's sources are joined into the message.
    pub fn internal(error: impl std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(ErrorCode::Internal, message)
    }
}

/// An error's body on the wire, `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// `about:blank`: the code says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, for people.
    pub detail: String,
    /// What went wrong, for programs.
    pub code: ErrorCode,
}

impl From<&ApiError> for Problem {
    fn from(error: &ApiError) -> Self {
        Self {
            kind: "about:blank".into(),
            title: error.code.name().replace('_', " "),
            status: error.code.status(),
            detail: error.message.clone(),
            code: error.code,
        }
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::new(problem.code, problem.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_code_of_every_kind_is_written_by_its_name() {
        for code in ErrorCode::ALL {
            assert_eq!(
                serde_json::to_value(code).unwrap(),
                serde_json::Value::from(code.name())
            );
            assert!((400..=599).contains(&code.status()));
        }
    }

    #[test]
    fn problem_of_an_error_gives_the_error_back() {
        let error = ApiError::not_found("channel", "ab");
        assert_eq!(ApiError::from(Problem::from(&error)), error);
    }
}
