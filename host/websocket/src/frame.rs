//! Frames as they are written (RFC 6455 section 5.2).

/// Bytes that a control frame may carry.
pub const CONTROL_BYTES_MAX: usize = 125;

/// What the frames of a client are masked with, another for each frame and of chance; a server masks none.
pub type Mask = Option<[u8; 4]>;

/// Why a connection is closed (RFC 6455 section 7.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// It has served its purpose.
    Normal,
    /// Who closes it goes away.
    Away,
    /// A fault of the protocol.
    Protocol,
    /// A message of a kind that is not taken.
    Unacceptable,
    /// A text that is no UTF-8.
    NotText,
    /// A policy of who closes it.
    Policy,
    /// A message that is too long.
    TooLong,
    /// As the peer said it.
    Other(u16),
}

impl Code {
    /// Its number.
    pub const fn number(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::Away => 1001,
            Self::Protocol => 1002,
            Self::Unacceptable => 1003,
            Self::NotText => 1007,
            Self::Policy => 1008,
            Self::TooLong => 1009,
            Self::Other(number) => number,
        }
    }

    /// The code of a number that may be in a frame.
    pub(crate) const fn of(number: u16) -> Option<Self> {
        Some(match number {
            1000 => Self::Normal,
            1001 => Self::Away,
            1002 => Self::Protocol,
            1003 => Self::Unacceptable,
            1007 => Self::NotText,
            1008 => Self::Policy,
            1009 => Self::TooLong,
            1010..=1014 | 3000..=4999 => Self::Other(number),
            _ => return None,
        })
    }
}

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Appends a text message in one frame.
pub fn message(out: &mut Vec<u8>, text: &[u8], mask: Mask) {
    frame(out, TEXT, text, mask);
}

/// Appends a Ping; of what it carries at most [`CONTROL_BYTES_MAX`] bytes.
pub fn ping(out: &mut Vec<u8>, carries: &[u8], mask: Mask) {
    frame(out, PING, short(carries), mask);
}

/// Appends the answer to a Ping that carried this.
pub fn pong(out: &mut Vec<u8>, carried: &[u8], mask: Mask) {
    frame(out, PONG, short(carried), mask);
}

/// Appends a Close with its code, and as much of the reason as there is room for. Nothing may come after it.
pub fn close(out: &mut Vec<u8>, code: Code, reason: &str, mask: Mask) {
    let mut end = reason.len().min(CONTROL_BYTES_MAX - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut body = code.number().to_be_bytes().to_vec();
    body.extend_from_slice(reason.get(..end).unwrap_or_default().as_bytes());
    frame(out, CLOSE, &body, mask);
}

fn short(bytes: &[u8]) -> &[u8] {
    bytes.get(..CONTROL_BYTES_MAX).unwrap_or(bytes)
}

fn frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8], mask: Mask) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | opcode);
    match payload.len() {
        // As many bytes of length as it takes and no more.
        short @ 0..=125 => out.push(masked | short as u8),
        long @ 126..=0xffff => {
            out.push(masked | 126);
            out.extend_from_slice(&(long as u16).to_be_bytes());
        }
        longest => {
            out.push(masked | 127);
            out.extend_from_slice(&(longest as u64).to_be_bytes());
        }
    }
    let Some(mask) = mask else { return out.extend_from_slice(payload) };
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}
