//! The hook `call-event` as a script sees it: the event, and the commands that answer it.

use std::sync::Arc;

use model::hook::CallEvent;
use rhai::{Dynamic, Engine, EvalAltResult, FLOAT, INT, ImmutableString};

use super::verdict::{VerdictValue, error};
use crate::{command::ProposedCommand, metrics::nanos, proposal::Proposed};

/// What has happened to a call.
#[derive(Clone, Debug)]
pub(crate) struct EventValue(pub(crate) Arc<CallEvent>);

type Said = Result<VerdictValue, Box<EvalAltResult>>;

/// What a script says, with one command more.
fn and(verdict: VerdictValue, command: ProposedCommand) -> Said {
    verdict.command(command.kind.clone(), |commands| commands.push(command))
}

fn none() -> VerdictValue {
    VerdictValue::new(Proposed::Commands(Vec::new()))
}

fn tag(name: &str, value: &Dynamic) -> ProposedCommand {
    let value = value.to_string();
    ProposedCommand::new("tag").with("name", name.to_owned()).with("value", value)
}

fn timer(name: &str, seconds: FLOAT) -> Result<ProposedCommand, Box<EvalAltResult>> {
    let time = std::time::Duration::try_from_secs_f64(seconds).map_err(|_| {
        error(format!("a timer cannot run for {seconds} s; give a positive time in seconds"))
    })?;
    let ms = nanos(time) / 1_000_000;
    let timer = ProposedCommand::new("timer").with("name", name.to_owned());
    Ok(timer.with("ms", ms.to_string()))
}

fn stop_timer(name: &str) -> ProposedCommand {
    ProposedCommand::new("stop-timer").with("name", name.to_owned())
}

fn release(status: Option<INT>) -> ProposedCommand {
    let release = ProposedCommand::new("release");
    match status {
        Some(status) => release.with("status", status.to_string()),
        None => release,
    }
}

fn of_party(kind: &str, party: Option<&str>) -> ProposedCommand {
    let command = ProposedCommand::new(kind);
    match party {
        Some(party) => command.with("party", party.to_owned()),
        None => command,
    }
}

fn transfer(party: &str, to: &str) -> ProposedCommand {
    of_party("transfer", Some(party)).with("to", to.to_owned())
}

fn register_parties(engine: &mut Engine) {
    for kind in ["hold", "resume"] {
        engine
            .register_fn(kind, move || and(none(), of_party(kind, None)))
            .register_fn(kind, move |party: &str| and(none(), of_party(kind, Some(party))))
            .register_fn(kind, move |said: VerdictValue| and(said, of_party(kind, None)))
            .register_fn(kind, move |said: VerdictValue, party: &str| {
                and(said, of_party(kind, Some(party)))
            });
    }
    engine
        .register_fn("transfer", |party: &str, to: &str| and(none(), transfer(party, to)))
        .register_fn("transfer", |said: VerdictValue, party: &str, to: &str| {
            and(said, transfer(party, to))
        });
}

/// Says more of the release that was just given.
fn of_release(verdict: VerdictValue, name: &'static str, value: String) -> Said {
    let mut found = false;
    let verdict = verdict.command(name.to_owned(), |commands| {
        if let Some(last) = commands.last_mut().filter(|last| last.kind == "release") {
            last.attrs.push((name.to_owned(), value));
            found = true;
        }
    })?;
    match found {
        true => Ok(verdict),
        false => Err(error(format!("only a release has a {name}; write release().{name}(…)"))),
    }
}

pub(crate) fn register(engine: &mut Engine) {
    register_event(engine);
    register_parties(engine);
    engine
        .register_fn("commands", none)
        .register_fn("tag", |name: &str, value: Dynamic| and(none(), tag(name, &value)))
        .register_fn("tag", |said: VerdictValue, name: &str, value: Dynamic| {
            and(said, tag(name, &value))
        })
        .register_fn("timer", |name: &str, s: INT| and(none(), timer(name, s as FLOAT)?))
        .register_fn("timer", |name: &str, s: FLOAT| and(none(), timer(name, s)?))
        .register_fn("timer", |said: VerdictValue, name: &str, s: INT| {
            and(said, timer(name, s as FLOAT)?)
        })
        .register_fn("timer", |said: VerdictValue, name: &str, s: FLOAT| and(said, timer(name, s)?))
        .register_fn("stop_timer", |name: &str| and(none(), stop_timer(name)))
        .register_fn("stop_timer", |said: VerdictValue, name: &str| and(said, stop_timer(name)))
        .register_fn("release", || and(none(), release(None)))
        .register_fn("release", |status: INT| and(none(), release(Some(status))))
        .register_fn("release", |said: VerdictValue| and(said, release(None)))
        .register_fn("release", |said: VerdictValue, status: INT| and(said, release(Some(status))))
        .register_fn("cause", |said: VerdictValue, cause: INT| {
            of_release(said, "cause", cause.to_string())
        })
        .register_fn("text", |said: VerdictValue, text: &str| {
            of_release(said, "text", text.to_owned())
        });
}

fn register_event(engine: &mut Engine) {
    fn text(event: &EventValue, name: &str) -> ImmutableString {
        event.0.attr(name).unwrap_or_default().into()
    }
    fn number(event: &EventValue, name: &str) -> INT {
        event.0.attr(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
    engine
        .register_type_with_name::<EventValue>("Event")
        .register_get("kind", |event: &mut EventValue| event.0.what.kind())
        .register_get("after_ms", |event: &mut EventValue| {
            INT::try_from(event.0.after.as_millis()).unwrap_or(INT::MAX)
        })
        .register_get("leg", |event: &mut EventValue| number(event, "leg"))
        .register_get("status", |event: &mut EventValue| number(event, "status"))
        .register_get("missed", |event: &mut EventValue| number(event, "missed"))
        .register_get("party", |event: &mut EventValue| text(event, "party"))
        .register_get("command", |event: &mut EventValue| text(event, "command"))
        .register_get("by", |event: &mut EventValue| text(event, "by"))
        .register_get("to", |event: &mut EventValue| text(event, "to"))
        .register_get("into", |event: &mut EventValue| text(event, "into"))
        .register_get("name", |event: &mut EventValue| text(event, "name"))
        .register_get("cause", |event: &mut EventValue| text(event, "cause"));
}
