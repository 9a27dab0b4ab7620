//! `POST .../invoices/draft`: makes and signs an invoice for an operator whose key is elsewhere.

use actix_web::web;

use crate::api::{ApiError, CreateInvoice, InvoiceDraft};
use crate::http::endpoint::{Access, Endpoint};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/invoices/draft",
        "Makes and signs a BOLT 11 invoice, which nobody can pay until the operator's key puts it into the ledger",
    )
    // It changes nothing: the signed transaction that follows is the command.
    .access(Access::Read)
    .body::<CreateInvoice>()
    .json::<InvoiceDraft>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<CreateInvoice>,
) -> Result<web::Json<InvoiceDraft>, ApiError> {
    let request = body.into_inner();
    shared.api.draft_invoice(request).await.map(web::Json)
}
