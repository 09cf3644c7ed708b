//! Moves the uncommitted changes of one worktree to another one. They are copied and compared there first;
//! only then are they taken away here, and only if nothing was changed here meanwhile.
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice as _;
use serde::{Deserialize, Serialize};

use super::{
    Error, Repo, Run,
    at::{At, said},
    index::Index,
    removal::files::operation,
};
use crate::{clock, proc};

/// Uncommitted changes, as trees. Files that git ignores are not among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    pub from: PathBuf,
    git_dir: PathBuf,
    /// The commit that they are changes of.
    pub head: String,
    /// The index here, and all files.
    index: String,
    files: String,
    /// What moves, if not everything: files that the user chose parts of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chosen: Option<String>,
}

/// The trees of a worktree.
#[derive(PartialEq, Eq)]
struct Trees {
    index: String,
    files: String,
}

/// The changes of the worktree at `top`.
///
/// # Errors
/// [`Error::Carry`] if there are none, or if they cannot be moved.
pub async fn capture(repo: &Repo, top: &Path, run: &Run<'_>) -> Result<Carried, Error> {
    let no = |why: &str| Error::Carry { path: top.to_owned(), why: why.to_owned() };
    let found = repo.worktree_at(top)?.ok_or_else(|| no("it is not a worktree"))?;
    let head = found.head.clone().ok_or_else(|| no("it has no commit yet"))?;
    if let Some(what) = operation(&found.git_dir) {
        return Err(no(&format!("a {what} is unfinished")));
    }
    let at = at(&found.git_dir, &found.path);
    let status = ["status", "--porcelain=v2", "-z", "--untracked-files=all"];
    let text = at.ask(status, run).await?.map_err(Error::read("the changes"))?;
    if let Some(why) = unmovable(&text) {
        return Err(no(&why));
    }
    let Trees { index, files } = trees(&at, run).await?;
    let base = tree_of(&at, &head, run).await?;
    if index == base && files == base {
        return Err(no("there are none"));
    }
    Ok(Carried { from: found.path, git_dir: found.git_dir, head, index, files, chosen: None })
}

/// Asks the user in the terminal which parts of the changed files move.
///
/// # Errors
/// [`Error::Carry`] if something is staged already, or if nothing was chosen.
pub async fn choose(carried: &mut Carried, run: &Run<'_>) -> Result<(), Error> {
    let no = |why: &str| Error::Carry { path: carried.from.clone(), why: why.to_owned() };
    let at = at(&carried.git_dir, &carried.from);
    let base = tree_of(&at, &carried.head, run).await?;
    if carried.index != base {
        return Err(no(
            "some are staged, and `--patch` works only if none are; `git reset` unstages them",
        ));
    }
    let index = Index::copy(&at)?;
    let words = ["git", "-C"].map(std::ffi::OsString::from);
    let mut set = std::ffi::OsString::from("GIT_INDEX_FILE=");
    set.push(&index.path);
    let args = [set].into_iter().chain(words).chain([carried.from.clone().into_os_string()]);
    proc::in_foreground("env", args.chain(["add", "--patch"].map(Into::into)))?;
    let chosen = write_tree(&at, Some(&index.path), run).await?;
    if chosen == base {
        return Err(no("none was chosen"));
    }
    carried.chosen = Some(chosen);
    Ok(())
}

impl Carried {
    /// The user chose what moves; the rest stays.
    pub fn is_part(&self) -> bool {
        self.chosen.is_some()
    }

    /// The index and the files that the other worktree is to have.
    fn wanted(&self, base: String) -> Trees {
        match &self.chosen {
            Some(files) => Trees { index: base, files: files.clone() },
            None => Trees { index: self.index.clone(), files: self.files.clone() },
        }
    }

    /// Copies them into a new worktree at the same commit, and compares.
    ///
    /// # Errors
    /// [`Error::Carry`] if they are not the same there.
    pub async fn place(&self, path: &Path, git_dir: &Path, run: &Run<'_>) -> Result<(), Error> {
        let to = at(git_dir, path);
        let base = tree_of(&to, &self.head, run).await?;
        let Trees { index, files } = self.wanted(base);
        let read = |tree: String, update| {
            let args = ["read-tree", "--reset"].into_iter().chain(update).map(str::to_owned);
            args.chain([tree]).collect::<Vec<_>>()
        };
        for args in [read(files.clone(), Some("-u")), read(index.clone(), None)] {
            to.ask(args, run).await?.map_err(|why| self.no(&why))?;
        }
        // Fails where files differ from the index, which is what this is about.
        drop(to.ask(["update-index", "-q", "--refresh"], run).await?);
        if !self.is_in(path, git_dir, run).await? {
            return Err(self.no(&format!("they are not the same in `{}`", path.display())));
        }
        Ok(())
    }

    /// Whether the other worktree has exactly these changes.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Proc`].
    pub async fn is_in(&self, path: &Path, git_dir: &Path, run: &Run<'_>) -> Result<bool, Error> {
        let to = at(git_dir, path);
        let wanted = self.wanted(tree_of(&to, &self.head, run).await?);
        Ok(trees(&to, run).await? == wanted)
    }

    /// Takes them away here. They are in the other worktree.
    ///
    /// # Errors
    /// [`Error::Carry`]; nothing was taken away then.
    pub async fn take_away(&self, run: &Run<'_>) -> Result<(), Error> {
        let at = at(&self.git_dir, &self.from);
        let now = Trees { index: self.index.clone(), files: self.files.clone() };
        if trees(&at, run).await? != now {
            return Err(self.no("they have changed meanwhile"));
        }
        match &self.chosen {
            Some(chosen) => self.take_parts_away(&at, chosen, run).await,
            None => self.take_all_away(&at, run).await,
        }
    }

    async fn take_parts_away(&self, at: &At, chosen: &str, run: &Run<'_>) -> Result<(), Error> {
        let diff = ["diff", "--binary", "--full-index", "--no-ext-diff", "--no-textconv"];
        let diff = diff.into_iter().chain([self.head.as_str(), chosen]);
        let patch = at.ask(diff, run).await?.map_err(|why| self.no(&why))?;
        let apply = ["apply", "--reverse", "--whitespace=nowarn", "-"];
        at.ask_about(&apply, patch, run).await?.map(drop).map_err(|why| self.no(&why))
    }

    /// By a stash, which holds exactly what it takes away; dropped if that is what was copied, else undone.
    async fn take_all_away(&self, at: &At, run: &Run<'_>) -> Result<(), Error> {
        // All worktrees have one list of stashes: it is found by its name.
        let name = format!("wtmag: moved {}-{}", std::process::id(), clock::now().0);
        let push = ["stash", "push", "--include-untracked", "--quiet", "-m", &name];
        at.ask(push, run).await?.map_err(|why| self.no(&why))?;
        let list = at.ask(["stash", "list", "--format=%H %gs"], run).await?;
        let list =
            list.map_err(|why| self.no(&format!("they are in the stash `{name}`: {why}")))?;
        let list = text(&list);
        let is_it = |it: &&str| it.ends_with(&name);
        let stash = list.lines().find(is_it).and_then(|it| it.split_whitespace().next());
        let stash = stash.ok_or_else(|| self.no(&format!("they were in the stash `{name}`")))?;
        let is_all_in = self.is_all_in(at, stash, run).await;
        if !matches!(is_all_in, Ok(true)) {
            let back = at.ask(["stash", "apply", "--index", "--quiet", stash], run).await?;
            back.map_err(|why| self.no(&format!("they are in the stash {stash}: {why}")))?;
            drop_stash(at, stash, run).await?;
            return is_all_in.and(Err(self.no("they have changed meanwhile")));
        }
        drop_stash(at, stash, run).await
    }

    /// The stash has this index and these files: the tracked ones, and those that git did not track.
    async fn is_all_in(&self, at: &At, stash: &str, run: &Run<'_>) -> Result<bool, Error> {
        let list = async |tree: String| -> Result<Vec<Vec<u8>>, Error> {
            let text = at.ask(["ls-tree", "-r", "-z", &tree], run).await?;
            let text = text.map_err(Error::read("the stash"))?;
            Ok(text.split_str("\0").filter(|it| !it.is_empty()).map(<[u8]>::to_vec).collect())
        };
        let index = tree_of(at, &format!("{stash}^2"), run).await?;
        let mut kept = list(format!("{stash}^{{tree}}")).await?;
        // There is no such parent without untracked files.
        let untracked = format!("{stash}^3");
        if at.ask(["rev-parse", "--verify", "--quiet", &untracked], run).await?.is_ok() {
            kept.extend(list(format!("{untracked}^{{tree}}")).await?);
        }
        kept.sort();
        kept.dedup();
        let mut all = list(self.files.clone()).await?;
        all.sort();
        Ok(index == self.index && kept == all)
    }

    fn no(&self, why: &str) -> Error {
        Error::Carry { path: self.from.clone(), why: why.to_owned() }
    }
}

fn at(git_dir: &Path, top: &Path) -> At {
    At { git_dir: git_dir.to_owned(), work_tree: Some(top.to_owned()) }
}

/// Why changes cannot be moved, from `git status --porcelain=v2 -z`.
fn unmovable(status: &[u8]) -> Option<String> {
    status.split_str("\0").find_map(|entry| {
        let entry = entry.to_str_lossy();
        let mut fields = entry.split(' ');
        let (kind, _, submodule) = (fields.next()?, fields.next(), fields.next());
        let path = |n: usize| entry.splitn(n + 1, ' ').nth(n).unwrap_or_default().to_owned();
        match (kind, submodule) {
            ("u", _) => Some(format!("`{}` has conflicts", path(10))),
            // Changed or untracked files in a submodule.
            ("1" | "2", Some(it)) if it.starts_with('S') && it.contains(['M', 'U']) => {
                let n = if kind == "1" { 8 } else { 9 };
                Some(format!("the submodule `{}` has changes of its own", path(n)))
            }
            ("?", _) if entry.ends_with('/') => {
                Some(format!("`{}` is a repository of its own", entry.get(2..).unwrap_or(&entry)))
            }
            _ => None,
        }
    })
}

/// Drops this stash if it is the newest one; else it stays.
async fn drop_stash(at: &At, stash: &str, run: &Run<'_>) -> Result<(), Error> {
    let top = at.ask(["rev-parse", "--verify", "refs/stash"], run).await?;
    if !top.is_ok_and(|it| text(&it) == stash) {
        return Ok(());
    }
    let Ok(said) = at.ask(["stash", "drop"], run).await? else { return Ok(()) };
    // `Dropped refs/stash@{0} (ID)`: another one that came in between is put back.
    let said = text(&said);
    let dropped = said.rsplit_once('(').map(|(_, it)| it.trim_end_matches(')'));
    if let Some(other) = dropped.filter(|it| *it != stash) {
        let back = ["stash", "store", "--quiet", "-m", "wtmag: put back", other];
        at.ask(back, run).await?.map_err(Error::read("the stash"))?;
    }
    Ok(())
}

async fn trees(at: &At, run: &Run<'_>) -> Result<Trees, Error> {
    let index = write_tree(at, None, run).await?;
    let copy = Index::copy(at)?;
    let cmd = at.cmd().args(["add", "--all", "--", "."]).env("GIT_INDEX_FILE", &copy.path);
    said(cmd, run).await?.map_err(Error::read("the changes"))?;
    Ok(Trees { index, files: write_tree(at, Some(&copy.path), run).await? })
}

async fn write_tree(at: &At, index: Option<&Path>, run: &Run<'_>) -> Result<String, Error> {
    let cmd = at.cmd().args(["write-tree"]);
    let cmd = match index {
        Some(path) => cmd.env("GIT_INDEX_FILE", path),
        None => cmd,
    };
    Ok(text(&said(cmd, run).await?.map_err(Error::read("the index"))?))
}

async fn tree_of(at: &At, commit: &str, run: &Run<'_>) -> Result<String, Error> {
    let name = format!("{commit}^{{tree}}");
    let answer = at.ask(["rev-parse", "--verify", &name], run).await?;
    Ok(text(&answer.map_err(Error::read(format!("commit `{commit}`")))?))
}

fn text(bytes: &[u8]) -> String {
    bytes.trim().to_str_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_moved_is_named() {
        let why = |text: &[u8]| unmovable(text);
        assert_eq!(why(b"1 .M N... 100644 100644 100644 1 2 a.txt\0? new\0? .wtmag/x\0"), None);
        assert_eq!(why(b"1 .M SC.. 160000 160000 160000 1 2 lib\0"), None);
        let conflict = why(b"u UU N... 1 1 1 1 2 3 4 both\0").unwrap();
        assert_eq!(conflict, "`both` has conflicts");
        assert!(why(b"1 .M SCM. 160000 160000 160000 1 2 lib\0").unwrap().contains("submodule"));
        assert!(why(b"1 .M S..U 160000 160000 160000 1 2 lib\0").unwrap().contains("submodule"));
        assert!(why(b"? inner/\0").unwrap().contains("`inner/` is a repository"));
    }
}
