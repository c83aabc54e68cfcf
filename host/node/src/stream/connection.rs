//! One connection: its socket, what has come of a message, what waits to be sent.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use bytes::Bytes;
use model::{Flow, Instant};
use rustls::{client::verify_server_name, pki_types::ServerName, server::ParsedCertificate};
use sip::{
    ParseLimits,
    stream::{Framed, Framer},
};

use super::StreamLimits;

/// The answer to a keep-alive (RFC 5626 section 4.4.1).
const PONG: &[u8] = b"\r\n";
/// Flows that are served by one connection although they name another; more are not told of its end.
const ALIASES_MAX: usize = 64;

/// Why a connection was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The peer closed it.
    Peer,
    /// It broke.
    Broken,
    /// It could not be made.
    Refused,
    /// It was not made in time.
    ConnectTimeout,
    /// The TLS handshake failed.
    Handshake,
    /// The TLS handshake was not ended in time.
    HandshakeTimeout,
    /// Nothing came for too long.
    Idle,
    /// No whole message came in the time a new connection has for it.
    NoMessage,
    /// A message was begun and not ended in time.
    SlowMessage,
    /// What the peer does not read has grown too large.
    NotReading,
    /// What all peers together do not read has, and this one is among them.
    TooMuchUnread,
    /// The peer has read nothing for too long.
    Stalled,
    /// What came is no SIP, or its end cannot be known.
    NotSip(&'static str),
}

impl Why {
    /// In words, for the log.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Peer => "the peer closed it",
            Self::Broken => "it broke",
            Self::Refused => "the peer refused it",
            Self::ConnectTimeout => "it was not made within connect_timeout_ms",
            Self::Handshake => "the TLS handshake failed",
            Self::HandshakeTimeout => "the TLS handshake was not ended within handshake_timeout_ms",
            Self::Idle => "nothing came within idle_timeout_s",
            Self::NoMessage => "no whole message came within first_message_timeout_s",
            Self::SlowMessage => "a message was not ended within message_timeout_s",
            Self::NotReading => "the peer leaves more than write_queue_kib unread",
            Self::TooMuchUnread => "all peers together leave more than unread_mib_max unread",
            Self::Stalled => "the peer has read nothing within message_timeout_s",
            Self::NotSip(what) => what,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Connecting,
    Open,
    /// Nothing is read any more; it is closed when what waits is sent.
    Closing(Why),
}

/// A connection.
pub(super) struct Connection {
    pub(super) flow: Flow,
    pub(super) socket: TcpStream,
    /// Counted against its address.
    pub(super) accepted: bool,
    /// Flows whose messages took this connection since their own is gone.
    pub(super) aliases: Vec<Flow>,
    /// Where its peer takes requests, if this connection is used for them too (RFC 5923).
    pub(super) reused_for: Option<SocketAddr>,
    /// Whether the poller is told to say when it can be written.
    pub(super) armed: bool,
    tls: Option<Box<rustls::Connection>>,
    /// Whose certificate the peer must show, of a TLS connection that we make.
    asked: Option<ServerName<'static>>,
    framer: Framer,
    stage: Stage,
    queue: VecDeque<Bytes>,
    /// Bytes of the first in the queue that are sent.
    sent: usize,
    queued: usize,
    /// Whether something was written since it was looked at last.
    has_written: bool,
    /// Since when the peer has read nothing of what waits.
    stalled_since: Option<Instant>,
    began_at: Instant,
    heard_at: Instant,
    /// When the message that is not whole yet began.
    within_since: Option<Instant>,
    has_spoken: bool,
}

impl Connection {
    pub(super) fn accepted(
        socket: TcpStream,
        flow: Flow,
        limits: &ParseLimits,
        now: Instant,
    ) -> Self {
        Self::new(socket, flow, limits, now, Stage::Open)
    }

    pub(super) fn connecting(
        socket: TcpStream,
        flow: Flow,
        limits: &ParseLimits,
        now: Instant,
    ) -> Self {
        Self::new(socket, flow, limits, now, Stage::Connecting)
    }

    fn new(
        socket: TcpStream,
        flow: Flow,
        limits: &ParseLimits,
        now: Instant,
        stage: Stage,
    ) -> Self {
        Self {
            flow,
            socket,
            accepted: stage == Stage::Open,
            aliases: Vec::new(),
            reused_for: None,
            armed: false,
            tls: None,
            asked: None,
            framer: Framer::new(limits.clone()),
            stage,
            queue: VecDeque::new(),
            sent: 0,
            queued: 0,
            has_written: false,
            stalled_since: None,
            began_at: now,
            heard_at: now,
            within_since: None,
            has_spoken: false,
        }
    }

    /// Puts TLS between the socket and the messages.
    pub(super) fn secured(mut self, mut tls: rustls::Connection) -> Self {
        // What waits is counted before it is handed over.
        tls.set_buffer_limit(None);
        self.tls = Some(Box::new(tls));
        self
    }

    /// Puts TLS between the socket and the messages, to who has a certificate of `asked`.
    pub(super) fn secured_for(
        mut self,
        tls: rustls::ClientConnection,
        asked: ServerName<'static>,
    ) -> Self {
        self.asked = Some(asked);
        self.secured(tls.into())
    }

    /// Whether what is for `host` may go over this connection: where we made it, its peer must have shown a certificate of that
    /// host too, or who speaks for one domain would be told what is meant for another.
    pub(super) fn may_carry(&self, host: &ServerName<'_>) -> bool {
        let Some(asked) = &self.asked else { return true };
        asked == host || self.is_of(host)
    }

    /// Whether its peer has shown a certificate of `host`.
    pub(super) fn is_of(&self, host: &ServerName<'_>) -> bool {
        let shown = self.tls.as_ref().and_then(|tls| tls.peer_certificates()?.first());
        shown.is_some_and(|shown| {
            ParsedCertificate::try_from(shown)
                .is_ok_and(|shown| verify_server_name(&shown, host).is_ok())
        })
    }

    /// Whether its peer may have it used for our requests: one that came to us and shows a certificate, as far as is known yet.
    //= RFC 5923 section 9.2
    //# If the client does not present a certificate, the server MUST proceed as if the "alias" header field parameter was not
    //# present in the topmost Via header.
    pub(super) fn may_be_reused(&self) -> bool {
        let shows = |tls: &rustls::Connection| {
            tls.is_handshaking() || tls.peer_certificates().is_some_and(|shown| !shown.is_empty())
        };
        self.accepted && self.reused_for.is_none() && self.tls.as_deref().is_some_and(shows)
    }

    fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Lets `flow`, whose own connection is gone, be served by this one.
    pub(super) fn serve(&mut self, flow: Flow) {
        if flow != self.flow && !self.aliases.contains(&flow) && self.aliases.len() < ALIASES_MAX {
            self.aliases.push(flow);
        }
    }

    /// Sends, or keeps what the peer has no room for yet.
    pub(super) fn send(&mut self, bytes: &Bytes, limits: &StreamLimits) -> Result<(), Why> {
        if self.queued.saturating_add(bytes.len()) > limits.write_queue_max {
            return Err(Why::NotReading);
        }
        self.queue.push_back(bytes.clone());
        self.queued += bytes.len();
        if self.queue.len() == 1 { self.flush() } else { Ok(()) }
    }

    /// Bytes that wait for the peer to read them.
    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    /// Whether something waits for the socket to become writable.
    pub(super) fn wants_write(&self) -> bool {
        let secured = self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        self.stage == Stage::Connecting
            || secured
            || (!self.queue.is_empty() && !self.is_handshaking())
    }

    /// Writes what waits, until the peer has no more room.
    pub(super) fn flush(&mut self) -> Result<(), Why> {
        if self.stage == Stage::Connecting {
            return Ok(());
        }
        if self.tls.is_some() {
            self.flush_secured()?;
        }
        // Nothing is left here of what goes over TLS, but while its handshake lasts.
        while let Some(first) = self.queue.front().filter(|_| self.tls.is_none()) {
            match self.socket.write(first.get(self.sent..).unwrap_or_default()) {
                Ok(written) => {
                    self.has_written = true;
                    self.sent += written;
                    self.queued = self.queued.saturating_sub(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Why::Broken),
            }
            if self.queue.front().is_some_and(|first| self.sent >= first.len()) {
                self.queue.pop_front();
                self.sent = 0;
            }
        }
        match self.stage {
            Stage::Closing(why) => Err(why),
            Stage::Connecting | Stage::Open => Ok(()),
        }
    }

    /// Encrypts what waits, a message at a time, and writes it.
    fn flush_secured(&mut self) -> Result<(), Why> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        loop {
            while tls.wants_write() {
                match tls.write_tls(&mut self.socket) {
                    Ok(_) => self.has_written = true,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return Err(Why::Broken),
                }
            }
            if tls.is_handshaking() {
                return Ok(());
            }
            let Some(first) = self.queue.pop_front() else { return Ok(()) };
            self.queued = self.queued.saturating_sub(first.len());
            tls.writer().write_all(&first).map_err(|_| Why::Broken)?;
        }
    }

    /// Reads what the peer sent, decrypted; from the socket only if `may_receive`.
    fn read(&mut self, buffer: &mut [u8], may_receive: bool) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return if may_receive {
                self.socket.read(buffer)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if !may_receive {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if tls.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            if let Err(error) = tls.process_new_packets() {
                // The alert says to the peer what was wrong.
                let _ = tls.write_tls(&mut self.socket);
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    /// The socket can be written: a connection that was being made is decided.
    pub(super) fn on_writable(&mut self, now: Instant) -> Result<(), Why> {
        if self.stage == Stage::Connecting {
            if !matches!(self.socket.take_error(), Ok(None)) {
                return Err(Why::Refused);
            }
            self.stage = Stage::Open;
            self.heard_at = now;
        }
        self.flush()
    }

    /// Reads what has come, up to the limit, and gives each whole message to `take`.
    pub(super) fn on_readable(
        &mut self,
        now: Instant,
        limits: &StreamLimits,
        parse: &ParseLimits,
        buffer: &mut [u8],
        mut take: impl FnMut(Bytes),
    ) -> Result<(), Why> {
        let mut read = 0;
        while self.stage == Stage::Open {
            let length = match self.read(buffer, read < limits.read_batch_max) {
                Ok(0) => return Err(Why::Peer),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if self.is_handshaking() => {
                    tracing::debug!(peer = %self.flow.peer, %error, "TLS");
                    return Err(Why::Handshake);
                }
                Err(_) => return Err(Why::Broken),
            };
            read += length;
            self.heard_at = now;
            self.framer.push(buffer.get(..length).unwrap_or_default());
            self.take_messages(now, limits, parse, &mut take)?;
            if self.tls.is_none() && length < buffer.len() {
                break;
            }
        }
        if self.tls.is_some() && self.stage == Stage::Open {
            self.flush()?;
        }
        self.drop_what_comes_after_the_end(buffer)
    }

    fn take_messages(
        &mut self,
        now: Instant,
        limits: &StreamLimits,
        parse: &ParseLimits,
        take: &mut impl FnMut(Bytes),
    ) -> Result<(), Why> {
        loop {
            match self.framer.take() {
                Ok(Some(Framed::Message(bytes))) => {
                    self.has_spoken = true;
                    self.within_since = None;
                    take(bytes);
                }
                Ok(Some(Framed::Ping)) => self.send(&Bytes::from_static(PONG), limits)?,
                Ok(None) => break,
                Err(error) => {
                    self.stage = Stage::Closing(Why::NotSip(error.what));
                    if let Some(answer) = error.answer(self.flow, parse) {
                        self.send(&answer, limits)?;
                    }
                    return self.flush();
                }
            }
        }
        self.within_since =
            self.framer.is_within_message().then(|| self.within_since.unwrap_or(now));
        Ok(())
    }

    /// While the last answer waits, a peer that goes on talking must not keep the loop awake.
    fn drop_what_comes_after_the_end(&mut self, buffer: &mut [u8]) -> Result<(), Why> {
        let Stage::Closing(why) = self.stage else { return Ok(()) };
        match self.socket.read(buffer) {
            Ok(0) => Err(why),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(why),
        }
    }

    /// Notes since when its peer has read nothing of what waits.
    pub(super) fn note_stall(&mut self, now: Instant) {
        let stalls = self.queued > 0 && !std::mem::take(&mut self.has_written);
        self.stalled_since = stalls.then(|| self.stalled_since.unwrap_or(now));
    }

    /// Why its time is over, if it is.
    pub(super) fn overdue(&self, now: Instant, limits: &StreamLimits) -> Option<Why> {
        let since = |at: Instant| now.saturating_since(at);
        if self.stage == Stage::Connecting {
            return (since(self.began_at) >= limits.connect_timeout).then_some(Why::ConnectTimeout);
        }
        if self.is_handshaking() && since(self.began_at) >= limits.handshake_timeout {
            return Some(Why::HandshakeTimeout);
        }
        if let Stage::Closing(why) = self.stage {
            return (since(self.heard_at) >= limits.message_timeout).then_some(why);
        }
        if self.within_since.is_some_and(|at| since(at) >= limits.message_timeout) {
            return Some(Why::SlowMessage);
        }
        if self.stalled_since.is_some_and(|at| since(at) >= limits.message_timeout) {
            return Some(Why::Stalled);
        }
        let silent = self.accepted && !self.has_spoken;
        if silent && since(self.began_at) >= limits.first_message_timeout {
            return Some(Why::NoMessage);
        }
        (since(self.heard_at) >= limits.idle_timeout).then_some(Why::Idle)
    }
}
