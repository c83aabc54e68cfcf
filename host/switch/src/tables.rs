//! What the calls of a shard share: the SIP endpoint, the indexes into the calls, the timers, and the outputs.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::SocketAddr,
};

use media::{RelayCommand, Side};
use model::{
    Aor, ConnId, Directory, Flow, Instant, LegId, ListenerId, RelayId, Transport, TrunkId,
    hook::{Happening, QuestionId},
};
use sip::{ClientTx, Dialog, Endpoint, Message, Name, ServerTx, Writer};

use crate::{
    Config, Fact, Output, Reason, Stats,
    authenticate::claimed,
    call::{Bye, EarlyUpdate, LastReport, Prack},
    errand::Errand,
    events::SubId,
    followed::Followed,
    moves::Notes,
    texts::TextId,
    trunk::{Chore, Loads, Trunks},
};

/// Everything of a shard but the calls themselves, so that a call can be borrowed beside it.
pub(crate) struct Tables {
    pub(crate) config: Config,
    pub(crate) trunks: Trunks,
    /// What they have told of their load.
    pub(crate) loads: Loads,
    pub(crate) endpoint: Endpoint,
    /// What the listeners speak, in the order of the configuration.
    pub(crate) transports: Vec<Transport>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) stats: Stats,
    /// What calls want of one another, done as soon as the one at hand is.
    pub(crate) errands: VecDeque<Errand>,
    /// INVITE server transactions whose fate is still open (no final response, or a 2xx without its ACK).
    pub(crate) invites_by_server_tx: HashMap<ServerTx, (ConnId, Side)>,
    /// What each of our own requests is for, until its final response.
    pub(crate) uses_by_client_tx: HashMap<ClientTx, ClientUse>,
    /// Legs that answer in-dialog requests, indexed by our tag.
    pub(crate) legs_by_tag: HashMap<Box<str>, LegId>,
    /// Calls that were sent on and are up, by their Call-ID.
    pub(crate) proxied: BTreeSet<(Box<str>, ConnId)>,
    /// Where what has moved is.
    pub(crate) notes: Notes,
    /// The message at hand was passed on by another shard because of a dialog that it names.
    pub(crate) has_sought: bool,
    /// How often the message at hand was passed on.
    pub(crate) hops: u8,
    /// Calls of phones that are called first: nothing is told of them.
    pub(crate) unoffered: BTreeSet<ConnId>,
    /// Questions in flight.
    pub(crate) calls_by_question: HashMap<QuestionId, ConnId>,
    /// Calls that have changed since those who watch were told, and whether a user came in.
    pub(crate) touched: Vec<(ConnId, bool)>,
    /// Users whose contacts have changed since then.
    pub(crate) moved: Vec<Aor>,
    /// Calls that plugins follow.
    pub(crate) followed: Followed,
    timers: BTreeSet<(Instant, ConnId, Reason)>,
    next_question: u64,
    next_call: u64,
}

/// What one of our requests is for.
#[derive(Debug)]
pub(crate) enum ClientUse {
    /// The INVITE of this leg.
    Branch(LegId),
    /// A re-INVITE towards this side, for the other.
    Reinvite {
        /// The call.
        conn: ConnId,
    },
    /// A re-INVITE that this switch began itself.
    OwnOffer {
        /// The call.
        conn: ConnId,
    },
    /// A re-INVITE or an UPDATE of ours that was given up while its dialog stands.
    GivenUp {
        /// The call.
        conn: ConnId,
    },
    /// The same, in a dialog that is over.
    Over(Box<Dialog>),
    /// A NOTIFY that tells a party of its transfer.
    Report {
        /// The call.
        conn: ConnId,
    },
    /// The last of these.
    LastReport(Box<LastReport>),
    /// A request passed on within a dialog; its answer goes back the same way.
    Relayed {
        /// The call.
        conn: ConnId,
        /// Where the answer goes.
        server: ServerTx,
        /// The request as it came.
        request: Box<Message>,
    },
    /// An UPDATE of ours that refreshes the session of this side.
    Refresh {
        /// The call.
        conn: ConnId,
        /// The side it went to.
        side: Side,
    },
    /// An OPTIONS that asks a party of a call whether it is there.
    Probe {
        /// The call.
        conn: ConnId,
    },
    /// A NOTIFY that has the phone of this leg answer.
    Talk(LegId),
    /// An INFO with a digit.
    Digit {
        /// The call.
        conn: ConnId,
    },
    /// A PRACK.
    Prack(Box<Prack>),
    /// An UPDATE with an offer before the call is answered, for the other side.
    EarlyUpdate(Box<EarlyUpdate>),
    /// A request within a dialog that was sent on; its answer goes back the same way.
    Passage {
        /// Where the answer goes.
        server: ServerTx,
        /// The request as it came.
        request: Box<Message>,
    },
    /// A BYE to a trunk that may ask who we are.
    Bye(Box<Bye>),
    /// A MESSAGE to a contact.
    Text(TextId),
    /// A NOTIFY to a subscriber.
    Notify(SubId),
    /// A REGISTER or an OPTIONS to a trunk.
    Trunk {
        /// Which.
        id: TrunkId,
        /// What it is sent for.
        chore: Chore,
    },
    /// An OPTIONS that asks whether a device of this user is there.
    Device(Aor),
}

impl Tables {
    /// Whether a trunk and we tell one another of our load (RFC 7339).
    pub(crate) fn controls_overload(&self, trunk: TrunkId) -> bool {
        self.trunks.get(trunk).is_some_and(|trunk| trunk.overload_control)
    }

    /// Takes in what a place of a trunk tells of its load.
    pub(crate) fn heed(
        &mut self,
        now: Instant,
        trunk: TrunkId,
        place: SocketAddr,
        response: &Message,
    ) {
        if self.controls_overload(trunk)
            && let Some(feedback) = sip::overload::Feedback::of(response)
        {
            self.loads.note(now, place, feedback);
        }
    }

    pub(crate) fn new(mut config: Config, endpoint: Endpoint) -> Self {
        let trunks = Trunks::new(std::mem::take(&mut config.trunks));
        let mut transports: Vec<Transport> = Vec::new();
        for listener in &config.listeners {
            if !transports.contains(&listener.transport) {
                transports.push(listener.transport);
            }
        }
        Self {
            config,
            trunks,
            loads: Loads::default(),
            endpoint,
            transports,
            outputs: VecDeque::new(),
            stats: Stats::default(),
            errands: VecDeque::new(),
            invites_by_server_tx: HashMap::new(),
            uses_by_client_tx: HashMap::new(),
            legs_by_tag: HashMap::new(),
            proxied: BTreeSet::new(),
            notes: Notes::default(),
            has_sought: false,
            hops: 0,
            unoffered: BTreeSet::new(),
            calls_by_question: HashMap::new(),
            touched: Vec::new(),
            moved: Vec::new(),
            followed: Followed::default(),
            timers: BTreeSet::new(),
            next_question: 0,
            next_call: 0,
        }
    }

    pub(crate) fn emit(&mut self, fact: Fact) {
        if !self.followed.is_empty() {
            let left_out = self.followed.note(&fact, &self.config.call_events);
            self.stats.call_events_missed += left_out;
        }
        self.touched.extend(fact.touches());
        if !self.unoffered.is_empty()
            && fact.call().is_some_and(|conn| self.unoffered.contains(&conn))
        {
            return;
        }
        self.outputs.push_back(Output::Emit(fact));
    }

    /// Tells plugins that follow a call what no fact says.
    pub(crate) fn tell_followers(&mut self, conn: ConnId, what: Happening) {
        let left_out = self.followed.tell(conn, what, &self.config.call_events);
        self.stats.call_events_missed += left_out;
    }

    pub(crate) fn relay(&mut self, command: RelayCommand) {
        self.outputs.push_back(Output::Relay(command));
    }

    pub(crate) fn close_relay(&mut self, conn: ConnId) {
        self.relay(RelayCommand::Close { relay: RelayId(conn) });
    }

    pub(crate) fn mint_conn_id(&mut self) -> ConnId {
        self.next_call += 1;
        ConnId::mint(self.config.shard, self.next_call)
    }

    /// A call has come that another process may have named: none of ours is to have its name.
    pub(crate) fn avoid_conn_id(&mut self, conn: ConnId) {
        if conn.shard() == self.config.shard {
            self.next_call = self.next_call.max(conn.sequence());
        }
    }

    pub(crate) fn mint_question_id(&mut self, conn: ConnId) -> QuestionId {
        let id = self.mint_question();
        self.calls_by_question.insert(id, conn);
        id
    }

    /// A question that is not a call's.
    pub(crate) const fn mint_question(&mut self) -> QuestionId {
        self.next_question += 1;
        QuestionId(self.next_question)
    }

    /// Wakes `conn` at `at` for `reason`; each call has at most one timer a reason and keeps `at` to stop it.
    pub(crate) fn start_timer(&mut self, at: Instant, conn: ConnId, reason: Reason) {
        self.timers.insert((at, conn, reason));
    }

    pub(crate) fn stop_timer(&mut self, at: Instant, conn: ConnId, reason: Reason) {
        self.timers.remove(&(at, conn, reason));
    }

    pub(crate) fn next_timer(&self) -> Option<(Instant, Reason)> {
        self.timers.first().map(|(at, _, reason)| (*at, *reason))
    }

    /// Takes the next timer that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(ConnId, Reason)> {
        let due = self.timers.first().is_some_and(|(at, _, _)| *at <= now);
        if !due {
            return None;
        }
        self.timers.pop_first().map(|(_, conn, reason)| (conn, reason))
    }
}

impl Tables {
    /// The address a listener is reached at.
    pub(crate) fn advertised(&self, listener: ListenerId) -> std::net::SocketAddr {
        let at = self.config.listeners.get(usize::from(listener.0));
        at.map_or_else(|| ([0, 0, 0, 0], 0).into(), |l| l.advertised)
    }

    /// The trunk that a request on this flow belongs to. A request that says it is from a user who logs in here does not: a phone
    /// may share an address with a carrier, and no carrier speaks for our users.
    pub(crate) fn trunk_of(
        &self,
        dir: &dyn Directory,
        flow: Flow,
        request: &Message,
    ) -> Option<TrunkId> {
        let source = flow.peer.ip();
        let trunk = self.trunks.at(source).or_else(|| dir.trunk_at(source))?;
        let is_ours = claimed(request).is_some_and(|aor| dir.secret(&aor).is_some());
        (!is_ours).then_some(trunk)
    }

    /// Asks the sender of a request to prove who it is (RFC 3261 section 22.2).
    pub(crate) fn challenge(
        &mut self,
        now: Instant,
        tx: ServerTx,
        request: &Message,
        values: impl FnOnce(&mut Self) -> Vec<String>,
    ) {
        let values = values(self);
        let tag = self.endpoint.mint_tag();
        let mut response = sip::response_to(request, 401, "", Some(&tag));
        for value in values {
            response.header(Name::WwwAuthenticate, value);
        }
        self.sign_response(&mut response);
        self.endpoint.respond(now, tx, response.finish(None));
    }

    pub(crate) fn sign_response(&self, response: &mut Writer) {
        if !self.config.server_header.is_empty() {
            response.header(Name::Server, &self.config.server_header);
        }
    }

    pub(crate) fn sign_draft(&self, request: &mut sip::RequestDraft) {
        if !self.config.server_header.is_empty() {
            request.header(Name::UserAgent, &self.config.server_header);
        }
    }

    pub(crate) fn sign_request(&self, request: &mut Writer) {
        if !self.config.server_header.is_empty() {
            request.header(Name::UserAgent, &self.config.server_header);
        }
    }
}
