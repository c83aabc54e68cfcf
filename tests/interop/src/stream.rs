//! A connection whose peer is the test itself: well-behaved or not.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::wait::PATIENCE;

/// A connection to the switch.
pub struct Wire {
    stream: TcpStream,
    number: u32,
    unread: Vec<u8>,
}

impl Wire {
    /// Connects to a port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When nobody listens.
    pub fn connect(port: u16) -> Self {
        Self::connect_to(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Connects to an address.
    ///
    /// # Panics
    ///
    /// When nobody listens.
    pub fn connect_to(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).expect("the switch listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        Self { stream, number: 0, unread: Vec::new() }
    }

    /// The socket itself.
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// An OPTIONS with `more` header lines, each ended.
    pub fn options(&mut self, more: &str) -> String {
        self.number += 1;
        let (here, n) = (self.stream.local_addr().expect("an address"), self.number);
        format!(
            "OPTIONS sip:a@{here} SIP/2.0\r\nVia: SIP/2.0/TCP {here};branch=z9hG4bK{n}\r\n\
             From: <sip:b@{here}>;tag=1\r\nTo: <sip:a@{here}>\r\nCall-ID: {n}-{here}\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{more}\r\n"
        )
    }

    /// Sends bytes.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the connection stands");
    }

    /// Reads up to the end of a head, or of a keep-alive's answer; empty when the connection has ended.
    ///
    /// # Panics
    ///
    /// When nothing comes.
    #[track_caller]
    pub fn answer(&mut self) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.unread).into_owned();
            if text.starts_with("\r\n") {
                self.unread.drain(..2);
                return "\r\n".to_owned();
            }
            if let Some(end) = text.find("\r\n\r\n") {
                self.unread.drain(..end + 4);
                return text[..end].to_owned();
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return String::new(),
                Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return String::new(),
                Err(error) => panic!("no answer came: {error}; so far {text:?}"),
            }
        }
    }

    /// Sends an OPTIONS and takes its answer's first line.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn ask(&mut self) -> String {
        let options = self.options("Content-Length: 0\r\n");
        self.send(options);
        self.answer().lines().next().unwrap_or_default().to_owned()
    }

    /// As [`Self::ask`], or nothing when the connection is gone.
    pub fn try_ask(&mut self) -> Option<String> {
        let options = self.options("Content-Length: 0\r\n");
        self.stream.write_all(options.as_bytes()).ok()?;
        Some(self.answer().lines().next().unwrap_or_default().to_owned())
    }

    /// Whether the switch has closed it, after what it still had to say.
    ///
    /// # Panics
    ///
    /// When it has not, in time.
    #[track_caller]
    pub fn expect_end(&mut self) {
        while !self.answer().is_empty() {}
    }
}
