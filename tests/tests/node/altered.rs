//! Invoices that were changed on their way and signed once more. A hash alone takes no payment: the payee asks for its own
//! secret, amount and metadata.

use bitcoin::Network;
use lightning_invoice::{
    PaymentSecret, RawBolt11Invoice, RawTaggedField, SiPrefix, SignedRawBolt11Invoice, TaggedField,
};
use serde_json::Value;
use zarnitsa_signer::{Mnemonic, Signer};
use zarnitsa_tests::world::{Pair, World};

/// Who signs with the hub's key, for the payer's node to take the invoice.
pub fn payee(world: &World) -> Signer {
    let words = Mnemonic::parse(world.hub.words()).expect("the hub's words");
    let folder = world.folder().join("hub's keys");
    std::fs::create_dir(&folder).expect("a folder in a temporary one");
    let made = Signer::create(&folder, Network::Regtest, "", Some(words));
    made.expect("a signer").0
}

/// The invoice with something else in it.
pub fn altered(
    invoice: &str,
    payee: &Signer,
    change: impl FnOnce(&mut RawBolt11Invoice),
) -> String {
    let signed: SignedRawBolt11Invoice = invoice.parse().expect("an invoice");
    let (mut raw, _, _) = signed.into_parts();
    change(&mut raw);
    let signed = raw.sign(|digest| Ok::<_, ()>(payee.sign_node_recoverable(digest)));
    signed.expect("it cannot fail").to_string()
}

/// The payee gives it back, and says no more than it must.
pub fn pay_in_vain(pair: &Pair, invoice: &str) {
    let payment = pair.user.pay(invoice).expect("an outcome");
    assert_eq!(payment.status, "failed", "{payment:?}");
    let failure = payment.failure.expect("why it failed").to_string();
    assert!(
        failure.contains("incorrect_or_unknown_payment_details"),
        "{failure}"
    );
}

/// Another field, or none, in the place of an invoice's.
pub fn with_field(
    is_old: fn(&TaggedField) -> bool,
    new: Option<TaggedField>,
) -> impl FnOnce(&mut RawBolt11Invoice) {
    move |raw| {
        let fields = &mut raw.data.tagged_fields;
        fields.retain(|field| match field {
            RawTaggedField::KnownSemantics(field) => !is_old(field),
            RawTaggedField::UnknownSemantics(_) => true,
        });
        fields.extend(new.map(Into::into));
    }
}

fn with_secret(secret: [u8; 32]) -> impl FnOnce(&mut RawBolt11Invoice) {
    let new = TaggedField::PaymentSecret(PaymentSecret(secret));
    with_field(
        |field| matches!(field, TaggedField::PaymentSecret(_)),
        Some(new),
    )
}

/// In millionths of a bitcoin.
fn micro(amount: u64) -> impl FnOnce(&mut RawBolt11Invoice) {
    move |raw| {
        raw.hrp.raw_amount = Some(amount);
        raw.hrp.si_prefix = Some(SiPrefix::Micro);
    }
}

#[test]
fn invoice_paid_with_another_secret_or_amount_gives_no_preimage() {
    let world = World::start();
    let pair = world.open(2_000_000, 0);
    let before = pair.check_agreement();
    let payee = payee(&world);
    let made: Value = world.hub.json(&["invoice", "create", "30000sat"]);
    let text = |name: &str| made[name].as_str().expect("text");
    let invoice = text("invoice");

    for wrong in [
        altered(invoice, &payee, with_secret([0; 32])),
        altered(invoice, &payee, with_secret([7; 32])),
        altered(invoice, &payee, micro(299)),
        altered(invoice, &payee, micro(601)),
    ] {
        pay_in_vain(&pair, &wrong);
    }
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), before);
    let status = |hash: &str| pair.hub.invoice_of(hash).expect("the invoice").status;
    assert_eq!(status(text("payment_hash")), "open");

    let payment = pair.user.pay(invoice).expect("an outcome");
    assert_eq!(payment.status, "succeeded", "{payment:?}");
    assert_eq!(status(text("payment_hash")), "paid");
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), before - 30_000_000);
    world.verify_ledgers();
}
