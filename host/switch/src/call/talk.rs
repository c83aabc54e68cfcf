#![allow(clippy::unwrap_used)]
//! A caller and those who are called, for tests: what is said within a dialog, message by message.

use model::hook::{Destination, Hook, MediaMode, Plan, Target, Verdict};

use crate::trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent};

/// One call of the phone to one place or two, which fork.
pub(crate) struct Talk {
    pub(crate) bench: Bench,
    /// The INVITEs that went out, in order.
    pub(crate) invites: Vec<Sent>,
    /// The CSeq number of the caller's latest request.
    pub(crate) cseq: u32,
    /// The number of the latest reliable response to the caller.
    pub(crate) rseq: String,
    branch: u32,
}

/// A message in short: its first line, whom it is for, whether it is reliable, and its body.
pub(crate) fn told(sent: &[Sent]) -> Vec<String> {
    let one = |sent: &Sent| {
        let reliable = if sent.line("Require").contains("100rel") { " reliably" } else { "" };
        let body = sent.text.split("\r\n\r\n").nth(1).unwrap_or_default();
        let body = if body.is_empty() { String::new() } else { format!(": {body}") };
        format!("{}{reliable}{body}", sent.what())
    };
    sent.iter().map(one).collect()
}

fn body_fields(body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

impl Talk {
    /// A call with these fields and this body to so many places at once.
    pub(crate) fn begin(fields: &str, body: &str, places: usize) -> Self {
        Self::with(Bench::new(Vec::new()), fields, body, places)
    }

    pub(crate) fn with(mut bench: Bench, fields: &str, body: &str, places: usize) -> Self {
        let text = format!(
            "INVITE sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK0\r\n\
             From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
             Max-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\n{fields}{}",
            body_fields(body)
        );
        bench.receive(PHONE, text);
        let uris = ["sip:2000@203.0.113.1", "sip:2000@203.0.113.2"];
        let mut targets: Vec<Target> = uris
            .iter()
            .take(places)
            .map(|uri| Target::new(Destination::Uri((*uri).to_owned())))
            .collect();
        targets.iter_mut().for_each(|target| target.together = true);
        let plan = Plan { targets, media: MediaMode::Default };
        let invites = bench.decide(Hook::Route, Verdict::Plan(plan));
        Self { bench, invites, cseq: 1, rseq: String::new(), branch: 0 }
    }

    fn note(&mut self, sent: Vec<Sent>) -> Vec<Sent> {
        if let Some(reliable) = sent.iter().rfind(|sent| !sent.line("RSeq").is_empty()) {
            self.rseq = reliable.line("RSeq");
        }
        sent
    }

    /// One who is called responds to the INVITE of that number, with that tag.
    pub(crate) fn respond(
        &mut self,
        of: usize,
        status: &str,
        tag: &str,
        fields: &str,
        body: &str,
    ) -> Vec<Sent> {
        let invite = &self.invites[of];
        let from = if of == 0 { FIRST } else { SECOND };
        let text =
            response(invite, status, tag, &format!("{fields}{}", body_fields(body)), from[3]);
        let sent = self.bench.receive(from, text);
        self.note(sent)
    }

    /// One who is called answers another request.
    pub(crate) fn answer(&mut self, request: &Sent, status: &str, body: &str) -> Vec<Sent> {
        let text = response(request, status, "", &body_fields(body), 1);
        let sent = self.bench.receive(FIRST, text);
        self.note(sent)
    }

    /// The caller asks something within the dialog that has the switch's latest tag.
    pub(crate) fn ask(&mut self, method: &str, fields: &str, body: &str) -> Vec<Sent> {
        let tag = self.bench.tag.clone();
        self.ask_in(&tag, method, fields, body)
    }

    pub(crate) fn ask_in(
        &mut self,
        tag: &str,
        method: &str,
        fields: &str,
        body: &str,
    ) -> Vec<Sent> {
        self.branch += 1;
        if method != "ACK" {
            self.cseq += 1;
        }
        let cseq = if method == "ACK" { 1 } else { self.cseq };
        let text = format!(
            "{method} sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKa{}\r\n\
             From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>;tag={tag}\r\nCall-ID: 1\r\n\
             CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\n{fields}{}",
            self.branch,
            body_fields(body)
        );
        let sent = self.bench.receive(PHONE, text);
        self.note(sent)
    }

    /// The caller acknowledges the latest reliable response.
    pub(crate) fn prack(&mut self, body: &str) -> Vec<Sent> {
        let rack = format!("RAck: {} 1 INVITE\r\n", self.rseq);
        self.ask("PRACK", &rack, body)
    }

    /// One who is called asks something, in the dialog of the INVITE of that number and of that tag of its own.
    pub(crate) fn ask_back(
        &mut self,
        of: usize,
        tag: &str,
        request: &str,
        fields: &str,
        body: &str,
    ) -> Vec<Sent> {
        let (method, cseq) = request.split_once(' ').unwrap();
        let invite = &self.invites[of];
        self.branch += 1;
        let text = format!(
            "{method} sip:1000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKb{}\r\n\
             From: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:2000@203.0.113.1>\r\n{fields}{}",
            self.branch,
            invite.line("To"),
            invite.line("From"),
            invite.line("Call-ID"),
            body_fields(body)
        );
        self.bench.receive(FIRST, text)
    }
}

fn response(request: &Sent, status: &str, tag: &str, rest: &str, host: u8) -> String {
    let fields =
        ["Via", "From", "Call-ID", "CSeq"].map(|n| format!("{n}: {}\r\n", request.line(n)));
    let to = request.line("To");
    let to = if tag.is_empty() { to } else { format!("{to};tag={tag}") };
    format!(
        "SIP/2.0 {status}\r\n{}To: {to}\r\nContact: <sip:2000@203.0.113.{host}>\r\n{rest}",
        fields.concat()
    )
}
