//! From the values of a running call to those of an image and back, checked against the switch that takes them.

use media::StreamPorts;
use model::{Digest, Flow, GenerationRef, ListenerId, Transport};
use sip::{Dialog, DialogId, DialogState};

use super::{
    DialogImage, FlowImage, GenerationImage, ImageError,
    parts::{CallTimer, MediaImage},
};
use crate::{Listener, Reason};

/// CSeq numbers end here (RFC 3261 section 8.1.1.5).
const CSEQ_END: u32 = 1 << 31;

/// Routes of a dialog, as a dialog keeps them.
const ROUTES_MAX: usize = 32;

const TRANSPORTS: [Transport; 5] =
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

/// What goes into messages must not end a line of them.
pub(crate) fn one_line(field: &str, text: &str) -> Result<(), ImageError> {
    match text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        true => Err(ImageError::field(field, "has the end of a line in it")),
        false => Ok(()),
    }
}

/// The same, and it must be there.
pub(crate) fn some_line(field: &str, text: &str) -> Result<(), ImageError> {
    one_line(field, text)?;
    if text.is_empty() { Err(ImageError::field(field, "is empty")) } else { Ok(()) }
}

impl FlowImage {
    pub(crate) fn of(listeners: &[Listener], flow: Flow) -> Self {
        let listener = listeners.get(usize::from(flow.listener.0));
        Self {
            listener: listener.map_or_else(String::new, |listener| listener.name.clone()),
            transport: flow.transport.via_token().to_owned(),
            peer: flow.peer,
        }
    }

    pub(crate) fn flow(&self, field: &str, listeners: &[Listener]) -> Result<Flow, ImageError> {
        let transport = Self::transport_of(&format!("{field}.transport"), &self.transport)?;
        let name = &self.listener;
        let at = listeners.iter().position(|listener| listener.name == *name);
        let at = at.and_then(|at| u16::try_from(at).ok());
        let no_such = || {
            let why = format!("is `{name}`, and no SIP listener of that name is configured here");
            ImageError::field(&format!("{field}.listener"), why)
        };
        Ok(Flow { transport, listener: ListenerId(at.ok_or_else(no_such)?), peer: self.peer })
    }

    pub(crate) fn transport_of(field: &str, token: &str) -> Result<Transport, ImageError> {
        let found = TRANSPORTS.into_iter().find(|transport| transport.via_token() == token);
        found
            .ok_or_else(|| ImageError::field(field, format!("is `{token}`, which is no transport")))
    }
}

impl DialogImage {
    pub(crate) fn of(listeners: &[Listener], dialog: &Dialog) -> Self {
        let DialogId { call_id, local_tag, remote_tag } = dialog.id.clone();
        Self {
            call_id,
            local_tag,
            remote_tag,
            local_uri: dialog.local_uri.clone(),
            remote_uri: dialog.remote_uri.clone(),
            remote_target: dialog.remote_target.clone(),
            route_set: dialog.route_set.clone(),
            local_cseq: dialog.local_cseq,
            remote_cseq: dialog.remote_cseq,
            flow: FlowImage::of(listeners, dialog.flow),
        }
    }

    pub(crate) fn dialog(self, leg: &str, listeners: &[Listener]) -> Result<Dialog, ImageError> {
        let name = |field: &str| format!("{leg}.dialog.{field}");
        for (field, text) in [
            ("call_id", &self.call_id),
            ("local_tag", &self.local_tag),
            ("local_uri", &self.local_uri),
            ("remote_uri", &self.remote_uri),
            ("remote_target", &self.remote_target),
        ] {
            some_line(&name(field), text)?;
        }
        one_line(&name("remote_tag"), &self.remote_tag)?;
        if self.route_set.len() > ROUTES_MAX {
            return Err(ImageError::field(&name("route_set"), "has too many routes"));
        }
        self.route_set.iter().try_for_each(|route| some_line(&name("route_set"), route))?;
        for (field, number) in
            [("local_cseq", Some(self.local_cseq)), ("remote_cseq", self.remote_cseq)]
        {
            if number.is_some_and(|number| number >= CSEQ_END) {
                return Err(ImageError::field(&name(field), "is 2^31 or more"));
            }
        }
        let flow = self.flow.flow(&name("flow"), listeners)?;
        let Self { call_id, local_tag, remote_tag, .. } = self;
        Ok(Dialog {
            id: DialogId { call_id, local_tag, remote_tag },
            state: DialogState::Confirmed,
            local_uri: self.local_uri,
            remote_uri: self.remote_uri,
            remote_target: self.remote_target,
            route_set: self.route_set,
            local_cseq: self.local_cseq,
            remote_cseq: self.remote_cseq,
            flow,
        })
    }
}

impl GenerationImage {
    pub(crate) fn of(generation: &GenerationRef) -> Self {
        let GenerationRef { plugin, serial, digest } = generation;
        Self { plugin: plugin.to_string(), serial: *serial, digest: digest.to_string() }
    }

    pub(crate) fn generation(self) -> Result<GenerationRef, ImageError> {
        let digits = self.digest.as_bytes();
        let wrong = || ImageError::field("generation.digest", "is not 64 hexadecimal digits");
        let mut digest = [0; 32];
        if digits.len() != 64 {
            return Err(wrong());
        }
        for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        let (plugin, serial) = (self.plugin.into(), self.serial);
        Ok(GenerationRef { plugin, serial, digest: Digest(digest) })
    }
}

impl CallTimer {
    pub(crate) const fn of(reason: Reason) -> Option<Self> {
        match reason {
            Reason::SessionOfCaller => Some(Self::SessionOfCaller),
            Reason::SessionOfCallee => Some(Self::SessionOfCallee),
            Reason::CallLength => Some(Self::CallLength),
            Reason::Probe => Some(Self::Probe),
            // Of calls that do not rest, and of what is no call.
            Reason::Ring
            | Reason::Reliable
            | Reason::Question
            | Reason::Routing
            | Reason::Locate
            | Reason::Failover
            | Reason::Relay
            | Reason::OwnOffer
            | Reason::Proxied
            | Reason::Transaction
            | Reason::Registration
            | Reason::Store
            | Reason::Trunk
            | Reason::Device
            | Reason::Keepalive
            | Reason::Move
            | Reason::Subscription
            | Reason::Passage
            | Reason::CallEvent => None,
        }
    }

    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::SessionOfCaller => Reason::SessionOfCaller,
            Self::SessionOfCallee => Reason::SessionOfCallee,
            Self::CallLength => Reason::CallLength,
            Self::Probe => Reason::Probe,
        }
    }
}

impl MediaImage {
    pub(crate) fn check(&self, streams_max: u8) -> Result<(), ImageError> {
        if self.ports.len() > usize::from(streams_max) {
            let why = format!("has more streams than limits.streams_max, {streams_max}");
            return Err(ImageError::field("media.ports", why));
        }
        for origin in self.continued.iter().flatten() {
            some_line("media.continued.user", &origin.user)?;
            some_line("media.continued.id", &origin.id)?;
        }
        Ok(())
    }

    pub(crate) fn stream_ports(&self) -> Vec<StreamPorts> {
        self.ports.iter().map(|(a, b)| StreamPorts { a: *a, b: *b }).collect()
    }
}
