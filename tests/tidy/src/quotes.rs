//! Sentences of an RFC stand above the code that obeys them and again above the test that proves it.
//!
//! `//= RFC 3261 section 17.1.1.2` names the place and the `//#` lines below it quote; above a test the first line ends
//! in ` type=test`. Words further down belong to the place named last.

use crate::{Finding, tree::File};

const PLACE: &str = "//=";
const WORDS: &str = "//#";
const TEST: &str = " type=test";

/// One quotation.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Quote {
    line: usize,
    /// `RFC n section m`.
    place: String,
    is_test: bool,
    /// The sentence, with single spaces.
    words: String,
}

/// Checks the form of every quotation, and that the section a test proves is quoted by code as well.
pub fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut quotes: Vec<(&File, Quote)> = Vec::new();
    for file in files {
        let (found, faults) = read(file);
        findings.extend(faults);
        quotes.extend(found.into_iter().map(|quote| (file, quote)));
    }
    for (file, test) in quotes.iter().filter(|(_, quote)| quote.is_test) {
        let obeyed = quotes.iter().any(|(_, code)| !code.is_test && code.place == test.place);
        if !obeyed {
            let what = format!("a test quotes {} and no code does", test.place);
            findings.push(Finding::new(
                &file.path,
                test.line,
                what,
                "quote what the code obeys of it",
            ));
        }
    }
    findings
}

fn read(file: &File) -> (Vec<Quote>, Vec<Finding>) {
    let mut quotes: Vec<Quote> = Vec::new();
    let mut findings = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if let Some(place) = line.strip_prefix(PLACE) {
            let (place, is_test) =
                place.strip_suffix(TEST).map_or((place, false), |place| (place, true));
            let place = place.trim().to_owned();
            if !is_place(&place) {
                let remedy = "write `//= RFC <number> section <number>`, above a test with ` type=test` behind it";
                findings.push(Finding::new(
                    &file.path,
                    number + 1,
                    format!("`{place}` names no section of an RFC"),
                    remedy,
                ));
            }
            quotes.push(Quote { line: number + 1, place, is_test, words: String::new() });
        } else if let Some(words) = line.strip_prefix(WORDS) {
            match quotes.last_mut() {
                Some(quote) => {
                    quote.words = format!("{} {}", quote.words, words.trim()).trim().to_owned()
                }
                None => findings.push(Finding::new(
                    &file.path,
                    number + 1,
                    "a quotation without its place",
                    "write `//= RFC ...` above it",
                )),
            }
        }
    }
    for quote in quotes.iter().filter(|quote| quote.words.is_empty()) {
        let what = format!("{} is named and not quoted", quote.place);
        findings.push(Finding::new(
            &file.path,
            quote.line,
            what,
            "quote the sentence below it, in lines that begin with `//#`",
        ));
    }
    (quotes, findings)
}

fn is_place(place: &str) -> bool {
    let mut words = place.split(' ');
    let number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    words.next() == Some("RFC")
        && words.next().is_some_and(number)
        && words.next() == Some("section")
        && words.next().is_some_and(|section| {
            section
                .split('.')
                .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()))
        })
        && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str, test: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        check(&[file("a.rs", code), file("a_test.rs", test)])
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_sentence_above_code_and_test_passes() {
        let code =
            "    //= RFC 3261 section 14.1\n    //# It MUST be so.\n    //# And so.\n    f();";
        let test = "//= RFC 3261 section 14.1 type=test\n//# It MUST be so.\n#[test]";
        assert_eq!(found(code, test), Vec::<String>::new());
    }

    #[test]
    fn a_test_of_a_sentence_no_code_quotes_is_found() {
        let test = "//= RFC 3261 section 14.1 type=test\n//# It MUST be so.\n#[test]";
        assert!(
            found("", test)[0]
                .starts_with("a_test.rs:1: a test quotes RFC 3261 section 14.1 and no code does;")
        );
    }

    #[test]
    fn a_quotation_without_words_place_or_number_is_found() {
        assert!(found("//= RFC 3261 section 1\nf();", "")[0].contains("is named and not quoted"));
        assert!(found("//# words\n", "")[0].contains("without its place"));
        assert!(found("//= rfc3261\n//# words\n", "")[0].contains("names no section"));
    }
}
