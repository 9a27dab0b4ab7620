//! How values look in JSON where their own serde form is not the public one.

/// Millisatoshis as a decimal string: a u64 does not fit into a JavaScript number.
pub mod msat {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use zarnitsa_channel::amount::Msat;

    /// Writes `"1000"`.
    pub fn serialize<S: Serializer>(amount: &Msat, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&amount.to_msat())
    }

    /// Reads `"1000"`, never a number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Msat, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Msat::new).map_err(D::Error::custom)
    }
}

/// [`msat`](mod@msat) or null.
pub mod msat_option {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use zarnitsa_channel::amount::Msat;

    /// Writes `"1000"` or null.
    pub fn serialize<S: Serializer>(
        amount: &Option<Msat>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => super::msat::serialize(amount, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads `"1000"` or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Msat>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map(Msat::new).map_err(D::Error::custom))
            .transpose()
    }
}

/// A value by its `Display` and `FromStr`: ids and hashes as lower-case hex.
pub mod display {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes what `Display` writes.
    pub fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Reads what `FromStr` reads.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// [`display`](mod@display) or null.
pub mod display_option {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes what `Display` writes, or null.
    pub fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    /// Reads what `FromStr` reads, or null.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        Option::<String>::deserialize(deserializer)?
            .map(|text| text.parse().map_err(D::Error::custom))
            .transpose()
    }
}
