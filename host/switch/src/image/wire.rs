//! How single values look in JSON.

/// A value as its text.
pub(super) mod text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Octets as a string, each a character of its own: nearly all of them are ASCII.
pub(super) mod octets {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    type Pair = [Option<Vec<u8>>; 2];

    fn to_text(octets: &[u8]) -> String {
        octets.iter().map(|octet| char::from(*octet)).collect()
    }

    fn from_text(text: &str) -> Result<Vec<u8>, &'static str> {
        let octets: Result<_, _> = text.chars().map(u8::try_from).collect();
        octets.map_err(|_| "a character above 255 stands for no octet")
    }

    pub(crate) fn serialize<S: Serializer>(octets: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&to_text(octets))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        from_text(&String::deserialize(from)?).map_err(D::Error::custom)
    }

    /// Two of them, each of which may be missing.
    pub(crate) mod pair {
        use super::*;

        pub(crate) fn serialize<S: Serializer>(pair: &Pair, to: S) -> Result<S::Ok, S::Error> {
            pair.each_ref().map(|octets| octets.as_deref().map(to_text)).serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Pair, D::Error> {
            let [first, second] = <[Option<String>; 2]>::deserialize(from)?;
            let octets = |text: Option<String>| text.as_deref().map(from_text).transpose();
            Ok([
                octets(first).map_err(D::Error::custom)?,
                octets(second).map_err(D::Error::custom)?,
            ])
        }
    }
}
