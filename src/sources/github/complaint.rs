//! What `gh` says went wrong, as an error. It has texts, not codes: 4 is a missing login, all else is 1.
use super::PROGRAM;
use crate::{
    sources::{Error, reason},
    text::one_line,
};

/// A failure of `gh`, as far as it must be told from others.
#[derive(Debug)]
pub(super) enum Complaint {
    NoRepository,
    NoRemote,
    NotOnGithub,
    RepoNotFound(String),
    NumberNotFound,
    IssuesOff,
    Other(Error),
}

pub(super) fn complaint(code: Option<i32>, stderr: &str) -> Complaint {
    let program = &PROGRAM;
    let says = |text: &str| stderr.contains(text);
    let detail = || reason(stderr);
    if code == Some(4) || says("HTTP 401") || says("gh auth login") && says("authentication") {
        return Complaint::Other(Error::NotLoggedIn { program });
    }
    if let Some((_, rest)) = stderr.split_once("Could not resolve to a Repository with the name '")
    {
        let repo = rest.split('\'').next().unwrap_or_default();
        return Complaint::RepoNotFound(one_line(repo, 140));
    }
    if says("Could not resolve to a") {
        return Complaint::NumberNotFound;
    }
    if says("has disabled issues") {
        return Complaint::IssuesOff;
    }
    if says("not a git repository") {
        return Complaint::NoRepository;
    }
    if says("no git remotes found") {
        return Complaint::NoRemote;
    }
    if says("none of the git remotes") {
        return Complaint::NotOnGithub;
    }
    Complaint::Other(if says("HTTP 403") || says("HTTP 429") || says("rate limit") {
        Error::Refused { program, detail: detail() }
    } else if says("error connecting to") || says("dial ") || says("HTTP 5") || says("timeout") {
        Error::Network { program, detail: detail() }
    } else {
        Error::Failed { program, detail: detail() }
    })
}

impl Complaint {
    /// The error of a question that named the repository.
    pub(super) fn into_error(self, repo: &str, stderr: &str) -> Error {
        match self {
            Self::Other(error) => error,
            Self::RepoNotFound(repo) => Error::RepoNotFound { repo },
            Self::IssuesOff => Error::IssuesOff { repo: repo.to_owned() },
            Self::NumberNotFound | Self::NoRepository | Self::NoRemote | Self::NotOnGithub => {
                failed(stderr)
            }
        }
    }
}

pub(super) fn failed(stderr: &str) -> Error {
    Error::Failed { program: &PROGRAM, detail: reason(stderr) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: i32, stderr: &str, want: &str) {
        let got = format!("{:?}", complaint(Some(code), stderr));
        assert!(got.contains(want), "{got}");
    }

    #[test]
    fn a_complaint_is_understood() {
        check(4, "To get started with GitHub CLI, please run:  gh auth login", "NotLoggedIn");
        check(1, "HTTP 401: Bad credentials (https://api.github.com/graphql)", "NotLoggedIn");
        check(1, "HTTP 403: API rate limit exceeded (https://…)", "Refused");
        check(1, "HTTP 502: x (https://api.github.com/graphql)", "Network");
        check(1, "error connecting to api.github.com\ncheck your internet", "Network");
        check(1, "failed to run git: fatal: not a git repository (or any…", "NoRepository");
        check(1, "the 'acme/blog' repository has disabled issues", "IssuesOff");
        check(1, "GraphQL: Could not resolve to a Repository with the name 'a/b'. (x)", "\"a/b\"");
        check(1, "\x1b[31mboom\n", "boom");
        check(2, "", "it did not say why");
    }
}
