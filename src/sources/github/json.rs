//! The answers of `gh --json`.
use serde::{Deserialize, de::DeserializeOwned};

use super::PROGRAM;
use crate::{
    brief::{ChangedFile, Comment, Detail, WorkItem},
    model::Source,
    sources::Error,
};

pub(super) fn read<T: DeserializeOwned>(stdout: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(stdout).map_err(|source| Error::Unreadable { program: &PROGRAM, source })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepoJson {
    pub(super) name_with_owner: String,
    pub(super) url: String,
    pub(super) ssh_url: String,
    pub(super) default_branch_ref: Option<Named>,
}

#[derive(Deserialize)]
pub(super) struct ItemJson {
    pub(super) url: String,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) state: String,
    pub(super) author: Option<Login>,
    pub(super) labels: Vec<Named>,
    pub(super) comments: Vec<CommentJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeadJson {
    pub(super) head_ref_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PullJson {
    #[serde(flatten)]
    pub(super) item: ItemJson,
    pub(super) is_draft: bool,
    pub(super) base_ref_name: String,
    pub(super) head_ref_name: String,
    pub(super) head_ref_oid: String,
    pub(super) head_repository: Option<Named>,
    pub(super) head_repository_owner: Option<Login>,
    pub(super) is_cross_repository: bool,
    pub(super) files: Vec<ChangedFile>,
    pub(super) changed_files: u64,
    pub(super) additions: u64,
    pub(super) deletions: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CommentJson {
    pub(super) author: Option<Login>,
    pub(super) body: String,
    pub(super) created_at: String,
}

#[derive(Deserialize)]
pub(super) struct UrlJson {
    pub(super) url: String,
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Oid {
    pub(super) oid: String,
}

#[derive(Deserialize)]
pub(super) struct Login {
    pub(super) login: Option<String>,
}

pub(super) fn is_pull_page(url: &str) -> bool {
    url.rsplit('/').nth(1) == Some("pull")
}

/// The name shown for a deleted account. `gh` gives an empty name for it, or for an app without
/// one.
const GHOST: &str = "a deleted account";

impl ItemJson {
    /// `gh issue view` also answers for a pull request; only the URL shows the difference.
    pub(super) fn is_pull_request(&self) -> bool {
        is_pull_page(&self.url)
    }

    pub(super) fn into_work_item(
        self,
        source: Source,
        view_command: String,
        detail: Detail,
    ) -> WorkItem {
        let login = |author: Option<Login>| {
            author?.login.filter(|login| !matches!(login.as_str(), "" | "app/"))
        };
        let comment = |it: CommentJson| Comment {
            author: login(it.author),
            at: it.created_at,
            text: it.body,
        };
        WorkItem {
            source,
            author: Some(login(self.author).unwrap_or_else(|| GHOST.to_owned())),
            state: Some(self.state),
            labels: self.labels.into_iter().map(|label| label.name).collect(),
            body: self.body,
            comments: self.comments.into_iter().map(comment).collect(),
            view_command: Some(view_command),
            detail,
        }
    }
}
