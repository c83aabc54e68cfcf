//! The text of a scenario.

use std::time::Duration;

use model::ConnId;
use tlib::{Attribute, Kind, KvList, Message, MessageType, Value};
use world::{Manner, Reaction};

/// A scenario.
#[derive(Debug, Default)]
pub struct Case {
    /// What is configured.
    pub setup: Vec<Setup>,
    /// What is done, in order.
    pub steps: Vec<(Duration, Step)>,
    /// What everybody saw, as it was written down.
    pub expected: String,
}

/// Something that is there from the beginning.
#[derive(Debug)]
pub enum Setup {
    /// A DN: its kind, its number and its options.
    Dn(String, String, Vec<(String, String)>),
    /// A phone of a user, and what it does with calls.
    Phone(String, Reaction),
    /// A client: its name, the port, and the DNs it registers on.
    Client(String, String, Vec<String>),
}

/// Something that somebody does.
#[derive(Debug)]
pub enum Step {
    /// A phone.
    Phone(String, Manner),
    /// A phone is taken off the network, or put back.
    Plug(String, bool),
    /// The Session Controller learns that something of a call was not told to it.
    Lose(String),
    /// A client sends a request; ConnIDs are named `C1`, `C2`, in the order in which they were first seen.
    Request(String, Request),
}

/// A request whose ConnIDs are not known yet.
#[derive(Debug)]
pub struct Request {
    kind: MessageType,
    attributes: Vec<(Attribute, String)>,
}

/// What is wrong with the text of a scenario.
#[derive(Debug, PartialEq, Eq)]
pub struct Trouble(pub String);

impl Request {
    /// The message, where `conns` are the ConnIDs that have been seen.
    pub fn message(&self, conns: &[ConnId]) -> Result<Message, Trouble> {
        let mut message = Message::new(self.kind);
        for (attribute, text) in &self.attributes {
            message.set(*attribute, value(*attribute, text, conns)?);
        }
        Ok(message)
    }
}

fn value(attribute: Attribute, text: &str, conns: &[ConnId]) -> Result<Value, Trouble> {
    let bad = || Trouble(format!("`{text}` is no value of {}", attribute.name()));
    Ok(match attribute.kind() {
        Kind::Text => text.into(),
        Kind::Int | Kind::Enum => text.parse::<i64>().map_err(|_| bad())?.into(),
        Kind::ConnId => {
            let number = text.strip_prefix('C').and_then(|n| n.parse::<usize>().ok());
            let conn = number.and_then(|n| conns.get(n.checked_sub(1)?)).ok_or_else(bad)?;
            (*conn).into()
        }
        Kind::List => {
            let mut list = KvList::new();
            for pair in text.split(',').filter(|pair| !pair.is_empty()) {
                let (key, value) = pair.split_once(':').ok_or_else(bad)?;
                match value.parse::<i32>() {
                    Ok(number) => list.push(key, number),
                    Err(_) => list.push(key, value),
                }
            }
            list.into()
        }
        Kind::Sequence | Kind::Bytes => return Err(bad()),
    })
}

impl Case {
    /// Reads a scenario.
    pub fn read(text: &str) -> Result<Self, Trouble> {
        let mut case = Self::default();
        let (head, expected) = text.split_once("\n[seen]\n").unwrap_or((text, ""));
        expected.clone_into(&mut case.expected);
        let mut part = "";
        for (number, line) in head.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            match line {
                "" => {}
                "[setup]" | "[steps]" => part = line,
                _ if part == "[setup]" => {
                    case.setup.push(setup(line).map_err(|t| at(number, &t))?);
                }
                _ if part == "[steps]" => {
                    case.steps.push(step(line).map_err(|t| at(number, &t))?);
                }
                _ => return Err(at(number, &Trouble("neither in [setup] nor in [steps]".into()))),
            }
        }
        Ok(case)
    }

    /// The text with what was seen in place of what was expected.
    pub fn rewritten(text: &str, seen: &str) -> String {
        let head = text.split_once("\n[seen]\n").map_or(text, |(head, _)| head).trim_end();
        format!("{head}\n\n[seen]\n{seen}")
    }
}

fn at(number: usize, trouble: &Trouble) -> Trouble {
    Trouble(format!("line {}: {}", number + 1, trouble.0))
}

fn setup(line: &str) -> Result<Setup, Trouble> {
    let mut words = line.split_whitespace();
    let what = words.next().unwrap_or_default();
    let who = words.next().ok_or_else(|| Trouble("a number is missing".into()))?.to_owned();
    if what == "phone" {
        let reaction = match (words.next(), words.next()) {
            (None, _) | (Some("rings"), None) => Reaction::Ring,
            (Some("answers"), Some(after)) => Reaction::AnswerAfter(seconds(after)?),
            (Some("refuses"), Some(status)) => {
                Reaction::Refuse(status.parse().map_err(|_| Trouble("no status".into()))?)
            }
            (Some("ignores"), None) => Reaction::Ignore,
            _ => return Err(Trouble(format!("`{line}`: what does the phone do?"))),
        };
        return Ok(Setup::Phone(who, reaction));
    }
    if what == "client" {
        let port = words.next().unwrap_or("TCport").to_owned();
        return Ok(Setup::Client(who, port, words.map(str::to_owned).collect()));
    }
    let options = words.map(|word| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        (name.to_owned(), value.to_owned())
    });
    Ok(Setup::Dn(what.to_owned(), who, options.collect()))
}

fn seconds(text: &str) -> Result<Duration, Trouble> {
    let seconds: f64 = text.parse().map_err(|_| Trouble(format!("`{text}` is no time")))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| Trouble(format!("`{text}` is no time")))
}

fn step(line: &str) -> Result<(Duration, Step), Trouble> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (Some(at), Some(what), Some(who)) = (words.first(), words.get(1), words.get(2)) else {
        return Err(Trouble("a step is a time, what is done, and who does it".into()));
    };
    let at = seconds(at)?;
    if let Some(kind) = what.strip_prefix('T') {
        let name = format!("Request{kind}");
        let kind = MessageType::named(&name).ok_or_else(|| Trouble(format!("no {name}")))?;
        let attributes = words[3..].iter().map(|word| {
            let (name, text) = word.split_once('=').ok_or_else(|| Trouble((*word).into()))?;
            let attribute = Attribute::named(name).ok_or_else(|| Trouble(name.into()))?;
            Ok((attribute, text.to_owned()))
        });
        let request = Request { kind, attributes: attributes.collect::<Result<_, Trouble>>()? };
        return Ok((at, Step::Request((*who).to_owned(), request)));
    }
    if matches!(*what, "unplugs" | "plugs-in") {
        return Ok((at, Step::Plug((*who).to_owned(), *what == "plugs-in")));
    }
    if *what == "loses" {
        return Ok((at, Step::Lose((*who).to_owned())));
    }
    let to = || {
        let to = words.get(3).ok_or_else(|| Trouble("whom?".into()))?;
        Ok::<_, Trouble>((*to).to_owned())
    };
    let manner = match *what {
        "calls" => Manner::Call(to()?),
        "cancels" => Manner::Cancel,
        "answers" => Manner::Answer,
        "refuses" => Manner::Refuse(to()?.parse().map_err(|_| Trouble("no status".into()))?),
        "hangs-up" => Manner::HangUp,
        "holds" => Manner::Hold(true),
        "retrieves" => Manner::Hold(false),
        "consults" => Manner::Consult(to()?),
        "joins" => Manner::Join(true),
        "ends-consultation" => Manner::EndConsult,
        "refers" => Manner::Refer(to()?, true),
        "registers" => Manner::Register(36_000),
        other => return Err(Trouble(format!("nobody `{other}`"))),
    };
    Ok((at, Step::Phone((*who).to_owned(), manner)))
}
