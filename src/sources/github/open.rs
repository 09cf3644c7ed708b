//! What is open in a repository: its issues or pull requests, the newest first.
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    PROGRAM,
    complaint::complaint,
    fetch_forge,
    forge::argument,
    json::{Named, read},
};
use crate::sources::{Context, Error, forge::Forge, open::Open};

/// So many are asked for.
const LIMIT: &str = "200";

#[derive(Deserialize)]
struct Row {
    number: u64,
    title: String,
    #[serde(default)]
    labels: Vec<Named>,
    #[serde(default, rename = "isDraft")]
    is_draft: bool,
}

/// The open pull requests of the repository, or its open issues.
///
/// # Errors
/// If `gh` is missing, not logged in, or cannot reach the forge.
pub async fn list_open(cx: &Context<'_>, pulls: bool) -> Result<Vec<Open>, Error> {
    let forge = fetch_forge(cx).await?;
    let (what, fields) = if pulls {
        ("pr", "number,title,labels,isDraft")
    } else {
        ("issue", "number,title,labels")
    };
    let rows: Vec<Row> = list(cx, &forge, what, fields, &[]).await?;
    Ok(rows.into_iter().map(open).collect())
}

/// The open issues or pull requests of the repository, with these fields.
pub(super) async fn list<T: DeserializeOwned>(
    cx: &Context<'_>,
    forge: &Forge,
    what: &str,
    fields: &str,
    filter: &[&str],
) -> Result<Vec<T>, Error> {
    let repo = argument(forge);
    let args = [what, "list", "--repo", &repo, "--limit", LIMIT, "--json", fields];
    let output = cx.run(&PROGRAM, &[&args, filter].concat()).await?;
    if output.is_success() {
        return read(&output.stdout);
    }
    let stderr = output.stderr_text();
    Err(complaint(output.status.code(), &stderr).into_error(&forge.repo, &stderr))
}

fn open(row: Row) -> Open {
    Open::new(row.number, &row.title, row.labels.iter().map(|it| it.name.as_str()), row.is_draft)
}
