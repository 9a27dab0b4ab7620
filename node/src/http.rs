//! The HTTP server: Exonum's explorer, the `lightning` service's endpoints, events, metrics and the web UI, on one port.
//!
//! Written against [`NodeApi`] alone. Each endpoint has a file of its own and is described once, by its
//! `Endpoint`: routing, access and the OpenAPI document all come from that description.

mod endpoint;
mod explorer;
mod guard;
mod health;
mod lightning;
mod metrics;
mod openapi;
mod path_id;
mod problem;
mod proved;
mod ui;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{web, App, HttpServer};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::NodeApi;
use crate::config::HttpConfig;
use crate::data_dir::Tokens;

use endpoint::Endpoint;

pub use openapi::document;

/// What every request handler may use.
pub struct Shared {
    api: Arc<dyn NodeApi>,
    tokens: Tokens,
    hosts: guard::Hosts,
    endpoints: Vec<endpoint::Rule>,
    event_streams: Semaphore,
    /// Event streams never end by themselves.
    stopping: CancellationToken,
    /// Of the cookie: browsers give a cookie to every port of a host, so each node has its own.
    cookie: String,
}

/// A running HTTP server.
pub struct Server {
    address: SocketAddr,
    handle: ServerHandle,
    stopping: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Binds the port and serves. Errors: the port is taken or not allowed.
    pub fn start(config: &HttpConfig, api: Arc<dyn NodeApi>, tokens: Tokens) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(config.listen)?;
        let address = listener.local_addr()?;
        let stopping = CancellationToken::new();
        let shared = web::Data::new(Shared {
            stopping: stopping.clone(),
            api,
            tokens,
            hosts: guard::Hosts::new(config, address),
            endpoints: endpoints().iter().map(Endpoint::rule).collect(),
            event_streams: Semaphore::new(config.max_event_streams),
            cookie: format!("zarnitsa_{}", address.port()),
        });
        let body_limit = config.body_limit_bytes;
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .configure(|app| configure(app, body_limit))
                .wrap(actix_web::middleware::from_fn(guard::check))
        })
        // Signals are the program's to handle: it stops its parts in order.
        .disable_signals()
        .workers(2)
        .max_connections(1_024)
        .client_request_timeout(std::time::Duration::from_secs(10))
        .shutdown_timeout(5)
        .listen(listener)?
        .run();
        let handle = server.handle();
        let task = tokio::spawn(server);
        Ok(Self {
            address,
            handle,
            stopping,
            task,
        })
    }

    /// Where it listens; the port is the real one where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: requests under way get five seconds to end.
    pub async fn stop(self) -> io::Result<()> {
        self.stopping.cancel();
        self.handle.stop(true).await;
        self.task.await.map_err(io::Error::other)?
    }
}

/// Every endpoint of the API. The web UI's files lie beside them under `/`.
fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![health::endpoint(), metrics::endpoint(), openapi::endpoint()];
    endpoints.extend(explorer::endpoints());
    endpoints.extend(lightning::endpoints());
    endpoints
}

fn configure(app: &mut web::ServiceConfig, body_limit: usize) {
    app.app_data(problem::json_config(body_limit))
        .app_data(problem::query_config())
        .app_data(problem::path_config())
        .app_data(web::PayloadConfig::new(body_limit));
    endpoint::register(app, endpoints());
    app.default_service(web::to(ui::serve));
}

#[cfg(test)]
mod tests;
