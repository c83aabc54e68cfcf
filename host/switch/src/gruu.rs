//! URIs of ours that lead to one phone of a user and no other (RFC 5627).
//!
//! A public one names user and instance. A temporary one hides both: its user part is sealed with a key of ours and opened when it is called,
//! so that there is no table of them. It holds for as long as the phone keeps up the registration that it was given with.

use std::{borrow::Cow, fmt, hash::Hasher as _};

use model::{Aor, Binding, hook::Party};
use sip::{Scheme, Uri};
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::trunk::escaped;

/// What a temporary one begins with.
const PREFIX: &str = "tgruu.";
/// Bytes of the proof that we have sealed it.
const PROOF: usize = 12;
/// What stands before user and instance: the CSeq of the REGISTER, which makes each another, and a mark of its Call-ID.
const HEAD: usize = 12;

/// Seals temporary GRUUs, and opens them.
#[derive(Clone, Copy)]
pub(crate) struct Sealer([u8; 16]);

/// The phone that a GRUU of ours names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Named {
    /// The user, unescaped.
    pub(crate) user: String,
    instance: String,
    /// The mark of the Call-ID it was given with, of a temporary one.
    given_with: Option<u64>,
}

impl Sealer {
    /// Takes a key that is used for other things as well.
    pub(crate) const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// What nobody without the key can foretell of `bytes`, for each `purpose` another.
    fn hash(self, purpose: u8, bytes: &[u8]) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(b"gruu");
        hasher.write_u8(purpose);
        hasher.write(bytes);
        hasher.finish128().as_bytes()
    }

    /// Hides `text`, or shows it again: what the hash of the proof and a count gives is added to it, so that no two texts are hidden alike.
    fn veil(self, proof: &[u8], text: &mut [u8]) {
        for (count, block) in text.chunks_mut(16).enumerate() {
            let mut seed = proof.to_vec();
            seed.extend((count as u64).to_be_bytes());
            block.iter_mut().zip(self.hash(2, &seed)).for_each(|(byte, mask)| *byte ^= mask);
        }
    }

    /// A mark of a Call-ID.
    fn mark(self, call_id: &str) -> u64 {
        let hash = self.hash(3, call_id.as_bytes());
        hash.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }

    /// The user part of the temporary GRUU of a binding.
    fn seal(self, user: &str, binding: &Binding) -> String {
        let mut text = Vec::with_capacity(HEAD + user.len() + 1 + binding.instance.len());
        text.extend(binding.cseq.to_be_bytes());
        text.extend(self.mark(&binding.call_id).to_be_bytes());
        text.extend(user.as_bytes());
        text.push(0);
        text.extend(binding.instance.as_bytes());
        let hash = self.hash(1, &text);
        let proof = hash.get(..PROOF).unwrap_or_default();
        self.veil(proof, &mut text);
        let mut part = PREFIX.to_owned();
        part.extend(proof.iter().chain(&text).map(|byte| format!("{byte:02x}")));
        part
    }

    fn open(self, part: &str) -> Option<Named> {
        let digits = part.strip_prefix(PREFIX)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2));
        let bytes: Vec<u8> =
            pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<_>>()?;
        let (proof, text) = bytes.split_at_checked(PROOF)?;
        let mut text = text.to_vec();
        self.veil(proof, &mut text);
        if self.hash(1, &text).get(..PROOF) != Some(proof) {
            return None;
        }
        let (head, names) = text.split_at_checked(HEAD)?;
        let mark = u64::from_be_bytes(head.get(4..)?.try_into().ok()?);
        let (user, instance) = std::str::from_utf8(names).ok()?.split_once('\0')?;
        Some(Named { user: user.to_owned(), instance: instance.to_owned(), given_with: Some(mark) })
    }
}

/// Whom a URI names, if it is a GRUU: `Err` for a temporary one that is none of ours.
pub(crate) fn named(sealer: Option<Sealer>, uri: &str) -> Option<Result<Named, NoSuch>> {
    // Nearly no URI is one.
    if !uri.contains(";gr") {
        return None;
    }
    let uri = Uri::parse(uri).ok()?;
    match uri.param("gr")? {
        Some(instance) => {
            let instance = sip::unescape(instance).into_owned();
            let user = uri.user_unescaped().into_owned();
            Some(Ok(Named { user, instance, given_with: None }))
        }
        None => Some(sealer.and_then(|sealer| sealer.open(uri.user?)).ok_or(NoSuch)),
    }
}

/// A GRUU that is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoSuch;

impl Named {
    /// Whether a contact is of the phone.
    pub(crate) fn is(&self, sealer: Option<Sealer>, binding: &Binding) -> bool {
        let is_given = |mark| sealer.is_some_and(|sealer| sealer.mark(&binding.call_id) == mark);
        *binding.instance == *self.instance && self.given_with.is_none_or(is_given)
    }

    /// What is answered when the phone has no contact: a temporary one has ended with its registration, a public one never ends.
    pub(crate) const fn status_of_none(&self) -> u16 {
        if self.given_with.is_some() { 404 } else { 480 }
    }
}

/// The user that a party's URI means: that of a temporary GRUU is shown by its seal alone.
pub(crate) fn unveil(sealer: Option<Sealer>, party: &mut Party) {
    if let Some(Ok(named)) = named(sealer, &party.uri) {
        party.user = named.user;
    }
}

/// The parameters of a Contact that give a phone its GRUUs.
pub(crate) struct Gruus<'a> {
    pub(crate) aor: &'a Aor,
    pub(crate) binding: &'a Binding,
    pub(crate) scheme: Scheme,
    pub(crate) sealer: Option<Sealer>,
}

impl fmt::Display for Gruus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, host) = (self.aor.user(), self.aor.host());
        let scheme = if self.scheme == Scheme::Sips { "sips" } else { "sip" };
        let instance = param(&self.binding.instance);
        write!(f, ";pub-gruu=\"{scheme}:{}@{host};gr={instance}\"", escaped(user))?;
        if let Some(sealer) = self.sealer {
            let part = sealer.seal(user, self.binding);
            write!(f, ";temp-gruu=\"{scheme}:{part}@{host};gr\"")?;
        }
        Ok(())
    }
}

/// A text as the value of a URI parameter (RFC 3261 section 25.1, `paramchar`).
fn param(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/:&+$".contains(&byte);
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let written = |byte: u8| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    Cow::Owned(text.bytes().map(written).collect())
}

#[cfg(test)]
#[path = "gruu_test.rs"]
mod tests;
