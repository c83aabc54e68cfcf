//! What a caller is known by, to find it in what plugins write for those who are not to know it.

use std::{borrow::Cow, collections::HashSet};

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

/// What has more digits is no number (15 are the most of ITU-T E.164, and a prefix may stand before them), but a word.
const NUMBER_MAX: usize = 20;

/// So many names and numbers of a caller are looked for, the first ones; who says of itself what RFC 3325 lets it say has fewer.
const ALIASES_MAX: usize = 24;

/// Of a name with more words so many of them are looked for.
const WORDS_MAX: usize = 16;

/// Numbers of so many digits are the same when one ends with the other, as they do where one of them has no country code.
const NUMBER_MIN: usize = 6;

/// With an international prefix or a country code more, which is so many digits, a number is still the same.
const MORE_MAX: usize = 6;

/// The names and the numbers of a caller.
#[derive(Default)]
pub(super) struct Names(Vec<Alias>);

#[derive(PartialEq, Eq)]
enum Alias {
    /// The digits of a number.
    Number(String),
    /// The words of a name, in lower case, in order and each once.
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
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        if digits.len() <= NUMBER_MAX && !name.contains(is_letter) {
            if digits.len() >= NAME_MIN {
                self.push(Alias::Number(digits));
            }
            return;
        }
        let mut words: Vec<String> = words(&name).map(str::to_owned).collect();
        let letters: usize = words.iter().map(|word| word.chars().count()).sum();
        if letters >= NAME_MIN && !NOBODY.contains(&name.as_str()) {
            words.sort_unstable();
            words.dedup();
            words.truncate(WORDS_MAX);
            self.push(Alias::Words(words));
        }
    }

    fn push(&mut self, alias: Alias) {
        if self.0.len() < ALIASES_MAX && !self.0.contains(&alias) {
            self.0.push(alias);
        }
    }

    /// Whether a value says one of them: all words of a name, in any order, or a number, however it is written.
    pub(super) fn are_in(&self, value: &str) -> bool {
        !self.0.is_empty() && (self.stand_in(value) || self.stand_in(&unescaped(value)))
    }

    fn stand_in(&self, value: &str) -> bool {
        let value = value.to_lowercase();
        let said: HashSet<&str> = words(&value).collect();
        let runs = runs(&value);
        self.0.iter().any(|alias| match alias {
            Alias::Number(digits) => runs.iter().any(|run| run.says(digits)),
            Alias::Words(words) => words.iter().all(|word| said.contains(word.as_str())),
        })
    }
}

/// A value without its escapes (RFC 3986 section 2.1), whatever comes out: nobody but us reads it.
fn unescaped(value: &str) -> Cow<'_, str> {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let mut hex = || char::from(ahead.next()?).to_digit(16);
        let escaped = (byte == b'%').then(|| Some(hex()? * 16 + hex()?)).flatten();
        match escaped.and_then(|code| u8::try_from(code).ok()) {
            Some(code) => {
                out.push(code);
                bytes = ahead;
            }
            None => out.push(byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// The words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Whether it ends a number. Whatever else stands between its digits is a sign that somebody may write there, or may choose so that
/// the number is not found.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !c.is_ascii_digit()
}

/// Digits in groups, with nothing but signs between them.
struct Run {
    /// Those of all groups.
    digits: String,
    /// Where each group begins and ends among them.
    groups: Vec<[usize; 2]>,
    /// Whether a letter stands right before the first group, and right after the last.
    joined: [bool; 2],
}

/// What of a text may be a number.
fn runs(text: &str) -> Vec<Run> {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut runs = Vec::new();
    let mut pieces = text.split(is_letter).peekable();
    let mut follows_letter = false;
    while let Some(piece) = pieces.next() {
        let (mut digits, mut groups) = (String::new(), Vec::new());
        for group in piece.split(|c| !is_digit(c)).filter(|group| !group.is_empty()) {
            let start = digits.len();
            digits.push_str(group);
            groups.push([start, digits.len()]);
        }
        let joined = [
            follows_letter && piece.starts_with(is_digit),
            pieces.peek().is_some() && piece.ends_with(is_digit),
        ];
        if !groups.is_empty() {
            runs.push(Run { digits, groups, joined });
        }
        follows_letter = true;
    }
    runs
}

impl Run {
    /// Whether some of its groups, one after another, are this number. Where they end is looked at once: what does not end as the
    /// number does is not gone into.
    fn says(&self, number: &str) -> bool {
        self.groups.iter().enumerate().any(|(last, [_, end])| {
            let said = self.digits.get(..*end).unwrap_or_default();
            let pairs = said.bytes().rev().zip(number.bytes().rev());
            let common = pairs.take_while(|(one, other)| one == other).count();
            common >= number.len().min(NUMBER_MIN) && self.ends_with(number, said, last)
        })
    }

    /// Whether groups up to the `last`, with which `said` ends, are this number.
    fn ends_with(&self, number: &str, said: &str, last: usize) -> bool {
        let ends_joined = self.joined[1] && last + 1 == self.groups.len();
        let groups = self.groups.iter().enumerate().take(last + 1).rev();
        let candidates = groups.map_while(|(first, [start, _])| {
            let digits = said.get(*start..).filter(|d| d.len() <= number.len() + MORE_MAX)?;
            Some((digits, !(ends_joined || first == 0 && self.joined[0])))
        });
        candidates.into_iter().any(|(digits, is_whole)| is_same(digits, number, is_whole))
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
            "43_1_23456789",
            "+43,1,23456789",
            "431\u{a0}234\u{2009}56789",
            "43*1#234~567|89",
            "tel:%2B43%201%2023456789",
            "x%3d43%2d123456789",
            "%zz%ff43%201%2023456789%4",
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

    #[test]
    fn an_escape_hides_neither_what_it_stands_for_nor_what_stands_there() {
        assert!(says("Ann Smith", "ann%20smith") && says("1000", "%2B1000%3B"));
        assert!(says("2010", "100%2010"), "somebody may not read it as an escape");
    }

    #[test]
    fn what_has_too_many_digits_is_a_word() {
        let number = "123456789012345678901";
        assert!(says(number, &format!("tel:{number}")));
        assert!(!says(number, "1234567890 12345678901") && !says(number, &number[1..]));
        assert!(says(&number[1..], "2345678901 2345678901"), "20 are not");
    }

    #[test]
    fn each_is_looked_for_once_and_so_many_at_the_most() {
        let mut names = Names::default();
        for name in ["1000", "1-000", "Ann Smith", "smith ann Ann", "1000;x=y"] {
            names.add_user(name);
        }
        assert_eq!(names.0.len(), 2);
        (2000..2100).for_each(|number| names.add(&number.to_string()));
        assert_eq!(names.0.len(), ALIASES_MAX);
        assert!(names.are_in("1000") && names.are_in("2000") && !names.are_in("2099"));
        let mut names = Names::default();
        names.add(&"a b c d e f g h i j k l m n o p q r s t ".repeat(100));
        assert!(names.are_in("p o n m l k j i h g f e d c b a"));
    }

    /// The same as [`Run::says`], by putting all groups together in every way.
    fn says_plainly(run: &Run, number: &str) -> bool {
        let groups = &run.groups;
        let last = groups.len() - 1;
        let ways = (0..=last).flat_map(|from| (from..=last).map(move |to| (from, to)));
        ways.into_iter().any(|(from, to)| {
            let digits = &run.digits[groups[from][0]..groups[to][1]];
            let is_whole = !(from == 0 && run.joined[0] || to == last && run.joined[1]);
            digits.len() <= number.len() + MORE_MAX && is_same(digits, number, is_whole)
        })
    }

    #[test]
    fn what_ends_otherwise_need_not_be_gone_into() {
        let signs = ["", "", "0", "1", "12", "001", "2 ", "-", " 1", "x", "1x", "0043 "];
        let numbers = ["112", "0112", "1121", "112112", "0112112", "43112001", "004311211201"];
        let (mut seed, mut found) = (1_u32, [0; 2]);
        for _ in 0..4000 {
            let text: String = (0..12)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    signs[(seed >> 16) as usize % signs.len()]
                })
                .collect();
            for run in runs(&text) {
                for number in numbers {
                    let says = run.says(number);
                    assert_eq!(says, says_plainly(&run, number), "{number} in {text}");
                    found[usize::from(says)] += 1;
                }
            }
        }
        assert!(found.iter().all(|found| *found > 100), "{found:?}");
    }
}
