//! What a watcher is told of a call: the dialogs of one user (RFC 4235).

use std::fmt::Write as _;

use model::LegId;

use super::xml::Escaped;

/// One dialog of a user, as the user's phone sees it (RFC 4235 section 4.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialogInfo {
    /// Names it within the node: the leg of the call that it is.
    pub leg: LegId,
    /// Whether the user calls, rather than being called.
    pub calls: bool,
    /// Where it is.
    pub phase: DialogPhase,
    /// The Call-ID between the phone and this switch.
    pub call_id: String,
    /// The phone's tag, once it has one.
    pub local_tag: Option<String>,
    /// Our tag, once the phone has it.
    pub remote_tag: Option<String>,
    /// Who the user talks to: the URI and the display name.
    pub remote: (String, String),
    /// Whether the user's phone has put the other party on hold.
    pub holds: bool,
}

/// Where a dialog is (RFC 4235 section 3.7.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DialogPhase {
    /// The INVITE is out.
    Trying,
    /// Something came back that makes no dialog.
    Proceeding,
    /// It rings.
    Early,
    /// They talk.
    Confirmed,
    /// It is over.
    Terminated,
}

impl DialogPhase {
    /// As it stands in the document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Proceeding => "proceeding",
            Self::Early => "early",
            Self::Confirmed => "confirmed",
            Self::Terminated => "terminated",
        }
    }
}

impl DialogInfo {
    /// The same dialog, over.
    pub(super) fn ended(&self) -> Self {
        Self { phase: DialogPhase::Terminated, ..self.clone() }
    }
}

/// The document of `dialogs` (RFC 4235 section 4): `entity` is the URI that was subscribed to, `whole` says that there are no
/// others.
pub(super) fn document<'a>(
    entity: &str,
    version: u32,
    whole: bool,
    dialogs: impl Iterator<Item = &'a DialogInfo>,
) -> String {
    let state = if whole { "full" } else { "partial" };
    let entity = Escaped(entity);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"{state}\" \
         entity=\"{entity}\">\r\n"
    );
    for dialog in dialogs {
        write_dialog(&mut text, &entity, dialog);
    }
    text.push_str("</dialog-info>\r\n");
    text
}

fn write_dialog(text: &mut String, entity: &Escaped<'_>, dialog: &DialogInfo) {
    let LegId { conn, number } = dialog.leg;
    let direction = if dialog.calls { "initiator" } else { "recipient" };
    // Writing to a String does not fail.
    let _ = write!(text, "<dialog id=\"{conn}-{number}\" call-id=\"{}\"", Escaped(&dialog.call_id));
    for (name, tag) in [("local-tag", &dialog.local_tag), ("remote-tag", &dialog.remote_tag)] {
        if let Some(tag) = tag {
            let _ = write!(text, " {name}=\"{}\"", Escaped(tag));
        }
    }
    let phase = dialog.phase.name();
    let _ = write!(text, " direction=\"{direction}\">\r\n<state>{phase}</state>\r\n");
    let _ = write!(text, "<local><identity>{entity}</identity><target uri=\"{entity}\"");
    if dialog.holds {
        // RFC 4235 section 4.1.6.2: what is held is not rendered.
        text.push_str("><param pname=\"+sip.rendering\" pvalue=\"no\"/></target></local>\r\n");
    } else {
        text.push_str("/></local>\r\n");
    }
    let (uri, display) = &dialog.remote;
    text.push_str("<remote><identity");
    if !display.is_empty() {
        let _ = write!(text, " display=\"{}\"", Escaped(display));
    }
    let uri = Escaped(uri);
    let _ = write!(text, ">{uri}</identity><target uri=\"{uri}\"/></remote>\r\n</dialog>\r\n");
}

#[cfg(test)]
mod tests {
    use model::{ConnId, LegId};

    use super::*;

    #[test]
    fn a_dialog_is_written_as_the_rfc_has_it_and_nothing_leaves_its_quotes() {
        let dialog = DialogInfo {
            leg: LegId { conn: ConnId(10), number: 1 },
            calls: false,
            phase: DialogPhase::Early,
            call_id: "c&1".to_owned(),
            local_tag: None,
            remote_tag: Some("ours".to_owned()),
            remote: ("sip:ann@h".to_owned(), "\"Ann\" <x>\u{7}".to_owned()),
            holds: false,
        };
        let held = DialogInfo {
            calls: true,
            holds: true,
            local_tag: Some("theirs".to_owned()),
            remote: ("sip:ann@h".to_owned(), String::new()),
            ..dialog.ended()
        };
        let text = document("sip:bob@h", 3, false, [&dialog, &held].into_iter());
        assert_eq!(
            text.replace("\r\n", "\n"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"3\" state=\"partial\" entity=\"sip:bob@h\">\n\
             <dialog id=\"000000000000000a-1\" call-id=\"c&amp;1\" remote-tag=\"ours\" direction=\"recipient\">\n\
             <state>early</state>\n\
             <local><identity>sip:bob@h</identity><target uri=\"sip:bob@h\"/></local>\n\
             <remote><identity display=\"&quot;Ann&quot; &lt;x&gt; \">sip:ann@h</identity><target uri=\"sip:ann@h\"/></remote>\n\
             </dialog>\n\
             <dialog id=\"000000000000000a-1\" call-id=\"c&amp;1\" local-tag=\"theirs\" remote-tag=\"ours\" direction=\"initiator\">\n\
             <state>terminated</state>\n\
             <local><identity>sip:bob@h</identity><target uri=\"sip:bob@h\"><param pname=\"+sip.rendering\" pvalue=\"no\"/></target></local>\n\
             <remote><identity>sip:ann@h</identity><target uri=\"sip:ann@h\"/></remote>\n\
             </dialog>\n\
             </dialog-info>\n"
        );
    }
}
