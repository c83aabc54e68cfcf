//! How events are written: short enough to stand beside a line of SIP.
//!
//! `2001 Ringing{C1 De, O 1000 Or, q 8000}`: the DN, the event, its ConnID, the role of the DN, the other DN with its role; `3` is the
//! third party, `prev` and `cs` are PreviousConnID and CallState where they say something.

use model::ConnId;
use tlib::{Attribute as A, DNRole, KvList, KvValue, Message, Value};

/// The ConnIDs that were seen, in order: the first is C1.
#[derive(Debug, Default)]
pub(crate) struct Names(pub(crate) Vec<ConnId>);

impl Names {
    fn of(&mut self, conn: ConnId) -> String {
        let at = self.0.iter().position(|have| *have == conn).unwrap_or_else(|| {
            self.0.push(conn);
            self.0.len() - 1
        });
        format!("C{}", at + 1)
    }
}

/// One message.
pub(crate) fn shown(message: &Message, names: &mut Names) -> String {
    let mut said = Vec::new();
    let conn = message.conn(A::ConnID).map(|conn| names.of(conn));
    let this_role = message.int(A::ThisDNRole).map(role);
    let first: Vec<String> = conn.into_iter().chain(this_role.map(str::to_owned)).collect();
    if !first.is_empty() {
        said.push(first.join(" "));
    }
    let party = |name, dn, its_role| {
        let dn = message.text(dn)?;
        let its_role = message.int(its_role).map(role).unwrap_or_default();
        Some(format!("{name} {dn} {its_role}").trim_end().to_owned())
    };
    said.extend(party("O", A::OtherDN, A::OtherDNRole));
    said.extend(party("3", A::ThirdPartyDN, A::ThirdPartyDNRole));
    for (attribute, value) in message.attributes() {
        said.extend(more(attribute, value, names));
    }
    let name = message.kind().name();
    let name = name.strip_prefix("Event").unwrap_or(name);
    let dn = message.text(A::ThisDN).map(|dn| format!("{dn} ")).unwrap_or_default();
    format!("{dn}{name}{{{}}}", said.join(", "))
}

fn more(attribute: A, value: &Value, names: &mut Names) -> Option<String> {
    let name = match attribute {
        A::ThisQueue => "q",
        A::PreviousConnID => "prev",
        A::TransferConnID => "transfer",
        A::CallState => "cs",
        A::UserData => "data",
        A::Extensions => "ext",
        A::Reason => "why",
        A::DTMFDigits => "digits",
        A::RouteType => "type",
        A::ErrorCode => "error",
        A::AgentID => "agent",
        A::AgentWorkMode => "mode",
        A::ForwardMode => "when",
        A::Reliability => "reliability",
        A::ReferenceID => "ref",
        _ => return None,
    };
    let shown = match value {
        Value::Int(0) if attribute == A::CallState => return None,
        Value::Int(number) => number.to_string(),
        Value::Id(id) => names.of(ConnId(*id)),
        Value::Text(text) => text.to_string(),
        Value::List(list) => list_of(list),
        Value::Bytes(_) => return None,
    };
    Some(format!("{name} {shown}"))
}

fn list_of(list: &KvList) -> String {
    let pair = |(key, value): (&str, &KvValue)| match value {
        KvValue::Text(text) | KvValue::Unicode(text) => format!("{key}:{text}"),
        KvValue::Int(number) => format!("{key}:{number}"),
        KvValue::Binary(bytes) => format!("{key}:{} bytes", bytes.len()),
        KvValue::List(list) => format!("{key}:{}", list_of(list)),
    };
    let pairs: Vec<String> = list.iter().map(|p| pair((&p.key, &p.value))).collect();
    format!("[{}]", pairs.join(" "))
}

fn role(number: i64) -> &'static str {
    match DNRole::of(number) {
        Some(DNRole::Origination) => "Or",
        Some(DNRole::Destination) => "De",
        Some(DNRole::TransferredBy) => "TB",
        Some(DNRole::ConferenceMember) => "CM",
        Some(DNRole::NewParty) => "NP",
        Some(DNRole::AddedBy) => "AB",
        Some(DNRole::DeletedBy) => "DB",
        Some(DNRole::DeletedParty) => "DP",
        Some(DNRole::ConferencedBy) => "CB",
        Some(DNRole::Observer) => "Ob",
        Some(DNRole::Unknown) | None => "?",
    }
}
