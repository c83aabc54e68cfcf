//! What is asked about T-Library clients and the owners of DNs, as it is written.

use model::hook::{
    ClientRequest, DnOwner, OwnerChange, OwnerHappening, Subscription, SubscriptionKind,
};
use serde::{Deserialize, Serialize};

use crate::ReadError;

/// Something that may change whose a DN is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnerLine {
    dn: String,
    kind: String,
    /// Of a client.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    application: String,
    sip: bool,
    owner: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    owner_application: String,
    by_owner: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    applications: Vec<String>,
}

/// A client subscribes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscriptionLine {
    kind: String,
    port: String,
    application: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dn_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extensions: Vec<(String, String)>,
}

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestLine {
    name: String,
    port: String,
    application: String,
    attributes: Vec<(String, String)>,
}

impl OwnerLine {
    pub(crate) fn of(change: &OwnerChange) -> Self {
        let (owner, owner_application) = DnOwner::names(change.owner.as_ref());
        Self {
            dn: change.dn.to_string(),
            kind: change.what.name().to_owned(),
            application: change.what.application().map_or_else(String::new, ToString::to_string),
            sip: change.is_sip,
            owner: owner.to_owned(),
            owner_application: owner_application.to_owned(),
            by_owner: change.is_by_owner,
            applications: change.applications.iter().map(ToString::to_string).collect(),
        }
    }

    pub(crate) fn read(self) -> Result<OwnerChange, ReadError> {
        let what = OwnerHappening::of(&self.kind, &self.application)
            .ok_or_else(|| ReadError::unknown("change of an owner", &self.kind))?;
        let owner = DnOwner::of(&self.owner, &self.owner_application)
            .ok_or_else(|| ReadError::unknown("owner", &self.owner))?;
        Ok(OwnerChange {
            dn: self.dn.into(),
            what,
            is_sip: self.sip,
            owner,
            is_by_owner: self.by_owner,
            applications: self.applications.into_iter().map(Into::into).collect(),
        })
    }
}

impl SubscriptionLine {
    pub(crate) fn of(subscription: &Subscription) -> Self {
        Self {
            kind: subscription.kind.name().to_owned(),
            port: subscription.port.to_string(),
            application: subscription.application.to_string(),
            dn: subscription.dn.as_ref().map(ToString::to_string),
            dn_type: subscription.dn_type.as_ref().map(ToString::to_string),
            extensions: subscription.extensions.clone(),
        }
    }

    pub(crate) fn read(self) -> Result<Subscription, ReadError> {
        let kind = SubscriptionKind::named(&self.kind)
            .ok_or_else(|| ReadError::unknown("kind of subscription", &self.kind))?;
        Ok(Subscription {
            kind,
            port: self.port.into(),
            application: self.application.into(),
            dn: self.dn.map(Into::into),
            dn_type: self.dn_type.map(Into::into),
            extensions: self.extensions,
        })
    }
}

impl RequestLine {
    pub(crate) fn of(request: &ClientRequest) -> Self {
        Self {
            name: request.name.to_string(),
            port: request.port.to_string(),
            application: request.application.to_string(),
            attributes: request.attributes.clone(),
        }
    }

    pub(crate) fn read(self) -> ClientRequest {
        ClientRequest {
            name: self.name.into(),
            port: self.port.into(),
            application: self.application.into(),
            attributes: self.attributes,
        }
    }
}
