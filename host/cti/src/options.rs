//! Options of agents, DNs, the cluster and the application, by the names that clients and administrators know.
//!
//! An option is looked for at the agent login first, then at the DN, then at the application, and then has its default (section 4.12).

use std::{collections::BTreeMap, sync::Arc};

use crate::{AgentLogin, Dn};

/// What the value of an option may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptionKind {
    /// `true` or `false`.
    Flag,
    /// A whole number from 0 to this.
    Number(u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Names, with commas between them.
    Names,
}

/// An option: what it is called, where it may stand and what it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionDef {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: OptionKind,
    /// What it is when nobody says.
    pub default: &'static str,
    /// Where it may stand.
    pub scope: &'static str,
    /// What it does.
    pub doc: &'static str,
}

const AGENT: &str = "agent login, DN, application";
const CLUSTER: &str = "VoIP Service DN with `service-type=sip-cluster-nodes`";

macro_rules! options {
    ($($id:ident = $name:literal, $kind:expr, $default:literal, $scope:expr, $doc:literal;)*) => {
        /// The options by name.
        #[allow(non_upper_case_globals, reason = "read as names of options")]
        pub mod names {
            use super::*;
            $(#[doc = $doc] pub const $id: OptionDef =
                OptionDef { name: $name, kind: $kind, default: $default, scope: $scope, doc: $doc };)*
        }

        /// Every option that the modules of a node read for agents, DNs and ownership.
        pub const OPTIONS: &[OptionDef] = &[$(names::$id,)*];
    };
}

options! {
    wrap_up_time = "wrap-up-time", OptionKind::Number(86_400), "0", AGENT,
        "Seconds of after-call work after a call that came through a queue or a Routing Point and was answered; 0 for none.";
    timed_acw_in_idle = "timed-acw-in-idle", OptionKind::Flag, "true", AGENT,
        "Whether after-call work that an agent asks for without a call ends after `wrap-up-time`.";
    acw_in_idle_force_ready = "acw-in-idle-force-ready", OptionKind::Flag, "true", AGENT,
        "Whether such after-call work ends in Ready; otherwise in what the agent was before.";
    legal_guard = "legal-guard", OptionKind::Number(3_600), "0", AGENT,
        "Seconds an agent is Not Ready (work mode AutoIn) between a call through a queue, or the after-call work that follows it, and Ready.";
    auto_logout_timeout = "auto-logout-timeout", OptionKind::Number(35_791), "0", AGENT,
        "Minutes in Not Ready without a call after which an agent is logged out; 0 for never.";
    auto_logout_ready = "auto-logout-ready", OptionKind::Flag, "false", AGENT,
        "Whether `auto-logout-timeout` counts in Ready too.";
    logout_on_out_of_service = "logout-on-out-of-service", OptionKind::Flag, "false", AGENT,
        "Whether an agent is logged out when its device goes out of service, and may not log in while it is.";
    agent_logout_on_unreg = "agent-logout-on-unreg", OptionKind::Word(&["false", "true", "emu-only"]), "false", AGENT,
        "Whether an agent is logged out when the client that logged it in unregisters from the DN or is gone. All agents of this switch are emulated, so `emu-only` is `true`.";
    emulate_login = "emulate-login", OptionKind::Word(&["true", "false", "on-RP"]), "true", AGENT,
        "Whether agents may log in: always, never, or only with a Routing Point as their queue. The extension EmulateLogin of TAgentLogin comes before it.";
    agent_emu_login_on_call = "agent-emu-login-on-call", OptionKind::Flag, "false", AGENT,
        "Whether an agent may log in and out while a call is on its device. The extension AgentEmuLoginOnCall comes before it.";
    agent_strict_id = "agent-strict-id", OptionKind::Word(&["false", "true", "passwd"]), "false", "DN, application",
        "Whether an agent's id must be configured, and with `passwd` its password be right.";
    agent_no_answer_action = "agent-no-answer-action", OptionKind::Word(&["none", "notready", "logout"]), "none", AGENT,
        "What becomes of an agent that does not answer a call that was routed to it. NO_ANSWER_ACTION of TRouteCall comes before it.";
    hook_events = "hook-events", OptionKind::Flag, "false", "DN, application",
        "Whether EventOffHook and EventOnHook are sent.";
    request_collection_time = "request-collection-time", OptionKind::Number(10_000), "100", "application",
        "Milliseconds that reservations of one agent are collected for before the one with the highest priority has it; 0 gives it to the first.";
    reservation_time = "reservation-time", OptionKind::Number(3_600_000), "10000", "application",
        "Milliseconds that an agent is reserved for where TReserveAgent says nothing, and at most 3600000.";
    reject_subsequent_request = "reject-subsequent-request", OptionKind::Flag, "true", "application",
        "Whether a client that has reserved an agent is refused to reserve it again; otherwise that prolongs its reservation.";
    oos_check = "oos-check", OptionKind::Number(86_400), "0", "DN",
        "Seconds between one OPTIONS that asks the device whether it is there and the next; 0 asks nothing. The phones of a DN with the contact `*` are asked, and of any other what its contact names.";
    oos_force = "oos-force", OptionKind::Number(3_600), "5", "DN",
        "Seconds without an answer after which the device is out of service; below 5 it counts as 5.";
    recovery_timeout = "recovery-timeout", OptionKind::Number(86_400), "0", "DN",
        "Seconds between one OPTIONS and the next while the device is out of service; 0 is `oos-check`.";
    dn_owner_applications = "dn-owner-applications", OptionKind::Names, "", CLUSTER,
        "Names of the client applications whose registration makes this node the owner of a DN (T-Library-based ownership).";
    smart_proxy_enabled = "smart-proxy-enabled", OptionKind::Flag, "false", CLUSTER,
        "Whether the Smart Proxy gets all events from the T-Controller in bulk; otherwise it registers on each DN that one of its clients wants.";
}

impl OptionDef {
    /// Checks a value.
    ///
    /// # Errors
    ///
    /// What the value may be, where it is something else.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let fits = match self.kind {
            OptionKind::Flag => value.parse::<bool>().is_ok(),
            OptionKind::Number(max) => value.parse::<u64>().is_ok_and(|number| number <= max),
            OptionKind::Word(words) => words.contains(&value),
            OptionKind::Names => true,
        };
        if fits {
            return Ok(());
        }
        Err(format!("option {} is `{value}`: give {}", self.name, self.kind.describe()))
    }
}

impl OptionKind {
    /// What it may be, in words.
    pub fn describe(self) -> String {
        match self {
            Self::Flag => "true or false".into(),
            Self::Number(max) => format!("0 to {max}"),
            Self::Word(words) => words.join(", "),
            Self::Names => "names, with commas between them".into(),
        }
    }
}

/// The option of a name.
pub fn option_named(name: &str) -> Option<&'static OptionDef> {
    OPTIONS.iter().find(|option| option.name == name)
}

/// Where the options of one agent on one DN are looked for.
#[derive(Clone, Copy, Debug)]
pub struct OptionPlaces<'a> {
    /// The agent login, if there is an agent that is configured.
    pub login: Option<&'a AgentLogin>,
    /// The DN.
    pub dn: Option<&'a Dn>,
    /// The application.
    pub application: &'a BTreeMap<Arc<str>, Arc<str>>,
}

impl<'a> OptionPlaces<'a> {
    /// The value of an option: the first place that has one that may be, or its default.
    pub fn text(&self, option: OptionDef) -> &'a str {
        let at = |options: Option<&'a BTreeMap<Arc<str>, Arc<str>>>| {
            options?
                .get(option.name)
                .map(|value| &**value)
                .filter(|value| option.check(value).is_ok())
        };
        at(self.login.map(|login| &login.options))
            .or_else(|| at(self.dn.map(|dn| &dn.options)))
            .or_else(|| at(Some(self.application)))
            .unwrap_or(option.default)
    }

    /// The value of a flag.
    pub fn flag(&self, option: OptionDef) -> bool {
        self.text(option) == "true"
    }

    /// The value of a number.
    pub fn number(&self, option: OptionDef) -> u64 {
        self.text(option).parse().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DnType;

    fn list(pairs: &[(&str, &str)]) -> BTreeMap<Arc<str>, Arc<str>> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn an_agent_login_comes_before_the_dn_and_the_dn_before_the_application() {
        let login =
            AgentLogin { id: "A1".into(), password: None, options: list(&[("wrap-up-time", "3")]) };
        let dn = Dn {
            number: "1001".into(),
            kind: DnType::Extension,
            sip_owned: true,
            options: list(&[("wrap-up-time", "4"), ("legal-guard", "5")]),
        };
        let application =
            list(&[("wrap-up-time", "6"), ("legal-guard", "7"), ("auto-logout-timeout", "8")]);
        let all = OptionPlaces { login: Some(&login), dn: Some(&dn), application: &application };
        assert_eq!(all.number(names::wrap_up_time), 3);
        assert_eq!(all.number(names::legal_guard), 5);
        assert_eq!(all.number(names::auto_logout_timeout), 8);
        assert!(all.flag(names::timed_acw_in_idle));
    }

    #[test]
    fn defaults_may_be_and_what_may_not_be_is_refused_with_what_may() {
        for option in OPTIONS {
            assert_eq!(option.check(option.default), Ok(()), "{}", option.name);
        }
        assert_eq!(
            names::auto_logout_timeout.check("35792"),
            Err("option auto-logout-timeout is `35792`: give 0 to 35791".into())
        );
        assert_eq!(
            names::emulate_login.check("maybe"),
            Err("option emulate-login is `maybe`: give true, false, on-RP".into())
        );
    }

    #[test]
    fn the_manual_has_every_option() {
        let manual = include_str!("../../../docs/agents.md");
        let mut table =
            String::from("| option | default | values | where | |\n|---|---|---|---|---|\n");
        for option in OPTIONS {
            let default = if option.default.is_empty() {
                "none".into()
            } else {
                format!("`{}`", option.default)
            };
            table += &format!(
                "| `{}` | {default} | {} | {} | {} |\n",
                option.name,
                option.kind.describe(),
                option.scope,
                option.doc
            );
        }
        assert!(manual.contains(&table), "docs/agents.md must have this table:\n{table}");
    }
}
