use std::{fmt, net::IpAddr, time::Duration};

use super::DiversionStyle;
use serde::{Deserialize, Serialize};
use switch::{Login, Network, Probing, Registering, TrunkConfig};

/// `[[trunk]]`: another network that calls go to and come from. `docs/trunks.md` shows how.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrunkSection {
    /// What scripts and commands call it, such as `"carrier"`. Required; no other trunk and no group may have it.
    pub name: String,
    /// Where its calls go: `"sip:HOST"` with a name (RFC 3263) or an address, maybe a port and `;transport=…`. Required.
    pub uri: String,
    /// The name that challenges (401, 407) to REGISTER and INVITE are answered with.
    pub username: Option<String>,
    /// The password of `username`.
    pub password: Option<String>,
    /// Whether a registration is kept at `uri`, for `username`.
    pub register: bool,
    /// How long a registration is asked for, in seconds; it is renewed before that is over.
    pub register_expires_s: u32,
    /// How long after a registration that was not taken it is tried again, in seconds; each failure doubles it, up to half an hour.
    pub register_retry_s: u64,
    /// The user of the Contact that is registered, which the carrier sends calls to. Absent takes `username`.
    pub contact_user: Option<String>,
    /// Calls from these networks, such as `"192.0.2.0/24"` or `"2001:db8::1"`, are this trunk's and asked for no password. The
    /// longest prefix of all trunks counts. Empty takes the address of `uri`, when it is one, and where the registrar was found.
    pub identify: Vec<String>,
    /// Calls at once, in both directions together; 0 sets no limit. Beyond it calls out take the next trunk of the group, and calls
    /// in are answered 503.
    pub capacity: u32,
    /// A name that several trunks share and scripts may use: its trunks are tried one after another.
    pub group: Option<String>,
    /// Trunks of a group with a lower number are tried first.
    pub priority: u16,
    /// Trunks of the same priority are tried in an order that is drawn for each call: the first is one with `weight` 3 three
    /// times as often as one with 1.
    pub weight: u16,
    /// Seconds from one OPTIONS to the next, which tells whether the trunk answers; 0 sends none, and the trunk counts as up.
    pub probe_interval_s: u64,
    /// How long an OPTIONS may take for its answer, in milliseconds.
    pub probe_timeout_ms: u64,
    /// OPTIONS in a row without a usable answer after which the trunk is down and gets no calls. The first that is answered brings
    /// it back.
    pub probe_failures: u32,
    /// The user part of From in calls out, for a carrier that wants the account there. Absent passes the caller's.
    pub from_user: Option<String>,
    /// The host part of From in calls out and of the address that is registered. Absent takes the host of `uri`.
    pub from_domain: Option<String>,
    /// Whether it is trusted with identities (RFC 3325): its P-Asserted-Identity, Diversion and History-Info are believed, and it is
    /// told who a caller is that wants not to be known, with `Privacy`. Where it is not, such a caller is anonymous to it.
    pub trusted: bool,
    /// Whether calls out say in P-Asserted-Identity who calls: the caller that the dial plan shows, or the user that proved to be it, at
    /// `from_domain` or the host of `uri`.
    pub assert_identity: bool,
    /// How it is told that a call was diverted, where a script said so or a called party named another: `diversion` (RFC 5806),
    /// `history-info` (RFC 7044), `both` or `off`.
    pub diversion: DiversionStyle,
    /// Whether it and this switch tell one another how many of their calls to hold back (RFC 7339, by loss): calls out are held back as its
    /// answers ask, but none to emergency numbers; and what it sends from the networks in `identify` is answered with how much of it
    /// is refused here.
    pub overload_control: bool,
    /// Whether it may send its calls over the TLS connection that this switch makes to it (RFC 5923): the Via of requests says `alias`. What it has
    /// to show for that, and we, [transports.md](transports.md) says.
    pub connection_reuse: bool,
    /// Whether calls out go through the proxies that the registrar names in its answers (RFC 3608, Service-Route): the first of them is
    /// where they are sent. `false` sends them to `uri` whatever it names.
    pub service_route: bool,
}

impl Default for TrunkSection {
    fn default() -> Self {
        Self {
            name: String::new(),
            uri: String::new(),
            username: None,
            password: None,
            register: false,
            register_expires_s: 600,
            register_retry_s: 30,
            contact_user: None,
            identify: Vec::new(),
            capacity: 0,
            group: None,
            priority: 1,
            weight: 1,
            probe_interval_s: 30,
            probe_timeout_ms: 5000,
            probe_failures: 2,
            from_user: None,
            from_domain: None,
            trusted: true,
            assert_identity: false,
            diversion: DiversionStyle::Both,
            overload_control: false,
            connection_reuse: false,
            service_route: true,
        }
    }
}

impl TrunkSection {
    /// As the switch takes it; networks that cannot be read are left out, which the check of the configuration does not let by.
    pub(crate) fn to_switch(&self) -> TrunkConfig {
        let login = self.username.clone().zip(self.password.clone());
        let user = self.username.clone().unwrap_or_default();
        TrunkConfig {
            name: self.name.clone(),
            group: self.group.clone(),
            uri: self.uri.clone(),
            login: login.map(|(user, password)| Login { user, password }),
            register: self.register.then(|| Registering {
                contact_user: self.contact_user.clone().unwrap_or_else(|| user.clone()),
                user,
                expires: Duration::from_secs(self.register_expires_s.into()),
                retry: Duration::from_secs(self.register_retry_s),
            }),
            probe: (self.probe_interval_s > 0).then(|| Probing {
                interval: Duration::from_secs(self.probe_interval_s),
                timeout: Duration::from_millis(self.probe_timeout_ms),
                failures: self.probe_failures,
            }),
            identify: self.networks(),
            priority: self.priority,
            weight: self.weight,
            from_user: self.from_user.clone(),
            from_domain: self.from_domain.clone(),
            trusted: self.trusted,
            assert_identity: self.assert_identity,
            diversion: self.diversion.into(),
            overload_control: self.overload_control,
            connection_reuse: self.connection_reuse,
            service_route: self.service_route,
        }
    }

    /// Calls at once; `None` for no limit.
    pub(crate) fn calls_max(&self) -> Option<u32> {
        (self.capacity > 0).then_some(self.capacity)
    }

    /// Its whole numbers, each with the least and the greatest it may be.
    fn numbers(&self) -> [(&'static str, u64, u64, u64); 5] {
        [
            ("register_expires_s", self.register_expires_s.into(), 10, 604_800),
            ("register_retry_s", self.register_retry_s, 1, 1800),
            ("probe_interval_s", self.probe_interval_s, 0, 86_400),
            ("probe_timeout_ms", self.probe_timeout_ms, 100, 60_000),
            ("probe_failures", self.probe_failures.into(), 1, 100),
        ]
    }

    fn networks(&self) -> Vec<Network> {
        if !self.identify.is_empty() {
            return self.identify.iter().filter_map(|text| text.parse().ok()).collect();
        }
        let host = sip::Uri::parse(&self.uri).ok().and_then(|uri| uri.host.parse::<IpAddr>().ok());
        host.map(Network::from).into_iter().collect()
    }
}

impl fmt::Debug for TrunkSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrunkSection")
            .field("name", &self.name)
            .field("uri", &self.uri)
            .field("has_password", &self.password.is_some())
            .finish_non_exhaustive()
    }
}

/// What is wrong with the trunks: index, key, what, help.
pub(crate) fn problems(trunks: &[TrunkSection]) -> Vec<(usize, &'static str, String, String)> {
    let mut problems = Vec::new();
    for (at, trunk) in trunks.iter().enumerate() {
        let mut tell = |key, what: String, help: &str| {
            problems.push((at, key, what, help.to_owned()));
        };
        let taken = |name: &str| {
            let others = trunks.iter().enumerate().filter(|(other, _)| *other != at);
            others
                .into_iter()
                .any(|(_, other)| other.name == name || other.group.as_deref() == Some(name))
        };
        let is_name = |name: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !name.is_empty() && name.chars().all(plain)
        };
        if !is_name(&trunk.name) {
            let what = format!("`name` is \"{}\"", trunk.name.escape_debug());
            tell("name", what, "give letters, digits, `-`, `_` and `.`");
        } else if taken(&trunk.name) || trunk.group.as_ref() == Some(&trunk.name) {
            let what = format!("`name` is \"{}\", taken by another trunk or a group", trunk.name);
            tell("name", what, "give each trunk a name of its own");
        }
        if trunk.group.as_deref().is_some_and(|group| !is_name(group)) {
            let what = "`group` is no name".to_owned();
            tell("group", what, "give letters, digits, `-`, `_` and `.`");
        }
        if let Err(error) = TrunkConfig::check_uri(&trunk.uri) {
            tell(
                "uri",
                error.to_string(),
                "name the carrier's host, such as \"sip:sip.carrier.example\"",
            );
        }
        if trunk.username.is_some() != trunk.password.is_some() {
            let what = "`username` and `password` go together".to_owned();
            tell("username", what, "give both, or leave both out");
        }
        if trunk.register && trunk.username.is_none() {
            tell("register", "`register` without `username`".to_owned(), "say whom to register");
        }
        for (key, value, least, most) in trunk.numbers() {
            if !(least..=most).contains(&value) {
                let what = format!("`{key}` is {value}, out of range");
                tell(key, what, &format!("give {least} to {most}"));
            }
        }
        for text in &trunk.identify {
            if let Err(error) = text.parse::<Network>() {
                tell("identify", error.to_string(), "such as \"192.0.2.0/24\" or \"2001:db8::1\"");
            }
        }
        let parts = [
            ("from_user", &trunk.from_user),
            ("from_domain", &trunk.from_domain),
            ("contact_user", &trunk.contact_user),
        ];
        for (key, text) in parts {
            let is_plain = |c: char| c.is_ascii_graphic() && !"<>\"@;".contains(c);
            if text.as_ref().is_some_and(|text| text.is_empty() || !text.chars().all(is_plain)) {
                tell(
                    key,
                    format!("`{key}` cannot stand in a SIP URI"),
                    "give it without sip: and @",
                );
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(change: impl FnOnce(&mut Vec<TrunkSection>)) -> Vec<(usize, &'static str)> {
        let trunk = |name: &str| TrunkSection {
            name: name.to_owned(),
            uri: "sip:carrier.example".to_owned(),
            group: Some("out".to_owned()),
            ..TrunkSection::default()
        };
        let mut trunks = vec![trunk("a"), trunk("b")];
        change(&mut trunks);
        problems(&trunks).into_iter().map(|(at, key, ..)| (at, key)).collect()
    }

    #[test]
    fn what_cannot_be_is_told_by_its_key() {
        assert_eq!(told(|_| {}), []);
        assert_eq!(told(|list| list[1].name = "a".into()), [(0, "name"), (1, "name")]);
        assert_eq!(told(|list| list[1].name = "out".into()), [(1, "name")]);
        assert_eq!(told(|list| list[0].name = "a b".into()), [(0, "name")]);
        assert_eq!(told(|list| list[0].group = Some(String::new())), [(0, "group")]);
        assert_eq!(told(|list| list[1].uri = "carrier.example".into()), [(1, "uri")]);
        assert_eq!(told(|list| list[1].username = Some("u".into())), [(1, "username")]);
        assert_eq!(told(|list| list[0].identify = vec!["10.0.0.0/40".into()]), [(0, "identify")]);
        assert_eq!(told(|list| list[0].register = true), [(0, "register")]);
        assert_eq!(told(|list| list[1].probe_failures = 0), [(1, "probe_failures")]);
        assert_eq!(told(|list| list[1].register_retry_s = 0), [(1, "register_retry_s")]);
        assert_eq!(told(|list| list[0].from_user = Some("a@b".into())), [(0, "from_user")]);
    }

    #[test]
    fn the_address_of_the_uri_identifies_when_nothing_else_does() {
        let of = |uri: &str, identify: &[&str]| {
            let identify = identify.iter().map(|text| (*text).to_owned()).collect();
            let trunk = TrunkSection { uri: uri.to_owned(), identify, ..TrunkSection::default() };
            trunk.to_switch().identify.iter().map(Network::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of("sip:192.0.2.1:5070", &[]), ["192.0.2.1/32"]);
        assert_eq!(of("sip:[2001:db8::1]", &[]), ["2001:db8::1/128"]);
        assert_eq!(of("sip:carrier.example", &[]), [""; 0]);
        assert_eq!(of("sip:192.0.2.1", &["198.51.100.0/24"]), ["198.51.100.0/24"]);
    }

    #[test]
    fn a_password_is_not_shown() {
        let trunk = TrunkSection { password: Some("secret".into()), ..TrunkSection::default() };
        assert!(!format!("{trunk:?} {:?}", trunk.to_switch()).contains("secret"));
    }
}
