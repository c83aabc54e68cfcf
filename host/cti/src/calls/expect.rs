//! Requests that the call engine carries out, until their event comes.

use std::sync::Arc;

use model::{ConnId, Instant};
use switch::{Action, Control, Unfit};
use tlib::{Attribute as A, ErrorCode, KvList, Message, MessageType};

use super::{Calls, CallsOutput};
use crate::{Token, answer::error};

/// Who asked for something, and what of the request its event repeats.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) token: Token,
    pub(super) reasons: Option<KvList>,
    pub(super) extensions: Option<KvList>,
}

impl Asked {
    pub(super) fn of(token: Token, request: &Message) -> Self {
        Self {
            token,
            reasons: request.list(A::Reason).cloned(),
            extensions: request.list(A::Extensions).cloned(),
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Expected {
    /// Until its event came.
    pub(super) asked: Option<Asked>,
    pub(super) request: Message,
    /// The event that answers it; `None` once it came.
    pub(super) what: Option<MessageType>,
    /// On which DN.
    pub(super) dn: Arc<str>,
    /// In which call; `None` until the one is there that is to be made.
    pub(super) conn: Option<ConnId>,
    pub(super) until: Instant,
    /// What is to be done once the engine has done this.
    pub(super) then: Option<Then>,
    /// The user data that a call begins with, and the call that it is a consultation of.
    pub(super) begins: Option<Begins>,
}

/// What follows when the engine has done its part.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// The call that the party holds is taken back, for the same request.
    Retrieve {
        /// It.
        held: ConnId,
    },
    /// A mute transfer is completed as soon as the consultation call of this one is there.
    Complete {
        /// The call that is held.
        held: ConnId,
    },
    /// The party has rung for somebody else.
    Redirected {
        /// The number.
        to: Arc<str>,
    },
}

/// What a call that a request makes begins with.
#[derive(Clone, Debug)]
pub(super) struct Begins {
    pub(super) user_data: KvList,
    pub(super) main: Option<ConnId>,
}

impl Expected {
    pub(super) fn is_met_by(&self, what: MessageType, dn: &str, conn: ConnId) -> bool {
        self.what == Some(what) && &*self.dn == dn && self.conn == Some(conn)
    }
}

impl Calls {
    /// Has the engine do something for a request.
    pub(super) fn order(&mut self, action: Action, expected: Expected) -> Result<(), ErrorCode> {
        if self.expected.len() >= self.config.requests_max {
            return Err(ErrorCode::TooManyRequests);
        }
        let ticket = self.control(action);
        self.expected.insert(ticket, expected);
        Ok(())
    }

    /// Has the engine do something; gives the ticket.
    pub(super) fn control(&mut self, action: Action) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.outputs.push_back(CallsOutput::Control(Control { ticket, action }));
        ticket
    }

    /// A request that is answered by an event.
    pub(super) fn expecting(
        &self,
        token: Token,
        request: &Message,
        what: MessageType,
        (dn, conn): (&Arc<str>, Option<ConnId>),
    ) -> Expected {
        Expected {
            asked: Some(Asked::of(token, request)),
            request: request.clone(),
            what: Some(what),
            dn: Arc::clone(dn),
            conn,
            until: self.now + self.config.request_timeout,
            then: None,
            begins: None,
        }
    }

    /// Who has asked for this event, if anybody did.
    pub(super) fn expect(&mut self, what: MessageType, dn: &str, conn: ConnId) -> Option<Asked> {
        let ticket = self.expected.met_by(what, dn, conn)?;
        let mut expected = self.expected.remove(ticket)?;
        let asked = expected.asked.take();
        if expected.then.is_some() {
            // What is to follow still waits for the engine to say that this is done.
            expected.what = None;
            self.expected.insert(ticket, expected);
        }
        asked
    }

    /// The call is there that the engine was to make for a request.
    pub(super) fn beginning(&mut self, ticket: u64, conn: ConnId) -> Option<Begins> {
        let mut expected = self.expected.remove(ticket)?;
        let begins = expected.begins.take();
        expected.conn = Some(conn);
        self.expected.insert(ticket, expected);
        begins
    }

    /// What came of what the engine was to do.
    pub(super) fn on_controlled(&mut self, ticket: u64, outcome: Result<ConnId, Unfit>) {
        if let Some(conn) = self.routes.remove(&ticket)
            && outcome.is_err()
        {
            self.route_unfit(conn);
        }
        match outcome {
            Err(unfit) => self.on_unfit(ticket, unfit),
            Ok(engine) => {
                let Some(then) = self.expected.get_mut(ticket).and_then(|e| e.then.take()) else {
                    return self.forget_answered(ticket);
                };
                self.go_on(ticket, engine, then);
            }
        }
    }

    fn forget_answered(&mut self, ticket: u64) {
        if self.expected.get_mut(ticket).is_some_and(|expected| expected.asked.is_none()) {
            self.expected.remove(ticket);
        }
    }

    fn on_unfit(&mut self, ticket: u64, unfit: Unfit) {
        if let Some(expected) = self.expected.remove(ticket) {
            self.fail(expected, unfit);
        }
    }

    /// Answers that a request cannot be done, if somebody still waits for it.
    fn fail(&mut self, expected: Expected, unfit: Unfit) {
        if let (Some(Then::Redirected { .. }), Some(conn)) = (&expected.then, expected.conn)
            && let Some(call) = self.calls.get_mut(&conn)
        {
            // Nobody has the call from the phone that was to pass it on.
            call.via = None;
        }
        let Some(asked) = expected.asked else { return };
        let code = code_of(unfit, expected.request.kind());
        let text = match unfit {
            Unfit::Phone(status) => Some(format!("the phone answered {status}")),
            _ => None,
        };
        let message = error(asked.token, Some(&expected.request), code, text.as_deref());
        self.outputs.push_back(CallsOutput::Answer { token: asked.token, message });
    }

    fn go_on(&mut self, ticket: u64, engine: ConnId, then: Then) {
        let Some(expected) = self.expected.remove(ticket) else { return };
        match then {
            Then::Retrieve { held } => match self.retrieval(held, &expected.dn) {
                Ok(action) => {
                    let ticket = self.control(action);
                    self.expected.insert(ticket, expected);
                }
                Err(_) => self.fail(expected, Unfit::State),
            },
            Then::Complete { held } => {
                let consult = self.by_engine.get(&engine).copied().unwrap_or(engine);
                let Some(action) = self.completion(held, consult, &expected.dn) else {
                    return self.fail(expected, Unfit::State);
                };
                let ticket = self.control(action);
                let what = Some(MessageType::EventReleased);
                let expected = Expected { what, conn: Some(held), ..expected };
                self.expected.insert(ticket, expected);
            }
            Then::Redirected { to } => {
                let asked = expected.asked;
                self.redirected(expected.conn, &expected.dn, &to, asked);
            }
        }
    }

    /// Answers requests whose event has not come. What was asked for may happen yet, and is told as it does.
    pub(super) fn give_up_requests(&mut self) {
        while let Some(ticket) = self.expected.late(self.now) {
            let Some(expected) = self.expected.remove(ticket) else { continue };
            let Expected { asked: Some(asked), request, .. } = expected else { continue };
            let message = error(asked.token, Some(&request), ErrorCode::Timeout, None);
            self.outputs.push_back(CallsOutput::Answer { token: asked.token, message });
        }
    }

    /// A call ends: what was asked of it and has not happened will not.
    pub(super) fn fail_requests_of(&mut self, conn: ConnId) {
        for ticket in self.expected.of_call(conn) {
            self.on_unfit(ticket, Unfit::State);
        }
    }
}

/// The error code of a request that the engine did not carry out.
const fn code_of(unfit: Unfit, request: MessageType) -> ErrorCode {
    match (unfit, request) {
        (Unfit::NoCall, _) => ErrorCode::InvalidConnId,
        (Unfit::NoLeg, _) => ErrorCode::PartyNotOnCall,
        (Unfit::Destination, MessageType::RequestRouteCall) => ErrorCode::InvalidRouteAddress,
        (Unfit::Destination, _) => ErrorCode::InvalidCalledDN,
        (Unfit::State, MessageType::RequestRetrieveCall) => ErrorCode::RetrieveFailed,
        (Unfit::State, MessageType::RequestAnswerCall) => ErrorCode::AnswerFailed,
        (Unfit::State, _) => ErrorCode::CallState,
        (Unfit::Phone(_), MessageType::RequestAnswerCall) => ErrorCode::AnswerFailed,
        (Unfit::Phone(_), MessageType::RequestRetrieveCall) => ErrorCode::RetrieveFailed,
        (Unfit::Phone(408), _) => ErrorCode::NoAnswer,
        (Unfit::Phone(486 | 600), _) => ErrorCode::DNBusy,
        (Unfit::Phone(_), _) => ErrorCode::ConnectionFailed,
        (Unfit::NotSupported, _) => ErrorCode::Unsupported,
        (Unfit::Limit, _) => ErrorCode::TooManyRequests,
    }
}
