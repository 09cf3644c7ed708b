//! What a killed landing left. A landing moves the target last, so it either happened, or its
//! worktree may have some of the new files: those are put back.
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use gix::bstr::ByteSlice as _;

use super::steps::{Advance, LandJournal, Landing, Step};
use crate::git::{Error, Repo, RepoLock, Run, at::At, fetch::git_at, journal, stale};

/// A landing whose process died.
#[derive(Debug)]
pub struct Leftover(LandJournal);

/// How a killed landing ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The target has the work.
    Landed { landing: Landing, advance: Advance },
    /// The target is as before. `kept` are files in its worktree that were changed since.
    Undone { landing: Landing, kept: Vec<String> },
}

/// The landings in `dir` whose processes died, locked for the caller.
///
/// # Errors
/// [`Error::Io`] if the directory cannot be read. A journal that cannot be parsed is left alone.
pub async fn leftovers(dir: &Path, run: &mut Run<'_>) -> Result<Vec<Leftover>, Error> {
    Ok(journal::abandoned(dir, run).await?.into_iter().map(Leftover).collect())
}

impl Leftover {
    /// Finishes or undoes it. The journal stays until [`Self::forget`].
    ///
    /// # Errors
    /// Whatever prevents it; the journal then stays for the next command.
    pub async fn end(&self, run: &mut Run<'_>) -> Result<Option<Ended>, Error> {
        let Some(Step::Started(landing)) = self.0.steps().first() else { return Ok(None) };
        // If the repository is gone, everything in it is gone too.
        if !landing.repo.exists() {
            return Ok(None);
        }
        let repo = Repo::discover(&landing.repo)?;
        let lock = RepoLock::acquire(&repo, run).await?;
        let last = self.0.steps().iter().rev().find_map(|it| match it {
            Step::Advance(advance) => Some(advance),
            Step::Started(_) => None,
        });
        let landing = landing.clone();
        let Some(advance) = last else {
            return Ok(Some(Ended::Undone { landing, kept: Vec::new() }));
        };
        // git's children were waited for with the journal's lock: these have no holder any more.
        stale::clear(&repo, landing.at, &locks(&repo, advance)?, run).await?;
        let now = repo.branch_tip(&advance.into)?;
        let has_landed = match (&now, repo.commit_id(&advance.to)) {
            (Some(now), Some(to)) => {
                repo.commit_id(now).is_some_and(|now| repo.is_ancestor(to, now))
            }
            _ => false,
        };
        if has_landed {
            return Ok(Some(Ended::Landed { landing, advance: advance.clone() }));
        }
        let mut kept = Vec::new();
        if let (Some(path), true) = (&advance.checkout, now.as_ref() == Some(&advance.from)) {
            kept = put_back(&repo, path, advance, run).await?;
        }
        drop(lock);
        Ok(Some(Ended::Undone { landing, kept }))
    }

    /// # Errors
    /// [`Error::Io`].
    pub fn forget(self) -> Result<(), Error> {
        self.0.commit()
    }
}

/// One file that differs between the two commits.
#[derive(Debug)]
struct Differs {
    path: Vec<u8>,
    old: Entry,
    new: Entry,
}

/// Mode and id; `None` where there is no file.
type Entry = Option<(String, String)>;

/// What the worktree has in a file's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Old,
    /// The new content or the beginning of it, or nothing.
    Ours,
    /// Something that git did not put there.
    Theirs,
}

/// Gives the files that a killed checkout changed their old content, in the worktree and its index.
/// Returns the files that have neither the old nor the new content: they are not touched.
async fn put_back(
    repo: &Repo,
    path: &Path,
    advance: &Advance,
    run: &mut Run<'_>,
) -> Result<Vec<String>, Error> {
    let Some(worktree) = repo.worktree_at(path)? else { return Ok(Vec::new()) };
    let at = At { git_dir: worktree.git_dir.clone(), work_tree: Some(worktree.path.clone()) };
    let (mut index, mut files, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let differences = differences(&at, advance, run).await?;
    let ids = ids(&at, &worktree.path, &differences, run).await?;
    for it in differences {
        let full = path_of(&worktree.path, &it.path);
        let found = found(&at, (&full, ids.get(&it.path)), &it, run).await?;
        let (mode, id) =
            it.old.clone().unwrap_or_else(|| ("0".to_owned(), "0".repeat(advance.from.len())));
        index.extend_from_slice(format!("{mode} {id}\t").as_bytes());
        index.extend_from_slice(&it.path);
        index.push(0);
        match found {
            Found::Old => {}
            Found::Theirs => kept.push(it.path.to_str_lossy().into_owned()),
            Found::Ours if it.old.is_none() => remove_file(&full)?,
            Found::Ours => {
                files.extend_from_slice(&it.path);
                files.push(0);
            }
        }
    }
    let read = || format!("the index of `{}`", path.display());
    let args = ["update-index", "-z", "--index-info"];
    at.ask_about(&args, index, run).await?.map_err(Error::read(read()))?;
    if !files.is_empty() {
        let args = ["checkout-index", "--force", "-z", "--stdin"];
        at.ask_about(&args, files, run).await?.map_err(Error::read(read()))?;
    }
    let cmd = git_at(path).args(["update-index", "-q", "--refresh"]);
    drop(cmd.run(run.cancel).await?);
    Ok(kept)
}

/// The files that a killed git leaves locked.
fn locks(repo: &Repo, advance: &Advance) -> Result<Vec<PathBuf>, Error> {
    let git_dir = match &advance.checkout {
        Some(path) => repo.worktree_at(path)?.map(|it| it.git_dir),
        None => None,
    };
    let of_worktree =
        git_dir.into_iter().flat_map(|it| ["index", "HEAD"].map(|name| it.join(name)));
    let branch = repo.common_dir().join(format!("refs/heads/{}", advance.into));
    let locked = of_worktree.chain([branch, repo.common_dir().join("HEAD")]);
    Ok(locked.map(|it| PathBuf::from(format!("{}.lock", it.display()))).collect())
}

async fn differences(at: &At, advance: &Advance, run: &Run<'_>) -> Result<Vec<Differs>, Error> {
    let args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev"];
    let range = [advance.from.as_str(), &advance.to];
    let text = at.ask(args.iter().chain(&range), run).await?;
    let text = text.map_err(Error::read("the changes"))?;
    let mut found = Vec::new();
    let mut parts = text.split_str("\0");
    while let (Some(head), Some(path)) = (parts.next(), parts.next()) {
        let head = head.to_str_lossy();
        let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
        let [old_mode, new_mode, old, new, _] = words[..] else { continue };
        let entry =
            |mode: &str, id: &str| (mode != "000000").then(|| (mode.to_owned(), id.to_owned()));
        found.push(Differs {
            path: path.to_owned(),
            old: entry(old_mode, old),
            new: entry(new_mode, new),
        });
    }
    Ok(found)
}

/// The ids that git would give the files' contents, with the filters of their paths, by one process for all
/// whose paths fit in one line.
async fn ids(
    at: &At,
    top: &Path,
    differences: &[Differs],
    run: &Run<'_>,
) -> Result<BTreeMap<Vec<u8>, String>, Error> {
    let is_plain = |path: &[u8]| !path.contains(&b'\n') && !path.starts_with(b"\"");
    let is_file = |path: &[u8]| path_of(top, path).symlink_metadata().is_ok_and(|it| it.is_file());
    let paths = differences.iter().map(|it| it.path.as_slice());
    let paths: Vec<&[u8]> = paths.filter(|it| is_plain(it) && is_file(it)).collect();
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    let input = [paths.join(&b'\n'), vec![b'\n']].concat();
    let Ok(said) = at.ask_about(&["hash-object", "--stdin-paths"], input, run).await? else {
        // One of them cannot be read. Each is asked about by itself, which says which.
        return Ok(BTreeMap::new());
    };
    let ids = said.lines().map(|it| it.to_str_lossy().into_owned());
    Ok(paths.into_iter().map(<[u8]>::to_vec).zip(ids).collect())
}

/// `id` is the id of the file's content, if that is known.
async fn found(
    at: &At,
    (full, id): (&Path, Option<&String>),
    it: &Differs,
    run: &Run<'_>,
) -> Result<Found, Error> {
    let Ok(kind) = full.symlink_metadata() else {
        return Ok(if it.old.is_none() { Found::Old } else { Found::Ours });
    };
    let is_submodule = |entry: &Entry| entry.as_ref().is_some_and(|it| it.0 == "160000");
    if kind.is_dir() {
        // The directory of a submodule does not change with its commit.
        let is_old = is_submodule(&it.old) || is_submodule(&it.new);
        return Ok(if is_old { Found::Old } else { Found::Theirs });
    }
    let id = if let Some(id) = id {
        Ok(id.clone().into_bytes())
    } else if kind.is_symlink() {
        let target = fs::read_link(full).map_err(Error::io("read", full))?;
        let bytes = target.into_os_string().into_encoded_bytes();
        at.ask_about(&["hash-object", "--stdin"], bytes, run).await?
    } else {
        // With the filters of that path.
        let path = it.path.to_str_lossy().into_owned();
        let bytes = fs::read(full).map_err(Error::io("read", full))?;
        at.ask_about(&["hash-object", "--stdin", "--path", &path], bytes, run).await?
    };
    let id = id.map(|it| it.trim_ascii().to_str_lossy().into_owned()).unwrap_or_default();
    let has = |entry: &Entry| entry.as_ref().is_some_and(|it| it.1 == id);
    if has(&it.old) {
        // Its mode may be the new one.
        let is_same_mode = it.old.as_ref().map(|it| &it.0) == it.new.as_ref().map(|it| &it.0);
        return Ok(if is_same_mode || !has(&it.new) { Found::Old } else { Found::Ours });
    }
    if has(&it.new) {
        return Ok(Found::Ours);
    }
    Ok(match &it.new {
        Some((_, new)) if begins(at, full, new, run).await? => Found::Ours,
        Some(_) | None => Found::Theirs,
    })
}

/// Whether the file is the beginning of a blob: it was being written.
async fn begins(at: &At, full: &Path, blob: &str, run: &Run<'_>) -> Result<bool, Error> {
    let bytes = fs::read(full).map_err(Error::io("read", full))?;
    let whole = at.ask(["cat-file", "blob", blob], run).await?;
    Ok(whole.is_ok_and(|it| it.starts_with(&bytes)))
}

fn path_of(top: &Path, path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    top.join(std::ffi::OsStr::from_bytes(path))
}

fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(it) if it.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(it)),
        Ok(()) | Err(_) => Ok(()),
    }
}
