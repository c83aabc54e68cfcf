use std::fmt;

/// Why a version was refused: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The plugin's id, or what is known of it.
    pub plugin: String,
    /// The file, as the source named it.
    pub file: String,
    /// Counted from 1; `None` where the trouble has no place in the text.
    pub line: Option<u32>,
    /// Counted from 1, in characters.
    pub column: Option<u32>,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub help: String,
}

impl Diagnostic {
    pub(crate) fn new(
        file: impl Into<String>,
        reason: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            plugin: String::new(),
            file: file.into(),
            line: None,
            column: None,
            reason: reason.into(),
            help: help.into(),
        }
    }

    pub(crate) fn of(mut self, plugin: &str) -> Self {
        self.plugin = plugin.to_owned();
        self
    }

    /// Places it at a line and column, counted from 1; 0 means unknown.
    pub(crate) fn at(mut self, line: usize, column: usize) -> Self {
        let place = |n: usize| u32::try_from(n).ok().filter(|n| *n > 0);
        self.line = place(line);
        self.column = place(column);
        self
    }

    /// Places it at a byte of `text`.
    pub(crate) fn at_offset(self, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).map_or(0, |rest| rest.chars().count());
        self.at(before.matches('\n').count() + 1, column + 1)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        write!(f, ": {}", self.reason)?;
        if !self.help.is_empty() {
            write!(f, " (help: {})", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_becomes_a_line_and_a_column() {
        let diagnostic = Diagnostic::new("a.toml", "wrong", "").at_offset("one\ntwö x", 9);
        assert_eq!(diagnostic.to_string(), "a.toml:2:5: wrong");
    }

    #[test]
    fn an_unknown_place_is_left_out() {
        let diagnostic = Diagnostic::new("a.wasm", "wrong", "build it again").at(0, 0);
        assert_eq!(diagnostic.to_string(), "a.wasm: wrong (help: build it again)");
    }
}
