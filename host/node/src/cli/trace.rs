//! `jackfield trace`: SIP as it passes, drawn as a ladder.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, Write as _},
};

use anyhow::Context as _;

use super::{args::TraceArgs, client::Client, list::escaped};
use crate::{
    http::view::TraceLine,
    ladder::{Column, Sender, Step, row},
};

/// Peers whose side is remembered; beyond it the sides are dealt anew.
const PEERS_MAX: usize = 10_000;

pub(super) fn trace(args: &TraceArgs) -> anyhow::Result<()> {
    let what = args.what.as_deref().unwrap_or_default();
    let path = format!("/api/trace?what={}&full={}", escaped(what), args.full);
    let lines = Client::new(&args.api)?.lines(&path)?;
    let mut drawing = Drawing::default();
    for (number, line) in lines.lines().enumerate() {
        let line = line.context("the switch ended the trace")?;
        let text = if args.api.json {
            format!("{line}\n")
        } else {
            drawing.draw(&serde_json::from_str(&line)?)
        };
        let mut out = std::io::stdout().lock();
        // A reader that has gone, such as `head`, has read enough.
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err()
            || args.count.is_some_and(|count| number + 1 >= count)
        {
            return Ok(());
        }
    }
    Ok(())
}

/// Remembers on which side of the switch each peer stands: who is first heard on the left, who is first called on the right.
#[derive(Default)]
struct Drawing {
    sides: BTreeMap<String, Column>,
}

impl Drawing {
    fn draw(&mut self, line: &TraceLine) -> String {
        let incoming = line.direction == "in";
        if self.sides.len() >= PEERS_MAX {
            self.sides.clear();
        }
        let side = if incoming { Column::Left } else { Column::Right };
        let phone = *self.sides.entry(line.peer.clone()).or_insert(side);
        let sender = if incoming { Sender::Phone } else { Sender::Switch };
        let step = Step::Message { phone, sender, label: line.label.clone() };
        // `2026-11-21T04:01:09.123Z`: the time of day.
        let time = line.at.get(11..23).unwrap_or(&line.at);
        let mut text = String::new();
        if line.missed > 0 {
            let note = format!("{} messages were not shown", line.missed);
            text.push_str(&format!("              {}\n", row(&Step::Note(note))));
        }
        let (peer, transport, call_id) = (&line.peer, &line.transport, &line.call_id);
        text.push_str(&format!("{time}  {}  {transport} {peer}  {call_id}\n", row(&step)));
        for part in line.text.iter().flat_map(|whole| whole.lines()) {
            text.push_str(&format!("    {part}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(direction: &str, peer: &str, label: &str) -> TraceLine {
        TraceLine {
            at: "2026-11-21T04:01:09.123Z".to_owned(),
            direction: direction.to_owned(),
            transport: "udp".to_owned(),
            listener: "udp".to_owned(),
            peer: peer.to_owned(),
            label: label.to_owned(),
            call_id: "c".to_owned(),
            cseq: "1 INVITE".to_owned(),
            missed: 0,
            text: None,
        }
    }

    #[test]
    fn who_calls_stands_left_and_who_is_called_right() {
        let mut drawing = Drawing::default();
        let drawn: Vec<String> = [
            line("in", "192.0.2.1:5060", "INVITE sip:2000@x"),
            line("out", "192.0.2.2:5060", "INVITE sip:2000@y"),
            line("in", "192.0.2.2:5060", "180 Ringing"),
            line("out", "192.0.2.1:5060", "180 Ringing"),
        ]
        .iter()
        .map(|line| drawing.draw(line))
        .collect();
        assert_eq!(
            drawn,
            [
                "04:01:09.123  │─ INVITE sip:2000@x ─────────▶│                              │  udp 192.0.2.1:5060  c\n",
                "04:01:09.123  │                              │─ INVITE sip:2000@y ─────────▶│  udp 192.0.2.2:5060  c\n",
                "04:01:09.123  │                              │◀─────────────── 180 Ringing ─│  udp 192.0.2.2:5060  c\n",
                "04:01:09.123  │◀─────────────── 180 Ringing ─│                              │  udp 192.0.2.1:5060  c\n",
            ]
        );
    }

    #[test]
    fn what_was_missed_is_told() {
        let mut missed = line("in", "192.0.2.1:5060", "BYE sip:x");
        missed.missed = 7;
        assert!(Drawing::default().draw(&missed).contains(" 7 messages were not shown "));
    }
}
