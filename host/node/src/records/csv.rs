//! A record as a row of RFC 4180.

use serde_json::Value;

use super::Record;

/// The columns, in order: the fields of a record.
const COLUMNS: &[&str] = &[
    "version",
    "node",
    "conn",
    "call_id",
    "tenant",
    "ingress",
    "source",
    "trunk",
    "identity",
    "caller",
    "callee",
    "shown_caller",
    "routed_callee",
    "labels",
    "emergency",
    "offered_at",
    "ringing_at",
    "answered_at",
    "ended_at",
    "setup_ms",
    "ring_ms",
    "talk_ms",
    "outcome",
    "released_by",
    "cause",
    "status",
    "q850",
    "q850_text",
    "media",
    "routed_by",
    "table",
    "legs",
    "failed_targets",
    "passed_trunks",
    "transfer",
    "transfers",
    "decisions",
    "truncated",
];

/// The header row, with its line end.
pub(super) fn header() -> String {
    COLUMNS.join(",") + "\r\n"
}

/// Appends the row of `record`, with its line end. A row is one line whatever the record holds.
pub(super) fn append(record: &Record, text: &mut String) {
    // A record is made of texts, numbers and lists of them; all of these have a JSON form.
    let Ok(value) = serde_json::to_value(record) else { return };
    for (at, column) in COLUMNS.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        match value.get(column) {
            None | Some(Value::Null) => {}
            Some(Value::String(cell)) => quoted(&harmless(cell), text),
            Some(Value::Bool(_) | Value::Number(_)) => text.push_str(&value[column].to_string()),
            Some(lists @ (Value::Array(_) | Value::Object(_))) => {
                quoted(&lists.to_string(), text);
            }
        }
    }
    text.push_str("\r\n");
}

/// A cell that no spreadsheet takes for a formula, and that has no line end in it: peers chose what it says.
fn harmless(cell: &str) -> String {
    let mut safe = String::with_capacity(cell.len() + 1);
    if cell.starts_with(['=', '+', '-', '@', '|', '%']) {
        safe.push('\'');
    }
    for c in cell.chars() {
        match c {
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    safe.push_str(&format!("%{byte:02X}"));
                }
            }
            c => safe.push(c),
        }
    }
    safe
}

fn quoted(cell: &str, text: &mut String) {
    if cell.contains([',', '"', ' ', ';']) {
        text.push('"');
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(of: &str) -> String {
        let mut text = String::new();
        quoted(&harmless(of), &mut text);
        text
    }

    #[test]
    fn what_a_peer_wrote_is_neither_a_formula_nor_a_second_row() {
        assert_eq!(
            cell("=HYPERLINK(\"http://x\",\"y\")"),
            "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""
        );
        assert_eq!(cell("+43 1"), "\"'+43 1\"");
        assert_eq!(cell("a\r\nb,c\t"), "\"a%0D%0Ab,c%09\"");
        assert_eq!(cell("-1"), "'-1");
        assert_eq!(cell("sip:1000@192.0.2.1"), "sip:1000@192.0.2.1");
        assert_eq!(cell("\u{85}x"), "%C2%85x");
    }
}
