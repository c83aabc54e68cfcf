use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::AlgorithmName;
use crate::stream::TlsFiles;

/// `[sip]`: listeners, timers, what a message may measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipConfig {
    /// One block `[[sip.listen]]` for each address SIP is spoken on.
    pub listen: Vec<ListenConfig>,
    /// T1, the estimated round trip, in milliseconds (RFC 3261 section 17.1.1.1).
    pub t1_ms: u64,
    /// T2, the longest interval between retransmissions, in milliseconds.
    pub t2_ms: u64,
    /// T4, how long a message may stay in the network, in milliseconds.
    pub t4_ms: u64,
    /// How long a target rings when the plan of its call does not say, in seconds.
    pub ring_timeout_s: u64,
    /// How long a call may wait at routing points altogether, in seconds. Then it is refused with 480.
    pub routing_timeout_s: u64,
    /// How long one place of a target with several (RFC 3263), or one trunk of a group, may say nothing at all before the next is
    /// tried, in milliseconds.
    pub failover_ms: u64,
    /// The largest INVITE that goes over UDP, in bytes (RFC 3261 section 18.1.1). A larger one goes over TCP where there is a TCP
    /// listener, unless its URI says `transport=udp` or its phone is behind NAT, and over UDP after all if TCP fails there. 65535
    /// sends everything over UDP.
    pub udp_request_max: usize,
    /// How long a plugin's answer is waited for before the built-in default decides, in milliseconds.
    pub question_timeout_ms: u64,
    /// Networks that are trusted with identities as a trunk may be (RFC 3325), such as `"192.0.2.0/24"`: other switches and edge
    /// proxies whose P-Asserted-Identity is believed and that hide who wants not to be known themselves. Phones are none of them.
    pub trusted: Vec<String>,
    /// How phones and URIs are told that a call was diverted to them: `diversion` (RFC 5806), `history-info` (RFC 7044), `both` or
    /// `off`. A trunk has a setting of its own.
    pub diversion: DiversionStyle,
    /// The largest SIP message, in bytes.
    pub message_bytes_max: usize,
    /// Header fields of one message.
    pub headers_max: usize,
    /// The longest header field, in bytes.
    pub header_bytes_max: usize,
    /// The Server and User-Agent header; empty sends none.
    pub server_header: String,
    /// The receive buffer asked of the kernel for each socket, in KiB. The kernel may grant less (`net.core.rmem_max`).
    pub receive_buffer_kib: usize,
    /// The DSCP of what is sent (RFC 2474): 24 is the class selector that phones use for signalling, 26 and 40 are others in use, 0
    /// none.
    pub dscp: u8,
    /// Datagrams taken from one socket before timers and the other sockets get their turn.
    pub receive_batch_max: usize,
    /// Messages taken from the sockets that wait for the worker, 2 KiB each, of larger ones fewer; beyond it they wait in the kernel's
    /// buffers. Half of the room is for what other workers hand over.
    pub receive_queue_max: usize,
    /// A new call whose INVITE has waited longer than this in the worker, in milliseconds, is refused with 503 and Retry-After, once
    /// such waiting has lasted for 250 ms; four times as long, and every request outside a dialog is. Calls to emergency numbers
    /// and what belongs to standing calls are never refused for that. 0 refuses nothing.
    pub overload_wait_ms: u64,
    /// Datagrams kept for a socket whose send buffer is full; more are dropped and counted.
    pub send_queue_max: usize,
    /// Datagrams and commands waiting for one worker; more are dropped and counted.
    pub mailbox_max: usize,
}

impl Default for SipConfig {
    fn default() -> Self {
        Self {
            listen: vec![ListenConfig::default()],
            t1_ms: 500,
            t2_ms: 4000,
            t4_ms: 5000,
            ring_timeout_s: 120,
            routing_timeout_s: 3600,
            failover_ms: 4000,
            udp_request_max: 1300,
            question_timeout_ms: 2000,
            trusted: Vec::new(),
            diversion: DiversionStyle::Both,
            message_bytes_max: 65_535,
            headers_max: 256,
            header_bytes_max: 8192,
            server_header: concat!("Jackfield/", env!("CARGO_PKG_VERSION")).to_owned(),
            receive_buffer_kib: 8192,
            dscp: 24,
            receive_batch_max: 64,
            receive_queue_max: 16_384,
            overload_wait_ms: 100,
            send_queue_max: 4096,
            mailbox_max: 8192,
        }
    }
}

/// How it is told that a call was diverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiversionStyle {
    /// It is not.
    Off,
    /// With Diversion.
    Diversion,
    /// With History-Info.
    HistoryInfo,
    /// With both.
    Both,
}

impl From<DiversionStyle> for switch::DiversionStyle {
    fn from(style: DiversionStyle) -> Self {
        match style {
            DiversionStyle::Off => Self::Off,
            DiversionStyle::Diversion => Self::Diversion,
            DiversionStyle::HistoryInfo => Self::HistoryInfo,
            DiversionStyle::Both => Self::Both,
        }
    }
}

/// `[[sip.listen]]`: an address SIP is spoken on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenConfig {
    /// The listener's name: plugins see it as the ingress of a call.
    pub name: String,
    /// The transport: `"udp"`, `"tcp"` or `"tls"`.
    pub transport: SipTransport,
    /// The address and port to listen on. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// The address (`"192.0.2.1"`, or with a port `"192.0.2.1:5060"`) that peers reach this listener at; Via and Contact carry
    /// it. Absent takes `bind`; required when `bind` is unspecified (`0.0.0.0` or `::`).
    pub advertise: Option<Advertised>,
    /// The PEM file of a TLS listener's certificate, those between it and its authority after it. A file that changes is taken
    /// in within a second or two, for new connections.
    pub certificate: Option<PathBuf>,
    /// The PEM file of the certificate's private key.
    pub key: Option<PathBuf>,
    /// A PEM file of authorities: who connects by TLS must have a certificate of one of them. Absent asks for none.
    pub client_ca: Option<PathBuf>,
    /// A PEM file of authorities: a peer we connect to by TLS must have a certificate of one of them, for the host of the URI that
    /// leads there (RFC 5922). Absent trusts the authorities that the system does.
    pub ca: Option<PathBuf>,
    /// What this listener offers of `auth.algorithms`, most wanted first; empty offers all. A few phones give up when a hash they
    /// do not know is among what is offered: give those a listener with `["MD5"]`.
    pub algorithms: Vec<AlgorithmName>,
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            name: "udp".to_owned(),
            transport: SipTransport::Udp,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)),
            advertise: None,
            certificate: None,
            key: None,
            client_ca: None,
            ca: None,
            algorithms: Vec::new(),
        }
    }
}

impl ListenConfig {
    /// The files of a TLS listener, relative ones from `folder`.
    pub fn tls_files(&self, folder: &Path) -> Option<TlsFiles> {
        let at = |path: &PathBuf| folder.join(path);
        Some(TlsFiles {
            certificate: self.certificate.as_ref().map(at)?,
            key: self.key.as_ref().map(at)?,
            client_ca: self.client_ca.as_ref().map(at),
            ca: self.ca.as_ref().map(at),
        })
    }

    /// Whether both want the same socket: one address and port serves datagrams and connections side by side.
    pub(crate) fn clashes_with(&self, other: &Self) -> bool {
        let streams = |listen: &Self| listen.transport != SipTransport::Udp;
        self.bind == other.bind && streams(self) == streams(other)
    }
}

/// The transports a listener can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SipTransport {
    /// Datagrams (RFC 3261 section 18).
    Udp,
    /// Connections (RFC 3261 section 18).
    Tcp,
    /// Encrypted connections (RFC 3261 section 26.3.1).
    Tls,
}

impl From<SipTransport> for model::Transport {
    fn from(transport: SipTransport) -> Self {
        match transport {
            SipTransport::Udp => Self::Udp,
            SipTransport::Tcp => Self::Tcp,
            SipTransport::Tls => Self::Tls,
        }
    }
}

/// An address as peers see it; without a port, the one that was bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// The address.
    pub ip: IpAddr,
    /// The port, if it is another than the bound one.
    pub port: Option<u16>,
}

impl Advertised {
    /// The whole address of a listener that is bound to `bound`.
    pub fn resolve(self, bound: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or_else(|| bound.port()))
    }
}

impl FromStr for Advertised {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self { ip, port: None });
        }
        text.parse::<SocketAddr>()
            .map(|addr| Self { ip: addr.ip(), port: Some(addr.port()) })
            .map_err(|_| format!("`{text}` is neither an IP address nor an address with a port"))
    }
}

impl fmt::Display for Advertised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

impl Serialize for Advertised {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Advertised {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
