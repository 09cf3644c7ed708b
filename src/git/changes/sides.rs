//! The two sides of a comparison, and git's answers about them.
use std::{
    fs,
    path::{Path, PathBuf},
};

use gix::bstr::ByteSlice as _;

use super::{
    files::{FileChange, parse},
    fork::{Fork, fork},
};
use crate::{
    git::{
        Error, Repo, Run,
        at::{At, said},
        index::Index,
        removal::{
            backup::Backup,
            files::{hidden, operation, unhide},
        },
        repo::{branch_of, worktree_of_git_dir},
    },
    model::{Base, Timestamp},
};

/// Whose changes are wanted.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub repo: &'a Repo,
    /// The worktree's git dir, which finds it even after a move.
    pub git_dir: &'a Path,
    pub branch: &'a str,
    pub base: Option<&'a Base>,
    /// What was kept of it, if it was removed.
    pub backup: Option<&'a Backup>,
}

/// Which changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Committed,
    /// With untracked files.
    Uncommitted,
}

/// How git prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Patch { colour: bool },
    Stat { colour: bool, width: Option<usize> },
    Names,
}

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub id: String,
    pub short: String,
    pub at: Timestamp,
    pub author: String,
    pub subject: String,
}

/// How git shows diffs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PagerSettings {
    /// `pager.diff`: a command line, or whether there is one.
    pub diff: Option<String>,
    /// `core.pager`.
    pub core: Option<String>,
}

/// What is compared.
pub struct Sides {
    at: At,
    /// The newest commit.
    pub head: String,
    /// Where the branch left its base, if that is known.
    pub fork: Option<Fork>,
    /// The worktree, if it exists.
    pub worktree: Option<PathBuf>,
    files: Files,
    /// What a reader may not expect, as sentences.
    pub notes: Vec<String>,
}

/// Where the uncommitted files are.
enum Files {
    Gone,
    /// An index that also has the untracked ones.
    Worktree {
        index: Index,
        untracked: Vec<String>,
    },
    /// A commit of the backup.
    Kept(String),
}

/// Finds the sides. `None` if nothing is left of the branch.
///
/// # Errors
/// [`Error::Read`] with git's message; [`Error::Proc`] if the user cancelled.
pub async fn look(subject: &Subject<'_>, run: &Run<'_>) -> Result<Option<Sides>, Error> {
    let Subject { repo, git_dir, branch, base, backup } = *subject;
    let worktree = worktree_of_git_dir(git_dir).filter(|_| backup.is_none());
    let at = match &worktree {
        Some(path) => At { git_dir: git_dir.to_owned(), work_tree: Some(path.clone()) },
        None => At::bare(repo.common_dir()),
    };
    let mut notes = Vec::new();
    let kept = backup.and_then(|it| it.branch.as_ref()).map(|it| it.commit.clone());
    let head = match &worktree {
        Some(path) => Some(head_of(&at, path, branch, &mut notes, run).await?),
        None => kept.or(repo.branch_tip(branch)?),
    };
    let Some(head) = head else { return Ok(None) };
    let files = match (&worktree, backup.and_then(|it| it.files.clone())) {
        (Some(path), _) => untracked(&at, path, &mut notes, run).await?,
        (None, Some(name)) => Files::Kept(name),
        (None, None) => Files::Gone,
    };
    let fork = fork(repo, branch, base, &head, run).await?;
    Ok(Some(Sides { at, head, fork, worktree, files, notes }))
}

/// The commit of the worktree, whatever it has checked out.
async fn head_of(
    at: &At,
    path: &Path,
    branch: &str,
    notes: &mut Vec<String>,
    run: &Run<'_>,
) -> Result<String, Error> {
    let read = || format!("`HEAD` of `{}`", path.display());
    let head = at.ask(["rev-parse", "--verify", "HEAD^{commit}"], run).await?;
    let head = head.map_err(Error::read(read()))?;
    if let Some(what) = operation(&at.git_dir) {
        notes.push(format!("a {what} is unfinished in `{}`", path.display()));
        return Ok(text(&head));
    }
    let out = fs::read_to_string(at.git_dir.join("HEAD")).map_err(Error::read(read()))?;
    match out.strip_prefix("ref: ").and_then(branch_of) {
        Some(it) if it == branch => {}
        Some(it) => notes.push(format!("the worktree has `{it}` checked out, not `{branch}`")),
        None => notes.push(format!("the worktree has no branch checked out, not `{branch}`")),
    }
    Ok(text(&head))
}

/// Puts the untracked files into a copy of the index, without their content.
async fn untracked(
    at: &At,
    top: &Path,
    notes: &mut Vec<String>,
    run: &Run<'_>,
) -> Result<Files, Error> {
    let read = || format!("the files of `{}`", top.display());
    let hidden = hidden(at, top, run).await?.map_err(Error::read(read()))?;
    let index = unhide(at, hidden, run).await?.map_err(Error::read(read()))?;
    let listed = at.ask(["ls-files", "--others", "--exclude-standard", "-z"], run).await?;
    let listed = listed.map_err(Error::read(read()))?;
    let mut paths = Vec::new();
    let mut names = Vec::new();
    for path in listed.split_str("\0").filter(|it| !it.is_empty() && !it.starts_with(b".wtmag/")) {
        let name = path.to_str_lossy().into_owned();
        if name.ends_with('/') {
            notes.push(format!("the repository `{name}` in the worktree is not compared"));
            continue;
        }
        paths.extend_from_slice(path);
        paths.push(0);
        names.push(name);
    }
    if !paths.is_empty() {
        let add = ["add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul"];
        let cmd = at.cmd().args(add).env("GIT_LITERAL_PATHSPECS", "1");
        let cmd = cmd.env("GIT_INDEX_FILE", &index.path).stdin(paths);
        said(cmd, run).await?.map_err(Error::read(read()))?;
    }
    Ok(Files::Worktree { index, untracked: names })
}

impl Sides {
    /// The commits since the fork, newest first.
    ///
    /// # Errors
    /// [`Error::Read`] with git's message; [`Error::Proc`] if the user cancelled.
    pub async fn commits(&self, run: &Run<'_>) -> Result<Vec<Commit>, Error> {
        let Some(fork) = &self.fork else { return Ok(Vec::new()) };
        let range = range(fork, &self.head);
        let args = ["log", "-z", "--no-show-signature", "--format=%H%n%h%n%at%n%an%n%s", "--stdin"];
        let answer = self.at.ask_about(&args, range.into_bytes(), run).await?;
        let answer = answer.map_err(Error::read("the commits"))?;
        Ok(answer.split_str("\0").filter_map(commit).collect())
    }

    /// How many commits the branch has that its base does not have, and the reverse.
    ///
    /// # Errors
    /// As [`Self::commits`].
    pub async fn ahead_and_behind(&self, run: &Run<'_>) -> Result<(usize, usize), Error> {
        let Some(fork) = &self.fork else { return Ok((0, 0)) };
        let known: Vec<String> = fork.known.iter().map(|it| format!("^{it}")).collect();
        let ahead: Vec<&str> =
            std::iter::once(self.head.as_str()).chain(known.iter().map(String::as_str)).collect();
        let ahead = self.at.count(&ahead, run).await?;
        let behind = match &fork.tip {
            Some(tip) => self.at.count(&[&format!("{}..{tip}", self.head)], run).await?,
            None => 0,
        };
        Ok((ahead, behind))
    }

    /// The changed files.
    ///
    /// # Errors
    /// As [`Self::commits`].
    pub async fn files(&self, part: Part, run: &Run<'_>) -> Result<Vec<FileChange>, Error> {
        let args =
            ["--raw", "--numstat", "-z", "-M", "--no-abbrev", "--no-ext-diff", "--no-textconv"];
        let text = self.diff(part, args.map(str::to_owned).to_vec(), run).await?;
        let untracked = match &self.files {
            Files::Worktree { untracked, .. } if part == Part::Uncommitted => untracked.as_slice(),
            Files::Worktree { .. } | Files::Kept(_) | Files::Gone => &[],
        };
        Ok(parse(&text, untracked))
    }

    /// What git prints.
    ///
    /// # Errors
    /// As [`Self::commits`].
    pub async fn text(&self, part: Part, form: Form, run: &Run<'_>) -> Result<Vec<u8>, Error> {
        let colour = |on| if on { "--color=always" } else { "--color=never" };
        let args = match form {
            Form::Patch { colour: on } => vec![colour(on).to_owned()],
            Form::Stat { colour: on, width } => {
                let stat = width.map_or("--stat".to_owned(), |it| format!("--stat={it}"));
                vec![colour(on).to_owned(), stat, "-M".to_owned()]
            }
            Form::Names => vec!["--name-only".to_owned(), "-M".to_owned()],
        };
        self.diff(part, args, run).await
    }

    /// Whether git may colour diffs that a user sees.
    ///
    /// # Errors
    /// [`Error::Proc`] if the user cancelled.
    pub async fn may_colour(&self, run: &Run<'_>) -> Result<bool, Error> {
        let answer = self.at.ask(["config", "--get-colorbool", "color.diff", "true"], run).await?;
        Ok(answer.map_or(true, |it| text(&it) == "true"))
    }

    /// The user's settings for the pager of diffs.
    ///
    /// # Errors
    /// [`Error::Proc`] if the user cancelled.
    pub async fn pager_settings(&self, run: &Run<'_>) -> Result<PagerSettings, Error> {
        let mut found = PagerSettings::default();
        for (key, setting) in [("pager.diff", &mut found.diff), ("core.pager", &mut found.core)] {
            // Fails if it is not set.
            *setting = self.at.ask(["config", "--get", key], run).await?.ok().map(|it| text(&it));
        }
        Ok(found)
    }

    async fn diff(&self, part: Part, args: Vec<String>, run: &Run<'_>) -> Result<Vec<u8>, Error> {
        let cmd = self.at.cmd().args(["diff", "--ignore-submodules=none"]).args(args);
        let cmd = match (part, &self.files, &self.fork) {
            (Part::Committed, _, Some(fork)) => cmd.args([&fork.id, &self.head]),
            (Part::Uncommitted, Files::Kept(commit), _) => cmd.args([&self.head, commit]),
            (Part::Uncommitted, Files::Worktree { index, .. }, _) => {
                cmd.args([&self.head]).env("GIT_INDEX_FILE", &index.path)
            }
            (Part::Committed, _, None) | (Part::Uncommitted, Files::Gone, _) => {
                return Ok(Vec::new());
            }
        };
        let answer = said(cmd.args(["--"]), run).await?;
        answer.map_err(Error::read("the changes"))
    }
}

/// The head without everything that is known of the base, as lines for `--stdin`.
fn range(fork: &Fork, head: &str) -> String {
    let hidden = fork.known.iter().map(|it| format!("^{it}\n"));
    std::iter::once(format!("{head}\n")).chain(hidden).collect()
}

fn commit(text: &[u8]) -> Option<Commit> {
    let text = text.to_str_lossy();
    let mut lines = text.trim_start_matches('\n').splitn(5, '\n');
    let mut next = || lines.next().map(str::to_owned);
    let (id, short, at, author) = (next()?, next()?, next()?, next()?);
    let seconds: u64 = at.parse().unwrap_or_default();
    let at = Timestamp(seconds.saturating_mul(1000));
    Some(Commit { id, short, at, author, subject: next().unwrap_or_default() })
}

fn text(bytes: &[u8]) -> String {
    bytes.trim_ascii().to_str_lossy().into_owned()
}
