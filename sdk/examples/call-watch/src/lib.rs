//! The hook `call-event` in Rust. `call-watch.rhai` beside this crate is the same in Rhai.

use std::time::Duration;

use guest::{Call, Commands, Config, End, Event, Plugin, register_plugin};

/// Whose calls are marked.
const VIPS: [&str; 2] = ["2000", "2001"];
/// Phones in the lobby have numbers that begin so.
const LOBBY: &str = "9";

/// Who helps those that wait.
const DESK: &str = "3000";

/// Marks calls to important people, ends those from the lobby when they have lasted too long, and sends
/// on whoever is on hold for too long.
#[derive(Debug, Default)]
pub struct CallWatch {
    lobby_max: Duration,
    wait_max: Duration,
}

impl Plugin for CallWatch {
    fn configure(&mut self, config: &Config) -> Result<(), String> {
        let seconds = |key, default| Ok::<_, String>(config.number(key)?.unwrap_or(default).into());
        self.lobby_max = Duration::from_secs(seconds("lobby_max_s", 180)?);
        self.wait_max = Duration::from_secs(seconds("wait_max_s", 60)?);
        Ok(())
    }

    fn call_event(&self, call: &Call, event: &Event) -> Commands {
        let is_lobby = call.caller.user.starts_with(LOBBY);
        match event.kind.as_str() {
            "offered" if VIPS.contains(&call.callee.user.as_str()) => {
                Commands::none().tag("vip", "yes")
            }
            "answered" if is_lobby => Commands::none().timer("longest", self.lobby_max),
            "timer" if event.is_timer("longest") => Commands::none()
                .release()
                .cause(102)
                .text("lobby")
                .because("longest", "the lobby has talked for long enough"),
            // Who is held by the other party waits; a plugin's own holds are by no party.
            "held" => event.by().map_or_else(Commands::none, |by| {
                Commands::none().tag("waits", by.other().name()).timer("waiting", self.wait_max)
            }),
            "resumed" if event.by().is_some() => Commands::none().stop_timer("waiting"),
            "timer" if event.is_timer("waiting") => {
                let waits = call.label("waits").and_then(|name| End::named(&name));
                waits.map_or_else(Commands::none, |party| {
                    Commands::none()
                        .transfer(party, DESK)
                        .because("waiting", "nobody came back for too long")
                })
            }
            _ => Commands::none(),
        }
    }
}

register_plugin!(CallWatch: call_event);
