use std::{net::SocketAddr, sync::Arc};

use model::{Aor, Binding, Flow, ListenerId, Transport};

use crate::clock::Clock;

/// One contact as it is stored: nothing in it depends on this run of the process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The Contact URI.
    pub contact: String,
    /// The proxies on the way to it, or empty.
    pub path: String,
    /// The transport of the flow, `udp`, `tcp` or `tls`.
    pub transport: String,
    /// The name of the flow's listener in the configuration.
    pub listener: String,
    /// The peer's address.
    pub peer: SocketAddr,
    /// Whether the phone is behind NAT.
    pub is_behind_nat: bool,
    /// Preference, 0 to 1000.
    pub q_milli: u16,
    /// When it lapses, in milliseconds since 1970-01-01T00:00:00Z.
    pub expires_ms: u64,
    /// Call-ID of the REGISTER that made it.
    pub call_id: String,
    /// CSeq number of the REGISTER that made it.
    pub cseq: u32,
    /// The User-Agent of the REGISTER, or empty.
    pub user_agent: String,
    /// Which phone it is, or empty.
    pub instance: String,
    /// Which of the phone's ways, or 0.
    pub reg_id: u32,
}

/// The new state of one address-of-record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Whose.
    pub aor: Aor,
    /// All its contacts, best first; empty removes it.
    pub records: Vec<Record>,
}

/// The listeners of this run, in the order of the configuration: name and transport.
#[derive(Clone, Debug)]
pub struct Listeners(pub Vec<(String, Transport)>);

impl Listeners {
    pub(super) fn record(&self, clock: &Clock, binding: &Binding) -> Record {
        let listener = self.0.get(usize::from(binding.flow.listener.0));
        Record {
            contact: binding.contact.to_string(),
            path: binding.path.to_string(),
            transport: name(binding.flow.transport),
            listener: listener.map(|(name, _)| name.clone()).unwrap_or_default(),
            peer: binding.flow.peer,
            is_behind_nat: binding.is_behind_nat,
            q_milli: binding.q_milli,
            expires_ms: clock.wall_ms(binding.expires_at),
            call_id: binding.call_id.to_string(),
            cseq: binding.cseq,
            user_agent: binding.user_agent.to_string(),
            instance: binding.instance.to_string(),
            reg_id: binding.reg_id,
        }
    }

    /// The binding a record stands for; `None` when its listener is no more, or speaks another transport now, or when it was a
    /// connection of another run.
    pub(crate) fn binding(&self, clock: &Clock, record: Record) -> Option<Binding> {
        let mut all = self.0.iter();
        let index = all.position(|(listener, transport)| {
            *listener == record.listener && name(*transport) == record.transport
        })?;
        let (_, transport) = self.0.get(index)?;
        let listener = ListenerId(u16::try_from(index).ok()?);
        let binding = Binding {
            contact: record.contact.into(),
            path: record.path.into(),
            flow: Flow { transport: *transport, listener, peer: record.peer },
            is_behind_nat: record.is_behind_nat,
            q_milli: record.q_milli,
            expires_at: clock.at_wall_ms(record.expires_ms),
            call_id: record.call_id.into(),
            cseq: record.cseq,
            user_agent: record.user_agent.into(),
            instance: if record.instance.is_empty() {
                Arc::default()
            } else {
                record.instance.into()
            },
            reg_id: record.reg_id,
        };
        (!binding.is_a_connection()).then_some(binding)
    }
}

fn name(transport: Transport) -> String {
    transport.to_string().to_lowercase()
}
