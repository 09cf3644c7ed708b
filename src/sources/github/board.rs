//! A project board: which issues are in a column, and moving an issue to another one. A column is a value
//! of the board's field `Status`.
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

use super::{
    PROGRAM,
    complaint::complaint,
    forge::fetch_forge,
    json::{Named, read},
};
use crate::{
    model::SourceKind,
    sources::{
        BoardError, Context, Error, Forge,
        ready::{Column, Ready},
    },
    text::one_line,
};

/// Pages of a hundred items that are read.
const MAX_PAGES: usize = 20;

const ITEMS: &str = "query BoardItems($owner: String!, $number: Int!, $after: String) { \
    repositoryOwner(login: $owner) { ... on ProjectV2Owner { projectV2(number: $number) { \
    items(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { \
    fieldValueByName(name: \"Status\") { ... on ProjectV2ItemFieldSingleSelectValue { name } } \
    content { ... on Issue { number title url state labels(first: 20) { nodes { name } } \
    repository { nameWithOwner } } } } } } } } }";

const ITEM: &str = "query BoardItem($owner: String!, $name: String!, $number: Int!) { \
    repository(owner: $owner, name: $name) { issue(number: $number) { projectItems(first: 50) { nodes { \
    id project { id number owner { ... on Organization { login } ... on User { login } } \
    field(name: \"Status\") { ... on ProjectV2SingleSelectField { id options { id name } } } } } } } } }";

const MOVE: &str = "mutation BoardMove($project: ID!, $item: ID!, $field: ID!, $option: String!) { \
    updateProjectV2ItemFieldValue(input: {projectId: $project, itemId: $item, fieldId: $field, \
    value: {singleSelectOptionId: $option}}) { projectV2Item { id } } }";

#[derive(Deserialize)]
struct Data<T> {
    data: Option<T>,
}

#[derive(Deserialize)]
struct Nodes<T> {
    nodes: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerData {
    repository_owner: Option<OwnerJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerJson {
    project_v2: Option<BoardJson>,
}

#[derive(Deserialize)]
struct BoardJson {
    items: PageJson,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageJson {
    page_info: PageInfo,
    nodes: Vec<ItemJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemJson {
    field_value_by_name: Option<ColumnJson>,
    content: Option<ContentJson>,
}

/// Empty for a field of another type.
#[derive(Deserialize)]
struct ColumnJson {
    name: Option<String>,
}

/// Only an issue has all of them.
#[derive(Deserialize)]
struct ContentJson {
    number: Option<u64>,
    title: Option<String>,
    url: Option<String>,
    state: Option<String>,
    labels: Option<Nodes<Named>>,
    repository: Option<RepositoryJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryJson {
    name_with_owner: String,
}

/// The open issues of the repository that are in the column, as the board has them.
pub(super) async fn ready(
    cx: &Context<'_>,
    forge: &Forge,
    Column { board, column }: &Column,
) -> Result<Vec<Ready>, Error> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut variables =
            vec![("owner", board.owner.clone()), ("number", board.number.to_string())];
        variables.extend(after.take().map(|it| ("after", it)));
        let data: OwnerData = ask(cx, &forge.host, ITEMS, &variables).await?;
        let items = data.repository_owner.and_then(|it| it.project_v2);
        let items = items.ok_or_else(|| BoardError::NoBoard { board: board.to_string() })?.items;
        found.extend(items.nodes.into_iter().filter_map(|it| of_column(it, forge, column)));
        after = items.page_info.end_cursor.filter(|_| items.page_info.has_next_page);
        if after.is_none() {
            break;
        }
    }
    Ok(found)
}

fn of_column(item: ItemJson, forge: &Forge, column: &str) -> Option<Ready> {
    let name = item.field_value_by_name?.name?;
    let it = item.content?;
    let is_here = it.repository?.name_with_owner.eq_ignore_ascii_case(&forge.repo);
    let is_ready = is_here && it.state? == "OPEN" && name.eq_ignore_ascii_case(column);
    let number = it.number.filter(|_| is_ready)?.to_string();
    let labels = it.labels.map(|it| it.nodes).unwrap_or_default();
    let labels: Vec<String> = labels.into_iter().map(|it| it.name).collect();
    let url = it.url.filter(|it| it.starts_with("https://")).unwrap_or_default();
    let task = (SourceKind::GithubIssue, number.as_str(), url.as_str());
    Some(Ready::new((super::SPEC.flag, number.clone()), task, &it.title?, &labels))
}

#[derive(Deserialize)]
struct IssueData {
    repository: Option<IssueRepository>,
}

#[derive(Deserialize)]
struct IssueRepository {
    issue: Option<IssueJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IssueJson {
    project_items: Nodes<OnBoard>,
}

#[derive(Deserialize)]
struct OnBoard {
    id: String,
    project: ProjectJson,
}

#[derive(Deserialize)]
struct ProjectJson {
    id: String,
    number: u64,
    owner: LoginJson,
    field: Option<FieldJson>,
}

#[derive(Deserialize)]
struct LoginJson {
    login: Option<String>,
}

#[derive(Deserialize)]
struct FieldJson {
    id: Option<String>,
    #[serde(default)]
    options: Vec<OptionJson>,
}

#[derive(Deserialize)]
struct OptionJson {
    id: String,
    name: String,
}

/// Moves the issue of this repository to the column.
///
/// # Errors
/// If it is not on the board, the board has no such column, or GitHub cannot be asked.
pub async fn move_issue(
    cx: &Context<'_>,
    number: &str,
    Column { board, column }: &Column,
) -> Result<(), Error> {
    let forge = fetch_forge(cx).await?;
    let (owner, name) = forge.repo.split_once('/').unwrap_or_default();
    let asked =
        [("owner", owner.to_owned()), ("name", name.to_owned()), ("number", number.to_owned())];
    let data: IssueData = ask(cx, &forge.host, ITEM, &asked).await?;
    let issue = data.repository.and_then(|it| it.issue);
    let items = issue.map(|it| it.project_items.nodes).unwrap_or_default();
    let is_it = |it: &OnBoard| {
        let owner = it.project.owner.login.as_deref().unwrap_or_default();
        it.project.number == board.number && owner.eq_ignore_ascii_case(&board.owner)
    };
    let item = items.into_iter().find(is_it).ok_or_else(|| BoardError::NotOnBoard {
        number: number.to_owned(),
        board: board.to_string(),
    })?;
    let field = item.project.field;
    let options = field.as_ref().map(|it| it.options.as_slice()).unwrap_or_default();
    let option = options.iter().find(|it| it.name.eq_ignore_ascii_case(column));
    let (Some(field), Some(option)) = (field.as_ref().and_then(|it| it.id.clone()), option) else {
        let known = options.iter().map(|it| one_line(&it.name, 60)).collect();
        let (board, column) = (board.to_string(), column.clone());
        return Err(BoardError::NoColumn { board, column, known }.into());
    };
    let ids = [
        ("project", item.project.id),
        ("item", item.id),
        ("field", field),
        ("option", option.id.clone()),
    ];
    ask::<MovedData>(cx, &forge.host, MOVE, &ids).await.map(drop)
}

/// The server's answer to a move. In that to one which it refused, the value is null.
#[derive(Deserialize)]
struct MovedData {
    #[serde(rename = "updateProjectV2ItemFieldValue")]
    _moved: Moved,
}

#[derive(Deserialize)]
struct Moved {
    #[serde(rename = "projectV2Item")]
    _item: IgnoredAny,
}

/// One question of GraphQL. A number is an integer there, and any other variable a text.
async fn ask<T: DeserializeOwned>(
    cx: &Context<'_>,
    host: &str,
    query: &str,
    variables: &[(&str, String)],
) -> Result<T, Error> {
    let mut args = vec!["api".to_owned(), "graphql".to_owned()];
    args.extend([
        "--hostname".to_owned(),
        host.to_owned(),
        "-f".to_owned(),
        format!("query={query}"),
    ]);
    for (name, value) in variables {
        let flag = if *name == "number" { "-F" } else { "-f" };
        args.extend([flag.to_owned(), format!("{name}={value}")]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = cx.run(&PROGRAM, &args).await?;
    // With what it may not see, gh fails and prints the rest.
    let answer: Result<Data<T>, Error> = read(&output.stdout);
    match answer {
        Ok(Data { data: Some(data) }) => return Ok(data),
        Err(error) if output.is_success() => return Err(error),
        Ok(Data { data: None }) | Err(_) => {}
    }
    let stderr = output.stderr_text();
    Err(complaint(output.status.code(), &stderr).into_error("the project board", &stderr))
}
