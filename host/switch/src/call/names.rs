//! What a caller is known by, to find it in what plugins write for those who are not to know it.

use std::collections::HashSet;

use model::hook::CallFacts;
use sip::{Message, Name, NameAddr};

/// The fields of an INVITE, beside From, that say who sends it or how it is reached.
const FIELDS: [Name; 5] = [
    Name::PAssertedIdentity,
    Name::PPreferredIdentity,
    Name::RemotePartyId,
    Name::Contact,
    Name::ReplyTo,
];

/// So many addresses of one of these fields are looked at; RFC 3325 section 9.1 has two at the most.
const ADDRESSES_MAX: usize = 4;

/// What says that a party has no name. Nobody is known by it.
const NOBODY: [&str; 4] = ["anonymous", "unknown", "unavailable", "restricted"];

/// Whatever is shorter is a syllable and no name.
const NAME_MIN: usize = 3;

/// Whatever is longer is no number (15 digits are the most of ITU-T E.164), whatever it is made of.
const NUMBER_MAX: usize = 64;

/// Numbers of so many digits are the same when one ends with the other, as they do where one of them has no country code.
const NUMBER_MIN: usize = 6;

/// The names and the numbers of a caller.
#[derive(Default)]
pub(super) struct Names(Vec<Alias>);

enum Alias {
    /// The digits of a number.
    Number(String),
    /// The words of a name, in lower case.
    Words(Vec<String>),
}

impl Names {
    /// Those of the caller of a call: as its INVITE says them, as it has proved them, and as plugins have changed them.
    pub(super) fn of_caller(facts: &CallFacts, invite: Option<&Message>) -> Self {
        let mut names = Self::default();
        for party in [&facts.caller, facts.dialled_caller()] {
            names.add_user(&party.user);
            names.add(&party.display);
        }
        names.add_user(facts.identity.as_ref().map_or("", |identity| identity.user()));
        for (invite, field) in invite.into_iter().flat_map(|it| FIELDS.map(|field| (it, field))) {
            let addresses = invite.values(field).filter_map(|value| NameAddr::parse(value).ok());
            for address in addresses.take(ADDRESSES_MAX) {
                names.add(&address.display);
                let uri = address.parsed_uri().ok();
                names.add_user(&uri.map(|uri| uri.user_unescaped()).unwrap_or_default());
            }
        }
        names
    }

    /// Of a number in a SIP URI (RFC 3261 section 19.1.6) what follows the first `;` says where it is one.
    fn add_user(&mut self, user: &str) {
        self.add(user.split(';').next().unwrap_or_default());
    }

    fn add(&mut self, name: &str) {
        let name = name.trim().to_lowercase();
        if name.len() <= NUMBER_MAX
            && name.chars().all(|c| c.is_ascii_digit() || is_between_digits(c))
        {
            let digits: String = name.chars().filter(char::is_ascii_digit).collect();
            if digits.len() >= NAME_MIN {
                self.0.push(Alias::Number(digits));
            }
            return;
        }
        let words: Vec<String> = words(&name).map(str::to_owned).collect();
        let letters: usize = words.iter().map(|word| word.chars().count()).sum();
        if letters >= NAME_MIN && !NOBODY.contains(&name.as_str()) {
            self.0.push(Alias::Words(words));
        }
    }

    /// Whether a value says one of them: all words of a name, in any order, or a number, however it is written.
    pub(super) fn are_in(&self, value: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let value = value.to_lowercase();
        let said: HashSet<&str> = words(&value).collect();
        let runs = runs(&value);
        self.0.iter().any(|alias| match alias {
            Alias::Number(digits) => runs.iter().any(|run| run.says(digits)),
            Alias::Words(words) => words.iter().all(|word| said.contains(word.as_str())),
        })
    }
}

/// The words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Whether people write it within a number (RFC 3966 section 5.1.1 has four of them).
const fn is_between_digits(c: char) -> bool {
    matches!(c, ' ' | '+' | '-' | '.' | '(' | ')' | '/')
}

/// Digits in groups, with nothing but signs between them.
struct Run<'a> {
    groups: Vec<&'a str>,
    /// Whether a letter stands right before the first group, and right after the last.
    joined: [bool; 2],
}

/// What of a text may be a number.
fn runs(text: &str) -> Vec<Run<'_>> {
    let is_part = |c: char| c.is_ascii_digit() || is_between_digits(c);
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (skipped, tail) = rest.split_at(start);
        let (run, after) = tail.split_at(tail.find(|c| !is_part(c)).unwrap_or(tail.len()));
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let joined = [
            is_digit(run.chars().next()) && is_letter(skipped.chars().next_back()),
            is_digit(run.chars().next_back()) && is_letter(after.chars().next()),
        ];
        let groups: Vec<&str> = run.split(is_between_digits).filter(|g| !g.is_empty()).collect();
        if !groups.is_empty() {
            runs.push(Run { groups, joined });
        }
        rest = after;
    }
    runs
}

impl Run<'_> {
    /// Whether some of its groups, one after another, are this number.
    fn says(&self, number: &str) -> bool {
        // With an international prefix or a country code more it is still the same.
        const MORE_MAX: usize = 6;
        let last = self.groups.len() - 1;
        (0..=last).any(|from| {
            let mut digits = String::new();
            let groups = self.groups.iter().enumerate().skip(from);
            let mut verdicts = groups.map_while(|(at, group)| {
                digits.push_str(group);
                let is_whole = !(from == 0 && self.joined[0] || at == last && self.joined[1]);
                let fits = digits.len() <= number.len() + MORE_MAX;
                fits.then(|| is_same(&digits, number, is_whole))
            });
            verdicts.any(|is_same| is_same)
        })
    }
}

/// Whether two numbers are the same. One that is not `whole`, because it is part of a word, has to be a long one.
fn is_same(one: &str, other: &str, whole: bool) -> bool {
    let long = |number: &str| number.len() >= NUMBER_MIN;
    if one == other {
        return whole || long(one);
    }
    let [one, other] = [one, other].map(|number| number.trim_start_matches('0'));
    long(one) && long(other) && (one.ends_with(other) || other.ends_with(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(name: &str, value: &str) -> bool {
        let mut names = Names::default();
        names.add_user(name);
        names.are_in(value)
    }

    #[test]
    fn a_name_is_found_by_its_words_and_in_any_order() {
        for value in ["Ann Smith", "It is smith, ANN!", "sip:ann.smith@home.test", "a=ann;b=smith"]
        {
            assert!(says("Ann Smith", value) && says("ann.smith", value), "{value}");
        }
        for value in ["Joanna Smithson", "Ann", "Smith", "annsmith"] {
            assert!(!says("Ann Smith", value), "{value}");
        }
        assert!(says("\u{c4}nne", "\u{e4}nne"), "letters that are not of ASCII");
    }

    #[test]
    fn what_names_nobody_is_not_looked_for() {
        for name in
            ["", "  ", "Al", "4", "42", "+4-2", "anonymous", "Unknown", "UNAVAILABLE", "restricted"]
        {
            assert!(!says(name, name) && !says(name, &format!("x {name} y")), "{name}");
        }
        assert!(says("Unknown Pleasures", "pleasures unknown"));
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        for value in [
            "+43123456789",
            "0043 (1) 234/567-89",
            "tel:+43-1-234-567-89;x=1",
            "01 23456789",
            "123456789",
            "sip:+43123456789@home.test",
            "customer 12, +43 1 234 567 89",
            "+43 1 234 567 89 12",
            "c43123456789c",
        ] {
            assert!(says("+43 1 23456789", value), "{value}");
            assert!(says("+43123456789;phone-context=x", value), "{value}");
        }
        for value in ["23456", "+4312345678", "43123456788", "+43 1 234", "789"] {
            assert!(!says("+43123456789", value), "{value}");
        }
    }

    #[test]
    fn a_short_number_has_to_stand_alone() {
        for value in ["1000", "10-00", "x=1000;y", "tel:1000", "4711 1000", "<sip:1000@h>"] {
            assert!(says("1000", value), "{value}");
        }
        for value in ["4711000", "10001", "a1000", "1000b", "550e1000-1", "100", "2000"] {
            assert!(!says("1000", value), "{value}");
        }
    }

    #[test]
    fn a_value_of_nothing_but_signs_is_no_number() {
        for value in ["", "+", "( ) - / .", "\u{e9}", "+\u{e9}1"] {
            assert!(!says("1000", value), "{value}");
        }
    }

    /// However much there is to compare, it is done: a caller writes the names, a plugin the value.
    #[test]
    fn much_is_compared_as_well() {
        let value = "1 ".repeat(512);
        assert!(!says("2222222222", &value) && says("1111111111", &value));
    }
}
