/// Reads a user part as a telephone number: digits, possibly after a `+`, without the visual
/// separators of RFC 3966 section 3 (`-`, `.`, `(`, `)`).
///
/// Gives `None` when anything else is in it, or nothing.
pub(crate) fn number(user: &str) -> Option<String> {
    let mut number = String::with_capacity(user.len());
    for (at, c) in user.char_indices() {
        match c {
            '0'..='9' | '*' | '#' => number.push(c),
            '+' if at == 0 => number.push(c),
            '-' | '.' | '(' | ')' => {}
            _ => return None,
        }
    }
    number.ends_with(|last: char| last != '+').then_some(number)
}
