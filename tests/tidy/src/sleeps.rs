//! No test waits for time to pass: below `tests/interop` the clock is the world's, and there a condition is awaited.

use crate::{
    Finding,
    rust_source::{Line, lines},
    tree::File,
};

/// Calls that let time pass.
const CALLS: [&str; 2] = ["thread::sleep(", "time::sleep("];

/// The comment on the line, or the one above it, that names the condition a polling loop looks for.
const POLLS: &str = "polls:";

/// Checks one Rust file: all of it when it is a test, else what stands below `#[cfg(test)]`.
pub fn check(file: &File) -> Vec<Finding> {
    let lines = lines(&file.text);
    let from = if file.is_test() {
        0
    } else {
        lines.iter().position(|line| line.code.contains("cfg(test)")).unwrap_or(lines.len())
    };
    let mut findings = Vec::new();
    for number in from..lines.len() {
        if CALLS.iter().any(|call| lines[number].code.contains(call))
            && !names_a_condition(&lines, number)
        {
            findings.push(Finding::new(
                &file.path,
                number + 1,
                "a test sleeps",
                "wait for a condition with a deadline; a polling loop names it in a comment `// polls: ...`",
            ));
        }
    }
    findings
}

fn names_a_condition(lines: &[Line], number: usize) -> bool {
    lines[number.saturating_sub(1)..=number].iter().any(|line| line.comment.contains(POLLS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&File { path: path.into(), text: text.into() }).len()
    }

    #[test]
    fn a_test_that_sleeps_is_found_by_folder_by_name_and_by_attribute() {
        let sleep = "fn f() { std::thread::sleep(SECOND); }\n";
        assert_eq!(found("host/sip/tests/a.rs", sleep), 1);
        assert_eq!(found("host/sip/src/a_test.rs", sleep), 1);
        assert_eq!(
            found("host/sip/src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{sleep}}}\n")),
            1
        );
        assert_eq!(found("host/node/src/a.rs", sleep), 0);
    }

    #[test]
    fn a_polling_loop_that_names_its_condition_may_pause() {
        assert_eq!(
            found(
                "tests/interop/src/wait.rs",
                "// polls: the phone is registered\ntokio::time::sleep(p);\n"
            ),
            0
        );
    }
}
