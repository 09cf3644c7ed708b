//! Why a task could not be fetched, and what the user can do.
use std::{io, path::PathBuf, time::Duration};

use super::{BoardError, CustomError, GitlabError, Program};

/// Whenever one of these is returned, nothing was created.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{program}` is not installed")]
    Missing { program: &'static Program },
    #[error("`{program}` is not logged in")]
    NotLoggedIn { program: &'static Program },
    #[error("`{program}` did not answer within {} s", limit.as_secs())]
    TimedOut { program: &'static Program, limit: Duration },
    #[error("`{program}` could not reach its server: {detail}")]
    Network { program: &'static Program, detail: String },
    #[error("the server refused `{program}`: {detail}")]
    Refused { program: &'static Program, detail: String },
    #[error("could not run `{program}`")]
    Start { program: &'static Program, source: io::Error },
    #[error("`{program}` failed: {detail}")]
    Failed { program: &'static Program, detail: String },
    #[error("`{program}` printed something that wtmag cannot read")]
    Unreadable { program: &'static Program, source: serde_json::Error },
    #[error("`{program}` gave `{value}` as the {what}")]
    Nonsense { program: &'static Program, what: &'static str, value: String },
    #[error("`{}` is not in a git repository", dir.display())]
    NoRepository { dir: PathBuf },
    #[error("the repository has no remote")]
    NoRemote,
    #[error("no remote of the repository is on GitHub")]
    NotOnGithub,
    #[error("GitHub has no repository `{repo}` that you may see")]
    RepoNotFound { repo: String },
    #[error("issues are switched off in `{repo}`")]
    IssuesOff { repo: String },
    #[error("`{repo}` has no {what} #{number}")]
    NotFound { what: &'static str, number: String, repo: String },
    #[error("#{number} of `{repo}` is a pull request, not an issue")]
    IsPullRequest { number: String, repo: String },
    #[error("#{number} of `{repo}` is an issue, not a pull request")]
    IsIssue { number: String, repo: String },
    #[error("`{text}` is not the number or the URL of an issue or a pull request")]
    BadNumber { text: String },
    #[error("`{key}` is not a Jira key")]
    BadKey { key: String },
    #[error("`[ready] jql` is not set, so wtmag does not know which tickets are ready")]
    NoQuery,
    #[error("Jira has no ticket `{key}` that you may see")]
    TicketNotFound { key: String },
    #[error("`{id}` is not the id of a bead")]
    BadBead { id: String },
    #[error("beads has no bead `{id}` in this repository")]
    NoBead { id: String },
    #[error(transparent)]
    Custom(#[from] CustomError),
    #[error(transparent)]
    Gitlab(#[from] GitlabError),
    #[error(transparent)]
    Board(#[from] BoardError),
    #[error("`{name}` is not the name of an OpenSpec change")]
    BadChange { name: String },
    #[error("this repository has no OpenSpec change `{name}`")]
    NoChange { name: String },
    #[error("could not read `{}`", path.display())]
    ChangeFile { path: PathBuf, source: io::Error },
    #[error("the prompt is empty")]
    EmptyPrompt,
    #[error("could not read the prompt from standard input")]
    Stdin(#[source] io::Error),
    #[error("could not read the task from `{}`", path.display())]
    PromptFile { path: PathBuf, source: io::Error },
    #[error("`{url}` belongs to another repository; for `gh`, this directory belongs to `{repo}`")]
    OtherRepository { url: String, repo: String },
    #[error("could not read the template `{}`", path.display())]
    Template { path: PathBuf, source: io::Error },
    #[error("the forge did not merge {url}: {why}")]
    NotMerged { url: String, why: String },
    #[error("interrupted")]
    Cancelled,
}

impl Error {
    /// What to do, as one sentence without a full stop.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { program } => program.install,
            Self::NotLoggedIn { program } => program.log_in,
            Self::Refused { program, .. } => program.refused,
            Self::TimedOut { .. } | Self::Network { .. } => {
                "check the connection and try again; a task in your own words needs no network"
            }
            Self::NoRepository { .. } => "run this inside a repository",
            Self::NoRemote => {
                "add one with `git remote add origin <url>`, or give the task in your own words"
            }
            Self::NotOnGithub => {
                "check GH_HOST, if it is set; for a GitHub server of your own, run \
                 `gh auth login --hostname <host>`; elsewhere give the task in your own words"
            }
            Self::RepoNotFound { .. } => {
                "check `git remote -v` and `gh auth status`; \
                 `gh repo set-default` chooses between remotes"
            }
            Self::IssuesOff { .. } => "`gh repo set-default` chooses another repository",
            Self::NotFound { .. } => "`gh repo set-default --view` shows which repository is asked",
            Self::BadNumber { .. } => {
                "pass `456`, `#456` or `https://github.com/OWNER/REPO/issues/456`"
            }
            Self::OtherRepository { .. } => {
                "run this in a clone of that repository; `gh repo set-default` chooses between remotes"
            }
            Self::BadKey { .. } => "a key looks like `PROJ-123`",
            Self::NoQuery => {
                "set it with `wtmag config edit`; `wtmag help sources` shows an example"
            }
            Self::TicketNotFound { .. } => "check the key; `jira me` shows your account",
            Self::BadBead { .. } => "an id looks like `bd-a1b2`; `bd list` shows them",
            Self::NoBead { .. } => "`bd list` shows the beads; `bd where` which database is used",
            Self::BadChange { .. } => "it is the name of a directory in `openspec/changes`",
            Self::NoChange { .. } => {
                "`openspec list` shows them; a change in another worktree is not seen here"
            }
            Self::Custom(error) => return Some(error.hint()),
            Self::Gitlab(error) => return Some(error.hint()),
            Self::Board(error) => return Some(error.hint()),
            Self::EmptyPrompt => "say what to do: `wtmag create \"Make the tests faster\"`",
            Self::Unreadable { .. } | Self::Nonsense { .. } => "run `wtmag doctor` for its version",
            Self::IsPullRequest { number, .. } => {
                return Some(format!("to review it: `wtmag create --github {number}`"));
            }
            Self::IsIssue { number, .. } => {
                return Some(format!("to work on it: `wtmag create --github {number}`"));
            }
            Self::Start { .. }
            | Self::Failed { .. }
            | Self::Stdin(_)
            | Self::PromptFile { .. }
            | Self::ChangeFile { .. }
            | Self::Template { .. }
            | Self::NotMerged { .. }
            | Self::Cancelled => return None,
        };
        Some(hint.to_owned())
    }
}
