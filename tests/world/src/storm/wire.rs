//! What a bystander sees on the wire, and the rules that every message of the node must keep.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use bytes::Bytes;
use sip::{Message, Method, Name, ParseLimits};

/// A message is repeated no more often than this by timers of its own: 64*T1 in steps that double, and the first.
const REPEATS_MAX: usize = 12;

/// The bystander.
#[derive(Debug, Default)]
pub struct Wire {
    /// Requests that reached the node.
    served: BTreeMap<(SocketAddr, String, String), Served>,
    /// Requests of the node.
    asked: BTreeMap<(String, String), Asked>,
    /// The last sequence number of the node in a dialog, and that of its BYE.
    dialogs: BTreeMap<String, (u32, Option<u32>)>,
    acknowledged: BTreeSet<(String, u32)>,
    /// Rules that were broken, as they were.
    pub broken: Vec<String>,
}

#[derive(Debug, Default)]
struct Served {
    copies_in: usize,
    finals: BTreeSet<u16>,
    copies_out: usize,
}

#[derive(Debug)]
struct Asked {
    to: SocketAddr,
    call_id: String,
    cseq: u32,
    copies: usize,
    /// A provisional or final response reached the node.
    heard: bool,
    accepted: bool,
}

impl Wire {
    /// A message of the node's has left it.
    pub fn sent(&mut self, to: SocketAddr, bytes: &Bytes) {
        let Some(message) = read(bytes) else {
            return self.broken.push(format!("the node sent what cannot be read: {bytes:?}"));
        };
        if message.is_request() {
            self.node_asks(to, &message)
        } else {
            self.node_answers(to, &message)
        }
    }

    /// A message has reached the node.
    pub fn arrived(&mut self, from: SocketAddr, bytes: &Bytes) {
        let Some(message) = read(bytes) else { return };
        if message.is_request() {
            if message.method() != Method::Ack {
                self.served
                    .entry((from, branch(&message), method(&message)))
                    .or_default()
                    .copies_in += 1;
            }
            return;
        }
        let Some(asked) = self.asked.get_mut(&(branch(&message), method(&message))) else { return };
        asked.heard = true;
        asked.accepted |= (200..300).contains(&message.status());
    }

    /// The node began anew: it owes nothing any more for what it was asked before.
    pub fn restarted(&mut self) {
        *self = Self { broken: std::mem::take(&mut self.broken), ..Self::default() };
    }

    /// What is owed when everything has come to rest.
    pub fn at_rest(&self) -> Vec<String> {
        let mut broken = self.broken.clone();
        for ((from, branch, method), served) in &self.served {
            if served.finals.len() != 1 {
                broken.push(format!("{method} {branch} of {from} got {:?}", served.finals));
            }
            if served.copies_out > REPEATS_MAX + 2 * served.copies_in {
                broken.push(format!("{method} {branch}: {served:?} is an amplification"));
            }
        }
        for ((branch, method), asked) in &self.asked {
            if asked.copies > REPEATS_MAX {
                broken.push(format!("{method} {branch} was sent {} times", asked.copies));
            }
            let key = (asked.call_id.clone(), asked.cseq);
            if method == "INVITE" && asked.accepted && !self.acknowledged.contains(&key) {
                broken.push(format!(
                    "the 2xx of {} to INVITE {} of {} was never acknowledged",
                    asked.to, asked.cseq, asked.call_id
                ));
            }
        }
        broken
    }

    fn node_asks(&mut self, to: SocketAddr, message: &Message) {
        let (call_id, cseq) = (message.call_id().to_owned(), message.cseq().number);
        match message.method() {
            Method::Ack => {
                self.acknowledged.insert((call_id, cseq));
                return;
            }
            Method::Cancel => {
                let invite = self.asked.get(&(branch(message), "INVITE".to_owned()));
                // RFC 3261 section 9.1.
                if invite.is_none_or(|invite| !invite.heard) {
                    self.broken.push(format!("CANCEL of {call_id} before any response"));
                }
            }
            _ => {}
        }
        let is_bye = message.method() == Method::Bye;
        let key = (branch(message), method(message));
        if let Some(asked) = self.asked.get_mut(&key) {
            asked.copies += 1;
            return;
        }
        if message.method() != Method::Cancel {
            let (last, bye) = self.dialogs.entry(call_id.clone()).or_default();
            if cseq <= *last {
                self.broken.push(format!("{key:?} of {call_id} to {to}: CSeq {cseq} after {last}"));
            }
            // A BYE that was challenged may be said once more.
            if bye.is_some() && !is_bye {
                self.broken.push(format!("{key:?} of {call_id} after its BYE"));
            }
            *last = cseq;
            if is_bye {
                *bye = Some(cseq);
            }
        }
        let asked = Asked { to, call_id, cseq, copies: 1, heard: false, accepted: false };
        self.asked.insert(key, asked);
    }

    fn node_answers(&mut self, to: SocketAddr, message: &Message) {
        let Some(served) = self.served.get_mut(&(to, branch(message), method(message))) else {
            return self.broken.push(format!("a response to nothing: {} {to}", branch(message)));
        };
        served.copies_out += 1;
        if message.status() >= 200 {
            served.finals.insert(message.status());
        }
    }
}

fn read(bytes: &Bytes) -> Option<Message> {
    Message::parse(bytes.clone(), &ParseLimits::default()).ok()
}

fn branch(message: &Message) -> String {
    message.top_via().ok().and_then(|via| via.branch()).unwrap_or_default().to_owned()
}

/// The method of a request, or of the request that is answered.
fn method(message: &Message) -> String {
    let cseq = message.header(Name::CSeq).unwrap_or_default();
    cseq.split_ascii_whitespace().nth(1).unwrap_or_default().to_owned()
}
