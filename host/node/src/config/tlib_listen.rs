use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use websocket::Origins;

use crate::stream::TlsFiles;

/// The names of the ports (seed 001) and their defaults.
pub(super) const PORTS: [(&str, u16); 4] =
    [("default", 7000), ("TCport", 7001), ("IPport", 7002), ("SmartProxy", 7003)];

/// `[[tlib.listen]]`: a port of a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlibListen {
    /// Whose clients connect here: `default` (Session Controller), `TCport` (T-Controller), `IPport` (Interaction Proxy) or `SmartProxy`.
    /// A module may have several ports.
    pub name: String,
    /// The transport: `"tcp"`, `"tls"`, `"ws"` (WebSocket, for browsers) or `"wss"` (WebSocket over TLS).
    pub transport: TlibTransport,
    /// The address and port. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// The PEM file of the port's certificate, for TLS and wss, those between it and its authority after it. A file that changes is taken
    /// in within a second or two, for new connections.
    pub certificate: Option<PathBuf>,
    /// The PEM file of the certificate's private key.
    pub key: Option<PathBuf>,
    /// A PEM file of authorities: who connects must have a certificate of one of them. Absent asks for none.
    pub client_ca: Option<PathBuf>,
    /// The Origins of web pages that may connect to a WebSocket port, such as `"https://desk.example.com"`; `"*"` is every page, `"null"` a
    /// page from a file. Empty lets no page in. Who sends no Origin is no browser, and is let in.
    pub origins: Vec<String>,
}

impl Default for TlibListen {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            transport: TlibTransport::Tcp,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 7000)),
            certificate: None,
            key: None,
            client_ca: None,
            origins: Vec::new(),
        }
    }
}

/// What a port speaks below the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlibTransport {
    /// Frames over TCP.
    Tcp,
    /// Frames over TLS.
    Tls,
    /// JSON over WebSocket (RFC 6455).
    Ws,
    /// JSON over WebSocket over TLS.
    Wss,
}

impl TlibTransport {
    /// Its name in the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Whether connections are encrypted.
    pub(crate) const fn is_secured(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// Whether messages are JSON in a WebSocket.
    pub(crate) const fn is_web(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

impl TlibListen {
    /// The files of a port with TLS, relative ones from `folder`.
    pub(crate) fn tls_files(&self, folder: &Path) -> Option<TlsFiles> {
        let at = |path: &PathBuf| folder.join(path);
        Some(TlsFiles {
            certificate: self.certificate.as_ref().map(at)?,
            key: self.key.as_ref().map(at)?,
            client_ca: self.client_ca.as_ref().map(at),
            ca: None,
        })
    }
}

/// The place of a port, a key of its, what is wrong with it, and what to do.
type Wrong = (usize, &'static str, String, String);

/// What is wrong with the ports.
pub(super) fn problems(listen: &[TlibListen]) -> Vec<Wrong> {
    let mut problems = Vec::new();
    for (at, port) in listen.iter().enumerate() {
        let mut wrong = |key, what: String, help: &str| {
            problems.push((at, key, what, help.to_owned()));
        };
        if !PORTS.iter().any(|(name, _)| *name == port.name) {
            let what =
                format!("`name` is \"{}\", which is no module's port", port.name.escape_debug());
            wrong("name", what, &format!("give one of {}", PORTS.map(|(name, _)| name).join(", ")));
        }
        let is_taken = |other: &TlibListen| other.bind == port.bind && port.bind.port() != 0;
        if listen[..at].iter().any(is_taken) {
            let what = format!("`bind` {} is taken by another port", port.bind);
            wrong("bind", what, "give each port an address of its own");
        }
        let given = [&port.certificate, &port.key].map(Option::is_some);
        if port.transport.is_secured() && given != [true, true] {
            let what = "TLS without certificate and key".to_owned();
            wrong("transport", what, "set `certificate` and `key` to PEM files");
        }
        if !port.transport.is_secured() && (given != [false, false] || port.client_ca.is_some()) {
            let help = "set `transport` to \"tls\" or \"wss\", or leave the files out";
            wrong("transport", "certificate files without TLS".to_owned(), help);
        }
        if !port.transport.is_web() && !port.origins.is_empty() {
            let help = "set `transport` to \"ws\" or \"wss\", or leave `origins` out";
            wrong("origins", "`origins` without WebSocket".to_owned(), help);
        }
        if let Some(origin) = port.origins.iter().find(|origin| !Origins::can_be(origin)) {
            let what = format!("`origins` has \"{}\", which is no Origin", origin.escape_debug());
            let help = "give scheme, host and port as browsers do, such as \"https://desk.example.com\", without a path";
            wrong("origins", what, help);
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wrong(ports: &str) -> Vec<(usize, &'static str, String)> {
        #[derive(Deserialize)]
        struct Ports {
            listen: Vec<TlibListen>,
        }
        let ports: Ports = toml::from_str(&format!("listen = [{ports}]")).unwrap();
        problems(&ports.listen).into_iter().map(|(at, key, what, _)| (at, key, what)).collect()
    }

    #[test]
    fn what_does_not_go_together_is_told_by_port_and_key() {
        let good = r#"{name="TCport",bind="[::]:1",transport="wss",certificate="a",key="b",client_ca="c",origins=["*"]}"#;
        assert_eq!(wrong(good), []);
        for (port, key, what) in [
            (r#"name="other""#, "name", r#"`name` is "other", which is no module's port"#),
            (r#"bind="[::]:1""#, "bind", "`bind` [::]:1 is taken by another port"),
            (r#"transport="tls""#, "transport", "TLS without certificate and key"),
            (r#"transport="wss",key="b""#, "transport", "TLS without certificate and key"),
            (r#"client_ca="c""#, "transport", "certificate files without TLS"),
            (r#"transport="ws",key="b""#, "transport", "certificate files without TLS"),
            (r#"origins=["*"]"#, "origins", "`origins` without WebSocket"),
            (
                r#"transport="ws",origins=["https://a/"]"#,
                "origins",
                r#"`origins` has "https://a/", which is no Origin"#,
            ),
        ] {
            assert_eq!(wrong(&format!("{good},{{{port}}}")), [(1, key, what.to_owned())]);
        }
    }
}
