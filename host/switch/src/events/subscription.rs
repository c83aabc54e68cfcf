//! One subscription: a dialog that NOTIFYs go out in (RFC 6665).

use std::{collections::BTreeMap, time::Duration};

use model::{Aor, Directory, Flow, Instant, LegId};
use sip::{Dialog, Message, Method, Name, RequestDraft};

use super::{
    DialogInfo, Dialogs, EventsConfig, Package, dialog_info, message_summary, package::Matter, pidf,
};
use crate::{call::connection_for_size, tables::Tables};

/// Names a subscription of a shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SubId(pub(super) u64);

/// One subscription.
pub(super) struct Subscription {
    pub(super) package: Package,
    /// Whose state it is told.
    pub(super) aor: Aor,
    /// The URI that was subscribed to.
    pub(super) entity: Box<str>,
    /// The value of Event, with its id.
    pub(super) event: Box<str>,
    pub(super) dialog: Dialog,
    pub(super) contact: Box<str>,
    pub(super) expires_at: Instant,
    pub(super) news: News,
    /// A NOTIFY is under way; the next one waits for its answer.
    pub(super) in_flight: bool,
    /// It went over a connection because it is too large for a datagram.
    by_connection: bool,
    /// The subscriber is not reached over a connection.
    no_connection: bool,
    /// Not before this the next one goes out.
    pub(super) not_before: Instant,
    /// What was told last, of a package that has no numbers.
    told: Option<Box<str>>,
    /// The number of the next document.
    version: u32,
    /// Why it ends with the next NOTIFY, or with the one under way.
    pub(super) ending: Option<&'static str>,
    /// Its last NOTIFY went out.
    pub(super) ended: bool,
    /// The next NOTIFY answers a SUBSCRIBE.
    pub(super) is_asked: bool,
    /// It waits for other shards rather than for its interval.
    pub(super) waits: bool,
    pub(super) wakes_at: Option<Instant>,
}

/// What the subscriber has not been told.
#[derive(Default)]
pub(super) enum News {
    /// Nothing.
    #[default]
    None,
    /// These dialogs have changed.
    Changes(BTreeMap<LegId, DialogInfo>),
    /// Everything.
    All,
}

/// What is to be done after a NOTIFY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Aftermath {
    Forget,
    GoOn,
}

impl Subscription {
    pub(super) fn new(
        package: Package,
        aor: Aor,
        dialog: Dialog,
        event: &str,
        now: Instant,
    ) -> Self {
        Self {
            package,
            aor,
            entity: "".into(),
            event: event.into(),
            dialog,
            contact: "".into(),
            expires_at: now,
            news: News::All,
            in_flight: false,
            by_connection: false,
            no_connection: false,
            not_before: now,
            told: None,
            version: 0,
            ending: None,
            ended: false,
            is_asked: true,
            waits: false,
            wakes_at: None,
        }
    }

    /// Has everything told, whether or not it is new.
    pub(super) fn tell_all(&mut self) {
        self.news = News::All;
        self.is_asked = true;
    }

    /// Notes that what the directory says has changed; the dialogs have not.
    pub(super) fn note_change(&mut self) {
        if self.package != Package::Dialog {
            self.news = News::All;
        }
    }

    /// Notes that a dialog has changed.
    pub(super) fn note(&mut self, info: &DialogInfo) {
        match &mut self.news {
            _ if self.package == Package::Presence => self.news = News::All,
            News::All => {}
            News::Changes(changes) => {
                changes.insert(info.leg, info.clone());
            }
            News::None => self.news = News::Changes([(info.leg, info.clone())].into()),
        }
    }

    /// What it is told of.
    pub(super) fn resource(&self) -> (Matter, Aor) {
        (self.package.matter(), self.aor.clone())
    }

    /// Whether there is something to tell.
    pub(super) const fn is_due(&self) -> bool {
        !self.ended && (self.ending.is_some() || !matches!(self.news, News::None))
    }

    /// The NOTIFY that tells what is to be told, and the flow it takes; `None` when it would tell nothing new. `dialogs` are all
    /// there are.
    pub(super) fn notify(
        &mut self,
        tables: &Tables,
        now: Instant,
        dir: &dyn Directory,
        dialogs: &Dialogs,
    ) -> Option<(Flow, RequestDraft)> {
        let config = tables.config.events;
        let body = match self.package {
            Package::Dialog => self.dialog_info(&config, dialogs),
            Package::MessageSummary => {
                let count = dir.messages(&self.aor).unwrap_or_default();
                self.renewed(message_summary::document(&self.entity, count))
            }
            Package::Presence => {
                let is_live = |binding: &model::Binding| binding.expires_at > now;
                let bindings = dir.bindings(&self.aor);
                let is_open = bindings.is_some_and(|all| all.iter().any(is_live));
                self.renewed(pidf::document(&self.entity, is_open, !dialogs.is_empty()))
            }
        };
        if body.is_none() && self.ending.is_none() {
            return None;
        }
        let mut draft = self.dialog.request(Method::Notify, &self.contact);
        draft.header(Name::Event, &self.event);
        match self.ending {
            Some(reason) => {
                draft.header(Name::SubscriptionState, format_args!("terminated;reason={reason}"));
            }
            None => {
                let left = (self.expires_at - now).as_secs();
                draft.header(Name::SubscriptionState, format_args!("active;expires={left}"));
            }
        }
        tables.sign_draft(&mut draft);
        let kind = self.package.content_type().to_owned();
        let draft = draft.with_body(body.map(|body| (kind, body.into())));
        let flow = self.way_for(tables, draft.size());
        self.by_connection = flow != self.dialog.flow;
        self.in_flight = true;
        self.ended = self.ending.is_some();
        self.not_before = now + config.notify_interval;
        Some((flow, draft))
    }

    /// The document of a package without numbers, unless it is what was told last. The answer to a SUBSCRIBE is told anyway.
    fn renewed(&mut self, text: String) -> Option<String> {
        let is_asked = std::mem::take(&mut self.is_asked);
        if matches!(std::mem::take(&mut self.news), News::None) {
            return None;
        }
        if !is_asked && self.told.as_deref() == Some(&text) {
            return None;
        }
        self.told = Some(text.as_str().into());
        Some(text)
    }

    /// The document; `None` when nothing is to be told but the end.
    fn dialog_info(&mut self, config: &EventsConfig, dialogs: &Dialogs) -> Option<String> {
        let most = config.dialogs_max;
        let infos = || dialogs.values().map(|(_, info)| info);
        let (entity, version) = (&self.entity, self.version);
        let text = match std::mem::take(&mut self.news) {
            News::None => return None,
            News::All => dialog_info::document(entity, version, true, infos().take(most)),
            News::Changes(changes) if config.whole_state => {
                let over = changes.values().filter(|info| !dialogs.contains_key(&info.leg));
                let all = over.chain(infos()).take(most);
                dialog_info::document(entity, version, true, all)
            }
            News::Changes(changes) => {
                dialog_info::document(entity, version, false, changes.values().take(most))
            }
        };
        self.version = self.version.wrapping_add(1);
        Some(text)
    }

    /// A NOTIFY that is too large for a datagram takes a connection, where there may be one (RFC 3261 section 18.1.1).
    fn way_for(&self, tables: &Tables, size: usize) -> Flow {
        let flow = self.dialog.flow;
        let way = || connection_for_size(&tables.config, flow, &self.dialog.remote_target, size);
        if self.no_connection { flow } else { way().unwrap_or(flow) }
    }

    /// The NOTIFY was answered.
    pub(super) fn on_response(&mut self, now: Instant, response: &Message) -> Aftermath {
        self.in_flight = false;
        if (200..300).contains(&response.status()) {
            return Aftermath::GoOn;
        }
        // RFC 6665 section 4.2.2: a failure that says when to come again is none; every other ends the subscription.
        let retry = response.header(Name::RetryAfter).and_then(|text| {
            let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u64>().ok().map(Duration::from_secs)
        });
        match retry {
            Some(after) if self.ending.is_none() && now + after < self.expires_at => {
                self.tell_all();
                self.not_before = now + after;
                Aftermath::GoOn
            }
            _ => Aftermath::Forget,
        }
    }

    /// The NOTIFY was not answered at all.
    pub(super) fn on_lost(&mut self, now: Instant) -> Aftermath {
        self.in_flight = false;
        if !std::mem::take(&mut self.by_connection) {
            return Aftermath::Forget;
        }
        // Nobody takes connections there: a datagram that may be too large is better than none.
        self.no_connection = true;
        self.ended = false;
        self.tell_all();
        self.not_before = now;
        Aftermath::GoOn
    }

    /// When it wants to be woken; `None` while it waits for an answer and no more.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let due = (self.is_due() && !self.in_flight).then_some(self.not_before);
        let expiry = self.ending.is_none().then_some(self.expires_at);
        [due, expiry].into_iter().flatten().min()
    }
}
