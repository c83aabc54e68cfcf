/// Why a line is no recorded question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is longer than any that is written.
    #[error("the line has {bytes} bytes, at most {max} are read")]
    TooLong {
        /// Bytes of the line.
        bytes: usize,
        /// [`LINE_BYTES_MAX`](crate::LINE_BYTES_MAX).
        max: usize,
    },
    /// It is not JSON, or has no version.
    #[error("no recorded question: {0}")]
    NotOne(String),
    /// Another version of the format.
    #[error(
        "a recorded question of version {found}; this program reads version {}: record it anew, or use the program that wrote it",
        crate::VERSION
    )]
    Version {
        /// The version it says it is.
        found: u64,
    },
    /// A field is missing, has another type, or says what is not known.
    #[error("{0}")]
    Field(String),
}

impl ReadError {
    pub(crate) fn unknown(what: &str, value: &str) -> Self {
        Self::Field(format!("the {what} `{}` is not known", value.escape_debug()))
    }
}
