//! Finding where a SIP URI leads (RFC 3263 section 4): NAPTR, then SRV, then addresses, as a machine that asks and is answered.
//!
//! The machine does no look-up itself. Its driver takes a [`Query`] from [`Locate::poll_query`], looks it up with any resolver,
//! and gives what came of it to [`Locate::handle_answer`]; several queries may be out at once. When none is out and none is
//! left, [`Locate::places`] is the list to try, in order. A look-up that fails takes away what it would have found and
//! nothing else: the other records still count.

mod choice;

use std::net::{IpAddr, SocketAddr};

use model::Transport;
use thiserror::Error;

use self::choice::{Dice, by_weight};
use crate::{Scheme, Uri};

/// Addresses found for one URI at most; more are left out.
pub const PLACES_MAX: usize = 16;
/// Look-ups made for one URI at most.
pub const QUERIES_MAX: usize = 24;

/// A place to send a request to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// By which transport.
    pub transport: Transport,
    /// To which address and port.
    pub address: SocketAddr,
}

/// A look-up the machine waits for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Query {
    /// NAPTR records of a domain (RFC 3263 section 4.1).
    Naptr(String),
    /// SRV records of a name such as `_sip._udp.example.com` (RFC 2782).
    Srv(String),
    /// A and AAAA records of a host.
    Address(String),
}

/// What came of a look-up. An empty list is an answer: there is no such record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Of [`Query::Naptr`].
    Naptr(Vec<Naptr>),
    /// Of [`Query::Srv`].
    Srv(Vec<Srv>),
    /// Of [`Query::Address`], in the order they are to be tried.
    Address(Vec<IpAddr>),
    /// The look-up failed (time-out, SERVFAIL); it says nothing about the name.
    Failed,
}

/// A NAPTR record, as far as SIP reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Naptr {
    /// Lower first.
    pub order: u16,
    /// Among equals lower first.
    pub preference: u16,
    /// Such as `s`.
    pub flags: String,
    /// Such as `SIP+D2U`.
    pub service: String,
    /// The name whose SRV records are meant.
    pub replacement: String,
}

/// An SRV record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Srv {
    /// Lower first.
    pub priority: u16,
    /// The share among equals.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `.` says that the service is not offered.
    pub target: String,
}

/// Why a URI leads nowhere.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LocateError {
    /// A `tel:` URI, or none.
    #[error("`{0}` is no SIP URI with a host")]
    NotSip(String),
    /// The URI asks for a transport that no listener has.
    #[error("`{uri}` asks for {transport}, and no listener has it")]
    NoTransport {
        /// The URI.
        uri: String,
        /// As it stands there.
        transport: String,
    },
    /// Nothing was found in the DNS.
    #[error("the DNS has no address for `{0}`")]
    NotFound(String),
    /// The DNS did not answer.
    #[error("the DNS gave no answer about `{0}`")]
    NoAnswer(String),
}

/// One URI on its way to addresses.
#[derive(Clone, Debug)]
pub struct Locate {
    uri: String,
    host: String,
    port: Option<u16>,
    /// The transport the URI names, or that follows from it.
    transport: Option<Transport>,
    secure: bool,
    /// What our listeners speak, most wanted first.
    supported: Vec<Transport>,
    dice: Dice,
    to_ask: Vec<Query>,
    out: Vec<Query>,
    asked: usize,
    failed: bool,
    /// SRV names still to be weighed, by transport, best first; `None` until they are answered.
    services: Vec<Service>,
    /// Hosts in the order they will be tried, with the addresses found.
    hosts: Vec<Host>,
}

#[derive(Clone, Debug)]
struct Service {
    transport: Transport,
    name: String,
    records: Option<Vec<Srv>>,
}

#[derive(Clone, Debug)]
struct Host {
    transport: Transport,
    name: String,
    port: u16,
    addresses: Option<Vec<IpAddr>>,
}

impl Locate {
    /// Begins with a URI. `supported` is what the listeners speak, most wanted first; `seed` decides between SRV records of equal
    /// priority by their weights.
    ///
    /// # Errors
    ///
    /// When it is no SIP URI, or asks for a transport that is not supported.
    pub fn new(text: &str, supported: &[Transport], seed: u64) -> Result<Self, LocateError> {
        let uri = Uri::parse(text).ok().filter(|uri| uri.scheme != Scheme::Tel);
        let uri = uri.ok_or_else(|| LocateError::NotSip(text.to_owned()))?;
        let secure = uri.scheme == Scheme::Sips;
        let named = uri.param("transport").flatten();
        let transport = named.map(|name| transport_of(name, secure)).unwrap_or(None);
        let usable = |t: Transport| supported.contains(&t) && (!secure || is_secure(t));
        if let Some(name) = named
            && !transport.is_some_and(usable)
        {
            let transport = name.to_owned();
            return Err(LocateError::NoTransport { uri: text.to_owned(), transport });
        }
        let supported: Vec<_> = supported.iter().copied().filter(|t| usable(*t)).collect();
        if supported.is_empty() {
            let transport = if secure { "TLS" } else { "any transport" }.to_owned();
            return Err(LocateError::NoTransport { uri: text.to_owned(), transport });
        }
        let host = uri.param("maddr").flatten().unwrap_or(uri.host);
        let mut locate = Self {
            uri: text.to_owned(),
            host: host.trim_end_matches('.').to_ascii_lowercase(),
            port: uri.port.filter(|port| *port != 0),
            transport,
            secure,
            supported,
            dice: Dice::new(seed),
            to_ask: Vec::new(),
            out: Vec::new(),
            asked: 0,
            failed: false,
            services: Vec::new(),
            hosts: Vec::new(),
        };
        locate.begin();
        Ok(locate)
    }

    fn begin(&mut self) {
        // RFC 3263 section 4.1: neither an address nor a port leaves anything for NAPTR to say.
        if self.host.parse::<IpAddr>().is_ok() || self.port.is_some() {
            let transport = self.transport.unwrap_or_else(|| self.fallback());
            return self.want_host(transport, self.host.clone(), self.port);
        }
        match self.transport {
            Some(transport) => self.want_service(transport, None),
            None => self.want(Query::Naptr(self.host.clone())),
        }
    }

    /// The transport where nothing else says which: UDP, for `sips` TLS (RFC 3263 section 4.1), or what we have.
    fn fallback(&self) -> Transport {
        let usual = if self.secure { Transport::Tls } else { Transport::Udp };
        let first = || self.supported.first().copied();
        if self.supported.contains(&usual) { usual } else { first().unwrap_or(usual) }
    }

    /// The next look-up to make; mark that it is on its way.
    pub fn poll_query(&mut self) -> Option<Query> {
        let query = self.to_ask.pop()?;
        self.out.push(query.clone());
        Some(query)
    }

    /// Takes what came of a look-up; an answer to what was not asked is dropped.
    pub fn handle_answer(&mut self, query: &Query, answer: Answer) {
        let Some(at) = self.out.iter().position(|out| out == query) else { return };
        self.out.swap_remove(at);
        self.failed |= answer == Answer::Failed;
        match query {
            Query::Naptr(_) => match answer {
                Answer::Naptr(records) => self.on_naptr(records),
                _ => self.on_naptr(Vec::new()),
            },
            Query::Srv(name) => {
                let records = if let Answer::Srv(records) = answer { records } else { Vec::new() };
                for service in self.services.iter_mut().filter(|s| s.name == *name) {
                    service.records = Some(records.clone());
                }
                self.on_services();
            }
            Query::Address(name) => {
                let found = if let Answer::Address(found) = answer { found } else { Vec::new() };
                for host in self.hosts.iter_mut().filter(|host| host.name == *name) {
                    host.addresses = Some(found.clone());
                }
            }
        }
    }

    /// The places to try in order, once nothing is asked any more; `None` before.
    ///
    /// # Errors
    ///
    /// When there is no place.
    pub fn places(&self) -> Option<Result<Vec<Place>, LocateError>> {
        if !self.to_ask.is_empty() || !self.out.is_empty() {
            return None;
        }
        let mut places: Vec<Place> = Vec::new();
        for host in &self.hosts {
            for ip in host.addresses.iter().flatten() {
                let address = SocketAddr::new(*ip, host.port);
                let place = Place { transport: host.transport, address };
                if places.len() < PLACES_MAX && !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        Some(match (places.is_empty(), self.failed) {
            (false, _) => Ok(places),
            (true, true) => Err(LocateError::NoAnswer(self.uri.clone())),
            (true, false) => Err(LocateError::NotFound(self.uri.clone())),
        })
    }

    fn on_naptr(&mut self, mut records: Vec<Naptr>) {
        records.sort_by_key(|record| (record.order, record.preference));
        let services: Vec<(Transport, String)> = records
            .into_iter()
            .filter(|record| record.flags.eq_ignore_ascii_case("s"))
            .filter_map(|record| Some((service_transport(&record.service)?, record.replacement)))
            .filter(|(transport, _)| self.supported.contains(transport))
            .collect();
        if services.is_empty() {
            // RFC 3263 section 4.1: without NAPTR records, SRV queries for each transport that is supported.
            for transport in self.supported.clone() {
                self.want_service(transport, None);
            }
        }
        for (transport, name) in services {
            self.want_service(transport, Some(name));
        }
    }

    fn want_service(&mut self, transport: Transport, name: Option<String>) {
        let name = name.unwrap_or_else(|| format!("{}.{}", label(transport), self.host));
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.services.push(Service { transport, name: name.clone(), records: None });
        self.want(Query::Srv(name));
    }

    /// When every SRV record is there, they become hosts; when there is none, the host itself is one (section 4.2).
    fn on_services(&mut self) {
        if self.services.iter().any(|service| service.records.is_none()) {
            return;
        }
        let services = std::mem::take(&mut self.services);
        let mut offered = false;
        for service in services {
            for record in by_weight(service.records.unwrap_or_default(), &mut self.dice) {
                offered = true;
                let target = record.target.trim_end_matches('.').to_ascii_lowercase();
                // RFC 2782: a target of "." says that the service is decidedly not available.
                if !target.is_empty() {
                    self.want_host(service.transport, target, Some(record.port));
                }
            }
        }
        if !offered {
            let transport = self.transport.unwrap_or_else(|| self.fallback());
            self.want_host(transport, self.host.clone(), None);
        }
    }

    fn want_host(&mut self, transport: Transport, name: String, port: Option<u16>) {
        let usual = if is_secure(transport) { 5061 } else { 5060 };
        let port = port.unwrap_or(usual);
        let numeric = name.parse::<IpAddr>().ok().map(|ip| vec![ip]);
        let known = self.hosts.iter().any(|host| host.name == name);
        let asks = numeric.is_none() && !known;
        self.hosts.push(Host { transport, name: name.clone(), port, addresses: numeric });
        if asks {
            self.want(Query::Address(name));
        }
    }

    fn want(&mut self, query: Query) {
        if self.asked < QUERIES_MAX && !self.to_ask.contains(&query) {
            self.asked += 1;
            // Taken from the end: the first wanted is the first asked.
            self.to_ask.insert(0, query);
        } else if let Query::Srv(name) = query {
            // Beyond the limit a service counts as one without records.
            for service in self.services.iter_mut().filter(|s| s.name == name) {
                service.records.get_or_insert_default();
            }
        }
    }
}

const fn is_secure(transport: Transport) -> bool {
    matches!(transport, Transport::Tls | Transport::Wss)
}

/// The transport of a URI parameter; `sips` with `transport=tcp` is TLS (RFC 3261 section 26.2.2).
fn transport_of(name: &str, secure: bool) -> Option<Transport> {
    match name.to_ascii_lowercase().as_str() {
        "udp" if !secure => Some(Transport::Udp),
        "tcp" if secure => Some(Transport::Tls),
        "tcp" => Some(Transport::Tcp),
        "tls" => Some(Transport::Tls),
        "ws" if secure => Some(Transport::Wss),
        "ws" => Some(Transport::Ws),
        "wss" => Some(Transport::Wss),
        _ => None,
    }
}

/// The transport of a NAPTR service (RFC 3263 section 4.1, RFC 7118 section 4.2).
fn service_transport(service: &str) -> Option<Transport> {
    match service.to_ascii_uppercase().as_str() {
        "SIP+D2U" => Some(Transport::Udp),
        "SIP+D2T" => Some(Transport::Tcp),
        "SIPS+D2T" => Some(Transport::Tls),
        "SIP+D2W" => Some(Transport::Ws),
        "SIPS+D2W" => Some(Transport::Wss),
        _ => None,
    }
}

/// The first labels of the SRV name of a transport.
const fn label(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._ws",
    }
}

#[cfg(test)]
#[path = "locate_test.rs"]
mod tests;
