//! The clients: who they are, and what they were told.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use tlib::{Attribute, Message, MessageType};

use super::Cti;
use crate::line::{Line, frame, read};

/// Enough for a thread that reads.
pub(super) const STACK: usize = 256 << 10;

/// What a client is there for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Role {
    /// It is registered on the DNs of one pair.
    Desk,
    /// It is registered on every DN.
    All,
    /// It records.
    Record,
    /// It routes.
    Route,
}

impl Role {
    const ALL: [Self; 4] = [Self::Desk, Self::All, Self::Record, Self::Route];

    /// Its name on the command line and in what comes of it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::All => "all",
            Self::Record => "record",
            Self::Route => "route",
        }
    }
}

/// So many clients of a role, where they connect.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    role: Role,
    to: SocketAddr,
    count: u32,
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (role, rest) = text.split_once('@')?;
            let (to, count) = rest.split_once('*').unwrap_or((rest, "1"));
            let role = Role::ALL.into_iter().find(|have| have.name() == role)?;
            Some(Self { role, to: to.parse().ok()?, count: count.parse().ok()? })
        };
        parse().ok_or_else(|| {
            format!("`{text}` is no client; write desk@127.0.0.1:7001 or all@127.0.0.1:7001*5")
        })
    }
}

/// An event as it came.
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) kind: MessageType,
    pub(super) dn: Arc<str>,
}

/// A client.
pub(super) struct Client {
    role: Role,
    told: AtomicU64,
    came: Mutex<Vec<Arrival>>,
    error: Mutex<Option<String>>,
}

/// Connects all clients and has them ask for what they want to be told.
pub(super) fn open(cti: &Cti) -> Result<Vec<(Client, Line)>, String> {
    let mut all = Vec::new();
    for spec in &cti.clients {
        let count = if spec.role == Role::Desk { spec.count * cti.pairs } else { spec.count };
        for number in 0..count {
            let name = format!("{}-{number}", spec.role.name());
            let line = connect(cti, spec, number, &name);
            let line = line.map_err(|error| format!("client {name}: {error}"))?;
            let client = Client {
                role: spec.role,
                told: AtomicU64::new(0),
                came: Mutex::default(),
                error: Mutex::default(),
            };
            all.push((client, line));
        }
    }
    Ok(all)
}

fn connect(cti: &Cti, spec: &Spec, number: u32, name: &str) -> io::Result<Line> {
    let mut line = Line::open(spec.to, name)?;
    match spec.role {
        Role::Desk => line.register(&cti.of_pair(number % cti.pairs))?,
        Role::All => line.register(&cti.every())?,
        Role::Record => {
            let start = Message::new(MessageType::RequestStartCallMonitoring);
            line.ask(start, MessageType::EventACK)?;
        }
        Role::Route => {
            let point = cti.point.ok_or_else(|| io::Error::other("give --point"))?;
            line.register(&[point.to_string()])?;
        }
    }
    line.be_impatient()?;
    Ok(line)
}

impl Client {
    pub(super) const fn role(&self) -> Role {
        self.role
    }

    /// Events and answers that came.
    pub(super) fn told(&self) -> u64 {
        self.told.load(Relaxed)
    }

    /// What came, where it was timed.
    pub(super) fn arrivals(&self) -> std::sync::MutexGuard<'_, Vec<Arrival>> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew to count.
    pub(super) fn forget(&self) {
        self.told.store(0, Relaxed);
        self.arrivals().clear();
    }

    /// Why it could not go on.
    pub(super) fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads until it is over; a client that routes, routes.
    pub(super) fn read(&self, mut line: Line, cti: &Cti, over: &AtomicBool) {
        while !over.load(Relaxed) {
            if let Err(error) = self.turn(&mut line, cti) {
                let error = Some(error.to_string());
                *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
                return;
            }
        }
    }

    fn turn(&self, line: &mut Line, cti: &Cti) -> io::Result<()> {
        let is_timed = cti.timed && matches!(self.role, Role::Desk | Role::All);
        let mut routes = Vec::new();
        let Some((at, frames)) = line.take()? else { return Ok(()) };
        let mut count = 0;
        for bytes in frames {
            count += 1;
            if is_timed {
                let message = read(&bytes)?;
                let dn = message.text(Attribute::ThisDN).cloned().unwrap_or_else(|| "".into());
                self.arrivals().push(Arrival { at, kind: message.kind(), dn });
            } else if self.role == Role::Route {
                let message = read(&bytes)?;
                if message.kind() == MessageType::EventRouteRequest {
                    routes.extend_from_slice(&frame(&route(cti, &message)?));
                }
            }
        }
        if !routes.is_empty() {
            line.write(&routes)?;
        }
        self.told.fetch_add(count, Relaxed);
        Ok(())
    }
}

/// Sends a call to the phone of its caller's pair.
fn route(cti: &Cti, asked: &Message) -> io::Result<Message> {
    let missing = || io::Error::other("EventRouteRequest without ThisDN, ConnID or ANI of a pair");
    let caller = asked.text(Attribute::ANI).and_then(|ani| ani.parse::<u32>().ok());
    let number = caller.and_then(|caller| caller.checked_sub(cti.callers)).ok_or_else(missing)?;
    Ok(Message::new(MessageType::RequestRouteCall)
        .with(Attribute::ThisDN, asked.text(Attribute::ThisDN).ok_or_else(missing)?)
        .with(Attribute::ConnID, asked.conn(Attribute::ConnID).ok_or_else(missing)?)
        .with(Attribute::OtherDN, (cti.callees + number).to_string())
        .with(Attribute::ReferenceID, 1_u32))
}

/// How many messages the clients of each role were told, by its name.
pub(super) fn counted(clients: &[Client]) -> serde_json::Map<String, serde_json::Value> {
    let mut by_role: BTreeMap<&str, u64> = BTreeMap::new();
    for client in clients {
        *by_role.entry(client.role.name()).or_default() += client.told();
    }
    by_role.into_iter().map(|(role, told)| (role.to_owned(), told.into())).collect()
}
