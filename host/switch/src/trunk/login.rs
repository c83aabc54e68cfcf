use sip::{
    Message, Name,
    auth::{Answer, Challenge},
};

use super::Login;

/// Challenges one request may be given, over all its proxies; a new nonce for one that went stale counts.
const CHALLENGES_MAX: u8 = 4;

/// The challenges that a request of ours got, and will be sent again with answers to (RFC 3261 section 22.2).
#[derive(Debug, Default)]
pub(crate) struct Challenged {
    kept: Vec<Kept>,
    rounds: u8,
}

#[derive(Debug)]
struct Kept {
    /// Of the field that answers.
    name: Name,
    challenge: Challenge,
    /// How often its nonce went out (RFC 7616 section 3.4, `nc`).
    count: u32,
}

impl Challenged {
    /// Takes in a 401 or 407; gives whether the request may be sent again. Not when the answer that went with it was wrong:
    /// then the same realm asks anew without saying that only the nonce was too old.
    pub(crate) fn take(&mut self, response: &Message) -> bool {
        let (asked, answered) = match response.status() {
            401 => (Name::WwwAuthenticate, Name::Authorization),
            _ => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        };
        let Some(challenge) = Challenge::strongest(response.headers(asked)) else { return false };
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds > CHALLENGES_MAX {
            return false;
        }
        let kept = Kept { name: answered, challenge, count: 0 };
        let same =
            |old: &&mut Kept| old.name == kept.name && old.challenge.realm == kept.challenge.realm;
        match self.kept.iter_mut().find(same) {
            Some(old) => {
                let (new, past) = (&kept.challenge, &old.challenge);
                let again = new.stale && new.nonce != past.nonce;
                *old = kept;
                again
            }
            None => {
                self.kept.push(kept);
                true
            }
        }
    }

    /// The fields that answer; `cnonce` gives an unpredictable number for each.
    pub(crate) fn answers(
        &mut self,
        login: &Login,
        method: &str,
        uri: &str,
        mut cnonce: impl FnMut() -> u64,
    ) -> Vec<(Name, String)> {
        let answer = |kept: &mut Kept| {
            kept.count += 1;
            let cnonce = format!("{:016x}", cnonce());
            let (user, password) = (login.user.as_str(), login.password.as_str());
            let answer = Answer { user, password, method, uri, cnonce: &cnonce, count: kept.count };
            (kept.name, kept.challenge.answer(&answer))
        };
        self.kept.iter_mut().map(answer).collect()
    }
}
