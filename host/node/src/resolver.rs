//! The thread that looks up where host names lead (RFC 3263), so that no worker ever waits for the DNS.

use std::{net::IpAddr, sync::Arc, thread::JoinHandle, time::Duration};

use hickory_resolver::{
    Resolver as Hickory, TokioResolver,
    config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, RecordType},
};
use model::{Shard, Transport};
use sip::locate::{Answer, Locate, LocateError, Naptr, Place, Query, Srv};
use switch::LocateId;
use tokio::{
    runtime,
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
};
use tracing::{debug, warn};

use crate::{config::DnsConfig, mailbox::Postbox, worker::Mail};

/// A worker's request to find where a URI leads.
struct Request {
    shard: Shard,
    id: LocateId,
    uri: String,
}

/// Asks the thread.
#[derive(Clone)]
pub struct ResolverHandle(mpsc::Sender<Request>);

impl ResolverHandle {
    /// Looks up where `uri` leads; what comes of it goes to the worker of `shard`. With too many look-ups under way nothing
    /// comes, and the switch's own time-out ends the wait.
    pub fn locate(&self, shard: Shard, id: LocateId, uri: String) {
        if self.0.try_send(Request { shard, id, uri }).is_err() {
            debug!("more look-ups than dns.lookups_max are waiting");
        }
    }
}

/// The running thread. Ends when it is dropped.
pub struct Resolver {
    handle: ResolverHandle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the listeners can reach.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Their transports, most wanted first.
    pub transports: Vec<Transport>,
    /// Whether one of them is on IPv4.
    pub ipv4: bool,
    /// Whether one of them is on IPv6.
    pub ipv6: bool,
}

impl Resolver {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no runtime.
    pub fn start(
        config: &DnsConfig,
        reach: Reach,
        workers: Vec<Postbox<Mail>>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(config.lookups_max);
        let (stop, stopped) = oneshot::channel();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let config = config.clone();
        let thread = std::thread::Builder::new().name("dns".to_owned()).spawn(move || {
            let lookups = Lookups {
                dns: client(&config, &reach),
                reach,
                workers,
                timeout: Duration::from_millis(config.timeout_ms),
                room: Semaphore::new(config.lookups_max),
            };
            runtime.block_on(serve(Arc::new(lookups), receiver, stopped));
        })?;
        Ok(Self { handle: ResolverHandle(sender), stop: Some(stop), thread: Some(thread) })
    }

    /// Something to ask for look-ups with.
    pub fn handle(&self) -> ResolverHandle {
        self.handle.clone()
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so on standard error.
            let _ = thread.join();
        }
    }
}

/// The client of the DNS, or `None` when there is no name server to ask.
fn client(config: &DnsConfig, reach: &Reach) -> Option<TokioResolver> {
    let provider = TokioRuntimeProvider::default();
    let builder = if config.servers.is_empty() {
        Hickory::builder(provider)
            .inspect_err(|error| {
                warn!(%error, "the system names no name server; routes to host names lead nowhere until dns.servers is set");
            })
            .ok()?
    } else {
        let servers = config.servers.iter().map(|server| {
            let mut entry = NameServerConfig::udp_and_tcp(server.0.ip());
            for connection in &mut entry.connections {
                connection.port = server.0.port();
            }
            entry
        });
        let servers = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        Hickory::builder_with_config(servers, provider)
    };
    let mut options: ResolverOpts = ResolverOpts::default();
    options.timeout = Duration::from_millis(config.query_timeout_ms);
    options.attempts = config.retries;
    options.cache_size = config.cache_entries;
    options.positive_max_ttl = Some(Duration::from_secs(config.ttl_max_s));
    options.negative_max_ttl = Some(Duration::from_secs(config.negative_ttl_max_s));
    options.ip_strategy = match (reach.ipv4, reach.ipv6) {
        (true, true) => LookupIpStrategy::Ipv4AndIpv6,
        (false, true) => LookupIpStrategy::Ipv6Only,
        (_, false) => LookupIpStrategy::Ipv4Only,
    };
    builder
        .with_options(options)
        .build()
        .inspect_err(|error| warn!(%error, "the DNS cannot be asked"))
        .ok()
}

/// What every look-up works with.
struct Lookups {
    dns: Option<TokioResolver>,
    reach: Reach,
    workers: Vec<Postbox<Mail>>,
    timeout: Duration,
    room: Semaphore,
}

async fn serve(
    lookups: Arc<Lookups>,
    mut requests: mpsc::Receiver<Request>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut running = JoinSet::new();
    loop {
        let request = tokio::select! {
            _ = &mut stopped => return,
            request = requests.recv() => request,
        };
        let Some(request) = request else { return };
        while running.try_join_next().is_some() {}
        let lookups = lookups.clone();
        running.spawn(async move {
            let places = lookups.places(&request.uri).await;
            let mail = Mail::Located { id: request.id, places };
            // A mailbox that is full or gone: the switch stops waiting by itself.
            let _ = lookups.workers.get(usize::from(request.shard.0)).map(|w| w.post(mail));
        });
    }
}

impl Lookups {
    async fn places(&self, uri: &str) -> Result<Vec<Place>, LocateError> {
        let no_answer = || LocateError::NoAnswer(uri.to_owned());
        let _room = self.room.try_acquire().map_err(|_| no_answer())?;
        let found = tokio::time::timeout(self.timeout, self.locate(uri)).await;
        found.unwrap_or_else(|_| Err(no_answer()))
    }

    async fn locate(&self, uri: &str) -> Result<Vec<Place>, LocateError> {
        let mut locate = Locate::new(uri, &self.reach.transports, seed())?;
        loop {
            let mut round = JoinSet::new();
            while let Some(query) = locate.poll_query() {
                let dns = self.dns.clone();
                round.spawn(async move {
                    let answer = match dns {
                        Some(dns) => ask(&dns, &query).await,
                        None => Answer::Failed,
                    };
                    (query, answer)
                });
            }
            for (query, answer) in round.join_all().await {
                locate.handle_answer(&query, answer);
            }
            if let Some(places) = locate.places() {
                return places;
            }
        }
    }
}

/// Rolls the dice between records of equal priority.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    // Without the random source the first record of the heaviest is taken each time, which is still an order.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u64::from_le_bytes(bytes)
}

async fn ask(dns: &TokioResolver, query: &Query) -> Answer {
    match query {
        Query::Naptr(name) => match dns.lookup(absolute(name), RecordType::NAPTR).await {
            Ok(found) => {
                Answer::Naptr(found.answers().iter().filter_map(|r| naptr(&r.data)).collect())
            }
            Err(error) => none_or_failed(&error, name, Answer::Naptr(Vec::new())),
        },
        Query::Srv(name) => match dns.lookup(absolute(name), RecordType::SRV).await {
            Ok(found) => Answer::Srv(found.answers().iter().filter_map(|r| srv(&r.data)).collect()),
            Err(error) => none_or_failed(&error, name, Answer::Srv(Vec::new())),
        },
        // Without the dot: the hosts file knows `localhost` and its like only so.
        Query::Address(name) => match dns.lookup_ip(name.as_str()).await {
            Ok(found) => Answer::Address(found.iter().collect::<Vec<IpAddr>>()),
            Err(error) => none_or_failed(&error, name, Answer::Address(Vec::new())),
        },
    }
}

/// The name as it stands, not searched for in the domains of this machine.
fn absolute(name: &str) -> String {
    format!("{name}.")
}

fn none_or_failed(error: &NetError, name: &str, none: Answer) -> Answer {
    if error.is_no_records_found() {
        return none;
    }
    debug!(name, %error, "a look-up failed");
    Answer::Failed
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(record) = data else { return None };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Naptr {
        order: record.order,
        preference: record.preference,
        flags: text(&record.flags),
        service: text(&record.services),
        replacement: record.replacement.to_ascii(),
    })
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(record) = data else { return None };
    Some(Srv {
        priority: record.priority,
        weight: record.weight,
        port: record.port,
        target: record.target.to_ascii(),
    })
}
