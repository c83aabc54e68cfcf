//! Starts the modules that have a port, and those that they need.

use std::{
    collections::BTreeMap, io, net::SocketAddr, sync::Arc, thread::JoinHandle, time::Duration,
};

use cti::{
    CallsConfig, Dns, Module, Now, RegistryLimits, ServerFacts,
    interaction_proxy::{InteractionProxy, InteractionProxySettings},
    session_controller::{self, SessionController, SessionControllerSettings},
    smart_proxy::{self, SmartProxy, SmartProxySettings},
    t_controller::{self, Configuration, TController, TControllerSettings},
};
use jiff::tz::TimeZone;
use tracing::{error, info};

use super::{
    AllFigures, ClientLimits, FactPort, Letter, LogSettings, Machine, Others, Parts, Ports,
    Running, machines::Driven,
};
use crate::{
    clock::Clock,
    config::{Config, TlibSection},
    directory::NodeDirectory,
    mailbox::{Mailbox, Postbox, mailbox},
    worker::Mail,
};

/// The modules that run. Dropping it stops them.
pub struct Modules {
    postboxes: Vec<(Module, Postbox<Letter>)>,
    threads: Vec<JoinHandle<()>>,
    addresses: Vec<(Module, SocketAddr)>,
    figures: AllFigures,
}

/// The DNs of a configuration, at these hosts.
pub fn dns_of(config: &Config, hosts: Vec<String>) -> Arc<Dns> {
    let dns = config.dn.iter().flat_map(crate::config::DnSection::to_dns);
    Arc::new(Dns::new(dns, hosts))
}

impl Modules {
    /// Starts the threads. `seed` is of chance.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or descriptor.
    pub fn start(
        config: &Config,
        mut ports: Ports,
        (clock, seed): (Clock, u64),
        directory: &Arc<NodeDirectory>,
        workers: &[Postbox<Mail>],
    ) -> io::Result<Self> {
        let addresses = ports.addresses()?;
        let tlib = &config.tlib;
        let mut boxes: BTreeMap<Module, Mailbox<Letter>> = BTreeMap::new();
        let mut postboxes = Vec::new();
        for module in Module::ALL {
            // Calls and DNs are kept whoever looks at them.
            let is_needed = matches!(module, Module::SessionController | Module::TController);
            if !is_needed && !ports.has(module) {
                continue;
            }
            let (postbox, mailbox) = mailbox(tlib.mailbox_max)?;
            boxes.insert(module, mailbox);
            postboxes.push((module, postbox));
        }
        let others = Others {
            modules: postboxes.clone(),
            workers: workers.to_vec(),
            directory: directory.clone(),
        };
        let dns = directory.dns();
        let (mut threads, mut figures) = (Vec::new(), AllFigures::new());
        for (module, mailbox) in boxes {
            let parts = Parts {
                module,
                mailbox,
                ports: ports.take(module),
                limits: limits(tlib),
                others: others.clone(),
                clock,
                application: tlib.application.clone(),
                log: log_settings(config),
                figures: Arc::default(),
            };
            figures.push((module, parts.figures.clone()));
            let made = Made { tlib, dns: &dns, clock, seed };
            let thread = match module {
                Module::SessionController => spawn(parts, made.session_controller())?,
                Module::TController => spawn(parts, made.t_controller())?,
                Module::InteractionProxy => spawn(parts, made.interaction_proxy())?,
                Module::SmartProxy => spawn(parts, made.smart_proxy())?,
            };
            threads.push(thread);
        }
        for (module, transport, address) in &addresses {
            info!(module = module.tag(), transport = transport.name(), %address, "T-Library port");
        }
        let addresses =
            addresses.into_iter().map(|(module, _, address)| (module, address)).collect();
        Ok(Self { postboxes, threads, addresses, figures })
    }

    /// Where workers tell of calls.
    pub fn fact_port(&self) -> Option<FactPort> {
        let is_it = |(module, _): &&(Module, Postbox<Letter>)| *module == Module::SessionController;
        self.postboxes.iter().find(is_it).map(|(_, postbox)| FactPort::new(postbox.clone()))
    }

    /// What each module counts.
    pub fn figures(&self) -> AllFigures {
        self.figures.clone()
    }

    /// The addresses of the ports, with the module of each.
    pub fn addresses(&self) -> &[(Module, SocketAddr)] {
        &self.addresses
    }
}

impl Drop for Modules {
    fn drop(&mut self) {
        for ((_, postbox), thread) in self.postboxes.iter().zip(&self.threads) {
            // One that is behind takes what waits, and then this; one that has panicked takes nothing.
            let mut stop = Letter::Stop;
            while let Err(letter) = postbox.post(stop)
                && !thread.is_finished()
            {
                stop = letter;
                std::thread::yield_now();
            }
        }
        for thread in self.threads.drain(..) {
            // A panic was told when it happened.
            let _ = thread.join();
        }
    }
}

/// Tells of a module that ends in a panic: the calls go on without it.
struct Obituary(Module);

impl Drop for Obituary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            error!(
                module = self.0.tag(),
                "a T-Library module has ended by a fault of this program: its clients are disconnected and calls go on without it; restart the \
                 switch to have it back, and report the panic above"
            );
        }
    }
}

fn spawn<M: Machine + 'static>(parts: Parts, machine: M) -> io::Result<JoinHandle<()>> {
    let (module, name) = (parts.module, format!("jf-{}", parts.module.tag().to_ascii_lowercase()));
    let running = Running::new(parts, machine)?;
    std::thread::Builder::new().name(name).spawn(move || {
        let _obituary = Obituary(module);
        running.run();
    })
}

fn log_settings(config: &Config) -> Option<LogSettings> {
    let tlib = &config.tlib;
    let zone = config.node.zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    Some(LogSettings {
        folder: config.folder.join(tlib.log_path.as_ref()?),
        application: tlib.application.clone(),
        bytes_max: tlib.log_mib_max << 20,
        files_max: tlib.log_files_max,
        deliveries: tlib.log_deliveries,
        // The check of the configuration lets no other by.
        filter: tlib.filter().unwrap_or_default(),
        zone: zone.unwrap_or_else(TimeZone::system),
    })
}

fn calls_config(tlib: &TlibSection) -> CallsConfig {
    CallsConfig {
        calls_max: tlib.calls_max,
        requests_max: tlib.requests_max,
        request_timeout: Duration::from_millis(tlib.request_timeout_ms),
        user_data_max: tlib.user_data_bytes_max,
        router_timeout: Duration::from_secs(tlib.router_timeout_s),
    }
}

fn limits(tlib: &TlibSection) -> ClientLimits {
    let keep_alive = Duration::from_secs(tlib.keep_alive_s);
    let mut session = tlib::SessionConfig {
        register_timeout: Duration::from_millis(tlib.hello_timeout_ms),
        requests_per_second: tlib.requests_per_second_max,
        requests_burst: tlib.requests_burst_max,
        queue_bytes_max: tlib.write_queue_kib << 10,
        keep_alive_timeout: keep_alive,
        keep_alive_remote_timeout: keep_alive,
        trace: tlib.log_path.is_some(),
        ..tlib::SessionConfig::DEFAULT
    };
    session.limits.message_bytes_max = tlib.message_kib_max << 10;
    ClientLimits {
        clients_max: tlib.clients_max,
        handshake_timeout: Duration::from_millis(tlib.handshake_timeout_ms),
        handshakes_max: tlib.handshakes_max,
        password: tlib.password.as_deref().map(Arc::from),
        session,
    }
}

/// What machines are made of.
struct Made<'a> {
    tlib: &'a TlibSection,
    dns: &'a Arc<Dns>,
    clock: Clock,
    seed: u64,
}

impl Made<'_> {
    fn now(&self) -> Now {
        let at = self.clock.now();
        Now { at, unix: self.clock.unix(at) }
    }

    fn facts(&self) -> ServerFacts {
        ServerFacts {
            application: self.tlib.application.as_str().into(),
            version: env!("CARGO_PKG_VERSION").into(),
            location: "".into(),
            started_s: self.now().unix_s(),
        }
    }

    fn registry(&self) -> RegistryLimits {
        RegistryLimits {
            dns_per_client_max: self.tlib.dns_per_client_max,
            clients_per_dn_max: self.tlib.clients_per_dn_max,
            ..RegistryLimits::default()
        }
    }

    fn driven<M>(&self, inner: M, module: Module) -> Driven<M> {
        Driven::new(inner, module, self.dns.clone())
    }

    fn session_controller(&self) -> Driven<SessionController> {
        let settings = SessionControllerSettings {
            registry: self.registry(),
            clients_max: self.tlib.clients_max,
            calls: calls_config(self.tlib),
            ..SessionControllerSettings::default()
        };
        let mut inner = SessionController::new(settings, self.facts(), self.seed);
        let configure = session_controller::Input::Configure(self.dns.clone());
        inner.handle_input(self.now(), configure);
        self.driven(inner, Module::SessionController)
    }

    fn t_controller(&self) -> Driven<TController> {
        let settings = TControllerSettings {
            registry: self.registry(),
            clients_max: self.tlib.clients_max,
            ..TControllerSettings::default()
        };
        let mut inner = TController::new(settings, self.facts());
        let configuration = Configuration { dns: self.dns.clone(), ..Configuration::default() };
        let configure = t_controller::Input::Configure(Box::new(configuration));
        inner.handle_input(self.now(), configure);
        self.driven(inner, Module::TController)
    }

    fn interaction_proxy(&self) -> Driven<InteractionProxy> {
        let settings = InteractionProxySettings {
            clients_max: self.tlib.clients_max,
            calls_max: self.tlib.calls_max,
            ..InteractionProxySettings::default()
        };
        self.driven(InteractionProxy::new(settings, self.facts()), Module::InteractionProxy)
    }

    fn smart_proxy(&self) -> Driven<SmartProxy> {
        let settings = SmartProxySettings {
            registry: self.registry(),
            clients_max: self.tlib.clients_max,
            ..SmartProxySettings::default()
        };
        let mut inner = SmartProxy::new(settings, self.facts());
        inner.handle_input(self.now(), smart_proxy::Input::Configure(self.dns.clone()));
        self.driven(inner, Module::SmartProxy).open()
    }
}
