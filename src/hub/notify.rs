//! Runs the user's command for notices.
//!
//! Knows `[notify] command` and the variables that it gets. Without a shell where it can be: what a
//! worker says is then an argument and nothing else.
use std::{path::Path, time::Duration};

use super::state::Notice;
use crate::{
    model::error_chain,
    proc::{self, Cmd},
};

const LIMIT: Duration = Duration::from_secs(10);
/// How much of its output tells why it failed.
const MAX_OUTPUT: usize = 300;

/// Runs it to its end, at most for ten seconds.
pub(super) async fn run(command: &str, notice: &Notice) -> Result<(), String> {
    let env = variables(notice);
    let argv = argv(command, &env);
    let (program, args) = argv.split_first().ok_or("it is empty")?;
    let mut cmd = Cmd::new(program, Path::new("/")).args(args).limit(LIMIT);
    for (name, value) in &env {
        cmd = cmd.env(name, value);
    }
    let output = cmd.run(&proc::never()).await.map_err(|it| error_chain(&it))?;
    if output.is_success() {
        return Ok(());
    }
    let said: String = output.stderr_text().chars().take(MAX_OUTPUT).collect();
    Err(format!("{}: {said}", output.status))
}

fn variables(notice: &Notice) -> [(&'static str, String); 4] {
    [
        ("WTMAG_WORKER", notice.worker.to_string()),
        ("WTMAG_KIND", notice.kind.to_string()),
        ("WTMAG_SUMMARY", notice.summary.clone()),
        ("WTMAG_PR", notice.pr.clone().unwrap_or_default()),
    ]
}

/// Pure: words and wtmag's own variables need no shell.
fn argv(command: &str, env: &[(&str, String)]) -> Vec<String> {
    const SHELL: [char; 15] =
        ['|', '&', ';', '<', '>', '(', ')', '`', '*', '?', '[', '{', '~', '#', '\n'];
    let shell = || vec!["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()];
    let mut bare = command.to_owned();
    for (name, _) in env {
        bare = bare.replace(&format!("${{{name}}}"), "").replace(&format!("${name}"), "");
    }
    let words = shlex::split(command).filter(|_| !bare.contains('$') && !bare.contains(SHELL));
    let Some(words) = words else { return shell() };
    let fill = |word: String| {
        // One pass: a value may contain the name of another variable.
        let mut filled = String::new();
        let mut rest = word.as_str();
        while let Some(at) = rest.find('$') {
            let (before, from) = rest.split_at(at);
            filled.push_str(before);
            let found = env.iter().find_map(|(name, value)| {
                let braced = from.strip_prefix(&format!("${{{name}}}"));
                Some((braced.or_else(|| from.strip_prefix(&format!("${name}")))?, value))
            });
            let Some((after, value)) = found else { break };
            filled.push_str(value);
            rest = after;
        }
        filled + rest
    };
    words.into_iter().map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_a_shell_gets_one() {
        let env =
            [("WTMAG_SUMMARY", "a; rm -rf $WTMAG_PR `x`".to_owned()), ("WTMAG_PR", "p".to_owned())];
        let check =
            |command: &str, want: &[&str]| assert_eq!(argv(command, &env), want, "{command}");
        let summary = env[0].1.as_str();
        check("notify-send 'wt mag' \"$WTMAG_SUMMARY\"", &["notify-send", "wt mag", summary]);
        check("say ${WTMAG_SUMMARY}", &["say", summary]);
        check("x pre-$WTMAG_PR-post", &["x", "pre-p-post"]);
        for command in ["a | b", "echo $HOME", "x >f", "x \"$(y)\"", "unclosed '", "a && b"] {
            check(command, &["/bin/sh", "-c", command]);
        }
        check("", &[]);
    }
}
