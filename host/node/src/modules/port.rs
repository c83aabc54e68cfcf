//! A port of a module: where its clients connect, and what they speak there.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
};

use arc_swap::ArcSwap;
use cti::Module;
use model::Instant;
use rustls::ServerConnection;
use websocket::{Origins, Terms};

use super::{PROTOCOL, connection::Connection, web::Web};
use crate::{
    config::{Config, TlibListen, TlibTransport},
    node::StartError,
    stream::{Tls, TlsFiles},
};

/// A port, bound.
#[derive(Debug)]
pub struct Port {
    pub(super) module: Module,
    pub(super) listener: TcpListener,
    pub(super) transport: TlibTransport,
    tls: Option<(TlsFiles, Tls)>,
    web: Option<(Arc<Terms>, usize)>,
}

/// The ports of the modules, bound.
#[derive(Debug)]
pub struct Ports(Vec<Port>);

impl Port {
    /// Binds a port and reads its certificate.
    fn bind(config: &Config, listen: &TlibListen, module: Module) -> Result<Self, StartError> {
        let tls = match listen.tls_files(&config.folder) {
            Some(files) => {
                let material = files.load().map_err(StartError::Tls)?;
                Some((files, Tls::new(ArcSwap::from_pointee(material))))
            }
            None => None,
        };
        let web = listen.transport.is_web().then(|| {
            let origins = Origins::new(listen.origins.clone());
            (Arc::new(Terms { protocol: PROTOCOL, origins }), config.tlib.fragments_max)
        });
        let listener =
            TcpListener::bind(listen.bind).map_err(StartError::bind("T-Library", listen.bind))?;
        Ok(Self { module, listener, transport: listen.transport, tls, web })
    }

    /// A port that is bound already and speaks TCP.
    #[cfg(test)]
    pub(super) const fn plain(module: Module, listener: TcpListener) -> Self {
        Self { module, listener, transport: TlibTransport::Tcp, tls: None, web: None }
    }

    /// The same that speaks WebSocket, to pages of no origin.
    #[cfg(test)]
    pub(super) fn web(module: Module, listener: TcpListener) -> Self {
        let terms = Terms { protocol: PROTOCOL, origins: Origins::new(Vec::new()) };
        let web = Some((Arc::new(terms), 1));
        Self { transport: TlibTransport::Ws, web, ..Self::plain(module, listener) }
    }

    /// A connection of this port, on a socket that blocks nobody.
    ///
    /// # Errors
    ///
    /// When TLS cannot be begun with the certificate.
    pub(super) fn connection(
        &self,
        socket: TcpStream,
        now: Instant,
    ) -> Result<Connection, rustls::Error> {
        let tls =
            self.tls.as_ref().map(|(_, tls)| ServerConnection::new(tls.load().server.clone()));
        let web = self.web.clone().map(|(terms, fragments_max)| Web::new(terms, fragments_max));
        Ok(Connection::new(socket, tls.transpose()?, web, now))
    }
}

impl Ports {
    /// Binds the ports of the configuration.
    ///
    /// # Errors
    ///
    /// Which address could not be bound or which certificate will not do, and why.
    pub fn bind(config: &Config) -> Result<Self, StartError> {
        let mut ports = Vec::new();
        for listen in config.tlib.ports(!config.dn.is_empty()) {
            // The check of the configuration lets no other name by.
            let Some(module) = Module::of_port(&listen.name) else { continue };
            ports.push(Port::bind(config, &listen, module)?);
        }
        Ok(Self(ports))
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a module has one.
    pub(super) fn has(&self, module: Module) -> bool {
        self.0.iter().any(|port| port.module == module)
    }

    /// The module, the transport and the address of each.
    pub(super) fn addresses(&self) -> std::io::Result<Vec<(Module, TlibTransport, SocketAddr)>> {
        let each = |port: &Port| Ok((port.module, port.transport, port.listener.local_addr()?));
        self.0.iter().map(each).collect()
    }

    /// Those with certificates, to be looked at for new ones.
    pub fn watched(&self) -> Vec<(String, TlsFiles, Tls)> {
        let secured = self.0.iter().filter_map(|port| Some((port, port.tls.clone()?)));
        let named = secured.map(|(port, (files, tls))| {
            let at = port.listener.local_addr().map(|at| format!(" {at}")).unwrap_or_default();
            (format!("tlib {}{at}", port.module.tag()), files, tls)
        });
        named.collect()
    }

    /// Takes out those of a module.
    pub(super) fn take(&mut self, module: Module) -> Vec<Port> {
        let (own, others) =
            std::mem::take(&mut self.0).into_iter().partition(|port| port.module == module);
        self.0 = others;
        own
    }
}
