//! What scripts do with telephone numbers.

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Position};

pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_fn("digits", digits)
        .register_fn("is_number", |text: &str| number(text).is_some())
        .register_fn("starts_with_any", starts_with_any)
        .register_fn("without_prefix", |text: ImmutableString, prefix: &str| {
            text.strip_prefix(prefix).map_or_else(|| text.clone(), ImmutableString::from)
        })
        .register_fn("e164", |text: &str, country: &str| e164(text, country, "00", "0"))
        .register_fn("e164", |text: &str, country: &str, international: &str, national: &str| {
            e164(text, country, international, national)
        });
}

/// A dialled number without what people put between the digits: `+43 (1) 234-5` is `+4312345`. `None` for what is no number.
fn number(text: &str) -> Option<String> {
    let mut number = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '0'..='9' | '*' | '#' => number.push(c),
            '+' if at == 0 => number.push(c),
            ' ' | '-' | '.' | '/' | '(' | ')' => {}
            _ => return None,
        }
    }
    number.ends_with(|last: char| last != '+').then_some(number)
}

/// The number without separators, or an empty text.
fn digits(text: &str) -> ImmutableString {
    number(text).unwrap_or_default().into()
}

fn starts_with_any(text: &str, prefixes: Array) -> Result<bool, Box<EvalAltResult>> {
    for prefix in prefixes {
        let prefix = prefix.into_immutable_string().map_err(|kind| {
            let text = format!("prefixes are texts, not {kind}; write them in quotes");
            EvalAltResult::ErrorRuntime(Dynamic::from(text), Position::NONE)
        })?;
        if text.starts_with(prefix.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The number in the form `+country…` (ITU-T E.164), or an empty text when it is no number that goes abroad: `+` stays,
/// the international prefix becomes `+`, the national one the country code. Anything else has no certain form.
fn e164(text: &str, country: &str, international: &str, national: &str) -> ImmutableString {
    let Some(number) = number(text) else { return ImmutableString::new() };
    let stripped = |prefix: &str| number.strip_prefix(prefix).filter(|_| !prefix.is_empty());
    let full = if let Some(rest) = number.strip_prefix('+') {
        rest.to_owned()
    } else if let Some(rest) = stripped(international) {
        rest.to_owned()
    } else if let Some(rest) = stripped(national) {
        format!("{}{rest}", country.trim_start_matches('+'))
    } else {
        return ImmutableString::new();
    };
    // Fifteen digits are the most that E.164 allows, and no country code begins with 0.
    let ok = (4..=15).contains(&full.len())
        && !full.starts_with('0')
        && full.bytes().all(|byte| byte.is_ascii_digit());
    if ok { format!("+{full}").into() } else { ImmutableString::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_not_part_of_a_number() {
        assert_eq!(digits("+43 (1) 234-5.6/7"), "+431234567");
        assert_eq!(digits("*21#"), "*21#");
        for name in ["", "+", "alice", "4+3"] {
            assert_eq!(digits(name), "", "{name}");
        }
    }

    #[test]
    fn a_number_with_a_known_prefix_has_one_full_form() {
        assert_eq!(e164("0664 123456", "43", "00", "0"), "+43664123456");
        assert_eq!(e164("0049 30 123456", "43", "00", "0"), "+4930123456");
        assert_eq!(e164("+1 (212) 5550100", "43", "00", "0"), "+12125550100");
        assert_eq!(e164("01144 20 7946", "+1", "011", "1"), "+44207946");
    }

    #[test]
    fn what_is_no_full_number_has_none() {
        for short in ["2000", "112", "*21#", "alice", "00", "+0123", "+1234567890123456"] {
            assert_eq!(e164(short, "43", "00", "0"), "", "{short}");
        }
    }
}
