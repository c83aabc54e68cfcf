//! Requests within a dialog that is not confirmed yet.

use model::{Instant, LegId};
use sip::{Message, Method, ServerTx};

use super::{Call, early::EarlyId, offer::refuse, reason_of};
use crate::{in_dialog::answer_plainly, options::answer_options, tables::Tables};

impl Call {
    /// A request of the caller's before the 2xx, to this tag of ours.
    pub(crate) fn on_early_request(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tx: ServerTx,
        request: Message,
        tag: &str,
    ) {
        let early = self.caller.early.as_mut().and_then(|early| early.dialog_mut(tag));
        let fits = match early {
            Some(early) if early.dialog.is_of(&request) => early.dialog.check_request(&request),
            Some(_) => Err(481),
            None if self.facts.call_id == request.call_id() => Ok(()),
            None => Err(481),
        };
        if let Err(status) = fits {
            return refuse(tables, now, tx, &request, status, "");
        }
        match request.method() {
            // RFC 3261 section 15: the caller may end an early dialog as well as give up by CANCEL.
            Method::Bye => {
                answer_plainly(tables, now, tx, &request);
                self.on_cancel(tables, now, &reason_of(&request));
            }
            Method::Prack => self.on_prack(tables, now, tag, tx, request),
            //= RFC 3261 section 14.2
            //# A UAS that receives a second INVITE before it sends the final response to a first INVITE with a lower CSeq
            //# sequence number on the same dialog MUST return a 500 (Server Internal Error) response to the second INVITE and
            //# MUST include a Retry-After header field with a randomly chosen value of between 0 and 10 seconds.
            Method::Invite => tables.refuse_for_now(now, tx, &request, 500),
            Method::Options => answer_options(tables, now, tx, &request, None),
            Method::Update if request.body().is_empty() => {
                answer_plainly(tables, now, tx, &request);
            }
            Method::Update => self.on_early_update(tables, now, tx, request, tag),
            _ => refuse(tables, now, tx, &request, 491, ""),
        }
    }

    /// A request of somebody who is called and has not answered yet.
    pub(crate) fn on_early_request_of_branch(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        leg: LegId,
        tx: ServerTx,
        request: Message,
    ) {
        let peer = request.from().ok().and_then(|from| from.tag()).unwrap_or_default().to_owned();
        let branch = self.branches.iter_mut().find(|branch| branch.leg == leg);
        let fits = match branch.and_then(|branch| branch.early_mut(&peer)) {
            Some(early) if early.dialog.is_of(&request) => early.dialog.check_request(&request),
            Some(_) | None => Err(481),
        };
        if let Err(status) = fits {
            return refuse(tables, now, tx, &request, status, "");
        }
        match request.method() {
            Method::Options => answer_options(tables, now, tx, &request, None),
            // Without an offer there is nothing in it but an address.
            Method::Update if request.body().is_empty() => {
                answer_plainly(tables, now, tx, &request);
            }
            Method::Update => {
                let of = EarlyId { leg: leg.number, tag: peer.into() };
                self.on_early_update_of_branch(tables, now, tx, request, of);
            }
            // Our own INVITE is not answered yet (RFC 3261 section 14.2).
            Method::Invite => refuse(tables, now, tx, &request, 491, ""),
            // RFC 3261 section 15: who is called may not end an early dialog so. What it gets to hear of the INVITE stands.
            Method::Bye | Method::Prack => refuse(tables, now, tx, &request, 481, ""),
            _ => refuse(tables, now, tx, &request, 405, ""),
        }
    }
}

impl Tables {
    /// Refuses a request that may be made again after a random while of up to 10 seconds (RFC 3261 section 14.2, RFC 3311 section
    /// 5.2).
    pub(crate) fn refuse_for_now(
        &mut self,
        now: Instant,
        tx: ServerTx,
        request: &Message,
        status: u16,
    ) {
        let tag = self.endpoint.mint_tag();
        let mut response = sip::response_to(request, status, "", Some(&tag));
        response.header(sip::Name::RetryAfter, self.endpoint.mint_number() % 11);
        self.sign_response(&mut response);
        self.endpoint.respond(now, tx, response.finish(None));
    }
}
