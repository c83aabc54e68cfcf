//! Messages that wait for a user.

/// How many voice messages wait for a user (RFC 3842 section 5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MessageCount {
    /// Not heard yet.
    pub new: u32,
    /// Heard and kept.
    pub old: u32,
    /// Those of the new ones that are urgent.
    pub urgent_new: u32,
    /// Those of the old ones that are urgent.
    pub urgent_old: u32,
}
