//! Reads a list of tasks: one a line, a Markdown list, or JSON lines with options of `create`. Pure.
use serde_json::{Map, Value};

use super::passed_on::create_command;

/// One task of the list, as arguments of `create`.
pub(super) type Args = Vec<String>;

/// What is wrong, and in which line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub(super) struct Fault {
    pub(super) line: usize,
    why: String,
}

/// Options of `create` that a task cannot have: what waits or prints, and what is not known in time.
const NOT_OPTIONS: [&str; 13] = [
    "text", "file", "edit", "project", "wait", "no_wait", "timeout", "queue", "dry_run", "help",
    "at", "after", "cron",
];

/// The tasks, each with its line.
pub(super) fn parse(text: &str) -> Result<Vec<(usize, Args)>, Fault> {
    let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();
    let mut filled = lines.iter().filter(|(_, line)| !line.trim().is_empty());
    let is_json = filled.clone().all(|(_, line)| line.trim_start().starts_with('{'));
    if is_json {
        let one = |(n, line): &(usize, &str)| {
            let fault = |why: String| Fault { line: *n, why };
            Ok((*n, json(line).map_err(fault)?))
        };
        return filled.map(one).collect();
    }
    if filled.any(|(_, line)| item(line).is_some()) {
        return Ok(markdown(&lines));
    }
    let lines = lines.into_iter().map(|(n, line)| (n, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(|(n, line)| (n, prompt(line))).collect())
}

fn prompt(text: &str) -> Args {
    vec![format!("--prompt={text}")]
}

/// The items of a Markdown list, without those that are checked. What is indented below an item
/// belongs to it; headings and paragraphs beside the list are left out.
fn markdown(lines: &[(usize, &str)]) -> Vec<(usize, Args)> {
    let mut found: Vec<(usize, String, bool)> = Vec::new();
    // Whether the lines that follow belong to the last item.
    let mut is_inside = false;
    for (n, line) in lines {
        let is_indented = line.starts_with([' ', '\t']);
        match (item(line).filter(|_| !is_indented), found.last_mut()) {
            (Some(text), _) => {
                let (text, is_checked) = unchecked(text);
                found.push((*n, text.to_owned(), is_checked));
                is_inside = true;
            }
            (None, Some((_, text, _))) if is_inside && (is_indented || line.trim().is_empty()) => {
                *text += &format!("\n{}", line.trim_end());
            }
            (None, _) => is_inside = false,
        }
    }
    let open = found.into_iter().filter(|(_, _, is_checked)| !is_checked);
    let open = open.map(|(n, text, _)| (n, text.trim().to_owned()));
    open.filter(|(_, text)| !text.is_empty()).map(|(n, text)| (n, prompt(&text))).collect()
}

/// The text of a list's item.
fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = if digits.len() < line.len() {
        digits.strip_prefix(['.', ')']).and_then(|it| it.strip_prefix(' '))
    } else {
        None
    };
    let bullet = ["- ", "* ", "+ "].iter().find_map(|it| line.strip_prefix(it));
    bullet.or(numbered).map(str::trim)
}

/// Without its box, and whether that is checked.
fn unchecked(text: &str) -> (&str, bool) {
    if let Some(text) = text.strip_prefix("[ ]") {
        return (text.trim(), false);
    }
    let checked = ["[x]", "[X]"].iter().find_map(|it| text.strip_prefix(it));
    checked.map_or((text, false), |it| (it.trim(), true))
}

/// `{"github": 12, "prompt": "Focus on the tests", "agent": "claude", "plan": true}`
fn json(line: &str) -> Result<Args, String> {
    let options: Map<String, Value> =
        serde_json::from_str(line).map_err(|it| format!("this is not a JSON object: {it}"))?;
    let create = create_command();
    let mut args = Vec::new();
    for (key, value) in &options {
        let name = key.replace('_', "-");
        let mut known = create.get_arguments();
        let found = known.find(|it| it.get_long() == Some(name.as_str()));
        let arg = found.filter(|it| !NOT_OPTIONS.contains(&it.get_id().as_str()));
        let arg = arg.ok_or_else(|| format!("a task has no option `{key}`"))?;
        let takes_value = arg.get_action().takes_values();
        match value {
            Value::Bool(true) if !takes_value => args.push(format!("--{name}")),
            Value::Bool(false) if !takes_value => {}
            Value::String(text) if takes_value => args.push(format!("--{name}={text}")),
            Value::Number(number) if takes_value => args.push(format!("--{name}={number}")),
            Value::Null => {}
            Value::Bool(_)
            | Value::String(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {
                let want = if takes_value { "a text" } else { "true or false" };
                return Err(format!("`{key}` must be {want}"));
            }
        }
    }
    Ok(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &[(usize, &[&str])]) {
        let found = parse(text).unwrap();
        let found: Vec<(usize, Vec<&str>)> =
            found.iter().map(|(n, args)| (*n, args.iter().map(String::as_str).collect())).collect();
        let want: Vec<(usize, Vec<&str>)> =
            want.iter().map(|(n, args)| (*n, args.to_vec())).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn a_plain_list_has_a_task_a_line() {
        check("", &[]);
        check(
            "# Today\nFix the title\n\n  -x is odd \n",
            &[(2, &["--prompt=Fix the title"]), (4, &["--prompt=-x is odd"])],
        );
    }

    #[test]
    fn a_markdown_list_has_what_is_not_checked() {
        check(
            "# Plan\n\nSome words.\n\n- [ ] Fix the title\n  - in all languages\n\n  With tests.\n- [x] Done\n  \
             already\n* Docs\n\nMore words.\n  indented\n10. Ten\n1) One\n- [ ]\n2.5 is no item\n",
            &[
                (5, &["--prompt=Fix the title\n  - in all languages\n\n  With tests."]),
                (11, &["--prompt=Docs"]),
                (15, &["--prompt=Ten"]),
                (16, &["--prompt=One"]),
            ],
        );
    }

    #[test]
    fn json_lines_have_options_of_create() {
        check(
            "{\"github\": 12, \"prompt\": \"Be quick\", \"no_pr\": true, \"plan\": false}\n\n{\"jira\":\"A-1\"}",
            &[(1, &["--github=12", "--no-pr", "--prompt=Be quick"]), (3, &["--jira=A-1"])],
        );
        let fault = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(fault("{\"promt\": \"x\"}"), "line 1: a task has no option `promt`");
        assert_eq!(fault("{\"wait\": true}"), "line 1: a task has no option `wait`");
        assert_eq!(fault("{}\n{\"plan\": \"x\"}"), "line 2: `plan` must be true or false");
        assert_eq!(fault("{\"agent\": [1]}"), "line 1: `agent` must be a text");
        assert!(fault("{\"agent\"").starts_with("line 1: this is not a JSON object: "));
    }
}
