//! `GET .../events?after=N`: every event, as a WebSocket.
//!
//! Nothing is queued for a client: it is sent pages of the durable ledger as fast as it takes them, so a slow one
//! costs no memory and one that comes back goes on where it stopped.

use std::ops::ControlFlow;
use std::time::Duration;

use actix_web::{web, HttpRequest, HttpResponse, ResponseError};
use actix_ws::{
    AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Closed, Session,
};
use futures::StreamExt;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use crate::api::{ApiError, ErrorCode, Event, NodeApi};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

/// Events read from the ledger at a time.
const PAGE: usize = 100;
/// A client that takes nothing for so long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Keeps the connection through proxies and finds dead clients.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Clients have nothing to say but pongs.
const MAX_MESSAGE: usize = 1_024;

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
struct After {
    /// The number of the last event that the client has; 0 for all.
    #[serde(default)]
    after: u64,
}

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/events",
        "Every event after the given one, in order, without gaps",
    )
    .query::<After>()
    .web_socket::<Event>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    request: HttpRequest,
    query: web::Query<After>,
    body: web::Payload,
) -> Result<HttpResponse, actix_web::Error> {
    if shared.event_streams.available_permits() == 0 {
        let error = ApiError::new(ErrorCode::Stopping, "too many event streams are open");
        return Ok(error.error_response());
    }
    let Ok((response, session, stream)) = actix_ws::handle(&request, body) else {
        return Ok(ApiError::bad_request("connect with a WebSocket").error_response());
    };
    let stream = stream.max_frame_size(MAX_MESSAGE).aggregate_continuations();
    actix_web::rt::spawn(async move {
        // Another client may have taken the last place meanwhile; then this one is closed at once.
        let Ok(_permit) = shared.event_streams.try_acquire() else {
            let _ = session.close(Some(CloseCode::Again.into())).await;
            return;
        };
        let following = follow(shared.api.as_ref(), session.clone(), stream, query.after);
        let reason = tokio::select! {
            reason = following => reason,
            () = shared.stopping.cancelled() => Some(CloseCode::Away.into()),
        };
        // The client may be gone already.
        let _ = session.close(reason).await;
    });
    Ok(response)
}

/// Sends events until the client or the node goes away; gives the reason to say to the client.
async fn follow(
    api: &dyn NodeApi,
    mut session: Session,
    mut incoming: AggregatedMessageStream,
    mut after: u64,
) -> Option<CloseReason> {
    let mut height = api.watch_height();
    let mut ping = interval(PING_EVERY);
    loop {
        height.borrow_and_update();
        match send_new(api, &mut session, &mut after).await {
            Ok(()) => {}
            Err(reason) => return reason,
        }
        if wait(&mut session, &mut incoming, &mut height, &mut ping)
            .await
            .is_break()
        {
            return None;
        }
    }
}

/// Sends what the ledger holds after `after`, page by page.
async fn send_new(
    api: &dyn NodeApi,
    session: &mut Session,
    after: &mut u64,
) -> Result<(), Option<CloseReason>> {
    loop {
        let page = api.events(*after, PAGE).await.map_err(|error| {
            tracing::warn!(%error, "cannot read events");
            Some((CloseCode::Error, error.message).into())
        })?;
        if page.is_empty() {
            return Ok(());
        }
        for event in page {
            let text = serde_json::to_string(&event).map_err(|_| Some(CloseCode::Error.into()))?;
            match timeout(SEND_TIMEOUT, session.text(text)).await {
                Ok(Ok(())) => *after = event.number,
                Ok(Err(Closed)) | Err(_) => return Err(None),
            }
        }
    }
}

/// Until the ledger has grown. The client's pings are answered meanwhile; its close ends it.
async fn wait(
    session: &mut Session,
    incoming: &mut AggregatedMessageStream,
    height: &mut watch::Receiver<u64>,
    ping: &mut tokio::time::Interval,
) -> ControlFlow<()> {
    loop {
        let sent = tokio::select! {
            changed = height.changed() => return match changed {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            },
            _ = ping.tick() => session.ping(b"").await,
            message = incoming.next() => match message {
                Some(Ok(AggregatedMessage::Ping(bytes))) => session.pong(&bytes).await,
                Some(Ok(AggregatedMessage::Close(_)) | Err(_)) | None => Err(Closed),
                Some(Ok(_)) => Ok(()),
            },
        };
        if sent.is_err() {
            return ControlFlow::Break(());
        }
    }
}
