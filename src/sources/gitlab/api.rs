//! Asks GitLab's REST interface through `glab api`, and reads what `glab` says when it fails. It has
//! texts, not codes: its exit code is always 1.
use serde::{Deserialize, de::DeserializeOwned};

use super::PROGRAM;
use crate::{
    model::Host,
    sources::{
        Context, Error, GitlabError,
        forge::{Forge, is_path, split_remote},
        reason,
    },
    text::{clean, one_line},
};

/// A failure of `glab`, as far as it must be told from others.
#[derive(Debug)]
pub(super) enum Complaint {
    NotFound,
    NotOnGitlab,
    NoRemote,
    NoRepository,
    Other(Error),
}

/// The project of a directory.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) id: u64,
    pub(super) forge: Forge,
}

#[derive(Deserialize)]
struct ProjectJson {
    id: u64,
    path_with_namespace: String,
    web_url: String,
    #[serde(default)]
    ssh_url_to_repo: String,
    default_branch: Option<String>,
}

/// One request. `host` is that of a URL; without it, `glab` chooses by the remotes.
pub(super) async fn ask(
    cx: &Context<'_>,
    host: Option<&str>,
    args: &[&str],
) -> Result<Vec<u8>, Complaint> {
    let host: Vec<&str> = host.into_iter().flat_map(|it| ["--hostname", it]).collect();
    let args = [&["api"], args, host.as_slice()].concat();
    let output = cx.run(&PROGRAM, &args).await.map_err(Complaint::Other)?;
    if output.is_success() {
        return Ok(output.stdout);
    }
    // What the server says is on standard output.
    let said = format!("{}\n{}", output.stderr_text(), output.stdout_text());
    Err(complaint(&said))
}

/// One answer.
pub(super) async fn get<T: DeserializeOwned>(cx: &Context<'_>, path: &str) -> Result<T, Complaint> {
    let bytes = ask(cx, None, &[path]).await?;
    read(&bytes).map_err(Complaint::Other)
}

/// All pages of a list. Each is printed as an array of its own.
pub(super) async fn list<T: DeserializeOwned>(
    cx: &Context<'_>,
    path: &str,
) -> Result<Vec<T>, Complaint> {
    let bytes = ask(cx, None, &["--paginate", path]).await?;
    let pages = serde_json::Deserializer::from_slice(&bytes).into_iter::<Vec<T>>();
    let pages: Result<Vec<Vec<T>>, _> = pages.collect();
    let pages = pages.map_err(|source| Error::Unreadable { program: &PROGRAM, source });
    Ok(pages.map_err(Complaint::Other)?.into_iter().flatten().collect())
}

pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Unreadable { program: &PROGRAM, source })
}

/// The project that `glab` uses for `cx.dir`.
pub(super) async fn project(cx: &Context<'_>) -> Result<Project, Error> {
    let json: ProjectJson = get(cx, "projects/:fullpath").await.map_err(|it| match it {
        Complaint::NotFound => GitlabError::NoProjectHere.into(),
        other @ (Complaint::NotOnGitlab
        | Complaint::NoRemote
        | Complaint::NoRepository
        | Complaint::Other(_)) => other.into_error(cx),
    })?;
    let nonsense =
        |what, value: &str| Error::Nonsense { program: &PROGRAM, what, value: one_line(value, 80) };
    if !is_path(&json.path_with_namespace) {
        return Err(nonsense("project", &json.path_with_namespace));
    }
    let Some((host, _)) = split_remote(&json.web_url) else {
        return Err(nonsense("project's URL", &json.web_url));
    };
    let forge = Forge {
        kind: Host::Gitlab,
        host: host.to_owned(),
        repo: json.path_with_namespace,
        ssh_url: json.ssh_url_to_repo,
        default_branch: json.default_branch.filter(|it| !it.is_empty()),
        url: json.web_url,
    };
    Ok(Project { id: json.id, forge })
}

impl Complaint {
    /// The error, where it is none of one number.
    pub(super) fn into_error(self, cx: &Context<'_>) -> Error {
        match self {
            Self::NotOnGitlab => GitlabError::NotOnGitlab.into(),
            Self::NoRemote => Error::NoRemote,
            Self::NoRepository => Error::NoRepository { dir: cx.dir.to_owned() },
            Self::NotFound => {
                Error::Failed { program: &PROGRAM, detail: "404 Not Found".to_owned() }
            }
            Self::Other(error) => error,
        }
    }
}

fn complaint(said: &str) -> Complaint {
    let program = &PROGRAM;
    let said = clean(said);
    let says = |text: &str| said.contains(text);
    let detail = || reason(&said);
    if says("none of the git remotes") {
        return Complaint::NotOnGitlab;
    }
    if says("no git remotes found") {
        return Complaint::NoRemote;
    }
    if says("not a git repository") {
        return Complaint::NoRepository;
    }
    // A bare number may be that of an issue or a project in an address.
    let has_status = |code: &str| says(&format!("HTTP {code}")) || says(&format!("\"{code} "));
    if has_status("401") || says("glab auth login") {
        return Complaint::Other(Error::NotLoggedIn { program });
    }
    if has_status("404") {
        return Complaint::NotFound;
    }
    Complaint::Other(if has_status("403") || has_status("429") {
        Error::Refused { program, detail: detail() }
    } else if ["dial ", "no such host", "timeout", "HTTP 5", "connection refused"]
        .iter()
        .any(|it| says(it))
    {
        Error::Network { program, detail: detail() }
    } else {
        Error::Failed { program, detail: detail() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_understood() {
        for (said, want) in [
            ("glab: 401 Unauthorized (HTTP 401)", "NotLoggedIn"),
            ("glab: 404 Project Not Found (HTTP 404)", "NotFound"),
            ("glab: 403 Forbidden (HTTP 403)", "Refused"),
            ("glab: HTTP 502", "Network"),
            ("{\"message\":\"404 Not found\"}", "NotFound"),
            ("Put \"https://a.b/api/v4/projects/401/issues/404\": connection refused", "Network"),
            ("glab: 422 Branch 404 exists (HTTP 422)", "Failed"),
            (
                "Get \"https://gitlab.acme.org/api/v4/x\": dial tcp: lookup gitlab.acme.org: no such host",
                "Network",
            ),
            (
                "none of the git remotes configured for this repository points to a known GitLab host. Please use `glab auth login` to",
                "NotOnGitlab",
            ),
            ("no git remotes found", "NoRemote"),
            ("\u{1b}[31mboom\n", "boom"),
            ("", "did not say why"),
        ] {
            let got = format!("{:?}", complaint(said));
            assert!(got.contains(want), "{said}: {got}");
        }
    }
}
