//! The document of the package `message-summary` (RFC 3842 section 5.2).

use model::MessageCount;

/// Of the account `entity`, a URI.
pub(super) fn document(entity: &str, count: MessageCount) -> String {
    let MessageCount { new, old, urgent_new, urgent_old } = count;
    let waiting = if new > 0 { "yes" } else { "no" };
    format!(
        "Messages-Waiting: {waiting}\r\nMessage-Account: {entity}\r\n\
         Voice-Message: {new}/{old} ({urgent_new}/{urgent_old})\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lamp_burns_for_what_was_not_heard() {
        let count = MessageCount { new: 2, old: 8, urgent_new: 0, urgent_old: 2 };
        assert_eq!(
            document("sip:ann@h", count),
            "Messages-Waiting: yes\r\nMessage-Account: sip:ann@h\r\nVoice-Message: 2/8 (0/2)\r\n"
        );
        let heard = MessageCount { new: 0, ..count };
        assert!(document("sip:ann@h", heard).starts_with("Messages-Waiting: no\r\n"));
    }
}
