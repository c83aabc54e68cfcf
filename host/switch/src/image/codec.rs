//! The wire form of an image: one line that says what it is, and JSON.
//!
//! Later versions may add fields that have a default; a node of the version before leaves them out of account. What changes the meaning of
//! a field changes [`VERSION`].

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use super::CallImage;

/// The version of the wire form that this program writes and reads.
pub const VERSION: u16 = 1;

/// What the first line begins with.
const MAGIC: &str = "jackfield-call";

/// An image that is longer is none of ours.
const BYTES_MAX: usize = 1 << 20;

/// Why bytes are no image, or an image makes no call here.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ImageError {
    /// The bytes are something else.
    #[error("not the image of a call: its first line does not begin with `{MAGIC}`")]
    NotAnImage,
    /// A program of another version has written it.
    #[error(
        "the image of a call has version {found} and this program reads {VERSION}; upgrade the nodes one after another, without \
         leaving a version out"
    )]
    Version {
        /// Which.
        found: u16,
    },
    /// A field does not say what it should.
    #[error("the image of a call cannot be used: {field} {why}")]
    Field {
        /// The field, `caller.dialog.call_id`.
        field: String,
        /// What is wrong with it.
        why: String,
    },
}

impl ImageError {
    pub(crate) fn field(field: &str, why: impl Into<String>) -> Self {
        Self::Field { field: field.to_owned(), why: why.into() }
    }
}

impl CallImage {
    /// The wire form.
    pub fn encode(&self) -> Vec<u8> {
        // Strings, numbers and lists of them: nothing that JSON cannot say.
        let body = serde_json::to_vec(self).unwrap_or_default();
        let mut bytes = format!("{MAGIC} {VERSION} {:016x}\n", checksum(&body)).into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Reads the wire form.
    ///
    /// # Errors
    ///
    /// When the bytes are no image, or one of another version, or were changed on the way, or a field of them is missing or wrong. Whether
    /// the call fits a switch is for [`crate::Switch::import`] to say.
    pub fn decode(bytes: &[u8]) -> Result<Self, ImageError> {
        if bytes.len() > BYTES_MAX {
            return Err(ImageError::field("length", format!("is over {BYTES_MAX} bytes")));
        }
        let end = memchr(bytes).ok_or(ImageError::NotAnImage)?;
        let (line, body) = bytes.split_at(end);
        let body = body.get(1..).unwrap_or_default();
        let line = std::str::from_utf8(line).map_err(|_| ImageError::NotAnImage)?;
        let mut words = line.split(' ');
        if words.next() != Some(MAGIC) {
            return Err(ImageError::NotAnImage);
        }
        let version = words.next().and_then(|word| word.parse().ok());
        match version.ok_or_else(|| ImageError::field("version", "is no number"))? {
            VERSION => {}
            found => return Err(ImageError::Version { found }),
        }
        let said = words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
        if said != Some(checksum(body)) {
            return Err(ImageError::field("checksum", "is not that of the rest"));
        }
        let mut reader = serde_json::Deserializer::from_slice(body);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let field = error.path().to_string();
            ImageError::Field { field, why: error.into_inner().to_string() }
        })
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().take(64).position(|byte| *byte == b'\n')
}

/// Finds what a disk or a cable has changed; not what somebody meant to.
fn checksum(body: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(body);
    hasher.finish()
}
