//! Frames as they come, put together to messages (RFC 6455 sections 5 and 8.1).

use bytes::{Buf as _, Bytes};

use crate::frame::{BINARY, CLOSE, CONTINUATION, CONTROL_BYTES_MAX, Code, PING, PONG, TEXT};

/// How large what a peer sends may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one message, in however many frames.
    pub message_bytes_max: usize,
    /// Frames of one message.
    pub fragments_max: usize,
}

/// Which side of the connection this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// What comes is masked.
    Server,
    /// What comes is not.
    Client,
}

/// Something whole that has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// A message of text, which is UTF-8.
    Text(Bytes),
    /// A message of bytes.
    Binary(Bytes),
    /// A Ping, to be answered by a Pong that carries the same.
    Ping(Bytes),
    /// A Pong, asked for or not.
    Pong,
    /// The peer closes; nothing comes after it. The code is none where it gave none.
    Close(Option<Code>),
}

/// Something that may not be. The connection is closed with this code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct Violation {
    /// The code of the Close that tells it.
    pub code: Code,
    /// What it is.
    pub what: &'static str,
}

const fn fault(what: &'static str) -> Violation {
    Violation { code: Code::Protocol, what }
}

/// Puts the frames of one connection together. What it holds is what has come of one message, and never more than one may have.
#[derive(Debug)]
pub struct Decoder {
    side: Side,
    limits: Limits,
    /// What has come of a frame's head.
    head: [u8; 14],
    head_bytes: usize,
    /// The frame whose head is whole.
    frame: Option<Frame>,
    /// What a control frame has carried so far.
    control: Vec<u8>,
    /// What has come of a message, and its opcode.
    message: Vec<u8>,
    begun: Option<u8>,
    fragments: usize,
    is_closed: bool,
    broken: Option<Violation>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    is_last: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Bytes that have come.
    at: usize,
    length: usize,
}

impl Decoder {
    /// Begins after the opening handshake.
    pub const fn new(side: Side, limits: Limits) -> Self {
        Self {
            side,
            limits,
            head: [0; 14],
            head_bytes: 0,
            frame: None,
            control: Vec::new(),
            message: Vec::new(),
            begun: None,
            fragments: 0,
            is_closed: false,
            broken: None,
        }
    }

    /// Takes longer or shorter messages from the next frame on.
    pub const fn set_message_bytes_max(&mut self, bytes: usize) {
        self.limits.message_bytes_max = bytes;
    }

    /// Bytes that are held.
    pub const fn held(&self) -> usize {
        self.message.len() + self.control.len()
    }

    /// The next that is whole, or nothing when more must come: then `chunk` is empty.
    ///
    /// # Errors
    ///
    /// When something came that may not be. It is the same again from then on.
    pub fn take(&mut self, chunk: &mut Bytes) -> Result<Option<Received>, Violation> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let received = self.next(chunk);
        if let Err(broken) = received {
            self.broken = Some(broken);
            self.message = Vec::new();
        }
        received
    }

    fn next(&mut self, chunk: &mut Bytes) -> Result<Option<Received>, Violation> {
        loop {
            if self.is_closed {
                chunk.clear();
                return Ok(None);
            }
            let Some(frame) = self.frame else {
                match self.read_head(chunk)? {
                    Some(frame) => self.frame = Some(frame),
                    None => return Ok(None),
                }
                continue;
            };
            let frame = self.read_payload(frame, chunk);
            if frame.at < frame.length {
                self.frame = Some(frame);
                return Ok(None);
            }
            self.frame = None;
            if let Some(received) = self.on_frame(frame)? {
                return Ok(Some(received));
            }
        }
    }

    /// Reads on in the head of a frame.
    fn read_head(&mut self, chunk: &mut Bytes) -> Result<Option<Frame>, Violation> {
        loop {
            let wanted = if self.head_bytes < 2 { 2 } else { self.check_head()? };
            if self.head_bytes >= 2 && self.head_bytes == wanted {
                self.head_bytes = 0;
                return self.frame_of(wanted).map(Some);
            }
            let more = (wanted - self.head_bytes).min(chunk.len());
            if more == 0 {
                return Ok(None);
            }
            let piece = chunk.split_to(more);
            if let Some(room) = self.head.get_mut(self.head_bytes..self.head_bytes + more) {
                room.copy_from_slice(&piece);
            }
            self.head_bytes += more;
        }
    }

    /// Looks at the first two bytes of a head, and gives how many it has.
    fn check_head(&self) -> Result<usize, Violation> {
        let [first, second, ..] = self.head;
        if first & 0x70 != 0 {
            return Err(fault("a frame has a reserved bit, and no extension was agreed on"));
        }
        let is_masked = second & 0x80 != 0;
        match self.side {
            Side::Server if !is_masked => return Err(fault("a frame of a client is not masked")),
            Side::Client if is_masked => return Err(fault("a frame of a server is masked")),
            _ => {}
        }
        let (opcode, is_last) = (first & 0x0f, first & 0x80 != 0);
        match opcode {
            CLOSE | PING | PONG if !is_last => {
                return Err(fault("a control frame is in fragments"));
            }
            CLOSE | PING | PONG if usize::from(second & 0x7f) > CONTROL_BYTES_MAX => {
                return Err(fault("a control frame carries more than 125 bytes"));
            }
            CONTINUATION if self.begun.is_none() => {
                return Err(fault("a message is continued that was not begun"));
            }
            TEXT | BINARY if self.begun.is_some() => {
                return Err(fault("a message is begun within another"));
            }
            CLOSE | PING | PONG | CONTINUATION | TEXT | BINARY => {}
            _ => return Err(fault("a frame has an unknown opcode")),
        }
        let of_length = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        Ok(2 + of_length + if is_masked { 4 } else { 0 })
    }

    /// The frame of a head that is whole and has so many bytes.
    fn frame_of(&mut self, head_bytes: usize) -> Result<Frame, Violation> {
        let [first, second, a, b, rest @ ..] = self.head;
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes([a, b])),
            127 => u64::from_be_bytes([a, b, rest[0], rest[1], rest[2], rest[3], rest[4], rest[5]]),
            short => u64::from(short),
        };
        let least = match second & 0x7f {
            126 => 126,
            127 => 0x1_0000,
            _ => 0,
        };
        if length < least || length > i64::MAX.cast_unsigned() {
            return Err(fault("the length of a frame is not written in as few bytes as can be"));
        }
        let opcode = first & 0x0f;
        if opcode <= BINARY {
            self.check_room(length)?;
        }
        let mask = if second & 0x80 == 0 {
            None
        } else {
            self.head.get(head_bytes - 4..head_bytes).and_then(<[u8]>::first_chunk::<4>).copied()
        };
        Ok(Frame {
            is_last: first & 0x80 != 0,
            opcode,
            mask: mask.unwrap_or_default(),
            at: 0,
            // It was compared with what may be, or is of a control frame.
            length: usize::try_from(length).unwrap_or(usize::MAX),
        })
    }

    fn check_room(&mut self, length: u64) -> Result<(), Violation> {
        let room = self.limits.message_bytes_max.saturating_sub(self.message.len());
        if usize::try_from(length).is_ok_and(|length| length > room) || length > u64::from(u32::MAX)
        {
            let what = "a message is longer than may be (message_bytes_max)";
            return Err(Violation { code: Code::TooLong, what });
        }
        self.fragments += 1;
        if self.fragments > self.limits.fragments_max {
            let what = "a message has more fragments than may be (fragments_max)";
            return Err(Violation { code: Code::Policy, what });
        }
        Ok(())
    }

    /// Takes what has come of a payload, and unmasks it.
    fn read_payload(&mut self, mut frame: Frame, chunk: &mut Bytes) -> Frame {
        let more = (frame.length - frame.at).min(chunk.len());
        let room = if frame.opcode <= BINARY { &mut self.message } else { &mut self.control };
        let begin = room.len();
        room.extend_from_slice(chunk.get(..more).unwrap_or_default());
        chunk.advance(more);
        let mut mask = frame.mask;
        mask.rotate_left(frame.at % 4);
        for piece in room.get_mut(begin..).unwrap_or_default().chunks_mut(4) {
            piece.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        }
        frame.at += more;
        frame
    }

    fn on_frame(&mut self, frame: Frame) -> Result<Option<Received>, Violation> {
        match frame.opcode {
            PING => Ok(Some(Received::Ping(Bytes::from(std::mem::take(&mut self.control))))),
            PONG => {
                self.control.clear();
                Ok(Some(Received::Pong))
            }
            CLOSE => {
                let code = closing(&self.control)?;
                self.is_closed = true;
                Ok(Some(Received::Close(code)))
            }
            opcode => {
                let kind = self.begun.unwrap_or(opcode);
                if !frame.is_last {
                    self.begun = Some(kind);
                    return Ok(None);
                }
                (self.begun, self.fragments) = (None, 0);
                let message = Bytes::from(std::mem::take(&mut self.message));
                if kind == BINARY {
                    return Ok(Some(Received::Binary(message)));
                }
                match std::str::from_utf8(&message) {
                    Ok(_) => Ok(Some(Received::Text(message))),
                    Err(_) => Err(Violation { code: Code::NotText, what: "a text is no UTF-8" }),
                }
            }
        }
    }
}

/// The code in a Close.
fn closing(body: &[u8]) -> Result<Option<Code>, Violation> {
    let Some((code, reason)) = body.split_first_chunk::<2>() else {
        return if body.is_empty() { Ok(None) } else { Err(fault("a Close has half a code")) };
    };
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation { code: Code::NotText, what: "the reason of a Close is no UTF-8" });
    }
    match Code::of(u16::from_be_bytes(*code)) {
        Some(code) => Ok(Some(code)),
        None => Err(fault("a Close has a code that may not be sent")),
    }
}
