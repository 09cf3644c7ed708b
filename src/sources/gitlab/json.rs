//! The answers of GitLab's REST interface.
use serde::Deserialize;

use crate::{
    brief::{ChangedFile, Comment, Detail, WorkItem},
    model::Source,
};

#[derive(Deserialize)]
pub(super) struct ItemJson {
    pub(super) iid: u64,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) state: String,
    pub(super) author: Option<User>,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    pub(super) web_url: String,
}

#[derive(Deserialize)]
pub(super) struct MergeJson {
    #[serde(flatten)]
    pub(super) item: ItemJson,
    #[serde(default, alias = "work_in_progress")]
    pub(super) draft: bool,
    pub(super) source_branch: String,
    pub(super) target_branch: String,
    pub(super) sha: Option<String>,
    pub(super) source_project_id: Option<u64>,
    pub(super) target_project_id: u64,
}

#[derive(Deserialize)]
pub(super) struct NoteJson {
    #[serde(default)]
    pub(super) system: bool,
    pub(super) author: Option<User>,
    #[serde(default)]
    pub(super) body: String,
    #[serde(default)]
    pub(super) created_at: String,
}

#[derive(Deserialize)]
pub(super) struct DiffJson {
    pub(super) new_path: String,
    #[serde(default)]
    pub(super) diff: String,
}

#[derive(Deserialize)]
pub(super) struct PathJson {
    pub(super) path_with_namespace: String,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) username: String,
}

impl ItemJson {
    pub(super) fn into_work_item(
        self,
        source: Source,
        notes: Vec<NoteJson>,
        view_command: String,
        detail: Detail,
    ) -> WorkItem {
        // GitLab tells there what was done to it, too.
        let spoken = notes.into_iter().filter(|it| !it.system);
        let comment = |it: NoteJson| Comment {
            author: it.author.map(|it| it.username),
            at: it.created_at,
            text: it.body,
        };
        WorkItem {
            source,
            author: self.author.map(|it| it.username),
            state: Some(self.state),
            labels: self.labels,
            body: self.description.unwrap_or_default(),
            comments: spoken.map(comment).collect(),
            view_command: Some(view_command),
            detail,
        }
    }
}

impl DiffJson {
    /// The file with its changed lines counted.
    pub(super) fn into_file(self) -> ChangedFile {
        let count = |sign: char| {
            let lines = self.diff.lines().filter(|it| it.starts_with(sign)).count();
            u64::try_from(lines).unwrap_or(u64::MAX)
        };
        ChangedFile { additions: count('+'), deletions: count('-'), path: self.new_path }
    }
}
