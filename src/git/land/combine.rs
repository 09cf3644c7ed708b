//! Builds the commits that the target shall become, in the object store only: no worktree, no index
//! and no ref is changed.
use std::fmt;

use gix::bstr::ByteSlice as _;

use super::facts::Outcome;
use crate::git::{
    Error, Run,
    at::{At, said},
};

/// How the work becomes part of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A merge commit.
    Merge,
    /// One commit with all changes.
    Squash,
    /// A copy of each commit on top of the target.
    Rebase,
    /// The commits themselves; only if the target has no others.
    Ff,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Merge => "merge",
            Self::Squash => "squash",
            Self::Rebase => "rebase",
            Self::Ff => "ff",
        })
    }
}

/// What to build.
#[derive(Clone, Debug)]
pub struct LandOptions<'a> {
    pub mode: Mode,
    pub branch: &'a str,
    /// The message of the new commit, if one is made.
    pub message: Option<&'a str>,
}

/// The commits involved.
#[derive(Clone, Debug)]
pub(super) struct Ids<'a> {
    pub tip: &'a str,
    /// Where the branch left its base.
    pub fork: &'a str,
    /// The target, or the later commit to which it catches up.
    pub onto: &'a str,
    pub target: &'a str,
    /// Where the branch was created, if that is recorded.
    pub start: Option<&'a str>,
    pub into: &'a str,
}

/// Most commits of one rebase.
const MAX_COMMITS: usize = 2000;

/// A merge of two commits.
enum Merged {
    Tree(String),
    Conflict(Vec<String>),
}

type Built = Result<Outcome, Stop>;

/// Why nothing was built.
enum Stop {
    /// git's message.
    Said(String),
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Builds the result.
///
/// # Errors
/// [`Error::Proc`] if the user cancelled.
pub(super) async fn build(
    at: &At,
    options: &LandOptions<'_>,
    ids: &Ids<'_>,
    run: &Run<'_>,
) -> Result<Outcome, Error> {
    let built = Builder { at, options, ids, run }.build().await;
    match built {
        Ok(outcome) => Ok(outcome),
        Err(Stop::Said(why)) => Ok(Outcome::Failed { why }),
        Err(Stop::Error(error)) => Err(error),
    }
}

struct Builder<'a, 'r> {
    at: &'a At,
    options: &'a LandOptions<'a>,
    ids: &'a Ids<'a>,
    run: &'a Run<'r>,
}

impl Builder<'_, '_> {
    async fn build(&self) -> Built {
        let Ids { tip, fork, onto, target, start, .. } = *self.ids;
        if self.is_in(tip, target).await? {
            let is_empty = match start {
                Some(start) => tip == start || self.is_in(tip, start).await?,
                None => true,
            };
            return Ok(if is_empty { Outcome::Empty } else { Outcome::Landed });
        }
        if self.is_in(tip, onto).await? {
            return Ok(Outcome::Landed);
        }
        let is_rewritten = !self.is_in(fork, onto).await?;
        match self.options.mode {
            Mode::Ff if self.is_in(target, tip).await? => {
                Ok(Outcome::Ready { commit: tip.to_owned() })
            }
            Mode::Ff => match self.own_changes().await? {
                Merged::Tree(tree) if tree == self.tree(onto).await? => Ok(Outcome::Landed),
                Merged::Tree(_) | Merged::Conflict(_) => Ok(Outcome::NotForward),
            },
            Mode::Merge if is_rewritten => Ok(Outcome::Rewritten),
            Mode::Merge => self.merge().await,
            Mode::Squash => self.squash().await,
            Mode::Rebase => self.rebase().await,
        }
    }

    async fn merge(&self) -> Built {
        let Ids { tip, onto, into, .. } = *self.ids;
        let tree = match self.merged(onto, tip).await? {
            Merged::Tree(tree) => tree,
            Merged::Conflict(files) => return Ok(Outcome::Conflict { files, at: None }),
        };
        if tree == self.tree(onto).await? {
            return Ok(Outcome::Landed);
        }
        let usual = format!("Merge branch '{}' into {into}\n", self.options.branch);
        let message = self.options.message.unwrap_or(&usual);
        let commit = self.commit(&tree, &[onto, tip], message.as_bytes(), None).await?;
        Ok(Outcome::Ready { commit })
    }

    /// The branch's own changes since the fork, whatever else its history contains.
    async fn own_changes(&self) -> Result<Merged, Stop> {
        let Ids { tip, fork, onto, .. } = *self.ids;
        // Both sides get the fork as their only parent, so that it is the base of the merge.
        let ours = self.stand_in(onto, fork).await?;
        let theirs = self.stand_in(tip, fork).await?;
        self.merged(&ours, &theirs).await
    }

    async fn squash(&self) -> Built {
        let onto = self.ids.onto;
        let tree = match self.own_changes().await? {
            Merged::Tree(tree) => tree,
            Merged::Conflict(files) => return Ok(Outcome::Conflict { files, at: None }),
        };
        if tree == self.tree(onto).await? {
            return Ok(Outcome::Landed);
        }
        let usual = self.squash_message().await?;
        let message = self.options.message.map_or(usual, |it| it.as_bytes().to_vec());
        let commit = self.commit(&tree, &[onto], &message, None).await?;
        Ok(Outcome::Ready { commit })
    }

    /// The only commit's own message, or the subjects of all.
    async fn squash_message(&self) -> Result<Vec<u8>, Stop> {
        let commits = self.own_commits().await?;
        if let [only] = commits.as_slice() {
            return Ok(self.raw(only).await?.message);
        }
        let mut message = format!("{}\n", self.options.branch);
        for (n, commit) in commits.iter().enumerate() {
            let raw = self.raw(commit).await?;
            let subject = raw.message.lines().next().unwrap_or_default().to_str_lossy();
            message += &format!("{}- {subject}\n", if n == 0 { "\n" } else { "" });
        }
        Ok(message.into_bytes())
    }

    async fn rebase(&self) -> Built {
        let Ids { onto, .. } = *self.ids;
        let commits = self.own_commits().await?;
        if commits.len() > MAX_COMMITS {
            return Err(Stop::Said(format!("more than {MAX_COMMITS} commits")));
        }
        let mut new = onto.to_owned();
        for commit in &commits {
            match self.copy(commit, &new).await? {
                Ok(copy) => new = copy,
                Err(files) => {
                    return Ok(Outcome::Conflict { files, at: Some(short(commit)) });
                }
            }
        }
        if new == onto {
            return Ok(Outcome::Landed);
        }
        // Merges among the commits were left out, with what was changed in them.
        if self.has_merges().await? {
            match self.own_changes().await? {
                Merged::Tree(tree) if tree == self.tree(&new).await? => {}
                Merged::Tree(_) | Merged::Conflict(_) => return Ok(Outcome::Unequal),
            }
        }
        Ok(Outcome::Ready { commit: new })
    }

    /// One commit on top of another one, or the files that conflict.
    async fn copy(&self, commit: &str, onto: &str) -> Result<Result<String, Vec<String>>, Stop> {
        let raw = self.raw(commit).await?;
        let Some(parent) = raw.parents.first() else {
            return Err(Stop::Said(format!("commit {} has no parent", short(commit))));
        };
        if parent == onto {
            return Ok(Ok(commit.to_owned()));
        }
        let ours = self.stand_in(onto, parent).await?;
        let tree = match self.merged(&ours, commit).await? {
            Merged::Tree(tree) => tree,
            Merged::Conflict(files) => return Ok(Err(files)),
        };
        let was_empty = raw.tree == self.tree(parent).await?;
        if tree == self.tree(onto).await? && !was_empty {
            // The target has this change already.
            return Ok(Ok(onto.to_owned()));
        }
        Ok(Ok(self.commit(&tree, &[onto], &raw.message, Some(&raw)).await?))
    }

    /// Oldest first, without merges.
    async fn own_commits(&self) -> Result<Vec<String>, Stop> {
        let args = ["rev-list", "--reverse", "--topo-order", "--no-merges"];
        let text = self.git(&[&args[..], &self.range()].concat()).await?;
        Ok(lines(&text))
    }

    async fn has_merges(&self) -> Result<bool, Stop> {
        let args = ["rev-list", "--merges", "--max-count=1"];
        Ok(!self.git(&[&args[..], &self.range()].concat()).await?.is_empty())
    }

    /// What the branch has and neither its base nor the target has.
    fn range(&self) -> [&str; 5] {
        let Ids { tip, fork, onto, target, .. } = *self.ids;
        [tip, "--not", fork, onto, target]
    }

    /// The files of a commit with another parent.
    async fn stand_in(&self, commit: &str, parent: &str) -> Result<String, Stop> {
        let tree = self.tree(commit).await?;
        let cmd = self.at.cmd().args(["commit-tree", &tree, "-p", parent, "-m", "wtmag"]);
        let cmd = ["AUTHOR", "COMMITTER"].iter().fold(cmd, |cmd, who| {
            let cmd = cmd.env(format!("GIT_{who}_NAME"), "wtmag");
            let cmd = cmd.env(format!("GIT_{who}_EMAIL"), "wtmag@localhost");
            cmd.env(format!("GIT_{who}_DATE"), "1000000000 +0000")
        });
        let id = said(cmd, self.run).await?.map_err(Stop::Said)?;
        Ok(text(&id))
    }

    async fn merged(&self, ours: &str, theirs: &str) -> Result<Merged, Stop> {
        let args = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"];
        let cmd = self.at.cmd().args(args).args([ours, theirs]);
        let output = cmd.run(self.run.cancel).await.map_err(Error::from)?;
        let mut parts = output.stdout.split_str("\0").filter(|it| !it.is_empty());
        let tree = parts.next().map(text).unwrap_or_default();
        match output.status.code() {
            Some(0) => Ok(Merged::Tree(tree)),
            Some(1) if !tree.is_empty() => {
                let mut files: Vec<String> = parts.map(|it| it.to_str_lossy().into()).collect();
                files.dedup();
                Ok(Merged::Conflict(files))
            }
            _ => {
                let why = crate::git::fetch::first_line(&output.stderr_text());
                let is_old = why.contains("usage") || why.contains("unknown option");
                let why = if is_old { "git 2.38 or later is needed".to_owned() } else { why };
                Err(Stop::Said(why))
            }
        }
    }

    /// Makes a commit; a copy of another one keeps its author.
    async fn commit(
        &self,
        tree: &str,
        parents: &[&str],
        message: &[u8],
        like: Option<&Raw>,
    ) -> Result<String, Stop> {
        let mut cmd = self.at.cmd();
        if let Some(encoding) = like.and_then(|it| it.encoding.as_ref()) {
            cmd = cmd.args(["-c", &format!("i18n.commitEncoding={encoding}")]);
        }
        cmd = cmd.args(["commit-tree", tree]);
        for parent in parents {
            cmd = cmd.args(["-p", parent]);
        }
        let sign = ["config", "--type=bool", "--get", "commit.gpgSign"];
        if self.at.ask(sign, self.run).await?.is_ok_and(|it| text(&it) == "true") {
            cmd = cmd.args(["-S"]);
        }
        if let Some(Raw { name, email, date, .. }) = like {
            cmd = cmd.env("GIT_AUTHOR_NAME", name).env("GIT_AUTHOR_EMAIL", email);
            cmd = cmd.env("GIT_AUTHOR_DATE", date);
        }
        let id = said(cmd.args(["-F", "-"]).stdin(message), self.run).await?.map_err(Stop::Said)?;
        Ok(text(&id))
    }

    async fn tree(&self, commit: &str) -> Result<String, Stop> {
        Ok(text(&self.git(&["rev-parse", "--verify", &format!("{commit}^{{tree}}")]).await?))
    }

    async fn raw(&self, commit: &str) -> Result<Raw, Stop> {
        let bytes = self.git(&["cat-file", "commit", commit]).await?;
        Raw::parse(&bytes).ok_or_else(|| Stop::Said(format!("commit {commit} is damaged")))
    }

    /// Whether `a` is `b` or its ancestor.
    async fn is_in(&self, a: &str, b: &str) -> Result<bool, Stop> {
        Ok(self.at.is_ancestor(a, b, self.run).await?)
    }

    async fn git(&self, args: &[&str]) -> Result<Vec<u8>, Stop> {
        self.at.ask(args, self.run).await?.map_err(Stop::Said)
    }
}

/// A commit as git stores it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Raw {
    tree: String,
    parents: Vec<String>,
    name: String,
    email: String,
    date: String,
    encoding: Option<String>,
    message: Vec<u8>,
}

impl Raw {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, message) = bytes.split_once_str("\n\n")?;
        let mut raw = Self { message: message.to_owned(), ..Self::default() };
        for line in head.lines() {
            let line = line.to_str_lossy();
            let Some((key, value)) = line.split_once(' ') else { continue };
            match key {
                "tree" => value.clone_into(&mut raw.tree),
                "parent" => raw.parents.push(value.to_owned()),
                "encoding" => raw.encoding = Some(value.to_owned()),
                "author" => {
                    let (name, rest) = value.split_once('<')?;
                    let (email, date) = rest.rsplit_once('>')?;
                    name.trim().clone_into(&mut raw.name);
                    email.clone_into(&mut raw.email);
                    raw.date = format!("@{}", date.trim());
                }
                _ => {}
            }
        }
        (!raw.tree.is_empty()).then_some(raw)
    }
}

fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

fn lines(text: &[u8]) -> Vec<String> {
    text.lines().map(|it| it.to_str_lossy().into_owned()).collect()
}

fn text(bytes: &[u8]) -> String {
    bytes.trim_ascii().to_str_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_read_as_it_is_stored() {
        let text = b"tree 1\nparent 2\nparent 3\nauthor Ann B <a@b> 100 +0200\n\
            committer C <c> 101 +0000\ngpgsig x\n parent 9\nencoding latin1\n\nSubject\n\nBody\n";
        let want = Raw {
            tree: "1".into(),
            parents: vec!["2".into(), "3".into()],
            name: "Ann B".into(),
            email: "a@b".into(),
            date: "@100 +0200".into(),
            encoding: Some("latin1".into()),
            message: b"Subject\n\nBody\n".to_vec(),
        };
        assert_eq!(Raw::parse(text), Some(want));
        assert_eq!(Raw::parse(b"nothing"), None);
    }
}
