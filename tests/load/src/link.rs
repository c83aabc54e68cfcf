//! A phone's way to the switch: a UDP socket, a TCP connection, or one with TLS on it.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sip::{
    Message, ParseLimits,
    stream::{Framed, Framer},
};

/// How long an answer is waited for. Nothing is sent twice, so that a loss shows.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    /// As in Via.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// What a Contact says of it.
    pub(crate) const fn parameter(self) -> &'static str {
        match self {
            Self::Udp => "",
            Self::Tcp => ";transport=tcp",
            Self::Tls => ";transport=tls",
        }
    }
}

/// A way to the switch.
pub(crate) struct Link {
    pub(crate) transport: Transport,
    /// Our own address.
    pub(crate) here: SocketAddr,
    way: Way,
}

enum Way {
    Datagrams(UdpSocket, Box<[u8]>),
    Stream(Box<dyn Stream>, Framer),
}

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

impl Link {
    /// Opens one that waits so long for a message.
    pub(crate) fn open(
        to: SocketAddr,
        transport: Transport,
        patience: Duration,
    ) -> io::Result<Self> {
        if transport == Transport::Udp {
            let any: IpAddr = if to.is_ipv4() {
                [127, 0, 0, 1].into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            };
            let socket = UdpSocket::bind((any, 0))?;
            socket.connect(to)?;
            socket.set_read_timeout(Some(patience))?;
            let here = socket.local_addr()?;
            let way = Way::Datagrams(socket, vec![0; 65_535].into());
            return Ok(Self { transport, here, way });
        }
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        let here = stream.local_addr()?;
        let stream: Box<dyn Stream> = match transport {
            Transport::Tls => Box::new(StreamOwned::new(secured(to)?, stream)),
            Transport::Udp | Transport::Tcp => Box::new(stream),
        };
        Ok(Self { transport, here, way: Way::Stream(stream, Framer::new(ParseLimits::default())) })
    }

    pub(crate) fn send(&mut self, text: &str) -> Result<(), String> {
        let sent = match &mut self.way {
            Way::Datagrams(socket, _) => socket.send(text.as_bytes()).map(drop),
            Way::Stream(stream, _) => {
                stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
            }
        };
        sent.map_err(|error| format!("cannot send: {error}"))
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> Result<Message, String> {
        let bytes = match &mut self.way {
            Way::Datagrams(socket, buffer) => {
                let length = socket.recv(buffer).map_err(|error| format!("no answer: {error}"))?;
                Bytes::copy_from_slice(&buffer[..length])
            }
            Way::Stream(stream, framer) => next_of(stream.as_mut(), framer)?,
        };
        Message::parse(bytes, &ParseLimits::default()).map_err(|error| error.to_string())
    }
}

fn next_of(stream: &mut dyn Stream, framer: &mut Framer) -> Result<Bytes, String> {
    let mut buffer = [0; 4096];
    loop {
        match framer.take() {
            Ok(Some(Framed::Message(bytes))) => return Ok(bytes),
            Ok(Some(Framed::Ping)) => {}
            Ok(None) => {
                let length =
                    stream.read(&mut buffer).map_err(|error| format!("no answer: {error}"))?;
                if length == 0 {
                    return Err("the connection was closed".to_owned());
                }
                framer.push(&buffer[..length]);
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// A connection whose certificate is not looked at: what is measured is the switch.
fn secured(to: SocketAddr) -> io::Result<ClientConnection> {
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified))
            .with_no_client_auth();
    let name = ServerName::IpAddress(to.ip().into());
    ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)
}

#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
