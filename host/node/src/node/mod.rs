//! A node: everything `jackfield run` starts, put together.

mod contacts;
mod error;
mod live;
mod shards;
mod starting;
mod warnings;

use std::{
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use arc_swap::ArcSwap;
use model::Transport;
use plugin::{KeptSource, PluginHost};
use switch::Publish;
use tokio::sync::{Semaphore, mpsc};
use tracing::error;

pub use error::{StartError, WorkerPanicked};
pub use live::{Reconfigured, Reconfigurer};

use crate::{
    clock::{Calendar, Clock},
    config::{Config, ListenConfig, SipTransport},
    directory::{Everyone, NodeDirectory, TrunkTable},
    http::{Api, HttpServer, QueueLimits, view},
    journal::{FactSender, Journal, Scribe},
    kept::{KeptFile, KeptThread, Unreadable},
    mailbox::{Mailbox, Postbox, mailbox},
    modules::{
        AllFigures, Around, FactPort, ModuleControl, ModuleSettings, Modules, Ports, dns_of,
    },
    plugins,
    records::{Collector, RecordSender, RecordThread},
    reload::Reloader,
    resolver::{Reach, Resolver, ResolverHandle},
    sip_log::{self, LogPlan, SipLog},
    store::{StoreFigures, StoreSender, StoreThread},
    stored::Stored,
    stream::{self, Owners, Tls, TlsFiles, TlsWatch},
    udp,
    worker::{ListenSocket, Mail, Parts, Worker},
};

/// A running node. Dropping it stops it.
pub struct Node {
    sip: Vec<SocketAddr>,
    postboxes: Vec<Postbox<Mail>>,
    workers: Vec<Option<JoinHandle<()>>>,
    ended: mpsc::UnboundedReceiver<usize>,
    draining: Arc<AtomicBool>,
    journal: Arc<Journal>,
    plugins: Arc<PluginHost>,
    http: HttpServer,
    _resolver: Resolver,
    reloader: Reloader,
    _tls_watch: TlsWatch,
    modules: Option<Modules>,
    _relay: relay::RelayHandle,
    // After the workers, so that it writes what passed until their end.
    _sip_log: SipLog,
    // After the workers, so that it writes what plugins kept until their end.
    _kept: Option<KeptThread>,
    // After the workers, so that it writes what they handed over until their end.
    _store: Option<StoreThread>,
    // After the workers, so that it writes what they handed over until their end.
    _records: RecordThread,
    // Last, so that it takes in what the workers told until their end.
    _scribe: Scribe,
}

impl Node {
    /// Starts what the configuration says.
    ///
    /// # Errors
    ///
    /// What could not be started; everything else is stopped again.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let (host, stored, kept) = load_plugins(config)?;
        let clock = Clock::start();
        let listeners = Listeners::bind(config)?;
        let ports = Ports::bind(config)?;
        let tls_watch = listeners.watch(&ports)?;
        let directory = Arc::new(directory(config, &listeners).with_plugins(host.clone()));
        let contacts = contacts::open(config, clock, &directory).map_err(StartError::Store)?;
        let (journal, facts, scribe) = starting::start_journal(config, clock)?;
        let records = starting::start_records(config, clock)?;
        let (postboxes, mailboxes) = mailboxes(config).map_err(StartError::os("a mailbox"))?;
        let relay = starting::start_relay(config, &postboxes)?;
        let (store, restored) = contacts.start(config, clock, &postboxes)?;
        let resolver = Resolver::start(&config.dns, listeners.reach(config), postboxes.clone())
            .map_err(StartError::os("the resolver"))?;
        let settings = ModuleSettings::of(config, live::domains(config, &listeners.hosts()));
        let plan = LogPlan::new(Arc::new(settings));
        let (seed, workers) = (shards::seed_number()?, &*postboxes);
        let around =
            Around { clock, seed, directory: &directory, workers, host: &host, facts: &facts };
        let modules = Modules::start(config, &plan.settings(), ports, &around)
            .map_err(StartError::os("the T-Library modules"))?;
        let common = Common {
            config,
            clock,
            directory,
            facts,
            records: records.sender(),
            relay: relay.clone(),
            resolver: resolver.handle(),
            host: host.clone(),
            cti: modules.as_ref().and_then(Modules::fact_port),
            module_control: modules.as_ref().map(Modules::control),
            log_plan: plan.clone(),
            module_figures: modules.as_ref().map(Modules::figures).unwrap_or_default(),
            owners: Owners::default(),
            store: store.as_ref().map(StoreThread::sender),
            store_figures: store.as_ref().map(StoreThread::figures).unwrap_or_default(),
            proxy_key: config.proxy.key(shards::seed()?),
        };
        let reloader = common.reloader(&listeners, &postboxes, &records, &journal, stored)?;
        let draining = Arc::new(AtomicBool::new(false));
        let api = common.api(&listeners, &postboxes, (&journal, &records, &reloader), &draining);
        let (tell_end, ended) = mpsc::unbounded_channel();
        let mut node = Self {
            sip: listeners.advertised.clone(),
            _sip_log: common.sip_log(&listeners, &postboxes)?,
            postboxes,
            workers: Vec::new(),
            ended,
            draining,
            journal,
            plugins: host.clone(),
            http: starting::start_http(config, api, plan)?,
            _resolver: resolver,
            reloader,
            _tls_watch: tls_watch,
            modules,
            _relay: relay,
            _kept: kept,
            _store: store,
            _records: records,
            _scribe: scribe,
        };
        let ends = listeners.into_shards().into_iter().zip(mailboxes).zip(restored);
        node.start_workers(&common, ends, &tell_end)?;
        warnings::warn_of(config);
        Ok(node)
    }

    /// Starts one worker for each of `ends`: its sockets, its mailbox, and its bindings from before a restart.
    fn start_workers(
        &mut self,
        common: &Common<'_>,
        ends: impl Iterator<Item = ((Vec<ListenSocket>, Mailbox<Mail>), Vec<Publish>)>,
        tell_end: &mpsc::UnboundedSender<usize>,
    ) -> Result<(), StartError> {
        for (shard, ((sockets, mailbox), restored)) in ends.enumerate() {
            let parts = common.parts(shard, &self.sip, sockets, mailbox, &self.postboxes)?;
            let parts = Parts { restored, ..parts };
            self.workers.push(Some(common.spawn(shard, parts, tell_end.clone())?));
        }
        Ok(())
    }

    /// The addresses of the SIP listeners as peers reach them, in the order of the configuration.
    pub fn sip_addresses(&self) -> &[SocketAddr] {
        &self.sip
    }

    /// The addresses of the T-Library ports, with the module of each.
    pub fn tlib_addresses(&self) -> &[(cti::Module, SocketAddr)] {
        self.modules.as_ref().map_or(&[], Modules::addresses)
    }

    /// The address of the HTTP API.
    pub const fn http_address(&self) -> SocketAddr {
        self.http.address()
    }

    /// The decisions that are kept.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The plugins.
    pub fn plugins(&self) -> &PluginHost {
        &self.plugins
    }

    /// Refuses new calls from now on; each worker ends with its last call.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.tell(|| Mail::Drain);
    }

    /// Has the configuration read again for `cause`; the log tells what became of it.
    pub fn reconfigure(&self, cause: &'static str) {
        self.reloader.handle().have_reconfigured(cause);
    }

    /// Ends the workers now.
    pub fn stop(&self) {
        self.tell(|| Mail::Stop);
    }

    /// Waits until every worker has ended.
    ///
    /// # Errors
    ///
    /// When one of them panicked; the others may still run.
    pub async fn ended(&mut self) -> Result<(), WorkerPanicked> {
        while self.workers.iter().any(Option::is_some) {
            let Some(shard) = self.ended.recv().await else { return Ok(()) };
            self.join(shard)?;
        }
        Ok(())
    }

    fn join(&mut self, shard: usize) -> Result<(), WorkerPanicked> {
        let worker = self.workers.get_mut(shard).and_then(Option::take);
        worker.map_or(Ok(()), |worker| worker.join().map_err(|_| WorkerPanicked { shard }))
    }

    fn tell(&self, mail: impl Fn() -> Mail) {
        for (postbox, worker) in self.postboxes.iter().zip(&self.workers) {
            // A full mailbox is being emptied. A worker that is gone needs no telling.
            while worker.as_ref().is_some_and(|worker| !worker.is_finished())
                && postbox.post(mail()).is_err()
            {
                std::thread::yield_now();
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
        for shard in 0..self.workers.len() {
            if let Err(error) = self.join(shard) {
                tracing::error!(%error, "a worker had panicked");
            }
        }
    }
}

/// The two ends of every mailbox, by shard.
type MailboxEnds = (Vec<Postbox<Mail>>, Vec<Mailbox<Mail>>);

/// A mailbox for each worker.
fn mailboxes(config: &Config) -> io::Result<MailboxEnds> {
    let pairs = (0..config.node.workers).map(|_| mailbox(config.sip.mailbox_max));
    Ok(pairs.collect::<io::Result<Vec<_>>>()?.into_iter().unzip())
}

/// The SIP sockets of every listener, one a worker.
struct Listeners {
    sockets: Vec<Vec<ListenSocket>>,
    bound: Vec<SocketAddr>,
    advertised: Vec<SocketAddr>,
    /// Those with certificates.
    watched: Vec<(String, TlsFiles, Tls)>,
}

impl Listeners {
    fn bind(config: &Config) -> Result<Self, StartError> {
        let mut listeners = Self {
            sockets: Vec::new(),
            bound: Vec::new(),
            advertised: Vec::new(),
            watched: Vec::new(),
        };
        for listen in &config.sip.listen {
            let buffer = config.sip.receive_buffer_kib << 10;
            let dscp = config.sip.dscp;
            let mut tls = None;
            if let Some(files) = listen.tls_files(&config.folder) {
                let material = files.load().map_err(StartError::Tls)?;
                let shared = Tls::new(ArcSwap::from_pointee(material));
                listeners.watched.push((listen.name.clone(), files, shared.clone()));
                tls = Some(shared);
            }
            let failed = || StartError::bind("SIP", listen.bind);
            let (sockets, bound) = open(listen, config.node.workers, (buffer, dscp), tls.as_ref())
                .map_err(|error| failed()(error))?;
            let advertise = listen.advertise;
            listeners.advertised.push(advertise.map_or(bound, |a| a.resolve(bound)));
            listeners.bound.push(bound);
            listeners.sockets.push(sockets);
        }
        Ok(listeners)
    }

    fn views(&self, config: &Config) -> Vec<view::Listener> {
        let addresses = self.bound.iter().zip(&self.advertised);
        let listen = config.sip.listen.iter().zip(addresses);
        listen
            .map(|(listen, (bound, advertised))| view::Listener {
                name: listen.name.clone(),
                transport: Transport::from(listen.transport).to_string().to_lowercase(),
                bound: bound.to_string(),
                advertised: advertised.to_string(),
            })
            .collect()
    }

    /// The hosts that are ours when the configuration names none.
    fn hosts(&self) -> Vec<String> {
        let addresses = self.advertised.iter().chain(&self.bound);
        addresses.map(|address| address.ip().to_string()).chain(["localhost".to_owned()]).collect()
    }

    /// What can be reached from here.
    fn reach(&self, config: &Config) -> Reach {
        let mut transports: Vec<Transport> = Vec::new();
        for listen in &config.sip.listen {
            let transport = Transport::from(listen.transport);
            if !transports.contains(&transport) {
                transports.push(transport);
            }
        }
        Reach {
            transports,
            ipv4: self.bound.iter().any(SocketAddr::is_ipv4),
            ipv6: self.bound.iter().any(SocketAddr::is_ipv6),
        }
    }

    /// Takes in certificates that change, of SIP listeners and T-Library ports.
    fn watch(&self, ports: &Ports) -> Result<TlsWatch, StartError> {
        let watched = self.watched.iter().cloned().chain(ports.watched());
        TlsWatch::start(watched.collect()).map_err(StartError::os("the certificate watch"))
    }

    /// Each worker's sockets, in the order of the listeners.
    fn into_shards(self) -> Vec<Vec<ListenSocket>> {
        let workers = self.sockets.first().map_or(0, Vec::len);
        let mut shards: Vec<Vec<ListenSocket>> = (0..workers).map(|_| Vec::new()).collect();
        for sockets in self.sockets {
            for (shard, socket) in shards.iter_mut().zip(sockets) {
                shard.push(socket);
            }
        }
        shards
    }
}

/// The sockets of one listener, one a worker, and the address they are bound to.
fn open(
    listen: &ListenConfig,
    workers: u16,
    (receive_buffer, dscp): (usize, u8),
    tls: Option<&Tls>,
) -> io::Result<(Vec<ListenSocket>, SocketAddr)> {
    match listen.transport {
        SipTransport::Udp => {
            let sockets = udp::bind(listen.bind, workers, receive_buffer, dscp)?;
            let bound = sockets.first().map_or(Ok(listen.bind), UdpSocket::local_addr)?;
            Ok((sockets.into_iter().map(ListenSocket::Udp).collect(), bound))
        }
        SipTransport::Tcp | SipTransport::Tls => {
            let sockets = stream::listen(listen.bind, workers, dscp)?;
            let bound = sockets.first().map_or(Ok(listen.bind), TcpListener::local_addr)?;
            let stream = |socket| ListenSocket::Stream(socket, tls.cloned());
            Ok((sockets.into_iter().map(stream).collect(), bound))
        }
    }
}

/// What every worker gets the same of.
struct Common<'a> {
    config: &'a Config,
    clock: Clock,
    directory: Arc<NodeDirectory>,
    facts: FactSender,
    /// Where T-Library clients are told of calls, if there are any.
    cti: Option<FactPort>,
    module_control: Option<ModuleControl>,
    log_plan: LogPlan,
    module_figures: AllFigures,
    records: RecordSender,
    relay: relay::RelayHandle,
    resolver: ResolverHandle,
    host: Arc<PluginHost>,
    owners: Owners,
    store: Option<StoreSender>,
    store_figures: Arc<StoreFigures>,
    /// Signs Record-Routes.
    proxy_key: [u8; 16],
}

impl Common<'_> {
    fn parts(
        &self,
        shard: usize,
        advertised: &[SocketAddr],
        sockets: Vec<ListenSocket>,
        mailbox: Mailbox<Mail>,
        postboxes: &[Postbox<Mail>],
    ) -> Result<Parts, StartError> {
        let mut switch = shards::config(self.config, shard, advertised)?;
        switch.proxy_key = Some(self.proxy_key);
        let (relay, resolver, shard) = (self.relay.clone(), self.resolver.clone(), switch.shard);
        Ok(Parts {
            switch,
            sockets,
            streams: shards::streams(&self.config.streams, self.config.sip.dscp),
            owners: self.owners.clone(),
            words_max: self.config.events.words_max,
            send_queue_max: self.config.sip.send_queue_max,
            receive_batch_max: self.config.sip.receive_batch_max,
            receive_queue_max: self.config.sip.receive_queue_max,
            overload_wait: Duration::from_millis(self.config.sip.overload_wait_ms),
            mailbox,
            postboxes: postboxes.to_vec(),
            directory: self.directory.clone(),
            locate: Box::new(move |id, uri| resolver.locate(shard, id, uri)),
            relay: Box::new(move |command| relay.command(shard, command)),
            facts: self.facts.clone(),
            cti: self.cti.clone(),
            records: self.collector(),
            store: self.store.clone(),
            restored: Vec::new(),
            clock: self.clock,
            calendar: Calendar::new(self.config.node.zone.as_deref()),
        })
    }

    /// The logs of SIP.
    fn sip_log(
        &self,
        listeners: &Listeners,
        postboxes: &[Postbox<Mail>],
    ) -> Result<SipLog, StartError> {
        let shown = |of: view::Listener| {
            let view::Listener { name, transport, bound, advertised } = of;
            format!("Listening on {bound} ({transport}), known as {advertised}: {name}")
        };
        let sources = sip_log::Sources {
            plan: self.log_plan.clone(),
            application: self.config.tlib.application.clone(),
            queue_max: self.config.tlib.log_sip_queue_max,
            workers: postboxes.to_vec(),
            directory: self.directory.clone(),
            listeners: listeners.views(self.config).into_iter().map(shown).collect(),
            clock: self.clock,
        };
        SipLog::start(sources).map_err(StartError::os("the logs of SIP"))
    }

    /// What the HTTP API knows of the node.
    fn api(
        &self,
        listeners: &Listeners,
        postboxes: &[Postbox<Mail>],
        (journal, records, reloader): (&Arc<Journal>, &RecordThread, &Reloader),
        draining: &Arc<AtomicBool>,
    ) -> Api {
        Api {
            node: self.config.node.name.clone(),
            listeners: listeners.views(self.config),
            postboxes: postboxes.to_vec(),
            directory: self.directory.clone(),
            journal: journal.clone(),
            plugins: self.host.clone(),
            store: self.store_figures.clone(),
            modules: self.module_figures.clone(),
            module_control: self.module_control.clone(),
            mailboxes: (self.store.clone(), self.config.events.mailboxes_max),
            records: records.figures(),
            reload: reloader.handle(),
            clock: self.clock,
            started_at: self.clock.now(),
            draining: draining.clone(),
            traces: Arc::new(Semaphore::new(self.config.http.traces_max)),
            queues: QueueLimits::of(self.config),
            timeout: Duration::from_millis(self.config.http.timeout_ms),
        }
    }

    /// The thread that loads plugins and the configuration again.
    fn reloader(
        &self,
        listeners: &Listeners,
        postboxes: &[Postbox<Mail>],
        records: &RecordThread,
        journal: &Arc<Journal>,
        stored: Stored,
    ) -> Result<Reloader, StartError> {
        let reconfigurer = Reconfigurer {
            started: self.config.clone(),
            current: self.config.clone(),
            own_hosts: listeners.hosts(),
            directory: self.directory.clone(),
            plugins: self.host.clone(),
            stored,
            workers: postboxes.to_vec(),
            records: records.control(),
            journal: journal.clone(),
            modules: self.module_control.clone(),
            log_plan: self.log_plan.clone(),
            late: live::Late::default(),
        };
        let modules = self.module_control.clone();
        Reloader::start(self.host.clone(), reconfigurer, postboxes.to_vec(), modules)
            .map_err(StartError::os("the plugin watch"))
    }

    fn collector(&self) -> Collector {
        let records = &self.config.records;
        Collector::new(self.records.clone(), records.events_max, records.path.is_some())
    }

    fn spawn(
        &self,
        shard: usize,
        parts: Parts,
        ended: mpsc::UnboundedSender<usize>,
    ) -> Result<JoinHandle<()>, StartError> {
        let host = self.host.clone();
        let thread = std::thread::Builder::new().name(format!("worker-{shard}"));
        let run = move || {
            let _ended = TellsItsEnd { shard, ended };
            match Worker::new(parts, host.worker()) {
                Ok(worker) => worker.run(),
                Err(error) => tracing::error!(%error, "a worker cannot wait for its sockets"),
            }
        };
        thread.spawn(run).map_err(StartError::os("a worker"))
    }
}

/// Tells that a worker has ended, by itself or by a panic.
struct TellsItsEnd {
    shard: usize,
    ended: mpsc::UnboundedSender<usize>,
}

impl Drop for TellsItsEnd {
    fn drop(&mut self) {
        // Nobody listens any more when the node is being dropped.
        let _ = self.ended.send(self.shard);
    }
}

fn directory(config: &Config, listeners: &Listeners) -> NodeDirectory {
    let directory = NodeDirectory::new([], Box::new(Everyone));
    let hosts = listeners.hosts();
    directory.set_members(live::members(config, &hosts));
    directory.set_dns(dns_of(config, live::domains(config, &hosts)));
    directory.set_emergency(config.emergency.to_switch().unwrap_or_default());
    directory.with_trunks(TrunkTable::new(&config.trunk))
}

/// Loads the plugins with what they kept before, and starts the thread that writes down what they keep.
fn load_plugins(
    config: &Config,
) -> Result<(Arc<PluginHost>, Stored, Option<KeptThread>), StartError> {
    let (file, source) = match config.kept_file().map(|path| KeptFile::open(&path)) {
        Some(Ok(file)) => (Some(file.clone()), Some(Box::new(file) as Box<dyn KeptSource>)),
        Some(Err(error)) => {
            error!(%error, "what plugins keep cannot be read or written; a plugin that keeps something is not loaded");
            (None, Some(Box::new(Unreadable(error.to_string())) as Box<dyn KeptSource>))
        }
        None => (None, None),
    };
    let (host, stored) = plugins::load(config, true, source).map_err(StartError::Plugins)?;
    let every = Duration::from_millis(config.plugins.state_flush_ms);
    let kept = file.map(|file| KeptThread::start(host.clone(), file, every)).transpose();
    let kept = kept.map_err(StartError::os("the thread that writes what plugins keep"))?;
    Ok((host, stored, kept))
}

#[cfg(test)]
#[path = "node_test.rs"]
mod tests;
