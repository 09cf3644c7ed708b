//! What is open in a project: its issues or merge requests, the newest first.
use super::{
    api::{ask, project, read},
    json::{ItemJson, MergeJson},
};
use crate::sources::{Context, Error, open::Open};

/// The open merge requests of the project, or its open issues: the first hundred.
///
/// # Errors
/// If `glab` is missing, not logged in, or cannot reach the forge.
pub async fn list_open(cx: &Context<'_>, pulls: bool) -> Result<Vec<Open>, Error> {
    let project = project(cx).await?;
    let what = if pulls { "merge_requests" } else { "issues" };
    let query = "state=opened&scope=all&order_by=created_at&sort=desc&per_page=100";
    let path = format!("projects/{}/{what}?{query}", project.id);
    let found = ask(cx, None, &[&path]).await.map_err(|it| it.into_error(cx))?;
    if pulls {
        let all: Vec<MergeJson> = read(&found)?;
        return Ok(all.iter().map(|it| open(&it.item, it.draft)).collect());
    }
    let all: Vec<ItemJson> = read(&found)?;
    Ok(all.iter().map(|it| open(it, false)).collect())
}

fn open(it: &ItemJson, is_draft: bool) -> Open {
    Open::new(it.iid, &it.title, it.labels.iter().map(String::as_str), is_draft)
}
