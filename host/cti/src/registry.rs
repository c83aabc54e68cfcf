//! Who is registered on which DN (section 1.3).

use std::{collections::BTreeMap, sync::Arc};

use tlib::{ErrorCode, RegisterMode};

use crate::{ClientId, Filter, Refusal};

/// How much a registry holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegistryLimits {
    /// DNs that one client may be registered on.
    pub dns_per_client_max: usize,
    /// Clients that may be registered on one DN.
    pub clients_per_dn_max: usize,
    /// Registrations of all clients together.
    pub registrations_max: usize,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self {
            dns_per_client_max: 100_000,
            clients_per_dn_max: 2_000,
            registrations_max: 1_000_000,
        }
    }
}

/// The registrations of the clients of one module, and its bulk clients, who are registered on every DN that is covered.
///
/// The clients of a DN are a list that is made when it is asked for and kept until it changes: an event to 1,000 of them copies a pointer.
#[derive(Debug)]
pub struct Registry {
    limits: RegistryLimits,
    /// Indexed by number.
    lines: BTreeMap<Arc<str>, Holders>,
    by_client: BTreeMap<ClientId, BTreeMap<Arc<str>, RegisterMode>>,
    bulk: BTreeMap<ClientId, Filter>,
    /// Counts the changes of `bulk`, so that lists are seen to be old.
    bulk_changes: u64,
    count: usize,
}

#[derive(Debug, Default)]
struct Holders {
    by_client: BTreeMap<ClientId, (RegisterMode, Filter)>,
    is_covered: bool,
    list: Option<Audience>,
    list_of: u64,
}

/// Who gets the events of a DN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audience {
    /// Each client, by number.
    pub clients: Arc<[ClientId]>,
    /// What each of them gets, in the same order; `None` when all get everything.
    pub filters: Option<Arc<[Filter]>>,
}

impl Audience {
    fn of(clients: BTreeMap<ClientId, Filter>) -> Self {
        let is_filtered = clients.values().any(|filter| *filter != Filter::ALL);
        let filters = is_filtered.then(|| clients.values().copied().collect());
        Self { clients: clients.into_keys().collect(), filters }
    }
}

impl Registry {
    /// One that holds nobody.
    pub fn new(limits: RegistryLimits) -> Self {
        Self {
            limits,
            lines: BTreeMap::new(),
            by_client: BTreeMap::new(),
            bulk: BTreeMap::new(),
            bulk_changes: 0,
            count: 0,
        }
    }

    /// Goes by these limits from now on; what is over them stays.
    pub const fn set_limits(&mut self, limits: RegistryLimits) {
        self.limits = limits;
    }

    /// Registers a client on a DN for these of its events, or changes the mode in which it is.
    ///
    /// # Errors
    ///
    /// 125 when it is registered in that mode already; 42 when another client holds the DN privately, or it is to be private and another
    /// client holds it; 122 when a limit is reached.
    pub fn register(
        &mut self,
        client: ClientId,
        dn: &Arc<str>,
        (mode, filter): (RegisterMode, Filter),
    ) -> Result<(), Refusal> {
        // A bulk client may register by name as well, and keeps that registration when it ends the other.
        let by_name = self.by_client.get(&client);
        let have = by_name.and_then(|dns| dns.get(dn)).copied();
        if have == Some(mode) {
            return Err(ErrorCode::AlreadyRegistered.into());
        }
        if let Some(holders) = self.lines.get(dn) {
            let mut others = holders.by_client.iter().filter(|(other, _)| **other != client);
            let seized = if mode == RegisterMode::Private {
                others.next().is_some()
            } else {
                others.any(|(_, (mode, _))| *mode == RegisterMode::Private)
            };
            if seized {
                return Err(ErrorCode::ResourceSeized.into());
            }
        }
        if have.is_none() {
            self.check_room(client, dn)?;
            self.count += 1;
        }
        self.by_client.entry(client).or_default().insert(Arc::clone(dn), mode);
        let holders = self.lines.entry(Arc::clone(dn)).or_default();
        holders.by_client.insert(client, (mode, filter));
        holders.list = None;
        Ok(())
    }

    fn check_room(&self, client: ClientId, dn: &str) -> Result<(), Refusal> {
        let of_client = self.by_client.get(&client).map_or(0, BTreeMap::len);
        let on_dn = self.lines.get(dn).map_or(0, |holders| holders.by_client.len());
        let full = [
            ("dns_per_client_max", of_client, self.limits.dns_per_client_max),
            ("clients_per_dn_max", on_dn, self.limits.clients_per_dn_max),
            ("registrations_max", self.count, self.limits.registrations_max),
        ];
        match full.iter().find(|(_, have, max)| have >= max) {
            None => Ok(()),
            Some((name, _, max)) => Err(Refusal::new(
                ErrorCode::CannotRegister,
                format!("the DN cannot be registered: {name} is {max}; unregister another"),
            )),
        }
    }

    /// Ends a registration; gives whether there was one.
    pub fn unregister(&mut self, client: ClientId, dn: &str) -> bool {
        let Some(of_client) = self.by_client.get_mut(&client) else { return false };
        if of_client.remove(dn).is_none() {
            return false;
        }
        if of_client.is_empty() {
            self.by_client.remove(&client);
        }
        self.count -= 1;
        self.release(client, dn);
        true
    }

    fn release(&mut self, client: ClientId, dn: &str) {
        let Some(holders) = self.lines.get_mut(dn) else { return };
        holders.by_client.remove(&client);
        holders.list = None;
        if holders.by_client.is_empty() && !holders.is_covered {
            self.lines.remove(dn);
        }
    }

    /// Ends every registration of a client, bulk included; gives the DNs that it was registered on by name, in order.
    pub fn leave(&mut self, client: ClientId) -> Vec<Arc<str>> {
        self.leave_bulk(client);
        let dns: Vec<_> = self.by_client.remove(&client).unwrap_or_default().into_keys().collect();
        self.count -= dns.len();
        for dn in &dns {
            self.release(client, dn);
        }
        dns
    }

    /// Ends every registration on a DN that is no more; gives who got its events, bulk clients included.
    pub fn forget(&mut self, dn: &str) -> Option<Audience> {
        let clients = self.clients(dn);
        let holders = self.lines.remove(dn)?;
        for client in holders.by_client.keys() {
            self.count -= 1;
            if let Some(dns) = self.by_client.get_mut(client) {
                dns.remove(dn);
            }
        }
        clients
    }

    /// How a client is registered on a DN; a bulk client shares those that are covered.
    pub fn mode(&self, client: ClientId, dn: &str) -> Option<RegisterMode> {
        let holders = self.lines.get(dn)?;
        let by_bulk = || {
            (holders.is_covered && self.bulk.contains_key(&client)).then_some(RegisterMode::Share)
        };
        holders.by_client.get(&client).map(|(mode, _)| *mode).or_else(by_bulk)
    }

    /// Whether a client may act on a DN.
    ///
    /// # Errors
    ///
    /// 41 when it is not registered, 165 when it only watches (RegisterMode Monitor).
    pub fn check_held(&self, client: ClientId, dn: &str) -> Result<(), Refusal> {
        match self.mode(client, dn) {
            None => Err(ErrorCode::NotRegistered.into()),
            Some(RegisterMode::Monitor) => Err(Refusal::new(
                ErrorCode::AccessRestricted,
                "the client watches the DN (RegisterMode Monitor); register it in another mode to act on it",
            )),
            Some(RegisterMode::Share | RegisterMode::Private) => Ok(()),
        }
    }

    /// Whether anybody is registered on a DN by its name.
    pub fn is_held(&self, dn: &str) -> bool {
        self.lines.get(dn).is_some_and(|holders| !holders.by_client.is_empty())
    }

    /// The DNs that anybody is registered on by name, in order.
    pub fn held(&self) -> impl Iterator<Item = &Arc<str>> {
        let held = |holders: &Holders| !holders.by_client.is_empty();
        self.lines.iter().filter(move |(_, holders)| held(holders)).map(|(dn, _)| dn)
    }

    /// Who gets the events of a DN, by number; `None` for nobody.
    pub fn clients(&mut self, dn: &str) -> Option<Audience> {
        let holders = self.lines.get_mut(dn)?;
        if holders.list.is_none() || holders.list_of != self.bulk_changes {
            // What a client gets that is registered by name is what it said there.
            let mut all = if holders.is_covered { self.bulk.clone() } else { BTreeMap::new() };
            all.extend(holders.by_client.iter().map(|(client, (_, filter))| (*client, *filter)));
            holders.list = Some(Audience::of(all));
            holders.list_of = self.bulk_changes;
        }
        holders.list.clone().filter(|list| !list.clients.is_empty())
    }

    /// The clients that are registered in bulk, by number.
    pub fn bulk(&self) -> Arc<[ClientId]> {
        self.bulk.keys().copied().collect()
    }

    /// What a client gets that is registered in bulk.
    pub fn bulk_filter(&self, client: ClientId) -> Option<Filter> {
        self.bulk.get(&client).copied()
    }

    /// Registers a client in bulk, for these events; gives whether it was not. One that was keeps what it had.
    pub fn join_bulk(&mut self, client: ClientId, filter: Filter) -> bool {
        if self.bulk.contains_key(&client) {
            return false;
        }
        self.bulk_changes += 1;
        self.bulk.insert(client, filter);
        true
    }

    /// Ends a bulk registration; gives whether there was one.
    pub fn leave_bulk(&mut self, client: ClientId) -> bool {
        let was = self.bulk.remove(&client).is_some();
        self.bulk_changes += u64::from(was);
        was
    }

    /// Says whether bulk clients get the events of a DN.
    pub fn cover(&mut self, dn: &Arc<str>, is_covered: bool) {
        if !is_covered && !self.lines.contains_key(dn) {
            return;
        }
        let holders = self.lines.entry(Arc::clone(dn)).or_default();
        holders.is_covered = is_covered;
        holders.list = None;
        if holders.by_client.is_empty() && !is_covered {
            self.lines.remove(dn);
        }
    }

    /// How many registrations there are by name.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether nobody is registered by name.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
#[path = "registry_test.rs"]
mod tests;
