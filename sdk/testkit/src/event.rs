//! Events of a call, as scenarios write them.

use std::collections::BTreeMap;

use model::{
    ConnId,
    hook::{End, Happening},
};

/// Who may end a call.
const ENDS: [&str; 5] = ["caller", "callee", "plugin", "operator", "switch"];

/// Reads `answered leg=1`; gives what has happened and how many events before it were missed.
///
/// # Errors
///
/// What in it is not known.
pub(crate) fn read(text: &str) -> Result<(Happening, u32), String> {
    let mut words = text.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let mut attrs = BTreeMap::new();
    for word in words {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| format!("event = \"{text}\": `{word}` is no name=value"))?;
        attrs.insert(name, value);
    }
    let attr = |name: &str| attrs.get(name).copied().unwrap_or_default();
    let number = |name: &str| attr(name).parse().unwrap_or(0);
    let end = |name: &str| End::named(attr(name)).unwrap_or(End::Caller);
    let by_plugin = attr("by") == "plugin";
    let what = match kind {
        "offered" => Happening::Offered,
        "ringing" => Happening::Ringing { leg: number("leg"), status: number("status") },
        "leg-failed" => Happening::LegFailed { leg: number("leg"), status: number("status") },
        "answered" => Happening::Answered { leg: number("leg") },
        "held" if by_plugin => Happening::PluginHeld { party: end("party"), held: true },
        "resumed" if by_plugin => Happening::PluginHeld { party: end("party"), held: false },
        "held" => Happening::Held { by: end("by") },
        "resumed" => Happening::Resumed { by: end("by") },
        "transfer-begun" => {
            let (to, into) = (attr("to").to_owned(), ConnId(2));
            Happening::TransferBegun { by: end("by"), to, into }
        }
        "transferred" => Happening::Transferred { into: ConnId(2) },
        "transfer-failed" => Happening::TransferFailed { status: number("status") },
        "command-failed" => {
            let command =
                ["hold", "resume", "transfer"].into_iter().find(|c| *c == attr("command"));
            let command = command.unwrap_or("hold");
            Happening::CommandFailed { command, party: end("party"), status: number("status") }
        }
        "timer" => Happening::Timer { name: attr("name").into() },
        "released" => {
            let by = ENDS.into_iter().find(|by| *by == attr("by")).unwrap_or("caller");
            Happening::Released { by, cause: attr("cause").to_owned() }
        }
        other => return Err(format!("event = \"{other}\" is not known")),
    };
    Ok((what, attr("missed").parse().unwrap_or(0)))
}
