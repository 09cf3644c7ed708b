//! The changed files of a diff, from git's raw and numeric formats. Pure.
use std::collections::BTreeMap;

use gix::bstr::ByteSlice as _;

/// How a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Copied,
    Deleted,
    Modified,
    Renamed,
    /// A file became a link, or the like.
    TypeChanged,
    Unmerged,
    /// Git does not track it.
    Untracked,
}

impl Change {
    fn of(letter: u8) -> Option<Self> {
        Some(match letter {
            b'A' => Self::Added,
            b'C' => Self::Copied,
            b'D' => Self::Deleted,
            b'M' => Self::Modified,
            b'R' => Self::Renamed,
            b'T' => Self::TypeChanged,
            b'U' => Self::Unmerged,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Copied => "copied",
            Self::Deleted => "deleted",
            Self::Modified => "modified",
            Self::Renamed => "renamed",
            Self::TypeChanged => "type-changed",
            Self::Unmerged => "unmerged",
            Self::Untracked => "untracked",
        }
    }
}

/// One changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    pub path: String,
    /// Its earlier path, if it was renamed or copied.
    pub from: Option<String>,
    pub change: Change,
    /// Added and deleted lines; `None` for a binary file.
    pub lines: Option<(u64, u64)>,
    pub is_submodule: bool,
}

impl FileChange {
    pub fn is_binary(&self) -> bool {
        self.lines.is_none() && self.change != Change::Unmerged
    }
}

/// The sum of a diff.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    pub files: usize,
    pub added: u64,
    pub deleted: u64,
}

impl Total {
    pub fn of(files: &[FileChange]) -> Self {
        let lines = files.iter().filter_map(|it| it.lines);
        let (added, deleted) = lines.fold((0, 0), |(a, d), (more, less)| (a + more, d + less));
        Self { files: files.len(), added, deleted }
    }
}

/// The output of `git diff --raw --numstat -z`. `untracked` are the added files that git does not
/// track.
pub(super) fn parse(text: &[u8], untracked: &[String]) -> Vec<FileChange> {
    let mut found: Vec<FileChange> = Vec::new();
    let mut lines: BTreeMap<String, Option<(u64, u64)>> = BTreeMap::new();
    let mut parts = text.split_str("\0").filter(|it| !it.is_empty());
    let mut next = || parts.next().map(|it| it.to_str_lossy().into_owned());
    while let Some(head) = next() {
        if let Some(raw) = head.strip_prefix(':') {
            let words: Vec<&str> = raw.split(' ').collect();
            let [old, new, _, _, status] = words[..] else { continue };
            let Some(change) = status.bytes().next().and_then(Change::of) else { continue };
            let has_two = matches!(change, Change::Renamed | Change::Copied);
            let from = if has_two { next() } else { None };
            let Some(path) = next() else { break };
            let is_submodule = old == "160000" || new == "160000";
            found.push(FileChange { path, from, change, lines: None, is_submodule });
            continue;
        }
        let mut words = head.splitn(3, '\t');
        let (Some(added), Some(deleted), Some(path)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let counts = added.parse().ok().zip(deleted.parse().ok());
        let path = if path.is_empty() {
            next();
            next()
        } else {
            Some(path.to_owned())
        };
        lines.extend(path.map(|it| (it, counts)));
    }
    for it in &mut found {
        it.lines = lines.get(&it.path).copied().flatten();
        if it.change == Change::Added && untracked.contains(&it.path) {
            it.change = Change::Untracked;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_and_numeric_lines_are_put_together() {
        let parts: [&str; 16] = [
            ":100644 100644 1 2 M",
            "a b",
            ":100644 100644 1 2 R090",
            "old",
            "new",
            ":000000 100644 0 2 A",
            "note",
            ":160000 160000 1 2 M",
            "lib",
            ":100644 100644 1 2 M",
            "logo.png",
            "3\t1\ta b",
            "2\t0\t",
            "old",
            "new",
            "7\t0\tnote",
        ];
        let text = [&parts[..], &["1\t1\tlib", "-\t-\tlogo.png", ""]].concat().join("\0");
        let found = parse(text.as_bytes(), &["note".to_owned()]);
        let shown: Vec<_> = found
            .iter()
            .map(|it| (it.path.as_str(), it.change.name(), it.lines, it.is_submodule))
            .collect();
        assert_eq!(
            shown,
            [
                ("a b", "modified", Some((3, 1)), false),
                ("new", "renamed", Some((2, 0)), false),
                ("note", "untracked", Some((7, 0)), false),
                ("lib", "modified", Some((1, 1)), true),
                ("logo.png", "modified", None, false),
            ]
        );
        assert_eq!(found[1].from.as_deref(), Some("old"));
        assert_eq!(Total::of(&found), Total { files: 5, added: 13, deleted: 2 });
        assert_eq!(parse(b"", &[]), []);
    }
}
