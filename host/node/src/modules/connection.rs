//! The connection of one client: frames as they are, over TLS, in a WebSocket, or in one over TLS.
//!
//! One face for all four: [`Connection::receive`] gives what is for the session, [`Connection::write`] writes what waits in it. Nothing waits
//! here: what cannot be written stays in the session's queue, which has a limit.

use std::{
    io::{self, IoSlice, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use bytes::Bytes;
use model::Instant;
use rustls::ServerConnection;
use tlib::Session;
use websocket::Code;

use super::web::Web;

/// Slices of one vectored write.
const SLICES_MAX: usize = 128;

/// Why a connection is over, or must be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the client closed it")]
    Closed,
    #[error("it broke: {0}")]
    Broken(#[from] io::Error),
    #[error("the TLS handshake or a record failed: {0}")]
    Tls(rustls::Error),
    #[error("the WebSocket handshake was refused: {0}")]
    Refused(String),
    #[error("what came is no WebSocket of this subprotocol: {0}")]
    Violation(&'static str),
    #[error("its handshake was not ended within tlib.handshake_timeout_ms")]
    HandshakeTimeout,
    #[error("its handshake is the oldest of more than tlib.handshakes_max")]
    HandshakesMax,
}

/// What came of a connection.
#[derive(Debug)]
pub(super) enum Came {
    /// Bytes for the session: as they came, or a whole message of a WebSocket.
    Bytes(Bytes),
    /// Something, and nothing for the session yet.
    Sign,
    /// Nothing, for now.
    Nothing,
}

/// The connection of a client.
#[derive(Debug)]
pub(super) struct Connection {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    web: Option<Box<Web>>,
    began: Instant,
    /// Bytes of the session's queue that are handed on and not all written.
    staged: usize,
}

impl Connection {
    pub(super) fn new(
        socket: TcpStream,
        tls: Option<ServerConnection>,
        web: Option<Web>,
        now: Instant,
    ) -> Self {
        Self { socket, tls: tls.map(Box::new), web: web.map(Box::new), began: now, staged: 0 }
    }

    /// For the poller.
    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether its handshakes are done.
    pub(super) fn is_open(&self) -> bool {
        !self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
            && self.web.as_ref().is_none_or(|web| web.is_open())
    }

    /// Whether its handshakes take longer than they may.
    pub(super) fn is_overdue(&self, now: Instant, timeout: Duration) -> bool {
        !self.is_open() && now.saturating_since(self.began) >= timeout
    }

    /// Reads on. `left` is how much may still be read from the socket in this turn; what was read already is given without it. Call it until
    /// nothing comes.
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8],
        left: &mut usize,
        message_bytes_max: usize,
    ) -> Result<Came, Fault> {
        if let Some(web) = &mut self.web
            && let Some(message) = web.next(message_bytes_max)?
        {
            return Ok(Came::Bytes(message));
        }
        let length = match self.read(buffer, left) {
            Ok(0) => return Err(Fault::Closed),
            Ok(length) => length,
            Err(Fault::Broken(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Came::Nothing);
            }
            Err(fault) => return Err(fault),
        };
        let chunk = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
        let Some(web) = &mut self.web else { return Ok(Came::Bytes(chunk)) };
        web.push(chunk);
        Ok(web.next(message_bytes_max)?.map_or(Came::Sign, Came::Bytes))
    }

    /// Reads what the client sent, decrypted.
    fn read(&mut self, buffer: &mut [u8], left: &mut usize) -> Result<usize, Fault> {
        loop {
            if let Some(tls) = &mut self.tls {
                match tls.reader().read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return Ok(read?),
                }
            }
            if *left == 0 {
                return Err(Fault::Broken(io::ErrorKind::WouldBlock.into()));
            }
            let read = match &mut self.tls {
                None => self.socket.read(buffer),
                Some(tls) => tls.read_tls(&mut self.socket),
            };
            let length = match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            *left = left.saturating_sub(length);
            let Some(tls) = &mut self.tls else { return Ok(length) };
            if length == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(Fault::Tls)?;
        }
    }

    /// Writes what waits in the session, as far as the client takes it; gives whether more waits than that.
    pub(super) fn write(&mut self, session: &mut Session) -> Result<bool, Fault> {
        if self.tls.is_none() && self.web.is_none() {
            return write_plain(&mut self.socket, session).map_err(Fault::Broken);
        }
        loop {
            if !self.push()? {
                return Ok(true);
            }
            // What is encrypted counts as waiting until it is with the kernel.
            if self.staged > 0 {
                session.wrote(std::mem::take(&mut self.staged));
            }
            if !self.stage(session)? {
                return Ok(false);
            }
        }
    }

    /// Hands on what waits in the session, when all before it is written; gives whether there is anything.
    fn stage(&mut self, session: &Session) -> io::Result<bool> {
        if !self.is_open() {
            return Ok(false);
        }
        if let Some(web) = &mut self.web {
            self.staged = web.stage(session.writes());
            return Ok(!web.rest().is_empty());
        }
        let Some(tls) = &mut self.tls else { return Ok(false) };
        for slice in session.writes().take(SLICES_MAX) {
            let taken = tls.writer().write(slice)?;
            self.staged += taken;
            if taken < slice.len() {
                break;
            }
        }
        Ok(self.staged > 0)
    }

    /// Writes what is handed on; gives whether all of it is written.
    fn push(&mut self) -> io::Result<bool> {
        loop {
            while let Some(tls) = &mut self.tls
                && tls.wants_write()
            {
                let written = tls.write_tls(&mut self.socket);
                if !is_written(written)? {
                    return Ok(false);
                }
            }
            let Some(web) = &mut self.web else { return Ok(true) };
            let rest = web.rest();
            if rest.is_empty() {
                return Ok(true);
            }
            let written = match &mut self.tls {
                Some(tls) => tls.writer().write(rest),
                None => self.socket.write(rest),
            };
            match written {
                Ok(length) => web.sent(length),
                error => {
                    if !is_written(error)? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// The last words, as far as there is room for them: a Close, an alert. The connection is dropped after it.
    pub(super) fn finish(&mut self, code: Code, reason: &str) {
        if let Some(web) = &mut self.web {
            web.close(code, reason);
        }
        // Who does not read does not hear it.
        let _ = self.push();
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = tls.write_tls(&mut self.socket);
        }
    }
}

/// Writes what waits in a session as it is.
fn write_plain(socket: &mut TcpStream, session: &mut Session) -> io::Result<bool> {
    loop {
        let slices: Vec<IoSlice<'_>> =
            session.writes().take(SLICES_MAX).map(IoSlice::new).collect();
        if slices.is_empty() {
            return Ok(false);
        }
        match socket.write_vectored(&slices) {
            Ok(length) if length > 0 => session.wrote(length),
            other => {
                if !is_written(other)? {
                    return Ok(true);
                }
            }
        }
    }
}

/// Whether something was written, or may be at once; not when there is no room.
fn is_written(written: io::Result<usize>) -> io::Result<bool> {
    match written {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
        Err(error) => Err(error),
    }
}
