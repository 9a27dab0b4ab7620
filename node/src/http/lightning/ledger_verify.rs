//! `POST .../ledger/verify`: replays the running node's ledger from genesis; the answer grows line by line.

use actix_web::{web, HttpResponse};

use super::ledger_work::{self, Reporter};
use crate::http::endpoint::{Answer, Endpoint};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    let summary = "Replays the ledger from genesis and compares every hash; a line of JSON for each step, the last tells";
    Endpoint::command("/api/services/lightning/v1/ledger/verify", summary)
        .answer(Answer::Text(ledger_work::MEDIA_TYPE))
        .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> HttpResponse {
    let ledger = shared.api.ledger();
    ledger_work::answer(move |reporter: &Reporter| {
        let report = ledger.verify(&mut |progress| reporter.step(progress));
        reporter.end(report);
    })
}
