//! How long a file, a function and a test module may be.

use crate::{
    Finding,
    rust_source::{Line, find_word, lines},
    tree::File,
};

/// Lines of code in one file.
pub const FILE_LINES_MAX: usize = 600;
/// Lines of code in one function, its signature and closing brace included.
pub const FUNCTION_LINES_MAX: usize = 70;
/// Lines of code in a test module that stays beside what it tests.
pub const TEST_MODULE_LINES_MAX: usize = 200;
/// A function under a comment that begins so is a table, read row by row, and may be long.
const TABLE_MARK: &str = "table:";

/// Checks one Rust file.
pub fn check(file: &File) -> Vec<Finding> {
    let lines = lines(&file.text);
    let mut findings = Vec::new();
    let code = lines.iter().filter(|line| line.has_code()).count();
    if code > FILE_LINES_MAX {
        findings.push(Finding::new(
            &file.path,
            0,
            format!("{code} lines of code, at most {FILE_LINES_MAX}"),
            "find the second noun in it and give that its own file",
        ));
    }
    for function in blocks(&lines, "fn") {
        if function.code > FUNCTION_LINES_MAX && !is_table(&lines, function.first) {
            findings.push(Finding::new(
                &file.path,
                function.first + 1,
                format!("fn {} has {} lines, at most {FUNCTION_LINES_MAX}", function.name, function.code),
                "push its loops and branches down into helpers, or mark a table by a comment `// table:` above it",
            ));
        }
    }
    for module in blocks(&lines, "mod") {
        let tested = module.first > 0 && lines[module.first - 1].code.contains("cfg(test)");
        if tested && module.code > TEST_MODULE_LINES_MAX {
            findings.push(Finding::new(
                &file.path,
                module.first + 1,
                format!("{} lines of tests inside, at most {TEST_MODULE_LINES_MAX}", module.code),
                "move them to the sibling file <noun>_test.rs",
            ));
        }
    }
    findings
}

/// A braced item: where it begins (counted from 0), its name, and its lines of code.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    first: usize,
    name: String,
    code: usize,
}

/// Every item `<keyword> <name> ... { ... }`; declarations that end in a semicolon are passed over.
fn blocks(lines: &[Line], keyword: &str) -> Vec<Block> {
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let Some(at) = find_word(&line.code, keyword) else { continue };
        let name: String = line.code[at + keyword.len()..]
            .trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        // `fn(u8) -> u8` is a type, not an item.
        if name.is_empty() {
            continue;
        }
        if let Some(last) = closing_line(lines, first, at) {
            let code = lines[first..=last].iter().filter(|line| line.has_code()).count();
            found.push(Block { first, name, code });
        }
    }
    found
}

/// The line of the brace that closes the first one opened after (`first`, `at`); `None` when a semicolon comes first.
fn closing_line(lines: &[Line], first: usize, at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    // Array types and default values have semicolons and braces of their own inside brackets.
    let mut brackets = 0_usize;
    for (number, line) in lines.iter().enumerate().skip(first) {
        let from = if number == first { at } else { 0 };
        for c in line.code[from..].chars() {
            match c {
                '(' | '[' if depth == 0 => brackets += 1,
                ')' | ']' if depth == 0 => brackets = brackets.saturating_sub(1),
                ';' if depth == 0 && brackets == 0 => return None,
                '{' => depth += 1,
                '}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(number);
                    }
                }
                _ => {}
            }
        }
    }
    None
}

/// True when the comments and attributes right above line `first` hold the mark of a table.
fn is_table(lines: &[Line], first: usize) -> bool {
    lines[..first]
        .iter()
        .rev()
        .take_while(|line| {
            let code = line.code.trim();
            code.starts_with("#[") || (code.is_empty() && !line.comment.is_empty())
        })
        .any(|line| line.comment.trim_start().starts_with(TABLE_MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: String) -> Vec<String> {
        check(&File { path: "a.rs".into(), text }).iter().map(ToString::to_string).collect()
    }

    fn function(body_lines: usize) -> String {
        format!("fn long(\n    a: [u8; 4],\n) {{\n{}}}\n", "    a();\n".repeat(body_lines))
    }

    #[test]
    fn a_function_of_seventy_lines_passes_and_one_more_does_not() {
        assert_eq!(found(function(66)), Vec::<String>::new());
        let findings = found(function(67));
        assert_eq!(findings.len(), 1);
        assert!(
            findings[0].starts_with("a.rs:1: fn long has 71 lines, at most 70;"),
            "{findings:?}"
        );
    }

    #[test]
    fn comments_and_blank_lines_are_free() {
        assert_eq!(
            found(format!("fn f() {{\n{}}}\n", "    // why\n\n".repeat(400))),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_marked_table_may_be_long() {
        assert_eq!(
            found(format!("// table: one row a state\n#[rustfmt::skip]\n{}", function(90))),
            Vec::<String>::new()
        );
        assert_eq!(found(format!("// table: of something else\n\n{}", function(90))).len(), 1);
    }

    #[test]
    fn a_declaration_has_no_length() {
        assert_eq!(
            found(format!("trait T {{ fn f(&self); }}\nmod other;\n{}", "fn g() {}\n".repeat(100))),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_file_is_counted_whole() {
        let findings = found("const A: u8 = 1;\n".repeat(601));
        assert!(findings[0].starts_with("a.rs: 601 lines of code, at most 600;"), "{findings:?}");
    }

    #[test]
    fn tests_that_outgrow_their_file_are_sent_away() {
        let text =
            format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    const A: u8 = 1;\n".repeat(201));
        assert!(found(text)[0].starts_with("a.rs:2: 203 lines of tests inside"));
    }
}
