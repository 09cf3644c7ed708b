//! tmux: what this version can do and what can kill it, and the user's options that matter here.
use std::path::Path;

use super::{Doctor, Finding};

/// Major, minor, and the letter behind them (0 for none): `3.3a` is (3, 3, 1).
type Version = (u32, u32, u32);

/// What can go wrong with a tmux before `fixed`, from `since` on.
struct Hazard {
    since: Version,
    fixed: Version,
    text: &'static str,
    advice: &'static [&'static str],
}

const HAZARDS: &[Hazard] = &[
    Hazard {
        since: (3, 3, 0),
        fixed: (3, 8, 0),
        text: "tmux before 3.8 can crash when `respawn-pane -k` hits a pane that prints while it is \
               watched",
        advice: &[
            "wtmag never does that, and its panes are paused nearly all of the time; what is left \
             is your own",
            "`respawn-pane -k` on a worker that floods its terminal: close the window instead",
        ],
    },
    Hazard {
        since: (3, 2, 0),
        fixed: (3, 7, 0),
        text: "tmux before 3.7 can crash when anything happens while a control-mode client is let in",
        advice: &[
            "wtmag's own are let in at one go, which is safe; those of iTerm2 and others are not",
        ],
    },
    Hazard {
        since: (3, 2, 0),
        fixed: (3, 8, 0),
        text: "tmux before 3.8 can crash when one command line ends a session's current window and \
               then the session, while a control-mode client is attached",
        advice: &["wtmag ends one thing at a time; your own `kill-window ; kill-session` does not"],
    },
    Hazard {
        since: (3, 2, 0),
        fixed: (3, 4, 0),
        text: "tmux before 3.4 crashes when a buffer is pasted into a dead pane",
        advice: &[
            "wtmag asks in the same breath whether the pane lives; your own `paste-buffer` does not",
        ],
    },
    Hazard {
        since: (3, 2, 0),
        fixed: (3, 3, 0),
        text: "tmux 3.2 can crash when a watched pane dies: workers are looked at once a second",
        advice: &["states come up to a second late; upgrade to tmux 3.3a or later"],
    },
];

/// Looks at the program, then at the running server, if one runs.
pub(super) async fn check(doctor: &Doctor<'_>) -> Vec<Finding> {
    let said = match doctor.ask("tmux", &["-V"]).await {
        Ok(output) => output.stdout_text(),
        Err(error) => {
            return vec![Finding::problem(error.to_string()).advice("install tmux 3.3a or later")];
        }
    };
    let mut findings = version_findings(said.trim());
    let Some(socket) = &doctor.socket else { return findings };
    match server(doctor, socket).await {
        Some((server, options)) => {
            findings.push(server_finding(said.trim(), &server, socket));
            findings.extend(option_findings(&options));
        }
        None => findings.push(Finding::ok(format!("no server runs at `{}`", socket.display()))),
    }
    findings
}

/// The running server's version, and its global options as `name value` lines. Starts none.
async fn server(doctor: &Doctor<'_>, socket: &Path) -> Option<(String, String)> {
    let mut texts = Vec::new();
    for words in [
        &["display-message", "-p", "#{version}"][..],
        &["show-options", "-g"],
        &["show-options", "-s"],
    ] {
        let socket = socket.to_str()?;
        let args: Vec<&str> = ["-N", "-S", socket].iter().chain(words).copied().collect();
        let output = doctor.ask("tmux", &args).await.ok()?;
        texts.push(output.is_success().then(|| output.stdout_text())?);
    }
    let options = texts.split_off(1).concat();
    Some((texts.pop()?.trim().to_owned(), options))
}

fn server_finding(program: &str, server: &str, socket: &Path) -> Finding {
    let socket = socket.display();
    if program.strip_prefix("tmux ") == Some(server) {
        return Finding::ok(format!("a server runs at `{socket}`"));
    }
    Finding::note(format!(
        "the server at `{socket}` is tmux {server}, but the program is {program}"
    ))
    .advice(
        "it was upgraded under the server; the server's version is what counts until it restarts",
    )
}

fn version_findings(said: &str) -> Vec<Finding> {
    let Some(version) = version(said) else {
        return vec![
            Finding::note(format!("`tmux -V` says `{said}`: of unknown age"))
                .advice("wtmag needs 3.3a or later"),
        ];
    };
    if version < (3, 2, 0) {
        return vec![
            Finding::problem(format!("{said} is too old")).advice("install tmux 3.3a or later"),
        ];
    }
    let hazards = HAZARDS.iter().filter(|it| (it.since..it.fixed).contains(&version));
    let notes = hazards
        .map(|it| it.advice.iter().fold(Finding::note(it.text), |it, line| it.advice(*line)));
    std::iter::once(Finding::ok(said)).chain(notes).collect()
}

/// `tmux 3.3a`, `tmux next-3.8`. None for `tmux master` and the like.
fn version(said: &str) -> Option<Version> {
    let text = said.strip_prefix("tmux ")?;
    let text = text.strip_prefix("next-").unwrap_or(text);
    let (major, rest) = text.split_once('.')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (minor, letter) = rest.split_at_checked(digits)?;
    let letter = letter.chars().next().filter(char::is_ascii_lowercase);
    let letter = letter.map_or(0, |it| u32::from(it) - u32::from('a') + 1);
    Some((major.parse().ok()?, minor.parse().ok()?, letter))
}

fn option_findings(options: &str) -> Vec<Finding> {
    let value = |name: &str| {
        let mut lines = options.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(key, _)| *key == name).map_or("", |(_, value)| value.trim_matches('"'))
    };
    let mut findings = Vec::new();
    if !matches!(value("detach-on-destroy"), "" | "on") {
        findings.push(
            Finding::note(format!("`detach-on-destroy` is `{}`", value("detach-on-destroy")))
                .advice("when you close your last session, tmux takes you to another one, and that may be")
                .advice("the session in which wtmag keeps every worker (`wtmag`): it moves you on"),
        );
    }
    if !matches!(value("destroy-unattached"), "" | "off") {
        findings.push(
            Finding::note("`destroy-unattached` is on")
                .advice("a session of a worker's own ends when you leave it; the worker goes on and is listed")
                .advice("as `fleet`, and `wtmag attach` shows it again"),
        );
    }
    if value("exit-empty") == "off" {
        findings.push(Finding::ok("`exit-empty` is off: the server stays without sessions"));
    }
    if value("remain-on-exit") == "on" {
        findings.push(Finding::note("`remain-on-exit` is on").advice(
            "a worker's window stays as a dead pane after its shell ends, until it is cleaned up",
        ));
    }
    let term = value("default-terminal");
    if !term.is_empty() && !term.starts_with("tmux") && !term.starts_with("screen") {
        findings.push(Finding::note(format!("`default-terminal` is `{term}`")).advice(
            "programs in tmux expect `tmux-256color` or `screen-256color`; others draw wrongly",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::Mark;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("tmux 3.3a"), Some((3, 3, 1)));
        assert_eq!(version("tmux 3.10"), Some((3, 10, 0)));
        assert_eq!(version("tmux next-3.8"), Some((3, 8, 0)));
        assert_eq!(version("tmux master"), None);
        assert_eq!(version("screen 4.9"), None);
    }

    #[track_caller]
    fn check(said: &str, want: &[Mark]) {
        let marks: Vec<Mark> = version_findings(said).iter().map(|it| it.mark).collect();
        assert_eq!(marks, want, "{said}");
    }

    #[test]
    fn the_residual_risk_is_named_until_tmux_3_8() {
        check("tmux 3.1c", &[Mark::Problem]);
        check("tmux 3.2a", &[Mark::Ok, Mark::Note, Mark::Note, Mark::Note, Mark::Note]);
        check("tmux 3.3a", &[Mark::Ok, Mark::Note, Mark::Note, Mark::Note, Mark::Note]);
        check("tmux 3.6b", &[Mark::Ok, Mark::Note, Mark::Note, Mark::Note]);
        check("tmux 3.7c", &[Mark::Ok, Mark::Note, Mark::Note]);
        check("tmux next-3.8", &[Mark::Ok]);
        check("tmux master", &[Mark::Note]);
    }

    #[test]
    fn only_options_that_matter_are_mentioned() {
        assert!(option_findings("detach-on-destroy on\ndestroy-unattached off\n").is_empty());
        let found = option_findings(
            "default-terminal \"xterm\"\ndetach-on-destroy off\ndestroy-unattached on\n",
        );
        let texts: Vec<&str> = found.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "`detach-on-destroy` is `off`",
                "`destroy-unattached` is on",
                "`default-terminal` is `xterm`"
            ]
        );
    }

    #[test]
    fn a_server_older_than_the_program_is_named() {
        let socket = Path::new("/tmp/s");
        assert_eq!(server_finding("tmux 3.3a", "3.3a", socket).mark, Mark::Ok);
        assert_eq!(server_finding("tmux 3.5a", "3.3a", socket).mark, Mark::Note);
    }
}
