//! The tower's HTTP server, for nodes that have its token.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::{Payload, ServerHandle};
use actix_web::error::InternalError;
use actix_web::http::header;
use actix_web::{web, App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zarnitsa_signer::Locator;

use super::protocol::{AddStates, StateRecord};
use super::store::{Store, StoreError};
use crate::data_dir::Token;

/// A batch of the largest records in hex.
const BODY_LIMIT: usize = 16 << 20;
/// How long a request's head may take, and its body after that: no node waits longer for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

struct Shared {
    store: Arc<Mutex<Store>>,
    token: Token,
    patience: Duration,
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
        Self::with_patience(listen, store, token, PATIENCE)
    }

    fn with_patience(
        listen: SocketAddr,
        store: Arc<Mutex<Store>>,
        token: Token,
        patience: Duration,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let shared = web::Data::new(Shared {
            store,
            token,
            patience,
        });
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
        .client_request_timeout(patience)
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

fn refused(answer: HttpResponse) -> Error {
    InternalError::from_response("refused", answer).into()
}

/// Whoever asks has shown the token. As the first argument of a handler it refuses before the body is read: nobody
/// makes the tower hold bytes who could not make it store them.
struct Allowed;

impl FromRequest for Allowed {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let shared = request.app_data::<web::Data<Shared>>();
        let allowed = shared.is_some_and(|shared| shared.is_allowed(request));
        let text = "show the tower's token: Authorization: Bearer ...";
        let answer = || HttpResponse::Unauthorized().force_close().body(text);
        std::future::ready(match allowed {
            true => Ok(Self),
            false => Err(refused(answer())),
        })
    }
}

/// A body that came in time.
struct Prompt<T>(T);

impl<T: FromRequest<Error = Error> + 'static> FromRequest for Prompt<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let shared = request.app_data::<web::Data<Shared>>();
        let patience = shared.map_or(PATIENCE, |shared| shared.patience);
        let body = T::from_request(request, payload);
        Box::pin(async move {
            let Ok(body) = timeout(patience, body).await else {
                let mut answer = HttpResponse::RequestTimeout();
                return Err(refused(answer.force_close().body("the body is too slow")));
            };
            body.map(Self)
        })
    }
}

async fn account(_: Allowed, shared: web::Data<Shared>, id: web::Path<String>) -> HttpResponse {
    let Some(id) = id_of(&id) else {
        return HttpResponse::BadRequest().body("an account is 64 hex digits");
    };
    let store = shared.store.lock().unwrap_or_else(PoisonError::into_inner);
    HttpResponse::Ok().json(store.state(&id))
}

async fn add(
    _: Allowed,
    shared: web::Data<Shared>,
    Prompt(body): Prompt<web::Json<AddStates>>,
) -> HttpResponse {
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Instant;

    use super::*;
    use crate::data_dir::DataDir;

    /// No answer takes so long.
    const DEADLINE: Duration = Duration::from_secs(30);

    struct World {
        server: Server,
        token: String,
        _folder: tempfile::TempDir,
    }

    impl World {
        fn start(patience: Duration) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path().join("states")).unwrap();
            let token = DataDir::new(folder.path()).watch_token().unwrap();
            let shown = token.reveal().to_owned();
            let store = Arc::new(Mutex::new(store));
            let listen = "127.0.0.1:0".parse().unwrap();
            Self {
                server: Server::with_patience(listen, store, token, patience).unwrap(),
                token: shown,
                _folder: folder,
            }
        }

        /// What the server says to this, until it closes the connection; and how long that took.
        async fn says(&self, request: String) -> (String, Duration) {
            let address = self.server.address();
            let asked = tokio::task::spawn_blocking(move || {
                let start = Instant::now();
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).unwrap();
                let answer = String::from_utf8_lossy(&answer).into_owned();
                (answer, start.elapsed())
            });
            asked.await.unwrap()
        }
    }

    fn post(token: &str, length: &str, body: &str) -> String {
        let authorization = format!("Authorization: Bearer {token}");
        let json = "Content-Type: application/json";
        format!(
            "POST /watch/v1/states HTTP/1.1\r\nHost: tower\r\n{authorization}\r\n{json}\r\n{length}\r\n\r\n{body}"
        )
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn post_without_the_token_is_refused_before_its_body_comes() {
        let world = World::start(DEADLINE);
        let announced = format!("Content-Length: {BODY_LIMIT}");
        let other = "00".repeat(32);
        for token in ["", other.as_str()] {
            let (answer, took) = world.says(post(token, &announced, "{")).await;
            assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
            assert!(took < DEADLINE / 2, "{took:?}");
        }
        world.server.stop().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn body_with_the_token_is_taken_in_time_and_refused_later() {
        let world = World::start(Duration::from_millis(500));
        let account = "11".repeat(32);
        let body = format!(r#"{{"account":"{account}","from":0,"states":[]}}"#);
        let close = format!("Connection: close\r\nContent-Length: {}", body.len());
        let (answer, _) = world.says(post(&world.token, &close, &body)).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains(r#""states":0"#), "{answer}");

        let announced = format!("Content-Length: {BODY_LIMIT}");
        let (answer, took) = world.says(post(&world.token, &announced, &body)).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(took < DEADLINE / 2, "{took:?}");
        let long = format!("Content-Length: {}", BODY_LIMIT + 1);
        let (answer, _) = world.says(post(&world.token, &long, "")).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        world.server.stop().await.unwrap();
    }
}
