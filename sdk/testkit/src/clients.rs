//! What a case says of T-Library clients and of the owners of DNs.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use model::hook::{
    Ask, ClientRequest, DnOwner, OwnerChange, OwnerHappening, Subscription, SubscriptionKind,
};
use serde::Deserialize;

use crate::scenario::Entry;

/// What is asked about when a case does not say.
const DN: &str = "2000";
/// Who asks then.
const APPLICATION: &str = "desktop";
/// The port it is connected to.
const PORT: &str = "default";

/// What has happened, for `dn-owner`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangeEntry {
    dn: Option<String>,
    /// `phone-registered` when absent.
    kind: Option<String>,
    /// Of a client.
    application: String,
    sip: bool,
    /// `none` when absent.
    owner: Option<String>,
    owner_application: String,
    by_owner: bool,
    applications: Vec<String>,
}

/// Who subscribes to what, for `fan-out`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SubscriptionEntry {
    /// `dn` when absent.
    kind: Option<String>,
    port: Option<String>,
    application: Option<String>,
    dn: Option<String>,
    dn_type: Option<String>,
    extensions: BTreeMap<String, String>,
}

/// Who asks for what, for `authorise-request`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RequestEntry {
    /// `RequestMakeCall` when absent.
    name: Option<String>,
    port: Option<String>,
    application: Option<String>,
    /// ThisDN.
    dn: Option<String>,
    attributes: BTreeMap<String, String>,
}

/// The DN that a question is about, and the port of its client, which stand in the facts.
pub(crate) fn facts_of(ask: &Ask) -> Option<(String, String)> {
    match ask {
        Ask::DnOwner(change) => Some((change.dn.to_string(), String::new())),
        Ask::FanOut(to) => {
            Some((to.dn.as_deref().unwrap_or_default().to_owned(), to.port.to_string()))
        }
        Ask::AuthoriseRequest(request) => {
            let dn = request.attribute("ThisDN").unwrap_or_default();
            Some((dn.to_owned(), request.port.to_string()))
        }
        _ => None,
    }
}

/// The question of `dn-owner` that an entry describes.
///
/// # Errors
///
/// What in it is not known.
pub(crate) fn change(entry: &toml::Table) -> Result<Ask, String> {
    let entry: ChangeEntry = read("change", entry)?;
    let kind = entry.kind.as_deref().unwrap_or("phone-registered");
    let what = OwnerHappening::of(kind, &entry.application).ok_or_else(|| {
        format!("change has the kind `{kind}`; write phone-registered, phone-gone, client-registered or client-gone")
    })?;
    let owner = entry.owner.as_deref().unwrap_or("none");
    let owner = DnOwner::of(owner, &entry.owner_application).ok_or_else(|| {
        format!("change has the owner `{owner}`; write phone, application or none")
    })?;
    Ok(Ask::DnOwner(Arc::new(OwnerChange {
        dn: entry.dn.as_deref().unwrap_or(DN).into(),
        what,
        is_sip: entry.sip,
        owner,
        is_by_owner: entry.by_owner,
        applications: entry.applications.into_iter().map(Into::into).collect(),
    })))
}

/// The question of `fan-out` that an entry describes.
///
/// # Errors
///
/// What in it is not known.
pub(crate) fn subscription(entry: &toml::Table) -> Result<Ask, String> {
    let entry: SubscriptionEntry = read("subscription", entry)?;
    let kind = entry.kind.as_deref().unwrap_or("dn");
    let kind = SubscriptionKind::named(kind)
        .ok_or_else(|| format!("subscription has the kind `{kind}`; write dn, all-dns or calls"))?;
    let is_of_dn = kind == SubscriptionKind::Dn;
    let or = |text: Option<String>, other: &'static str| {
        is_of_dn.then(|| text.unwrap_or_else(|| other.to_owned()))
    };
    Ok(Ask::FanOut(Arc::new(Subscription {
        kind,
        port: entry.port.map_or(Cow::Borrowed(PORT), Cow::Owned),
        application: entry.application.as_deref().unwrap_or(APPLICATION).into(),
        dn: or(entry.dn, DN).map(Into::into),
        dn_type: or(entry.dn_type, "extension").map(Into::into),
        extensions: entry.extensions.into_iter().collect(),
    })))
}

/// The question of `authorise-request` that an entry describes.
///
/// # Errors
///
/// What in it is not known.
pub(crate) fn request(entry: &toml::Table) -> Result<Ask, String> {
    let entry: RequestEntry = read("request", entry)?;
    let dn = entry.dn.unwrap_or_else(|| DN.to_owned());
    let mut attributes = vec![("ThisDN".to_owned(), dn)];
    attributes.extend(entry.attributes.into_iter().filter(|(name, _)| name != "ThisDN"));
    Ok(Ask::AuthoriseRequest(Arc::new(ClientRequest {
        name: entry.name.map_or(Cow::Borrowed("RequestMakeCall"), Cow::Owned),
        port: entry.port.map_or(Cow::Borrowed(PORT), Cow::Owned),
        application: entry.application.as_deref().unwrap_or(APPLICATION).into(),
        attributes,
    })))
}

/// What a case or one of its steps says, over what stands under it.
pub(crate) fn joined(over: &toml::Table, under: &toml::Table) -> toml::Table {
    let mut all = under.clone();
    for (key, value) in over {
        match (all.get_mut(key), value) {
            (Some(toml::Value::Table(have)), toml::Value::Table(more)) => {
                have.extend(more.clone());
            }
            (_, value) => {
                all.insert(key.clone(), value.clone());
            }
        }
    }
    all
}

/// The tables of a case for these hooks, over those of `[default]`.
pub(crate) fn over(entry: &Entry, default: &Entry) -> [toml::Table; 3] {
    [
        joined(&entry.change, &default.change),
        joined(&entry.subscription, &default.subscription),
        joined(&entry.request, &default.request),
    ]
}

fn read<T: for<'a> Deserialize<'a>>(name: &str, table: &toml::Table) -> Result<T, String> {
    table.clone().try_into().map_err(|error| format!("{name}: {}", error.message()))
}
