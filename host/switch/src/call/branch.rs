//! A branch: an INVITE of ours to one contact, until its final response.

use std::{collections::VecDeque, sync::Arc};

use media::Side;
use model::{Aor, Directory, Flow, Instant, LegId, TrunkId, hook::Destination};
use sip::{ClientTx, Message, Method, Name, RequestDraft, Uri, Writer, reliable::OPTION_100REL};

use super::{
    Call, Edits, Reliability, State,
    answer::Stray,
    answer_for::write_auto_answer,
    attempt::{Failed, Hop},
    early::Held,
    fork::EarlyLeg,
    headers::{OPTION_REPLACES, name_addr},
    identity::{ANONYMOUS, Crossing},
    is_sips, our_contact,
    over_trunk::OnTrunk,
    route,
};
use crate::{
    Fact, Reason,
    tables::{ClientUse, Tables},
    trunk::Challenged,
};

/// An INVITE of ours to one contact.
pub(crate) struct Branch {
    pub(crate) leg: LegId,
    /// Which of the targets that are tried together.
    pub(super) of: usize,
    /// The Request-URI.
    pub(crate) uri: String,
    pub(crate) tag: Box<str>,
    pub(crate) contact: Box<str>,
    pub(super) tx: ClientTx,
    /// What was sent, less its Via and body: the dialog is made from it and from the response.
    pub(super) facts: sip::DialogSeed,
    /// The proxies on the way, as a Route; or empty.
    pub(super) path: Arc<str>,
    /// Where else its target is, if it is dead where it was sent.
    pub(super) others: VecDeque<Flow>,
    /// Other ways to the same phone, if this one has failed.
    pub(super) spares: Vec<Hop>,
    /// It went over a connection because it is too large for a datagram; the same place over UDP is among `others`.
    pub(super) is_large: bool,
    /// Something came back, if only a 100.
    pub(super) heard: bool,
    /// Whose phone it goes to, if it is one of ours.
    pub(super) user: Option<Aor>,
    /// The tag of the phone, from its first response that has one.
    pub(super) peer_tag: Option<Box<str>>,
    /// A CANCEL went out, or will; a 2xx that still comes is acknowledged and ended.
    pub(super) cancelled: bool,
    /// The trunk it goes over.
    pub(super) trunk: Option<OnTrunk>,
    /// Who it was asked to prove to be.
    pub(super) challenged: Challenged,
    /// Who answered it before the final response.
    pub(super) early: Vec<EarlyLeg>,
    /// What it says of reliable provisional responses.
    pub(super) reliability: Reliability,
    /// The least session interval that its target has asked for, in seconds.
    pub(super) min_se_s: u32,
    /// How often it has asked for more.
    pub(super) raised: u8,
    /// What plugins change of its header fields.
    pub(super) edits: Edits,
    /// Its phone is to answer by itself.
    pub(super) auto: bool,
    /// Another INVITE goes on as the leg that was told of: of the end of this one nothing is told.
    pub(super) is_quiet: bool,
}

/// What is written into an INVITE of ours.
#[derive(Clone, Copy)]
pub(super) struct Letter<'a> {
    /// The Request-URI.
    pub(super) uri: &'a str,
    /// The value of Route, or empty.
    pub(super) path: &'a str,
    pub(super) facts: &'a sip::DialogSeed,
    /// Our Contact.
    pub(super) contact: &'a str,
    /// What it says of reliable provisional responses.
    pub(super) reliability: Reliability,
    /// The least session interval, in seconds.
    pub(super) min_se_s: u32,
    /// Which of the targets that are tried together it is for.
    pub(super) of: usize,
    /// The trunk it goes over.
    pub(super) trunk: Option<TrunkId>,
    /// What says who we are, where it was asked.
    pub(super) answers: &'a [(Name, String)],
    /// What plugins change of it.
    pub(super) edits: &'a Edits,
    /// The phone is to answer by itself.
    pub(super) auto: bool,
}

/// How an INVITE names its parties.
pub(super) struct Faces {
    /// The value of From, without a tag.
    pub(super) from: String,
    /// The value of To.
    pub(super) to: String,
    /// The user of our Contact, as it stands in a URI.
    pub(super) contact_user: Option<String>,
}

impl Call {
    /// How many branches may still answer.
    pub(super) fn branches_live(&self) -> usize {
        self.branches.iter().filter(|branch| !branch.cancelled).count()
    }

    /// Sends the INVITE of one contact. The error is the status the branch failed with.
    pub(super) fn open_branch(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        hop: Hop,
    ) -> Result<(), u16> {
        match self.proxied {
            Some(_) => self.open_forwarded(tables, now, hop),
            None => match self.with_policy(tables, now, hop) {
                Some(hop) => self.open_own(tables, now, hop),
                None => Ok(()),
            },
        }
    }

    /// Sends an INVITE of ours to one contact.
    fn open_own(&mut self, tables: &mut Tables, now: Instant, mut hop: Hop) -> Result<(), u16> {
        let invite =
            self.caller.invite.as_ref().map(|(_, invite)| invite.clone()).ok_or(487_u16)?;
        self.media.note_path(Side::A, self.caller.flow);
        self.media.note_path(Side::B, hop.flow);
        let leg = match hop.as_leg {
            Some(leg) => leg,
            None => self.new_leg(),
        };
        let (facts, contact) = self.seed_of(tables, &hop, &invite)?;
        let (uri, path) = (&*hop.uri, &*hop.path);
        let (reliability, edits) = (self.caller.reliability, self.edits_of(tables, &hop));
        let letter = Letter {
            uri,
            path,
            facts: &facts,
            contact: &contact,
            reliability,
            min_se_s: 0,
            of: hop.of,
            trunk: hop.trunk.as_ref().map(|on| on.id),
            answers: &[],
            edits: &edits,
            auto: hop.auto,
        };
        let draft = self.draft_invite(tables, letter)?;
        if let Some(flow) = route::way_for_size(&tables.config, &hop, draft.size()) {
            hop.others.push_front(hop.flow);
            return self.open_branch(tables, now, Hop { flow, is_large: true, ..hop });
        }
        let tx = send_draft(tables, now, leg, hop.flow, draft)?;
        self.add_branch(tables, now, (leg, tx, hop), facts, contact, reliability);
        Ok(())
    }

    /// A number that no leg of this call has had.
    pub(super) const fn new_leg(&mut self) -> LegId {
        self.next_leg += 1;
        LegId { conn: self.conn, number: self.next_leg }
    }

    /// Follows an INVITE that has been sent to a contact.
    pub(super) fn add_branch(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (leg, tx, hop): (LegId, ClientTx, Hop),
        facts: sip::DialogSeed,
        contact: Box<str>,
        reliability: Reliability,
    ) {
        if hop.as_leg.is_none() {
            self.tell_of_leg(tables, leg, &facts.call_id, &hop);
        }
        let (gives_way, edits) = (hop.gives_way(), self.edits_of(tables, &hop));
        self.branches.push(Branch {
            leg,
            of: hop.of,
            uri: hop.uri,
            tag: facts.local_tag.as_str().into(),
            contact,
            tx,
            facts,
            heard: false,
            user: self.user_of(hop.of),
            peer_tag: None,
            cancelled: false,
            others: hop.others,
            spares: hop.spares,
            path: hop.path,
            is_large: hop.is_large,
            trunk: hop.trunk,
            challenged: Challenged::default(),
            early: Vec::new(),
            reliability,
            min_se_s: 0,
            raised: 0,
            edits,
            auto: hop.auto,
            is_quiet: false,
        });
        if gives_way {
            self.start_timer(tables, now + tables.config.failover_after, Reason::Failover);
        }
    }

    /// What the dialog of a branch begins with, and our Contact in it.
    fn seed_of(
        &self,
        tables: &mut Tables,
        hop: &Hop,
        invite: &Message,
    ) -> Result<(sip::DialogSeed, Box<str>), u16> {
        let on = hop.trunk.as_ref().map(|on| on.id);
        let crossing = self.crossing_to(tables, on, hop.flow);
        let hidden = self.hides_from(tables, crossing, on);
        let faces = match &hop.trunk {
            Some(on) => self.faces_on(tables, on, hidden).ok_or(503_u16)?,
            None => self.faces_of(invite, hidden)?,
        };
        let contact = our_contact(
            faces.contact_user.as_deref(),
            tables.advertised(hop.flow.listener),
            hop.flow.transport,
            is_sips(&hop.uri),
        );
        let seed = sip::DialogSeed {
            local_tag: tables.endpoint.mint_tag(),
            call_id: tables.endpoint.mint_call_id(),
            local_uri: faces.from,
            remote_uri: faces.to,
            cseq: 1,
            flow: hop.flow,
        };
        Ok((seed, contact.into()))
    }

    /// Sends the INVITE of a branch.
    pub(super) fn send_invite(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        leg: LegId,
        letter: Letter<'_>,
    ) -> Result<ClientTx, u16> {
        let draft = self.draft_invite(tables, letter)?;
        send_draft(tables, now, leg, letter.facts.flow, draft)
    }

    fn draft_invite(
        &mut self,
        tables: &mut Tables,
        letter: Letter<'_>,
    ) -> Result<RequestDraft, u16> {
        let Some((_, invite)) = &self.caller.invite else { return Err(487) };
        let invite = invite.clone();
        let offer = self.offer_for_callee(tables, &invite)?;
        let mut draft = invite_draft(&invite, letter.uri, letter.facts, letter.contact);
        match letter.reliability {
            Reliability::Unknown => {}
            Reliability::Supported => {
                draft.header(Name::Supported, OPTION_100REL);
            }
            Reliability::Required => {
                draft.header(Name::Require, OPTION_100REL);
            }
        }
        if !letter.path.is_empty() {
            draft.header(Name::Route, letter.path);
        }
        for (name, value) in tables.config.sessions.fields(letter.min_se_s) {
            draft.header(name, value);
        }
        // Behind the others: some read the first field of the name alone.
        draft.header(Name::Supported, OPTION_REPLACES);
        if letter.auto {
            write_auto_answer(&mut draft);
        }
        for (name, answer) in letter.answers {
            draft.header(*name, answer);
        }
        let crossing = self.crossing_to(tables, letter.trunk, letter.facts.flow);
        let history = self.say_diverted(tables, &invite, crossing, &letter, &mut draft);
        Self::write_invite_fields(&invite, crossing, letter.edits, &mut draft, |name| {
            history && name.eq_ignore_ascii_case(Name::HistoryInfo.as_str())
        });
        self.say_who_calls(tables, &invite, crossing, letter.trunk, &mut draft);
        tables.sign_edited(&mut draft, letter.edits);
        let offer = offer.as_ref().map(|(kind, body)| (kind.as_str(), body.as_ref()));
        let mut draft = draft.draft(offer);
        if let Some(trunk) = letter.trunk.and_then(|trunk| tables.trunks.get(trunk)) {
            draft.via_params(trunk.via_params(letter.facts.flow.transport));
        }
        Ok(draft)
    }

    /// The addresses of an INVITE to a phone or a URI: those of the caller's, which is maybe shown as somebody else.
    fn faces_of(&self, invite: &Message, hidden: bool) -> Result<Faces, u16> {
        let user = Uri::parse(&self.shown_caller().uri).ok().and_then(|uri| uri.user);
        Ok(Faces {
            from: match &self.shown {
                _ if hidden => ANONYMOUS.to_owned(),
                Some(party) => name_addr(party),
                None => invite.from().map_err(|_| 400_u16)?.without_tag(),
            },
            to: invite.to().map_err(|_| 400_u16)?.without_tag(),
            contact_user: user.filter(|_| !hidden).map(str::to_owned),
        })
    }

    /// What a trunk is told of the caller beside From.
    fn say_who_calls(
        &self,
        tables: &Tables,
        invite: &Message,
        crossing: Crossing,
        trunk: Option<TrunkId>,
        draft: &mut Writer,
    ) {
        let is_said = crossing.lets(Name::PAssertedIdentity)
            && invite.header(Name::PAssertedIdentity).is_some();
        if !is_said && let Some(who) = self.asserted(tables, crossing, trunk) {
            draft.header(Name::PAssertedIdentity, who);
        }
        let asks = crossing.lets(Name::Privacy) && invite.header(Name::Privacy).is_some();
        if crossing.told && crossing.privacy.hides_party() && !asks {
            draft.header(Name::Privacy, "id");
        }
    }

    /// Tells that a leg was opened, and over which trunk.
    pub(super) fn tell_of_leg(&self, tables: &mut Tables, leg: LegId, call_id: &str, hop: &Hop) {
        let uri = hop.uri.clone();
        let target = self.target_of(hop.of).unwrap_or_else(|| Destination::Uri(uri.clone()));
        let call_id = call_id.to_owned();
        tables.emit(Fact::LegOffered { leg, uri, call_id, flow: hop.flow, target });
        if let Some(trunk) = hop.trunk.as_ref().and_then(|on| tables.trunks.get(on.id)) {
            let trunk = trunk.name.clone();
            tables.emit(Fact::LegOnTrunk { leg, trunk });
        }
    }

    /// A response to a branch's INVITE.
    pub(crate) fn on_branch_response(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        leg: LegId,
        response: &Message,
    ) {
        let mut trunk = None;
        if let Some(branch) = self.branches.iter_mut().find(|branch| branch.leg == leg) {
            branch.heard = true;
            if let Some(on) = &branch.trunk {
                trunk = (!branch.cancelled).then_some(on.id);
                tables.heed(now, on.id, branch.facts.flow.peer, response);
            }
            if branch.peer_tag.is_none() {
                let tag = response.to().ok().and_then(|to| to.tag().map(Into::into));
                branch.peer_tag = tag;
            }
            if branch.is_large {
                // It is there: what it answers over a connection it would answer to a datagram.
                let here = branch.facts.flow.peer;
                branch.others.retain(|other| other.peer != here);
            }
        }
        if self.proxied.is_some() && self.on_forwarded_response(tables, now, leg, response) {
            return tell_refusal(dir, trunk, response.status());
        }
        match response.status() {
            401 | 407
                if self.proxied.is_none() && self.answer_challenge(tables, now, leg, response) => {}
            420..=422
                if self.proxied.is_none() && self.ask_otherwise(tables, now, leg, response) => {}
            status if self.is_no_answer(leg, status) => {
                tell_refusal(dir, trunk, status);
                self.next_place(tables, now, dir, (leg, status), false);
                self.try_next(tables, now, dir);
            }
            ..=100 => {}
            101..=199 => self.on_branch_provisional(tables, now, leg, response),
            200..=299 => self.on_branch_answer(tables, now, dir, leg, response),
            status => {
                tell_refusal(dir, trunk, status);
                let redirect = match status {
                    300..=399 => {
                        self.note_redirect(response);
                        response.values(Name::Contact).map(str::to_owned).collect()
                    }
                    _ => Vec::new(),
                };
                self.end_branch(tables, now, dir, leg, status, redirect);
            }
        }
    }

    /// A branch's INVITE got no final response at all: `status` says how.
    pub(crate) fn on_branch_lost(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        leg: LegId,
        status: u16,
    ) {
        if self.has_another_place(leg) {
            self.next_place(tables, now, dir, (leg, status), false);
            return self.try_next(tables, now, dir);
        }
        self.end_branch(tables, now, dir, leg, status, Vec::new());
    }

    fn end_branch(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        leg: LegId,
        status: u16,
        redirect: Vec<String>,
    ) {
        let Some(branch) = self.take_branch(leg) else { return };
        tables.uses_by_client_tx.remove(&branch.tx);
        tables.forget_leg(&branch.tag);
        if branch.is_quiet {
            // The leg goes on.
        } else if branch.cancelled {
            tables.emit(Fact::LegFailed { leg, status });
            self.not_answered(tables, leg, status);
        } else {
            let failed = Failed { leg, of: branch.of, status, redirect };
            self.branch_failed(tables, now, dir, failed);
        }
        self.finish_proxied(tables, now);
    }

    fn on_branch_answer(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        leg: LegId,
        response: &Message,
    ) {
        let Some(mut branch) = self.take_branch(leg) else { return };
        let Ok(dialog) = Self::dialog_of_answer(&mut branch, response) else {
            // A 2xx without a usable tag or Contact cannot be acknowledged; it ends as a bad gateway would.
            tables.uses_by_client_tx.remove(&branch.tx);
            let failed = Failed { leg, of: branch.of, status: 502, redirect: Vec::new() };
            return self.branch_failed(tables, now, dir, failed);
        };
        let trying = matches!(self.state, State::Trying { .. });
        let trunk = branch.trunk.as_ref().map(|on| on.id);
        if branch.cancelled || !trying {
            let (tx, contact, cseq) = (branch.tx, branch.contact, branch.facts.cseq);
            tables.forget_leg(&branch.tag);
            hang_up_stray(tables, now, Stray { tx, contact, dialog, cseq }, trunk);
            if !branch.is_quiet {
                tables.emit(Fact::LegFailed { leg, status: 487 });
            }
            return;
        }
        let of = branch.of;
        if self.holds_answer() {
            let held = Held { branch, dialog, response: response.clone() };
            return self.hold_answer(tables, now, held);
        }
        if let Err(stray) = self.answer(tables, now, branch, dialog, response) {
            hang_up_stray(tables, now, *stray, trunk);
            let failed = Failed { leg, of, status: 488, redirect: Vec::new() };
            self.branch_failed(tables, now, dir, failed);
        }
    }

    /// Whether a branch of that one of the targets that are tried together may still answer.
    pub(super) fn has_branch(&self, of: usize) -> bool {
        self.branches.iter().any(|branch| branch.of == of && !branch.cancelled)
    }

    /// Cancels every branch that may still answer (RFC 3261 section 9.1), or those of one of the targets that are tried together.
    pub(super) fn cancel_branches(&mut self, tables: &mut Tables, now: Instant, of: Option<usize>) {
        self.cancel_because(tables, now, of, "");
    }

    /// The same with the Reason that the CANCELs give (RFC 3326), or none.
    pub(super) fn cancel_because(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        of: Option<usize>,
        reason: &str,
    ) {
        let is_meant = |branch: &Branch| of.is_none_or(|of| branch.of == of);
        for branch in
            self.branches.iter_mut().filter(|branch| !branch.cancelled && is_meant(branch))
        {
            branch.cancelled = true;
            tables.endpoint.cancel_because(now, branch.tx, reason);
        }
    }

    pub(super) fn take_branch(&mut self, leg: LegId) -> Option<Branch> {
        let at = self.branches.iter().position(|branch| branch.leg == leg)?;
        Some(self.branches.swap_remove(at))
    }
}

impl Branch {
    pub(super) const fn tx(&self) -> ClientTx {
        self.tx
    }

    /// The Call-ID of its INVITE.
    pub(super) fn call_id(&self) -> &str {
        &self.facts.call_id
    }

    /// Whether nothing has come back, not even a 100.
    pub(super) const fn is_silent(&self) -> bool {
        !self.heard && !self.cancelled
    }

    /// Whether its target has a place that was not tried.
    pub(super) fn has_another_place(&self) -> bool {
        !self.others.is_empty() || !self.spares.is_empty()
    }
}

/// A final response of a trunk that is no success is counted.
fn tell_refusal(dir: &dyn Directory, trunk: Option<TrunkId>, status: u16) {
    if let Some(trunk) = trunk
        && status >= 400
    {
        dir.trunk_refused(trunk, status);
    }
}

fn send_draft(
    tables: &mut Tables,
    now: Instant,
    leg: LegId,
    flow: Flow,
    draft: RequestDraft,
) -> Result<ClientTx, u16> {
    let tx = tables.endpoint.send_request(now, flow, draft).map_err(|_| 503_u16)?;
    follow_invite(tables, tx, leg);
    Ok(tx)
}

/// What comes back is for this leg.
pub(super) fn follow_invite(tables: &mut Tables, tx: ClientTx, leg: LegId) {
    tables.uses_by_client_tx.insert(tx, ClientUse::Branch(leg));
}

/// A 2xx that nobody waits for any more: acknowledged, then ended with BYE (RFC 3261 section 13.2.2.4).
pub(crate) fn hang_up_stray(
    tables: &mut Tables,
    now: Instant,
    stray: Stray,
    trunk: Option<TrunkId>,
) {
    let Stray { tx, contact, mut dialog, cseq } = stray;
    let ack = dialog.ack(cseq, &contact);
    tables.endpoint.send_ack(now, tx, dialog.flow, ack);
    tables.send_bye(now, &mut dialog, &contact, trunk, super::Parting::Plain);
}

fn invite_draft(invite: &Message, uri: &str, seed: &sip::DialogSeed, contact: &str) -> Writer {
    let hops = invite.max_forwards().unwrap_or(70).saturating_sub(1).min(255);
    let mut writer = Writer::request(Method::Invite, uri);
    writer.header(Name::MaxForwards, hops);
    writer.header(Name::From, format_args!("{};tag={}", seed.local_uri, seed.local_tag));
    writer.header(Name::To, &seed.remote_uri);
    writer.header(Name::CallId, &seed.call_id);
    writer.header(Name::CSeq, format_args!("{} INVITE", seed.cseq));
    writer.header(Name::Contact, contact);
    writer.header(Name::Allow, super::headers::ALLOW);
    writer
}
