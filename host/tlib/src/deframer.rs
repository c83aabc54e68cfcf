//! The bytes of a connection to frames: four bytes of length, big-endian, and so many bytes.

use bytes::{Buf as _, Bytes};

use crate::encode::PREFIX_BYTES;

/// A frame says that it is longer than may be. Nothing that follows can be read: the connection is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a frame of {length} bytes is announced, and at most {max} are taken (message_bytes_max)")]
pub struct FrameTooLong {
    /// What its first four bytes say.
    pub length: u32,
    /// What may be.
    pub max: usize,
}

/// Cuts the bytes of one connection into frames. What it holds is the part of one frame that has come, and never more than a frame may
/// have; a frame that came whole is not copied.
#[derive(Debug)]
pub struct Deframer {
    bytes_max: usize,
    /// The part of a frame that has come, its length in front.
    held: Vec<u8>,
    broken: Option<FrameTooLong>,
}

impl Deframer {
    /// Makes one that has read nothing and takes frames of so many bytes, their length in front not counted.
    pub const fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held: Vec::new(), broken: None }
    }

    /// Takes longer or shorter frames from here on.
    pub const fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// The body of the next frame, or nothing when more must come. Call it until it gives nothing: then `chunk` is empty.
    ///
    /// # Errors
    ///
    /// When a frame is longer than may be. It is the same error again from then on.
    pub fn take(&mut self, chunk: &mut Bytes) -> Result<Option<Bytes>, FrameTooLong> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let frame = self.next(chunk);
        if let Err(broken) = frame {
            self.broken = Some(broken);
            self.held = Vec::new();
        }
        frame
    }

    fn next(&mut self, chunk: &mut Bytes) -> Result<Option<Bytes>, FrameTooLong> {
        if self.held.is_empty()
            && let Some(length) = self.length(chunk)?
            && chunk.len() - PREFIX_BYTES >= length
        {
            chunk.advance(PREFIX_BYTES);
            return Ok(Some(chunk.split_to(length)));
        }
        self.hold(chunk, PREFIX_BYTES);
        let Some(length) = self.length(&self.held)? else { return Ok(None) };
        self.hold(chunk, PREFIX_BYTES + length);
        if self.held.len() < PREFIX_BYTES + length {
            return Ok(None);
        }
        let mut frame = Bytes::from(std::mem::take(&mut self.held));
        frame.advance(PREFIX_BYTES);
        Ok(Some(frame))
    }

    /// Bytes that are held.
    pub const fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes from the chunk until `wanted` bytes are held.
    fn hold(&mut self, chunk: &mut Bytes, wanted: usize) {
        let more = wanted.saturating_sub(self.held.len()).min(chunk.len());
        self.held.extend_from_slice(&chunk.split_to(more));
    }

    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, FrameTooLong> {
        let Some(prefix) = bytes.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*prefix);
        match usize::try_from(length) {
            Ok(bytes) if bytes <= self.bytes_max => Ok(Some(bytes)),
            _ => Err(FrameTooLong { length, max: self.bytes_max }),
        }
    }
}
