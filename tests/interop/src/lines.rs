//! What a peer tells line by line, in JSON.

use std::{
    io::{BufRead, BufReader, Read},
    sync::mpsc::{self, Receiver},
    thread,
};

use serde_json::Value;

/// Reads them as they come, to the end; what is no JSON is talk of a library and left out.
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
