//! What every request passes: Host, Origin, token; and what every answer carries.
//!
//! Loopback alone keeps nobody out: any web page that the operator's browser shows can send requests to it.
//! The Host check stops names that were rebound to 127.0.0.1, the Origin check stops other sites, the token
//! stops other programs and users of the machine.

use std::net::SocketAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{web, Error, HttpRequest, ResponseError};
use serde::Deserialize;

use super::endpoint::{Access, Rule};
use super::proved::WithProof;
use super::{ui, Shared};
use crate::api::{ApiError, ErrorCode};
use crate::config::HttpConfig;

/// The names and origins by which this server is reached.
pub struct Hosts {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Hosts {
    /// Loopback's names, the address itself, and what the operator added.
    pub fn new(config: &HttpConfig, address: SocketAddr) -> Self {
        let port = address.port();
        let mut hosts: Vec<String> = ["127.0.0.1", "localhost", "[::1]"]
            .map(|host| format!("{host}:{port}"))
            .into();
        hosts.push(address.to_string());
        let mut origins: Vec<String> = hosts.iter().map(|host| format!("http://{host}")).collect();
        hosts.extend(
            config
                .allowed_hosts
                .iter()
                .map(|host| host.to_ascii_lowercase()),
        );
        origins.extend(
            config
                .allowed_origins
                .iter()
                .map(|origin| origin.to_ascii_lowercase()),
        );
        Self { hosts, origins }
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let host = one(headers, &header::HOST).map(str::to_ascii_lowercase);
        match host {
            Some(host) if self.hosts.contains(&host) => Ok(()),
            _ => Err(ApiError::new(
                ErrorCode::HostRefused,
                "the Host header does not name this node (setting http.allowed_hosts)",
            )),
        }
    }

    /// Programs send no Origin; browsers always do where it matters.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if !headers.contains_key(header::ORIGIN) {
            return Ok(());
        }
        let origin = one(headers, &header::ORIGIN).map(str::to_ascii_lowercase);
        match origin {
            Some(origin) if self.origins.contains(&origin) => Ok(()),
            _ => Err(ApiError::new(
                ErrorCode::OriginRefused,
                "the Origin header names another site (setting http.allowed_origins)",
            )),
        }
    }
}

/// A header that must not stand there twice.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok())?
}

/// Checks a request, passes it on, and adds the headers that make a browser careful.
pub async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let verdict = judge(&request);
    let mut response = match verdict {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(error) => {
            let response = if ui::is_page(request.path()) && error.code == ErrorCode::Unauthorized {
                ui::locked()
            } else {
                error.error_response()
            };
            request.into_response(response).map_into_right_body()
        }
    };
    protect(response.headers_mut());
    Ok(response)
}

fn judge(request: &ServiceRequest) -> Result<(), ApiError> {
    let shared = request
        .app_data::<web::Data<Shared>>()
        .ok_or_else(|| ApiError::new(ErrorCode::Internal, "the server has no state"))?;
    shared.hosts.check_host(request.headers())?;
    shared.hosts.check_origin(request.headers())?;
    let rule = rule(shared, request);
    // Where there is no endpoint, as much as for reading.
    let needed = rule.map_or(Access::Read, |rule| rule.access);
    let shown = shown(shared, request.request());
    match (needed, shown) {
        (Access::Open, _) => Ok(()),
        (_, None) => Err(ApiError::new(
            ErrorCode::Unauthorized,
            "show a token: Authorization: Bearer ..., or the link that the node printed",
        )),
        (Access::Command, Some(Access::Read)) => Err(ApiError::new(
            ErrorCode::Forbidden,
            "this is a command: it needs the full token",
        )),
        (_, Some(_)) => match rule {
            Some(rule) if !rule.proves && asks_for_proof(request) => Err(ApiError::new(
                ErrorCode::NotSupported,
                "the ledger does not hold this answer: there is no proof of it",
            )),
            _ => Ok(()),
        },
    }
}

fn rule<'a>(shared: &'a Shared, request: &ServiceRequest) -> Option<&'a Rule> {
    let pattern = request.match_pattern()?;
    let mut rules = shared.endpoints.iter();
    rules.find(|rule| rule.path == pattern && rule.method == *request.method())
}

/// Who asks for a proof and gets an answer without one might take it for proved.
fn asks_for_proof(request: &ServiceRequest) -> bool {
    web::Query::<WithProof>::from_query(request.query_string()).is_ok_and(|query| query.proof)
}

#[derive(Deserialize)]
struct TokenQuery {
    token: String,
}

/// What the request's token allows. A token that is there but wrong counts as none, wherever it stands.
pub(super) fn shown(shared: &Shared, request: &HttpRequest) -> Option<Access> {
    let headers = request.headers();
    if headers.contains_key(header::AUTHORIZATION) {
        let value = one(headers, &header::AUTHORIZATION)?;
        return allows(shared, value.strip_prefix("Bearer ")?);
    }
    if let Ok(query) = web::Query::<TokenQuery>::from_query(request.query_string()) {
        return allows(shared, &query.token);
    }
    // The browser adds a cookie by itself, so a request that changes something must also say where it comes from.
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD);
    let upgrade = headers.contains_key(header::UPGRADE);
    if (!harmless || upgrade) && !headers.contains_key(header::ORIGIN) {
        return None;
    }
    allows(shared, request.cookie(&shared.cookie)?.value())
}

fn allows(shared: &Shared, token: &str) -> Option<Access> {
    if shared.tokens.full.matches(token) {
        return Some(Access::Command);
    }
    shared.tokens.read.matches(token).then_some(Access::Read)
}

/// Scripts and styles only from this server, no frames, no guessing of types, no referrer (a link may carry a token).
const PROTECTION: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

fn protect(headers: &mut HeaderMap) {
    for (name, value) in PROTECTION {
        // A page may have a policy of its own, which allows it less.
        if name != header::CONTENT_SECURITY_POLICY || !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
