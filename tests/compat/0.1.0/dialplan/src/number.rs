/// A dialled number without its separators: digits, `*` and `#`, with a `+` at most in front; `None`
/// for a name.
pub(crate) fn number(user: &str) -> Option<String> {
    let mut number = String::with_capacity(user.len());
    for (at, c) in user.char_indices() {
        match c {
            '0'..='9' | '*' | '#' => number.push(c),
            '+' if at == 0 => number.push(c),
            ' ' | '-' | '.' | '/' | '(' | ')' => {}
            _ => return None,
        }
    }
    number.ends_with(|last: char| last != '+').then_some(number)
}

/// Whether a number is one of the world's: `+`, a country code, at most fifteen digits in all (ITU-T
/// E.164 section 6).
pub(crate) fn is_e164(number: &str) -> bool {
    let Some(digits) = number.strip_prefix('+') else { return false };
    digits.len() <= 15
        && !digits.starts_with('0')
        && !digits.is_empty()
        && digits.bytes().all(|digit| digit.is_ascii_digit())
}
