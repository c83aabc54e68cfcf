//! Which events a client wants (TSetInputMask).

use crate::MessageType;

/// Bytes of a mask.
pub const INPUT_MASK_BYTES: usize = 64;

/// A bit for each event: bit E mod 8 of byte E/8. A bit that is set lets the event through; at first all are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InputMask([u8; INPUT_MASK_BYTES]);

impl Default for InputMask {
    fn default() -> Self {
        Self::ALL
    }
}

impl InputMask {
    /// Every event.
    pub const ALL: Self = Self([0xff; INPUT_MASK_BYTES]);

    /// No event.
    pub const NONE: Self = Self([0; INPUT_MASK_BYTES]);

    /// The mask that a client sent; `None` when it has another size.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &[u8; INPUT_MASK_BYTES] {
        &self.0
    }

    /// The same mask with an event let through.
    #[must_use]
    pub fn with(mut self, event: MessageType) -> Self {
        if let Some(byte) = self.0.get_mut(usize::from(event.number() / 8)) {
            *byte |= 1 << (event.number() % 8);
        }
        self
    }

    /// The same mask with an event kept out.
    #[must_use]
    pub fn without(mut self, event: MessageType) -> Self {
        if let Some(byte) = self.0.get_mut(usize::from(event.number() / 8)) {
            *byte &= !(1 << (event.number() % 8));
        }
        self
    }

    /// Whether an event is let through; what has no bit always is.
    pub fn lets(&self, event: MessageType) -> bool {
        let byte = self.0.get(usize::from(event.number() / 8));
        byte.is_none_or(|byte| byte & (1 << (event.number() % 8)) != 0)
    }
}
