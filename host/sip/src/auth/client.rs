//! The side that is asked who it is.

use super::{
    hash::{Algorithm, Salt, ha1, response, response_uncounted},
    header::{BadHeader, Fields, quoted},
};

/// A challenge that can be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// Where the user and the password are valid.
    pub realm: String,
    /// To be given back.
    pub nonce: String,
    /// To be given back, if there is one.
    pub opaque: Option<String>,
    /// The hash.
    pub algorithm: Algorithm,
    /// Whether counts and a nonce of ours go into the answer (`qop=auth`). Without it the challenge is one of RFC 2069, which some
    /// registrars still send.
    pub counted: bool,
    /// Whether only the nonce was too old: the password need not be asked for again.
    pub stale: bool,
}

/// Who answers, and what.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
    /// The method of the request.
    pub method: &'a str,
    /// Its Request-URI.
    pub uri: &'a str,
    /// Unpredictable, chosen anew for each answer.
    pub cnonce: &'a str,
    /// How many requests carried this nonce, this one included.
    pub count: u32,
}

impl Challenge {
    /// Reads the value of a WWW-Authenticate or Proxy-Authenticate.
    ///
    /// # Errors
    /// When it cannot be read, wants an algorithm that is not known here, or offers a `qop` and not `auth`.
    pub fn parse(value: &str) -> Result<Self, BadHeader> {
        let fields = Fields::parse(value)?;
        let algorithm = Algorithm::of_token(fields.get("algorithm").unwrap_or("MD5"))
            .ok_or(BadHeader::Value("algorithm"))?;
        let offered = fields.get("qop");
        let has_auth =
            |list: &str| list.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth"));
        if offered.is_some_and(|list| !has_auth(list)) {
            return Err(BadHeader::Value("qop"));
        }
        Ok(Self {
            realm: fields.need("realm")?.to_owned(),
            nonce: fields.need("nonce")?.to_owned(),
            opaque: fields.get("opaque").map(str::to_owned),
            algorithm,
            counted: offered.is_some(),
            stale: fields.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The one to answer among the challenges of a response: that with the strongest hash, the first of equals (RFC 8760
    /// section 2.4). Those that cannot be answered are passed over.
    pub fn strongest<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut best: Option<Self> = None;
        for challenge in values.into_iter().filter_map(|value| Self::parse(value).ok()) {
            if best.as_ref().is_none_or(|best| best.algorithm < challenge.algorithm) {
                best = Some(challenge);
            }
        }
        best
    }

    /// The value of the Authorization or Proxy-Authorization that answers.
    pub fn answer(&self, answer: &Answer<'_>) -> String {
        let nc = format!("{:08x}", answer.count);
        let ha1 = ha1(self.algorithm, answer.user, &self.realm, answer.password);
        let (method, uri) = (answer.method, answer.uri);
        let hash = if self.counted {
            let salt = Salt { nonce: &self.nonce, nc: &nc, cnonce: answer.cnonce };
            response(self.algorithm, &ha1, &salt, method, uri)
        } else {
            response_uncounted(self.algorithm, &ha1, &self.nonce, method, uri)
        };
        let mut text = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{hash}\", algorithm={}",
            quoted(answer.user),
            quoted(&self.realm),
            quoted(&self.nonce),
            quoted(uri),
            self.algorithm.token(),
        );
        if self.counted {
            text.push_str(&format!(", cnonce={}, qop=auth, nc={nc}", quoted(answer.cnonce)));
        }
        if let Some(opaque) = &self.opaque {
            text.push_str(", opaque=");
            text.push_str(&quoted(opaque));
        }
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_challenge_that_can_be_answered_is_taken() {
        let values = [
            "Basic realm=\"r\"",
            "Digest realm=\"r\", nonce=\"m\", algorithm=MD5, qop=\"auth,auth-int\"",
            "Digest realm=\"r\", nonce=\"5\", algorithm=SHA-512-256, qop=\"auth\"",
            "Digest realm=\"r\", nonce=\"s\", algorithm=SHA-256, qop=\"auth\", stale=TRUE",
            "Digest realm=\"r\", nonce=\"i\", algorithm=SHA-256, qop=\"auth-int\"",
            "Digest realm=\"r\", nonce=\"o\"",
        ];
        let best = Challenge::strongest(values).unwrap();
        assert_eq!(
            (best.nonce.as_str(), best.algorithm, best.stale),
            ("s", Algorithm::Sha256, true)
        );
        assert_eq!(Challenge::strongest(["Basic realm=\"r\""]), None);
    }

    /// The digest of RFC 2617 section 3.2.2.1 without `qop`, worked out by hand: MD5 of "HA1:nonce:HA2".
    #[test]
    fn a_challenge_without_qop_is_answered_without_counts() {
        let challenge =
            Challenge::parse("Digest realm=\"carrier\", nonce=\"n1\", opaque=\"o\"").unwrap();
        let answer = challenge.answer(&Answer {
            user: "4312345",
            password: "secret",
            method: "REGISTER",
            uri: "sip:carrier.test",
            cnonce: "c",
            count: 1,
        });
        assert_eq!(
            answer,
            "Digest username=\"4312345\", realm=\"carrier\", nonce=\"n1\", uri=\"sip:carrier.test\", \
             response=\"419a2079b27c9f991d5d2f84a1ee59aa\", algorithm=MD5, opaque=\"o\""
        );
    }

    #[test]
    fn an_answer_has_everything_in_it_and_keeps_quotes_apart() {
        let value = "Digest realm=\"http-auth@example.org\", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                     qop=\"auth\", algorithm=MD5, opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let answer = Challenge::parse(value).unwrap().answer(&Answer {
            user: "Mufasa",
            password: "Circle of Life",
            method: "GET",
            uri: "/dir/index.html",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            count: 1,
        });
        let fields = Fields::parse(&answer).unwrap();
        assert_eq!(fields.get("response"), Some("8ca523f5e9506fed4657c9700eebdbec"));
        assert_eq!(fields.get("nc"), Some("00000001"));
        assert_eq!(fields.get("opaque"), Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"));
    }
}
