//! What clients may ask of a call (TQueryCall).

use tlib::{Attribute as A, CallInfoType, ErrorCode, KvList, Message, MessageType};

use super::{Calls, CallsOutput};
use crate::Token;

impl Calls {
    /// EventPartyInfo: the parties of the call, or its state.
    pub(super) fn query_call(&mut self, token: Token, request: &Message) -> Result<(), ErrorCode> {
        let (conn, at, dn) = self.party_asked(request)?;
        let call = &self.calls[&conn];
        let number = request.int(A::CallInfoType).unwrap_or(0);
        let asked = CallInfoType::of(number).ok_or(ErrorCode::InvalidAttribute)?;
        let mut list = KvList::new();
        match asked {
            CallInfoType::PartiesQuery => {
                for (n, party) in call.parties.iter().enumerate() {
                    list.push(format!("party-{}", n + 1), &*party.number);
                    list.push(format!("role-{}", n + 1), i32::from(party.role.number()));
                    list.push(format!("ps-{}", n + 1), state_of(party.state.bits()));
                }
            }
            CallInfoType::StatusQuery => {
                list.push("ps", state_of(call.parties[at].state.bits()));
            }
        }
        let message = Message::new(MessageType::EventPartyInfo)
            .with(A::CallUUID, &call.uuid)
            .with(A::Extensions, list)
            .with(A::CallInfoType, asked)
            .with(A::ThisDN, &dn)
            .with(A::CallType, call.kind)
            .with(A::CallID, call.id)
            .with(A::ConnID, conn)
            .with(A::ReferenceID, token.reference);
        self.outputs.push_back(CallsOutput::Answer { token, message });
        Ok(())
    }
}

/// What of a state is reported.
fn state_of(bits: u32) -> i32 {
    i32::try_from(bits & tlib::party_state::REPORTED).unwrap_or(0)
}
