//! Every link of a Markdown page that stays within the tree leads somewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Finding, tree::File};

/// Checks the pages among `files`. A link may name a file, a folder, and a heading of a page.
pub fn check(files: &[File]) -> Vec<Finding> {
    let tree = Tree::new(files);
    let mut findings = Vec::new();
    for page in files.iter().filter(|file| file.is("md")) {
        for (line, link) in links(&page.text) {
            if let Some(what) = tree.fault(page, &link) {
                findings.push(Finding::new(
                    &page.path,
                    line,
                    what,
                    "correct the link, or write what it leads to",
                ));
            }
        }
    }
    findings
}

struct Tree<'a> {
    /// Headings of a page as anchors; empty for what is no page. Indexed by path.
    anchors_by_path: BTreeMap<&'a str, BTreeSet<String>>,
    folders: BTreeSet<String>,
}

impl<'a> Tree<'a> {
    fn new(files: &'a [File]) -> Self {
        let mut tree =
            Self { anchors_by_path: BTreeMap::new(), folders: BTreeSet::from([String::new()]) };
        for file in files {
            let anchors = if file.is("md") { anchors(&file.text) } else { BTreeSet::new() };
            tree.anchors_by_path.insert(&file.path, anchors);
            for (at, _) in file.path.match_indices('/') {
                tree.folders.insert(file.path[..at].to_owned());
            }
        }
        tree
    }

    fn fault(&self, page: &File, link: &str) -> Option<String> {
        if link.contains("://") || link.starts_with("mailto:") {
            return None;
        }
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() {
            page.path.clone()
        } else {
            match resolve(&page.path, path) {
                Some(target) => target,
                None => return Some(format!("the link `{link}` leaves the tree")),
            }
        };
        let Some(anchors) = self.anchors_by_path.get(target.as_str()) else {
            let is_folder = anchor.is_empty() && self.folders.contains(&target);
            return (!is_folder)
                .then(|| format!("the link `{link}` leads to `{target}`, which does not exist"));
        };
        let known = anchor.is_empty() || !target.ends_with(".md") || anchors.contains(anchor);
        (!known).then(|| format!("the link `{link}` names a heading that `{target}` does not have"))
    }
}

/// The path `link` names when it stands in `page`; `None` when it leads above the root.
fn resolve(page: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The targets of inline links and images, `](target)`, with their lines; code fences and code spans hold none.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code_spans(line);
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            // A title may follow the target: [text](target "title").
            let end = rest.find([')', ' ']).unwrap_or(rest.len());
            found.push((number, rest[..end].to_owned()));
        }
    }
    found
}

/// The lines outside of code fences, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        if is_fence {
            fenced = !fenced;
        }
        (!fenced && !is_fence).then_some((number + 1, line))
    })
}

fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The anchors that a page's headings have on the web: lower case, spaces as hyphens, punctuation gone.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let files = [
            file("README.md", "# First call, at once\n"),
            file("docs/a.md", page),
            file("docs/b/c.toml", ""),
        ];
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_link_to_a_file_a_folder_and_a_heading_passes() {
        let page = "# Here\n[r](../README.md) [c](b/c.toml) [b](b/) [h](#here) [f](../README.md#first-call-at-once \"t\")";
        assert_eq!(found(page), Vec::<String>::new());
    }

    #[test]
    fn a_link_to_nothing_is_found_with_its_line() {
        let findings = found("text\n[x](gone.md)");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with(
            "docs/a.md:2: the link `gone.md` leads to `docs/gone.md`, which does not exist;"
        ));
    }

    #[test]
    fn a_link_to_a_heading_that_is_gone_is_found() {
        assert!(found("[x](../README.md#second-call)")[0].contains("names a heading"));
    }

    #[test]
    fn a_link_out_of_the_tree_is_found() {
        assert!(found("[x](../../other/README.md)")[0].contains("leaves the tree"));
    }

    #[test]
    fn code_and_the_web_are_left_alone() {
        let page = "```\n[x](gone.md)\n```\n`[x](gone.md)` [w](https://example.org/gone.md) [m](mailto:a@example.org)";
        assert_eq!(found(page), Vec::<String>::new());
    }
}
