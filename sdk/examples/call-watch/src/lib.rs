//! The hook `call-event` in Rust. `call-watch.rhai` beside this crate is the same in Rhai.

use std::time::Duration;

use guest::{Call, Commands, Config, Event, Plugin, register_plugin};

/// Whose calls are marked.
const VIPS: [&str; 2] = ["2000", "2001"];
/// Phones in the lobby have numbers that begin so.
const LOBBY: &str = "9";

/// Marks calls to important people, and ends those from the lobby when they have lasted too long.
#[derive(Debug, Default)]
pub struct CallWatch {
    lobby_max: Duration,
}

impl Plugin for CallWatch {
    fn configure(&mut self, config: &Config) -> Result<(), String> {
        let seconds = config.number("lobby_max_s")?.unwrap_or(180);
        self.lobby_max = Duration::from_secs(seconds.into());
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
            _ => Commands::none(),
        }
    }
}

register_plugin!(CallWatch: call_event);
