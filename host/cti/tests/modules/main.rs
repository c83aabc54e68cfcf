//! The Session Controller's clients, the Smart Proxy and the Interaction Proxy, by their exact outputs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answered;
mod call_types;
mod engine;
mod evenly;
mod interaction_proxy;
mod lost;
mod reported;
mod routes;
mod session_controller;
#[path = "../t_controller/show.rs"]
mod show;
mod smart_proxy;

use std::{sync::Arc, time::Duration};

use jackfield_cti::{ClientId, Dn, DnType, Dns, Module, Now, ServerFacts};
use model::Instant;
use tlib::{Attribute, Message, MessageType};

const NONE: [&str; 0] = [];

fn facts() -> ServerFacts {
    ServerFacts {
        application: "jackfield".into(),
        version: "0.1.0".into(),
        location: "here".into(),
        started_s: 1_600_000_000,
    }
}

fn at(ms: u64) -> Now {
    Now::new(Instant::from_nanos(ms * 1_000_000), Duration::from_secs(1_700_000_000))
}

fn client(module: Module, number: u64) -> ClientId {
    ClientId { module, number }
}

fn dns() -> Vec<Dn> {
    [
        ("1001", DnType::Extension),
        ("1002", DnType::Extension),
        ("7000", DnType::RoutingPoint),
        ("8000", DnType::VirtualQueue),
    ]
    .into_iter()
    .map(|(number, kind)| Dn {
        number: number.into(),
        kind,
        sip_owned: false,
        options: Default::default(),
    })
    .collect()
}

fn all_dns() -> Arc<Dns> {
    Arc::new(Dns::new(dns(), Vec::new()))
}

fn request(kind: MessageType, dn: &str, reference: u32) -> Message {
    Message::new(kind).with(Attribute::ThisDN, dn).with(Attribute::ReferenceID, reference)
}
