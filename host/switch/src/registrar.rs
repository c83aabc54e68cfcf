//! The registrar of a shard (RFC 3261 section 10.3).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use model::{Aor, Binding, Directory, Flow, Instant, Membership, hook::Registration};
use sip::{Message, Name, NameAddr, Uri, response_to};

use crate::{Fact, Publish, RegistrarConfig};

/// The bindings of the addresses-of-record of one shard.
pub(crate) struct Registrar {
    config: RegistrarConfig,
    /// The same values that were published.
    bindings_by_aor: BTreeMap<Aor, Arc<[Binding]>>,
    lapses: BTreeSet<(Instant, Aor)>,
}

/// What a REGISTER is to do.
pub(crate) struct Decided {
    /// To whom.
    pub(crate) aor: Aor,
    /// The bindings it leaves; `None` when it only asks for them.
    pub(crate) bindings: Option<Vec<Binding>>,
}

/// Why a REGISTER is refused: its status, and the Min-Expires of a 423.
pub(crate) struct Refusal {
    status: u16,
    reason: &'static str,
    min_expires: Option<u64>,
}

impl Refusal {
    const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason, min_expires: None }
    }

    /// The answer to `request`.
    pub(crate) fn response(&self, request: &Message, tag: &str) -> sip::Writer {
        let mut response = response_to(request, self.status, self.reason, Some(tag));
        if let Some(seconds) = self.min_expires {
            response.header(Name::MinExpires, seconds);
        }
        response
    }
}

impl Registrar {
    pub(crate) const fn new(config: RegistrarConfig) -> Self {
        Self { config, bindings_by_aor: BTreeMap::new(), lapses: BTreeSet::new() }
    }

    /// Goes by other rules from now on; bindings stay as they are, and so does what is said of the store.
    pub(crate) const fn configure(&mut self, config: RegistrarConfig) {
        self.config = RegistrarConfig { store: self.config.store, ..config };
    }

    pub(crate) fn aors(&self) -> usize {
        self.bindings_by_aor.len()
    }

    /// The bindings of `aor`, best first; lapsed ones may still be among them.
    pub(crate) fn bindings(&self, aor: &Aor) -> &[Binding] {
        self.bindings_by_aor.get(aor).map_or(&[], |bindings| &**bindings)
    }

    /// Every address-of-record with its bindings.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Aor, &[Binding])> {
        self.bindings_by_aor.iter().map(|(aor, bindings)| (aor, &**bindings))
    }

    pub(crate) fn next_lapse(&self) -> Option<Instant> {
        self.lapses.first().map(|(at, _)| *at)
    }

    /// The address-of-record a REGISTER is for, if it names one.
    pub(crate) fn aor_of(&self, request: &Message) -> Option<Aor> {
        request.to().ok()?.parsed_uri().ok()?.aor()
    }

    /// The 200 to `request`: every binding of `aor` as it stands (RFC 3261 section 10.3 step 8).
    pub(crate) fn acknowledgement(
        &self,
        now: Instant,
        aor: &Aor,
        request: &Message,
        tag: &str,
    ) -> sip::Writer {
        let mut response = response_to(request, 200, "", Some(tag));
        // RFC 3327 section 5.3: the phone learns the path only if it says that it knows what that is.
        if request.values(Name::Supported).any(|tag| tag.eq_ignore_ascii_case("path")) {
            for path in request.headers(Name::Path) {
                response.header(Name::Path, path);
            }
        }
        for binding in self.bindings_by_aor.get(aor).into_iter().flat_map(|all| all.iter()) {
            response.header(Name::Contact, ContactWithExpires { binding, now });
        }
        response
    }

    /// What a REGISTER is to do; all or nothing (RFC 3261 section 10.3 step 7). Nothing is done yet, see [`Self::commit`].
    /// `reserved` counts the addresses-of-record that may be on their way into the table.
    pub(crate) fn decide(
        &self,
        now: Instant,
        dir: &dyn Directory,
        flow: Flow,
        request: &Message,
        rules: Option<&Registration>,
        reserved: usize,
    ) -> Result<Decided, Refusal> {
        let aor = self
            .aor_of(request)
            .ok_or_else(|| Refusal::new(400, "To is not an address of record"))?;
        match dir.membership(&aor) {
            Membership::Subscriber => {}
            // A plugin may keep users that the configuration does not list.
            Membership::UnknownUser if rules.is_some() => {}
            // RFC 3261 section 10.3 steps 1 and 5.
            Membership::UnknownUser | Membership::ForeignHost => return Err(Refusal::new(404, "")),
        }
        let old = self.bindings_by_aor.get(&aor).map_or(&[][..], |bindings| &**bindings);
        if old.is_empty() && self.bindings_by_aor.len() + reserved >= self.config.aors_max {
            return Err(Refusal::new(503, ""));
        }
        let bindings = self.updated(now, flow, request, rules, old)?;
        Ok(Decided { aor, bindings })
    }

    /// Makes `new` the bindings of `aor`.
    pub(crate) fn commit(&mut self, aor: &Aor, new: Vec<Binding>) -> (Publish, Fact) {
        self.store(aor, new, false)
    }

    /// Makes `left` the bindings of `aor`: its phone did not take the others back, it is gone.
    pub(crate) fn drop_lost(&mut self, aor: &Aor, left: Vec<Binding>) -> (Publish, Fact) {
        self.store(aor, left, true)
    }

    /// The bindings after this REGISTER, or `None` when it only asks for them.
    fn updated(
        &self,
        now: Instant,
        flow: Flow,
        request: &Message,
        rules: Option<&Registration>,
        old: &[Binding],
    ) -> Result<Option<Vec<Binding>>, Refusal> {
        let contacts: Vec<&str> = request.values(Name::Contact).collect();
        let is_fresh =
            |b: &Binding| &*b.call_id != request.call_id() || b.cseq < request.cseq().number;
        match contacts.as_slice() {
            [] => return Ok(None),
            ["*"] => {
                if request.expires() != Some(0) {
                    return Err(Refusal::new(400, "Contact * needs Expires: 0"));
                }
                // Step 6: only bindings that this request is newer than.
                return Ok(Some(old.iter().filter(|b| !is_fresh(b)).cloned().collect()));
            }
            _ => {}
        }
        let path = path_of(request)?;
        let mut bindings: Vec<Binding> =
            old.iter().filter(|b| b.expires_at > now).cloned().collect();
        for text in contacts {
            let contact =
                NameAddr::parse(text).map_err(|_| Refusal::new(400, "Contact cannot be read"))?;
            let uri = contact.parsed_uri().map_err(|_| Refusal::new(400, "Contact is no URI"))?;
            let expires = self.expires_of(&contact, request, rules)?;
            let known =
                bindings.iter().position(|b| Uri::parse(&b.contact).is_ok_and(|u| u == uri));
            if let Some(at) = known {
                if bindings.get(at).is_some_and(|b| !is_fresh(b)) {
                    return Err(Refusal::new(500, "Out of order"));
                }
                bindings.remove(at);
            }
            if !expires.is_zero() {
                bindings.push(Binding {
                    path: path.clone(),
                    ..binding(now, flow, request, &contact, &uri, expires)
                });
            }
        }
        if let Some(most) = rules.and_then(|rules| rules.contacts_max) {
            // They stand in the order they were stored, what is new behind what was there.
            bindings.sort_by_key(|b| (&*b.call_id == request.call_id(), b.expires_at));
            bindings.drain(..bindings.len().saturating_sub(most));
        }
        if bindings.len() > self.config.contacts_max {
            return Err(Refusal::new(403, "Too many contacts"));
        }
        // Best first; among equals the newest first.
        bindings.sort_by_key(|b| (std::cmp::Reverse(b.q_milli), std::cmp::Reverse(b.expires_at)));
        Ok(Some(bindings))
    }

    fn expires_of(
        &self,
        contact: &NameAddr<'_>,
        request: &Message,
        rules: Option<&Registration>,
    ) -> Result<Duration, Refusal> {
        let own = contact.params.get("expires").flatten().and_then(|text| text.parse().ok());
        let asked = own.or_else(|| request.expires()).map(|s| Duration::from_secs(u64::from(s)));
        let expires = asked.unwrap_or(self.config.expires_default);
        if !expires.is_zero() && expires < self.config.expires_min {
            let min_expires = Some(self.config.expires_min.as_secs());
            return Err(Refusal { status: 423, reason: "", min_expires });
        }
        let most = rules.and_then(|rules| rules.expires_max).unwrap_or(self.config.expires_max);
        Ok(expires.min(most).min(self.config.expires_max))
    }

    fn store(&mut self, aor: &Aor, new: Vec<Binding>, lapsed: bool) -> (Publish, Fact) {
        // One text for all places it is kept in.
        let known = self.bindings_by_aor.get_key_value(aor).map(|(known, _)| known);
        let aor = known.unwrap_or(aor).clone();
        for binding in self.bindings_by_aor.get(&aor).into_iter().flat_map(|all| all.iter()) {
            self.lapses.remove(&(binding.expires_at, aor.clone()));
        }
        for binding in &new {
            self.lapses.insert((binding.expires_at, aor.clone()));
        }
        let bindings: Arc<[Binding]> = new.into();
        let publish = Publish { aor: aor.clone(), bindings: bindings.clone() };
        let fact = if bindings.is_empty() {
            self.bindings_by_aor.remove(&aor);
            Fact::Unregistered { aor, lapsed }
        } else {
            let contacts = bindings.len();
            self.bindings_by_aor.insert(aor.clone(), bindings);
            Fact::Registered { aor, contacts }
        };
        (publish, fact)
    }

    /// Takes the next address-of-record with a lapsed binding and drops what has lapsed of it.
    pub(crate) fn take_lapsed(&mut self, now: Instant) -> Option<(Publish, Fact)> {
        let (at, aor) = self.lapses.first()?.clone();
        if at > now {
            return None;
        }
        let old = self.bindings_by_aor.get(&aor).into_iter().flat_map(|all| all.iter());
        let new = old.filter(|b| b.expires_at > now).cloned().collect();
        self.lapses.remove(&(at, aor.clone()));
        Some(self.store(&aor, new, true))
    }
}

fn binding(
    now: Instant,
    flow: Flow,
    request: &Message,
    contact: &NameAddr<'_>,
    uri: &Uri<'_>,
    expires: Duration,
) -> Binding {
    let q_milli = contact.params.get("q").flatten().and_then(q_milli).unwrap_or(1000);
    Binding {
        contact: contact.uri.into(),
        path: Arc::default(),
        flow: Flow { peer: reach(flow, request, uri), ..flow },
        is_behind_nat: is_behind_nat(flow, request, uri),
        q_milli,
        expires_at: now + expires,
        call_id: request.call_id().into(),
        cseq: request.cseq().number,
        user_agent: request.header(Name::UserAgent).unwrap_or_default().into(),
    }
}

/// Where requests to a contact go: over the connection it registered over, or over UDP to its address when the phone is where it says it is, back along the REGISTER's path when
/// its Via differs from its source (a phone behind NAT) or the contact is a name.
fn reach(flow: Flow, request: &Message, uri: &Uri<'_>) -> SocketAddr {
    if flow.transport.is_reliable() {
        return flow.peer;
    }
    // The way to the contact begins with the last proxy of the REGISTER's way here.
    if let Some(first) = request.values(Name::Path).next() {
        let proxy =
            NameAddr::parse(first).ok().and_then(|path| path.parsed_uri().ok()?.socket_addr());
        return proxy.unwrap_or(flow.peer);
    }
    let via_is_source = request.top_via().is_ok_and(|via| {
        via.host.parse() == Ok(flow.peer.ip()) && via.port.unwrap_or(5060) == flow.peer.port()
    });
    match uri.socket_addr() {
        Some(address) if via_is_source => address,
        Some(_) | None => flow.peer,
    }
}

/// Whether a REGISTER shows that something rewrites the addresses of its phone's datagrams: where it comes from is not where its
/// Via says, or its Contact where Via has a name. A phone whose Via is right and whose Contact is another address means another
/// address. Behind a proxy it is the proxy that keeps the way open.
fn is_behind_nat(flow: Flow, request: &Message, uri: &Uri<'_>) -> bool {
    if flow.transport.is_reliable() || request.header(Name::Path).is_some() {
        return false;
    }
    let via = request.top_via().ok().and_then(|via| {
        let ip = via.host.trim_matches(['[', ']']).parse().ok()?;
        Some(SocketAddr::new(ip, via.port.unwrap_or(5060)))
    });
    via.or_else(|| uri.socket_addr()).is_some_and(|said| said != flow.peer)
}

/// The Path of a REGISTER as the value of a Route field (RFC 3327 section 5.3).
fn path_of(request: &Message) -> Result<Arc<str>, Refusal> {
    let mut path = String::new();
    for value in request.values(Name::Path) {
        let is_uri = NameAddr::parse(value).is_ok_and(|address| address.parsed_uri().is_ok());
        if !is_uri {
            return Err(Refusal::new(400, "Path cannot be read"));
        }
        if !path.is_empty() {
            path.push_str(", ");
        }
        path.push_str(value);
    }
    Ok(path.into())
}

/// A qvalue (RFC 3261 section 25.1) in thousandths: `0`, `1`, `0.5`, `1.000`.
pub(crate) fn q_milli(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let short = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    match (whole, short) {
        ("0", true) => format!("{fraction:0<3}").parse().ok(),
        ("1", true) if fraction.bytes().all(|b| b == b'0') => Some(1000),
        _ => None,
    }
}

struct ContactWithExpires<'a> {
    binding: &'a Binding,
    now: Instant,
}

impl std::fmt::Display for ContactWithExpires<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = (self.binding.expires_at - self.now).as_secs();
        write!(f, "<{}>;expires={left}", self.binding.contact)?;
        if self.binding.q_milli < 1000 {
            write!(f, ";q=0.{:03}", self.binding.q_milli)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::q_milli;

    #[test]
    fn a_qvalue_is_read_in_thousandths_and_nonsense_is_not() {
        let read: Vec<_> = ["0", "1", "0.5", "0.25", "1.000", "0.", "1.5", "2", "0.1234", "x", ""]
            .map(q_milli)
            .into();
        let want = [
            Some(0),
            Some(1000),
            Some(500),
            Some(250),
            Some(1000),
            Some(0),
            None,
            None,
            None,
            None,
            None,
        ];
        assert_eq!(read, want);
    }
}

#[cfg(test)]
#[path = "path_test.rs"]
mod path_tests;
