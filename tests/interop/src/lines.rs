//! What a peer tells line by line.

use std::{
    io::{BufRead, BufReader, Read},
    sync::mpsc::{self, Receiver},
    thread,
};

use serde_json::Value;

/// Reads lines as they come, to the end.
pub fn text(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Reads lines of JSON as they come, to the end; what is no JSON is talk of a library and left out.
pub fn of(output: impl Read + Send + 'static) -> Receiver<Value> {
    let (sender, events) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        for event in lines.filter_map(|line| serde_json::from_str(&line).ok()) {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    events
}
