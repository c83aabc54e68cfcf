//! The registrar of a shard (RFC 3261 section 10.3).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use model::{Aor, Binding, Directory, Flow, Instant, Membership, hook::Registration};
use sip::{Message, Name, NameAddr, Scheme, Uri, response_to};

use crate::{
    Fact, Publish, RegistrarConfig,
    gruu::{Gruus, Sealer},
    outbound::{Named, NoWayBack, Way},
    writes::Waiting,
};

/// The bindings of the addresses-of-record of one shard.
pub(crate) struct Registrar {
    config: RegistrarConfig,
    /// The same values that were published.
    bindings_by_aor: BTreeMap<Aor, Arc<[Binding]>>,
    lapses: BTreeSet<(Instant, Aor)>,
    /// Whose contacts are reached over one connection alone.
    aors_by_connection: BTreeMap<Flow, BTreeSet<Aor>>,
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
        Self {
            config,
            bindings_by_aor: BTreeMap::new(),
            lapses: BTreeSet::new(),
            aors_by_connection: BTreeMap::new(),
        }
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

    /// Whose contacts are reached over this connection alone.
    pub(crate) fn aors_on(&self, flow: Flow) -> Vec<Aor> {
        self.aors_by_connection.get(&flow).into_iter().flatten().cloned().collect()
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
        Waiting { flow, request, .. }: &Waiting,
        tag: &str,
        sealer: Option<Sealer>,
    ) -> sip::Writer {
        let mut response = response_to(request, 200, "", Some(tag));
        let way = Way::of(request);
        if self.config.outbound && way.is_confirmed(request) {
            //= RFC 5626 section 6
            //# Provided that the UAC had included an outbound option-tag (defined in Section 11.4) in a Supported header field value
            //# in the REGISTER request, the registrar MUST include the outbound option-tag in a Require header field value in its
            //# response to that REGISTER request.
            response.header(Name::Require, "outbound");
            if way.is_direct && flow.transport.is_reliable() && self.config.flow_timer_s > 0 {
                response.other("Flow-Timer", self.config.flow_timer_s.to_string().as_bytes());
            }
        }
        // RFC 3327 section 5.3: the phone learns the path only if it says that it knows what that is.
        if request.values(Name::Supported).any(|tag| tag.eq_ignore_ascii_case("path")) {
            for path in request.headers(Name::Path) {
                response.header(Name::Path, path);
            }
        }
        let wants_gruu = self.config.gruu
            && request.values(Name::Supported).any(|tag| tag.eq_ignore_ascii_case("gruu"));
        let to = request.to().ok().and_then(|to| to.parsed_uri().ok());
        let scheme = to.map_or(Scheme::Sip, |to| to.scheme);
        for binding in self.bindings_by_aor.get(aor).into_iter().flat_map(|all| all.iter()) {
            let gruus = (wants_gruu && !binding.instance.is_empty()).then_some(Gruus {
                aor,
                binding,
                scheme,
                sealer,
            });
            response.header(Name::Contact, ContactWithExpires { binding, now, gruus });
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
        // RFC 5627 section 5.1: requests to it would come back here.
        let is_own = |contact: &str| {
            let contact = NameAddr::parse(contact).ok();
            let uri = contact.as_ref().and_then(|contact| contact.parsed_uri().ok());
            uri.filter(|uri| uri.param("gr").is_some()).and_then(|uri| uri.aor())
        };
        let mut owned = request.values(Name::Contact).filter_map(is_own);
        if owned.any(|aor| dir.membership(&aor) != Membership::ForeignHost) {
            return Err(Refusal::new(403, "Contact is a GRUU of ours"));
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
        let way = Way::of(request);
        let mut bindings: Vec<Binding> =
            old.iter().filter(|b| b.expires_at > now).cloned().collect();
        let (mut bound, mut has_flow) = (0, false);
        for text in contacts {
            let contact =
                NameAddr::parse(text).map_err(|_| Refusal::new(400, "Contact cannot be read"))?;
            let uri = contact.parsed_uri().map_err(|_| Refusal::new(400, "Contact is no URI"))?;
            let expires = self.expires_of(&contact, request, rules)?;
            let named = self.named(way, &contact)?;
            let is_same = |b: &Binding| {
                // A phone that begins to name its ways leaves what it bound by its address.
                let by_uri = named.reg_id == 0 || b.reg_id == 0;
                named.is_the_way_of(b) || (by_uri && Uri::parse(&b.contact).is_ok_and(|u| u == uri))
            };
            if bindings.iter().any(|b| is_same(b) && !is_fresh(b)) {
                return Err(Refusal::new(500, "Out of order"));
            }
            bindings.retain(|b| !is_same(b));
            if !expires.is_zero() {
                (bound, has_flow) = (bound + 1, has_flow || named.reg_id != 0);
                let new = binding(now, flow, request, (&contact, &uri, named), expires);
                bindings.push(Binding { path: path.clone(), ..new });
            }
        }
        //= RFC 5626 section 6
        //# if the Contact header field contains more than one header field value with a non-zero expiration and any of these header
        //# field values contain a "reg-id" Contact header field parameter, the entire registration SHOULD be rejected with a 400
        //# (Bad Request) response.
        if bound > 1 && has_flow {
            return Err(Refusal::new(400, "One contact only with reg-id"));
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

    /// Whose contact it is.
    fn named<'a>(&self, way: Way, contact: &NameAddr<'a>) -> Result<Named<'a>, Refusal> {
        let way = if self.config.outbound {
            way
        } else {
            Way { is_asked: false, is_direct: false, is_kept: false }
        };
        way.name(contact).map_err(|NoWayBack| Refusal::new(439, "First Hop Lacks Outbound Support"))
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
            if binding.is_a_connection() {
                let aors = self.aors_by_connection.get_mut(&binding.flow);
                if aors.is_some_and(|aors| aors.remove(&aor) && aors.is_empty()) {
                    self.aors_by_connection.remove(&binding.flow);
                }
            }
        }
        for binding in &new {
            self.lapses.insert((binding.expires_at, aor.clone()));
            if binding.is_a_connection() {
                self.aors_by_connection.entry(binding.flow).or_default().insert(aor.clone());
            }
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
    (contact, uri, named): (&NameAddr<'_>, &Uri<'_>, Named<'_>),
    expires: Duration,
) -> Binding {
    let q_milli = contact.params.get("q").flatten().and_then(q_milli).unwrap_or(1000);
    Binding {
        contact: contact.uri.into(),
        path: Arc::default(),
        flow: Flow { peer: reach(flow, request, uri, named), ..flow },
        is_behind_nat: is_behind_nat(flow, request, uri),
        q_milli,
        expires_at: now + expires,
        call_id: request.call_id().into(),
        cseq: request.cseq().number,
        user_agent: request.header(Name::UserAgent).unwrap_or_default().into(),
        // Nothing is kept for the many that do not say.
        instance: if named.instance.is_empty() { Arc::default() } else { named.instance.into() },
        reg_id: named.reg_id,
    }
}

/// Where requests to a contact go: over the connection it registered over, or over UDP to its address when the phone is where it says it is, back along the REGISTER's path when
/// its Via differs from its source (a phone behind NAT) or the contact is a name, or is bound to that way.
fn reach(flow: Flow, request: &Message, uri: &Uri<'_>, named: Named<'_>) -> SocketAddr {
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
        Some(address) if via_is_source && named.reg_id == 0 => address,
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
    /// Where the phone asks for them.
    gruus: Option<Gruus<'a>>,
}

impl std::fmt::Display for ContactWithExpires<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = (self.binding.expires_at - self.now).as_secs();
        write!(f, "<{}>;expires={left}", self.binding.contact)?;
        if self.binding.q_milli < 1000 {
            write!(f, ";q=0.{:03}", self.binding.q_milli)?;
        }
        if !self.binding.instance.is_empty() {
            write!(f, ";+sip.instance=\"<{}>\"", self.binding.instance)?;
        }
        if self.binding.reg_id != 0 {
            write!(f, ";reg-id={}", self.binding.reg_id)?;
        }
        if let Some(gruus) = &self.gruus {
            write!(f, "{gruus}")?;
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
