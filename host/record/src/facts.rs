use std::net::SocketAddr;

use model::{
    Aor, ConnId, HeaderBlock, Transport,
    hook::{
        CallFacts, Dialled, Diversion, Party, Privacy, Redirection, RequestKind, Transfer,
        TransferKind,
    },
};
use serde::{Deserialize, Serialize};

use crate::{HIDDEN, ReadError};

const TRANSPORTS: [Transport; 5] =
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
const REQUESTS: [RequestKind; 5] = [
    RequestKind::Invite,
    RequestKind::Register,
    RequestKind::Subscribe,
    RequestKind::Message,
    RequestKind::TLibrary,
];
const TRANSFERS: [TransferKind; 2] = [TransferKind::Blind, TransferKind::Attended];
/// Header fields whose value lets somebody in (RFC 3261 sections 20.7 and 20.28).
const SECRET: [&str; 2] = ["Authorization", "Proxy-Authorization"];

/// The facts of a call as they are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    conn_id: String,
    method: String,
    pub(crate) call_id: String,
    tenant: String,
    ingress: String,
    transport: String,
    source: SocketAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trunk: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    caller: PartyLine,
    callee: PartyLine,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dialled: Option<DialledLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    privacy: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    redirections: Vec<RedirectionLine>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    emergency: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transfer: Option<TransferLine>,
    headers: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartyLine {
    uri: String,
    user: String,
    host: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    display: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DialledLine {
    caller: PartyLine,
    callee: PartyLine,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RedirectionLine {
    by: PartyLine,
    why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferLine {
    kind: String,
    by: PartyLine,
    of: String,
    count: u8,
}

impl Facts {
    pub(crate) fn of(call: &CallFacts) -> Self {
        let hidden = |name: &str| SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name));
        let headers = call.headers.iter().map(|(name, value)| {
            (name.to_owned(), if hidden(name) { HIDDEN } else { value }.to_owned())
        });
        let redirections = call.redirections.iter().map(|redirection| RedirectionLine {
            by: PartyLine::of(&redirection.by),
            why: redirection.why.name().to_owned(),
        });
        Self {
            conn_id: call.conn_id.to_string(),
            method: call.request.method().to_owned(),
            call_id: call.call_id.clone(),
            tenant: call.tenant.clone(),
            ingress: call.ingress.clone(),
            transport: call.transport.to_string(),
            source: call.source,
            trunk: call.trunk.clone(),
            identity: call.identity.as_ref().map(ToString::to_string),
            caller: PartyLine::of(&call.caller),
            callee: PartyLine::of(&call.callee),
            dialled: call.dialled.as_ref().map(|dialled| DialledLine {
                caller: PartyLine::of(&dialled.caller),
                callee: PartyLine::of(&dialled.callee),
            }),
            labels: call.labels.clone(),
            privacy: call.privacy.map(|privacy| privacy.name().to_owned()),
            redirections: redirections.collect(),
            emergency: call.emergency,
            transfer: call.transfer.as_ref().map(|transfer| TransferLine {
                kind: transfer.kind.name().to_owned(),
                by: PartyLine::of(&transfer.by),
                of: transfer.of.to_string(),
                count: transfer.count,
            }),
            headers: headers.collect(),
        }
    }

    pub(crate) fn read(self) -> Result<CallFacts, ReadError> {
        let method = |kind: &RequestKind| kind.method() == self.method;
        let request = REQUESTS.into_iter().find(method);
        let transport = TRANSPORTS.into_iter().find(|t| t.via_token() == self.transport);
        let privacy = self
            .privacy
            .map(|name| Privacy::of(&name).ok_or_else(|| ReadError::unknown("privacy", &name)));
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(CallFacts {
            conn_id: conn_id(&self.conn_id)?,
            request: request.ok_or_else(|| ReadError::unknown("method", &self.method))?,
            call_id: self.call_id,
            tenant: self.tenant,
            ingress: self.ingress,
            transport: transport.ok_or_else(|| ReadError::unknown("transport", &self.transport))?,
            source: self.source,
            trunk: self.trunk,
            identity: self.identity.as_deref().map(aor).transpose()?,
            caller: self.caller.read(),
            callee: self.callee.read(),
            dialled: self.dialled.map(|dialled| {
                let (caller, callee) = (dialled.caller.read(), dialled.callee.read());
                Box::new(Dialled { caller, callee })
            }),
            labels: self.labels,
            privacy: privacy.transpose()?,
            redirections: self
                .redirections
                .into_iter()
                .map(RedirectionLine::read)
                .collect::<Result<_, _>>()?,
            emergency: self.emergency,
            transfer: self.transfer.map(TransferLine::read).transpose()?.map(Box::new),
            headers: HeaderBlock::from_pairs(headers),
        })
    }
}

impl PartyLine {
    fn of(party: &Party) -> Self {
        let Party { uri, user, host, display } = party.clone();
        Self { uri, user, host, display }
    }

    fn read(self) -> Party {
        let Self { uri, user, host, display } = self;
        Party { uri, user, host, display }
    }
}

impl RedirectionLine {
    fn read(self) -> Result<Redirection, ReadError> {
        let why =
            Diversion::of(&self.why).ok_or_else(|| ReadError::unknown("diversion", &self.why))?;
        Ok(Redirection { by: self.by.read(), why })
    }
}

impl TransferLine {
    fn read(self) -> Result<Transfer, ReadError> {
        let kind = TRANSFERS.into_iter().find(|kind| kind.name() == self.kind);
        Ok(Transfer {
            kind: kind.ok_or_else(|| ReadError::unknown("kind of transfer", &self.kind))?,
            by: self.by.read(),
            of: conn_id(&self.of)?,
            count: self.count,
        })
    }
}

pub(crate) fn conn_id(text: &str) -> Result<ConnId, ReadError> {
    text.parse().map_err(|_| ReadError::unknown("connection id", text))
}

pub(crate) fn aor(text: &str) -> Result<Aor, ReadError> {
    let parts = text.rsplit_once('@').filter(|(user, host)| !user.is_empty() && !host.is_empty());
    parts
        .map(|(user, host)| Aor::new(user, host))
        .ok_or_else(|| ReadError::unknown("address of record", text))
}
