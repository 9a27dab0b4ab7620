//! Orders to nodes that may die while they carry them out: whoever gave one asks what became of it, and gives it again
//! only where it came to nothing.

use std::time::Duration;

use bitcoin::{OutPoint, Txid};
use serde_json::json;
use zarnitsa_tests::answers::{Channel, Payment};
use zarnitsa_tests::api::{Api, CallError};
use zarnitsa_tests::wait;

/// How long an order may take whose node dies again and again.
const PATIENCE: Duration = Duration::from_secs(150);

/// Asks until there is an answer.
pub fn ask<T>(what: &str, mut call: impl FnMut() -> Result<T, CallError>) -> T {
    wait::until(what, || match call() {
        Ok(answer) => Some(answer),
        Err(error) if is_away(&error) => None,
        Err(error) => panic!("{what}: {error}"),
    })
}

/// The node died or is dying; what it did is not known.
fn is_away(error: &CallError) -> bool {
    matches!(error, CallError::Unreachable(_)) || ["stopping", "internal"].contains(&error.code())
}

fn is_new(channel: &Channel, before: &[String]) -> bool {
    !before.contains(&channel.channel_id)
}

/// What a channel is to be.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub capacity_sat: u64,
    pub push_sat: u64,
}

/// Opens one channel, and not two. Its id; the opening transaction is with bitcoind.
pub fn open(opener: &Api, uri: &str, terms: Terms) -> String {
    let channels = || ask("the channels", || opener.channels());
    let before: Vec<String> = channels().into_iter().map(|it| it.channel_id).collect();
    wait::within(PATIENCE, "the channel is opened", || {
        match opener.open(uri, terms.capacity_sat, terms.push_sat * 1_000) {
            Ok(opened) => return Some(opened.channel_id),
            Err(error) => println!("not opened at once: {error}"),
        }
        // It may have come to one all the same.
        wait::until("it is known what became of the opening", || {
            let all = channels();
            let mut new = all.into_iter().filter(|it| is_new(it, &before));
            let live = new.find(|it| !["failed", "closed"].contains(&it.state.as_str()));
            match live {
                Some(channel) if channel.state == "opening" => None,
                live => Some(live.map(|it| it.channel_id)),
            }
        })
    })
}

/// What became of a payment: `None` where the order was lost with the node that took it.
fn outcome(payer: &Api, invoice: &str, hash: &str) -> Option<Payment> {
    match payer.pay(invoice) {
        Ok(payment) if payment.status != "pending" => return Some(payment),
        Ok(_) => {}
        Err(error) => println!("not paid at once: {error}"),
    }
    wait::within(PATIENCE, "the payment comes to its end", || {
        match payer.payment(hash) {
            Ok(payment) if payment.status == "pending" => None,
            Ok(payment) => Some(Some(payment)),
            Err(error) if error.code() == "not_found" => Some(None),
            Err(error) if is_away(&error) => None,
            Err(error) => panic!("{hash}: {error}"),
        }
    })
}

/// Pays exactly once; what it cost beside, in msat.
pub fn pay(payer: &Api, payee: &Api, msat: u64) -> u64 {
    wait::within(PATIENCE, "the payment succeeds", || {
        let invoice = ask("an invoice", || payee.invoice(msat, "a payment"));
        let hash = &invoice.payment_hash;
        let paid = outcome(payer, &invoice.invoice, hash);
        let now = ask("the invoice", || payee.invoice_of(hash));
        match paid {
            Some(payment) if payment.status == "succeeded" => {
                assert_eq!(now.status, "paid", "{payment:?}");
                assert_eq!(now.received_msat, Some(msat), "{payment:?}");
                Some(payment.fee_msat)
            }
            failed => {
                assert_ne!(now.status, "paid", "{failed:?}");
                println!("to be paid again: {:?}", failed.and_then(|it| it.failure));
                None
            }
        }
    })
}

/// Tries to pay what cannot be paid.
pub fn pay_in_vain(payer: &Api, payee: &Api, msat: u64) {
    let invoice = ask("an invoice", || payee.invoice(msat, "too much"));
    let hash = &invoice.payment_hash;
    let failed = outcome(payer, &invoice.invoice, hash);
    assert!(
        failed.as_ref().is_none_or(|it| it.status == "failed"),
        "{failed:?}"
    );
    let now = ask("the invoice", || payee.invoice_of(hash));
    assert_ne!(now.status, "paid");
}

/// Closes by force.
pub fn force_close(closer: &Api, id: &str) {
    wait::within(PATIENCE, "the channel is closed by force", || {
        let closed = closer.force_close(id);
        let channel = ask("the channel", || closer.channel(id));
        if channel.state != "closing" {
            println!("not closed at once: {closed:?}, {}", channel.state);
        }
        (channel.state == "closing").then_some(())
    });
}

/// Takes what is held.
pub fn settle(payee: &Api, hash: &str) {
    wait::within(PATIENCE, "what is held is taken", || {
        if let Err(error) = payee.settle(hash) {
            println!("not taken at once: {error}");
        }
        let invoice = ask("the invoice", || payee.invoice_of(hash));
        (invoice.status == "paid").then_some(())
    });
}

/// What was locked in a channel.
pub fn opening_of(channel: &Channel) -> OutPoint {
    let txid: Txid = channel.opening_txid.parse().expect("a txid");
    OutPoint {
        txid,
        vout: channel.opening_output,
    }
}

/// Waits until both sides can use the channel; `caller` calls the other side meanwhile.
pub fn until_usable(caller: &Api, uri: &str, sides: [&Api; 2], id: &str) {
    let mut seen = json!(null);
    wait::until(&format!("{id} is usable"), || {
        let states = sides.map(|side| side.channel(id).map(|it| it.state));
        let is_usable = states.iter().all(|state| state.as_deref() == Ok("normal"));
        if !is_usable {
            let shown = json!(states.map(|state| format!("{state:?}")));
            if shown != seen {
                println!("{id}: {shown}");
                seen = shown;
            }
            let _ = caller.connect(uri); // it is asked again
        }
        is_usable.then_some(())
    });
}
