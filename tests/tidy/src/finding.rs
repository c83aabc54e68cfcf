//! What a rule found.

use std::{fmt, fmt::Write as _};

/// One breach of a rule: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the root of the tree.
    pub file: String,
    /// Counted from 1; 0 when the finding is about the whole file.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

impl Finding {
    /// A finding at one line, counted from 1.
    pub fn new(file: &str, line: usize, what: impl Into<String>, remedy: &'static str) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), remedy }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}

/// All findings as a test's failure message, one a line, or nothing when there are none.
pub fn report(findings: &[Finding]) -> Option<String> {
    if findings.is_empty() {
        return None;
    }
    let mut text = format!("{} finding(s):\n", findings.len());
    for finding in findings {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {finding}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_place_then_fault_then_remedy() {
        let finding = Finding::new("host/sip/src/via.rs", 12, "`dbg!` left behind", "remove it");
        assert_eq!(finding.to_string(), "host/sip/src/via.rs:12: `dbg!` left behind; remove it");
        assert_eq!(report(&[]), None);
        assert!(report(&[finding]).is_some_and(|text| text.starts_with("1 finding(s):")));
    }
}
