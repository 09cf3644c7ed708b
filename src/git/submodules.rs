//! What the submodules of a worktree hold that nobody else has.
//!
//! Their repositories lie in the worktree's own git dir, or in the worktree itself, and go with it:
//! also those of submodules that are not checked out at the moment.
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use gix::{ObjectId, Repository, bstr::ByteSlice as _, index::entry::Mode, remote::Direction};

use super::{Error, Loss, Run, fetch::git_at, safety, status};
use crate::proc;

/// Submodules in submodules; directories in the name of one.
const MAX_DEPTH: usize = 12;

/// How long a server may take to name its branches and tags.
const LIMIT: Duration = Duration::from_secs(30);

/// One look at all of them.
pub(super) struct Look {
    /// Directories that go with the worktree, canonical.
    doomed: Vec<PathBuf>,
    /// Git dirs that were looked at.
    seen: HashSet<PathBuf>,
    found: Vec<Loss>,
}

impl Look {
    /// For a worktree that lies at `top` and has this git dir; either may be gone.
    pub(super) fn new(top: &Path, git_dir: &Path) -> Self {
        let doomed = [top, git_dir].iter().filter_map(|it| fs::canonicalize(it).ok()).collect();
        Self { doomed, seen: HashSet::new(), found: Vec::new() }
    }

    /// Looks into what is checked out below `top`.
    pub(super) async fn checked_out(
        &mut self,
        top: Repository,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let mut todo = vec![(top, String::new(), 0)];
        while let Some((parent, prefix, depth)) = todo.pop() {
            for (path, dir) in places(&parent, &prefix)? {
                if depth >= MAX_DEPTH {
                    let source = "too many submodules in submodules".into();
                    return Err(Error::Read { what: format!("submodule `{path}`"), source });
                }
                let repo = status::open(&dir)?;
                self.add(&path, safety::files(&repo)?);
                self.commits(&path, &repo, run).await?;
                todo.push((repo, format!("{path}/"), depth + 1));
            }
        }
        Ok(())
    }

    /// Looks into the repositories that are kept below `modules` of a git dir, whether or not they are
    /// checked out.
    pub(super) async fn kept(&mut self, git_dir: &Path, run: &Run<'_>) -> Result<(), Error> {
        let modules = git_dir.join("modules");
        let mut todo = vec![(modules.clone(), 0)];
        while let Some((dir, depth)) = todo.pop() {
            let is_repository = dir.join("HEAD").is_file() && dir.join("objects").is_dir();
            if is_repository {
                let open = |it: gix::Error| Error::Open { path: dir.clone(), source: it.into() };
                // Where its files should be may be nothing, which gix takes for somebody else's; the
                // worktree whose git dir this is in has been found to be the user's own.
                let options = gix::open::Options::default().open_path_as_is(true);
                let repo = gix::open_opts(&dir, options).map_err(open)?;
                let name = dir.strip_prefix(&modules).unwrap_or(&dir).display().to_string();
                self.commits(&name.replace("/modules/", "/"), &repo, run).await?;
            }
            let inner = if is_repository { dir.join("modules") } else { dir };
            if depth < MAX_DEPTH {
                // What is no directory, or not there, has nothing in it.
                let entries = fs::read_dir(&inner).into_iter().flatten().flatten();
                todo.extend(entries.map(|it| (it.path(), depth + 1)));
            }
        }
        Ok(())
    }

    pub(super) fn into_losses(self) -> Vec<Loss> {
        self.found
    }

    /// Its commits and stashes, once for each repository.
    ///
    /// A published commit of the project that names a commit here proves nothing: it may have been
    /// pushed alone.
    async fn commits(&mut self, path: &str, repo: &Repository, run: &Run<'_>) -> Result<(), Error> {
        let git_dir =
            fs::canonicalize(repo.git_dir()).map_err(Error::io("find", repo.git_dir()))?;
        let is_doomed = self.doomed.iter().any(|it| git_dir.starts_with(it));
        if !is_doomed || !self.seen.insert(git_dir) {
            return Ok(());
        }
        let mut tips = refs(repo, "refs/heads/")?;
        tips.extend(repo.head_id().ok().map(gix::Id::detach));
        let mut published = fetched(repo);
        published.extend(refs(repo, "refs/remotes/")?);
        let mut commits = safety::history(repo, &tips, &published)?;
        if !commits.is_empty() {
            published.extend(offered(repo, run).await?);
            commits = safety::history(repo, &tips, &published)?;
        }
        let stashes = safety::stashes(repo, |_| true)?;
        let lost = safety::Names::of(commits).map(Loss::Commits);
        self.add(path, lost.into_iter().chain(safety::Names::of(stashes).map(Loss::Stashes)));
        Ok(())
    }

    fn add(&mut self, path: &str, lost: impl IntoIterator<Item = Loss>) {
        let wrap = |loss| Loss::InSubmodule { path: path.to_owned(), loss: Box::new(loss) };
        self.found.extend(lost.into_iter().map(wrap));
    }
}

/// The submodules that the index has and that have files, known to `.gitmodules` or not: what the user
/// calls them, and where they are.
fn places(parent: &Repository, prefix: &str) -> Result<Vec<(String, PathBuf)>, Error> {
    let Some(top) = parent.workdir() else { return Ok(Vec::new()) };
    let index = parent.index_or_empty().map_err(Error::read("the index"))?;
    let modules = index.entries().iter().filter(|it| it.mode == Mode::COMMIT);
    let mut found = Vec::new();
    for path in modules.map(|it| it.path(&index)) {
        let dir = top.join(gix::path::from_bstr(path).map_err(Error::read("a path"))?);
        if dir.join(".git").symlink_metadata().is_ok() {
            found.push((format!("{prefix}{path}"), dir));
        }
    }
    Ok(found)
}

/// The commits that its remote has under any name, as far as they are here: tags that were fetched
/// look like tags that were made here. No answer is a no.
async fn offered(repo: &Repository, run: &Run<'_>) -> Result<Vec<ObjectId>, Error> {
    let name = repo.remote_default_name(Direction::Fetch).map(|it| it.to_string());
    let name = name.unwrap_or_else(|| "origin".to_owned());
    let cmd = git_at(repo.git_dir()).args(["--git-dir".as_ref(), repo.git_dir().as_os_str()]);
    let cmd = cmd.args(["ls-remote", "--quiet", "--", &name]).limit(LIMIT);
    let text = match cmd.run(run.cancel).await {
        Ok(output) => output.stdout,
        Err(proc::Error::TimedOut { .. }) => Vec::new(),
        Err(it) => return Err(it.into()),
    };
    Ok(commits_of(repo, &text))
}

/// What the last fetch brought, such as a commit that no branch has over there.
fn fetched(repo: &Repository) -> Vec<ObjectId> {
    let text = fs::read(repo.git_dir().join("FETCH_HEAD")).unwrap_or_default();
    commits_of(repo, &text)
}

/// The commits that begin these lines, through tags, as far as they are here.
fn commits_of(repo: &Repository, text: &[u8]) -> Vec<ObjectId> {
    let ids = text.lines().filter_map(|line| ObjectId::from_hex(line.split_str("\t").next()?).ok());
    let commit = |id| repo.find_object(id).ok()?.peel_to_commit().ok();
    ids.filter_map(|it| commit(it).map(|it| it.id)).collect()
}

/// The commits of all refs whose names begin like this.
fn refs(repo: &Repository, prefix: &str) -> Result<Vec<ObjectId>, Error> {
    let read = || "the refs of a submodule";
    let refs = repo.references().map_err(Error::read(read()))?;
    let mut tips = Vec::new();
    for found in refs.prefixed(prefix).map_err(Error::read(read()))? {
        let mut found =
            found.map_err(|it| Error::Read { what: read().to_owned(), source: it.into() })?;
        tips.extend(found.peel_to_id().ok().map(gix::Id::detach));
    }
    Ok(tips)
}
