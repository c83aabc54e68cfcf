//! The script of the demo, before and after it is edited.

use std::{fs, io, path::Path};

/// A version of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Version {
    /// The line that 500 rings.
    pub(super) const fn line(self) -> &'static str {
        match self {
            Self::One => "2000",
            Self::Two => "2001",
        }
    }

    /// The script.
    pub(super) fn text(self) -> String {
        let number = match self {
            Self::One => 1,
            Self::Two => 2,
        };
        let line = self.line();
        format!(
            r#"fn route(call) {{
    if call.callee.user == "500" {{
        return plan([aor("{line}@" + call.callee.host)])
            .because("version-{number}", "version {number}: 500 rings line {line}");
    }}
    pass()
}}
"#
        )
    }
}

/// Saves a version as editors do: beside the file first, then over it.
pub(super) fn save(path: &Path, version: Version) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, version.text())?;
    fs::rename(draft, path)
}
