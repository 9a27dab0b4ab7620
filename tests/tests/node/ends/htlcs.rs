//! Payments whose payee holds them, so that their HTLCs stand in the commitments, and what is to become of each.

use std::thread;

use zarnitsa_tests::wait;

use super::stage::Stage;
use super::By;

/// What is to become of an HTLC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody ever knows its preimage: it times out.
    Expires,
    /// The payee learns the preimage when the commitment is in a block already.
    Claimed,
    /// The payee has released the preimage, and the HTLC is not removed yet.
    Released,
    /// Too small for an output.
    Dust,
    /// On its way while the channel is closed.
    Late,
}

impl Fate {
    /// Each of its own value, so that its output is known by it.
    fn sat(self) -> u64 {
        match self {
            Self::Expires => 30_000,
            Self::Claimed => 31_000,
            Self::Released => 32_000,
            Self::Dust => 300,
            Self::Late => 33_000,
        }
    }
}

/// One payment.
#[derive(Clone, Debug)]
pub struct Htlc {
    pub fate: Fate,
    pub payer: By,
    pub sat: u64,
    pub hash: String,
}

impl Stage {
    /// Orders a payment, and does not wait for it.
    pub fn offer(&self, fate: Fate, payer: By) -> Htlc {
        let differs = match payer {
            By::User => 0,
            By::Hub => 500,
        };
        let sat = match fate {
            Fate::Dust => fate.sat(),
            Fate::Expires | Fate::Claimed | Fate::Released | Fate::Late => fate.sat() + differs,
        };
        let payee = self.api(payer.other());
        let invoice = payee.hold_invoice(sat).expect("an invoice");
        let (api, text) = (self.api(payer), invoice.invoice.clone());
        // The order is answered when the payment has ended: long after this test has seen what it looks for.
        thread::spawn(move || drop(api.pay(&text)));
        Htlc {
            fate,
            payer,
            sat,
            hash: invoice.payment_hash,
        }
    }

    /// The payee has it, and keeps it.
    pub fn until_held(&self, htlc: &Htlc) {
        let payee = self.api(htlc.payer.other());
        wait::until("the payment is held", || {
            (payee.invoice_of(&htlc.hash).ok()?.status == "accepted").then_some(())
        });
    }

    /// Every kind of HTLC, each way, held by its payee.
    pub fn hold_all(&self) -> Vec<Htlc> {
        let fates = [Fate::Expires, Fate::Claimed, Fate::Released, Fate::Dust];
        let all = fates.map(|fate| By::BOTH.map(|payer| self.offer(fate, payer)));
        let all: Vec<Htlc> = all.into_iter().flatten().collect();
        all.iter().for_each(|htlc| self.until_held(htlc));
        all
    }

    /// The payee releases the preimage.
    pub fn settle(&self, htlc: &Htlc) {
        let payee = self.api(htlc.payer.other());
        let settled = payee.settle(&htlc.hash).expect("it is held");
        assert_eq!(settled.status, "paid", "{htlc:?}");
    }

    /// The payee gives it back.
    pub fn cancel(&self, htlc: &Htlc) {
        let payee = self.api(htlc.payer.other());
        payee.cancel(&htlc.hash).expect("it is held");
    }
}

/// Those of one fate, of one payer.
pub fn find(htlcs: &[Htlc], fate: Fate, payer: By) -> Htlc {
    let mut htlcs = htlcs.iter();
    let found = htlcs.find(|htlc| htlc.fate == fate && htlc.payer == payer);
    found.expect("all were made").clone()
}
