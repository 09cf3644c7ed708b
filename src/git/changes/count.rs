//! Counts what a worker changed. Asks git for the state of the worktree once, and writes nothing.
use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use gix::bstr::ByteSlice as _;

use super::{
    files::{Total, parse},
    fork::{Fork, fork},
    sides::Subject,
};
use crate::{
    git::{Error, Repo, Run, at::At, repo::worktree_of_git_dir},
    model::{Changes, Timestamp},
};

/// Untracked files whose lines are counted.
const MAX_FILES: usize = 1000;
/// Longest untracked file whose lines are counted, and most bytes of all of them.
const MAX_FILE: u64 = 1 << 20;
const MAX_BYTES: u64 = 32 << 20;
/// Git looks for a NUL byte in so many bytes of a file to tell whether it is binary.
const BINARY: usize = 8000;

/// Counts the changes of a branch and its worktree. `None` if nothing is left of the branch.
///
/// # Errors
/// [`Error::Read`] with git's message; [`Error::Proc`] if the user cancelled.
pub async fn count(
    subject: &Subject<'_>,
    at: Timestamp,
    run: &Run<'_>,
) -> Result<Option<Changes>, Error> {
    let Subject { repo, git_dir, branch, base, .. } = *subject;
    let top = worktree_of_git_dir(git_dir);
    let place = match &top {
        Some(top) => At { git_dir: git_dir.to_owned(), work_tree: Some(top.clone()) },
        None => At::bare(repo.common_dir()),
    };
    let head = match &top {
        // A branch without commits has none.
        Some(_) => place.ask(["rev-parse", "--verify", "HEAD^{commit}"], run).await?.ok(),
        None => repo.branch_tip(branch)?.map(String::into_bytes),
    };
    let Some(head) = head.map(|it| it.trim_ascii().to_str_lossy().into_owned()) else {
        return Ok(None);
    };
    let fork = fork(repo, branch, base, &head, run).await?;
    let from = fork.as_ref().map_or(head.as_str(), |it| it.id.as_str());
    let mut total = tracked(&place, from, top.is_none().then_some(head.as_str()), run).await?;
    if let Some(top) = &top {
        total.added += untracked(&place, top, run).await?;
    }
    let (ahead, behind) = apart(&place, fork.as_ref(), &head, run).await?;
    let pushed = pushed(repo, branch)?;
    Ok(Some(Changes {
        at,
        added: total.added,
        deleted: total.deleted,
        ahead,
        behind,
        head,
        pushed,
    }))
}

/// From a commit to the files of the worktree, or to another commit.
async fn tracked(at: &At, from: &str, to: Option<&str>, run: &Run<'_>) -> Result<Total, Error> {
    // The index is not refreshed: a lock would be in the agent's way.
    let args = ["--no-optional-locks", "diff", "--raw", "--numstat", "-z", "-M", "--no-abbrev"];
    let plain = ["--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", from];
    let args = args.iter().chain(&plain).copied().chain(to).chain(["--"]);
    let text = at.ask(args, run).await?.map_err(Error::read("the changes"))?;
    Ok(Total::of(&parse(&text, &[])))
}

/// Lines of the files that git does not track.
async fn untracked(at: &At, top: &Path, run: &Run<'_>) -> Result<u64, Error> {
    let args = ["--no-optional-locks", "ls-files", "--others", "--exclude-standard", "-z"];
    let text = at.ask(args, run).await?.map_err(Error::read("the untracked files"))?;
    let paths = text.split_str("\0").filter(|it| !it.is_empty() && !it.starts_with(b".wtmag/"));
    let (mut lines, mut left) = (0, MAX_BYTES);
    for path in paths.take(MAX_FILES) {
        let Ok(path) = path.to_path() else { continue };
        // A file that is gone meanwhile, or cannot be read, has no lines to show.
        let (n, bytes) = lines_of(&top.join(path), left.min(MAX_FILE)).unwrap_or_default();
        lines += n;
        left = left.saturating_sub(bytes);
    }
    Ok(lines)
}

/// Lines and bytes of a text; none of another kind of file or of one that is too long.
fn lines_of(path: &Path, most: u64) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok((1, 0));
    }
    if !found.is_file() || found.len() > most {
        return Ok((0, 0));
    }
    let mut text = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut text)?;
    let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if text.iter().take(BINARY).any(|it| *it == 0) {
        return Ok((0, bytes));
    }
    Ok((u64::try_from(text.lines().count()).unwrap_or(u64::MAX), bytes))
}

/// Commits that only the branch has, and that only its base has.
async fn apart(
    at: &At,
    fork: Option<&Fork>,
    head: &str,
    run: &Run<'_>,
) -> Result<(u64, u64), Error> {
    let Some(fork) = fork else { return Ok((0, 0)) };
    let n = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let hidden: Vec<String> = fork.known.iter().map(|it| format!("^{it}")).collect();
    let ahead: Vec<&str> = [head].into_iter().chain(hidden.iter().map(String::as_str)).collect();
    let ahead = if fork.id == head { 0 } else { at.count(&ahead, run).await? };
    let behind = match &fork.tip {
        Some(tip) if *tip != fork.id => at.count(&[&format!("{head}..{tip}")], run).await?,
        Some(_) | None => 0,
    };
    Ok((n(ahead), n(behind)))
}

/// What a remote has as this branch, as far as is known here.
fn pushed(repo: &Repo, branch: &str) -> Result<Option<String>, Error> {
    for remote in repo.remotes_by_rank() {
        if let Some(id) = repo.ref_id(&format!("refs/remotes/{remote}/{branch}"))? {
            return Ok(Some(id.to_string()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_texts() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            io::Write::write_all(&mut File::create(&path).unwrap(), bytes).unwrap();
            path
        };
        let check = |path: &Path, want| assert_eq!(lines_of(path, 100).unwrap().0, want);
        check(&put("a", b"one\ntwo"), 2);
        check(&put("b", b"one\n"), 1);
        check(&put("c", b""), 0);
        check(&put("d", b"a\0\n\n"), 0);
        check(&put("e", &[b'\n'; 101]), 0);
        check(dir.path(), 0);
        let link = dir.path().join("f");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        check(&link, 1);
        assert!(lines_of(&dir.path().join("none"), 100).is_err());
    }
}
