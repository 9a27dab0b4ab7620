//! `/`: the web UI, built into the program; where it was not built, a small page that reads the API.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::{header, Method};
use actix_web::{web, HttpRequest, HttpResponse, ResponseError};
use rust_embed::RustEmbed;
use serde::Deserialize;

use super::Shared;
use crate::api::{ApiError, ErrorCode};

#[derive(RustEmbed)]
#[folder = "../frontend/dist"]
#[allow_missing = true]
struct Built;

/// The page that stands in until the UI is built.
const PLAIN: [(&str, &str, &str); 3] = [
    (
        "index.html",
        "text/html; charset=utf-8",
        include_str!("page/index.html"),
    ),
    (
        "page.js",
        "text/javascript; charset=utf-8",
        include_str!("page/page.js"),
    ),
    (
        "page.css",
        "text/css; charset=utf-8",
        include_str!("page/page.css"),
    ),
];

/// The page that checks receipts, for whoever has no node. It runs from disk: here its own script would be forbidden.
const RECEIPTS: &str = "receipt.html";

#[derive(Deserialize)]
struct Link {
    token: String,
}

/// Whether a person's browser shows what lies at this path.
pub fn is_page(path: &str) -> bool {
    !path.starts_with("/api/") && path != "/metrics" && path != "/openapi.json"
}

/// What `page/locked.html` may do: show its own style, which is named by its hash, for no file is given to who has no token.
const LOCKED_POLICY: &str =
    "default-src 'none'; style-src 'sha256-SiY0FPa/Fh9M/sqFrBdHvsad8t2iq9ZJ7BwumayDPsw='; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a browser gets that came without a token.
pub fn locked() -> HttpResponse {
    HttpResponse::Unauthorized()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, LOCKED_POLICY))
        .body(include_str!("page/locked.html"))
}

/// Answers every path that is no endpoint.
pub async fn serve(shared: web::Data<Shared>, request: HttpRequest) -> HttpResponse {
    let path = request.path();
    if !is_page(path) || path.starts_with("/api") {
        return ApiError::not_found("endpoint", path).error_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let message = format!("{path} has no method {}", request.method());
        return ApiError::new(ErrorCode::MethodNotAllowed, message).error_response();
    }
    if let Ok(link) = web::Query::<Link>::from_query(request.query_string()) {
        return enter(&shared, path, &link.token);
    }
    file(path.trim_start_matches('/'))
}

/// The link's token goes into a cookie and out of the address bar. The guard has checked it.
fn enter(shared: &Shared, path: &str, token: &str) -> HttpResponse {
    let cookie = Cookie::build(shared.cookie.clone(), token.to_string())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .finish();
    // Never `//host`, which a browser takes for another site.
    let target = format!("/{}", path.trim_start_matches('/'));
    HttpResponse::SeeOther()
        .cookie(cookie)
        .insert_header((header::LOCATION, target))
        .finish()
}

fn file(path: &str) -> HttpResponse {
    let is_built = Built::get("index.html").is_some();
    // A path without an ending is a place in the UI, which finds its way by itself.
    let path = if path
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains('.'))
    {
        path
    } else {
        "index.html"
    };
    let (kind, body) = if is_built {
        match Built::get(path) {
            Some(file) => (file.metadata.mimetype().to_string(), file.data.into_owned()),
            None => return ApiError::not_found("file", path).error_response(),
        }
    } else {
        match PLAIN.iter().find(|(name, _, _)| *name == path) {
            Some((_, kind, text)) => ((*kind).to_string(), text.as_bytes().to_vec()),
            None => return ApiError::not_found("file", path).error_response(),
        }
    };
    let mut response = HttpResponse::Ok();
    if path == RECEIPTS {
        response.insert_header((
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"zarnitsa-receipts.html\"",
        ));
    }
    response.content_type(kind).body(body)
}
