//! payment_metadata (BOLT 11 and BOLT 4): what an invoice gives its payer to send along.

use lightning_invoice::{RawBolt11Invoice, SignedRawBolt11Invoice, TaggedField};
use serde_json::Value;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::world::World;

use crate::altered::{altered, pay_in_vain, payee, with_field};

const METADATA: &str = "00c0ffee";

fn invoice(node: &Node, more: &[&str]) -> (String, String) {
    let words = [&["invoice", "create", "30000sat"], more].concat();
    let made: Value = node.json(&words);
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    (text("invoice"), text("payment_hash"))
}

fn metadata_of(invoice: &str) -> Option<Vec<u8>> {
    let invoice: SignedRawBolt11Invoice = invoice.parse().expect("an invoice");
    invoice.raw_invoice().payment_metadata().cloned()
}

/// The invoice as a payer keeps it who sends other metadata than the payee's, or none.
fn with_metadata(metadata: Option<&[u8]>) -> impl FnOnce(&mut RawBolt11Invoice) {
    let new = metadata.map(|bytes| TaggedField::PaymentMetadata(bytes.to_vec()));
    with_field(
        |field| matches!(field, TaggedField::PaymentMetadata(_)),
        new,
    )
}

#[test]
fn invoice_with_metadata_is_paid_with_it_and_with_nothing_else() {
    let world = World::start();
    let pair = world.open(2_000_000, 0);
    let before = pair.check_agreement();
    let payee = payee(&world);

    let (with, hash) = invoice(&world.hub, &["--metadata", METADATA]);
    let (without, plain) = invoice(&world.hub, &[]);
    assert_eq!(metadata_of(&with), Some(vec![0, 0xc0, 0xff, 0xee]));
    assert_eq!(metadata_of(&without), None);
    for wrong in [
        altered(&with, &payee, with_metadata(None)),
        altered(&with, &payee, with_metadata(Some(&[0, 0xc0, 0xff]))),
        altered(
            &without,
            &payee,
            with_metadata(Some(&[0, 0xc0, 0xff, 0xee])),
        ),
    ] {
        pay_in_vain(&pair, &wrong);
    }
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), before);

    for (text, hash) in [(&with, &hash), (&without, &plain)] {
        let payment = pair.user.pay(text).expect("an outcome");
        assert_eq!(payment.status, "succeeded", "{payment:?}");
        let status = pair.hub.invoice_of(hash).expect("the invoice").status;
        assert_eq!(status, "paid");
    }
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), before - 60_000_000);

    let most = "ab".repeat(639);
    let (longest, _) = invoice(&world.hub, &["--metadata", &most]);
    assert_eq!(metadata_of(&longest).map(|bytes| bytes.len()), Some(639));
    let payment = pair.user.pay(&longest).expect("an outcome");
    assert_eq!(payment.status, "succeeded", "{payment:?}");
    for refused in ["", "0", "hex", &"ab".repeat(640)] {
        let words = ["invoice", "create", "1sat", "--metadata", refused];
        assert_eq!(
            world.hub.command(&words).status.code(),
            Some(2),
            "{refused}"
        );
    }
    world.verify_ledgers();
}
