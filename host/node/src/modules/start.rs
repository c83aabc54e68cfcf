//! Starts the modules that have a port, and those that they need.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, thread::JoinHandle};

use cti::{
    Module, Now, ServerFacts,
    interaction_proxy::{InteractionProxy, InteractionProxySettings},
    session_controller::{self, SessionController, SessionControllerSettings},
    smart_proxy::{self, SmartProxy, SmartProxySettings},
    t_controller::{TController, TControllerSettings},
};
use plugin::PluginHost;
use tracing::{error, info};

use super::{
    AllFigures, FactPort, Letter, Machine, ModuleControl, ModuleSettings, Others, Parts, Policy,
    PolicyParts, Ports, Running,
    machines::{Driven, configure},
};
use crate::{
    clock::{Calendar, Clock},
    config::Config,
    directory::NodeDirectory,
    journal::FactSender,
    mailbox::{Mailbox, Postbox, mailbox_with_reserve},
    worker::Mail,
};

/// Each module's clients are counted as they connect, against `tlib.clients_max`.
const CLIENTS_MAX: usize = usize::MAX;
/// Of so many letters that a module's mailbox holds one more is for answers, which nobody repeats.
const RESERVE: usize = 8;

/// What is around the modules in the process.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The process's clock.
    pub clock: Clock,
    /// A number of chance.
    pub seed: u64,
    /// Where calls read the states of DNs.
    pub directory: &'a Arc<NodeDirectory>,
    /// The workers, by shard.
    pub workers: &'a [Postbox<Mail>],
    /// The plugins.
    pub host: &'a Arc<PluginHost>,
    /// The journal.
    pub facts: &'a FactSender,
}

impl Around<'_> {
    /// What a module needs to ask plugins, to be made on its thread.
    fn policy(&self, config: &Config) -> impl FnOnce() -> PolicyParts + Send + 'static + use<> {
        let (host, facts) = (Arc::clone(self.host), self.facts.clone());
        let (clock, directory) = (self.clock, Arc::clone(self.directory));
        let zone = config.node.zone.clone();
        move || PolicyParts {
            decide: Box::new(host.worker()),
            directory,
            calendar: Calendar::new(zone.as_deref()),
            clock,
            facts,
        }
    }
}

/// The modules that run. Dropping it stops them.
pub struct Modules {
    postboxes: Vec<(Module, Postbox<Letter>)>,
    threads: Vec<JoinHandle<()>>,
    addresses: Vec<(Module, SocketAddr)>,
    figures: AllFigures,
}

impl Modules {
    /// Starts the threads, where there is a port of theirs.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or descriptor.
    pub fn start(
        config: &Config,
        settings: &Arc<ModuleSettings>,
        mut ports: Ports,
        around: &Around<'_>,
    ) -> io::Result<Option<Self>> {
        if ports.is_empty() {
            return Ok(None);
        }
        let Around { clock, seed, directory, workers, .. } = *around;
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
            let reserve = tlib.mailbox_max / RESERVE;
            let (postbox, mailbox) = mailbox_with_reserve(tlib.mailbox_max, reserve)?;
            boxes.insert(module, mailbox);
            postboxes.push((module, postbox));
        }
        let others = Others {
            modules: postboxes.clone(),
            workers: workers.to_vec(),
            directory: directory.clone(),
        };
        let (mut threads, mut figures) = (Vec::new(), AllFigures::new());
        for (module, mailbox) in boxes {
            let parts = Parts {
                module,
                mailbox,
                ports: ports.take(module),
                settings: settings.clone(),
                others: others.clone(),
                clock,
                application: tlib.application.clone(),
                figures: Arc::default(),
            };
            figures.push((module, parts.figures.clone()));
            let policy = around.policy(config);
            let made = Made { application: &tlib.application, settings, clock, seed };
            let thread = match module {
                Module::SessionController => spawn(parts, made.session_controller(), policy)?,
                Module::TController => spawn(parts, made.t_controller(), policy)?,
                Module::InteractionProxy => spawn(parts, made.interaction_proxy(), policy)?,
                Module::SmartProxy => spawn(parts, made.smart_proxy(), policy)?,
            };
            threads.push(thread);
        }
        for (module, transport, address) in &addresses {
            info!(module = module.tag(), transport = transport.name(), %address, "T-Library port");
        }
        let addresses =
            addresses.into_iter().map(|(module, _, address)| (module, address)).collect();
        Ok(Some(Self { postboxes, threads, addresses, figures }))
    }

    /// Where workers tell of calls.
    pub fn fact_port(&self) -> Option<FactPort> {
        let is_it = |(module, _): &&(Module, Postbox<Letter>)| *module == Module::SessionController;
        self.postboxes.iter().find(is_it).map(|(_, postbox)| FactPort::new(postbox.clone()))
    }

    /// What has them take a configuration while they run.
    pub fn control(&self) -> ModuleControl {
        ModuleControl::new(self.postboxes.clone())
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
struct Obituary {
    module: Module,
    directory: Arc<NodeDirectory>,
}

impl Drop for Obituary {
    fn drop(&mut self) {
        if self.module == Module::TController {
            // Nobody could take back any more what it has published for clients.
            self.directory.unpublish_dns();
        }
        if std::thread::panicking() {
            error!(
                module = self.module.tag(),
                "a T-Library module has ended by a fault of this program: its clients are disconnected and calls go on without it; restart the \
                 switch to have it back, and report the panic above"
            );
        }
    }
}

pub(super) fn spawn<M: Machine + 'static>(
    parts: Parts,
    machine: M,
    policy: impl FnOnce() -> PolicyParts + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (module, name) = (parts.module, format!("jf-{}", parts.module.tag().to_ascii_lowercase()));
    let directory = parts.others.directory.clone();
    let running = Running::new(parts, machine)?;
    std::thread::Builder::new().name(name).spawn(move || {
        let _obituary = Obituary { module, directory };
        // The instances of plugins are the thread's own.
        running.run(Policy::new(policy(), module));
    })
}

/// What machines are made of.
struct Made<'a> {
    application: &'a str,
    settings: &'a ModuleSettings,
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
            application: self.application.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            location: "".into(),
            started_s: self.now().unix_s(),
        }
    }

    fn driven<M>(&self, inner: M, module: Module) -> Driven<M> {
        Driven::new(inner, module, self.settings.dns.clone())
    }

    fn session_controller(&self) -> Driven<SessionController> {
        let settings = SessionControllerSettings {
            registry: self.settings.registry,
            clients_max: CLIENTS_MAX,
            calls: self.settings.calls.clone(),
            ..SessionControllerSettings::default()
        };
        let mut inner = SessionController::new(settings, self.facts(), self.seed);
        let configure = session_controller::Input::Configure(self.settings.dns.clone());
        inner.handle_input(self.now(), configure);
        self.driven(inner, Module::SessionController)
    }

    fn t_controller(&self) -> Driven<TController> {
        let settings = TControllerSettings {
            registry: self.settings.registry,
            clients_max: CLIENTS_MAX,
            asks_owner: true,
            ..TControllerSettings::default()
        };
        let mut inner = TController::new(settings, self.facts());
        inner.handle_input(self.now(), configure(self.settings));
        self.driven(inner, Module::TController)
    }

    fn interaction_proxy(&self) -> Driven<InteractionProxy> {
        let settings = InteractionProxySettings {
            clients_max: CLIENTS_MAX,
            calls_max: self.settings.calls.calls_max,
        };
        self.driven(InteractionProxy::new(settings, self.facts()), Module::InteractionProxy)
    }

    fn smart_proxy(&self) -> Driven<SmartProxy> {
        let settings = SmartProxySettings {
            registry: self.settings.registry,
            clients_max: CLIENTS_MAX,
            ..SmartProxySettings::default()
        };
        let mut inner = SmartProxy::new(settings, self.facts());
        inner.handle_input(self.now(), smart_proxy::Input::Configure(self.settings.dns.clone()));
        self.driven(inner, Module::SmartProxy).open()
    }
}
