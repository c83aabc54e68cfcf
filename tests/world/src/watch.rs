//! The busy lamp of a simulated phone: a subscription to the calls of a user, and what its NOTIFYs have shown.

use std::collections::BTreeMap;

use model::{Flow, Instant};
use sip::{ClientTx, Dialog, DialogSeed, Endpoint, Message, Method, Name, Writer};

/// A lamp.
#[derive(Default)]
pub(crate) struct Lamp {
    subscribing: Option<(ClientTx, DialogSeed)>,
    /// A SUBSCRIBE within the subscription.
    renewing: Option<ClientTx>,
    dialog: Option<Box<Dialog>>,
    /// The state of each dialog by its id.
    states: BTreeMap<String, String>,
    version: Option<u32>,
    /// Documents that were not the next one.
    pub(crate) gaps: u32,
    /// NOTIFYs in order, each as it left the lamp.
    pub(crate) seen: Vec<Vec<String>>,
}

impl Lamp {
    /// Subscribes to a user of the same host as `own`, or again when there is a subscription; with no seconds it ends it.
    pub(crate) fn subscribe(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        (own, contact, flow): (&str, &str, Flow),
        (user, seconds): (&str, u32),
    ) {
        if let Some(dialog) = &mut self.dialog {
            let mut draft = dialog.request(Method::Subscribe, contact);
            draft.header(Name::Event, "dialog").header(Name::Expires, seconds);
            self.renewing = endpoint.send_request(now, flow, draft).ok();
            return;
        }
        let (_, host) = own.split_once('@').unwrap_or_default();
        let uri = format!("sip:{user}@{host}");
        let seed = DialogSeed {
            // One that the endpoint mints names a shard of the node, which a phone does not know.
            call_id: format!("lamp-{}", endpoint.mint_call_id()),
            local_tag: endpoint.mint_tag(),
            local_uri: format!("<sip:{own}>"),
            remote_uri: format!("<{uri}>"),
            cseq: 1,
            flow,
        };
        let mut writer = Writer::request(Method::Subscribe, &uri);
        writer.header(Name::MaxForwards, 70);
        writer.header(Name::From, format_args!("{};tag={}", seed.local_uri, seed.local_tag));
        writer.header(Name::To, &seed.remote_uri);
        writer.header(Name::CallId, &seed.call_id);
        writer.header(Name::CSeq, "1 SUBSCRIBE");
        writer.header(Name::Contact, contact);
        writer.header(Name::Event, "dialog").header(Name::Expires, seconds);
        if let Ok(tx) = endpoint.send_request(now, flow, writer.draft(None)) {
            self.subscribing = Some((tx, seed));
        }
    }

    /// Takes the final answer to its SUBSCRIBE; whether it was one.
    pub(crate) fn on_response(&mut self, tx: ClientTx, response: &Message) -> bool {
        if self.renewing == Some(tx) {
            // RFC 6665 section 4.1.2.2: the subscription is unknown there, or its time is over.
            if response.status() == 481 {
                self.end();
            }
            return true;
        }
        let is_ours = self.subscribing.as_ref().is_some_and(|(ours, _)| *ours == tx);
        if is_ours && response.status() >= 200 {
            let Some((_, seed)) = self.subscribing.take() else { return true };
            let made = Dialog::from_response(&seed, response);
            if let (200..=299, Ok(dialog), None) = (response.status(), made, &self.dialog) {
                self.dialog = Some(Box::new(dialog));
            }
        }
        is_ours
    }

    /// Takes a NOTIFY; gives the status to answer it with.
    pub(crate) fn on_notify(&mut self, notify: &Message, flow: Flow) -> u16 {
        if let (None, Some((_, seed))) = (&self.dialog, &self.subscribing)
            && notify.call_id() == seed.call_id
            && let Ok(mut dialog) = Dialog::from_request(notify, &seed.local_tag, flow)
        {
            // It overtook the answer to the SUBSCRIBE (RFC 6665 section 4.1.2.4).
            (dialog.local_cseq, dialog.remote_cseq) = (seed.cseq, None);
            self.dialog = Some(Box::new(dialog));
        }
        let Some(dialog) = self.dialog.as_mut().filter(|dialog| dialog.is_of(notify)) else {
            return 481;
        };
        if let Err(status) = dialog.check_request(notify) {
            return status;
        }
        self.show(&String::from_utf8_lossy(notify.body()));
        let state = notify.header(Name::SubscriptionState).unwrap_or_default();
        if state.starts_with("terminated") {
            self.end();
        }
        200
    }

    fn end(&mut self) {
        (self.dialog, self.version) = (None, None);
        self.states.clear();
    }

    /// Shows a document as RFC 4235 section 4.3 has it.
    fn show(&mut self, document: &str) {
        let value = |text: &str, begin: &str| {
            let rest = text.split_once(begin)?.1;
            Some(rest.split(['"', '<']).next().unwrap_or_default().to_owned())
        };
        let document = document.split_once("<dialog-info").map_or("", |(_, rest)| rest);
        let Some(version) = value(document, " version=\"").and_then(|v| v.parse().ok()) else {
            return;
        };
        let is_full = document.contains("state=\"full\"");
        if self.version.is_some_and(|last| version != last + 1)
            || self.version.is_none() && !is_full
        {
            self.gaps += 1;
        }
        self.version = Some(version);
        if is_full {
            self.states.clear();
        }
        for dialog in document.split("<dialog ").skip(1) {
            let (id, state) = (value(dialog, "id=\""), value(dialog, "<state>"));
            match (id, state.as_deref()) {
                (Some(id), Some("terminated")) => self.states.remove(&id),
                (Some(id), Some(state)) => self.states.insert(id, state.to_owned()),
                (None, _) | (_, None) => None,
            };
        }
        self.seen.push(self.states.values().cloned().collect());
    }

    /// The state of each dialog; `None` without a subscription.
    pub(crate) fn states(&self) -> Option<Vec<&str>> {
        self.dialog.as_ref()?;
        Some(self.states.values().map(String::as_str).collect())
    }
}
