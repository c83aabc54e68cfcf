//! The client as programs see it.

use std::{future::Future, pin::Pin, sync::Arc, task};

use rustls::{
    RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tlib::{ClientConfig, Message, MessageType};
use tokio::{
    net::{TcpStream, ToSocketAddrs},
    sync::{mpsc, oneshot},
};
use tokio_rustls::TlsConnector;

use crate::{
    Error,
    io::{self, Shared},
};

/// TLS of a connection.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Whom the client trusts, and what it shows.
    pub config: Arc<rustls::ClientConfig>,
    /// The name that the server's certificate must have.
    pub name: ServerName<'static>,
}

impl Tls {
    /// Trusts the authorities of a PEM file's content, and nobody else, to speak for a server of this name or address.
    ///
    /// # Errors
    ///
    /// When there is no authority in it, or it is no name.
    pub fn trusting(pem: &[u8], name: &str) -> Result<Self, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Tls(error.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| failed(&error))?;
            roots.add(certificate).map_err(|error| failed(&error))?;
        }
        if roots.is_empty() {
            return Err(failed(&"there is no certificate in what shall be trusted"));
        }
        let name = ServerName::try_from(name.to_owned()).map_err(|error| failed(&error))?;
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), name })
    }
}

/// What a client is, besides where it connects to.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name, password, timeouts and limits.
    pub config: ClientConfig,
    /// TLS, or none.
    pub tls: Option<Tls>,
    /// Events that may wait for [`Client::event`]; with more the connection is closed.
    pub events_max: usize,
}

impl Options {
    /// A client of this ApplicationName, without TLS.
    pub fn new(application: impl Into<String>) -> Self {
        Self { config: ClientConfig::new(application), tls: None, events_max: 1_000_000 }
    }

    /// With this ApplicationPassword.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.config.password = password.into();
        self
    }

    /// Over TLS.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }
}

/// A client that is registered. The connection is closed when it is dropped.
#[derive(Debug)]
pub struct Client {
    handle: Handle,
    events: mpsc::Receiver<Message>,
    server: Message,
}

impl Client {
    /// Connects and registers, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When there is no connection, or the server does not take the client.
    pub async fn connect(address: impl ToSocketAddrs, options: Options) -> Result<Self, Error> {
        let failed = |error| Error::Connect(Arc::new(error));
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (registered, answer) = oneshot::channel();
        let (sender, events) = mpsc::channel(options.events_max.max(1));
        let shared = Shared::new(options.config, registered, sender);
        match options.tls {
            None => io::start(stream, &shared),
            Some(Tls { config, name }) => {
                let stream = TlsConnector::from(config).connect(name, stream).await;
                io::start(stream.map_err(failed)?, &shared);
            }
        }
        let handle = Handle { shared };
        match answer.await {
            Ok(server) => Ok(Self { handle, events, server }),
            Err(_) => Err(handle.shared.end()),
        }
    }

    /// The answer to the registration: EventLinkConnected, or EventLinkDisconnected.
    pub const fn server(&self) -> &Message {
        &self.server
    }

    /// What sends requests from other tasks.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// When it is not sent.
    pub fn request(&self, message: Message) -> Result<Pending, Error> {
        self.handle.request(message)
    }

    /// Sends a request and waits for the event that answers it, which [`Self::event`] gives too.
    ///
    /// # Errors
    ///
    /// When it is not sent, not answered, or answered EventError.
    pub async fn call(&self, message: Message) -> Result<Message, Error> {
        self.handle.call(message).await
    }

    /// The next event.
    ///
    /// # Errors
    ///
    /// When the connection is over and every event was given.
    pub async fn event(&mut self) -> Result<Message, Error> {
        match self.events.recv().await {
            Some(event) => Ok(event),
            None => Err(self.handle.shared.end()),
        }
    }

    /// The next event of this type; those before it are passed over.
    ///
    /// # Errors
    ///
    /// When the connection is over before it comes.
    pub async fn wait_for(&mut self, kind: MessageType) -> Result<Message, Error> {
        loop {
            let event = self.event().await?;
            if event.kind() == kind {
                return Ok(event);
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// Sends requests of a client. It does not keep the connection open.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// Sends a request.
    ///
    /// # Errors
    ///
    /// When it is not sent.
    pub fn request(&self, message: Message) -> Result<Pending, Error> {
        let (reference, answer) = self.shared.request(message)?;
        Ok(Pending { reference, answer, shared: Arc::clone(&self.shared) })
    }

    /// Sends a request and waits for the event that answers it.
    ///
    /// # Errors
    ///
    /// When it is not sent, not answered, or answered EventError.
    pub async fn call(&self, message: Message) -> Result<Message, Error> {
        self.request(message)?.await
    }

    /// Closes the connection.
    pub fn close(&self) {
        self.shared.close();
    }
}

/// The answer to a request that is under way. To drop it is to do without the answer.
#[derive(Debug)]
pub struct Pending {
    reference: u32,
    answer: oneshot::Receiver<Result<Message, Error>>,
    shared: Arc<Shared>,
}

impl Pending {
    /// The ReferenceID of the request.
    pub const fn reference(&self) -> u32 {
        self.reference
    }
}

impl Future for Pending {
    type Output = Result<Message, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> task::Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(context).map(|answer| match answer {
            Ok(answer) => answer,
            Err(_) => Err(self.shared.end()),
        })
    }
}
