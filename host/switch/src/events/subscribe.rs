//! SUBSCRIBE: the beginning, the renewal and the end of a subscription (RFC 6665 section 4.2.1).

use std::time::Duration;

use model::{Aor, Directory, Flow, Instant, Membership};
use sip::{Dialog, Message, Name, NameAddr, ServerTx, Uri};

use super::{
    EventsConfig, Package, SubId, Watchers, allow_events, package::Matter,
    subscription::Subscription,
};
use crate::{
    Output, Switch,
    call::{is_sips, our_contact, refuse},
    door::Arrival,
};

/// An hour: what asks for longer is never too brief (RFC 6665 section 4.2.1.1).
const NEVER_BRIEF: Duration = Duration::from_secs(3600);

/// Why a SUBSCRIBE is refused.
struct Refusal {
    status: u16,
    reason: &'static str,
    header: Option<(Name, String)>,
}

impl Refusal {
    const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason, header: None }
    }
}

/// What a SUBSCRIBE outside of any dialog wants.
struct Wish<'a> {
    package: Package,
    event: &'a str,
    aor: Aor,
    expires: Duration,
}

impl Switch {
    /// A SUBSCRIBE outside of any dialog, after it is known who it is from.
    pub(crate) fn on_subscribe(&mut self, now: Instant, dir: &dyn Directory, arrival: Arrival) {
        let Arrival { tx, flow, request, identity, .. } = arrival;
        let tag = self.tables.endpoint.mint_tag();
        let wish = self.wish_of(dir, &request, identity);
        let (wish, dialog) = match wish.and_then(|wish| {
            let dialog = Dialog::from_request(&request, &tag, flow);
            Ok((wish, dialog.map_err(|_| Refusal::new(400, "No usable Contact or route"))?))
        }) {
            Ok(accepted) => accepted,
            Err(refusal) => return self.refuse_subscribe(now, tx, &request, refusal),
        };
        let Wish { package, event, aor, expires } = wish;
        let mut subscription = Subscription::new(package, aor.clone(), dialog, event, now);
        let uri = Uri::parse(request.request_uri());
        let user = uri.as_ref().ok().and_then(|uri| uri.user);
        let secure = is_sips(request.request_uri());
        let own = self.tables.advertised(flow.listener);
        subscription.contact = our_contact(user, own, flow.transport, secure).into();
        subscription.entity = request.request_uri().split(';').next().unwrap_or_default().into();
        subscription.expires_at = now + expires;
        // With no time at all it is a look at the state and no more (RFC 6665 section 4.4.3).
        subscription.ending = expires.is_zero().then_some("timeout");
        self.accept(now, tx, &request, &subscription, expires);
        self.events.next += 1;
        let id = SubId(self.events.next);
        self.events.ids_by_tag.insert(tag.into(), id);
        self.events.subscriptions.insert(id, subscription);
        let resource = self.events.resources.entry((package.matter(), aor.clone())).or_default();
        resource.watchers.insert(id);
        if resource.watchers.len() == 1 && package.matter() == Matter::Calls {
            self.tables.outputs.push_back(Output::Watch { aor: aor.clone(), wanted: true });
            self.gather(now, dir, &aor);
        }
        self.tables.stats.subscribed += 1;
        self.events.pump(&mut self.tables, now, dir, id);
    }

    /// A SUBSCRIBE within a subscription.
    pub(crate) fn on_resubscribe(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        flow: Flow,
        tx: ServerTx,
        request: &Message,
        tag: &str,
    ) {
        let config = self.tables.config.events;
        let id = self.events.ids_by_tag.get(tag).copied();
        let found = id.and_then(|id| Some((id, self.events.subscriptions.get_mut(&id)?)));
        let Some((id, subscription)) = found.filter(|(_, sub)| {
            // What has ended is not begun again (RFC 6665 section 4.1.2.2), nor is it another package's.
            sub.dialog.is_of(request) && sub.ending.is_none() && sub.is_for(request)
        }) else {
            return refuse(&mut self.tables, now, tx, request, 481, "");
        };
        if let Err(status) = subscription.dialog.check_request(request) {
            return refuse(&mut self.tables, now, tx, request, status, "");
        }
        let expires = match expires_of(request, &config) {
            Ok(expires) => expires,
            Err(refusal) => return self.refuse_subscribe(now, tx, request, refusal),
        };
        subscription.dialog.refresh_target(request);
        subscription.dialog.flow = flow;
        subscription.expires_at = now + expires;
        subscription.ending = expires.is_zero().then_some("timeout");
        subscription.tell_all();
        subscription.not_before = now;
        let (matter, aor) = subscription.resource();
        if let Some(subscription) = self.events.subscriptions.remove(&id) {
            self.accept(now, tx, request, &subscription, expires);
            self.events.subscriptions.insert(id, subscription);
        }
        if self.tables.config.shards.0.get() > 1 && matter == Matter::Calls {
            // What another shard said may have been lost on the way.
            self.gather(now, dir, &aor);
        }
        self.events.pump(&mut self.tables, now, dir, id);
    }

    /// What a SUBSCRIBE wants, if it may want it.
    fn wish_of<'a>(
        &self,
        dir: &dyn Directory,
        request: &'a Message,
        identity: Option<Aor>,
    ) -> Result<Wish<'a>, Refusal> {
        let config = &self.tables.config.events;
        if let Some(required) = request.header(Name::Require) {
            let header = Some((Name::Unsupported, required.to_owned()));
            return Err(Refusal { status: 420, reason: "", header });
        }
        let event = request.header(Name::Event).ok_or_else(|| Refusal::new(400, "No Event"))?;
        let name = event.split(';').next().unwrap_or_default().trim();
        let package = Package::of(name, config).ok_or_else(|| Refusal {
            status: 489,
            reason: "",
            header: Some((Name::AllowEvents, allow_events(config))),
        })?;
        if !package.is_accepted_by(request) {
            return Err(Refusal::new(406, ""));
        }
        let target = Uri::parse(request.request_uri()).ok().and_then(|uri| uri.aor());
        let aor = target.ok_or_else(|| Refusal::new(404, ""))?;
        if dir.membership(&aor) != Membership::Subscriber {
            return Err(Refusal::new(404, ""));
        }
        // A mailbox is nobody's business but its owner's.
        let watchers = match package.matter() {
            Matter::Messages => Watchers::Oneself,
            Matter::Calls => config.watchers,
        };
        if !may_watch(watchers, dir, request, identity, &aor) {
            return Err(Refusal::new(403, ""));
        }
        let expires = expires_of(request, config)?;
        let key = (package.matter(), aor.clone());
        let at_resource = self.events.resources.get(&key).map_or(0, |r| r.watchers.len());
        let is_full = self.events.len() >= config.subscriptions_max
            || at_resource >= config.watchers_max
            || self.draining;
        if is_full {
            let after = self.tables.config.limits.retry_after_s.to_string();
            return Err(Refusal {
                status: 503,
                reason: "",
                header: Some((Name::RetryAfter, after)),
            });
        }
        Ok(Wish { package, event, aor, expires })
    }

    fn accept(
        &mut self,
        now: Instant,
        tx: ServerTx,
        request: &Message,
        subscription: &Subscription,
        expires: Duration,
    ) {
        let tag = &subscription.dialog.id.local_tag;
        let mut response = sip::response_to(request, 200, "", Some(tag));
        response.header(Name::Expires, expires.as_secs());
        response.header(Name::Contact, &subscription.contact);
        self.tables.sign_response(&mut response);
        self.tables.endpoint.respond(now, tx, response.finish(None));
    }

    fn refuse_subscribe(&mut self, now: Instant, tx: ServerTx, request: &Message, why: Refusal) {
        let tag = self.tables.endpoint.mint_tag();
        let mut response = sip::response_to(request, why.status, why.reason, Some(&tag));
        if let Some((name, value)) = why.header {
            response.header(name, value);
        }
        self.tables.sign_response(&mut response);
        self.tables.endpoint.respond(now, tx, response.finish(None));
    }
}

impl Subscription {
    /// Whether a SUBSCRIBE is for this one: of the same package and with the same id.
    fn is_for(&self, request: &Message) -> bool {
        let event = request.header(Name::Event).unwrap_or_default();
        name_and_id(event) == name_and_id(&self.event)
    }
}

/// The package and the `id` of an Event.
fn name_and_id(event: &str) -> (&str, Option<&str>) {
    let mut parts = event.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    (name, parts.find_map(|param| param.strip_prefix("id=")))
}

/// How long a subscription lasts: as long as it asks for, within the limits.
fn expires_of(request: &Message, config: &EventsConfig) -> Result<Duration, Refusal> {
    let asked = request.expires().map(|seconds| Duration::from_secs(seconds.into()));
    let expires = asked.unwrap_or(config.expires_max);
    if !expires.is_zero() && expires < config.expires_min && expires < NEVER_BRIEF {
        let header = Some((Name::MinExpires, config.expires_min.as_secs().to_string()));
        return Err(Refusal { status: 423, reason: "", header });
    }
    Ok(expires.min(config.expires_max))
}

/// Whether somebody may watch a user: who it has proved to be, or, where nobody has to prove anything, who it says it is.
fn may_watch(
    watchers: Watchers,
    dir: &dyn Directory,
    request: &Message,
    identity: Option<Aor>,
    watched: &Aor,
) -> bool {
    let claimed = || NameAddr::parse(request.header(Name::From)?).ok()?.parsed_uri().ok()?.aor();
    let Some(who) = identity.or_else(claimed) else { return watchers == Watchers::Everyone };
    match watchers {
        Watchers::Everyone => true,
        Watchers::Oneself => who == *watched,
        Watchers::Subscribers => dir.membership(&who) == Membership::Subscriber,
    }
}
