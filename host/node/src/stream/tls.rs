//! Certificates of a TLS listener: read from files, and again when these change.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use sha2::{Digest, Sha256};
use tracing::{error, info, warn};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The PEM files of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our certificate, with those between it and its authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities of the certificates that who connects must have; absent asks for none.
    pub client_ca: Option<PathBuf>,
    /// The authorities of the certificates that who we connect to must have; absent trusts those of the system.
    pub ca: Option<PathBuf>,
}

/// What handshakes are made with.
#[derive(Debug)]
pub struct TlsMaterial {
    /// For who connects to us.
    pub server: Arc<ServerConfig>,
    /// For who we connect to.
    pub client: Arc<ClientConfig>,
    fingerprint: [u8; 32],
}

/// The material of one listener, replaced while connections stand on the former.
pub type Tls = Arc<ArcSwap<TlsMaterial>>;

impl TlsFiles {
    /// Reads the files and checks that they fit.
    ///
    /// # Errors
    ///
    /// Which file, and why it will not do.
    pub fn load(&self) -> Result<TlsMaterial, String> {
        let provider = Arc::new(default_provider());
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?)
            .map_err(|error| format!("{}: no private key: {error}", self.key.display()))?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_client_cert_verifier(self.client_verifier(&provider)?);
        let server = builder.with_single_cert(chain.clone(), key.clone_key()).map_err(|error| {
            let (certificate, key) = (self.certificate.display(), self.key.display());
            format!("{certificate} and {key} do not fit: {error}")
        })?;
        let trusted = trusted(self.ca.as_deref())?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(trusted)
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("{}: {error}", self.certificate.display()))?;
        let client = Arc::new(client);
        Ok(TlsMaterial { server: Arc::new(server), client, fingerprint: self.fingerprint() })
    }

    fn client_verifier(
        &self,
        provider: &Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let Some(ca) = &self.client_ca else { return Ok(WebPkiClientVerifier::no_client_auth()) };
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider.clone())
            .build()
            .map_err(|error| format!("{}: {error}", ca.display()))
    }

    /// A hash of what the files hold; a file that cannot be read counts as empty.
    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let files =
            [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref(), self.ca.as_ref()];
        for file in files.into_iter().flatten() {
            let content = fs::read(file).unwrap_or_default();
            hash.update((content.len() as u64).to_be_bytes());
            hash.update(content);
        }
        hash.finalize().into()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The certificates of a PEM file.
///
/// # Errors
///
/// Which file, and why it will not do.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(format!("{}: no certificate in it", path.display())),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(roots)
}

/// The authorities of a PEM file, or those of the system.
///
/// # Errors
///
/// Which file, and why it will not do.
pub fn trusted(ca: Option<&Path>) -> Result<RootCertStore, String> {
    ca.map_or_else(|| Ok(system_roots()), roots)
}

/// The authorities that this machine trusts. What cannot be read is left out: whom it would have vouched for is not connected to.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        warn!(%error, "an authority of the system cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}

/// Takes in files that change, on a thread of its own, until it is dropped.
pub struct TlsWatch {
    _stop: mpsc::Sender<()>,
}

impl TlsWatch {
    /// Looks at the files of these listeners, each with its name.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start(watched: Vec<(String, TlsFiles, Tls)>) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        if watched.is_empty() {
            return Ok(Self { _stop: stop });
        }
        let mut refused: Vec<[u8; 32]> = vec![[0; 32]; watched.len()];
        std::thread::Builder::new().name("tls-watch".to_owned()).spawn(move || {
            while stopped.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
                for ((listener, files, tls), refused) in watched.iter().zip(&mut refused) {
                    let fingerprint = files.fingerprint();
                    if fingerprint == tls.load().fingerprint || fingerprint == *refused {
                        continue;
                    }
                    match files.load() {
                        Ok(material) => {
                            tls.store(Arc::new(material));
                            info!(
                                listener,
                                "the new certificate serves from the next connection on"
                            );
                        }
                        Err(reason) => {
                            *refused = fingerprint;
                            error!(
                                listener,
                                reason, "a new certificate is refused; the old one serves on"
                            );
                        }
                    }
                }
            }
        })?;
        Ok(Self { _stop: stop })
    }
}
