#![allow(clippy::unwrap_used)]
//! A switch with trunks, for tests: what goes in and out message by message.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use model::{
    Aor, Binding, Directory, Flow, ForwardWhen, GenerationToken, Instant, ListenerId, Membership,
    Seat, Seats, Secret, Shard, Shards, Transport, TrunkId,
    hook::{
        Answer, Decision, Destination, Hook, MediaMode, Plan, Question, QuestionId, Target, Verdict,
    },
};

use crate::{
    AuthConfig, Cause, Config, Emergency, Fact, Input, Limits, Listener, LocateId, Output,
    RegistrarConfig, Switch, TrunkConfig, TrunkStatus,
};

/// Everybody is a stranger here; trunks are up, and have as many seats as the test says.
#[derive(Default)]
pub(crate) struct Town {
    pub(crate) seats: BTreeMap<TrunkId, Seats>,
    pub(crate) down: Vec<TrunkId>,
    /// What is a routing point.
    pub(crate) points: Vec<Aor>,
    /// Phones.
    pub(crate) bindings: BTreeMap<Aor, Arc<[Binding]>>,
    /// Who logs in here.
    pub(crate) users: Vec<Aor>,
    /// The hooks that plugins answer.
    pub(crate) hooks: Vec<Hook>,
    /// The same of tables that served before.
    pub(crate) former: BTreeMap<u64, Vec<Hook>>,
    /// The routes of trunks that have one.
    pub(crate) routes: BTreeMap<TrunkId, Arc<str>>,
    /// Whose calls go somewhere else, and when.
    pub(crate) forwards: Vec<(Aor, ForwardWhen, Arc<str>)>,
}

impl Directory for Town {
    fn bindings(&self, aor: &Aor) -> Option<Arc<[Binding]>> {
        self.bindings.get(aor).cloned()
    }

    fn membership(&self, _: &Aor) -> Membership {
        Membership::ForeignHost
    }

    fn routing_point(&self, aor: &Aor) -> bool {
        self.points.contains(aor)
    }

    fn forward(&self, aor: &Aor, when: ForwardWhen) -> Option<Arc<str>> {
        let is_it = |(of, case, _): &&(Aor, ForwardWhen, _)| of == aor && *case == when;
        self.forwards.iter().find(is_it).map(|(_, _, to)| Arc::clone(to))
    }

    fn secret(&self, aor: &Aor) -> Option<Arc<Secret>> {
        self.users.contains(aor).then(Arc::default)
    }

    fn seat(&self, trunk: TrunkId) -> Option<Seat> {
        self.seats.get(&trunk).map_or_else(|| Some(Seat::default()), Seats::take)
    }

    fn answers(&self, hook: Hook, pin: Option<&GenerationToken>) -> bool {
        let former = pin.and_then(|pin| self.former.get(&pin.table()));
        former.unwrap_or(&self.hooks).contains(&hook)
    }

    fn service_route(&self, trunk: TrunkId) -> Option<Arc<str>> {
        self.routes.get(&trunk).cloned()
    }

    fn trunk_is_up(&self, trunk: TrunkId) -> bool {
        !self.down.contains(&trunk)
    }
}

pub(crate) fn trunk(name: &str, uri: &str, priority: u16) -> TrunkConfig {
    TrunkConfig {
        name: name.to_owned(),
        group: Some("outside".to_owned()),
        uri: uri.to_owned(),
        login: None,
        register: None,
        probe: None,
        identify: Vec::new(),
        priority,
        weight: 1,
        from_user: None,
        from_domain: None,
        trusted: true,
        assert_identity: false,
        diversion: crate::DiversionStyle::default(),
        service_route: true,
        overload_control: false,
        connection_reuse: false,
    }
}

pub(crate) const OURS: &str = "192.0.2.9:5060";
pub(crate) const PHONE: [u8; 4] = [198, 51, 100, 1];
pub(crate) const FIRST: [u8; 4] = [203, 0, 113, 1];
pub(crate) const SECOND: [u8; 4] = [203, 0, 113, 2];

pub(crate) struct Bench {
    pub(crate) switch: Switch,
    pub(crate) town: Town,
    pub(crate) now: Instant,
    pub(crate) facts: Vec<Fact>,
    pub(crate) asked: Option<QuestionId>,
    /// Events that plugins were told, and INVITEs they were asked about, that they have not answered.
    pub(crate) told: VecDeque<Question>,
    /// Look-ups that the switch waits for.
    pub(crate) lookups: Vec<(LocateId, String)>,
    /// What was told last of each trunk.
    pub(crate) statuses: BTreeMap<TrunkId, Arc<TrunkStatus>>,
    /// The switch's tag in its last response to the phone.
    pub(crate) tag: String,
    /// The same in its 200s to INVITEs, by Call-ID.
    pub(crate) tags_of_calls: BTreeMap<String, String>,
    /// The last INVITE that makes a call and went to the first trunk.
    first: Option<Sent>,
    last: u32,
}

/// A message that the switch sent, and to whom.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) to: IpAddr,
    pub(crate) text: String,
}

impl Sent {
    pub(crate) fn line(&self, name: &str) -> String {
        let start = format!("{name}: ");
        self.text.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_owned()
    }

    /// The first line without the version, and the last byte of where it went.
    pub(crate) fn what(&self) -> String {
        let first =
            self.text.lines().next().unwrap().replace(" SIP/2.0", "").replace("SIP/2.0 ", "");
        let host = match self.to {
            IpAddr::V4(ip) if ip.octets() == PHONE => "phone".to_owned(),
            IpAddr::V4(ip) => format!("trunk {}", ip.octets()[3]),
            IpAddr::V6(ip) => ip.to_string(),
        };
        format!("{first} > {host}")
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// A response to this request, with our tag of the carrier.
    pub(crate) fn response(&self, status: &str, extra: &str) -> String {
        self.response_with(status, extra, "")
    }

    /// The same with a session description.
    pub(crate) fn response_with(&self, status: &str, extra: &str, body: &str) -> String {
        let fields =
            ["Via", "From", "Call-ID", "CSeq"].map(|n| format!("{n}: {}\r\n", self.line(n)));
        let to = self.line("To");
        let to = if to.contains("tag=") { to } else { format!("{to};tag=carrier") };
        format!("SIP/2.0 {status}\r\n{}To: {to}\r\n{extra}{}", fields.concat(), with_length(body))
    }
}

impl Bench {
    pub(crate) fn new(trunks: Vec<TrunkConfig>) -> Self {
        Self::with_auth(trunks, None)
    }

    pub(crate) fn with_auth(trunks: Vec<TrunkConfig>, auth: Option<AuthConfig>) -> Self {
        Self::of(Self::config(trunks, auth))
    }

    pub(crate) fn of(config: Config) -> Self {
        let switch = Switch::new(config);
        let now = Instant::ZERO + Duration::from_secs(1);
        let town = Town::default();
        Self {
            switch,
            town,
            now,
            facts: Vec::new(),
            asked: None,
            told: VecDeque::new(),
            lookups: Vec::new(),
            statuses: BTreeMap::new(),
            tag: String::new(),
            tags_of_calls: BTreeMap::new(),
            first: None,
            last: 0,
        }
    }

    pub(crate) fn config(trunks: Vec<TrunkConfig>, auth: Option<AuthConfig>) -> Config {
        Config {
            shard: Shard(0),
            shards: Shards::ONE,
            seed: [1; 32],
            timers: sip::Timers::default(),
            sip_limits: sip::ParseLimits::default(),
            listeners: vec![Listener {
                name: "udp".to_owned(),
                transport: Transport::Udp,
                advertised: OURS.parse().unwrap(),
            }],
            limits: Limits::default(),
            ring_timeout: Duration::from_secs(60),
            routing_timeout: Duration::from_secs(150),
            question_timeout: Duration::from_secs(1),
            relay_timeout: Duration::from_secs(1),
            failover_after: Duration::from_secs(4),
            udp_request_max: 1300,
            locate_timeout: Duration::from_secs(4),
            media: MediaMode::Bypass,
            media_address6: None,
            emergency: Emergency::default(),
            transfers: crate::TransferConfig::default(),
            call_events: crate::CallEventConfig::default(),
            proxy_key: None,
            service_route: "".into(),
            trusted: Vec::new(),
            diversion: crate::DiversionStyle::default(),
            sessions: crate::SessionConfig::default(),
            auth,
            registrar: RegistrarConfig::default(),
            events: crate::EventsConfig::default(),
            devices: Vec::new(),
            trunks,
            server_header: String::new(),
        }
    }

    /// What follows from something done to a call behind the switch's back.
    pub(crate) fn flush(&mut self) -> Vec<Sent> {
        self.switch.handle_timeout(self.now, &self.town);
        self.drain()
    }

    pub(crate) fn drain(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => {
                    let text = String::from_utf8(bytes.to_vec()).unwrap();
                    let message = Sent { to: flow.peer.ip(), text };
                    if message.text.starts_with("SIP/2.0") && message.to == IpAddr::from(PHONE) {
                        let to = message.line("To");
                        self.tag = to.split("tag=").nth(1).unwrap_or_default().to_owned();
                        if message.text.starts_with("SIP/2.0 200")
                            && message.line("CSeq").ends_with("INVITE")
                        {
                            self.tags_of_calls.insert(message.line("Call-ID"), self.tag.clone());
                        }
                    }
                    if message.text.starts_with("INVITE")
                        && message.to == IpAddr::from(FIRST)
                        && !message.line("To").contains("tag=")
                    {
                        self.first = Some(message.clone());
                    }
                    sent.push(message);
                }
                Output::Ask(question)
                    if matches!(question.hook(), Hook::CallEvent | Hook::HeaderPolicy) =>
                {
                    self.told.push_back(question);
                }
                Output::Ask(question) => self.asked = Some(question.id),
                Output::Emit(fact) => self.facts.push(fact),
                Output::Locate { id, uri } => self.lookups.push((id, uri)),
                Output::Trunk { id, status } => {
                    self.town.routes.remove(&id);
                    let route = status.service_route.clone();
                    self.town.routes.extend(route.map(|route| (id, route)));
                    self.statuses.insert(id, status);
                }
                _ => {}
            }
        }
        sent
    }

    pub(crate) fn receive(&mut self, from: [u8; 4], text: String) -> Vec<Sent> {
        let flow =
            Flow { transport: Transport::Udp, listener: ListenerId(0), peer: (from, 5060).into() };
        let input = Input::Datagram { flow, bytes: Bytes::from(text) };
        self.switch.handle_input(self.now, &self.town, input);
        self.drain()
    }

    /// A request of the phone within its first call; ACK as well.
    pub(crate) fn phone_says(&mut self, method: &str, cseq: u32, fields: &str) -> Vec<Sent> {
        self.phone_says_in(1, method, cseq, fields)
    }

    /// The same in the call of this number.
    pub(crate) fn phone_says_in(
        &mut self,
        call: u32,
        method: &str,
        cseq: u32,
        fields: &str,
    ) -> Vec<Sent> {
        let text = format!(
            "{method} sip:x@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK{method}{call}-{cseq}\r\n\
             From: \"Ann\" <sip:1000@office.test>;tag=a\r\nTo: <sip:+43123@office.test>;tag={}\r\nCall-ID: {call}\r\n\
             CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\n{fields}{}",
            self.tags_of_calls.get(&call.to_string()).map_or(self.tag.as_str(), String::as_str),
            with_length("")
        );
        self.receive(PHONE, text)
    }

    /// A field of the last INVITE to the first trunk.
    pub(crate) fn leg(&self, name: &str) -> String {
        self.first.as_ref().unwrap().line(name)
    }

    pub(crate) fn configure(&mut self, settings: crate::Settings) {
        let input = Input::Configure(Box::new(settings));
        self.switch.handle_input(self.now, &self.town, input);
        self.drain();
    }

    pub(crate) fn pass(&mut self, seconds: u64) -> Vec<Sent> {
        self.now = self.now + Duration::from_secs(seconds);
        self.switch.handle_timeout(self.now, &self.town);
        self.drain()
    }

    pub(crate) fn invite(&mut self, from: [u8; 4]) -> Vec<Sent> {
        self.invite_with(from, "")
    }

    pub(crate) fn invite_with(&mut self, from: [u8; 4], body: &str) -> Vec<Sent> {
        self.invite_asking(from, "", body)
    }

    pub(crate) fn invite_asking(&mut self, from: [u8; 4], fields: &str, body: &str) -> Vec<Sent> {
        self.last += 1;
        let n = self.last;
        let host = IpAddr::from(from);
        self.receive(
            from,
            format!(
                "INVITE sip:+43123@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{n}\r\n\
                 From: \"Ann\" <sip:1000@office.test>;tag=a\r\nTo: <sip:+43123@office.test>\r\nCall-ID: {n}\r\n\
                 CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:1000@{host}>\r\n{fields}{}",
                with_length(body)
            ),
        )
    }

    /// An OPTIONS with these parameters in its Via.
    pub(crate) fn options(&mut self, from: [u8; 4], via: &str) -> Vec<Sent> {
        self.last += 1;
        let (n, host) = (self.last, IpAddr::from(from));
        self.receive(
            from,
            format!(
                "OPTIONS sip:192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{n}{via}\r\n\
                 From: <sip:{host}>;tag=a\r\nTo: <sip:192.0.2.9>\r\nCall-ID: {n}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{}",
                with_length("")
            ),
        )
    }

    /// The plugins answer the call that waits for them.
    pub(crate) fn route(&mut self, names: &[&str]) -> Vec<Sent> {
        let target =
            |name: &&str| Target::new(Destination::Trunk { name: (*name).to_owned(), user: None });
        let targets = names.iter().map(target).collect();
        self.decide(Hook::Route, Verdict::Plan(Plan { targets, media: MediaMode::Default }))
    }

    pub(crate) fn decide(&mut self, hook: Hook, verdict: Verdict) -> Vec<Sent> {
        let id = self.asked.take().unwrap();
        let decision = Decision::of(hook, 0);
        let answer = Answer { id, verdict, amended: None, pin: None, decision };
        self.switch.handle_input(self.now, &self.town, Input::Answer(answer));
        self.drain()
    }

    /// A call of the phone to a trunk or group, as far as its first INVITE.
    pub(crate) fn call(&mut self, name: &str) -> Vec<Sent> {
        self.invite(PHONE);
        self.route(&[name])
    }

    pub(crate) fn released(&self) -> Option<Cause> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::Released { cause, .. } => Some(*cause),
            _ => None,
        })
    }

    pub(crate) fn trunks_told(&self) -> Vec<String> {
        let told = self.facts.iter().filter_map(|fact| match fact {
            Fact::LegOnTrunk { leg, trunk } => Some(format!("leg {} on {trunk}", leg.number)),
            Fact::TrunkPassed { trunk, why, .. } => Some(format!("{trunk} passed, {why:?}")),
            _ => None,
        });
        told.collect()
    }
}

/// The fields about a body, and the body.
pub(crate) fn with_length(body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn what(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(Sent::what).collect()
}

pub(crate) fn two() -> Vec<TrunkConfig> {
    vec![trunk("a", "sip:203.0.113.1", 1), trunk("b", "sip:203.0.113.2;transport=udp", 2)]
}
