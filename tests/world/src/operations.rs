//! Sequences of operations from bytes: phones that do anything at any time, messages repeated, damaged and made up, plugins that
//! answer anything. Whatever the bytes say, nothing is left of it in the end. The fuzz target `operations` calls it, and so does a
//! test with the corpus and with bytes of chance.

use std::{cell::Cell, rc::Rc, time::Duration};

use bytes::Bytes;
use model::{
    Aor,
    hook::{Access, Ask, Destination, Hook, MediaMode, Plan, Target, Verdict},
};

use crate::{HOST, Manner, Options, Reaction, Reply, World, check};

/// Phones of the world: two of one user, one each of the others.
const USERS: [&str; 5] = ["1000", "1001", "1002", "1002", "1003"];
/// Bytes of one operation.
const STEP: usize = 4;
/// Operations are not read beyond so many.
const STEPS_MAX: usize = 400;

/// Does what the bytes say, then has everything end.
///
/// # Panics
/// When a rule of [`check`] is broken, which no bytes may do.
pub fn operate(data: &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let shards = if first & 1 == 0 { 1 } else { 3 };
    let relays_max = if first & 2 == 0 { 1000 } else { 2 };
    let mut world = World::new(Options { shards, relays_max, ..Options::default() });
    world.keep_recent();
    if first & 4 != 0 {
        world.ask_at(&[Hook::Admission, Hook::Authenticate, Hook::Register]);
    }
    let mood = Rc::new(Cell::new(0));
    let plugin = mood.clone();
    world.decide_by(Box::new(move |question, _| replies(plugin.get(), &question.ask)));
    for (n, user) in USERS.iter().enumerate() {
        let phone = world.add_phone(user);
        world.plan(Duration::ZERO, phone, Manner::Register(3600));
        let reaction = if n == 0 { Reaction::Ring } else { Reaction::AnswerAfter(secs(1)) };
        world.plan(Duration::ZERO, phone, Manner::OnCall(reaction));
    }
    world.run_to(Duration::from_millis(100));
    for step in rest.chunks_exact(STEP).take(STEPS_MAX) {
        if let [what, who, how, when] = *step {
            operation(&mut world, &mood, what, usize::from(who), how);
            let pause = Duration::from_millis(u64::from(when).pow(2));
            world.run_for(pause);
        }
    }
    end(&mut world, &mood);
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn operation(world: &mut World, mood: &Cell<u8>, what: u8, who: usize, how: u8) {
    let phone = who % USERS.len();
    let user = USERS[usize::from(how) % USERS.len()].to_owned();
    match what % 16 {
        0 | 1 => world.act(phone, Manner::Call(user)),
        2 => world.act(phone, Manner::CallWithoutOffer(user)),
        3 => world.act(phone, Manner::Cancel),
        4 => world.act(phone, Manner::Answer),
        5 => world.act(phone, Manner::Refuse(300 + 100 * u16::from(how % 4) + u16::from(how >> 2))),
        6 => world.act(phone, Manner::HangUp),
        7 => world.act(phone, Manner::Hold(how & 1 == 0)),
        8 => {
            let after = Duration::from_millis(20 * u64::from(how));
            let reactions = [
                Reaction::Ring,
                Reaction::Ignore,
                Reaction::Refuse(486),
                Reaction::AnswerAfter(after),
            ];
            world.act(phone, Manner::OnCall(reactions[usize::from(how) % 4]));
        }
        9 => world.act(phone, Manner::Register(if how == 0 { 0 } else { 60 + u32::from(how) })),
        10 => mood.set(how),
        11 => world.throw_again(who, |_| {}),
        12 => world.throw_again(who, |bytes| damage(bytes, how)),
        13 => world.throw_again(who, |bytes| bytes.truncate(bytes.len() * usize::from(how) / 256)),
        14 => world.throw_again(who, |bytes| rename(bytes, how)),
        _ => world.hang_up_calls_of(&user),
    }
}

/// Changes one byte.
fn damage(bytes: &mut [u8], how: u8) {
    let at = bytes.len() * usize::from(how) / 256;
    if let Some(byte) = bytes.get_mut(at) {
        *byte = byte.wrapping_add(1 + how % 7);
    }
}

/// Makes a message one of another method, or of another status, in its start line and its CSeq.
fn rename(bytes: &mut Vec<u8>, how: u8) {
    const METHODS: [&str; 12] = [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "INFO",
        "UPDATE",
        "PRACK",
        "REFER",
        "NOTIFY",
        "SUBSCRIBE",
        "MESSAGE",
    ];
    const STATUSES: [&str; 6] = ["180", "183", "200", "302", "486", "603"];
    let text = String::from_utf8_lossy(bytes).into_owned();
    let Some(word) = text.split(' ').next() else { return };
    let renamed = if word == "SIP/2.0" {
        let status = STATUSES[usize::from(how) % STATUSES.len()];
        text.replacen(text.get(8..11).unwrap_or(" "), status, 1)
    } else {
        let method = METHODS[usize::from(how) % METHODS.len()];
        let line = format!(" {word}\r\n");
        text.replacen(word, method, 1).replacen(&line, &format!(" {method}\r\n"), 1)
    };
    *bytes = renamed.into_bytes();
}

/// What the plugins say in a mood.
fn replies(mood: u8, ask: &Ask) -> Vec<Reply> {
    let verdict = match (mood % 8, ask) {
        (0, Ask::Admission | Ask::Authenticate | Ask::Register { .. }) => {
            Verdict::Access(Access::Drop)
        }
        (_, Ask::Admission | Ask::Authenticate | Ask::Register { .. }) => Verdict::BuiltIn,
        (1, _) => return Vec::new(),
        (2, _) => return vec![Reply::late(Verdict::BuiltIn, Duration::from_millis(1900))],
        (3, _) => return vec![Reply::now(Verdict::BuiltIn), Reply::now(Verdict::Refuse(603))],
        (4, Ask::Route) => plan(&[("1001", false), ("1002", true), ("nobody", true)]),
        (5, _) => plan(&[("1003", false), ("1002", false)]),
        (6, _) => Verdict::Refuse(488),
        (_, _) => Verdict::BuiltIn,
    };
    vec![Reply::now(verdict)]
}

fn plan(users: &[(&str, bool)]) -> Verdict {
    let target = |(user, together): &(&str, bool)| Target {
        together: *together,
        ..Target::new(Destination::Aor(Aor::new(user, HOST)))
    };
    let targets = users.iter().map(target).collect();
    Verdict::Plan(Plan { targets, media: MediaMode::Default })
}

/// Everybody hangs up, then the operator does, and then nothing may be left.
fn end(world: &mut World, mood: &Cell<u8>) {
    mood.set(7);
    for _ in 0..2 {
        for phone in 0..USERS.len() {
            for manner in [Manner::HangUp, Manner::Cancel, Manner::Refuse(480)] {
                world.act(phone, manner);
            }
        }
        world.run_for(secs(100));
    }
    for call in world.calls() {
        world.hang_up(call);
    }
    world.run_for(secs(300));
    let broken = check(world);
    assert!(broken.is_empty(), "{broken:#?}\n{}", world.trace.as_str());
}

/// A datagram as it was, to be sent once more.
pub(crate) type Recent = (std::net::SocketAddr, Bytes);
