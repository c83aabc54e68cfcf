//! Rust text with its strings and comments told apart, so that a rule about code never trips over a word in a string.

/// One line of a source file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The code; string and character literals are blanked, comments are gone.
    pub code: String,
    /// The text of the comments on this line.
    pub comment: String,
}

impl Line {
    /// True when there is code on the line.
    pub fn has_code(&self) -> bool {
        !self.code.trim().is_empty()
    }
}

#[derive(Clone, Copy)]
enum Inside {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text,
    RawText { hashes: usize },
}

/// Splits Rust source into lines of code and comment.
pub fn lines(source: &str) -> Vec<Line> {
    let mut scanner = Scanner {
        rest: source.chars().collect(),
        at: 0,
        inside: Inside::Code,
        lines: vec![Line::default()],
    };
    while scanner.at < scanner.rest.len() {
        scanner.step();
    }
    scanner.lines
}

struct Scanner {
    rest: Vec<char>,
    at: usize,
    inside: Inside,
    lines: Vec<Line>,
}

impl Scanner {
    fn step(&mut self) {
        if self.rest[self.at] == '\n' {
            if matches!(self.inside, Inside::LineComment) {
                self.inside = Inside::Code;
            }
            self.lines.push(Line::default());
            self.at += 1;
            return;
        }
        match self.inside {
            Inside::Code => self.code(),
            Inside::LineComment => self.comment_char(),
            Inside::BlockComment { depth } => self.block_comment(depth),
            Inside::Text => self.text(),
            Inside::RawText { hashes } => self.raw_text(hashes),
        }
    }

    fn code(&mut self) {
        if self.sees("//") {
            self.inside = Inside::LineComment;
            self.at += 2;
        } else if self.sees("/*") {
            self.inside = Inside::BlockComment { depth: 1 };
            self.at += 2;
        } else if let Some(hashes) = self.raw_text_begins() {
            self.inside = Inside::RawText { hashes };
        } else if self.sees("\"") {
            self.inside = Inside::Text;
            self.at += 1;
            self.push_code('"');
        } else if let Some(length) = self.character_literal() {
            self.at += length;
            self.push_code('\'');
        } else {
            let c = self.rest[self.at];
            self.at += 1;
            self.push_code(c);
        }
    }

    fn block_comment(&mut self, depth: usize) {
        if self.sees("/*") {
            self.inside = Inside::BlockComment { depth: depth + 1 };
            self.at += 2;
        } else if self.sees("*/") {
            self.inside =
                if depth == 1 { Inside::Code } else { Inside::BlockComment { depth: depth - 1 } };
            self.at += 2;
        } else {
            self.comment_char();
        }
    }

    fn text(&mut self) {
        match self.rest[self.at] {
            // A backslash before the end of a line joins the lines; the end of line itself is counted by `step`.
            '\\' if self.rest.get(self.at + 1).is_some_and(|next| *next != '\n') => self.at += 2,
            '"' => {
                self.inside = Inside::Code;
                self.at += 1;
                self.push_code('"');
            }
            _ => self.at += 1,
        }
    }

    fn raw_text(&mut self, hashes: usize) {
        let closes = self.rest[self.at] == '"'
            && self.rest[self.at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
        self.at += 1;
        if closes {
            self.at += hashes;
            self.inside = Inside::Code;
            self.push_code('"');
        }
    }

    /// The number of hashes when a raw string begins here; the opening has then been passed.
    fn raw_text_begins(&mut self) -> Option<usize> {
        let begins_a_word = self.at == 0 || !is_word(self.rest[self.at - 1]);
        if !begins_a_word {
            return None;
        }
        let prefix = ["br", "cr", "r"].into_iter().find(|prefix| self.sees(prefix))?;
        let after = self.at + prefix.len();
        let hashes = self.rest[after..].iter().take_while(|c| **c == '#').count();
        if self.rest.get(after + hashes) != Some(&'"') {
            return None;
        }
        self.at = after + hashes + 1;
        self.push_code('"');
        Some(hashes)
    }

    /// The length of a character literal that begins here, told from a lifetime by its closing quote.
    fn character_literal(&self) -> Option<usize> {
        if self.rest[self.at] != '\'' {
            return None;
        }
        if self.rest.get(self.at + 1) == Some(&'\\') {
            let tail = self.rest.get(self.at + 3..)?.iter().take(12).position(|c| *c == '\'')?;
            return Some(tail + 4);
        }
        (self.rest.get(self.at + 2) == Some(&'\'')).then_some(3)
    }

    fn sees(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.rest.get(self.at + i) == Some(&c))
    }

    fn push_code(&mut self, c: char) {
        if let Some(line) = self.lines.last_mut() {
            line.code.push(c);
        }
    }

    fn comment_char(&mut self) {
        let c = self.rest[self.at];
        self.at += 1;
        if let Some(line) = self.lines.last_mut() {
            line.comment.push(c);
        }
    }
}

/// True for a character of an identifier.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands in `text` with no identifier character on either side of it.
pub fn find_word(text: &str, word: &str) -> Option<usize> {
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> Vec<String> {
        lines(source).into_iter().map(|line| line.code).collect()
    }

    #[test]
    fn strings_are_blanked_and_comments_are_set_apart() {
        let split = lines("let a = \"todo!() // no\"; // yes\n/* x\ny */ b();");
        assert_eq!(split[0], Line { code: "let a = \"\"; ".into(), comment: " yes".into() });
        assert_eq!(split[1], Line { code: String::new(), comment: " x".into() });
        assert_eq!(split[2], Line { code: " b();".into(), comment: "y ".into() });
    }

    #[test]
    fn raw_strings_end_at_their_own_number_of_hashes() {
        assert_eq!(code("f(r#\"a \" // b\"#); g(br\"x\");"), ["f(\"\"); g(\"\");"]);
        assert_eq!(code("for\"x\""), ["for\"\""]);
    }

    #[test]
    fn a_quote_character_opens_no_string_and_a_lifetime_is_no_character() {
        assert_eq!(code("'\"' x"), ["' x"]);
        assert_eq!(code("'\\'' y '\\u{1F4DE}' z"), ["' y ' z"]);
        assert_eq!(code("fn f<'a>(x: &'a str)"), ["fn f<'a>(x: &'a str)"]);
    }

    #[test]
    fn block_comments_nest() {
        assert_eq!(code("/* a /* b */ c */ d"), [" d"]);
    }

    #[test]
    fn a_string_that_spans_lines_keeps_the_line_count() {
        assert_eq!(code("a(\"one\\\n two\n three\");\nb();").len(), 4);
    }

    #[test]
    fn a_word_is_found_only_whole() {
        assert_eq!(find_word("my_fn fn x", "fn"), Some(6));
        assert_eq!(find_word("fnord", "fn"), None);
    }
}
