//! Starts the modules that have a port, and those that they need.

use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use cti::{
    Calls, CallsConfig, Dns, Module, Now,
    t_controller::{Configuration, Input, ServerFacts, TController, TControllerSettings},
};
use tracing::info;

use super::{
    ClientLimits, FactPort, Letter, Machine, Others, Parts, Running,
    machines::{Desk, SessionController},
};
use crate::{
    clock::Clock,
    config::{Config, TlibSection},
    directory::NodeDirectory,
    mailbox::{Mailbox, Postbox, mailbox},
    worker::Mail,
};

/// The ports of the modules, bound.
pub struct Ports(Vec<(Module, TcpListener)>);

/// The modules that run. Dropping it stops them.
pub struct Modules {
    postboxes: Vec<(Module, Postbox<Letter>)>,
    threads: Vec<JoinHandle<()>>,
    addresses: Vec<(Module, SocketAddr)>,
}

/// The module of a port (seed 001).
fn module_of(name: &str) -> Option<Module> {
    Some(match name {
        "default" => Module::SessionController,
        "TCport" => Module::TController,
        "IPport" => Module::InteractionProxy,
        "SmartProxy" => Module::SmartProxy,
        _ => return None,
    })
}

/// The DNs of a configuration, at these hosts.
pub fn dns_of(config: &Config, hosts: Vec<String>) -> Arc<Dns> {
    let dns = config.dn.iter().flat_map(crate::config::DnSection::to_dns);
    Arc::new(Dns::new(dns, hosts))
}

impl Ports {
    /// Binds the ports of the configuration.
    ///
    /// # Errors
    ///
    /// Which address could not be bound, and why.
    pub fn bind(config: &Config) -> Result<Self, (SocketAddr, io::Error)> {
        let mut ports = Vec::new();
        for port in config.tlib.ports(!config.dn.is_empty()) {
            // The check of the configuration lets no other name by.
            let Some(module) = module_of(&port.name) else { continue };
            let listener = TcpListener::bind(port.bind).map_err(|error| (port.bind, error))?;
            ports.push((module, listener));
        }
        Ok(Self(ports))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&mut self, module: Module) -> Vec<TcpListener> {
        let (own, others) =
            std::mem::take(&mut self.0).into_iter().partition(|(m, _)| *m == module);
        self.0 = others;
        let own: Vec<(Module, TcpListener)> = own;
        own.into_iter().map(|(_, listener)| listener).collect()
    }
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
        let addresses = ports.0.iter().map(|(m, port)| Ok((*m, port.local_addr()?)));
        let addresses = addresses.collect::<io::Result<Vec<_>>>()?;
        let tlib = &config.tlib;
        let mut boxes: BTreeMap<Module, Mailbox<Letter>> = BTreeMap::new();
        let mut postboxes = Vec::new();
        for module in [Module::SessionController, Module::TController] {
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
        let mut threads = Vec::new();
        for (module, mailbox) in boxes {
            let parts = Parts {
                module,
                mailbox,
                listeners: ports.of(module),
                limits: limits(tlib),
                others: others.clone(),
                clock,
                application: tlib.application.clone(),
            };
            let thread = match module {
                Module::SessionController => {
                    let calls = Calls::new(dns.clone(), calls_config(tlib), seed);
                    spawn(parts, SessionController::new(calls, dns.clone()))?
                }
                _ => spawn(parts, Desk::new(t_controller(tlib, &dns, clock)))?,
            };
            threads.push(thread);
        }
        for (module, address) in &addresses {
            info!(module = module.tag(), %address, "T-Library port");
        }
        Ok(Self { postboxes, threads, addresses })
    }

    /// Where workers tell of calls.
    pub fn fact_port(&self) -> Option<FactPort> {
        let is_it = |(module, _): &&(Module, Postbox<Letter>)| *module == Module::SessionController;
        self.postboxes.iter().find(is_it).map(|(_, postbox)| FactPort::new(postbox.clone()))
    }

    /// The addresses of the ports, with the module of each.
    pub fn addresses(&self) -> &[(Module, SocketAddr)] {
        &self.addresses
    }
}

impl Drop for Modules {
    fn drop(&mut self) {
        for (_, postbox) in &self.postboxes {
            // One that is behind takes what waits, and then this.
            let mut stop = Letter::Stop;
            while let Err(letter) = postbox.post(stop) {
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

fn spawn<M: Machine + 'static>(parts: Parts, machine: M) -> io::Result<JoinHandle<()>> {
    let name = format!("jf-{}", parts.module.tag().to_ascii_lowercase());
    let running = Running::new(parts, machine)?;
    std::thread::Builder::new().name(name).spawn(move || running.run())
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
        requests_burst: tlib.requests_per_second_max,
        queue_bytes_max: tlib.write_queue_kib << 10,
        keep_alive_timeout: keep_alive,
        keep_alive_remote_timeout: keep_alive,
        ..tlib::SessionConfig::DEFAULT
    };
    session.limits.message_bytes_max = tlib.message_kib_max << 10;
    ClientLimits {
        clients_max: tlib.clients_max,
        password: tlib.password.as_deref().map(Arc::from),
        session,
    }
}

fn t_controller(tlib: &TlibSection, dns: &Arc<Dns>, clock: Clock) -> TController {
    let at = clock.now();
    let now = Now { at, unix: clock.unix(at) };
    let facts = ServerFacts {
        application: tlib.application.as_str().into(),
        version: env!("CARGO_PKG_VERSION").into(),
        location: "".into(),
        started_s: i64::try_from(now.unix.as_secs()).unwrap_or(i64::MAX),
    };
    let mut settings =
        TControllerSettings { clients_max: tlib.clients_max, ..TControllerSettings::default() };
    settings.registry.dns_per_client_max = tlib.dns_per_client_max;
    settings.registry.clients_per_dn_max = tlib.clients_per_dn_max;
    let mut inner = TController::new(settings, facts);
    let configuration = Configuration { dns: dns.clone(), ..Configuration::default() };
    inner.handle_input(now, Input::Configure(Box::new(configuration)));
    inner
}
