//! Draws a call as a ladder: phone A, the switch, phone B.

mod entry;

use std::fmt::Write as _;

pub use entry::{Column, Entry, Sender, Step};

/// Characters between two posts.
const SPAN: usize = 30;
/// Characters before the first post.
const MARGIN: usize = 14;

/// Draws `entries` in order of time, times counted from the first.
pub fn draw(left: &str, right: &str, entries: &[Entry]) -> String {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by_key(|entry| entry.at);
    let mut text = heading(left, right);
    let Some(first) = entries.first() else { return text };
    for entry in &entries {
        let ms = entry.at.duration_since(first.at).as_secs_f64() * 1000.0;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{ms:>9.1} ms  {}", row(&entry.what));
    }
    text
}

fn heading(left: &str, right: &str) -> String {
    let mut line = String::new();
    for (column, name) in [left, "jackfield", right].into_iter().enumerate() {
        let post = MARGIN + column * (SPAN + 1);
        let start = post.saturating_sub(name.chars().count() / 2);
        let length = line.chars().count();
        line.push_str(&" ".repeat(start.saturating_sub(length)));
        line.push_str(name);
    }
    line.push('\n');
    line
}

/// One line of a ladder, without its time.
pub fn row(step: &Step) -> String {
    match step {
        Step::Message { phone, sender, label } => {
            let rightwards = (*phone == Column::Left) == (*sender == Sender::Phone);
            let arrow = arrow(label, rightwards);
            let empty = " ".repeat(SPAN);
            match phone {
                Column::Left => format!("│{arrow}│{empty}│"),
                Column::Right => format!("│{empty}│{arrow}│"),
            }
        }
        Step::Note(note) => format!("│{}│", centred(note, 2 * SPAN + 1, '┄')),
    }
}

fn arrow(label: &str, rightwards: bool) -> String {
    let label = shortened(label, SPAN - 5);
    let shaft = "─".repeat(SPAN - 4 - label.chars().count());
    if rightwards { format!("─ {label} {shaft}▶") } else { format!("◀{shaft} {label} ─") }
}

fn centred(text: &str, width: usize, fill: char) -> String {
    let text = shortened(text, width.saturating_sub(4));
    let rest = width.saturating_sub(text.chars().count() + 2);
    let before = rest / 2;
    let fill = |count: usize| fill.to_string().repeat(count);
    format!("{} {text} {}", fill(before), fill(rest - before))
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn entry(start: Instant, ms: u64, what: Step) -> Entry {
        Entry { at: start + Duration::from_millis(ms), what }
    }

    fn message(phone: Column, sender: Sender, label: &str) -> Step {
        Step::Message { phone, sender, label: label.to_owned() }
    }

    #[test]
    fn messages_point_from_their_sender_in_the_order_they_were_seen() {
        let start = Instant::now();
        let entries = [
            entry(start, 2, message(Column::Right, Sender::Phone, "180 Ringing")),
            entry(start, 0, message(Column::Left, Sender::Phone, "INVITE 500")),
            entry(start, 1, message(Column::Right, Sender::Switch, "INVITE 2000")),
            entry(start, 3, message(Column::Left, Sender::Switch, "180 Ringing")),
            entry(start, 9, Step::Note("a note".to_owned())),
        ];
        let expected = [
            "           phone A                       jackfield                       phone B",
            "      0.0 ms  │─ INVITE 500 ────────────────▶│                              │",
            "      1.0 ms  │                              │─ INVITE 2000 ───────────────▶│",
            "      2.0 ms  │                              │◀─────────────── 180 Ringing ─│",
            "      3.0 ms  │◀─────────────── 180 Ringing ─│                              │",
            "      9.0 ms  │┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ a note ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄│",
        ];
        assert_eq!(draw("phone A", "phone B", &entries).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_long_label_does_not_break_the_posts() {
        let step = message(Column::Left, Sender::Phone, &"x".repeat(80));
        assert_eq!(row(&step).chars().count(), 2 * SPAN + 3);
        assert_eq!(row(&Step::Note("y".repeat(80))).chars().count(), 2 * SPAN + 3);
    }
}
