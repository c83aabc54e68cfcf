//! A REGISTER or an OPTIONS on its way to a trunk: found, sent, answered, sent again.

use std::collections::VecDeque;

use model::{Flow, Instant};
use sip::{ClientTx, Method, Name, RequestDraft, Writer};

use super::{Challenged, TrunkConfig};
use crate::{
    LocateId,
    call::{is_sips, our_contact},
    tables::Tables,
};

/// What is done for a trunk again and again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Chore {
    /// Keeping its registration.
    Register,
    /// Asking whether it answers.
    Probe,
}

/// One chore of one trunk.
pub(super) struct Errand {
    pub(super) stage: Stage,
    /// When it is woken: to begin, or because nothing has come.
    pub(super) wakes_at: Option<Instant>,
    /// Failures in a row.
    pub(super) failures: u32,
    pub(super) challenged: Challenged,
    /// The registrar has wanted a longer registration this time.
    pub(super) was_brief: bool,
    call_id: String,
    tag: String,
    cseq: u32,
}

pub(super) enum Stage {
    /// It waits for its time.
    Idle,
    /// The DNS is asked.
    Locating(LocateId),
    /// It is on its way.
    Sent {
        tx: ClientTx,
        flow: Flow,
        /// Places that were not tried.
        others: VecDeque<Flow>,
    },
}

impl Errand {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Idle,
            wakes_at: None,
            failures: 0,
            challenged: Challenged::default(),
            was_brief: false,
            call_id: String::new(),
            tag: String::new(),
            cseq: 0,
        }
    }

    /// Registrations of one run share a Call-ID, with growing CSeq (RFC 3261 section 10.2); probes have nothing to share.
    pub(super) fn begin(&mut self, tables: &mut Tables, chore: Chore) {
        if self.call_id.is_empty() || chore == Chore::Probe {
            self.call_id = tables.endpoint.mint_call_id();
        }
        self.tag = tables.endpoint.mint_tag();
        self.challenged = Challenged::default();
        self.was_brief = false;
    }

    /// A REGISTER of `contact` for so many seconds; 0 takes it back.
    pub(super) fn register(
        &mut self,
        tables: &mut Tables,
        trunk: &TrunkConfig,
        flow: Flow,
        seconds: u64,
    ) -> RequestDraft {
        let register = trunk.register.as_ref();
        let own = trunk.own_uri(register.map_or("", |register| &register.user));
        let contact_user = register.map(|register| register.contact_user.as_str());
        let mut writer = self.request(tables, trunk, Method::Register, &own, &own);
        writer.header(Name::Contact, contact(tables, trunk, contact_user, flow));
        writer.header(Name::Expires, seconds);
        if let Some(login) = &trunk.login {
            let cnonce = || tables.endpoint.mint_number();
            for (name, answer) in self.challenged.answers(login, "REGISTER", &trunk.uri, cnonce) {
                writer.header(name, answer);
            }
        }
        draft(writer, trunk, flow)
    }

    /// An OPTIONS, which asks nothing but whether somebody answers.
    pub(super) fn options(
        &mut self,
        tables: &Tables,
        trunk: &TrunkConfig,
        flow: Flow,
    ) -> RequestDraft {
        let user =
            trunk.from_user.as_deref().or_else(|| trunk.login.as_ref().map(|login| &*login.user));
        let own = trunk.own_uri(user.unwrap_or_default());
        let mut writer = self.request(tables, trunk, Method::Options, &own, &trunk.uri);
        writer.header(Name::Contact, contact(tables, trunk, user, flow));
        writer.header(Name::Accept, "application/sdp");
        draft(writer, trunk, flow)
    }

    fn request(
        &mut self,
        tables: &Tables,
        trunk: &TrunkConfig,
        method: Method<'_>,
        from: &str,
        to: &str,
    ) -> Writer {
        self.cseq += 1;
        let mut writer = Writer::request(method, &trunk.uri);
        writer.header(Name::MaxForwards, 70);
        writer.header(Name::From, format_args!("<{from}>;tag={}", self.tag));
        writer.header(Name::To, format_args!("<{to}>"));
        writer.header(Name::CallId, &self.call_id);
        writer.header(Name::CSeq, format_args!("{} {}", self.cseq, method.as_str()));
        tables.sign_request(&mut writer);
        writer
    }
}

/// A request to a trunk, which says in its Via what we want of it.
fn draft(writer: Writer, trunk: &TrunkConfig, flow: Flow) -> RequestDraft {
    let mut draft = writer.draft(None);
    draft.via_params(trunk.via_params(flow.transport));
    draft
}

fn contact(tables: &Tables, trunk: &TrunkConfig, user: Option<&str>, flow: Flow) -> String {
    our_contact(user, tables.advertised(flow.listener), flow.transport, is_sips(&trunk.uri))
}
