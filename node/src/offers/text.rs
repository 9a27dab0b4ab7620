//! BOLT 12 invoices as text: `lni1...`, as BOLT 12, "Encoding", has it for the strings that it names.

use bitcoin::bech32::primitives::decode::CheckedHrpstring;
use bitcoin::bech32::{encode_lower, Hrp, NoChecksum};
use lightning::offers::invoice::Bolt12Invoice;
use lightning::util::ser::Writeable;

const PREFIX: &str = "lni";

/// The invoice in letters.
///
/// # Errors
/// Where it is longer than such a text can be.
pub(crate) fn bolt12_text(invoice: &Bolt12Invoice) -> Result<String, String> {
    let prefix = Hrp::parse(PREFIX).map_err(|error| error.to_string())?;
    encode_lower::<NoChecksum>(prefix, &invoice.encode()).map_err(|error| error.to_string())
}

/// The invoice that the text is, with its signature checked. `None` where the text begins otherwise.
pub(crate) fn bolt12_invoice(text: &str) -> Option<Result<Bolt12Invoice, String>> {
    let parsed = CheckedHrpstring::new::<NoChecksum>(text).ok()?;
    if !parsed.hrp().lowercase_char_iter().eq(PREFIX.chars()) {
        return None;
    }
    let bytes: Vec<u8> = parsed.byte_iter().collect();
    Some(Bolt12Invoice::try_from(bytes).map_err(|error| format!("{error:?}")))
}

#[cfg(test)]
mod tests {
    use lightning::offers::offer::Offer;
    use lightning_invoice::Bolt11Invoice;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::bolt11::payment_metadata;

    /// Types that BOLT 12 names, in the order in which they must stand.
    const TYPES: [u8; 22] = [
        0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 80, 82, 84, 86, 88, 160, 162, 164, 168, 176,
    ];

    /// Fields in their order, of any length and content.
    fn fields(random: &mut StdRng) -> Vec<u8> {
        let mut bytes = Vec::new();
        for kind in TYPES
            .into_iter()
            .filter(|_| random.gen_bool(0.5))
            .collect::<Vec<_>>()
        {
            let length: u8 = random.gen_range(0..70);
            bytes.extend([kind, length]);
            bytes.extend((0..length).map(|_| random.gen::<u8>()));
        }
        if random.gen_bool(0.2) {
            bytes.truncate(random.gen_range(0..=bytes.len()));
        }
        bytes
    }

    /// One character, at a place that need not begin one, becomes another.
    fn spoil(text: &mut String, random: &mut StdRng) {
        let others = ['\u{e9}', '\u{202e}', '+', 'B', '1', ' ', '\0'];
        let characters = text.chars().count();
        let place = random.gen_range(0..characters);
        let other = others[random.gen_range(0..others.len())];
        let spoilt = text.chars().enumerate();
        *text = spoilt
            .map(|(at, known)| if at == place { other } else { known })
            .collect();
    }

    #[test]
    fn invoices_and_offers_of_strangers_are_refused_without_a_panic() {
        let mut random = StdRng::seed_from_u64(12);
        for round in 0..20_000 {
            let prefix = ["lni", "lno", "lnr", "lnbcrt", "lnbcrt5000n"][round % 5];
            let prefix = Hrp::parse(prefix).unwrap();
            let mut text = encode_lower::<NoChecksum>(prefix, &fields(&mut random)).unwrap();
            if random.gen_bool(0.3) {
                spoil(&mut text, &mut random);
            }
            assert!(
                bolt12_invoice(&text).is_none_or(|read| read.is_err()),
                "{text}"
            );
            assert!(text.parse::<Bolt11Invoice>().is_err(), "{text}");
            assert_eq!(payment_metadata(&text), None);
            // An offer is not signed: some of these are ones.
            let _ = text.parse::<Offer>().map(|offer| offer.to_string());
        }
    }
}
