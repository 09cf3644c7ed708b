//! Work from Jira, by a stand-in for `jira`.
use std::path::Path;

use wtmag::{
    brief::{Detail, WorkItem},
    model::{Source, SourceKind},
    proc::never,
    sources::{Context, Error, jira},
};

use super::{FIXTURES, said};

async fn ticket(key: &str, env: &[(&str, &str)]) -> Result<WorkItem, Error> {
    let task = jira::SPEC.parse(key)?.known().unwrap();
    let path = format!("{FIXTURES}/jira:/usr/bin:/bin");
    let env: Vec<_> = [("PATH", path.as_str())].into_iter().chain(env.iter().copied()).collect();
    let cx = Context { dir: Path::new("/"), env: &env, custom: &[], cancel: &never() };
    Ok(task.fetch(&cx).await?.item)
}

#[tokio::test]
async fn a_ticket_of_the_cloud_is_a_document() {
    let item = ticket("PROJ-123", &[]).await.unwrap();
    insta::assert_snapshot!(item.body, @"
    Finance wants the **monthly report** as CSV, see <https://acme.atlassian.net/wiki/x/1>.

    ## Columns

    | name | format |
    | --- | --- |
    | amount | `0.00` |

    > **warning**
    >
    > Excel reads only CRLF.

    - ask @Bob
    - UTF-8 with BOM

    ````csv
    name;amount
    x;1.00
    ````

    [attachment: mockup.png]
    ");
}

#[tokio::test]
async fn a_ticket_comes_with_its_fields_and_comments() {
    let item = ticket("proj-123", &[]).await.unwrap();
    insta::assert_debug_snapshot!(WorkItem { body: String::new(), ..item }, @r#"
    WorkItem {
        source: Source {
            kind: Jira,
            key: "PROJ-123",
            url: Some(
                "https://acme.atlassian.net/browse/PROJ-123",
            ),
            title: "Export the monthly report as CSV",
            rest: {},
        },
        author: Some(
            "Ann Example",
        ),
        state: Some(
            "In Progress",
        ),
        labels: [
            "finance",
            "export",
        ],
        body: "",
        comments: [
            Comment {
                author: Some(
                    "Bob Example",
                ),
                at: "2026-01-06T08:00:00.000+0100",
                text: "Semicolons, please.",
            },
        ],
        view_command: Some(
            "jira issue view PROJ-123 --plain --comments 100",
        ),
        detail: Ticket(
            Ticket {
                kind: Some(
                    "Story",
                ),
                priority: Some(
                    "High",
                ),
                assignee: None,
                parent: Some(
                    "PROJ-100 Reports for finance",
                ),
            },
        ),
    }
    "#);
}

#[tokio::test]
async fn a_ticket_of_an_own_server_is_wiki_markup() {
    let item = ticket("OPS-7", &[]).await.unwrap();
    let url = "https://jira.acme.test/jira/browse/INFRA-9".to_owned();
    let title = "Rotate the certificates".to_owned();
    assert_eq!(item.source, Source::new(SourceKind::Jira, "INFRA-9", &url, title));
    assert!(item.body.starts_with("h2. Why") && item.body.contains("{code:bash}"));
    assert_eq!(item.comments[0].text, "Done for _staging_.");
}

#[tokio::test]
async fn a_ticket_without_an_address_is_asked_for_it() {
    let item = ticket("NEW-1", &[]).await.unwrap();
    assert_eq!(item.source.url.as_deref(), Some("https://acme.atlassian.net/browse/NEW-1"));
    assert_eq!((item.body.as_str(), item.labels.len()), ("", 0));
    let Detail::Ticket(detail) = item.detail else { panic!("no ticket") };
    assert_eq!(detail.kind.as_deref(), Some("Task"));
}

#[tokio::test]
async fn the_text_for_a_person_is_the_fallback() {
    for (key, env) in [("PROJ-123", [("JIRA_STUB_FAIL", "old")]), ("HTML-1", [("X", "")])] {
        let item = ticket(key, &env).await.unwrap();
        assert_eq!(item.source.title.as_str(), "Export the monthly report as CSV");
        assert_eq!(item.source.branch(), format!("jira-ticket-{}", key.to_lowercase()));
        let url = format!("https://acme.atlassian.net/browse/{key}");
        assert_eq!(item.source.url.as_deref(), Some(url.as_str()));
        assert!(item.body.contains("Semicolons, please."), "{}", item.body);
    }
}

#[tokio::test]
async fn each_failure_of_jira_has_its_own_error() {
    let fail = async |how| said(ticket("PROJ-123", &[("JIRA_STUB_FAIL", how)]).await);
    insta::assert_snapshot!(said(ticket("GONE-1", &[]).await), @"
    Jira has no ticket `GONE-1` that you may see
    hint: check the key; `jira me` shows your account
    ");
    insta::assert_snapshot!(fail("token").await, @"
    `jira` is not logged in
    hint: set JIRA_API_TOKEN, then run `jira init`
    ");
    assert_eq!(fail("config").await, fail("token").await);
    assert_eq!(fail("401").await, fail("token").await);
    insta::assert_snapshot!(fail("403").await, @"
    the server refused `jira`: jira: Received unexpected response '403 Forbidden'.
    hint: check with `jira me` that your account may see the project
    ");
    insta::assert_snapshot!(fail("network").await, @r#"
    `jira` could not reach its server: Get "https://acme.atlassian.net/rest/api/3/issue/PROJ-123": dial tcp: lookup acme.atlassian.net: no such host
    hint: check the connection and try again; a task in your own words needs no network
    "#);
    insta::assert_snapshot!(fail("other").await, @"`jira` failed: error: unrecognized subcommand 'issue'");
    insta::assert_snapshot!(said(ticket("PROJ-123", &[("PATH", "/nonexistent")]).await), @"
    `jira` is not installed
    hint: install https://github.com/ankitpokhrel/jira-cli, then run `jira init`
    ");
    insta::assert_snapshot!(said(ticket("--raw", &[]).await), @"
    `--raw` is not a Jira key
    hint: a key looks like `PROJ-123`
    ");
}
