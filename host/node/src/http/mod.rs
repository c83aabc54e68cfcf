//! Status, metrics and the API for operators.
//!
//! One thread with a single-threaded runtime, apart from the workers: it asks them by mail and waits for their answers.

mod api;
mod auth;
mod convert;
mod explain;
mod generations;
mod kept;
mod messages;
mod metrics;
mod monitor;
mod monitor_log;
mod shadow;
mod versions;
pub mod view;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::sync::{Semaphore, oneshot};
use tracing::{debug, warn};

pub use api::{Api, QueueLimits};
pub use monitor_log::MonitorLog;

use crate::config::HttpConfig;

/// Bytes of a request's head.
const HEAD_MAX: usize = 16 * 1024;

/// The running server. Ends when it is dropped.
pub struct HttpServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Binds and starts to answer.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound or the system gives no thread.
    pub fn start(config: &HttpConfig, api: Api, log: MonitorLog) -> io::Result<Self> {
        let listener = TcpListener::bind(config.bind)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let (stop, stopped) = oneshot::channel();
        let api = Arc::new(api);
        let log = log.run(api.clone());
        let router = api::router(api, auth::Guard::new(config.token.as_deref()));
        let limits = Limits {
            connections: Arc::new(Semaphore::new(config.connections_max)),
            head_timeout: Duration::from_millis(config.timeout_ms),
        };
        let thread = std::thread::Builder::new().name("http".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = log => {}
                    error = serve(listener, router, limits) => {
                        warn!(?error, "the HTTP server has stopped");
                    }
                }
            });
            // A reload that is being waited for must not hold the process up.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// The address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so on standard error.
            let _ = thread.join();
        }
    }
}

struct Limits {
    connections: Arc<Semaphore>,
    head_timeout: Duration,
}

async fn serve(listener: TcpListener, router: axum::Router, limits: Limits) -> io::Error {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    loop {
        let Ok(permit) = limits.connections.clone().acquire_owned().await else {
            return io::Error::other("the connection limit is closed");
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, or a connection that went before it was taken: others may come.
                debug!(%error, "no connection was accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(HEAD_MAX)
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "an HTTP connection ended early");
            }
            drop(permit);
        });
    }
}

#[cfg(test)]
#[path = "http_test.rs"]
mod tests;

#[cfg(test)]
mod manual;
