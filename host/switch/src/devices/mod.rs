//! Asks devices by OPTIONS whether they are there (RFC 3261 section 11): the phones of users who are to be checked, and devices whose contact is
//! configured. Each is asked by one shard, which tells the others.

mod device;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use model::{Aor, Binding, DeviceCheck, Directory, Flow, Instant};
use sip::{
    ClientTx, LimitError, Message, Name, Uri,
    locate::{Locate, LocateError, Place},
};

use self::device::{Device, Stage};
use crate::{
    Fact, LocateId, Output, Switch,
    call::{flows_to, way_to},
    config::Config,
    options::{options_to, says_nothing},
    tables::{ClientUse, Tables},
    turns::next_turn,
};

/// A device that has refused to answer, or that the network knows nothing of, is asked again after this, as long as it counts as in service.
const AGAIN: Duration = Duration::from_secs(2);
/// Places of one device that are asked.
const PLACES_MAX: usize = 10;

/// A device whose contact is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Whose.
    pub aor: Aor,
    /// Where it is: a SIP URI.
    pub uri: String,
    /// How it is checked.
    pub check: DeviceCheck,
}

/// What the check of a device has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceChange {
    /// Nothing has come for so long that calls do not reach it any more.
    OutOfService {
        /// What came of the last OPTIONS.
        why: String,
    },
    /// It is there again.
    BackInService,
    /// It was out of service, and is not checked any more: it has no contact, or nobody wants it.
    NotChecked,
}

impl fmt::Display for DeviceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfService { why } => write!(f, "out of service: {why}"),
            Self::BackInService => f.write_str("back in service"),
            Self::NotChecked => f.write_str("not checked any more"),
        }
    }
}

/// The devices that this shard checks.
pub(crate) struct Devices {
    by_aor: BTreeMap<Aor, Device>,
    /// Those that wait to be asked, by when; where there is no room they wait for longer.
    due: BTreeSet<(Instant, Aor)>,
    /// Those that are being asked, by when they are given up.
    asked: BTreeSet<(Instant, Aor)>,
    locating: BTreeMap<LocateId, Aor>,
    /// Users whose contacts have changed since they were looked at.
    changed: Vec<Aor>,
    out_now: usize,
    tag: String,
    cseq: u32,
    /// The switch drains: nobody is asked any more.
    stopped: bool,
}

impl Devices {
    /// Checks those of a configuration that are this shard's.
    pub(crate) fn new(config: &Config) -> Self {
        let mut devices = Self {
            by_aor: BTreeMap::new(),
            due: BTreeSet::new(),
            asked: BTreeSet::new(),
            locating: BTreeMap::new(),
            changed: Vec::new(),
            out_now: 0,
            tag: String::new(),
            cseq: 0,
            stopped: false,
        };
        for DeviceConfig { aor, uri, check } in &config.devices {
            if config.shards.of_key(aor.as_str().as_bytes()) == config.shard {
                devices.by_aor.insert(aor.clone(), Device::new(*check, Some(uri.clone())));
                devices.wake_at(aor, next_turn(Instant::ZERO, aor.as_str(), check.interval));
            }
        }
        devices
    }

    /// How many are checked, and how many of them are out of service.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.by_aor.len(), self.out_now)
    }

    /// When [`Switch::check_devices`] wants to be called next.
    pub(crate) fn next_timer(&self, checks_max: usize) -> Option<Instant> {
        let due = self.due.first().filter(|_| self.asked.len() < checks_max.max(1));
        due.into_iter().chain(self.asked.first()).map(|(at, _)| *at).min()
    }

    /// The contacts of a user have changed.
    pub(crate) fn note(&mut self, aor: &Aor) {
        self.changed.push(aor.clone());
    }

    /// Whether the places of one of them are looked up under this id.
    pub(crate) fn awaits(&self, id: LocateId) -> bool {
        self.locating.contains_key(&id)
    }

    fn wake_at(&mut self, aor: &Aor, at: Instant) {
        let Some(device) = self.by_aor.get_mut(aor) else { return };
        if let Some(old) = device.wakes_at.replace(at) {
            let key = (old, aor.clone());
            let _ = self.due.remove(&key) || self.asked.remove(&key);
        }
        let order = if device.is_idle() { &mut self.due } else { &mut self.asked };
        order.insert((at, aor.clone()));
    }

    /// Waits no more for what is being asked of a device. An answer that comes all the same says that it is there.
    fn drop_ask(&mut self, aor: &Aor) {
        let Some(device) = self.by_aor.get_mut(aor) else { return };
        if let Stage::Locating(id) = std::mem::replace(&mut device.stage, Stage::Idle) {
            self.locating.remove(&id);
        }
    }

    /// A user with these contacts is to be checked so from now on, or not at all.
    fn follow(&mut self, tables: &mut Tables, now: Instant, aor: &Aor, check: Option<DeviceCheck>) {
        let is_configured = self.by_aor.get(aor).is_some_and(|device| device.uri.is_some());
        if is_configured || self.stopped {
            return;
        }
        let Some(check) = check else { return self.forget(tables, aor) };
        if let Some(device) = self.by_aor.get_mut(aor) {
            device.check = check;
            // Who registers is there, and perhaps somewhere else.
            if device.is_out || device.silent_since.is_some() {
                self.drop_ask(aor);
                self.wake_at(aor, now);
            }
            return;
        }
        self.by_aor.insert(aor.clone(), Device::new(check, None));
        self.wake_at(aor, next_turn(now, aor.as_str(), check.interval));
    }

    fn forget(&mut self, tables: &mut Tables, aor: &Aor) {
        self.drop_ask(aor);
        let Some(device) = self.by_aor.remove(aor) else { return };
        if let Some(at) = device.wakes_at {
            let key = (at, aor.clone());
            let _ = self.due.remove(&key) || self.asked.remove(&key);
        }
        if device.is_out {
            self.out_now -= 1;
            tell(tables, aor, DeviceChange::NotChecked);
        }
    }

    /// Asks nobody any more: the switch drains.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
        self.due.clear();
        self.asked.clear();
        self.locating.clear();
        for device in self.by_aor.values_mut() {
            (device.stage, device.wakes_at) = (Stage::Idle, None);
        }
    }

    /// Takes the next one whose time it is, of those that are being asked or may be.
    fn take_due(&mut self, now: Instant, checks_max: usize) -> Option<Aor> {
        let is_due = |(at, _): &&(Instant, Aor)| *at <= now;
        let (at, aor) = if self.asked.first().is_some_and(|first| is_due(&first)) {
            self.asked.pop_first()?
        } else {
            self.due.first().filter(is_due).filter(|_| self.asked.len() < checks_max.max(1))?;
            self.due.pop_first()?
        };
        let device = self.by_aor.get_mut(&aor)?;
        debug_assert_eq!(device.wakes_at, Some(at), "a device has one timer");
        device.wakes_at = None;
        Some(aor)
    }

    /// It is time to ask a device, or to give it up.
    fn wake(&mut self, tables: &mut Tables, now: Instant, aor: &Aor, bindings: &[Binding]) {
        let Some(device) = self.by_aor.get_mut(aor) else { return };
        if device.is_idle() {
            let is_over = !device.is_out
                && device.silent_since.is_some_and(|_| device.patience_ends(now) <= now);
            return if is_over {
                self.lose(tables, now, aor)
            } else {
                self.ask(tables, now, aor, bindings)
            };
        }
        if matches!(device.stage, Stage::Locating(_)) {
            "the DNS gave no answer".clone_into(&mut device.why);
            self.drop_ask(aor);
            return self.fail(tables, now, aor);
        }
        if let Stage::Asked(sent) = &device.stage {
            tables.stats.device_checks_failed += sent.len() as u64;
        }
        "no answer".clone_into(&mut device.why);
        self.drop_ask(aor);
        self.lose(tables, now, aor);
    }

    fn ask(&mut self, tables: &mut Tables, now: Instant, aor: &Aor, bindings: &[Binding]) {
        let Some(device) = self.by_aor.get_mut(aor) else { return };
        if device.silent_since.is_none() {
            device.silent_since = Some(now);
        }
        let Some(uri) = device.uri.clone() else {
            let of = |binding: &Binding| {
                let (uri, flow) = way_to(&tables.config.listeners, binding);
                (uri, binding.path.to_string(), flow)
            };
            let live = bindings.iter().filter(|binding| binding.expires_at > now);
            let ways = live.take(PLACES_MAX).map(of).collect();
            return self.send(tables, now, aor, ways);
        };
        match Locate::new(&uri, &tables.transports, 0).map(|locate| locate.places()) {
            Ok(Some(places)) => self.placed(tables, now, aor, places),
            Ok(None) => {
                // No call has this id, so that the answer is taken for no call's.
                let id = LocateId { conn: tables.mint_conn_id(), number: 0 };
                device.stage = Stage::Locating(id);
                self.locating.insert(id, aor.clone());
                tables.outputs.push_back(Output::Locate { id, uri });
                let until = device.patience_ends(now).min(now + tables.config.locate_timeout);
                self.wake_at(aor, until);
            }
            Err(error) => {
                device.why = error.to_string();
                self.fail(tables, now, aor);
            }
        }
    }

    /// The DNS has answered.
    pub(crate) fn on_located(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        id: LocateId,
        places: Result<Vec<Place>, LocateError>,
    ) {
        if let Some(aor) = self.locating.get(&id).cloned() {
            self.drop_ask(&aor);
            self.placed(tables, now, &aor, places);
        }
    }

    fn placed(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        aor: &Aor,
        places: Result<Vec<Place>, LocateError>,
    ) {
        let Some(device) = self.by_aor.get_mut(aor) else { return };
        let places = match places {
            Ok(places) => places,
            Err(error) => {
                device.why = error.to_string();
                return self.fail(tables, now, aor);
            }
        };
        let uri = device.uri.clone().unwrap_or_default();
        let uri = Uri::parse(&uri).map(|parsed| parsed.for_request(&uri).to_owned()).unwrap_or(uri);
        let flows = flows_to(tables, &places).take(PLACES_MAX);
        let ways = flows.map(|flow| (uri.clone(), String::new(), flow)).collect();
        self.send(tables, now, aor, ways);
    }

    /// Sends an OPTIONS by each of these ways: to a URI, through a route, over a flow.
    fn send(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        aor: &Aor,
        ways: Vec<(String, String, Flow)>,
    ) {
        if self.tag.is_empty() {
            self.tag = tables.endpoint.mint_tag();
        }
        let Some(device) = self.by_aor.get_mut(aor) else { return };
        "no listener of this switch reaches it".clone_into(&mut device.why);
        let (mut sent, mut is_ours) = (Vec::new(), false);
        for (uri, route, flow) in ways {
            self.cseq = self.cseq.wrapping_add(1) & 0x7fff_ffff;
            let mut writer = options_to(tables, (&self.tag, self.cseq), aor, &uri, flow);
            if !route.is_empty() {
                writer.header(Name::Route, route);
            }
            match tables.endpoint.send_request(now, flow, writer.draft(None)) {
                Ok(tx) => {
                    tables.uses_by_client_tx.insert(tx, ClientUse::Device(aor.clone()));
                    tables.stats.device_checks += 1;
                    sent.push(tx);
                }
                Err(error) => is_ours |= matches!(error, LimitError::Transactions { .. }),
            }
        }
        if !sent.is_empty() {
            device.stage = Stage::Asked(sent);
            let until = device.patience_ends(now);
            return self.wake_at(aor, until);
        }
        // That there is no room here says nothing of the device.
        if is_ours {
            return self.rest(now, aor);
        }
        self.fail(tables, now, aor);
    }

    /// A response to one of our requests.
    pub(crate) fn on_response(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tx: ClientTx,
        response: &Message,
    ) {
        if response.status() < 200 {
            return;
        }
        let Some(ClientUse::Device(aor)) = tables.uses_by_client_tx.remove(&tx) else { return };
        if says_nothing(response.status()) {
            let why = format!("{} {}", response.status(), response.reason());
            return self.silent(tables, now, &aor, tx, why);
        }
        self.drop_ask(&aor);
        let Some(device) = self.by_aor.get_mut(&aor) else { return };
        device.silent_since = None;
        if std::mem::replace(&mut device.is_out, false) {
            self.out_now -= 1;
            tell(tables, &aor, DeviceChange::BackInService);
        }
        self.rest(now, &aor);
    }

    /// One of our requests got no answer.
    pub(crate) fn on_lost(&mut self, tables: &mut Tables, now: Instant, tx: ClientTx, status: u16) {
        let Some(ClientUse::Device(aor)) = tables.uses_by_client_tx.remove(&tx) else { return };
        let why = if status == 408 { "no answer" } else { "nobody listens there" };
        self.silent(tables, now, &aor, tx, why.to_owned());
    }

    /// Nothing good has come of one OPTIONS. When it was the last that was out, the device has failed for now.
    fn silent(&mut self, tables: &mut Tables, now: Instant, aor: &Aor, tx: ClientTx, why: String) {
        let Some(device) = self.by_aor.get_mut(aor) else { return };
        let Stage::Asked(sent) = &mut device.stage else { return };
        let Some(at) = sent.iter().position(|out| *out == tx) else { return };
        sent.swap_remove(at);
        tables.stats.device_checks_failed += 1;
        device.why = why;
        if sent.is_empty() {
            self.drop_ask(aor);
            self.fail(tables, now, aor);
        }
    }

    /// Asks a device that has failed again, for as long as there is patience with it.
    fn fail(&mut self, tables: &mut Tables, now: Instant, aor: &Aor) {
        let Some(device) = self.by_aor.get(aor) else { return };
        let until = device.patience_ends(now);
        if device.is_out {
            return self.rest(now, aor);
        }
        if until <= now {
            return self.lose(tables, now, aor);
        }
        self.wake_at(aor, until.min(now + AGAIN));
    }

    /// There is no more patience with a device.
    fn lose(&mut self, tables: &mut Tables, now: Instant, aor: &Aor) {
        let Some(device) = self.by_aor.get_mut(aor) else { return };
        if !std::mem::replace(&mut device.is_out, true) {
            self.out_now += 1;
            tell(tables, aor, DeviceChange::OutOfService { why: device.why.clone() });
        }
        self.rest(now, aor);
    }

    /// Leaves a device alone until its next time.
    fn rest(&mut self, now: Instant, aor: &Aor) {
        let Some(device) = self.by_aor.get(aor) else { return };
        let at = match device.is_out {
            true => now + device.check.recovery,
            false => next_turn(now, aor.as_str(), device.check.interval),
        };
        if !self.stopped {
            self.wake_at(aor, at);
        }
    }
}

/// Tells the other shards and who wants to know.
fn tell(tables: &mut Tables, aor: &Aor, change: DeviceChange) {
    let in_service = !matches!(change, DeviceChange::OutOfService { .. });
    tables.outputs.push_back(Output::Device { aor: aor.clone(), in_service });
    tables.emit(Fact::Device { aor: aor.clone(), change });
}

impl Switch {
    /// Asks the devices whose time has come, and gives up those that were silent for too long.
    pub(crate) fn check_devices(&mut self, now: Instant) {
        let checks_max = self.tables.config.limits.device_checks_max;
        while let Some(aor) = self.devices.take_due(now, checks_max) {
            let bindings = self.registrar.bindings(&aor);
            self.devices.wake(&mut self.tables, now, &aor, bindings);
        }
    }

    /// Looks at the users whose contacts have changed.
    pub(crate) fn follow_devices(&mut self, now: Instant, dir: &dyn Directory) {
        for aor in std::mem::take(&mut self.devices.changed) {
            let has_contact = !self.registrar.bindings(&aor).is_empty();
            let check = has_contact.then(|| dir.device_check(&aor)).flatten();
            self.devices.follow(&mut self.tables, now, &aor, check);
        }
    }
}

#[cfg(test)]
#[path = "devices_test.rs"]
mod tests;
