//! Open issues that are the user's, or that have a label.
use serde::Deserialize;

use super::{board, fetch_forge, json::Named, open::list};
use crate::{
    model::SourceKind,
    sources::{
        Context, Error,
        ready::{Ready, Wanted},
    },
};

#[derive(Deserialize)]
struct Row {
    number: u64,
    title: String,
    url: String,
    labels: Vec<Named>,
}

/// By the forge's search, the oldest first.
pub(super) async fn ready(cx: &Context<'_>, wanted: &Wanted) -> Result<Vec<Ready>, Error> {
    let forge = fetch_forge(cx).await?;
    if let (None, Some(column)) = (&wanted.label, &wanted.column) {
        return board::ready(cx, &forge, column).await;
    }
    let whose = match &wanted.label {
        // A quote would end the name.
        Some(label) => format!("label:\"{}\"", label.replace('"', "")),
        None => "assignee:@me".to_owned(),
    };
    let search = format!("{whose} sort:created-asc");
    let fields = "number,title,url,labels";
    let rows: Vec<Row> = list(cx, &forge, "issue", fields, &["--search", &search]).await?;
    let one = |it: Row| {
        let labels: Vec<String> = it.labels.into_iter().map(|it| it.name).collect();
        let url = if it.url.starts_with("https://") { it.url.as_str() } else { "" };
        let number = it.number.to_string();
        let task = (SourceKind::GithubIssue, number.as_str(), url);
        Ready::new((super::SPEC.flag, number.clone()), task, &it.title, &labels)
    };
    Ok(rows.into_iter().map(one).collect())
}
