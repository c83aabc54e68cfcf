//! No file names a folder of the machine it was written on.

use crate::{Finding, tree::File};

/// First folders of the paths of development machines.
const FOLDERS: [&str; 3] = ["work", "farm", "root"];

/// What may stand before a slash inside a longer path, besides letters and digits.
const PART_OF_A_PATH: &str = "_$}.-*~/";

/// Checks one text file.
pub fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        if let Some(path) = machine_path(line) {
            findings.push(Finding::new(
                &file.path,
                number + 1,
                format!("names `{path}`, a folder of one machine"),
                "take the path from the environment, or make it relative to the tree",
            ));
        }
    }
    findings
}

/// The first `/<folder>/` in the line that begins a path: what stands before it is no part of a path or a variable.
fn machine_path(line: &str) -> Option<String> {
    FOLDERS.into_iter().find_map(|folder| {
        let path = format!("/{folder}/");
        let begins = line.match_indices(&path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || PART_OF_A_PATH.contains(c))
        });
        begins.then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(folder: &str, file: &str) -> String {
        format!("/{folder}/{file}")
    }

    #[test]
    fn an_absolute_path_of_a_machine_is_found() {
        for folder in FOLDERS {
            assert_eq!(machine_path(&path(folder, "main")), Some(format!("/{folder}/")));
            assert!(machine_path(&format!("see \"{}\"", path(folder, "main"))).is_some());
        }
    }

    #[test]
    fn a_part_of_a_longer_path_is_not() {
        assert_eq!(machine_path(&format!("a{}", path("work", "b"))), None);
        assert_eq!(machine_path(&format!("${{HOME}}{}", path("work", "b"))), None);
        assert_eq!(machine_path("/workshop/b"), None);
    }
}
