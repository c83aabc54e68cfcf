//! What clients want done with calls (sections 1.4 to 1.6).

use std::sync::Arc;

use model::{Aor, ConnId, LegId};
use switch::Action;
use tlib::{
    Attribute as A, DNRole, ErrorCode, KvList, MakeCallType, MergeType, Message, MessageType as M,
};

use super::{
    Calls,
    call::State,
    expect::{Begins, Then},
};
use crate::{DnType, Refusal, Token};

/// Digits that one request may send.
const DIGITS_MAX: usize = 64;

impl Calls {
    /// Carries a request out, or says why not.
    pub(super) fn take_request(&mut self, token: Token, request: &Message) -> Result<(), Refusal> {
        let done = match request.kind() {
            M::RequestRouteCall => return self.route_call(token, request),
            M::RequestMakeCall => self.make_call(token, request),
            M::RequestAnswerCall => {
                let with = |leg, _| Action::Answer { leg };
                self.act(token, request, &[State::Alerting], M::EventEstablished, with)
            }
            M::RequestReleaseCall => self.release_call(token, request),
            M::RequestClearCall => self.clear_call(token, request),
            M::RequestHoldCall => {
                let with = |leg, _| Action::Hold { leg };
                self.act(token, request, &[State::Connected], M::EventHeld, with)
            }
            M::RequestRetrieveCall => {
                let with = |leg, conn| Action::Retrieve { conn, leg };
                self.act(token, request, &[State::Held], M::EventRetrieved, with)
            }
            M::RequestAlternateCall => self.alternate_call(token, request),
            M::RequestReconnectCall => self.reconnect_call(token, request),
            M::RequestInitiateTransfer => self.consult(token, request, None),
            M::RequestMuteTransfer => self.mute_transfer(token, request),
            M::RequestCompleteTransfer => self.complete_transfer(token, request),
            M::RequestMergeCalls => match request.int(A::MergeType) {
                Some(kind) if kind == MergeType::Transfer as i64 => {
                    self.complete_transfer(token, request)
                }
                _ => Err(ErrorCode::Unsupported),
            },
            M::RequestSingleStepTransfer => self.single_step_transfer(token, request),
            M::RequestRedirectCall => self.redirect_call(token, request),
            M::RequestSendDTMF => self.send_dtmf(token, request),
            M::RequestAttachUserData
            | M::RequestUpdateUserData
            | M::RequestDeletePair
            | M::RequestDeleteUserData => self.change_user_data(token, request),
            M::RequestQueryCall => self.query_call(token, request),
            _ => Err(ErrorCode::Unsupported),
        };
        done.map_err(Refusal::from)
    }

    /// The call and the party that a request names by ConnID and ThisDN.
    pub(super) fn party_asked(
        &self,
        request: &Message,
    ) -> Result<(ConnId, usize, Arc<str>), ErrorCode> {
        let dn = request.text(A::ThisDN).ok_or(ErrorCode::InvalidDN)?;
        let conn = request.conn(A::ConnID).ok_or(ErrorCode::InvalidConnId)?;
        let call = self.calls.get(&conn).ok_or(ErrorCode::InvalidConnId)?;
        let at = call.party_on(dn).ok_or(ErrorCode::PartyNotOnCall)?;
        if call.parties[at].state == State::Offered {
            // It does not ring yet: nobody knows it.
            return Err(ErrorCode::PartyNotOnCall);
        }
        Ok((conn, at, Arc::clone(dn)))
    }

    /// The leg of a party, as it is named in this call wherever it is, and the engine's call.
    fn leg_of(&self, conn: ConnId, at: usize) -> Result<(LegId, ConnId), ErrorCode> {
        let call = self.calls.get(&conn).ok_or(ErrorCode::InvalidConnId)?;
        let legs = &call.parties[at].legs;
        let here = legs.iter().find(|leg| call.engines.contains(&leg.conn));
        let leg = here.or_else(|| legs.first()).copied().ok_or(ErrorCode::CallState)?;
        let engine = call.engines.last().copied().ok_or(ErrorCode::InvalidConnId)?;
        Ok((leg, engine))
    }

    /// One thing for the engine, answered by one event on the party's own DN.
    fn act(
        &mut self,
        token: Token,
        request: &Message,
        states: &[State],
        what: M,
        action: impl FnOnce(LegId, ConnId) -> Action,
    ) -> Result<(), ErrorCode> {
        let (conn, at, dn) = self.party_asked(request)?;
        if !states.contains(&self.calls[&conn].parties[at].state) {
            return Err(ErrorCode::CallState);
        }
        let (leg, engine) = self.leg_of(conn, at)?;
        let expected = self.expecting(token, request, what, (&dn, Some(conn)));
        self.order(action(leg, engine), expected)
    }

    fn make_call(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let number = request.text(A::ThisDN).ok_or(ErrorCode::InvalidDN)?;
        let dn = self.dns.get(number).ok_or(ErrorCode::NotConfigured)?;
        if dn.kind != DnType::Extension {
            return Err(ErrorCode::BadDNType);
        }
        let dn = Arc::clone(&dn.number);
        if request.int(A::MakeCallType).unwrap_or(0) != MakeCallType::Regular as i64 {
            return Err(ErrorCode::Unsupported);
        }
        let to = destination(request)?;
        let user_data = self.given_data(request)?;
        if self.is_making(&dn) {
            return Err(ErrorCode::RequestInProgress);
        }
        if self.is_occupied(&dn) {
            return Err(ErrorCode::OriginatorBusy);
        }
        let from = Aor::new(&dn, self.dns.host());
        let mut expected = self.expecting(token, request, M::EventDialing, (&dn, None));
        expected.begins = Some(Begins { user_data, main: None });
        self.order(Action::Make { from, display: String::new(), to, ring: None }, expected)
    }

    /// Whether a call of this DN is being made.
    fn is_making(&self, dn: &str) -> bool {
        self.expected.making(dn).is_some()
    }

    /// Whether a DN has a call that is not held.
    fn is_occupied(&self, dn: &str) -> bool {
        let conns = self.by_dn.get(dn).map_or(&[][..], Vec::as_slice);
        conns.iter().filter_map(|conn| self.calls.get(conn)).any(|call| {
            call.party_on(dn)
                .is_some_and(|at| !matches!(call.parties[at].state, State::Held | State::Offered))
        })
    }

    /// The data that a call begins with.
    fn given_data(&self, request: &Message) -> Result<KvList, ErrorCode> {
        let data = request.list(A::UserData).cloned().unwrap_or_default();
        match data.packed_len() > self.config.user_data_max {
            true => Err(ErrorCode::InvalidAttribute),
            false => Ok(data),
        }
    }

    fn release_call(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let (conn, at, _) = self.party_asked(request)?;
        let state = self.calls[&conn].parties[at].state;
        if state == State::Queued {
            return Err(ErrorCode::CallState);
        }
        self.act(token, request, &[state], M::EventReleased, |leg, _| Action::Release { leg })
    }

    fn clear_call(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let states = [State::Dialing, State::Connected, State::Held, State::Alerting];
        let with = |_, conn| Action::Clear { conn };
        self.act(token, request, &states, M::EventReleased, with)?;
        // While a party is sent on there are two, and the other one would go on.
        let conn = request.conn(A::ConnID).and_then(|conn| self.calls.get(&conn));
        let engines = conn.map_or(&[][..], |call| &call.engines);
        let others: Vec<ConnId> = engines.iter().rev().skip(1).copied().collect();
        for conn in others {
            self.control(Action::Clear { conn });
        }
        Ok(())
    }

    fn alternate_call(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let dn = request.text(A::ThisDN).cloned().ok_or(ErrorCode::InvalidDN)?;
        let (held, current) = self.two_calls(request, &dn)?;
        let is_talking = |conn: ConnId| {
            let call = &self.calls[&conn];
            call.party_on(&dn).is_some_and(|at| call.parties[at].state == State::Connected)
        };
        if !is_talking(current) {
            return Err(ErrorCode::CallState);
        }
        let action = self.retrieval(held, &dn)?;
        let expected = self.expecting(token, request, M::EventRetrieved, (&dn, Some(held)));
        self.order(action, expected)
    }

    fn reconnect_call(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let dn = request.text(A::ThisDN).cloned().ok_or(ErrorCode::InvalidDN)?;
        let (held, current) = self.two_calls(request, &dn)?;
        let at = self.calls[&current].party_on(&dn).ok_or(ErrorCode::PartyNotOnCall)?;
        let (leg, _) = self.leg_of(current, at)?;
        let mut expected = self.expecting(token, request, M::EventRetrieved, (&dn, Some(held)));
        expected.then = Some(Then::Retrieve { held });
        self.order(Action::Release { leg }, expected)
    }

    /// What takes a call back that a DN holds.
    pub(super) fn retrieval(&self, held: ConnId, dn: &str) -> Result<Action, ErrorCode> {
        let call = self.calls.get(&held).ok_or(ErrorCode::InvalidConnId)?;
        let at = call.party_on(dn).ok_or(ErrorCode::PartyNotOnCall)?;
        let (leg, engine) = self.leg_of(held, at)?;
        // As it is named in this call, wherever it is.
        let leg =
            call.parties[at].legs.iter().find(|leg| leg.conn == engine).copied().unwrap_or(leg);
        Ok(Action::Retrieve { conn: engine, leg })
    }

    fn consult(
        &mut self,
        token: Token,
        request: &Message,
        then: Option<Then>,
    ) -> Result<(), ErrorCode> {
        let (conn, at, dn) = self.party_asked(request)?;
        if self.calls[&conn].parties[at].state != State::Connected {
            return Err(ErrorCode::CallState);
        }
        if self.is_making(&dn) {
            return Err(ErrorCode::RequestInProgress);
        }
        let to = destination(request)?;
        let (leg, _) = self.leg_of(conn, at)?;
        let begins = Begins { user_data: self.consult_data(conn, request)?, main: Some(conn) };
        let mut expected = self.expecting(token, request, M::EventDialing, (&dn, None));
        expected.begins = Some(begins);
        expected.then = then;
        self.order(Action::Consult { leg, to }, expected)
    }

    /// The data of a consultation call: its own, or also what the main call has (extension `ConsultUserData`).
    fn consult_data(&self, main: ConnId, request: &Message) -> Result<KvList, ErrorCode> {
        let given = self.given_data(request)?;
        let how = request.list(A::Extensions).and_then(|list| list.text("ConsultUserData"));
        match how {
            Some("inherited" | "joint") => {
                let mut data = self.calls[&main].user_data.clone();
                data.update(given);
                Ok(data)
            }
            None | Some("separate") => Ok(given),
            Some(_) => Err(ErrorCode::InvalidAttribute),
        }
    }

    fn mute_transfer(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let (held, ..) = self.party_asked(request)?;
        self.consult(token, request, Some(Then::Complete { held }))
    }

    fn complete_transfer(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let dn = request.text(A::ThisDN).cloned().ok_or(ErrorCode::InvalidDN)?;
        let (held, consult) = self.two_calls(request, &dn)?;
        let action = self.completion(held, consult, &dn).ok_or(ErrorCode::CannotTransfer)?;
        let expected = self.expecting(token, request, M::EventReleased, (&dn, Some(held)));
        self.order(action, expected)
    }

    fn single_step_transfer(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let to = destination(request)?;
        let with = |leg, _| Action::Transfer { leg, to };
        self.act(token, request, &[State::Connected, State::Held], M::EventReleased, with)
    }

    fn redirect_call(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let (conn, at, dn) = self.party_asked(request)?;
        if self.calls[&conn].parties[at].state != State::Alerting {
            return Err(ErrorCode::CallState);
        }
        let to = destination(request)?;
        let (leg, _) = self.leg_of(conn, at)?;
        let mut expected = self.expecting(token, request, M::EventReleased, (&dn, Some(conn)));
        expected.then = Some(Then::Redirected { to: to.as_str().into() });
        self.order(Action::Redirect { leg, to }, expected)?;
        if let Some(call) = self.calls.get_mut(&conn) {
            call.via = Some((dn, DNRole::Destination));
        }
        Ok(())
    }

    fn send_dtmf(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let digits = request.text(A::DTMFDigits).ok_or(ErrorCode::InvalidDTMF)?.to_string();
        let is_digit = |c: char| matches!(c, '0'..='9' | 'A'..='D' | '*' | '#');
        if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.chars().all(is_digit) {
            return Err(ErrorCode::InvalidDTMF);
        }
        let with = |leg, _| Action::Dtmf { leg, digits };
        self.act(token, request, &[State::Connected], M::EventDTMFSent, with)
    }
}

/// Who is to be called: OtherDN.
fn destination(request: &Message) -> Result<String, ErrorCode> {
    if request.text(A::Location).is_some_and(|location| !location.is_empty()) {
        // There is only this one.
        return Err(ErrorCode::BadLocation);
    }
    let to = request.text(A::OtherDN).map(|to| to.trim()).filter(|to| !to.is_empty());
    let is_plain =
        |to: &&str| !to.contains(|c: char| c.is_control() || c == '<' || c == '>' || c == ' ');
    to.filter(is_plain).map(str::to_owned).ok_or(ErrorCode::InvalidCalledDN)
}
