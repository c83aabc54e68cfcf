//! A call that goes to somebody else than who was called: what the INVITE says of it (RFC 5806, RFC 7044), and who is called when
//! a called party names another (RFC 3261 section 21.3).

use std::sync::Arc;

use model::{
    Directory, Instant, Membership,
    hook::{Diversion, Party, Redirection},
};
use sip::{Message, Name, NameAddr, Uri, Writer};

use super::{Branch, Call, Crossing, branch::Letter, offer::party_of, routing_point::callee_of};
use crate::{Fact, Reason, Unfit, tables::Tables};

/// How an INVITE says that its call was diverted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DiversionStyle {
    /// Not at all.
    Off,
    /// With Diversion (RFC 5806).
    Diversion,
    /// With History-Info (RFC 7044).
    HistoryInfo,
    /// With both.
    #[default]
    Both,
}

/// Who sent a call on, and why.
struct Diverted<'a> {
    by: &'a Party,
    why: Diversion,
}

impl Call {
    /// Who has sent this call on before it comes to a target, the last of them first.
    fn diverted(&self, of: usize) -> Vec<Diverted<'_>> {
        let own = self.target_diverted(of).map(|why| Diverted { by: &self.facts.callee, why });
        let redirected = self.facts.redirections.iter().rev();
        let redirected = redirected.map(|Redirection { by, why }| Diverted { by, why: *why });
        own.into_iter().chain(redirected).collect()
    }

    /// Writes who has sent the call on. It is asked before the fields of the caller's INVITE are copied: the last diversion is the
    /// topmost Diversion. Gives whether the History-Info that the call came with is written as well.
    pub(super) fn say_diverted(
        &self,
        tables: &Tables,
        invite: &Message,
        crossing: Crossing,
        letter: &Letter<'_>,
        draft: &mut Writer,
    ) -> bool {
        let all = self.diverted(letter.of);
        if all.is_empty() {
            return false;
        }
        let trunk = letter.trunk.and_then(|id| tables.trunks.get(id));
        let style = trunk.map_or(tables.config.diversion, |trunk| trunk.diversion);
        let name = |party: &Party| match trunk {
            Some(trunk) => trunk.own_uri(&party.user),
            None => bare(&party.uri).to_owned(),
        };
        if matches!(style, DiversionStyle::Diversion | DiversionStyle::Both) {
            for Diverted { by, why } in &all {
                let (by, why) = (name(by), why.name());
                draft.header(Name::Diversion, format_args!("<{by}>;reason={why};counter=1"));
            }
        }
        if matches!(style, DiversionStyle::HistoryInfo | DiversionStyle::Both) {
            let before = invite.values(Name::HistoryInfo).last();
            let before = before.filter(|_| crossing.lets(Name::HistoryInfo));
            let history = history(before, &all, name, letter.uri);
            // Their order counts, over all fields of the name.
            if crossing.lets(Name::HistoryInfo) {
                for value in invite.headers(Name::HistoryInfo) {
                    draft.header(Name::HistoryInfo, value);
                }
            }
            draft.header(Name::HistoryInfo, history.join(", "));
            return true;
        }
        false
    }

    /// What a 3xx says of why it was sent, for when it is followed.
    pub(super) fn note_redirect(&mut self, response: &Message) {
        self.redirected_because = response.headers(Name::Diversion).next().and_then(reason_of);
    }

    /// Goes where the last of the called parties has said, or had it said for it, if the call was not sent on too often: as a call of
    /// the same caller, which the plugins are asked about anew. Gives whether it does.
    pub(super) fn follow_redirect(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
    ) -> bool {
        let Some((by, callee, why)) = self.redirection(tables) else { return false };
        self.go_on_to(tables, dir, (by, callee), why);
        self.forget_redirect();
        self.attempts.clear();
        self.begin(tables, now, dir);
        true
    }

    /// Who sends the call on, whom to and why, if the last of the called parties has said so or had it said for it, and the call may
    /// go there.
    pub(super) fn redirection(&self, tables: &Tables) -> Option<(Party, Party, Diversion)> {
        if !(300..400).contains(&self.last_status) || !self.may_be_sent_on(tables) {
            return None;
        }
        if let Some(forward) = &self.last_forward {
            return Some((self.sent_on_by(&forward.by), forward.to.clone(), forward.why));
        }
        let (callee, cause) = best(&self.last_redirect)?;
        let why = self.redirected_because.or(cause).unwrap_or(Diversion::Unconditional);
        Some((self.facts.callee.clone(), callee, why))
    }

    /// Whether the call goes somewhere else when who is called wants it so.
    pub(super) fn may_be_sent_on(&self, tables: &Tables) -> bool {
        self.proxied.is_none()
            && self.dial.is_none()
            && !self.facts.emergency
            && self.facts.redirections.len() < tables.config.limits.redirections_max
    }

    /// What was said of where the call is to go does not count any more.
    pub(super) fn forget_redirect(&mut self) {
        self.last_redirect = Vec::new();
        self.last_forward = None;
        self.redirected_because = None;
        self.last_status = 0;
    }

    /// A third party has somebody else called in the place of a leg that rings: whatever rings is given up.
    pub(crate) fn redirect_leg(
        &mut self,
        tables: &mut Tables,
        (now, dir): (Instant, &dyn Directory),
        number: u16,
        to: &str,
    ) -> Result<(), Unfit> {
        let rings = |branch: &Branch| branch.leg.number == number && !branch.cancelled;
        if !self.branches.iter().any(rings) {
            return Err(Unfit::NoLeg);
        }
        if !self.is_looking() || self.facts.emergency {
            return Err(Unfit::State);
        }
        if self.facts.redirections.len() >= tables.config.limits.redirections_max {
            return Err(Unfit::Limit);
        }
        let callee = callee_of(to, &self.facts.callee.host).ok_or(Unfit::Destination)?;
        for reason in [Reason::Ring, Reason::Failover, Reason::Locate] {
            self.stop_timer(tables, reason);
        }
        self.cancel_branches(tables, now, None);
        (0..self.targets_tried()).for_each(|of| self.leave_trunks(of));
        self.leave_policy(tables);
        self.groups.clear();
        self.trying = None;
        self.forget_redirect();
        self.attempts.clear();
        let by = self.facts.callee.clone();
        self.go_on_to(tables, dir, (by, callee), Diversion::Deflection);
        Ok(())
    }

    /// Somebody else is called from now on than was before.
    fn go_on_to(
        &mut self,
        tables: &mut Tables,
        dir: &dyn Directory,
        (by, callee): (Party, Party),
        why: Diversion,
    ) {
        let mut facts = (*self.facts).clone();
        facts.callee = callee;
        facts.redirections.push(Redirection { by, why });
        // A number of another host is for that host to know, unless help is called by our own ways.
        let emergency = &tables.config.emergency;
        let uri = Uri::parse(&facts.callee.uri).ok();
        let aor = uri.and_then(|uri| uri.aor());
        let is_ours = aor.is_some_and(|aor| dir.membership(&aor) != Membership::ForeignHost);
        facts.emergency =
            emergency.number(&facts.callee).is_some() && (is_ours || emergency.has_route());
        self.facts = Arc::new(facts);
        tables.emit(Fact::Amended { facts: self.facts.clone() });
    }
}

/// The party that the Contacts of a 3xx want most, and why, if the URI says it.
fn best(contacts: &[String]) -> Option<(Party, Option<Diversion>)> {
    let parsed = contacts.iter().filter_map(|contact| NameAddr::parse(contact).ok());
    let usable = parsed.filter(|address| {
        let uri = Uri::parse(address.uri).ok();
        uri.is_some_and(|uri| uri.user.is_some_and(|user| !user.is_empty()))
    });
    let q = |address: &NameAddr<'_>| {
        let q =
            address.params.get("q").flatten().and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        // Thousandths, as RFC 3261 section 25.1 has them.
        (q.clamp(0.0, 1.0) * 1000.0) as u16
    };
    // The first of equals.
    let best = usable.fold(None, |best: Option<NameAddr<'_>>, next| match best {
        Some(best) if q(&best) >= q(&next) => Some(best),
        _ => Some(next),
    })?;
    let mut party = party_of(&best);
    party.uri = bare(&party.uri).to_owned();
    let cause = Uri::parse(best.uri).ok().and_then(|uri| uri.param("cause")??.parse().ok());
    let of = |cause: u16| Diversion::ALL.into_iter().find(|why| why.cause() == cause);
    Some((party, cause.and_then(of)))
}

/// The reason of a Diversion.
fn reason_of(value: &str) -> Option<Diversion> {
    Diversion::of(NameAddr::parse(value).ok()?.params.get("reason")??)
}

/// A URI without its header fields, which are not for a Request-URI, and without parameters.
fn bare(uri: &str) -> &str {
    // A user part may have both; behind the one `@` neither is of the host.
    let host = uri.find('@').map_or(0, |at| at + 1);
    let end = uri[host..].find(['?', ';']).map_or(uri.len(), |at| host + at);
    &uri[..end]
}

/// The entries of a History-Info that follow those the call came with, of which `before` is the last: who was called first, and
/// each one whom the call was sent on to, down to `target`.
fn history(
    before: Option<&str>,
    diverted: &[Diverted<'_>],
    name: impl Fn(&Party) -> String,
    target: &str,
) -> Vec<String> {
    let mut entries = Vec::with_capacity(diverted.len() + 1);
    let last = before.and_then(|entry| {
        let index = NameAddr::parse(entry).ok()?.params.get("index")??;
        index.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.').then(|| index.to_owned())
    });
    let mut index = match last {
        Some(index) => index,
        None => {
            let first = diverted.last().map(|first| name(first.by)).unwrap_or_default();
            entries.push(format!("<{first}>;index=1"));
            "1".to_owned()
        }
    };
    for (at, step) in diverted.iter().enumerate().rev() {
        let to = match at.checked_sub(1).and_then(|next| diverted.get(next)) {
            Some(next) => name(next.by),
            None => bare(target).to_owned(),
        };
        let from = index.clone();
        index.push_str(".1");
        entries.push(format!("<{to};cause={}>;index={index};mp={from}", step.why.cause()));
    }
    entries
}

#[cfg(test)]
#[path = "diversion_test.rs"]
mod tests;
