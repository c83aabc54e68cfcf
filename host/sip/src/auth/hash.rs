use md5::Md5;
use model::{Ha1, Secret};
use sha2::{Digest as _, Sha256};

/// A hash that a digest can be made with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// RFC 7616; broken as a hash, and all that many phones know.
    Md5,
    /// RFC 7616; the one RFC 8760 asks for.
    Sha256,
}

impl Algorithm {
    /// The token in a header field.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// The algorithm of a token, any case; `None` for one that is not known here.
    pub fn of_token(token: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|a| token.eq_ignore_ascii_case(a.token()))
    }

    /// Characters of a hash in hexadecimal digits.
    pub const fn hex_length(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
        }
    }

    /// The hash of `parts` with colons between them, in lower-case hexadecimal digits.
    pub(super) fn hash(self, parts: &[&str]) -> String {
        match self {
            Self::Md5 => hex(&joined(Md5::new(), parts).finalize()),
            Self::Sha256 => hex(&joined(Sha256::new(), parts).finalize()),
        }
    }
}

fn joined<D: sha2::Digest>(mut hash: D, parts: &[&str]) -> D {
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            hash.update(b":");
        }
        hash.update(part.as_bytes());
    }
    hash
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS.get(usize::from(value)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The hash that stands for a user, a realm and a password.
pub fn ha1(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> Ha1 {
    let parts = [user, realm, password];
    match algorithm {
        Algorithm::Md5 => Ha1::from_hash(&joined(Md5::new(), &parts).finalize()),
        Algorithm::Sha256 => Ha1::from_hash(&joined(Sha256::new(), &parts).finalize()),
    }
}

/// What a user, a realm and a password come to in every algorithm.
pub fn secret_of_password(user: &str, realm: &str, password: &str) -> Secret {
    let ha1 = |algorithm| Some(ha1(algorithm, user, realm, password));
    Secret { md5: ha1(Algorithm::Md5), sha256: ha1(Algorithm::Sha256) }
}

/// The hash of a secret for an algorithm, if it is known.
pub(super) const fn of_secret(secret: &Secret, algorithm: Algorithm) -> Option<&Ha1> {
    match algorithm {
        Algorithm::Md5 => secret.md5.as_ref(),
        Algorithm::Sha256 => secret.sha256.as_ref(),
    }
}

/// What is hashed beside the secret and the request.
pub(super) struct Salt<'a> {
    pub(super) nonce: &'a str,
    /// Eight hexadecimal digits.
    pub(super) nc: &'a str,
    pub(super) cnonce: &'a str,
}

/// The response of RFC 7616 section 3.4.1 with `qop=auth`.
pub(super) fn response(
    algorithm: Algorithm,
    ha1: &Ha1,
    salt: &Salt<'_>,
    method: &str,
    uri: &str,
) -> String {
    let request = algorithm.hash(&[method, uri]);
    algorithm.hash(&[ha1.as_str(), salt.nonce, salt.nc, salt.cnonce, "auth", &request])
}

/// The response without `qop` (RFC 2617 section 3.2.2.1), as RFC 2069 had it.
pub(super) fn response_uncounted(
    algorithm: Algorithm,
    ha1: &Ha1,
    nonce: &str,
    method: &str,
    uri: &str,
) -> String {
    let request = algorithm.hash(&[method, uri]);
    algorithm.hash(&[ha1.as_str(), nonce, &request])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7616 section 3.9.1 and RFC 2617 section 3.5.
    #[test]
    fn the_examples_of_the_rfcs() {
        let salt = Salt {
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            nc: "00000001",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        };
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let ha1 = super::ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
            assert_eq!(response(algorithm, &ha1, &salt, "GET", "/dir/index.html"), expected);
        }
        let ha1 = super::ha1(Algorithm::Md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let salt = Salt { nonce, nc: "00000001", cnonce: "0a4f113b" };
        assert_eq!(
            response(Algorithm::Md5, &ha1, &salt, "GET", "/dir/index.html"),
            "6629fae49393a05397450978507c4ef1"
        );
    }
}
