//! The hooks before a call, in Rust. `front-door.rhai` beside this crate is the same in Rhai.

use guest::{
    Acceptance, Admission, Call, Contact, Identification, Plugin, Request, register_plugin,
};

/// What scanners call themselves.
const SCANNERS: [&str; 3] = ["friendly-scanner", "sipvicious", "sipcli"];
/// The door phone cannot do digests and is known by its address.
const DOOR: &str = "192.0.2.50:";

/// Keeps scanners out, knows the door phone, and lets every user have one phone.
#[derive(Debug, Default)]
pub struct FrontDoor;

impl Plugin for FrontDoor {
    fn admission(&self, request: &Request) -> Admission {
        let agent = request.header("User-Agent").unwrap_or_default().to_lowercase();
        if SCANNERS.iter().any(|scanner| agent.contains(scanner)) {
            return Admission::drop().because("scanner", agent);
        }
        Admission::pass()
    }

    fn authenticate(&self, request: &Request) -> Identification {
        if request.source.starts_with(DOOR) && request.caller.user == "door" {
            let aor = guest::text(&["door@", &request.caller.host]);
            return Identification::user(aor).because("door", "known by its address");
        }
        if request.caller.user == "guest" {
            return Identification::password("welcome").because("guest", "everybody's account");
        }
        Identification::pass()
    }

    fn register(&self, request: &Call, contacts: &[Contact]) -> Acceptance {
        if contacts.iter().any(|contact| contact.uri.contains("@10.")) {
            return Acceptance::refuse(403).because("network", "phones of that network stay out");
        }
        if request.callee.user == "guest" {
            return Acceptance::accept().contacts(1).expires_secs(300);
        }
        Acceptance::pass()
    }
}

register_plugin!(FrontDoor: admission, authenticate, register);
