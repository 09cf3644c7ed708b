//! Checks tmux: what this version can do, its known crashes, and the user's options that matter.
use std::path::Path;

use super::{Doctor, Finding};
use crate::{model::Version, proc};

/// A defect of tmux from `since` on, before `fixed`.
struct Hazard {
    since: Version,
    fixed: Version,
    text: &'static str,
    advice: &'static [&'static str],
}

const HAZARDS: &[Hazard] = &[
    Hazard {
        since: Version::new(3, 3, 0),
        fixed: Version::new(3, 8, 0),
        text: "tmux before 3.8 can crash when `respawn-pane -k` hits a pane that prints while it is \
               watched",
        advice: &[
            "wtmag never does that, and its panes are paused nearly all of the time; what is left \
             is your own",
            "`respawn-pane -k` on a worker that floods its terminal: close the window instead",
        ],
    },
    Hazard {
        since: Version::new(3, 2, 0),
        fixed: Version::new(3, 7, 0),
        text: "tmux before 3.7 can crash when something happens while a control-mode client attaches",
        advice: &["wtmag attaches in one step, which is safe; iTerm2 and others do not"],
    },
    Hazard {
        since: Version::new(3, 2, 0),
        fixed: Version::new(3, 8, 0),
        text: "tmux before 3.8 can crash when one command line ends a session's current window and \
               then the session, while a control-mode client is attached",
        advice: &["wtmag never does that; do not bind a key to `kill-window ; kill-session`"],
    },
    Hazard {
        since: Version::new(3, 2, 0),
        fixed: Version::new(3, 4, 0),
        text: "tmux before 3.4 crashes when a buffer is pasted into a dead pane",
        advice: &[
            "wtmag checks in the same command that the pane is alive; your own `paste-buffer` does not",
        ],
    },
    Hazard {
        since: Version::new(3, 2, 0),
        fixed: Version::new(3, 3, 0),
        text: "tmux 3.2 can crash when a pane dies, stays as a dead pane, and its output is watched",
        advice: &[
            "wtmag's panes never stay dead; do not set `remain-on-exit` in a worker's window",
        ],
    },
];

/// The running server.
struct Server {
    version: String,
    /// Its global options as `name value` lines.
    options: String,
    /// Its global hooks, in the same form.
    hooks: String,
}

/// Checks the program, then the running server, if there is one.
pub(super) async fn check(doctor: &Doctor<'_>) -> Vec<Finding> {
    let said = match doctor.ask("tmux", &["-V"]).await {
        Ok(output) => output.stdout_text(),
        Err(error) => {
            return vec![Finding::problem(error.to_string()).advice("install tmux 3.3a or later")];
        }
    };
    let said = said.trim();
    let Some(socket) = &doctor.socket else { return version_findings(said) };
    let Some(server) = server(doctor).await else {
        let mut findings = version_findings(said);
        findings.push(match proc::serving(socket).await {
            Some(program) => deaf(socket, &program),
            None => Finding::ok(format!("no server runs at `{}`", socket.display())),
        });
        return findings;
    };
    // The server's version decides which defects apply.
    let mut findings = version_findings(&format!("tmux {}", server.version));
    findings.push(Finding::ok(format!("a server runs at `{}`", socket.display())));
    if said.strip_prefix("tmux ") != Some(&server.version) {
        findings.push(mismatch(said, &server.version, proc::serving(socket).await.as_deref()));
    }
    findings.extend(option_findings(&server.options));
    findings.extend(hook_finding(&server.hooks));
    findings
}

async fn server(doctor: &Doctor<'_>) -> Option<Server> {
    let version = doctor.ask_tmux(&["display-message", "-p", "#{version}"]).await?;
    let session = doctor.ask_tmux(&["show-options", "-g"]).await?;
    let server = doctor.ask_tmux(&["show-options", "-s"]).await?;
    let windows = doctor.ask_tmux(&["show-options", "-gw"]).await?;
    let hooks = doctor.ask_tmux(&["show-hooks", "-g"]).await.unwrap_or_default();
    let options = [session, server, windows].concat();
    Some(Server { version: version.trim().to_owned(), options, hooks })
}

fn mismatch(said: &str, server: &str, program: Option<&Path>) -> Finding {
    let finding =
        Finding::note(format!("the server is tmux {server}, but `tmux` in PATH is {said}"));
    match program {
        Some(program) => finding.advice(format!(
            "wtmag runs the server's own program, `{}`; a `tmux` that you type may not work",
            program.display()
        )),
        None => finding.advice("commands of one release may fail on a server of another"),
    }
    .advice("to fix it: put the server's tmux first in PATH, or restart the server")
}

fn deaf(socket: &Path, program: &Path) -> Finding {
    Finding::problem(format!(
        "the tmux server at `{}` (`{}`) does not answer",
        socket.display(),
        program.display()
    ))
    .advice("if it is stopped or hangs, wtmag waits for it; agents are not disturbed")
}

fn version_findings(said: &str) -> Vec<Finding> {
    let version = said.strip_prefix("tmux ").and_then(Version::parse);
    let Some(version) = version else {
        return vec![
            Finding::note(format!("`tmux -V` says `{said}`: unknown version"))
                .advice("wtmag needs 3.3a or later"),
        ];
    };
    if version < Version::new(3, 2, 0) {
        return vec![
            Finding::problem(format!("{said} is too old")).advice("install tmux 3.3a or later"),
        ];
    }
    let hazards = HAZARDS.iter().filter(|it| (it.since..it.fixed).contains(&version));
    let notes: Vec<Finding> = hazards
        .map(|it| it.advice.iter().fold(Finding::note(it.text), |it, line| it.advice(*line)))
        .map(Finding::detail)
        .collect();
    let mut findings = vec![match notes.len() {
        0 => Finding::ok(said),
        1 => Finding::ok(format!("{said}: 1 known crash, which wtmag avoids (--verbose)")),
        n => Finding::ok(format!("{said}: {n} known crashes, which wtmag avoids (--verbose)")),
    }];
    if version < Version::new(3, 3, 0) {
        findings.push(
            Finding::note("with tmux 3.2, popups have no titles, and no message appears when a worker's session is closed")
                .advice("everything else works; to get both, install tmux 3.3a or later"),
        );
    }
    findings.extend(notes);
    findings
}

fn option_findings(options: &str) -> Vec<Finding> {
    let value = |name: &str| {
        let mut lines = options.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(key, _)| *key == name).map_or("", |(_, value)| value.trim_matches('"'))
    };
    let mut findings = Vec::new();
    if value("window-size") == "manual" {
        findings.push(
            Finding::problem("`window-size` is `manual`")
                .advice("tmux before 3.7 dies, with all its sessions, when a window is made; later ones make")
                .advice("it 10000x10000. `wtmag create` refuses: set -g window-size latest"),
        );
    }
    if !matches!(value("detach-on-destroy"), "" | "on") {
        findings.push(
            Finding::note(format!("`detach-on-destroy` is `{}`", value("detach-on-destroy")))
                .advice("when you close a session, tmux takes you to another one; if that is the session in")
                .advice("which wtmag keeps every worker (`wtmag`), it moves you on to the next"),
        );
    }
    if !matches!(value("destroy-unattached"), "" | "off") {
        findings.push(
            Finding::note("`destroy-unattached` is on")
                .advice("a worker's own session ends when you leave it; the worker continues in session")
                .advice("`wtmag`, and `wtmag attach` shows it"),
        );
    }
    if value("exit-empty") == "off" {
        findings.push(Finding::ok("`exit-empty` is off: the server stays without sessions"));
    }
    let term = value("default-terminal");
    if !term.is_empty() && !term.starts_with("tmux") && !term.starts_with("screen") {
        findings.push(Finding::note(format!("`default-terminal` is `{term}`")).advice(
            "programs in tmux expect `tmux-256color` or `screen-256color`; others draw wrongly",
        ));
    }
    findings
}

/// A hook that detaches other clients also detaches wtmag's.
fn hook_finding(hooks: &str) -> Option<Finding> {
    let is_it = |line: &&str| {
        let on_attach =
            line.starts_with("client-attached") || line.starts_with("client-session-changed");
        on_attach && line.contains("detach")
    };
    let hook = hooks.lines().find(is_it)?;
    Some(
        Finding::problem(format!("one of your tmux hooks detaches clients: `{hook}`"))
            .advice("it detaches wtmag's own clients too, and no worker can be made or watched")
            .advice("remove `-a` from it, or detach only clients that are not in control mode"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::Mark;

    #[track_caller]
    fn check(said: &str, want: &[Mark]) {
        let marks: Vec<Mark> = version_findings(said).iter().map(|it| it.mark).collect();
        assert_eq!(marks, want, "{said}");
    }

    #[track_caller]
    fn check_hazards(said: &str, want: usize) {
        let n = version_findings(said).iter().filter(|it| it.detail).count();
        assert_eq!(n, want, "{said}");
    }

    #[test]
    fn the_residual_risk_is_named_until_tmux_3_8() {
        check("tmux 3.1c", &[Mark::Problem]);
        check("tmux next-3.8", &[Mark::Ok]);
        check("tmux master", &[Mark::Note]);
        check("screen 4.9", &[Mark::Note]);
        check_hazards("tmux 3.2a", 4);
        check_hazards("tmux 3.3a", 4);
        check_hazards("tmux 3.6b", 3);
        check_hazards("tmux 3.7c", 2);
        let first = version_findings("tmux 3.7c").remove(0);
        assert_eq!(first.text, "tmux 3.7c: 2 known crashes, which wtmag avoids (--verbose)");
        let lacks =
            version_findings("tmux 3.2a").iter().any(|it| !it.detail && it.mark == Mark::Note);
        assert!(lacks, "what tmux 3.2 lacks");
    }

    #[test]
    fn what_ends_tmux_or_detaches_wtmag_is_a_problem() {
        let found = option_findings("window-size manual\n");
        assert_eq!(found.first().map(|it| it.mark), Some(Mark::Problem));
        let hook = hook_finding("client-attached[0] \"detach-client -a\"\n").unwrap();
        assert_eq!(hook.mark, Mark::Problem);
        assert!(hook_finding("client-attached[0] display-message hi\nsession-closed\n").is_none());
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
}
