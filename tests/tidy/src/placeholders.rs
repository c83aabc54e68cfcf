//! What may not be left behind: unfinished code, debugging prints, notes to oneself, tests that are switched off.

use crate::{
    Finding,
    rust_source::{find_word, lines},
    tree::File,
};

/// Code that says "later", with what to do instead.
const IN_CODE: [(&str, &str); 5] = [
    ("todo!", "write it, or take the item away"),
    ("unimplemented!", "write it, or take the item away"),
    ("dbg!", "remove it, or log a field through `tracing`"),
    ("#[ignore", "make the test pass, or delete it"),
    ("cfg(disabled", "make it work, or delete it"),
];

/// Words that mark a note to oneself; split so that this file does not hold them.
const NOTES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

const NOTE_REMEDY: &str =
    "do it now, or open an issue and say in the comment why the code is as it is";

/// Checks one file: Rust by its code and comments, everything else by its words.
pub fn check(file: &File) -> Vec<Finding> {
    if file.is("rs") { rust(file) } else { words(file) }
}

fn rust(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in lines(&file.text).iter().enumerate() {
        for (pattern, remedy) in IN_CODE {
            if line.code.contains(pattern) {
                findings.push(Finding::new(
                    &file.path,
                    number + 1,
                    format!("`{pattern}` left behind"),
                    remedy,
                ));
            }
        }
        for note in NOTES {
            if find_word(&line.comment, note).is_some() {
                findings.push(Finding::new(
                    &file.path,
                    number + 1,
                    format!("a comment says {note}"),
                    NOTE_REMEDY,
                ));
            }
        }
    }
    findings
}

fn words(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for note in NOTES {
            if find_word(line, note).is_some() {
                findings.push(Finding::new(
                    &file.path,
                    number + 1,
                    format!("the text says {note}"),
                    NOTE_REMEDY,
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&File { path: path.into(), text: text.into() })
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn unfinished_code_is_found_where_it_stands() {
        let text =
            "fn f() {\n    todo!()\n}\n#[ignore]\n#[test]\nfn g() { dbg!(1); unimplemented!() }\n";
        let findings = found("a.rs", text);
        assert_eq!(findings.len(), 4, "{findings:?}");
        assert!(findings[0].starts_with("a.rs:2: `todo!` left behind;"));
        assert!(findings[1].starts_with("a.rs:4: `#[ignore` left behind;"));
    }

    #[test]
    fn a_note_in_a_comment_is_found_and_one_in_a_string_is_data() {
        assert_eq!(found("a.rs", &format!("// {}: later\n", NOTES[0])).len(), 1);
        assert_eq!(found("a.rs", &format!("let a = \"{}\";\n", NOTES[0])).len(), 0);
    }

    #[test]
    fn a_note_in_a_script_or_a_page_is_found() {
        assert_eq!(found("run", &format!("# {}\n", NOTES[1])).len(), 1);
        assert_eq!(found("a.md", "todos are elsewhere\n"), Vec::<String>::new());
    }
}
