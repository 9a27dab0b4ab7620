//! `/api/services/lightning/v1/...`: the node, for people and their programs.

mod backup_create;
mod balance;
mod channel;
mod channel_ask;
mod channel_ask_approve;
mod channel_ask_refuse;
mod channel_asks;
mod channel_close;
mod channel_history;
mod channel_open;
mod channel_open_batch;
mod channels;
mod config;
mod events;
mod fees;
mod forwards;
mod info;
mod invoice;
mod invoice_cancel;
mod invoice_create;
mod invoice_draft;
mod invoice_preimage;
mod invoice_settle;
mod invoices;
mod keysend;
mod keysend_draft;
mod ledger_head;
mod ledger_verify;
mod ledger_work;
mod log;
mod network;
mod offer_create;
mod offer_payment_draft;
mod pay;
mod payment;
mod payments;
mod peer_connect;
mod peer_disconnect;
mod peers;
mod policy;
mod policy_set;
mod request;
mod session;
mod wallet;
mod wallet_address;
mod wallet_send;
mod wallet_transactions;
mod wallet_utxos;
mod watchtower;

use super::endpoint::Endpoint;

/// Every endpoint of the service.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        info::endpoint(),
        session::endpoint(),
        config::endpoint(),
        request::endpoint(),
        balance::endpoint(),
        channels::endpoint(),
        channel_open::endpoint(),
        channel_open_batch::endpoint(),
        channel_asks::endpoint(),
        channel_ask::endpoint(),
        channel_ask_approve::endpoint(),
        channel_ask_refuse::endpoint(),
        channel::endpoint(),
        channel_history::endpoint(),
        channel_close::endpoint(),
        invoices::endpoint(),
        invoice_create::endpoint(),
        offer_create::endpoint(),
        offer_payment_draft::endpoint(),
        invoice_draft::endpoint(),
        invoice_preimage::endpoint(),
        invoice_settle::endpoint(),
        invoice_cancel::endpoint(),
        invoice::endpoint(),
        payments::endpoint(),
        pay::endpoint(),
        keysend::endpoint(),
        keysend_draft::endpoint(),
        payment::endpoint(),
        forwards::endpoint(),
        network::endpoint(),
        peers::endpoint(),
        peer_connect::endpoint(),
        peer_disconnect::endpoint(),
        policy::endpoint(),
        policy_set::endpoint(),
        wallet::endpoint(),
        wallet_address::endpoint(),
        fees::endpoint(),
        log::endpoint(),
        wallet_send::endpoint(),
        wallet_utxos::endpoint(),
        wallet_transactions::endpoint(),
        ledger_head::endpoint(),
        ledger_verify::endpoint(),
        backup_create::endpoint(),
        watchtower::endpoint(),
        events::endpoint(),
    ]
}
