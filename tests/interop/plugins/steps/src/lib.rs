//! A plugin that misbehaves as its configuration says: every fault a routing script was ever seen to have, on demand.
//!
//! Only a call to the user of `PROBE` meets the fault; all others pass, as they would while a fault sleeps in real code.

use std::{
    hint,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use guest::{Answer, Call, Config, Plugin, register_plugin};

/// The user whose calls meet the fault.
const PROBE: &str = "probe";

/// A global of the module: what one version left behind, another must not find.
static LEFT_BEHIND: AtomicU32 = AtomicU32::new(0);

/// What the configuration key `behaviour` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Behaviour {
    /// `refuse`: answers the probe with the key `status`.
    #[default]
    Refuse,
    /// `remember`: the same, and leaves something behind in a global.
    Remember,
    /// `recall`: `status` when nothing was left behind, one more when something was.
    Recall,
    /// `loop`: never answers.
    Loop,
    /// `panic`: gives up.
    Panic,
    /// `recurse`: calls itself for ever.
    Recurse,
    /// `hoard`: takes all memory there is.
    Hoard,
}

/// The plugin.
#[derive(Debug, Default)]
pub struct Steps {
    behaviour: Behaviour,
    status: u16,
}

impl Plugin for Steps {
    fn configure(&mut self, config: &Config) -> Result<(), String> {
        self.status =
            config.number("status")?.and_then(|status| u16::try_from(status).ok()).unwrap_or(434);
        self.behaviour = match config.text("behaviour").as_deref() {
            None | Some("refuse") => Behaviour::Refuse,
            Some("remember") => Behaviour::Remember,
            Some("recall") => Behaviour::Recall,
            Some("loop") => Behaviour::Loop,
            Some("panic") => Behaviour::Panic,
            Some("recurse") => Behaviour::Recurse,
            Some("hoard") => Behaviour::Hoard,
            Some(_) => {
                // Half of the new version has taken effect by now: it must not be seen.
                LEFT_BEHIND.store(1, Relaxed);
                return Err("boom".to_owned());
            }
        };
        Ok(())
    }

    fn route(&self, call: &Call) -> Answer {
        if call.callee.user != PROBE {
            return Answer::pass();
        }
        match self.behaviour {
            Behaviour::Refuse => {}
            Behaviour::Remember => LEFT_BEHIND.store(1, Relaxed),
            Behaviour::Recall if LEFT_BEHIND.load(Relaxed) == 0 => {}
            Behaviour::Recall => return Answer::refuse(self.status + 1),
            Behaviour::Loop => loop {
                hint::spin_loop();
            },
            Behaviour::Panic => panic!("it was told to"),
            Behaviour::Recurse => return Answer::refuse(deeper(0)),
            Behaviour::Hoard => hoard(),
        }
        Answer::refuse(self.status)
    }
}

#[inline(never)]
#[allow(unconditional_recursion, reason = "it is here to exhaust the stack")]
fn deeper(depth: u16) -> u16 {
    // The sum after the call keeps it from becoming a loop.
    hint::black_box(deeper(hint::black_box(depth.wrapping_add(1)))).wrapping_add(1)
}

fn hoard() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(hint::black_box(vec![0_u8; 65_536]));
    }
}

register_plugin!(Steps);
