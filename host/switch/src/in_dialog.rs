//! Requests within a call: found by our tag, checked against the dialog, handed to the call.

use media::Side;
use model::{Directory, Flow, Instant, LegId};
use sip::{Message, Method, Name, ServerTx, response_to};

use crate::{
    Switch,
    call::{Call, Crossing, Privacy, refuse, refuse_too_small, refuse_unknown},
    errand::Errand,
    options::answer_options,
    tables::{ClientUse, Tables},
};

impl Switch {
    /// A request with a To tag (RFC 3261 section 12.2.2).
    pub(crate) fn on_in_dialog(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        flow: Flow,
        tx: ServerTx,
        request: Message,
        tag: &str,
    ) {
        if request.method() == Method::Subscribe && self.events.has(tag) {
            return self.on_resubscribe(now, dir, flow, tx, &request, tag);
        }
        let found = self.tables.legs_by_tag.get(tag).copied();
        let Some((leg, call)) = found.and_then(|leg| Some((leg, self.calls.get_mut(&leg.conn)?)))
        else {
            return refuse(&mut self.tables, now, tx, &request, 481, "");
        };
        let side = side_of(leg);
        if side == Side::A && call.caller.dialog.is_none() {
            call.on_early_request(&mut self.tables, now, tx, request, tag);
            return self.forget_if_over(leg.conn);
        }
        if side == Side::B && call.callee.as_ref().is_none_or(|callee| callee.id != leg) {
            call.on_early_request_of_branch(&mut self.tables, now, leg, tx, request);
            return self.forget_if_over(leg.conn);
        }
        let Some(dialog) = call.dialog_mut(side) else {
            return refuse(&mut self.tables, now, tx, &request, 481, "");
        };
        if !dialog.is_of(&request) {
            return refuse(&mut self.tables, now, tx, &request, 481, "");
        }
        if let Err(status) = dialog.check_request(&request) {
            return refuse(&mut self.tables, now, tx, &request, status, "");
        }
        if refuse_unknown(&mut self.tables, now, tx, &request) {
            return;
        }
        if request.method().refreshes_target() {
            dialog.refresh_target(&request);
            dialog.flow = flow;
        }
        dispatch(&mut self.tables, now, call, side, tx, request, tag);
        self.forget_if_over(leg.conn);
    }

    /// An ACK of a 2xx of ours.
    pub(crate) fn on_ack(&mut self, now: Instant, ack: &Message) {
        let Ok(to) = ack.to() else { return };
        let Some(leg) = to.tag().and_then(|tag| self.tables.legs_by_tag.get(tag).copied()) else {
            return;
        };
        if let Some(call) = self.calls.get_mut(&leg.conn) {
            call.on_ack(&mut self.tables, now, side_of(leg), ack);
        }
        self.forget_if_over(leg.conn);
    }
}

const fn side_of(leg: LegId) -> Side {
    if leg.number == 0 { Side::A } else { Side::B }
}

fn dispatch(
    tables: &mut Tables,
    now: Instant,
    call: &mut Call,
    side: Side,
    tx: ServerTx,
    request: Message,
    tag: &str,
) {
    match request.method() {
        Method::Bye => {
            answer_plainly(tables, now, tx, &request);
            call.on_bye(tables, now, side, &request);
        }
        Method::Prack if side == Side::A => call.on_prack(tables, now, tag, tx, request),
        Method::Prack => refuse(tables, now, tx, &request, 481, ""),
        Method::Invite | Method::Update if refuse_too_small(tables, now, tx, &request) => {}
        Method::Update => call.on_update(tables, now, side, tx, request),
        Method::Invite => call.on_reinvite(tables, now, side, tx, request),
        Method::Options => answer_options(tables, now, tx, &request, None),
        Method::Refer => {
            let (conn, request) = (call.conn, Box::new(request));
            tables.errands.push_back(Errand::Refer { conn, side, tx, request });
        }
        Method::Info | Method::Message => pass_on(tables, now, call, side, tx, request),
        Method::Ack
        | Method::Cancel
        | Method::Register
        | Method::Notify
        | Method::Subscribe
        | Method::Publish => refuse(tables, now, tx, &request, 405, ""),
        Method::Other(_) => refuse(tables, now, tx, &request, 501, ""),
    }
}

pub(crate) fn answer_plainly(tables: &mut Tables, now: Instant, tx: ServerTx, request: &Message) {
    let mut response = response_to(request, 200, "", None);
    tables.sign_response(&mut response);
    tables.endpoint.respond(now, tx, response.finish(None));
}

/// Passes a request to the other side; its answer comes back the same way.
fn pass_on(
    tables: &mut Tables,
    now: Instant,
    call: &mut Call,
    side: Side,
    server: ServerTx,
    request: Message,
) {
    let to = side.other();
    if usize::from(call.relayed) >= tables.config.limits.relayed_max {
        return refuse(tables, now, server, &request, 503, "");
    }
    let contact = call.contact(to).to_owned();
    let crossing = call.crossing(tables, side);
    let conn = call.conn;
    let Some(dialog) = call.dialog_mut(to) else {
        return refuse(tables, now, server, &request, 481, "");
    };
    let flow = dialog.flow;
    let mut draft = dialog.request(request.method(), &contact);
    crossing.copy(&request, |name, value| {
        draft.other(name, value);
    });
    let body = request.body_bytes();
    let kind = request.header(Name::ContentType).unwrap_or("application/octet-stream").to_owned();
    let draft = draft.with_body((!body.is_empty()).then_some((kind, body)));
    match tables.endpoint.send_request(now, flow, draft) {
        Ok(client) => {
            let kept = ClientUse::Relayed { conn, server, request: Box::new(request) };
            tables.uses_by_client_tx.insert(client, kept);
            call.relayed = call.relayed.saturating_add(1);
        }
        Err(_) => refuse(tables, now, server, &request, 503, ""),
    }
}

/// The answer to a request that was passed on; `None` when none came in time.
pub(crate) fn pass_back(
    tables: &mut Tables,
    now: Instant,
    server: ServerTx,
    request: &Message,
    response: Option<&Message>,
) {
    let Some(response) = response else {
        return refuse(tables, now, server, request, 408, "");
    };
    let mut writer = response_to(request, response.status(), response.reason(), None);
    // Whose response it is was known when its request was passed on.
    Crossing::of_strangers(Privacy::of(response)).copy(response, |name, value| {
        writer.other(name, value);
    });
    tables.sign_response(&mut writer);
    let kind = response.header(Name::ContentType).unwrap_or("application/octet-stream");
    let body = response.body();
    let bytes = writer.finish((!body.is_empty()).then_some((kind, body)));
    tables.endpoint.respond(now, server, bytes);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{
        Config,
        call::talk::{Talk, told},
        trunk::bench::Bench,
    };

    #[test]
    fn so_many_requests_of_a_call_wait_for_the_other_party_and_no_more() {
        let mut config: Config = Bench::config(Vec::new(), None);
        config.limits.relayed_max = 2;
        let mut talk = Talk::with(Bench::of(config), "", "offer", 1);
        talk.respond(0, "200 OK", "b", "", "answer");
        talk.ask("ACK", "", "");
        let infos = [talk.ask("INFO", "", "1").remove(0), talk.ask("INFO", "", "2").remove(0)];
        let full = talk.ask("INFO", "", "3");
        assert_eq!(told(&full), ["503 Service Unavailable > phone"]);
        assert_ne!(full[0].line("Retry-After"), "");
        talk.answer(&infos[0], "200 OK", "");
        assert_eq!(told(&talk.ask("INFO", "", "4")).len(), 1);
        assert_eq!(told(&talk.ask("MESSAGE", "", "5")), ["503 Service Unavailable > phone"]);
        // Who says nothing makes room as well.
        talk.bench.pass(33);
        assert!(told(&talk.ask("INFO", "", "6"))[0].starts_with("INFO sip:2000"));
    }
}
