//! Why GitLab gave no task.

#[derive(Debug, thiserror::Error)]
pub enum GitlabError {
    #[error("`{text}` is not the number or the URL of an issue or a merge request")]
    BadNumber { text: String },
    #[error("no remote of the repository is on a GitLab server that `glab` knows")]
    NotOnGitlab,
    #[error("GitLab has no project `{project}` that you may see")]
    NoProject { project: String },
    #[error("GitLab has no project for this repository's remote that you may see")]
    NoProjectHere,
    #[error("`{project}` has no {what} {number}")]
    NotFound { what: &'static str, number: String, project: String },
    #[error(
        "`{url}` belongs to another project; for `glab`, this directory belongs to `{project}`"
    )]
    OtherProject { url: String, project: String },
}

impl GitlabError {
    /// What to do, as one sentence without a full stop.
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::BadNumber { .. } => {
                "pass `12` or `#12` for an issue, `!12` for a merge request, or its URL"
            }
            Self::NotOnGitlab => {
                "for a GitLab server of your own, run `glab auth login --hostname HOST`; for other \
                 servers, give the task in your own words"
            }
            Self::NoProject { .. } | Self::NoProjectHere => {
                "check `git remote -v` and `glab auth status`"
            }
            Self::NotFound { what: "issue", number, .. } => {
                return format!(
                    "to name the merge request of that number: `--gitlab '!{}'`",
                    number.trim_start_matches('#')
                );
            }
            Self::NotFound { .. } => "`glab repo view` shows which project `glab` uses",
            Self::OtherProject { .. } => "run this in a clone of that project",
        };
        hint.to_owned()
    }
}
