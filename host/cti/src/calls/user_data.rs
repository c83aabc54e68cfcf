//! The data that clients attach to calls (section 1.8).

use model::ConnId;
use tlib::{Attribute as A, ErrorCode, KvList, Message, MessageType};

use super::{Calls, expect::Asked, tell::More};
use crate::Token;

impl Calls {
    /// TAttachUserData, TUpdateUserData, TDeleteUserData (one key) and TDeleteAllUserData.
    pub(super) fn change_user_data(
        &mut self,
        token: Token,
        request: &Message,
    ) -> Result<(), ErrorCode> {
        let (conn, at, _) = self.party_asked(request)?;
        let mut data = self.calls[&conn].user_data.clone();
        let given = || request.list(A::UserData).cloned().ok_or(ErrorCode::InvalidAttribute);
        match request.kind() {
            MessageType::RequestAttachUserData => data.attach(given()?),
            MessageType::RequestUpdateUserData => data.update(given()?),
            MessageType::RequestDeletePair => {
                let key = request.text(A::DataKey).ok_or(ErrorCode::InvalidAttribute)?;
                data.delete(key);
            }
            _ => data = KvList::new(),
        }
        if data.packed_len() > self.config.user_data_max {
            return Err(ErrorCode::InvalidAttribute);
        }
        if let Some(call) = self.calls.get_mut(&conn) {
            call.user_data = data;
        }
        self.tell_data(conn, at, Asked::of(token, request));
        Ok(())
    }

    /// Every DN of the call learns of its data; who has changed them is the third party.
    fn tell_data(&mut self, conn: ConnId, by: usize, asked: Asked) {
        let Some(call) = self.calls.get(&conn) else { return };
        let (number, role) = (call.parties[by].number.clone(), call.parties[by].role);
        let parties = call.parties.len();
        for at in 0..parties {
            let Some(call) = self.calls.get(&conn) else { return };
            if call.parties[at].state == super::call::State::Offered {
                continue;
            }
            let mut attributes = Vec::new();
            if call.user_data.is_empty() {
                // The list that is empty now is the news.
                attributes.push((A::UserData, KvList::new().into()));
            }
            let asked = (at == by).then(|| asked.clone());
            let more = More { asked, attributes, ..More::default() }.by(&number, role);
            self.tell(conn, at, MessageType::EventAttachedDataChanged, more);
        }
        self.monitor_data(conn);
    }
}
