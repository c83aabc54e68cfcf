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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_not_part_of_a_number() {
        assert_eq!(number("+43 (1) 234-5.6/7").as_deref(), Some("+431234567"));
        assert_eq!(number("*21#").as_deref(), Some("*21#"));
        for name in ["", "+", "-", "alice", "4+9"] {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[test]
    fn a_number_of_the_world_has_a_country_and_no_more_than_fifteen_digits() {
        assert!(is_e164("+123456789012345"));
        for wrong in ["+1234567890123456", "+0431", "+", "431", "+43*1"] {
            assert!(!is_e164(wrong), "{wrong}");
        }
    }
}
