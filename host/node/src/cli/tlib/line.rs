//! The connection of the command-line client: frames as they are, over TLS, in a WebSocket, or in one over TLS.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use rustls::{
    ClientConfig, ClientConnection,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, ServerName, pem::PemObject as _},
};
use websocket::{Code, Decoder, Limits, Mask, Received, Request, Side};

use crate::{cli::args::TlibArgs, modules::PROTOCOL, stream};

/// How long the handshakes may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes read at once.
const CHUNK: usize = 64 << 10;
/// Frames of one message that are taken of the server, which sends one.
const FRAGMENTS_MAX: usize = 1024;

/// What came of the server.
pub(super) struct Came {
    /// For the client: bytes as they came, or whole messages of a WebSocket.
    pub(super) chunks: Vec<Bytes>,
    /// Whether nothing comes after them.
    pub(super) is_last: bool,
}

/// A connection to a port.
pub(super) struct Line {
    socket: TcpStream,
    tls: Option<ClientConnection>,
    web: Option<Decoder>,
}

impl Line {
    /// Connects and ends the handshakes; gives what came after them too.
    ///
    /// # Errors
    ///
    /// What did not come about, and what to look at.
    pub(super) fn connect(
        args: &TlibArgs,
        message_bytes_max: usize,
    ) -> anyhow::Result<(Self, Came)> {
        let at = &args.connect;
        let socket = TcpStream::connect(at).with_context(|| {
            format!("no T-Library port answers at {at}; is there a [[dn]] in the configuration?")
        })?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut line = Self { socket, tls: None, web: None };
        if args.tls {
            line.tls = Some(line.secure(args).with_context(|| format!("no TLS with {at}"))?);
        }
        let mut came = Came { chunks: Vec::new(), is_last: false };
        if args.websocket {
            let limits = Limits { message_bytes_max, fragments_max: FRAGMENTS_MAX };
            let rest = line.upgrade(at).with_context(|| format!("no WebSocket with {at}"))?;
            line.web = Some(Decoder::new(Side::Client, limits));
            came = line.frames(vec![rest])?;
        }
        line.socket.set_read_timeout(None)?;
        Ok((line, came))
    }

    /// The socket, for the thread that reads it.
    pub(super) fn reader(&self) -> std::io::Result<TcpStream> {
        self.socket.try_clone()
    }

    fn secure(&mut self, args: &TlibArgs) -> anyhow::Result<ClientConnection> {
        let host = args.connect.rsplit_once(':').map_or(&*args.connect, |(host, _)| host);
        let name = args.server_name.as_deref().unwrap_or(host);
        let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name)
            .context("give --server-name as the name or address in the server's certificate")?;
        let mut tls = ClientConnection::new(Arc::new(tls_config(args)?), name)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut self.socket).map_err(patient)?;
        }
        Ok(tls)
    }

    /// The opening handshake of a WebSocket; gives what came after it.
    fn upgrade(&mut self, host: &str) -> anyhow::Result<Bytes> {
        let mut nonce = [0; 16];
        chance(&mut nonce)?;
        let mut request = Request::new(nonce, PROTOCOL);
        self.put(&request.write(host, "/"))?;
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = self.socket.read(&mut buffer).map_err(patient)?;
            if length == 0 {
                bail!("the server closed the connection");
            }
            for chunk in self.plain(&buffer[..length])? {
                if let Some(answered) = request.take(chunk)? {
                    return Ok(answered.rest);
                }
            }
        }
    }

    /// Takes what was read from the socket.
    ///
    /// # Errors
    ///
    /// When it is no TLS or no WebSocket.
    pub(super) fn take(&mut self, read: Bytes) -> anyhow::Result<Came> {
        let chunks = self.plain(&read)?;
        self.frames(chunks)
    }

    /// Decrypts.
    fn plain(&mut self, mut read: &[u8]) -> anyhow::Result<Vec<Bytes>> {
        let Some(tls) = &mut self.tls else { return Ok(vec![Bytes::copy_from_slice(read)]) };
        let mut chunks = Vec::new();
        let mut buffer = vec![0; CHUNK];
        while !read.is_empty() {
            tls.read_tls(&mut read)?;
            tls.process_new_packets()?;
            loop {
                match tls.reader().read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => chunks.push(Bytes::copy_from_slice(&buffer[..length])),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.push_tls()?;
        Ok(chunks)
    }

    /// Takes messages out of frames.
    fn frames(&mut self, chunks: Vec<Bytes>) -> anyhow::Result<Came> {
        let Some(decoder) = &mut self.web else { return Ok(Came { chunks, is_last: false }) };
        let mut came = Came { chunks: Vec::new(), is_last: false };
        let mut answers = Vec::new();
        for mut chunk in chunks {
            while let Some(received) = decoder.take(&mut chunk)? {
                match received {
                    Received::Text(text) => came.chunks.push(text),
                    Received::Ping(carried) => websocket::pong(&mut answers, &carried, mask()?),
                    Received::Pong => {}
                    Received::Binary(_) => bail!("the server sent a message that is no text"),
                    Received::Close(_) => came.is_last = true,
                }
            }
        }
        self.put(&answers)?;
        Ok(came)
    }

    /// Sends a message of the client.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub(super) fn send(&mut self, message: &[u8]) -> anyhow::Result<()> {
        if self.web.is_none() {
            return self.put(message);
        }
        let mut frame = Vec::new();
        websocket::message(&mut frame, message, mask()?);
        self.put(&frame)
    }

    fn put(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(tls) = &mut self.tls else { return Ok(self.socket.write_all(rest)?) };
            let taken = tls.writer().write(rest)?;
            rest = &rest[taken..];
            self.push_tls()?;
        }
        Ok(())
    }

    fn push_tls(&mut self) -> anyhow::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            tls.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    /// Says that this is the end, as far as it can be said, and closes the connection.
    pub(super) fn close(&mut self) {
        if self.web.is_some() {
            let mut frame = Vec::new();
            websocket::close(&mut frame, Code::Normal, "", mask().unwrap_or(Some([0; 4])));
            let _ = self.put(&frame);
        }
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        // The server may be gone.
        let _ = self.push_tls();
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Whom the client trusts, and what it shows.
fn tls_config(args: &TlibArgs) -> anyhow::Result<ClientConfig> {
    let roots = stream::trusted(args.ca.as_deref()).map_err(anyhow::Error::msg)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let (Some(certificate), Some(key)) = (&args.certificate, &args.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = stream::certificates(certificate).map_err(anyhow::Error::msg)?;
    Ok(builder.with_client_auth_cert(chain, private_key(key)?)?)
}

fn private_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path)
        .with_context(|| format!("{}: no private key", path.display()))
}

/// What the next frame is masked with.
fn mask() -> anyhow::Result<Mask> {
    let mut mask = [0; 4];
    chance(&mut mask)?;
    Ok(Some(mask))
}

fn chance(bytes: &mut [u8]) -> anyhow::Result<()> {
    let taken = rustix::rand::getrandom(bytes, rustix::rand::GetRandomFlags::empty());
    taken.context("the system gives no randomness")?;
    Ok(())
}

/// Says of a time-out what was waited for.
fn patient(error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => anyhow::anyhow!(
            "the server said nothing for {} seconds; does this port speak it?",
            PATIENCE.as_secs()
        ),
        _ => error.into(),
    }
}
