//! What a readiness token says: which socket has something.

use media::Side;

/// One of the four sockets of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Port {
    /// The party it faces.
    pub(crate) side: Side,
    /// Whether it is the odd one.
    pub(crate) rtcp: bool,
}

impl Port {
    pub(crate) const ALL: [Self; 4] = [
        Self { side: Side::A, rtcp: false },
        Self { side: Side::A, rtcp: true },
        Self { side: Side::B, rtcp: false },
        Self { side: Side::B, rtcp: true },
    ];
}

/// Where a socket is: the slot of its session, its stream, its port. It fits the 64 bits that epoll keeps for us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) slot: u32,
    pub(crate) stream: u8,
    pub(crate) port: Port,
}

impl Token {
    /// The token of the eventfd; no socket packs to it.
    pub(crate) const WAKE: u64 = u64::MAX;

    const STREAM_SHIFT: u32 = 32;
    const RTCP: u64 = 1 << 40;
    const SIDE_B: u64 = 1 << 41;

    pub(crate) const fn pack(self) -> u64 {
        let side = match self.port.side {
            Side::A => 0,
            Side::B => Self::SIDE_B,
        };
        let rtcp = if self.port.rtcp { Self::RTCP } else { 0 };
        self.slot as u64 | (self.stream as u64) << Self::STREAM_SHIFT | rtcp | side
    }

    /// `None` for the eventfd's.
    pub(crate) const fn unpack(bits: u64) -> Option<Self> {
        if bits == Self::WAKE {
            return None;
        }
        let side = if bits & Self::SIDE_B == 0 { Side::A } else { Side::B };
        let port = Port { side, rtcp: bits & Self::RTCP != 0 };
        // The truncation is what takes each field out.
        Some(Self { slot: bits as u32, stream: (bits >> Self::STREAM_SHIFT) as u8, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_was_and_is_never_the_eventfds() {
        for slot in [0, 1, u32::MAX] {
            for stream in [0, 1, u8::MAX] {
                for port in Port::ALL {
                    let token = Token { slot, stream, port };
                    assert_eq!(Token::unpack(token.pack()), Some(token));
                }
            }
        }
        assert_eq!(Token::unpack(Token::WAKE), None);
    }
}
