//! Finds the uncommitted files of one worktree, and its unfinished operations.
//!
//! Asks `git status`, and overrides every setting that would hide work from it.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use gix::bstr::ByteSlice as _;

use super::facts::Files;
use crate::git::{
    Error, Run,
    at::{At, Said, said},
    index::Index,
    scratch,
};

const DIR: &str = ".wtmag";

/// Compares commit, index and files. `inner` are the repositories inside, which are checked
/// separately.
pub(in crate::git) async fn look(
    at: &At,
    inner: &[PathBuf],
    run: &Run<'_>,
) -> Result<Result<Files, String>, Error> {
    let Some(top) = at.work_tree.clone() else { return Ok(Ok(Files::default())) };
    let index = match seeing_index(at, &top, run).await? {
        Ok(index) => index,
        Err(why) => return Ok(Err(why)),
    };
    // Directories as one entry, unless they contain a repository.
    let untracked = if inner.is_empty() { "normal" } else { "all" };
    let mut cmd = at.cmd().args([
        "status",
        "--porcelain=v2",
        "-z",
        "--no-renames",
        "--ignored=matching",
        // Their files are checked separately.
        "--ignore-submodules=dirty",
        &format!("--untracked-files={untracked}"),
    ]);
    if let Some(index) = &index {
        cmd = cmd.env("GIT_INDEX_FILE", &index.path);
    }
    let text = match said(cmd, run).await? {
        Ok(text) => text,
        Err(why) => return Ok(Err(why)),
    };
    let inner: BTreeSet<String> = inner
        .iter()
        .filter_map(|it| it.strip_prefix(&top).ok())
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    let mut files = parse(&text, &inner);
    files.untracked.extend(notes_of_agents(&top));
    Ok(Ok(files))
}

/// The lines of `git status --porcelain=v2 -z`.
fn parse(text: &[u8], inner: &BTreeSet<String>) -> Files {
    let mut files = Files::default();
    let mut entries = text.split_str("\0");
    while let Some(entry) = entries.next() {
        let entry = entry.to_str_lossy();
        let Some((kind, rest)) = entry.split_once(' ') else { continue };
        let path_after = |n: usize| rest.splitn(n + 1, ' ').nth(n).unwrap_or(rest).to_owned();
        let is_own = |path: &str| path.trim_end_matches('/') == DIR || path.starts_with(".wtmag/");
        let is_inner = |path: &str| inner.contains(path.trim_end_matches('/'));
        match kind {
            "1" => files.changed.push(path_after(7)),
            "2" => {
                files.changed.push(path_after(8));
                entries.next();
            }
            "u" => files.changed.push(path_after(9)),
            "?" if !is_own(rest) && !is_inner(rest) => {
                files.untracked.push(rest.trim_end_matches('/').to_owned());
            }
            "!" if !is_own(rest) && !rest.ends_with('/') => files.ignored.push(rest.to_owned()),
            _ => {}
        }
    }
    let is_own = |path: &String| path == DIR || path.starts_with(".wtmag/");
    files.changed.retain(|it| !is_own(it));
    // Shallow paths first: those are the ones that a user knows.
    files.ignored.sort_by_key(|it| (it.matches('/').count(), it.clone()));
    files
}

/// Files that git skips, as a list for `git update-index -z --stdin`.
#[derive(Default)]
pub(in crate::git) struct Hidden {
    assumed: Vec<u8>,
    skipped: Vec<u8>,
}

/// A copy of the index without the flags by which files are skipped, if any file has them.
pub(super) async fn seeing_index(
    at: &At,
    top: &Path,
    run: &Run<'_>,
) -> Result<Result<Option<Index>, String>, Error> {
    match hidden(at, top, run).await? {
        Ok(it) if it.assumed.is_empty() && it.skipped.is_empty() => Ok(Ok(None)),
        Ok(hidden) => Ok(unhide(at, hidden, run).await?.map(Some)),
        Err(why) => Ok(Err(why)),
    }
}

/// Work hides behind `--assume-unchanged`, and behind `--skip-worktree` if the file exists anyway.
pub(in crate::git) async fn hidden(
    at: &At,
    top: &Path,
    run: &Run<'_>,
) -> Result<Result<Hidden, String>, Error> {
    let listed: Said = at.ask(["ls-files", "-v", "-z"], run).await?;
    let text = match listed {
        Ok(text) => text,
        Err(why) => return Ok(Err(why)),
    };
    let Hidden { mut assumed, mut skipped } = Hidden::default();
    for entry in text.split_str("\0") {
        let Some((mark, path)) = entry.split_first_chunk::<2>() else { continue };
        let is_assumed = mark.first().is_some_and(u8::is_ascii_lowercase);
        let is_skipped = mark.eq_ignore_ascii_case(b"s ");
        let is_there = || {
            let path = path.to_path().ok();
            path.is_some_and(|it| top.join(it).symlink_metadata().is_ok())
        };
        if is_assumed {
            assumed.extend_from_slice(path);
            assumed.push(0);
        }
        if is_skipped && is_there() {
            skipped.extend_from_slice(path);
            skipped.push(0);
        }
    }
    Ok(Ok(Hidden { assumed, skipped }))
}

/// A copy of the index in which these files are not skipped.
pub(in crate::git) async fn unhide(
    at: &At,
    hidden: Hidden,
    run: &Run<'_>,
) -> Result<Result<Index, String>, Error> {
    let index = Index::copy(at)?;
    let flags = [("--no-assume-unchanged", hidden.assumed), ("--no-skip-worktree", hidden.skipped)];
    for (flag, paths) in flags {
        if paths.is_empty() {
            continue;
        }
        let cmd = at.cmd().args(["update-index", flag, "-z", "--stdin"]);
        let cmd = cmd.env("GIT_INDEX_FILE", &index.path).stdin(paths);
        if let Err(why) = said(cmd, run).await? {
            return Ok(Err(why));
        }
    }
    Ok(Ok(index))
}

/// Files in `.wtmag/` that wtmag did not put there.
fn notes_of_agents(top: &Path) -> Vec<String> {
    let dir = top.join(DIR);
    if dir.symlink_metadata().is_ok_and(|it| !it.is_dir()) {
        return vec![DIR.to_owned()];
    }
    // Missing, as in a repository without a worker.
    let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
    let names = entries.map(|it| it.file_name().to_string_lossy().into_owned());
    let mut notes: Vec<String> =
        names.filter(|it| !scratch::is_own(it)).map(|it| format!("{DIR}/{it}")).collect();
    notes.sort();
    notes
}

/// An unfinished merge, rebase or similar operation, judged by git's state files.
pub(in crate::git) fn operation(git_dir: &Path) -> Option<&'static str> {
    const SIGNS: [(&str, &str); 8] = [
        ("rebase-merge", "rebase"),
        ("rebase-apply/applying", "`git am`"),
        ("rebase-apply", "rebase"),
        ("CHERRY_PICK_HEAD", "cherry-pick"),
        ("REVERT_HEAD", "revert"),
        ("MERGE_HEAD", "merge"),
        ("BISECT_LOG", "bisect"),
        ("sequencer", "cherry-pick or revert"),
    ];
    let is_there = |name: &str| git_dir.join(name).symlink_metadata().is_ok();
    SIGNS.into_iter().find(|(sign, _)| is_there(sign)).map(|(_, what)| what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_git_status_are_read() {
        let text = b"1 .M N... 100644 100644 100644 1 2 a b.txt\0\
                     1 A. S.C. 000000 160000 160000 1 2 lib\0\
                     2 R. N... 100644 100644 100644 1 2 R100 new\0old\0\
                     u UU N... 100644 100644 100644 100644 1 2 3 both\0\
                     ? deep/\0? .wtmag/\0? inner/\0! .env\0! target/\0! a/b.log\0! .wtmag/x\0";
        let files = parse(text, &BTreeSet::from(["inner".to_owned()]));
        assert_eq!(files.changed, ["a b.txt", "lib", "new", "both"]);
        assert_eq!(files.untracked, ["deep"]);
        assert_eq!(files.ignored, [".env", "a/b.log"]);
    }
}
