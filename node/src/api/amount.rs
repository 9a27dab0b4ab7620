//! Amounts as people and requests write them: a number with its unit.

use std::fmt;
use std::str::FromStr;

use bitcoin::Amount;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zarnitsa_channel::amount::Msat;

/// Millisatoshis in 21 million bitcoin: no amount is larger.
const MAX_MSAT: u64 = 21_000_000 * 100_000_000 * 1_000;

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseAmountError {
    /// No unit: `50` could mean anything.
    #[error("{0:?} has no unit: write 50sat, 50000msat or 0.1btc")]
    NoUnit(String),
    /// Not a decimal number.
    #[error("{0:?} is not a number with a unit: write 50sat, 50000msat or 0.1btc")]
    NotANumber(String),
    /// Less than one millisatoshi.
    #[error("{0:?} has a part smaller than one millisatoshi")]
    TooFine(String),
    /// More than there will ever be.
    #[error("{0:?} is more than 21 million bitcoin")]
    TooLarge(String),
    /// The place wants whole satoshis.
    #[error("{0} msat is not a whole number of satoshis")]
    NotWholeSat(u64),
}

/// Reads `50sat`, `50000msat`, `0.1btc`; exact, never by way of a float.
pub fn parse_msat(text: &str) -> Result<Msat, ParseAmountError> {
    let lower = text.trim().to_ascii_lowercase();
    // The longer ending first: "msat" ends in "sat".
    let units = [("msat", 0), ("sats", 3), ("sat", 3), ("btc", 11)];
    let Some((number, digits)) = units
        .iter()
        .find_map(|(unit, digits)| Some((lower.strip_suffix(unit)?.trim_end(), *digits)))
    else {
        return Err(ParseAmountError::NoUnit(text.into()));
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_decimal(whole) || !is_decimal(fraction) || number.ends_with('.') {
        return Err(ParseAmountError::NotANumber(text.into()));
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > digits {
        return Err(ParseAmountError::TooFine(text.into()));
    }
    let padded = format!("{whole}{fraction:0<digits$}");
    match padded.parse::<u64>() {
        Ok(msat) if msat <= MAX_MSAT => Ok(Msat::new(msat)),
        _ => Err(ParseAmountError::TooLarge(text.into())),
    }
}

/// Reads an amount that must be whole satoshis, as everything on chain is.
pub fn parse_sat(text: &str) -> Result<Amount, ParseAmountError> {
    let msat = parse_msat(text)?.to_msat();
    if msat % 1_000 != 0 {
        return Err(ParseAmountError::NotWholeSat(msat));
    }
    Ok(Amount::from_sat(msat / 1_000))
}

/// An on-chain amount, or all that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountOrAll {
    /// So much.
    Amount(Amount),
    /// Everything, less the fee.
    All,
}

impl FromStr for AmountOrAll {
    type Err = ParseAmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            _ => parse_sat(text).map(Self::Amount),
        }
    }
}

impl fmt::Display for AmountOrAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount(amount) => write!(f, "{}sat", amount.to_sat()),
            Self::All => f.write_str("all"),
        }
    }
}

/// An invoice's amount, or whatever the payer chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountOrAny {
    /// So much.
    Amount(Msat),
    /// The payer chooses.
    Any,
}

impl FromStr for AmountOrAny {
    type Err = ParseAmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "any" => Ok(Self::Any),
            _ => parse_msat(text).map(Self::Amount),
        }
    }
}

impl fmt::Display for AmountOrAny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount(amount) => write!(f, "{}msat", amount.to_msat()),
            Self::Any => f.write_str("any"),
        }
    }
}

macro_rules! json_as_text {
    ($name:ty) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

json_as_text!(AmountOrAll);
json_as_text!(AmountOrAny);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_with_unit_is_read_exactly() {
        let cases = [
            ("50sat", 50_000),
            ("50000msat", 50_000),
            ("0.1btc", 10_000_000_000),
            ("0.10000000000btc", 10_000_000_000),
            ("0.00000000001btc", 1),
            ("1.5 sat", 1_500),
            ("21000000btc", MAX_MSAT),
            ("0sat", 0),
            ("3SAT", 3_000),
        ];
        for (text, msat) in cases {
            assert_eq!(parse_msat(text), Ok(Msat::new(msat)), "{text}");
        }
    }

    #[test]
    fn amount_without_meaning_is_refused() {
        use ParseAmountError as E;
        let text = String::from;
        assert_eq!(parse_msat("50"), Err(E::NoUnit(text("50"))));
        assert_eq!(parse_msat(""), Err(E::NoUnit(text(""))));
        for bad in [
            "sat", "-1sat", "1.2.3sat", "1e3sat", ".5btc", "5.sat", "0x1sat", "١sat", "1_0sat",
        ] {
            assert_eq!(parse_msat(bad), Err(E::NotANumber(text(bad))), "{bad}");
        }
        assert_eq!(parse_msat("0.5msat"), Err(E::TooFine(text("0.5msat"))));
        assert_eq!(parse_msat("0.0001sat"), Err(E::TooFine(text("0.0001sat"))));
        for large in ["21000001btc", "99999999999999999999msat"] {
            assert_eq!(parse_msat(large), Err(E::TooLarge(text(large))), "{large}");
        }
        assert_eq!(parse_sat("1001msat"), Err(E::NotWholeSat(1_001)));
    }

    #[test]
    fn all_and_any_are_amounts_where_they_have_a_meaning() {
        assert_eq!("all".parse(), Ok(AmountOrAll::All));
        assert_eq!("any".parse(), Ok(AmountOrAny::Any));
        assert!("any".parse::<AmountOrAll>().is_err());
        let amount = AmountOrAll::Amount(Amount::from_sat(7));
        assert_eq!(amount.to_string().parse(), Ok(amount));
    }
}
