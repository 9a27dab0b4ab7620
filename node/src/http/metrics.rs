//! `/metrics` in Prometheus' text format, made when it is asked for.

use std::collections::BTreeMap;
use std::fmt::Write;

use actix_web::{web, HttpResponse};

use zarnitsa_ledger::LedgerStats;

use super::endpoint::{Answer, Endpoint};
use super::Shared;
use crate::api::{ApiError, Balance, NodeApi, NodeInfo};

const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub fn endpoint() -> Endpoint {
    Endpoint::get("/metrics", "Prometheus metrics")
        .answer(Answer::Text(MEDIA_TYPE))
        .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<HttpResponse, ApiError> {
    let text = collect(shared.api.as_ref()).await?;
    Ok(HttpResponse::Ok().content_type(MEDIA_TYPE).body(text))
}

async fn collect(api: &dyn NodeApi) -> Result<String, ApiError> {
    let mut page = Page::default();
    node(&mut page, &api.info().await?);
    balance(&mut page, &api.balance().await?);
    ledger(&mut page, &api.ledger().stats());
    let channels = api.channels().await?;
    let htlcs: usize = channels.iter().map(|channel| channel.htlcs.len()).sum();
    page.by(
        "zarnitsa_channels",
        "Channels by state",
        "state",
        count(&channels, |c| c.state.name()),
    );
    page.one("zarnitsa_htlcs", "HTLCs under way", htlcs);
    let peers = api.peers().await?;
    let connected = peers.iter().filter(|peer| peer.connected).count();
    page.one("zarnitsa_peers_connected", "Peers connected", connected);
    let payments = count(&api.payments().await?, |payment| payment.status.name());
    page.by(
        "zarnitsa_payments",
        "Payments sent by status",
        "status",
        payments,
    );
    let invoices = count(&api.invoices().await?, |invoice| invoice.status.name());
    page.by(
        "zarnitsa_invoices",
        "Invoices by status",
        "status",
        invoices,
    );
    Ok(page.0)
}

fn node(page: &mut Page, info: &NodeInfo) {
    page.by(
        "zarnitsa_info",
        "The node's version",
        "version",
        [(info.version.as_str(), 1)].into(),
    );
    page.one(
        "zarnitsa_block_height",
        "Height of the Bitcoin chain",
        info.block_height,
    );
    page.one(
        "zarnitsa_ledger_height",
        "Height of the ledger",
        info.ledger_height,
    );
    let available = u8::from(info.chain_available);
    page.one(
        "zarnitsa_chain_available",
        "Whether Bitcoin Core answers",
        available,
    );
}

fn ledger(page: &mut Page, stats: &LedgerStats) {
    let (written, times) = (stats.written, stats.times);
    page.one(
        "zarnitsa_ledger_syncs",
        "Fsyncs of the ledger since the start",
        written.syncs,
    );
    page.one(
        "zarnitsa_ledger_queued",
        "Ledger transactions that wait for a block",
        stats.queued,
    );
    page.one(
        "zarnitsa_ledger_log_bytes",
        "Size of the ledger's write-ahead log",
        stats.log_bytes,
    );
    let seconds = [
        ("executing", times.executing.as_secs_f64()),
        ("syncing", times.syncing.as_secs_f64()),
        ("writing", times.writing.as_secs_f64()),
    ];
    page.by(
        "zarnitsa_ledger_block_seconds",
        "Time that making blocks took since the start",
        "phase",
        seconds.into(),
    );
}

fn balance(page: &mut Page, balance: &Balance) {
    let sat = [
        ("onchain", balance.onchain_sat),
        ("onchain_unconfirmed", balance.onchain_unconfirmed_sat),
        ("pending_close", balance.pending_close_sat),
    ];
    page.by(
        "zarnitsa_balance_sat",
        "On-chain balance",
        "kind",
        sat.into(),
    );
    let msat = [
        ("local", balance.channels_local_msat.to_msat()),
        ("remote", balance.channels_remote_msat.to_msat()),
    ];
    page.by(
        "zarnitsa_channels_msat",
        "Balance in channels",
        "side",
        msat.into(),
    );
}

fn count<T>(items: &[T], name: impl Fn(&T) -> &'static str) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(name(item)).or_default() += 1;
    }
    counts
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    fn one(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn by<V: std::fmt::Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: BTreeMap<&str, V>,
    ) {
        self.head(name, help);
        for (key, value) in values {
            let _ = writeln!(self.0, "{name}{{{label}=\"{key}\"}} {value}");
        }
    }
}
