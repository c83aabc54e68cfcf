//! A module's thread: its mailbox, its clients, its machine.

use std::{io, sync::Arc, time::Duration};

use cti::Now;
use model::Shards;
use rustix::event::Timespec;
use switch::{Action, Fact, Unfit};
use tlib::Message;
use tracing::{error, info, warn};

use super::{
    Caller, Effect, Letter, Machine, ModuleFigures, ModuleSettings, Policy, Port,
    clients::{Clients, Happened, hello},
    inbox::Inbox,
    late::Late,
    letter::refused,
    log::{ModuleLog, stem},
    policy::{Judged, Refused},
};
use crate::{
    clock::Clock,
    directory::NodeDirectory,
    mailbox::{Mailbox, Postbox},
    poller::{Poller, Ready, Token},
    worker::Mail,
};

/// Letters for another module that it is woken for at the latest, while there are more to come.
const UNRUNG_MAX: usize = 64;
/// Times that a client with room is told more before letters are taken.
const ROOM_TURN: usize = 64;

/// Whom a module talks to.
#[derive(Clone)]
pub struct Others {
    /// The mailbox of each module that runs.
    pub modules: Vec<(cti::Module, Postbox<Letter>)>,
    /// The workers, by shard.
    pub workers: Vec<Postbox<Mail>>,
    /// Where calls read the states of DNs.
    pub directory: Arc<NodeDirectory>,
}

/// What a thread is made of.
pub struct Parts {
    /// Which module.
    pub module: cti::Module,
    /// What others say to it.
    pub mailbox: Mailbox<Letter>,
    /// Its ports.
    pub ports: Vec<Port>,
    /// What it goes by.
    pub settings: Arc<ModuleSettings>,
    /// Whom it talks to.
    pub others: Others,
    /// The process's clock.
    pub clock: Clock,
    /// What the switch calls itself.
    pub application: String,
    /// Where it counts.
    pub figures: Arc<ModuleFigures>,
}

/// A module that runs.
pub struct Running<M> {
    machine: M,
    module: cti::Module,
    inbox: Inbox,
    clients: Clients,
    poller: Arc<Poller>,
    others: Others,
    /// For each of the other modules, how many letters it was not woken for: a wake costs more than most letters do.
    unrung: Vec<usize>,
    clock: Clock,
    figures: Arc<ModuleFigures>,
    /// What the names of its log files begin with.
    stem: String,
    /// Letters that came.
    letters: u64,
    /// Letters that found no room, and are told later.
    late: Late,
    /// Letters that found no room, and are not.
    lost: u64,
    stopped: bool,
}

impl<M: Machine> Running<M> {
    /// Puts a module together.
    ///
    /// # Errors
    ///
    /// When the kernel does not wait for its sockets.
    pub fn new(parts: Parts, machine: M) -> io::Result<Self> {
        let Parts { module, mailbox, ports, settings, others, clock, application, figures } = parts;
        let poller = Arc::new(Poller::new()?);
        let inbox = Inbox::new(mailbox, poller.clone(), gather(module, &settings))?;
        let unix_at_zero = clock.unix(model::Instant::ZERO);
        let hello = hello(&application);
        let limits = settings.clients.clone();
        let mut clients =
            Clients::new(module, poller.clone(), ports, limits, (unix_at_zero, hello))?;
        let stem = stem(&application, module);
        if let Some(folder) = &settings.log_folder {
            let unix = clock.unix(clock.now());
            clients.log = Some(ModuleLog::open(folder, stem.clone(), &settings.log, unix)?);
        }
        Ok(Self {
            machine,
            module,
            inbox,
            clients,
            poller,
            unrung: vec![0; others.modules.len()],
            others,
            clock,
            figures,
            stem,
            letters: 0,
            late: Late::default(),
            lost: 0,
            stopped: false,
        })
    }

    /// Runs until it is told to stop.
    pub fn run(mut self, mut policy: Policy) {
        let policy = &mut policy;
        let mut ready = Ready::new();
        self.drain(self.now(), policy);
        self.ring();
        while !self.stopped {
            let timeout = self.wait();
            self.poller.wait(&mut ready, timeout.as_ref());
            self.on_time(policy);
            self.go_on(policy);
            for (token, flags) in (0..ready.len()).filter_map(|at| ready.at(at)) {
                let at = self.clock.now();
                match token {
                    Token::Bell => self.on_letters(policy),
                    Token::Listener(number) => self.clients.on_listener(at, number),
                    Token::Connection { slot, generation } => {
                        self.clients.on_connection(at, (slot, generation), flags);
                        self.take_happened(policy);
                    }
                }
            }
            self.use_room(policy);
            let at = self.clock.now();
            self.clients.flush(at);
            self.take_happened(policy);
            self.ring();
            self.flush_log();
            let letters = (self.letters, self.lost);
            self.figures.note(&self.clients.figures, letters, self.machine.holdings());
        }
        self.flush_log();
    }

    fn flush_log(&mut self) {
        let unix = self.now().unix;
        if let Some(log) = &mut self.clients.log {
            log.flush(unix);
        }
    }

    fn now(&self) -> Now {
        let at = self.clock.now();
        Now { at, unix: self.clock.unix(at) }
    }

    fn wait(&self) -> Option<Timespec> {
        if self.clients.are_behind() || self.is_awaited() {
            return Some(Timespec { tv_sec: 0, tv_nsec: 0 });
        }
        let now = self.clock.now();
        let due = [self.machine.poll_timeout(), self.clients.next_sweep(), self.inbox.next_look()];
        let at = due.into_iter().flatten().chain(self.late.again(now)).min()?;
        // A wait that does not fit is longer than any timer.
        Timespec::try_from(at.saturating_since(now)).ok()
    }

    fn on_time(&mut self, policy: &mut Policy) {
        let now = self.now();
        for (to, postbox) in &self.others.modules {
            self.late.make_good(*to, postbox);
        }
        policy.tell_due();
        if self.machine.poll_timeout().is_some_and(|at| at <= now.at) {
            self.machine.on_time(now);
            self.drain(now, policy);
        }
        if self.clients.next_sweep().is_some_and(|at| at <= now.at) {
            self.clients.sweep(now.at);
            self.take_happened(policy);
        }
        if self.inbox.next_look().is_some_and(|at| at <= now.at) {
            self.on_letters(policy);
        }
    }

    /// Those who have sent more than one turn takes have another.
    fn go_on(&mut self, policy: &mut Policy) {
        for slot in self.clients.take_behind() {
            self.clients.read(self.clock.now(), slot);
            self.take_happened(policy);
        }
    }

    /// Clients that are told more as they read, and have.
    fn use_room(&mut self, policy: &mut Policy) {
        for client in self.machine.waiting() {
            let now = self.now();
            for _ in 0..ROOM_TURN {
                if !self.clients.has_room(client) {
                    break;
                }
                self.machine.on_room(now, client);
                self.drain(now, policy);
            }
        }
    }

    /// Whether there is more for a client that has room for it.
    fn is_awaited(&self) -> bool {
        self.machine.waiting().into_iter().any(|client| self.clients.has_room(client))
    }

    fn on_letters(&mut self, policy: &mut Policy) {
        let now = self.clock.now();
        for letter in self.inbox.look(now) {
            if matches!(letter, Letter::Stop) {
                self.stopped = true;
                return;
            }
            if matches!(letter, Letter::Sweep) {
                policy.sweep();
                continue;
            }
            self.letters += 1;
            let now = self.now();
            match letter {
                Letter::Configure(configured) => {
                    self.configure(now, &configured.settings);
                    self.drain(now, policy);
                    // Who waits may have lost its patience.
                    let _ = configured.done.try_send(());
                }
                Letter::Describe(reply) => drop(reply.send(self.clients.views())),
                letter => self.machine.on_letter(now, letter),
            }
            self.drain(now, policy);
            if self.clients.log.as_ref().is_some_and(ModuleLog::is_full) {
                self.flush_log();
            }
        }
    }

    fn configure(&mut self, now: Now, settings: &ModuleSettings) {
        self.clients.set_limits(settings.clients.clone());
        self.inbox.set_gather(gather(self.module, settings));
        self.set_log(now, settings);
        self.machine.configure(now, settings);
    }

    fn set_log(&mut self, now: Now, settings: &ModuleSettings) {
        let Some(folder) = &settings.log_folder else {
            self.flush_log();
            self.clients.log = None;
            return;
        };
        if self.clients.log.as_mut().is_some_and(|log| log.adjust(folder, &settings.log)) {
            return;
        }
        self.flush_log();
        let opened = ModuleLog::open(folder, self.stem.clone(), &settings.log, now.unix);
        self.clients.log = match opened {
            Ok(log) => Some(log),
            Err(error) => {
                error!(module = self.module.tag(), folder = %folder.display(), %error, "the log of a module cannot be written, and it has none");
                None
            }
        };
    }

    fn take_happened(&mut self, policy: &mut Policy) {
        loop {
            let happened = self.clients.take_happened();
            if happened.is_empty() {
                return;
            }
            let now = self.now();
            for happened in happened {
                match happened {
                    Happened::Connected(client, application) => {
                        self.machine.on_client(now, client, application);
                    }
                    Happened::Request(caller, message) => {
                        if self.clients.admits(now.at, caller.id, &message) {
                            self.on_request(now, &caller, message, policy);
                        }
                    }
                    Happened::Gone(client) => self.machine.on_gone(now, client),
                }
                self.drain(now, policy);
            }
        }
    }

    /// A client asks for something, if it may.
    fn on_request(&mut self, now: Now, caller: &Caller, message: Message, policy: &mut Policy) {
        match policy.judge(caller, message) {
            Ok(Judged { message, grant }) => {
                self.machine.on_request(now, caller.id, message, grant);
            }
            Err(refused_one) => {
                let Refused { message, refusal } = *refused_one;
                let reference = message.reference_id().unwrap_or(0);
                let token = cti::Token { client: caller.id, reference };
                let answer = refused(now, token, &message, &refusal);
                self.clients.answer(now.at, caller.id, &answer);
            }
        }
    }

    fn drain(&mut self, now: Now, policy: &mut Policy) {
        while let Some(effect) = self.machine.poll_effect() {
            match effect {
                Effect::Deliver(deliver) => self.clients.deliver(now.at, &deliver),
                Effect::Answer(client, message) => self.clients.answer(now.at, client, &message),
                Effect::Charge(client, requests) => self.clients.charge(now.at, client, requests),
                Effect::Close(client, reason) => self.clients.close(now.at, client, reason),
                Effect::Post(to, letter) => self.post(now, to, letter),
                Effect::Control(control) => {
                    let ticket = control.ticket;
                    if !self.control(control) {
                        let outcome = Err(Unfit::Limit);
                        let fact = Fact::Controlled { ticket, outcome };
                        self.machine.on_letter(now, Letter::Fact(fact));
                    }
                }
                Effect::AskOwner(question) => {
                    let verdict = policy.owner(&question);
                    self.machine.on_owner(now, question, verdict);
                }
                Effect::Publish(state) => {
                    self.tell_agent(now, &state.dn, state.agent.as_ref());
                    self.others.directory.publish_dn(state);
                }
                Effect::Unpublish(dn) => {
                    self.tell_agent(now, &dn, None);
                    self.others.directory.unpublish_dn(&dn);
                }
                Effect::TellPhones => {
                    let with = self.others.directory.dns_with_phones();
                    self.post(now, cti::Module::TController, Letter::Phones(with));
                }
                Effect::Log(line) => {
                    info!(
                        module = self.module.tag(),
                        id = format_args!("00-{:05}", line.id),
                        "{}",
                        line.text
                    );
                    if let Some(log) = &mut self.clients.log {
                        log.line(now.unix, &line);
                    }
                }
            }
        }
    }

    /// Tells the Session Controller who is on a DN, if that is news.
    fn tell_agent(&mut self, now: Now, dn: &Arc<str>, agent: Option<&Arc<str>>) {
        let known = self.others.directory.dn_state(dn);
        if known.as_ref().and_then(|state| state.agent.as_ref()) != agent {
            let letter = Letter::AgentOn(Arc::clone(dn), agent.cloned());
            self.post(now, cti::Module::SessionController, letter);
        }
    }

    fn post(&mut self, now: Now, to: cti::Module, letter: Letter) {
        let Some(at) = self.others.modules.iter().position(|(module, _)| *module == to) else {
            return;
        };
        let (_, postbox) = &self.others.modules[at];
        // Modules wait for those behind them, so that no event is lost between them, and never for one before them.
        let back = match rank(to) > rank(self.module) {
            true => {
                self.unrung[at] += 1;
                postbox.put_waiting(letter).err()
            }
            false => self.late.post((to, postbox), letter),
        };
        if self.unrung[at] >= UNRUNG_MAX {
            self.unrung[at] = 0;
            postbox.ring();
        }
        if let Some(letter) = back {
            if let Some(answer) = letter.no_answer() {
                self.machine.on_letter(now, answer);
            } else if let Some((client, message)) = letter.no_room(now)
                && client.module == self.module
            {
                self.clients.answer(now.at, client, &message);
            }
            if self.lost == 0 {
                warn!(
                    from = self.module.tag(),
                    to = to.tag(),
                    "a module is gone, or so far behind that something for it is lost: there is more than tlib.mailbox_max of it"
                );
            }
            self.lost += 1;
        }
    }

    /// Wakes the modules that there is something for.
    fn ring(&mut self) {
        for ((_, postbox), unrung) in self.others.modules.iter().zip(&mut self.unrung) {
            if std::mem::take(unrung) > 0 {
                postbox.ring();
            }
        }
    }

    /// Gives a control to the worker that has the call; `false` when it found no room.
    fn control(&self, control: switch::Control) -> bool {
        let shard = match (&control.action, control.action.conn()) {
            (_, Some(conn)) => usize::from(conn.shard().0),
            (Action::Make { from, .. }, None) => {
                let count = u16::try_from(self.others.workers.len()).unwrap_or(u16::MAX);
                let shards = std::num::NonZeroU16::new(count).map_or(Shards::ONE, Shards);
                usize::from(shards.of_key(from.as_str().as_bytes()).0)
            }
            (_, None) => 0,
        };
        let Some(worker) = self.others.workers.get(shard) else { return false };
        let is_taken = worker.post(Mail::Control(Box::new(control))).is_ok();
        if !is_taken {
            warn!(
                shard,
                "a worker takes no more: what a T-Library client wants of a call is refused"
            );
        }
        is_taken
    }
}

/// How long letters gather: those of workers do, and what other modules have they tell at once.
const fn gather(module: cti::Module, settings: &ModuleSettings) -> Duration {
    match module {
        cti::Module::SessionController => settings.gather,
        _ => Duration::ZERO,
    }
}

/// Where a module stands on the way of events from the call engine to clients.
const fn rank(module: cti::Module) -> u8 {
    match module {
        cti::Module::SessionController => 0,
        cti::Module::TController => 1,
        cti::Module::InteractionProxy | cti::Module::SmartProxy => 2,
    }
}

#[cfg(test)]
#[path = "thread_test.rs"]
mod tests;
