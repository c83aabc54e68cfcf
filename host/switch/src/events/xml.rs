//! Text in XML documents.

use std::fmt;

/// Text as it may stand in an attribute or an element: what XML reserves is escaped, and control characters, which XML 1.0 has no
/// place for, are spaces.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let needs = |c: char| c.is_control() || matches!(c, '&' | '<' | '>' | '"' | '\'');
        while let Some(at) = rest.find(needs) {
            let (plain, from) = rest.split_at(at);
            f.write_str(plain)?;
            let mut chars = from.chars();
            f.write_str(match chars.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                Some('\'') => "&apos;",
                Some(_) | None => " ",
            })?;
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}
