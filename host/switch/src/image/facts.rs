//! The facts of a call, as plugins and records know them.

use std::net::SocketAddr;

use model::{
    Aor, ConnId, HeaderBlock,
    hook::{
        CallFacts, Dialled, Diversion, Party, Privacy, Redirection, RequestKind, Transfer,
        TransferKind,
    },
};
use serde::{Deserialize, Serialize};

use super::{ImageError, parts::FlowImage, wire};

/// What plugins may know of a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FactsImage {
    /// The Call-ID of its first INVITE.
    pub call_id: String,
    /// Whose it is.
    pub tenant: String,
    /// The listener it came in on.
    pub ingress: String,
    /// What it came over, as in a Via.
    pub transport: String,
    /// Where it came from.
    pub source: SocketAddr,
    /// The trunk it came over.
    pub trunk: Option<String>,
    /// Who the caller has proved to be, as `user@host`.
    pub identity: Option<String>,
    /// Who calls.
    pub caller: PartyImage,
    /// Who is called.
    pub callee: PartyImage,
    /// Both as the INVITE named them, where that is something else.
    pub dialled: Option<(PartyImage, PartyImage)>,
    /// What the dial plan noted.
    pub labels: Vec<(String, String)>,
    /// Whether the caller is to be known, as the dial plan decided: `id` or `none`.
    pub privacy: Option<String>,
    /// Who was called before and named another, in order, each with the name of its reason.
    #[serde(default)]
    pub redirections: Vec<(PartyImage, String)>,
    /// Whether it is for an emergency service.
    pub emergency: bool,
    /// The transfer that has begun it.
    pub transfer: Option<TransferImage>,
    /// The header fields of its INVITE.
    pub headers: Vec<(String, String)>,
}

/// One end of a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PartyImage {
    /// The URI.
    pub uri: String,
    /// The user part.
    pub user: String,
    /// The host part.
    pub host: String,
    /// The display name.
    pub display: String,
}

/// The transfer that began a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TransferImage {
    /// Whether who asked for it had spoken to the target.
    pub attended: bool,
    /// Who asked for it.
    pub by: PartyImage,
    /// The call it was asked for in.
    #[serde(with = "wire::text")]
    pub of: ConnId,
    /// Which transfer of this party it is, from 1.
    pub count: u8,
}

impl FactsImage {
    pub(crate) fn of(facts: &CallFacts) -> Self {
        let pair =
            |dialled: &Dialled| (PartyImage::of(&dialled.caller), PartyImage::of(&dialled.callee));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            call_id: facts.call_id.clone(),
            tenant: facts.tenant.clone(),
            ingress: facts.ingress.clone(),
            transport: facts.transport.via_token().to_owned(),
            source: facts.source,
            trunk: facts.trunk.clone(),
            identity: facts.identity.as_ref().map(|aor| aor.as_str().to_owned()),
            caller: PartyImage::of(&facts.caller),
            callee: PartyImage::of(&facts.callee),
            dialled: facts.dialled.as_deref().map(pair),
            labels: facts.labels.clone(),
            privacy: facts.privacy.map(|privacy| privacy.name().to_owned()),
            redirections: facts.redirections.iter().map(redirection_image).collect(),
            emergency: facts.emergency,
            transfer: facts.transfer.as_deref().map(TransferImage::of),
            headers: facts.headers.iter().map(owned).collect(),
        }
    }

    pub(crate) fn facts(self, conn_id: ConnId) -> Result<CallFacts, ImageError> {
        let redirections: Result<_, _> =
            self.redirections.into_iter().map(redirection_of).collect();
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(CallFacts {
            conn_id,
            request: RequestKind::Invite,
            transport: FlowImage::transport_of("facts.transport", &self.transport)?,
            identity: self.identity.map(|text| aor_of("facts.identity", &text)).transpose()?,
            headers: HeaderBlock::from_pairs(headers),
            call_id: self.call_id,
            tenant: self.tenant,
            ingress: self.ingress,
            source: self.source,
            trunk: self.trunk,
            caller: self.caller.party(),
            callee: self.callee.party(),
            dialled: self.dialled.map(|(caller, callee)| {
                Box::new(Dialled { caller: caller.party(), callee: callee.party() })
            }),
            labels: self.labels,
            privacy: self.privacy.map(|name| privacy_of(&name)).transpose()?,
            redirections: redirections?,
            emergency: self.emergency,
            transfer: self.transfer.map(|transfer| Box::new(transfer.transfer())),
        })
    }
}

impl PartyImage {
    pub(crate) fn of(party: &Party) -> Self {
        let Party { uri, user, host, display } = party.clone();
        Self { uri, user, host, display }
    }

    pub(crate) fn party(self) -> Party {
        let Self { uri, user, host, display } = self;
        Party { uri, user, host, display }
    }
}

impl TransferImage {
    fn of(transfer: &Transfer) -> Self {
        Self {
            attended: transfer.kind == TransferKind::Attended,
            by: PartyImage::of(&transfer.by),
            of: transfer.of,
            count: transfer.count,
        }
    }

    fn transfer(self) -> Transfer {
        let kind = if self.attended { TransferKind::Attended } else { TransferKind::Blind };
        Transfer { kind, by: self.by.party(), of: self.of, count: self.count }
    }
}

fn redirection_image(redirection: &Redirection) -> (PartyImage, String) {
    (PartyImage::of(&redirection.by), redirection.why.name().to_owned())
}

fn redirection_of((by, why): (PartyImage, String)) -> Result<Redirection, ImageError> {
    let unknown =
        || ImageError::field("facts.redirections", format!("has `{why}`, which is no reason"));
    Ok(Redirection { by: by.party(), why: Diversion::of(&why).ok_or_else(unknown)? })
}

fn privacy_of(name: &str) -> Result<Privacy, ImageError> {
    Privacy::of(name).ok_or_else(|| ImageError::field("facts.privacy", "is neither id nor none"))
}

pub(crate) fn aor_of(field: &str, text: &str) -> Result<Aor, ImageError> {
    let (user, host) =
        text.rsplit_once('@').ok_or_else(|| ImageError::field(field, "is not user@host"))?;
    Ok(Aor::new(user, host))
}
