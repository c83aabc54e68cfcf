//! The one form of a tar archive that a bundle has (POSIX.1-1988 `ustar`): plain files in the order of their names, nobody's, of no
//! time. What is written otherwise is refused, so there are no links, no folders, no two readings of one header, and nothing to unpack
//! that is larger than the file.

use std::collections::BTreeMap;

use crate::{BundleError, BundleLimits};

/// The files of a bundle by their names: parts of letters, digits, `.`, `-` and `_`, with `/` between them.
pub type Files = BTreeMap<String, Vec<u8>>;

const BLOCK: usize = 512;
/// Bytes of a name: what a header has room for.
const NAME_MAX: usize = 100;
const HELP: &str = "make it with `jackfield plugin pack FOLDER`";

/// The archive of these files.
///
/// # Errors
///
/// When a name is none that a bundle may have.
pub fn pack(files: &Files) -> Result<Vec<u8>, BundleError> {
    let mut archive = Vec::new();
    for (name, content) in files {
        check_name(name)?;
        archive.extend_from_slice(&header(name, content.len()));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    Ok(archive)
}

/// The files of an archive, and how long the archive is.
pub(crate) fn unpack(bytes: &[u8], limits: &BundleLimits) -> Result<(Files, usize), BundleError> {
    if [&b"\x1f\x8b"[..], b"PK", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"]
        .iter()
        .any(|magic| bytes.starts_with(magic))
    {
        return Err(BundleError::new("compressed; a bundle is not", HELP));
    }
    let mut files = Files::new();
    let mut at = 0;
    loop {
        let block = bytes.get(at..at + BLOCK).ok_or_else(cut_short)?;
        if block.iter().all(|byte| *byte == 0) {
            return end(bytes, at).map(|end| (files, end));
        }
        let (name, length) = read_header(block, at)?;
        if files.len() >= limits.files_max {
            let what = format!("more than {} files", limits.files_max);
            return Err(BundleError::new(what, "pack fewer, or raise plugins.bundle_files_max"));
        }
        if length as u64 > limits.bytes_max {
            let what = format!("`{name}` is larger than {} bytes", limits.bytes_max);
            return Err(BundleError::new(what, "make it smaller, or raise plugins.bundle_mib_max"));
        }
        if files.last_key_value().is_some_and(|(last, _)| *last >= name) {
            let what = format!("`{name}` is there twice, or out of order");
            return Err(BundleError::new(what, HELP));
        }
        let begin = at + BLOCK;
        let content = bytes.get(begin..begin + length).ok_or_else(cut_short)?;
        at = (begin + length).next_multiple_of(BLOCK);
        let padding = bytes.get(begin + length..at).ok_or_else(cut_short)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(BundleError::new(format!("something is hidden behind `{name}`"), HELP));
        }
        files.insert(name, content.to_vec());
    }
}

fn end(bytes: &[u8], at: usize) -> Result<usize, BundleError> {
    let end = at + 2 * BLOCK;
    match bytes.get(at..end) {
        Some(blocks) if blocks.iter().all(|byte| *byte == 0) => Ok(end),
        Some(_) | None => Err(cut_short()),
    }
}

/// The name and length of the file that a header begins.
fn read_header(block: &[u8], at: usize) -> Result<(String, usize), BundleError> {
    if block[257..262] != *b"ustar" {
        let what = if at == 0 { "no bundle".to_owned() } else { format!("damaged at byte {at}") };
        return Err(BundleError::new(what, HELP));
    }
    let name_bytes = block[..NAME_MAX].split(|byte| *byte == 0).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name_bytes).into_owned();
    let what = match block[156] {
        b'0' => None,
        b'1' | b'2' => Some("a link"),
        b'3' | b'4' | b'6' => Some("a device"),
        b'5' => Some("a folder"),
        _ => Some("of a kind that no bundle has"),
    };
    if let Some(what) = what {
        let what = format!("`{}` is {what}; a bundle has plain files only", name.escape_debug());
        return Err(BundleError::new(what, HELP));
    }
    check_name(&name)?;
    let digits = std::str::from_utf8(&block[124..135]).unwrap_or_default();
    let length = usize::from_str_radix(digits, 8).unwrap_or(usize::MAX);
    // Whatever else a header can say, such as another length, is said in one way or not at all.
    if length > 0o777_7777_7777 || block != header(&name, length) {
        let what = format!("the header of `{name}` is not as `plugin pack` writes it");
        return Err(BundleError::new(what, HELP));
    }
    Ok((name, length))
}

fn cut_short() -> BundleError {
    BundleError::new("cut short", "copy it again")
}

/// Names that cannot lead anywhere else, on any machine.
pub(crate) fn check_name(name: &str) -> Result<(), BundleError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_part =
        |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(plain);
    if !name.is_empty() && name.len() <= NAME_MAX && name.split('/').all(is_part) {
        return Ok(());
    }
    let what = format!("`{}` is no name of a file in a bundle", name.escape_debug());
    let help =
        "names are letters, digits, dots, hyphens and underscores, / between them, 100 in all";
    Err(BundleError::new(what, help))
}

fn header(name: &str, length: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &str| {
        block[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{length:011o}\0"));
    put(136, "00000000000\0");
    // The checksum counts its own field as blanks.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\u{0}00");
    put(329, "0000000\0");
    put(337, "0000000\0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let text = format!("{sum:06o}\0 ");
    block[148..156].copy_from_slice(text.as_bytes());
    block
}

#[cfg(test)]
#[path = "archive_test.rs"]
mod tests;
