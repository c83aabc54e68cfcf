//! What a user logs in with.

use std::fmt;

/// A hash that stands for a user's password in one algorithm and realm (A1 of RFC 7616 section 3.4.2, hashed), in lower-case
/// hexadecimal digits.
///
/// Whoever has it can log in: it is shown by no formatter.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1(Box<str>);

impl Ha1 {
    /// From so many hexadecimal digits, any case; `None` for anything else.
    pub fn from_hex(text: &str, digits: usize) -> Option<Self> {
        let is_hex = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| Self(text.to_ascii_lowercase().into()))
    }

    /// The digits of a hash.
    pub fn from_hash(hash: &[u8]) -> Self {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
        let digits: String =
            hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        Self(digits.into())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(hidden)")
    }
}

/// What a user can log in with, by algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Secret {
    /// For MD5.
    pub md5: Option<Ha1>,
    /// For SHA-256.
    pub sha256: Option<Ha1>,
}

impl Secret {
    /// Whether there is nothing to log in with.
    pub const fn is_empty(&self) -> bool {
        self.md5.is_none() && self.sha256.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::Ha1;

    #[test]
    fn a_hash_is_checked_and_never_shown() {
        let upper = "AB".repeat(16);
        let ha1 = Ha1::from_hex(&upper, 32);
        assert_eq!(ha1.as_ref().map(Ha1::as_str), Some("ab".repeat(16).as_str()));
        assert_eq!(format!("{ha1:?}"), "Some(Ha1(hidden))");
        assert_eq!(ha1, Some(Ha1::from_hash(&[0xab; 16])));
        assert_eq!(Ha1::from_hex(&upper, 64), None);
        assert_eq!(Ha1::from_hex(&"g".repeat(32), 32), None);
    }
}
