//! Pull requests of GitHub and merge requests of GitLab: which forge has one is known by its page. What is
//! open in a repository is asked of its forge.
use super::{
    Context, Error,
    forge::Forge,
    github, gitlab,
    open::Open,
    question::{Found, Question},
};
use crate::model::{Host, PullState};

/// The page of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Page {
    pub kind: Host,
    pub host: String,
    pub repo: String,
    pub number: u64,
}

/// What a URL points to, if it is a pull request.
pub fn page(url: &str) -> Option<Page> {
    let page = |kind, (host, repo, number)| Page { kind, host, repo, number };
    let github = || github::pull_page(url).map(|it| page(Host::Github, it));
    gitlab::pull_page(url).map(|it| page(Host::Gitlab, it)).or_else(github)
}

/// The page of the repository that has this pull request.
pub fn repository(url: &str) -> Option<&str> {
    let found = page(url)?;
    let mark = if found.kind == Host::Gitlab { "/-/merge_requests/" } else { "/pull/" };
    url.find(mark).and_then(|at| url.get(..at))
}

/// The repository's forge, as the forge's own program resolves it.
///
/// # Errors
/// If the program is missing, not logged in, or cannot reach the forge.
pub async fn fetch_forge(cx: &Context<'_>, kind: Host) -> Result<Forge, Error> {
    match kind {
        Host::Gitlab => gitlab::fetch_forge(cx).await,
        Host::Github | Host::Other => github::fetch_forge(cx).await,
    }
}

/// The forge of a server whose name does not tell: one that a program has a login for.
pub async fn kind_of(cx: &Context<'_>, guess: Host, host: &str) -> Host {
    if guess != Host::Other || host.is_empty() || host.starts_with('-') {
        return guess;
    }
    if github::knows(cx, host).await {
        return Host::Github;
    }
    if gitlab::knows(cx, host).await { Host::Gitlab } else { Host::Other }
}

/// The open pull requests of the repository's forge, or its open issues.
///
/// # Errors
/// If the program is missing, not logged in, or cannot reach the forge.
pub async fn list_open(cx: &Context<'_>, kind: Host, pulls: bool) -> Result<Vec<Open>, Error> {
    match kind {
        Host::Gitlab => gitlab::list_open(cx, pulls).await,
        Host::Github | Host::Other => github::list_open(cx, pulls).await,
    }
}

/// Asks the forge once. What it does not have is left out.
///
/// # Errors
/// If it cannot be asked at all.
pub async fn ask(cx: &Context<'_>, kind: Host, question: &Question) -> Result<Vec<Found>, Error> {
    match kind {
        Host::Gitlab => gitlab::ask_pulls(cx, question).await,
        Host::Github | Host::Other => github::ask_pulls(cx, question).await,
    }
}

/// The state of the pull request at this address.
///
/// # Errors
/// If it cannot be asked, or is not there.
pub async fn state(cx: &Context<'_>, url: &str) -> Result<PullState, Error> {
    match page(url).filter(|it| it.kind == Host::Gitlab) {
        Some(page) => gitlab::one(cx, page.host, page.repo, page.number).await.map(|it| it.state),
        None => github::pull_state(cx, url).await,
    }
}

/// The branch that the pull request is for.
///
/// # Errors
/// If it cannot be asked, or is not there.
pub async fn head_branch(cx: &Context<'_>, url: &str) -> Result<String, Error> {
    match page(url).filter(|it| it.kind == Host::Gitlab) {
        Some(page) => gitlab::one(cx, page.host, page.repo, page.number).await.map(|it| it.branch),
        None => github::head_branch(cx, url).await,
    }
}

/// Lets the forge merge the pull request, if its head is this commit. Returns the new commit of the base.
///
/// # Errors
/// If the forge refuses or cannot be asked.
pub async fn merge(cx: &Context<'_>, url: &str, head: &str, method: &str) -> Result<String, Error> {
    match page(url).is_some_and(|it| it.kind == Host::Gitlab) {
        true => gitlab::merge_pull(cx, url, head, method).await,
        false => github::merge_pull(cx, url, head, method).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_the_forge() {
        let found = |url: &str| {
            let it = page(url)?;
            Some((
                it.kind,
                format!("{} {} {}", it.host, it.repo, it.number),
                repository(url)?.to_owned(),
            ))
        };
        assert_eq!(
            found("https://ghe.acme.org/acme/blog/pull/5"),
            Some((
                Host::Github,
                "ghe.acme.org acme/blog 5".into(),
                "https://ghe.acme.org/acme/blog".into()
            ))
        );
        assert_eq!(
            found("https://gitlab.com/a/b/c/-/merge_requests/5"),
            Some((Host::Gitlab, "gitlab.com a/b/c 5".into(), "https://gitlab.com/a/b/c".into()))
        );
        assert_eq!(found("https://gitlab.com/a/b/-/issues/5"), None);
    }
}
