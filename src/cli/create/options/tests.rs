//! The forms that users type, and what is refused before anything happens.
use clap::Parser;

use super::*;
use crate::model::SourceKind;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

#[track_caller]
fn parse(line: &[&str]) -> Result<CreateOptions, String> {
    let words = std::iter::once(&"create").chain(line);
    let line = Line::try_parse_from(words).map_err(|it| it.to_string())?;
    let checked = line.args.check(&b"from stdin"[..]).map_err(|it| it.to_string())?;
    let task = match &checked.asked {
        Asked::Prompt(text) => Task::Prompt(text.clone()),
        // Without an answer of GitHub's, an issue.
        Asked::Kept(it) => Task::Kept(it.known().unwrap_or(sources::Task {
            spec: it.spec,
            kind: it.kind.unwrap_or(SourceKind::GithubIssue),
            key: it.key.clone(),
        })),
    };
    checked.options(task).map_err(|it| it.to_string())
}

/// Key and kind of a task that a source keeps.
fn kept(line: &[&str]) -> (String, Option<SourceKind>) {
    let words = std::iter::once(&"create").chain(line);
    let line = Line::try_parse_from(words).unwrap();
    match line.args.check(&b""[..]).unwrap().asked {
        Asked::Kept(it) => (it.key, it.kind),
        Asked::Prompt(text) => panic!("{text}"),
    }
}

#[track_caller]
fn refused(line: &[&str], why: &str) {
    let said = parse(line).unwrap_err();
    assert!(said.contains(why), "{line:?}: {said}");
}

#[test]
fn the_known_forms_are_understood() {
    let options = parse(&["--github", "456", "-t", "issue"]).unwrap();
    assert_eq!(options.task.outline().to_string(), "issue #456");
    assert_eq!((options.placement, options.open_pr), (None, true));
    let options = parse(&["--github", "456", "-t", "issue", "-w"]).unwrap();
    assert_eq!(options.placement, Some(Placement::Window));
    let options = parse(&["--github", "234", "-t", "pr", "-s"]).unwrap();
    assert_eq!(options.task.outline().to_string(), "PR #234");
    assert_eq!(options.placement, Some(Placement::Session));
    let options = parse(&["--jira", "proj-123"]).unwrap();
    assert_eq!(options.task.outline().branch(), "jira-ticket-proj-123");
    let options = parse(&["--prompt", "Custom task"]).unwrap();
    assert!(matches!(&options.task, Task::Prompt(text) if text == "Custom task"));
    assert!(!options.open_pr);
    let options = parse(&["--github", "#4", "-t", "issue", "--prompt", "Focus on tests"]).unwrap();
    assert_eq!(options.instructions.as_deref(), Some("Focus on tests"));
    let model = ["--model", "anthropic/claude-sonnet-4.5:max"];
    let options = parse(&[&["--github", "456", "-t", "issue"], &model[..]].concat()).unwrap();
    assert_eq!(options.model.unwrap().to_string(), model[1]);
}

#[test]
fn a_prompt_may_look_like_a_flag_or_come_from_stdin() {
    let options = parse(&["--prompt", "--force everything"]).unwrap();
    assert!(matches!(&options.task, Task::Prompt(text) if text == "--force everything"));
    let options = parse(&["--prompt", "-"]).unwrap();
    assert!(matches!(&options.task, Task::Prompt(text) if text == "from stdin"));
}

#[test]
fn there_is_exactly_one_task() {
    refused(&[], "no task given");
    refused(&["--agent", "pi"], "no task given");
    refused(&["--github", "1", "-t", "pr", "--jira", "A-1"], "cannot be combined");
    refused(&["-t", "pr", "--prompt", "x"], "needs `--github N`");
    refused(&["--github", "0", "-t", "pr"], "`0` is not the number or the URL of an issue");
    refused(&["--github", "x", "-t", "pr"], "`x` is not the number or the URL of an issue");
    refused(&["--github", "1", "-t", "x"], "possible values: issue, mr, pr");
    refused(&["--jira", "AB-1", "-t", "pr"], "cannot be used with `--jira`");
    refused(&["--jira", "nonsense"], "is not a Jira key");
    refused(&["--prompt", " "], "the prompt is empty");
    refused(&["--prompt", "a\0b"], "NUL");
}

#[test]
fn a_task_may_be_said_in_many_ways() {
    let task = |line: &[&str]| parse(line).unwrap().task;
    assert!(matches!(task(&["Fix the bug"]), Task::Prompt(text) if text == "Fix the bug"));
    assert!(matches!(task(&["-"]), Task::Prompt(text) if text == "from stdin"));
    assert!(matches!(task(&["--", "-x"]), Task::Prompt(text) if text == "-x"));
    let open = |line: &[&str], kind| assert_eq!(kept(line), ("7".to_owned(), kind), "{line:?}");
    open(&["--github", "#7"], None);
    open(&["--github", "https://github.com/acme/blog/pull/7"], Some(SourceKind::GithubPr));
    let issue = ["--github", "https://github.com/acme/blog/issues/7", "-t", "issue"];
    open(&issue, Some(SourceKind::GithubIssue));
    let options = parse(&["--github", "7", "Mind the tests"]).unwrap();
    assert_eq!(options.instructions.as_deref(), Some("Mind the tests"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file.as_file(), b"- from a file\n").unwrap();
    let path = file.path().to_str().unwrap();
    assert!(matches!(task(&["-f", path]), Task::Prompt(text) if text == "- from a file\n"));
}

#[test]
fn what_contradicts_itself_is_refused() {
    refused(&["x", "--prompt", "y"], "given twice");
    refused(&["x", "-f", "y"], "given twice");
    refused(
        &["--github", "https://github.com/a/b/pull/1", "-t", "issue"],
        "is a pull request, but `-t` says `issue`",
    );
    refused(&["-f", "/no/such/file"], "could not read the task from `/no/such/file`");
    refused(&["--prompt", "x", "-w", "-s"], "cannot be combined");
    refused(&["--prompt", "x", "-w", "--launch", "session"], "cannot be combined");
    refused(&["--prompt", "x", "--no-wait", "--wait"], "cannot be used with");
    refused(&["--prompt", "x", "--no-hooks", "--yes"], "cannot be used with");
    refused(&["--github", "1", "-t", "pr", "--base", "main"], "cannot be used with a pull request");
    assert!(parse(&["--prompt", "x", "-w", "--launch", "window"]).is_ok());
}

#[test]
fn names_and_models_are_checked_first() {
    refused(&["--prompt", "x", "--name", "a..b"], "cannot be used as a branch name");
    refused(&["--prompt", "x", "--name=-f"], "starts with `-`");
    refused(&["--prompt", "x", "--base", "a b"], "cannot be used as a base");
    refused(&["x", "--base", "HEAD~1"], "pass the commit: `--base $(git rev-parse ");
    assert_eq!(parse(&["x", "--base", "HEAD"]).unwrap().base.as_deref(), Some("HEAD"));
    refused(&["--prompt", "x", "--model", "gpt"], "not of the form");
    refused(&["--prompt", "x", "--model", "a/b:huge"], "not a thinking level");
    refused(&["--prompt", "x", "--model", "a/:high"], "not of the form");
}

#[test]
fn waiting_has_a_limit_unless_for_a_state() {
    let wait = |line: &[&str]| parse(&[&["--prompt", "x"], line].concat()).unwrap().wait;
    let plain = wait(&[]);
    assert_eq!((plain.limit, plain.through_dialogs), (Some(Some(LIMIT)), false));
    assert!(wait(&["--wait"]).through_dialogs);
    assert_eq!(wait(&["--no-wait"]).limit, None);
    let idle = wait(&["--wait=idle,exited"]);
    assert_eq!((idle.limit, idle.until), (Some(None), vec!["idle".into(), "exited".into()]));
    let timed = wait(&["--wait=idle", "--timeout", "5m"]);
    assert_eq!(timed.limit, Some(Some(Duration::from_secs(300))));
    refused(
        &["--prompt", "x", "--wait=happy"],
        "unknown state `happy`\nhint: valid states: starting",
    );
}
