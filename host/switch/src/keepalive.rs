//! Keeps the way to phones behind NAT open, and knows when one is gone.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::{Aor, Binding, Flow, Instant, Transport};
use sip::{Message, Method, Name, NameAddr, Uri};

use crate::{
    KeepaliveConfig, KeepaliveMethod, Output, Switch, options::options_to, tables::Tables,
    turns::next_turn,
};

/// What RFC 5626 section 3.5.1 has clients send over streams: nothing that answers, and for a NAT as good as anything.
const PING: &[u8] = b"\r\n\r\n";

/// When each address-of-record with a phone behind NAT is due, and which phones have not answered.
pub(crate) struct Keepalive {
    config: Option<KeepaliveConfig>,
    /// Each address-of-record has one time in the interval, from its name: so they are spread, and none is here twice. One that
    /// needs it no more is found out when it is due.
    due: BTreeSet<(Instant, Aor)>,
    /// OPTIONS in a row without an answer, where somebody counts them.
    unanswered: BTreeMap<(Aor, Flow), u32>,
    /// Our From tag, which answers must have.
    tag: String,
    cseq: u32,
}

impl Keepalive {
    pub(crate) const fn new(config: Option<KeepaliveConfig>) -> Self {
        Self {
            config,
            due: BTreeSet::new(),
            unanswered: BTreeMap::new(),
            tag: String::new(),
            cseq: 0,
        }
    }

    /// When [`Switch::keep_alive`] wants to be called next.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Looks after the phones of `aor` that are behind NAT, if there are any.
    pub(crate) fn follow(&mut self, now: Instant, aor: &Aor, bindings: &[Binding]) {
        let Some(config) = self.config else { return };
        if bindings.iter().any(is_followed) {
            self.due.insert((next_turn(now, aor.as_str(), config.interval), aor.clone()));
        }
    }

    /// The phone on `flow` has shown that it is there.
    pub(crate) fn heard(&mut self, aor: &Aor, flow: Flow) {
        self.unanswered.remove(&(aor.clone(), flow));
    }

    fn take_due(&mut self, now: Instant) -> Option<Aor> {
        let is_due = self.due.first().is_some_and(|(at, _)| *at <= now);
        if is_due { self.due.pop_first().map(|(_, aor)| aor) } else { None }
    }

    /// Forgets what was counted of flows of `aor` that are not among `flows`.
    fn forget_others(&mut self, aor: &Aor, flows: &BTreeSet<Flow>) {
        let all = self.unanswered.range((aor.clone(), LEAST)..).map(|(key, _)| key);
        let others = all.take_while(|(of, _)| of == aor).filter(|(_, flow)| !flows.contains(flow));
        for key in others.cloned().collect::<Vec<_>>() {
            self.unanswered.remove(&key);
        }
    }

    /// Counts one more that is not answered yet; gives whether those before were too many.
    fn is_lost(&mut self, aor: &Aor, flow: Flow, failures_max: u32) -> bool {
        let count = self.unanswered.entry((aor.clone(), flow)).or_default();
        let is_lost = *count >= failures_max;
        *count += 1;
        is_lost
    }

    /// An OPTIONS to a contact (RFC 3261 section 11).
    fn options(
        &mut self,
        tables: &mut Tables,
        aor: &Aor,
        contact: &str,
        flow: Flow,
    ) -> Option<sip::RequestDraft> {
        if self.tag.is_empty() {
            self.tag = tables.endpoint.mint_tag();
        }
        self.cseq = self.cseq.wrapping_add(1) & 0x7fff_ffff;
        let uri = Uri::parse(contact).ok()?;
        let ours = (self.tag.as_str(), self.cseq);
        let writer = options_to(tables, ours, aor, uri.for_request(contact), flow);
        Some(writer.draft(None))
    }
}

/// Before every flow.
const LEAST: Flow = Flow {
    transport: Transport::Udp,
    listener: model::ListenerId(0),
    peer: std::net::SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0)),
};

const fn is_followed(binding: &Binding) -> bool {
    binding.is_behind_nat && matches!(binding.flow.transport, Transport::Udp)
}

impl Switch {
    /// Sends every keep-alive that is due.
    pub(crate) fn keep_alive(&mut self, now: Instant) {
        while let Some(aor) = self.keepalive.take_due(now) {
            let Some(config) = self.keepalive.config else { return };
            let bindings: Vec<Binding> = self
                .registrar
                .bindings(&aor)
                .iter()
                .filter(|binding| is_followed(binding) && binding.expires_at > now)
                .cloned()
                .collect();
            self.keep_flows(now, &aor, &bindings, config);
            self.keepalive.follow(now, &aor, &bindings);
        }
    }

    /// One keep-alive for each way to a phone of `aor`.
    fn keep_flows(
        &mut self,
        now: Instant,
        aor: &Aor,
        bindings: &[Binding],
        config: KeepaliveConfig,
    ) {
        let mut flows = BTreeSet::new();
        let mut lost = BTreeSet::new();
        for binding in bindings {
            let flow = binding.flow;
            if !flows.insert(flow) {
                continue;
            }
            if config.method == KeepaliveMethod::Crlf {
                let bytes = Bytes::from_static(PING);
                self.tables.outputs.push_back(Output::Transmit { flow, bytes });
                continue;
            }
            if config.failures_max > 0 && self.keepalive.is_lost(aor, flow, config.failures_max) {
                lost.insert(flow);
                continue;
            }
            let draft = self.keepalive.options(&mut self.tables, aor, &binding.contact, flow);
            if let Some(draft) = draft {
                // A listener that is gone makes no keep-alive; the binding lapses by itself.
                let _ = self.tables.endpoint.send_untracked(flow, draft);
            }
        }
        self.keepalive.forget_others(aor, &flows);
        if !lost.is_empty() {
            self.unbind(now, aor, &lost);
        }
    }

    /// Removes the contacts of `aor` on these flows, in the store first where there is one.
    fn unbind(&mut self, now: Instant, aor: &Aor, lost: &BTreeSet<Flow>) {
        let all = self.registrar.bindings(aor).iter();
        let left: Vec<Binding> =
            all.filter(|b| !is_followed(b) || !lost.contains(&b.flow)).cloned().collect();
        self.keep_only(now, aor, left);
    }

    /// A response that answers no transaction: to a keep-alive, perhaps. Any other is dropped (RFC 6026): who can make us pass one
    /// back by a Via of his own would speak with our address.
    pub(crate) fn on_stray(&mut self, flow: Flow, response: &Message) {
        let is_ours = response.method() == Method::Options
            && response.from().is_ok_and(|from| from.tag() == Some(&*self.keepalive.tag));
        let to = response.header(Name::To).and_then(|to| NameAddr::parse(to).ok());
        let aor = to.and_then(|to| to.parsed_uri().ok()?.aor());
        if let (true, Some(aor)) = (is_ours, aor) {
            self.keepalive.heard(&aor, flow);
        }
    }

    /// Goes by other rules from now on, for every phone that is bound.
    pub(crate) fn configure_keepalive(&mut self, now: Instant, config: Option<KeepaliveConfig>) {
        if self.keepalive.config == config {
            return;
        }
        self.keepalive =
            Keepalive { tag: std::mem::take(&mut self.keepalive.tag), ..Keepalive::new(config) };
        for (aor, bindings) in self.registrar.all() {
            self.keepalive.follow(now, aor, bindings);
        }
    }
}

#[cfg(test)]
#[path = "keepalive_test.rs"]
mod tests;
