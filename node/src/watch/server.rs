//! The tower's HTTP server, for nodes that have its token.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::ServerHandle;
use actix_web::http::header;
use actix_web::{web, App, HttpRequest, HttpResponse, HttpServer};
use tokio::task::JoinHandle;
use zarnitsa_signer::Locator;

use super::protocol::{AddStates, StateRecord};
use super::store::{Store, StoreError};
use crate::data_dir::Token;

/// A batch of the largest records in hex.
const BODY_LIMIT: usize = 16 << 20;

struct Shared {
    store: Arc<Mutex<Store>>,
    token: Token,
}

/// A running server.
pub(super) struct Server {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    pub(super) fn start(
        listen: SocketAddr,
        store: Arc<Mutex<Store>>,
        token: Token,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let shared = web::Data::new(Shared { store, token });
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::JsonConfig::default().limit(BODY_LIMIT))
                .route("/watch/v1/states", web::post().to(add))
                .route("/watch/v1/accounts/{account}", web::get().to(account))
        })
        .disable_signals()
        .workers(1)
        .max_connections(256)
        .client_request_timeout(std::time::Duration::from_secs(10))
        .shutdown_timeout(5)
        .listen(listener)?
        .run();
        Ok(Self {
            address,
            handle: server.handle(),
            task: tokio::spawn(server),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn stop(self) -> io::Result<()> {
        self.handle.stop(true).await;
        self.task.await.map_err(io::Error::other)?
    }
}

impl Shared {
    fn is_allowed(&self, request: &HttpRequest) -> bool {
        let shown = request.headers().get(header::AUTHORIZATION);
        let shown = shown.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        shown.is_some_and(|token| self.token.matches(token))
    }
}

fn refused() -> HttpResponse {
    HttpResponse::Unauthorized().body("show the tower's token: Authorization: Bearer ...")
}

async fn account(
    shared: web::Data<Shared>,
    request: HttpRequest,
    id: web::Path<String>,
) -> HttpResponse {
    if !shared.is_allowed(&request) {
        return refused();
    }
    let Some(id) = id_of(&id) else {
        return HttpResponse::BadRequest().body("an account is 64 hex digits");
    };
    let store = shared.store.lock().unwrap_or_else(PoisonError::into_inner);
    HttpResponse::Ok().json(store.state(&id))
}

async fn add(
    shared: web::Data<Shared>,
    request: HttpRequest,
    body: web::Json<AddStates>,
) -> HttpResponse {
    if !shared.is_allowed(&request) {
        return refused();
    }
    let body = body.into_inner();
    let records: Option<Vec<_>> = body.states.iter().map(record_of).collect();
    let (Some(id), Some(records)) = (id_of(&body.account), records) else {
        return HttpResponse::BadRequest().body("accounts, locators and data are hex");
    };
    let added = web::block(move || {
        let mut store = shared.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.add(id, body.from, records)
    });
    match added.await {
        Ok(Ok(state)) => HttpResponse::Ok().json(state),
        Ok(Err(error @ (StoreError::Gap { .. } | StoreError::TooLong { .. }))) => {
            HttpResponse::Conflict().body(error.to_string())
        }
        Ok(Err(error @ (StoreError::Full | StoreError::Io(_)))) => {
            tracing::error!(%error, "states are not taken");
            HttpResponse::InsufficientStorage().body(error.to_string())
        }
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

fn id_of(text: &str) -> Option<[u8; 32]> {
    let mut id = [0; 32];
    hex::decode_to_slice(text, &mut id).ok()?;
    Some(id)
}

fn record_of(record: &StateRecord) -> Option<(Locator, Vec<u8>)> {
    let mut locator = [0; 16];
    hex::decode_to_slice(&record.locator, &mut locator).ok()?;
    Some((locator, hex::decode(&record.data).ok()?))
}
