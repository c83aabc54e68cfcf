//! The call's media: whether it is relayed, and the session descriptions on their way across.

use std::net::{Ipv6Addr, SocketAddr};

use bytes::Bytes;
use media::{RelayCommand, Side, StreamNo, StreamPorts};
use model::{ConnId, Flow, Instant, RelayId, hook::MediaMode};
use sip::{
    Message, Name,
    sdp::{Origin, Sdp},
};

use super::Call;
use crate::{ContinuedImage, LegImage, MediaImage, Reason, tables::Tables};

/// The content type of a session description (RFC 3264).
pub(super) const SDP_TYPE: &str = "application/sdp";

/// Streams opened for a call whose INVITE has no offer: what it will need is known only when the answer comes.
const DELAYED_OFFER_STREAMS: u8 = 2;

/// How this call's media goes.
#[derive(Default)]
pub(crate) struct CallMedia {
    anchored: bool,
    /// Asked of the relay and not closed yet.
    requested: bool,
    /// Our ports, one entry a stream, once the relay is open.
    ports: Vec<StreamPorts>,
    /// Whether the path of each party is IPv6.
    caller_is_v6: bool,
    callee_is_v6: bool,
    /// The called side has been told to the relay, so another target must first be forgotten.
    callee_known: bool,
    /// The origins of the descriptions that a party is told, where they are not those of the other party's.
    origins: [Option<Box<Continued>>; 2],
    /// Whom a plugin holds, the caller first: what it is told is inactive.
    held: [bool; 2],
    /// The last description of each party as it came, the caller's first.
    said: [Option<Box<[u8]>>; 2],
}

const fn index(side: Side) -> usize {
    match side {
        Side::A => 0,
        Side::B => 1,
    }
}

impl CallMedia {
    pub(crate) const fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// Says over which path a party is spoken to: its address's family is that of its media too.
    pub(crate) const fn note_path(&mut self, side: Side, flow: Flow) {
        let is_v6 = flow.peer.is_ipv6();
        match side {
            Side::A => self.caller_is_v6 = is_v6,
            Side::B => self.callee_is_v6 = is_v6,
        }
    }

    /// Our address towards `side`, instead of one of `ports`, in the family of its path where the relay serves both.
    fn towards(&self, side: Side, ports: &StreamPorts, address6: Option<Ipv6Addr>) -> SocketAddr {
        let (own, is_v6) = match side {
            Side::A => (ports.a, self.caller_is_v6),
            Side::B => (ports.b, self.callee_is_v6),
        };
        match address6 {
            Some(ip) if is_v6 => (ip, own.port()).into(),
            Some(_) | None => own,
        }
    }

    /// The relay is open, or has more streams now.
    pub(crate) fn opened(&mut self, ports: Vec<StreamPorts>) {
        self.ports = ports;
    }

    pub(super) fn forget_callee(&mut self, tables: &mut Tables, conn: ConnId) {
        self.note_said(Side::B, None);
        if std::mem::take(&mut self.callee_known) {
            tables.relay(RelayCommand::Forget { relay: RelayId(conn), side: Side::B });
        }
    }

    pub(super) fn close(&mut self, tables: &mut Tables, conn: ConnId) {
        if std::mem::take(&mut self.requested) {
            tables.close_relay(conn);
        }
    }

    pub(super) fn streams(&self) -> usize {
        self.ports.len()
    }

    /// Whether a plugin holds this party.
    pub(super) fn is_held(&self, side: Side) -> bool {
        self.held.get(index(side)).copied().unwrap_or_default()
    }

    pub(crate) fn set_held(&mut self, side: Side, held: bool) {
        if let Some(is) = self.held.get_mut(index(side)) {
            *is = held;
        }
    }

    /// Whether what this party is told has an origin of its own.
    pub(super) fn continues(&self, side: Side) -> bool {
        self.origins.get(index(side)).is_some_and(Option::is_some)
    }

    /// The last description that a party gave, as it came.
    pub(super) fn said(&self, side: Side) -> Option<&[u8]> {
        self.said.get(index(side))?.as_deref()
    }

    /// `side` has been told `told` in another call: what it is told here goes on from there (RFC 3264 section 8: the origin stays,
    /// its version grows by one with every change).
    pub(super) fn continue_session(&mut self, side: Side, told: Option<&[u8]>) {
        if let (Some(told), Some(origin)) = (told, self.origins.get_mut(index(side))) {
            *origin =
                Sdp::parse(told).ok().and_then(|sdp| Continued::from(&sdp, told)).map(Box::new);
        }
    }

    /// What `side` was told last in the call it came from, or here since.
    pub(super) fn told_elsewhere(&self, side: Side) -> Option<&[u8]> {
        Some(&self.origins.get(index(side))?.as_ref()?.first)
    }

    /// Remembers a party's description; gives the one before.
    pub(super) fn note_said(&mut self, side: Side, sdp: Option<Box<[u8]>>) -> Option<Box<[u8]>> {
        self.said.get_mut(index(side)).and_then(|said| std::mem::replace(said, sdp))
    }
}

impl CallMedia {
    /// The media as an image has it.
    pub(super) fn image(&self) -> MediaImage {
        let continued = |origin: &Option<Box<Continued>>| origin.as_deref().map(Continued::image);
        MediaImage {
            anchored: self.anchored,
            open: self.requested,
            ports: self.ports.iter().map(|ports| (ports.a, ports.b)).collect(),
            held: self.held,
            callee_known: self.callee_known,
            said: self.said.each_ref().map(|said| said.as_deref().map(<[u8]>::to_vec)),
            continued: self.origins.each_ref().map(continued),
        }
    }

    pub(super) fn of_image(image: &MediaImage, caller: &LegImage, callee: &LegImage) -> Self {
        Self {
            anchored: image.anchored,
            requested: image.open,
            ports: image.stream_ports(),
            caller_is_v6: caller.dialog.flow.peer.is_ipv6(),
            callee_is_v6: callee.dialog.flow.peer.is_ipv6(),
            held: image.held,
            callee_known: image.callee_known,
            origins: image
                .continued
                .each_ref()
                .map(|origin| origin.as_ref().map(|origin| Box::new(Continued::of_image(origin)))),
            said: image.said.each_ref().map(|said| said.as_deref().map(Box::from)),
        }
    }
}

/// An origin that a party knows from another call.
struct Continued {
    origin: Origin,
    /// What it was told last in the other call.
    first: Box<[u8]>,
    /// What it was told last, of any version.
    told: Box<[u8]>,
}

impl Continued {
    fn from(sdp: &Sdp<'_>, told: &[u8]) -> Option<Self> {
        Some(Self { origin: sdp.origin()?, first: told.into(), told: told.into() })
    }

    fn image(&self) -> ContinuedImage {
        let Origin { user, id, version } = self.origin.clone();
        ContinuedImage { user, id, version, first: self.first.to_vec(), told: self.told.to_vec() }
    }

    fn of_image(image: &ContinuedImage) -> Self {
        let ContinuedImage { user, id, version, first, told } = image.clone();
        Self { origin: Origin { user, id, version }, first: first.into(), told: told.into() }
    }

    /// A description under this origin, with the next version where it is not what was told last.
    fn apply(&mut self, across: &[u8]) -> Vec<u8> {
        let same = self.origin.put_into(across);
        if same == *self.told {
            return same;
        }
        self.origin.version = self.origin.version.wrapping_add(1);
        let next = self.origin.put_into(across);
        self.told = next.as_slice().into();
        next
    }
}

/// A body for the other leg: its content type and its bytes.
pub(super) type Body = Option<(String, Bytes)>;

/// A session description that cannot be read, and must be to be relayed, or that is of another family than the other party's
/// and is not relayed.
#[derive(Debug)]
pub(super) struct Unreadable;

impl Call {
    /// Decides how the media goes; true when the relay was asked and its answer must be awaited.
    pub(super) fn open_media(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        mode: MediaMode,
    ) -> bool {
        self.media.anchored = matches!(mode, MediaMode::Default | MediaMode::Anchor);
        if !self.media.anchored || self.media.requested {
            return false;
        }
        let of_invite = self.caller.invite.as_ref().map_or(0, |(_, invite)| streams_of(invite));
        let said = |side| self.media.said(side).map_or(0, streams_in);
        let streams = of_invite.max(said(Side::A)).max(said(Side::B));
        self.media.requested = true;
        let streams = streams.clamp(1, tables.config.limits.streams_max);
        tables.relay(RelayCommand::Open { relay: RelayId(self.conn), streams });
        let deadline = now + tables.config.relay_timeout;
        self.start_timer(tables, deadline, Reason::Relay);
        true
    }

    /// The caller's offer as the called side shall see it; 488 when it cannot be read.
    pub(super) fn offer_for_callee(
        &mut self,
        tables: &mut Tables,
        invite: &Message,
    ) -> Result<Body, u16> {
        self.body_across(tables, Side::A, invite).map_err(|Unreadable| 488)
    }

    /// The body of `message`, which came from `side`, as the other side shall see it. A session description is told to the
    /// relay and has our ports put in; any other body passes as it is.
    pub(super) fn body_across(
        &mut self,
        tables: &mut Tables,
        side: Side,
        message: &Message,
    ) -> Result<Body, Unreadable> {
        let body = message.body_bytes();
        if body.is_empty() {
            return Ok(None);
        }
        let kind = message.header(Name::ContentType).unwrap_or(SDP_TYPE);
        if !is_sdp(kind) {
            return Ok(Some((kind.to_owned(), body)));
        }
        let sdp = self.sdp_across(tables, side, &body)?;
        self.media.note_said(side, Some(body.as_ref().into()));
        Ok(Some((kind.to_owned(), sdp.unwrap_or(body))))
    }

    /// A session description of `side` as the other side shall see it; `None` when it is to see it as it is. The relay is told.
    pub(super) fn sdp_across(
        &mut self,
        tables: &mut Tables,
        side: Side,
        body: &[u8],
    ) -> Result<Option<Bytes>, Unreadable> {
        if !self.media.anchored && self.media.caller_is_v6 != self.media.callee_is_v6 {
            // What one says of its address the other cannot reach.
            return Err(Unreadable);
        }
        let continued = self.media.continues(side.other());
        if !self.media.anchored && !continued {
            return Ok(None);
        }
        let mut across = self.across(tables, side, body)?;
        if self.media.is_held(side.other()) {
            across = Sdp::parse(&across).map_err(|_| Unreadable)?.inactive().into();
        }
        let origin = self.media.origins.get_mut(index(side.other())).and_then(Option::as_mut);
        Ok(Some(match origin {
            Some(origin) => origin.apply(&across).into(),
            None => across,
        }))
    }

    fn across(
        &mut self,
        tables: &mut Tables,
        side: Side,
        body: &[u8],
    ) -> Result<Bytes, Unreadable> {
        if !self.media.anchored {
            return Ok(Bytes::copy_from_slice(body));
        }
        let sdp = Sdp::parse(body).map_err(|_| Unreadable)?;
        self.tell_relay(tables, side, &sdp);
        let ours: Vec<_> = self
            .media
            .ports
            .iter()
            .map(|ports| {
                Some(self.media.towards(side.other(), ports, tables.config.media_address6))
            })
            .collect();
        Ok(sdp.rewrite(&ours).into())
    }

    /// The description that `side` was told last, as it was told.
    pub(super) fn told(&mut self, tables: &mut Tables, side: Side) -> Option<Box<[u8]>> {
        let said: Box<[u8]> = self.media.said(side.other())?.into();
        let told = self.sdp_across(tables, side.other(), &said).ok()?;
        Some(told.map_or(said, |told| told.as_ref().into()))
    }

    /// What a party that is held answers: only where its media is to be sent counts.
    pub(super) fn note_held_answer(&mut self, tables: &mut Tables, side: Side, answer: &Message) {
        if let Ok(sdp) = Sdp::parse(answer.body())
            && self.media.anchored
        {
            self.tell_relay(tables, side, &sdp);
        }
    }

    /// Where the party says its media shall be sent.
    fn tell_relay(&mut self, tables: &mut Tables, side: Side, sdp: &Sdp<'_>) {
        if side == Side::B {
            self.media.callee_known = true;
        }
        for (n, stream) in sdp.media().enumerate().take(self.media.ports.len()) {
            let Ok(n) = u8::try_from(n) else { return };
            tables.relay(RelayCommand::Remote {
                relay: RelayId(self.conn),
                stream: StreamNo(n),
                side,
                rtp: stream.rtp_addr(),
                rtcp: stream.rtcp_addr(),
                mux: stream.rtcp_mux(),
            });
        }
    }
}

/// Whether a party holds the other with this description (RFC 3264 section 8.4): every stream is sendonly, inactive or, in the
/// old way, has the address 0.0.0.0.
pub(super) fn holds(message: &Message) -> Option<bool> {
    if message.body().is_empty() || !is_sdp(message.header(Name::ContentType).unwrap_or(SDP_TYPE)) {
        return None;
    }
    Sdp::parse(message.body()).ok().map(|sdp| sdp.is_hold())
}

/// The number of media streams of a request's offer.
pub(super) fn streams_of(request: &Message) -> u8 {
    if request.body().is_empty() {
        return DELAYED_OFFER_STREAMS;
    }
    streams_in(request.body())
}

fn streams_in(body: &[u8]) -> u8 {
    let count = Sdp::parse(body).map_or(0, |sdp| sdp.media().count());
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// Whether a message has a session description.
pub(super) fn describes(message: &Message) -> bool {
    !message.body().is_empty() && is_sdp(message.header(Name::ContentType).unwrap_or(SDP_TYPE))
}

/// Whether a body is a session description.
pub(super) fn is_description(body: &Body) -> bool {
    body.as_ref().is_some_and(|(kind, _)| is_sdp(kind))
}

fn is_sdp(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case(SDP_TYPE)
}
