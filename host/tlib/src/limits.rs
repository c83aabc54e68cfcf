//! How large a message may be that comes from somebody else.

/// Limits of what is read, in the wire form and in JSON. What is over one is an error that names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one message.
    pub message_bytes_max: usize,
    /// Attributes of one message, those with an unknown number not counted.
    pub attributes_max: usize,
    /// Pairs of all key-value lists of one message together.
    pub pairs_max: usize,
    /// Lists within lists: 1 allows none.
    pub depth_max: usize,
}

impl Limits {
    /// Room for three lists of 65,535 packed bytes, the most that the interface has.
    pub const DEFAULT: Self =
        Self { message_bytes_max: 262_144, attributes_max: 256, pairs_max: 4096, depth_max: 8 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
