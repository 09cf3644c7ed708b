//! The repository whose issues and pull requests are meant, as `gh` understands the remotes and
//! `gh repo set-default`.
use super::{
    PROGRAM,
    complaint::{Complaint, complaint, failed},
    json::{RepoJson, read},
    nonsense,
};
use crate::{
    model::Host,
    sources::{
        Context, Error,
        forge::{Forge, is_slug, split_remote},
    },
};

/// For `--repo`: includes the host unless it is github.com.
pub(super) fn argument(forge: &Forge) -> String {
    if forge.host == "github.com" {
        return forge.repo.clone();
    }
    format!("{}/{}", forge.host, forge.repo)
}

/// The repository that `gh` uses for `cx.dir`.
pub async fn fetch_forge(cx: &Context<'_>) -> Result<Forge, Error> {
    let fields = "nameWithOwner,url,sshUrl,defaultBranchRef";
    let output = cx.run(&PROGRAM, &["repo", "view", "--json", fields]).await?;
    if !output.is_success() {
        return Err(match complaint(output.status.code(), &output.stderr_text()) {
            Complaint::NoRepository => Error::NoRepository { dir: cx.dir.to_owned() },
            Complaint::NoRemote => Error::NoRemote,
            Complaint::NotOnGithub => Error::NotOnGithub,
            Complaint::RepoNotFound(repo) => Error::RepoNotFound { repo },
            Complaint::Other(error) => error,
            Complaint::IssuesOff | Complaint::NumberNotFound => failed(&output.stderr_text()),
        });
    }
    let repo: RepoJson = read(&output.stdout)?;
    if !is_slug(&repo.name_with_owner) {
        return Err(nonsense("repository", &repo.name_with_owner));
    }
    let Some((host, _)) = split_remote(&repo.url) else {
        return Err(nonsense("repository's URL", &repo.url));
    };
    Ok(Forge {
        kind: Host::Github,
        host: host.to_owned(),
        repo: repo.name_with_owner,
        ssh_url: repo.ssh_url,
        default_branch: repo.default_branch_ref.map(|it| it.name).filter(|it| !it.is_empty()),
        url: repo.url,
    })
}
