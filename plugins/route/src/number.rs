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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_not_part_of_a_number() {
        assert_eq!(number("+49(30)123-45.6").as_deref(), Some("+4930123456"));
        assert_eq!(number("2000").as_deref(), Some("2000"));
        assert_eq!(number("*21#").as_deref(), Some("*21#"));
    }

    #[test]
    fn names_are_no_numbers() {
        for user in ["", "+", "-", "alice", "49alice", "4+9", "４９"] {
            assert_eq!(number(user), None, "{user}");
        }
    }
}
