//! A T-Library client: `jackfield tlib` in a process of its own, and the notation that its events are compared in.

use std::{
    io::Write,
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use serde_json::Value;

use crate::{lines, peers, wait::PATIENCE};

/// What is shown of an event after the parties, in this order: the attribute and its short name.
const SHOWN: [(&str, &str); 12] = [
    ("RouteType", "type"),
    ("ThisQueue", "q"),
    ("Reason", "why"),
    ("UserData", "data"),
    ("PreviousConnID", "prev"),
    ("CallState", "cs"),
    ("DTMFDigits", "digits"),
    ("AgentID", "agent"),
    ("AgentWorkMode", "mode"),
    ("ErrorCode", "error"),
    ("UserEvent", "event"),
    ("ReferenceID", "ref"),
];

/// A client that is registered on its DNs; ended when dropped.
pub struct Desk {
    process: Child,
    requests: ChildStdin,
    events: Receiver<String>,
    /// Every message it got, as JSON in the order of its attributes.
    got: Vec<String>,
    /// The ConnIDs it saw, in order: the first is C1.
    calls: Vec<String>,
    seen: Vec<String>,
    /// Requests that went before the first one of the test, which is number 1.
    before: u64,
}

impl Desk {
    /// Connects to the port of a module and registers on DNs, one after another.
    ///
    /// # Panics
    ///
    /// When it is not answered, or not taken for one of them.
    #[track_caller]
    pub fn connect(port: SocketAddr, application: &str, dns: &[&str]) -> Self {
        Self::connect_with(port, application, dns, &[])
    }

    /// The same with further arguments of `jackfield tlib`, such as those of TLS.
    ///
    /// # Panics
    ///
    /// When it is not answered, or not taken for one of the DNs.
    #[track_caller]
    pub fn connect_with(
        port: SocketAddr,
        application: &str,
        dns: &[&str],
        arguments: &[&str],
    ) -> Self {
        let mut command = Command::new(peers::jackfield());
        command.args(["tlib", "--watch", "--stdin", "--json", "--application", application]);
        command.args(["--connect", &port.to_string()]).args(arguments);
        for dn in dns {
            command.args(["--register", dn]);
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let requests = process.stdin.take().expect("a pipe to the client");
        let events = lines::text(process.stdout.take().expect("a pipe from the client"));
        let (got, calls, seen, before) = (Vec::new(), Vec::new(), Vec::new(), dns.len() as u64 + 1);
        let mut desk = Self { process, requests, events, got, calls, seen, before };
        assert_eq!(desk.next_of("EventLinkConnected")["type"], "EventLinkConnected");
        for dn in dns {
            let event = desk.next_of("EventRegistered");
            assert_eq!(
                (&event["type"], &event["ThisDN"]),
                (&"EventRegistered".into(), &(*dn).into())
            );
        }
        desk
    }

    /// Sends a request: its name and attributes as `NAME=VALUE`; `C1` stands for the first call that it saw.
    ///
    /// # Panics
    ///
    /// When the client is gone, or has not seen that call.
    #[track_caller]
    pub fn ask(&mut self, request: &str) {
        let words = request.split(' ').map(|word| {
            let call = word
                .split_once("=C")
                .and_then(|(name, nth)| Some((name, nth.parse::<usize>().ok()?)));
            call.map_or_else(
                || word.to_owned(),
                |(name, nth)| format!("{name}={}", self.calls[nth - 1]),
            )
        });
        let line: Vec<String> = words.collect();
        writeln!(self.requests, "{}", line.join(" ")).expect("the client reads");
        self.seen.push(format!("> {request}"));
    }

    /// Waits for the next events and compares them; each is written as `2001 Ringing{C1 De, O 1000 Or}`.
    ///
    /// # Panics
    ///
    /// When others come, or none.
    #[track_caller]
    pub fn sees(&mut self, expected: &[&str]) {
        for (nth, wanted) in expected.iter().enumerate() {
            let event = self.next_of(wanted);
            let shown = self.shown(&event);
            let before = self.seen.join("\n");
            assert_eq!(
                shown,
                *wanted,
                "event {} of {expected:#?}, after\n{before}\n{event}",
                nth + 1
            );
            self.seen.push(shown);
        }
    }

    /// Asks for something of no consequence and sees its answer next: nothing else came.
    ///
    /// # Panics
    ///
    /// When something else did.
    #[track_caller]
    pub fn sees_nothing_more(&mut self) {
        self.ask("QueryServer");
        let event = self.next_of("EventServerInfo");
        let shown = self.shown(&event);
        assert_eq!(event["type"], "EventServerInfo", "{shown}, after\n{}", self.seen.join("\n"));
    }

    /// Every message that it was given until the switch closed the connection, as JSON with the attributes in their order.
    ///
    /// # Panics
    ///
    /// When the connection is not closed.
    #[track_caller]
    pub fn all_until_the_end(mut self) -> Vec<String> {
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(event) => self.got.push(event),
                Err(RecvTimeoutError::Disconnected) => return std::mem::take(&mut self.got),
                Err(RecvTimeoutError::Timeout) => panic!("the client is still connected"),
            }
        }
    }

    #[track_caller]
    fn next_of(&mut self, what: &str) -> Value {
        self.next_within(PATIENCE, what)
    }

    #[track_caller]
    fn next_within(&mut self, patience: Duration, what: &str) -> Value {
        let before = self.seen.join("\n");
        match self.events.recv_timeout(patience) {
            Ok(event) => {
                let value = serde_json::from_str(&event).expect("the client writes JSON");
                self.got.push(event);
                value
            }
            Err(RecvTimeoutError::Timeout) => panic!("waited in vain for {what}, after\n{before}"),
            Err(RecvTimeoutError::Disconnected) => panic!("the client is gone, after\n{before}"),
        }
    }

    fn shown(&mut self, event: &Value) -> String {
        let mut said = Vec::new();
        let conn = event["ConnID"].as_str().map(|conn| self.name_of(conn));
        let first = [conn, event["ThisDNRole"].as_u64().map(|it| role(it).to_owned())];
        let first: Vec<String> = first.into_iter().flatten().collect();
        if !first.is_empty() {
            said.push(first.join(" "));
        }
        for (name, dn) in [("O", "OtherDN"), ("3", "ThirdPartyDN")] {
            if let Some(number) = event[dn].as_str() {
                let its_role = event[&*format!("{dn}Role")].as_u64().map(role).unwrap_or_default();
                said.push(format!("{name} {number} {its_role}").trim_end().to_owned());
            }
        }
        for (attribute, name) in SHOWN {
            let value = match &event[attribute] {
                Value::Null => continue,
                Value::Number(zero) if attribute == "CallState" && zero.as_u64() == Some(0) => {
                    continue;
                }
                Value::Number(number) if attribute == "ReferenceID" => {
                    number.as_u64().unwrap_or_default().saturating_sub(self.before).to_string()
                }
                Value::String(conn) if attribute == "PreviousConnID" => self.name_of(conn),
                Value::String(text) => text.clone(),
                other => list(other),
            };
            said.push(format!("{name} {value}"));
        }
        let dn = event["ThisDN"].as_str().map(|dn| format!("{dn} ")).unwrap_or_default();
        let kind = event["type"].as_str().unwrap_or_default();
        format!("{dn}{}{{{}}}", kind.strip_prefix("Event").unwrap_or(kind), said.join(", "))
    }

    fn name_of(&mut self, conn: &str) -> String {
        let at = self.calls.iter().position(|have| have == conn).unwrap_or_else(|| {
            self.calls.push(conn.to_owned());
            self.calls.len() - 1
        });
        format!("C{}", at + 1)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A list as `[key:value key:value]`, anything else as it is.
fn list(value: &Value) -> String {
    let Some(pairs) = value.as_array() else { return value.to_string() };
    let text = |value: &Value| value.as_str().map_or_else(|| list(value), str::to_owned);
    let pairs: Vec<String> =
        pairs.iter().map(|pair| format!("{}:{}", text(&pair[0]), text(&pair[1]))).collect();
    format!("[{}]", pairs.join(" "))
}

/// The roles of section 3.4, in short.
const fn role(number: u64) -> &'static str {
    match number {
        1 => "Or",
        2 => "De",
        3 => "CM",
        4 => "NP",
        5 => "AB",
        6 => "DB",
        7 => "TB",
        8 => "DP",
        9 => "CB",
        10 => "Ob",
        _ => "?",
    }
}
