//! What clients ask of DNs: TQueryAddress (section 3.7), answered from memory.

use tlib::{
    AddressInfoType, Attribute, DNState, ErrorCode, ForwardMode, KvList, Message, MessageType,
};

use super::{TController, agent_table::AgentStatus, line::Line};
use crate::{ClientId, DnType, Refusal, Registry};

/// Association results of table 3.7.
const THIS_SESSION: i64 = 0;
const ANOTHER_SESSION: i64 = 1;
const NOT_ASSOCIATED: i64 = 2;

/// What the AssociationStatus of a DN is for a client, by the registrations of its module.
pub(crate) fn association(registry: &Registry, client: Option<ClientId>, dn: &str) -> i64 {
    match client.and_then(|client| registry.mode(client, dn)) {
        Some(_) => THIS_SESSION,
        None if registry.is_held(dn) => ANOTHER_SESSION,
        None => NOT_ASSOCIATED,
    }
}

/// InfoStatus of an answer, and its Extensions where it has any.
type Info = (i64, Option<KvList>);

impl TController {
    /// The answer to TQueryAddress of a client, without ReferenceID. Who asks about a DN is registered on it, but for the queries that tell
    /// only what it is and whether anybody is.
    pub(super) fn query_address(
        &self,
        client: Option<ClientId>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        let number =
            message.int(Attribute::AddressInfoType).unwrap_or(AddressInfoType::DNStatus as i64);
        let asked = AddressInfoType::of(number).ok_or_else(|| {
            Refusal::new(
                ErrorCode::InvalidAttribute,
                format!("AddressInfoType {number} is none; 17 (DNStatus) is always answered"),
            )
        })?;
        let line = self.line_of(message)?;
        let dn = &line.dn.number;
        let mode = client.and_then(|client| self.registry.mode(client, dn));
        let is_open =
            matches!(asked, AddressInfoType::AssociationStatus | AddressInfoType::AddressType);
        if client.is_some() && mode.is_none() && !is_open {
            return Err(ErrorCode::NotRegistered.into());
        }
        let (status, extensions) = if asked == AddressInfoType::AssociationStatus {
            (association(&self.registry, client, dn), None)
        } else {
            self.info(line, asked)?
        };
        let (active, held) = if asked == AddressInfoType::CallsQuery {
            line.parties.active_and_held()
        } else {
            (None, None)
        };
        Ok(Message::new(MessageType::EventAddressInfo)
            .with_some(Attribute::Extensions, extensions)
            .with(Attribute::AddressInfoStatus, status)
            .with(Attribute::AddressInfoType, asked)
            .with_some(Attribute::AgentID, line.agent.as_ref().map(|agent| &agent.id))
            .with(Attribute::ThisDN, dn)
            .with_some(Attribute::ConnID, active)
            .with_some(Attribute::PreviousConnID, held))
    }

    fn info(&self, line: &Line, asked: AddressInfoType) -> Result<Info, Refusal> {
        let calls = i64::try_from(line.parties.len()).unwrap_or(i64::MAX);
        let snapshot = || Some(line.snapshot(self.settings.snapshot_calls_max));
        match asked {
            AddressInfoType::DNStatus => return Ok((calls, snapshot())),
            AddressInfoType::AddressType => {
                return Ok((i64::from(line.dn.kind.address_type().number()), None));
            }
            AddressInfoType::CallsQuery => {
                let mut list = KvList::new();
                line.parties.write(&mut list, self.settings.snapshot_calls_max);
                return Ok((calls, Some(list)));
            }
            AddressInfoType::AddressStatus => {
                let is_out = line.dn_state() == DNState::OutOfService;
                let status = if is_out && line.parties.is_empty() {
                    tlib::AddressStatus::Maintenance
                } else {
                    line.parties.address_status()
                };
                return Ok((i64::from(status.number()), None));
            }
            _ => {}
        }
        match line.dn.kind {
            DnType::Extension => phone_info(line, asked),
            DnType::RoutingPoint | DnType::VirtualQueue | DnType::AcdQueue => match asked {
                AddressInfoType::QueueStatus => Ok((calls, snapshot())),
                AddressInfoType::NumberOfCallsInQueue => Ok((calls, None)),
                AddressInfoType::NumberOfAgentsInQueue => Ok((self.agents_in(line, false), None)),
                AddressInfoType::NumberOfAvailableAgentsInQueue => {
                    Ok((self.agents_in(line, true), None))
                }
                _ => Err(unanswered(asked)),
            },
            DnType::Trunk | DnType::VoipService => Err(unanswered(asked)),
        }
    }

    /// Agents that are logged in to a queue; of them only those that wait for a call.
    fn agents_in(&self, queue: &Line, only_available: bool) -> i64 {
        let lines = self.agents.values().filter_map(|dn| self.lines.get(dn));
        let counts = |line: &&Line| {
            line.agent.as_ref().is_some_and(|agent| {
                let available = agent.status == AgentStatus::Ready && line.parties.is_empty();
                agent.queues.contains(&queue.dn.number) && (available || !only_available)
            })
        };
        i64::try_from(lines.filter(counts).count()).unwrap_or(i64::MAX)
    }
}

fn phone_info(line: &Line, asked: AddressInfoType) -> Result<Info, Refusal> {
    let info = match asked {
        AddressInfoType::MessageWaitingStatus => (i64::from(line.mwl), None),
        AddressInfoType::AgentStatus => {
            (line.agent.as_ref().map_or(0, |agent| i64::from(agent.code())), None)
        }
        AddressInfoType::CallForwardingStatus => {
            let mode = line.forward().map_or(ForwardMode::None, |(mode, _)| mode);
            let to = line.forward().map_or("", |(_, to)| &**to);
            (i64::from(mode.number()), Some(KvList::new().with("fwd", to)))
        }
        AddressInfoType::SendAllCallsStatus => {
            (i64::from(line.forwards.contains_key(&ForwardMode::SendAllCalls)), None)
        }
        _ => return Err(unanswered(asked)),
    };
    Ok(info)
}

fn unanswered(asked: AddressInfoType) -> Refusal {
    Refusal::new(
        ErrorCode::Unsupported,
        format!("{} is not answered for a DN of this type", asked.name()),
    )
}
