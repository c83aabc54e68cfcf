//! The SIP extensions a request asks for (RFC 3261 sections 8.2.2.3 and 19.2).

use model::{Instant, LegId};
use sip::{
    Message, Name, ServerTx,
    reliable::{OPTION_100REL, names_option},
    response_to,
    session_timer::{OPTION_TIMER, min_se},
};

use super::{Branch, Call, branch::Letter, headers::OPTION_REPLACES};
use crate::{SessionTimer, tables::Tables};

/// The option tags that this switch knows. What another part of it needs besides is added here.
const KNOWN: [&str; 3] = [OPTION_100REL, OPTION_TIMER, OPTION_REPLACES];

/// Those of them that the settings do not forbid.
pub(crate) fn known(tables: &Tables) -> impl Iterator<Item = &'static str> {
    let timer = tables.config.sessions.timer != SessionTimer::Off;
    KNOWN.into_iter().filter(move |known| timer || *known != OPTION_TIMER)
}

/// What a caller says of reliable provisional responses (RFC 3262), and what we say of them to the called side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Reliability {
    /// Nothing.
    Unknown,
    /// They can be had.
    Supported,
    /// There are to be no others.
    Required,
}

impl Reliability {
    /// What an INVITE says.
    pub(super) fn of(invite: &Message) -> Self {
        if names_option(invite, Name::Require, OPTION_100REL) {
            Self::Required
        } else if names_option(invite, Name::Supported, OPTION_100REL) {
            Self::Supported
        } else {
            Self::Unknown
        }
    }
}

impl Call {
    /// A called side wants reliable provisional responses, or does not know them, and was asked otherwise: its INVITE goes out
    /// once more as it can take it. The caller gets them by its own wish in any case. Gives whether it did.
    //= RFC 3261 section 21.4.15
    //# The server did not understand the protocol extension specified in a Proxy-Require or Require header field.
    pub(super) fn ask_otherwise(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        leg: LegId,
        response: &Message,
    ) -> bool {
        let is_offered = self.caller.invite.as_ref().is_some_and(|(_, i)| !i.body().is_empty());
        let meant = |branch: &Branch| branch.leg == leg && !branch.cancelled;
        let Some(at) = self.branches.iter().position(meant) else { return false };
        if response.status() == 422 {
            return self.raise_branch(tables, now, at, min_se(response));
        }
        let next = match (response.status(), self.branches.get(at).map(|b| b.reliability)) {
            (420, Some(Reliability::Required))
                if names_option(response, Name::Unsupported, OPTION_100REL) =>
            {
                Reliability::Unknown
            }
            // What an offer in a reliable response asks could not be answered, when the caller cannot do it.
            (421, Some(Reliability::Unknown))
                if is_offered && names_option(response, Name::Require, OPTION_100REL) =>
            {
                Reliability::Supported
            }
            _ => return false,
        };
        let mut branch = self.branches.swap_remove(at);
        branch.reliability = next;
        let sent = self.send_branch_again(tables, now, &mut branch, &[]);
        self.branches.push(branch);
        sent
    }

    /// A called side wants a longer session than it was asked for (RFC 4028 section 7.3).
    fn raise_branch(&mut self, tables: &mut Tables, now: Instant, at: usize, least: u32) -> bool {
        let asks = tables.config.sessions.timer == SessionTimer::Ask;
        let may_rise =
            |branch: &Branch| branch.min_se_s < least && branch.raised < super::session::RAISES_MAX;
        if !asks || !self.branches.get(at).is_some_and(may_rise) {
            return false;
        }
        let mut branch = self.branches.swap_remove(at);
        branch.min_se_s = least;
        branch.raised += 1;
        let sent = self.send_branch_again(tables, now, &mut branch, &[]);
        self.branches.push(branch);
        sent
    }

    /// Sends the INVITE of a branch once more, as another transaction of the same call; gives whether it went out.
    pub(super) fn send_branch_again(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        branch: &mut Branch,
        answers: &[(Name, String)],
    ) -> bool {
        branch.facts.cseq += 1;
        // What answered the INVITE before has nothing to say to this one.
        branch.early.clear();
        let Branch { leg, uri, path, facts, contact, reliability, min_se_s, edits, .. } = &*branch;
        let (leg, reliability, min_se_s) = (*leg, *reliability, *min_se_s);
        let (of, trunk, auto) = (branch.of, branch.trunk.as_ref().map(|on| on.id), branch.auto);
        let letter = Letter {
            uri,
            path,
            facts,
            contact,
            reliability,
            min_se_s,
            of,
            trunk,
            answers,
            edits,
            auto,
        };
        let sent = self.send_invite(tables, now, leg, letter);
        if let Ok(tx) = sent {
            branch.tx = tx;
        }
        sent.is_ok()
    }
}

/// Answers a request that requires what we do not know with 420 and the option tags it is about; gives whether it did.
//= RFC 3261 section 8.2.2.3
//# If a UAS does not understand an option-tag listed in a Require header field, it MUST respond by generating a response with
//# status code 420 (Bad Extension).
pub(crate) fn refuse_unknown(
    tables: &mut Tables,
    now: Instant,
    tx: ServerTx,
    request: &Message,
) -> bool {
    let is_known = |option: &str| known(tables).any(|known| known.eq_ignore_ascii_case(option));
    let unknown: Vec<&str> = request
        .values(Name::Require)
        .map(str::trim)
        .filter(|option| !option.is_empty() && !is_known(option))
        .collect();
    if unknown.is_empty() {
        return false;
    }
    let tag = tables.endpoint.mint_tag();
    let mut response = response_to(request, 420, "", Some(&tag));
    response.header(Name::Unsupported, unknown.join(", "));
    tables.sign_response(&mut response);
    tables.endpoint.respond(now, tx, response.finish(None));
    true
}
