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
