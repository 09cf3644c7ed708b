//! Checks whether another branch has the files of a branch without its commits: after a squash or
//! rebase on the forge.
//!
//! Only equal bytes prove it. Patch ids ignore white space and, in older gits, binary files; merge
//! drivers and attributes can produce any result.
use std::{collections::BTreeMap, fs};

use gix::bstr::ByteSlice as _;

use crate::git::{
    Error, Run,
    at::{At, said},
};

/// Newest commits of the target that are compared.
const MAX_COMMITS: &str = "--max-count=2000";

/// With more paths than this, they are not passed to git one by one.
const MAX_PATHS: usize = 500;

/// Mode and id of a file; `None` where there is none.
type Entry = Option<(String, String)>;

/// Whether `target` has the changes of `tip`: some commit of it since the fork has each changed
/// file exactly as the branch has it, or merging the branch would change nothing.
///
/// For changes that a branch made and reverted this is false: no file has them.
pub(in crate::git) async fn is_in(
    at: &At,
    tip: &str,
    target: &str,
    run: &Run<'_>,
) -> Result<bool, Error> {
    let Ok(fork) = at.ask(["merge-base", target, tip], run).await? else { return Ok(false) };
    let fork = fork.trim_ascii().to_str_lossy().into_owned();
    let Some(wanted) = changes(at, &fork, tip, run).await? else { return Ok(false) };
    if wanted.is_empty() {
        return Ok(false);
    }
    Ok(had_all(at, &fork, target, &wanted, run).await?
        || adds_nothing(at, tip, target, run).await?)
}

/// Whether each commit of the branch has one with the same patch in the target. Proves nothing.
pub(super) async fn looks_merged(
    at: &At,
    tip: &str,
    target: &str,
    run: &Run<'_>,
) -> Result<bool, Error> {
    let text = at.ask(["cherry", target, tip], run).await?.unwrap_or_default();
    Ok(!text.is_empty() && text.lines().all(|line| line.starts_with(b"- ")))
}

/// One file that a commit changed.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    path: String,
    before: Entry,
    after: Entry,
}

/// The files that differ.
async fn changes(
    at: &At,
    from: &str,
    to: &str,
    run: &Run<'_>,
) -> Result<Option<Vec<Change>>, Error> {
    let args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", from, to];
    let Ok(text) = at.ask(args, run).await? else { return Ok(None) };
    Ok(Some(commits(&text).into_iter().flatten().collect()))
}

/// Repeated `:mode mode id id status\0path\0`, in groups that begin with `commit`.
fn commits(text: &[u8]) -> Vec<Vec<Change>> {
    let mut found = Vec::new();
    let mut parts = text.split_str("\0");
    while let Some(head) = parts.next() {
        let head = head.to_str_lossy();
        let head = head.trim_start();
        if head.starts_with("commit ") || found.is_empty() {
            found.push(Vec::new());
        }
        let Some(head) = head.strip_prefix(':') else { continue };
        let Some(path) = parts.next() else { break };
        let words: Vec<&str> = head.split(' ').collect();
        let [old_mode, new_mode, old, new, _] = words[..] else { continue };
        let entry =
            |mode: &str, id: &str| (mode != "000000").then(|| (mode.to_owned(), id.to_owned()));
        let (before, after) = (entry(old_mode, old), entry(new_mode, new));
        let change = Change { path: path.to_str_lossy().into_owned(), before, after };
        if let Some(commit) = found.last_mut() {
            commit.push(change);
        }
    }
    found
}

/// Follows the target's first parents back and reverts each change, until all files are as the
/// branch has them.
async fn had_all(
    at: &At,
    fork: &str,
    target: &str,
    wanted: &[Change],
    run: &Run<'_>,
) -> Result<bool, Error> {
    let Some(since) = changes(at, fork, target, run).await? else { return Ok(false) };
    let mut now: BTreeMap<&str, Entry> =
        wanted.iter().map(|it| (it.path.as_str(), it.before.clone())).collect();
    for Change { path, after, .. } in since {
        if let Some(entry) = now.get_mut(path.as_str()) {
            *entry = after;
        }
    }
    let is_as_wanted = |now: &BTreeMap<&str, Entry>| {
        wanted.iter().all(|it| now.get(it.path.as_str()) == Some(&it.after))
    };
    if is_as_wanted(&now) {
        return Ok(true);
    }
    let range = format!("{fork}..{target}");
    let mut cmd = at.cmd().env("GIT_LITERAL_PATHSPECS", "1").args([
        "log",
        "--first-parent",
        "--diff-merges=first-parent",
        "--raw",
        "-z",
        "--no-renames",
        "--no-abbrev",
        "--no-show-signature",
        "--format=commit %H",
        MAX_COMMITS,
        &range,
        "--",
    ]);
    if wanted.len() <= MAX_PATHS {
        cmd = cmd.args(wanted.iter().map(|it| &it.path));
    }
    let Ok(text) = said(cmd, run).await? else { return Ok(false) };
    for commit in commits(&text) {
        for Change { path, before, .. } in commit {
            if let Some(entry) = now.get_mut(path.as_str()) {
                *entry = before;
            }
        }
        if is_as_wanted(&now) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether merging the branch into the target would change nothing. Needs git 2.38; older ones say
/// no.
async fn adds_nothing(at: &At, tip: &str, target: &str, run: &Run<'_>) -> Result<bool, Error> {
    let Ok(wanted) = at.ask(["rev-parse", &format!("{target}^{{tree}}")], run).await? else {
        return Ok(false);
    };
    let Ok(scratch) = scratch(at) else { return Ok(false) };
    let cmd = At::bare(scratch.path()).cmd();
    // No setting of the repository or the user decides how to merge.
    let cmd = cmd.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let cmd = cmd.env("GIT_ATTR_NOSYSTEM", "1").args(["-c", "core.attributesFile=/dev/null"]);
    let cmd = cmd.args(["merge-tree", "--write-tree", target, tip]);
    Ok(said(cmd, run).await?.is_ok_and(|it| it.trim_ascii() == wanted.trim_ascii()))
}

/// An empty repository that reads this one's objects, without its config and attributes.
fn scratch(at: &At) -> std::io::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    let path = dir.path();
    fs::create_dir_all(path.join("objects/info"))?;
    fs::create_dir_all(path.join("refs"))?;
    let mut objects = at.git_dir.join("objects").into_os_string().into_encoded_bytes();
    objects.push(b'\n');
    put(&path.join("objects/info/alternates"), &objects)?;
    put(&path.join("HEAD"), b"ref: refs/heads/none\n")?;
    let text = fs::read_to_string(at.git_dir.join("config")).unwrap_or_default();
    if text.to_lowercase().contains("sha256") {
        let config = b"[core]\nrepositoryformatversion = 1\n[extensions]\nobjectformat = sha256\n";
        put(&path.join("config"), config)?;
    }
    Ok(dir)
}

fn put(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    fs::File::create(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_diffs_are_read_commit_by_commit() {
        let text =
            b"commit a\0\n:100644 000000 1 0 D\0x y\0\0commit b\0\n:000000 100755 0 2 A\0z\0";
        let entry = |mode: &str, id: &str| Some((mode.to_owned(), id.to_owned()));
        let change = |path: &str, before, after| Change { path: path.to_owned(), before, after };
        let want = vec![
            vec![change("x y", entry("100644", "1"), None)],
            vec![change("z", None, entry("100755", "2"))],
        ];
        assert_eq!(commits(text), want);
    }
}
