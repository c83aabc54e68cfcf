//! Keeps trunks registered and knows whether they answer. Each trunk is kept by one shard, which tells the others.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use model::{Flow, Instant, TrunkId};
use sip::{
    ClientTx, Message, Name,
    locate::{Locate, LocateError, Place},
};

use super::{
    Registration, TrunkChange, TrunkConfig, TrunkStatus,
    errand::{Chore, Errand, Stage},
    status::Reach,
};
use crate::{
    Fact, LocateId, Output,
    call::flows_to,
    config::Config,
    options::says_nothing,
    tables::{ClientUse, Tables},
};

/// A registration that is not taken is tried again after a time that grows to this (RFC 5626 section 4.5).
const RETRY_MAX: Duration = Duration::from_secs(1800);

/// Longer registrations are neither asked for nor believed in: a week.
const EXPIRES_MAX: Duration = Duration::from_secs(604_800);

/// Proxies of a Service-Route; a longer one is not followed.
const ROUTES_MAX: usize = 8;

/// A drain waits no longer than this for registrations to be taken back; they lapse by themselves.
const LEAVE_MAX: Duration = Duration::from_secs(2);

/// The trunks that this shard keeps.
pub(crate) struct Keeper {
    kept_by_id: BTreeMap<TrunkId, Kept>,
    timers: BTreeSet<(Instant, TrunkId, Chore)>,
    /// The switch drains: nothing is renewed any more.
    stopped: bool,
}

struct Kept {
    status: TrunkStatus,
    register: Errand,
    probe: Errand,
    /// How long a registration is asked for; a 423 raises it.
    expires: Duration,
    /// Where the last registration was taken.
    registered_at: Option<Flow>,
    /// The addresses of the look-up that is being followed.
    found: Vec<std::net::IpAddr>,
}

impl Kept {
    const fn errand(&mut self, chore: Chore) -> &mut Errand {
        match chore {
            Chore::Register => &mut self.register,
            Chore::Probe => &mut self.probe,
        }
    }
}

impl Keeper {
    /// Keeps those trunks of a configuration that are this shard's, and begins at once.
    pub(crate) fn new(config: &Config) -> Self {
        let mut keeper =
            Self { kept_by_id: BTreeMap::new(), timers: BTreeSet::new(), stopped: false };
        for (id, trunk) in (0_u16..).map(TrunkId).zip(&config.trunks) {
            if config.shards.of_key(trunk.name.as_bytes()) == config.shard {
                keeper.keep(id, trunk);
            }
        }
        keeper
    }

    fn keep(&mut self, id: TrunkId, trunk: &TrunkConfig) {
        let kept = Kept {
            status: TrunkStatus::of(trunk),
            register: Errand::new(),
            probe: Errand::new(),
            expires: trunk.register.as_ref().map_or(Duration::ZERO, |register| register.expires),
            registered_at: None,
            found: Vec::new(),
        };
        self.kept_by_id.insert(id, kept);
        if trunk.register.is_some() {
            self.wake_at(id, Chore::Register, Instant::ZERO);
        }
        if trunk.probe.is_some() {
            self.wake_at(id, Chore::Probe, Instant::ZERO);
        }
    }

    /// When [`Self::wake`] wants to be called next.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(at, ..)| *at)
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, tables: &mut Tables, now: Instant) {
        while let Some((at, id, chore)) = self.timers.first().copied().filter(|(at, ..)| *at <= now)
        {
            self.timers.remove(&(at, id, chore));
            let Some(kept) = self.kept_by_id.get_mut(&id) else { continue };
            let errand = kept.errand(chore);
            errand.wakes_at = None;
            match errand.stage {
                Stage::Idle => self.begin(tables, now, id, chore),
                Stage::Locating(_) => {
                    self.fail(tables, now, id, chore, "the DNS gave no answer".to_owned());
                }
                Stage::Sent { tx, .. } => {
                    tables.uses_by_client_tx.remove(&tx);
                    self.lost(tables, now, id, chore, "no answer");
                }
            }
        }
    }

    fn wake_at(&mut self, id: TrunkId, chore: Chore, at: Instant) {
        let Some(kept) = self.kept_by_id.get_mut(&id) else { return };
        if let Some(old) = kept.errand(chore).wakes_at.replace(at) {
            self.timers.remove(&(old, id, chore));
        }
        self.timers.insert((at, id, chore));
    }

    fn sleep(&mut self, id: TrunkId, chore: Chore) {
        let Some(kept) = self.kept_by_id.get_mut(&id) else { return };
        if let Some(old) = kept.errand(chore).wakes_at.take() {
            self.timers.remove(&(old, id, chore));
        }
    }

    fn begin(&mut self, tables: &mut Tables, now: Instant, id: TrunkId, chore: Chore) {
        let Some(kept) = self.kept_by_id.get_mut(&id) else { return };
        let Some(uri) = tables.trunks.get(id).map(|trunk| trunk.uri.clone()) else { return };
        kept.errand(chore).begin(tables, chore);
        match Locate::new(&uri, &tables.transports, 0).map(|locate| locate.places()) {
            Ok(Some(places)) => self.placed(tables, now, id, chore, places),
            Ok(None) => {
                // No call has this id, so that the answer is taken for no call's.
                let asked = LocateId { conn: tables.mint_conn_id(), number: 0 };
                kept.errand(chore).stage = Stage::Locating(asked);
                tables.outputs.push_back(Output::Locate { id: asked, uri });
                self.wake_at(id, chore, now + tables.config.locate_timeout);
            }
            Err(error) => self.fail(tables, now, id, chore, error.to_string()),
        }
    }

    /// The DNS has answered; gives whether a trunk waited for it.
    pub(crate) fn on_located(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        asked: LocateId,
        places: Result<Vec<Place>, LocateError>,
    ) {
        let waits = |errand: &Errand| matches!(errand.stage, Stage::Locating(id) if id == asked);
        let found = self.kept_by_id.iter().find_map(|(id, kept)| {
            let chore = waits(&kept.register).then_some(Chore::Register);
            Some((*id, chore.or_else(|| waits(&kept.probe).then_some(Chore::Probe))?))
        });
        if let Some((id, chore)) = found {
            self.sleep(id, chore);
            self.placed(tables, now, id, chore, places);
        }
    }

    fn placed(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        id: TrunkId,
        chore: Chore,
        places: Result<Vec<Place>, LocateError>,
    ) {
        let places = match places {
            Ok(places) => places,
            Err(error) => return self.fail(tables, now, id, chore, error.to_string()),
        };
        let flows: VecDeque<Flow> = flows_to(tables, &places).collect();
        if let Some(kept) = self.kept_by_id.get_mut(&id).filter(|_| chore == Chore::Register) {
            kept.found = places.iter().map(|place| place.address.ip()).collect();
        }
        let why = "no listener of this switch reaches it";
        self.send_to_first(tables, now, id, chore, flows, why);
    }

    /// Sends to the first of these places that can be sent to; `why` is what is wrong when there is none.
    fn send_to_first(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        id: TrunkId,
        chore: Chore,
        mut flows: VecDeque<Flow>,
        why: &str,
    ) {
        match flows.pop_front() {
            Some(flow) => self.send(tables, now, id, chore, (flow, flows)),
            None => self.fail(tables, now, id, chore, why.to_owned()),
        }
    }

    fn send(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        id: TrunkId,
        chore: Chore,
        (flow, others): (Flow, VecDeque<Flow>),
    ) {
        let Some(kept) = self.kept_by_id.get_mut(&id) else { return };
        let Some(trunk) = tables.trunks.get(id).cloned() else { return };
        let expires = if self.stopped { 0 } else { kept.expires.as_secs() };
        let draft = match chore {
            Chore::Register => kept.register.register(tables, &trunk, flow, expires),
            Chore::Probe => kept.probe.options(tables, &trunk, flow),
        };
        match tables.endpoint.send_request(now, flow, draft) {
            Ok(tx) => {
                tables.uses_by_client_tx.insert(tx, ClientUse::Trunk { id, chore });
                kept.errand(chore).stage = Stage::Sent { tx, flow, others };
                match (chore, trunk.probe) {
                    (Chore::Probe, Some(probe)) => self.wake_at(id, chore, now + probe.timeout),
                    (Chore::Register, _) if self.stopped => {
                        self.wake_at(id, chore, now + LEAVE_MAX);
                    }
                    (Chore::Register | Chore::Probe, _) => {}
                }
            }
            Err(error) => self.fail(tables, now, id, chore, error.to_string()),
        }
    }

    /// A response to one of our requests.
    pub(crate) fn on_response(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tx: ClientTx,
        response: &Message,
    ) {
        let status = response.status();
        if status < 200 {
            return;
        }
        let Some((id, chore)) = self.take_use(tables, tx) else { return };
        let errand = self.kept_by_id.get_mut(&id).map(|kept| &kept.errand(chore).stage);
        if let Some(Stage::Sent { flow, .. }) = errand {
            tables.heed(now, id, flow.peer, response);
        }
        let told = format!("{status} {}", response.reason());
        match (chore, status) {
            (_, status) if says_nothing(status) => self.lost(tables, now, id, chore, &told),
            (Chore::Probe, _) => self.alive(tables, now, id),
            (Chore::Register, 200..=299) => self.registered(tables, now, id, response),
            (Chore::Register, 401 | 407) => self.challenged(tables, now, id, response),
            (Chore::Register, 423) => self.too_brief(tables, now, id, response),
            (Chore::Register, _) => self.fail(tables, now, id, chore, told),
        }
    }

    /// One of our requests got no answer.
    pub(crate) fn on_lost(&mut self, tables: &mut Tables, now: Instant, tx: ClientTx, status: u16) {
        if let Some((id, chore)) = self.take_use(tables, tx) {
            let why = if status == 408 { "no answer" } else { "nobody listens there" };
            self.lost(tables, now, id, chore, why);
        }
    }

    fn take_use(&mut self, tables: &mut Tables, tx: ClientTx) -> Option<(TrunkId, Chore)> {
        match tables.uses_by_client_tx.remove(&tx)? {
            ClientUse::Trunk { id, chore } => {
                self.sleep(id, chore);
                Some((id, chore))
            }
            ClientUse::Branch(_)
            | ClientUse::Reinvite { .. }
            | ClientUse::Relayed { .. }
            | ClientUse::Passage { .. }
            | ClientUse::OwnOffer { .. }
            | ClientUse::GivenUp { .. }
            | ClientUse::Over(_)
            | ClientUse::Text(_)
            | ClientUse::Device(_)
            | ClientUse::Notify(_)
            | ClientUse::Report { .. }
            | ClientUse::LastReport(_)
            | ClientUse::Probe { .. }
            | ClientUse::Prack(_)
            | ClientUse::EarlyUpdate(_)
            | ClientUse::Refresh { .. }
            | ClientUse::Bye(_)
            | ClientUse::Talk(_)
            | ClientUse::Digit { .. } => None,
        }
    }

    /// Where a request of ours was sent, and where else it can be sent.
    fn take_sent(&mut self, id: TrunkId, chore: Chore) -> Option<(Flow, VecDeque<Flow>)> {
        let errand = self.kept_by_id.get_mut(&id)?.errand(chore);
        match std::mem::replace(&mut errand.stage, Stage::Idle) {
            Stage::Sent { flow, others, .. } => Some((flow, others)),
            Stage::Idle | Stage::Locating(_) => None,
        }
    }

    /// A place is dead: on to the next (RFC 3263 section 4.3).
    fn lost(&mut self, tables: &mut Tables, now: Instant, id: TrunkId, chore: Chore, why: &str) {
        let others = self.take_sent(id, chore).map(|(_, others)| others).unwrap_or_default();
        self.send_to_first(tables, now, id, chore, others, why);
    }

    fn challenged(&mut self, tables: &mut Tables, now: Instant, id: TrunkId, response: &Message) {
        let can = tables.trunks.get(id).is_some_and(|trunk| trunk.login.is_some());
        let Some(kept) = self.kept_by_id.get_mut(&id) else { return };
        if can && kept.register.challenged.take(response) {
            if let Some(sent) = self.take_sent(id, Chore::Register) {
                self.send(tables, now, id, Chore::Register, sent);
            }
            return;
        }
        let hint = match can {
            true => "the user name or the password is wrong",
            false => "it asks for a password and has none",
        };
        let why = format!("{} {}: {hint}", response.status(), response.reason());
        self.fail(tables, now, id, Chore::Register, why);
    }

    /// RFC 3261 section 10.2.8: the registrar wants longer registrations.
    fn too_brief(&mut self, tables: &mut Tables, now: Instant, id: TrunkId, response: &Message) {
        let least = response.header(Name::MinExpires).and_then(|text| text.trim().parse().ok());
        let least = least.map(Duration::from_secs).filter(|least| *least <= EXPIRES_MAX);
        let Some(kept) = self.kept_by_id.get_mut(&id) else { return };
        match least {
            // Once for each registration: one that wants more and more is not followed.
            Some(least) if least > kept.expires && !kept.register.was_brief && !self.stopped => {
                kept.expires = least;
                kept.register.was_brief = true;
                if let Some(sent) = self.take_sent(id, Chore::Register) {
                    self.send(tables, now, id, Chore::Register, sent);
                }
            }
            _ => {
                let why = "423 without a Min-Expires that can be asked for".to_owned();
                self.fail(tables, now, id, Chore::Register, why);
            }
        }
    }

    fn registered(&mut self, tables: &mut Tables, now: Instant, id: TrunkId, response: &Message) {
        if self.stopped {
            let _ = self.take_sent(id, Chore::Register);
            let Some(kept) = self.kept_by_id.get_mut(&id) else { return };
            kept.status.registration = Registration::Unregistered;
            return self.tell(tables, id, Some(TrunkChange::Unregistered));
        }
        let Some(kept) = self.kept_by_id.get_mut(&id) else { return };
        let at = match &kept.register.stage {
            Stage::Sent { flow, .. } => Some(*flow),
            Stage::Idle | Stage::Locating(_) => None,
        };
        let own = at.map(|flow| tables.advertised(flow.listener).to_string());
        let Some(granted) = granted(response, &own.unwrap_or_default(), kept.expires) else {
            let why = "it was granted for no time at all".to_owned();
            return self.fail(tables, now, id, Chore::Register, why);
        };
        let was =
            matches!(kept.status.registration, Registration::Registered { until } if until > now);
        kept.register.failures = 0;
        kept.register.stage = Stage::Idle;
        kept.registered_at = at;
        kept.status.places = std::mem::take(&mut kept.found);
        kept.status.registration = Registration::Registered { until: now + granted };
        let wanted = tables.trunks.get(id).is_some_and(|trunk| trunk.service_route);
        kept.status.service_route = wanted.then(|| service_route(response)).flatten();
        // Four fifths of the time leave a fifth for trying again.
        self.wake_at(id, Chore::Register, now + granted * 4 / 5);
        self.tell(tables, id, (!was).then_some(TrunkChange::Registered { granted }));
    }

    fn alive(&mut self, tables: &mut Tables, now: Instant, id: TrunkId) {
        let _ = self.take_sent(id, Chore::Probe);
        let Some(trunk) = tables.trunks.get(id) else { return };
        let Some(interval) = trunk.probe.map(|probe| probe.interval) else { return };
        let registers = trunk.register.is_some();
        let Some(kept) = self.kept_by_id.get_mut(&id) else { return };
        kept.probe.failures = 0;
        let was = std::mem::replace(&mut kept.status.reach, Reach::Up);
        // What came back may have forgotten us.
        let idle = matches!(kept.register.stage, Stage::Idle);
        if was == Reach::Down && registers && idle && !self.stopped {
            kept.register.failures = 0;
            self.wake_at(id, Chore::Register, now);
        }
        if !self.stopped {
            self.wake_at(id, Chore::Probe, now + interval);
        }
        if was != Reach::Up {
            if let Some(kept) = self.kept_by_id.get_mut(&id) {
                kept.status.since = now;
            }
            self.tell(tables, id, Some(TrunkChange::Up));
        }
    }

    fn fail(&mut self, tables: &mut Tables, now: Instant, id: TrunkId, chore: Chore, why: String) {
        let _ = self.take_sent(id, chore);
        let Some(trunk) = tables.trunks.get(id) else { return };
        let (register, probe) = (trunk.register.clone(), trunk.probe);
        let random = tables.endpoint.mint_number();
        let Some(kept) = self.kept_by_id.get_mut(&id) else { return };
        let errand = kept.errand(chore);
        errand.stage = Stage::Idle;
        errand.failures = errand.failures.saturating_add(1);
        let failures = errand.failures;
        if self.stopped {
            return;
        }
        kept.status.failure = Some((now, why.clone()));
        let change = match (chore, register, probe) {
            (Chore::Register, Some(register), _) => {
                let retry_after = backoff(register.retry, failures, random);
                let retry_at = now + retry_after;
                if !matches!(kept.status.registration, Registration::Registered { until } if until > now)
                {
                    kept.status.registration = Registration::Failed { retry_at };
                    kept.status.service_route = None;
                }
                self.wake_at(id, chore, retry_at);
                Some(TrunkChange::NotRegistered { why, retry_after })
            }
            (Chore::Probe, _, Some(probe)) => {
                let goes_down = failures >= probe.failures && kept.status.reach != Reach::Down;
                if goes_down {
                    (kept.status.reach, kept.status.since) = (Reach::Down, now);
                }
                self.wake_at(id, chore, now + probe.interval);
                goes_down.then_some(TrunkChange::Down { why })
            }
            (Chore::Register, None, _) | (Chore::Probe, _, None) => None,
        };
        self.tell(tables, id, change);
    }

    /// Takes every registration back and renews none: no call is wanted any more.
    pub(crate) fn stop(&mut self, tables: &mut Tables, now: Instant) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.timers.clear();
        let ids: Vec<TrunkId> = self.kept_by_id.keys().copied().collect();
        for id in ids {
            let Some(kept) = self.kept_by_id.get_mut(&id) else { continue };
            let lives = matches!(kept.status.registration, Registration::Registered { until } if until > now);
            if let Stage::Sent { tx, .. } = kept.register.stage {
                tables.uses_by_client_tx.remove(&tx);
            }
            kept.register.stage = Stage::Idle;
            kept.probe.wakes_at = None;
            kept.register.wakes_at = None;
            if let Some(flow) = kept.registered_at.filter(|_| lives) {
                kept.register.begin(tables, Chore::Register);
                self.send(tables, now, id, Chore::Register, (flow, VecDeque::new()));
            }
        }
    }

    /// How many registrations are being taken back.
    pub(crate) fn leaving(&self) -> usize {
        let leaves = |kept: &&Kept| matches!(kept.register.stage, Stage::Sent { .. });
        if self.stopped { self.kept_by_id.values().filter(leaves).count() } else { 0 }
    }

    /// Tells the other shards and the operator.
    fn tell(&self, tables: &mut Tables, id: TrunkId, change: Option<TrunkChange>) {
        let Some(kept) = self.kept_by_id.get(&id) else { return };
        let status = Arc::new(kept.status.clone());
        tables.outputs.push_back(Output::Trunk { id, status });
        let name = tables.trunks.get(id).map(|trunk| trunk.name.clone()).unwrap_or_default();
        if let Some(change) = change {
            tables.emit(Fact::Trunk { trunk: name, change });
        }
    }
}

/// How long a registration was granted: by the parameter of our Contact, which has our address `own` in it, else by Expires,
/// else as it was asked for (RFC 3261 section 10.2.4). `None` when it says that it is bound for no time.
fn granted(response: &Message, own: &str, asked: Duration) -> Option<Duration> {
    let of_contact = response.values(Name::Contact).filter_map(|value| {
        let contact = sip::NameAddr::parse(value).ok()?;
        let is_ours = contact.uri.contains(own);
        contact.params.get("expires")??.parse::<u32>().ok().filter(|_| is_ours)
    });
    let seconds = of_contact.max().or_else(|| response.expires());
    let granted = seconds.map_or(asked, |seconds| Duration::from_secs(seconds.into()));
    Some(granted.min(EXPIRES_MAX)).filter(|granted| !granted.is_zero())
}

/// The Service-Route of a registration, as the value of a Route field; `None` when there is none, or one that requests cannot be sent by.
//= RFC 3608 section 6.1
//# If the UA refreshes the registration, the stored value of the Service-Route is updated according to the Service-Route header field
//# of the latest 200 class response.  If there is no Service-Route header field in the response, the UA clears any service route for
//# that address-of-record previously stored by the UA.
fn service_route(response: &Message) -> Option<Arc<str>> {
    let values: Vec<&str> = response.values(Name::ServiceRoute).collect();
    let is_loose = |value: &&str| {
        let uri = sip::route_uri(value).and_then(|uri| sip::Uri::parse(uri).ok());
        uri.is_some_and(|uri| uri.has_lr() && !uri.host.is_empty())
    };
    let is_usable = (1..=ROUTES_MAX).contains(&values.len()) && values.iter().all(is_loose);
    is_usable.then(|| values.join(", ").into())
}

/// Doubled by each failure up to the most, and less by chance, so that not all trunks come at once.
fn backoff(base: Duration, failures: u32, random: u64) -> Duration {
    let doubled =
        base.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(RETRY_MAX.max(base));
    let percent = 50 + u32::try_from(random % 51).unwrap_or(0);
    doubled * percent / 100
}

#[cfg(test)]
#[path = "service_route_test.rs"]
mod service_route_tests;
#[cfg(test)]
#[path = "keeper_test.rs"]
mod tests;
