//! `wtmag explain`: the evidence for a state, of a worker, a saved screen or a screen log.
mod replay;
mod screen;

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use super::{
    Context, Failure,
    naming::Purpose,
    output::{Paint, Style, age, fields, seconds},
    receipt,
    resolve::Target,
    show::asks,
    unexpected,
};
use crate::{
    clock,
    model::{
        Answer, DisplayState, Explained, Fact, HeardReport, InputBox, Request, RuleSaid, Said,
        Sample, Timestamp, Verdict,
    },
    text::{clean, one_line},
    wire::{RuleView, WorkerView},
};

/// Show why a worker is in its state
///
/// Shows the last capture of the worker's screen; the rule of the agent's profile that matched, and the line that it
/// matched; the result of every other rule; and what the agent reported by its hooks or by escape sequences.
///
/// `--screen` needs no worker: it determines the state from a screen that you saved with
/// `tmux capture-pane -p > FILE`. Use it to write and test a profile (`wtmag help profiles`). `--replay` does
/// so for a whole recording (`wtmag log ID --screens`) and lists the states in order.
///
/// Without an ID: the worker of the current worktree or tmux window.
///
/// With --json: {"worker": as in `wtmag list --json --full`, "verdict", "rules": [{"name", "state", "said",
/// "row", "text"}], "sample", "quiet_ms", "hook": {"at", "text"} or null, "reports":
/// [{"at", "text", "decided"}]}; for a screen {"profile",
/// "state", "verdict", "rules", "sample"}; for a log {"profile", "samples", "timeline": [{"at", "ms",
/// "state", "sample", "rule", "row", "evidence"}]}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Determine the state from this saved screen; `-` reads standard input
    #[arg(long, value_name = "FILE", requires = "agent", conflicts_with_all = ["id", "by_flag", "replay"])]
    screen: Option<PathBuf>,
    /// Determine the states from this recording; `-` reads standard input
    #[arg(long, value_name = "FILE", requires = "agent", conflicts_with_all = ["id", "by_flag"])]
    replay: Option<PathBuf>,
    /// Whose rules to use: an agent of the configuration, a profile by its name, or a profile's file
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    #[command(flatten)]
    pane: Pane,
}

/// What a saved screen does not contain.
#[derive(clap::Args)]
struct Pane {
    /// With --screen: the pane's title
    #[arg(long, requires = "screen")]
    title: Option<String>,
    /// With --screen: the command in the pane's foreground [default: one that the profile names]
    #[arg(long, requires = "screen")]
    command: Option<String>,
    /// With --screen: column and row of the cursor, counted from 0; without it, no cursor is visible
    #[arg(long, value_name = "X,Y", requires = "screen", value_parser = cursor)]
    cursor: Option<(u16, u16)>,
    /// With --cursor: the cursor is at that position, but hidden
    #[arg(long, requires = "cursor")]
    hidden: bool,
    /// With --screen: a screen that was saved before, with an empty input box. By comparison, wtmag can distinguish
    /// text that someone typed (a draft) from the agent's own placeholder (a hint)
    #[arg(long, value_name = "FILE", requires = "screen")]
    before: Option<PathBuf>,
    /// With --screen: assume that the agent has printed for this long without a pause: `800ms`, `3s`
    #[arg(long, value_name = "TIME", requires = "screen", value_parser = crate::cli::duration)]
    noise: Option<std::time::Duration>,
}

const EXAMPLES: &str = "\
Examples:
  wtmag explain issue-456
  tmux capture-pane -p -t %7 > screen.txt
  wtmag explain --screen screen.txt --agent robot --cursor 2,36
  wtmag explain --screen screen.txt --agent ./robot.toml --title '* working'
  wtmag explain --screen screen.txt --agent robot --cursor 0,39 --hidden --before idle.txt
  wtmag log issue-456 --screens > screens.jsonl
  wtmag explain --replay screens.jsonl --agent claude";

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let agent = args.agent.as_deref().unwrap_or_default();
    if let Some(file) = &args.screen {
        screen::run(context, file, agent, args.pane)?;
    } else if let Some(file) = &args.replay {
        replay::run(context, file, agent)?;
    } else if args.agent.is_some() {
        return Err(Failure::usage(
            "`--screen` and `--replay` need `--agent`, to know whose screen it is",
        ));
    } else {
        worker(context, &args.target).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn worker(context: &Context, target: &Target) -> Result<(), Failure> {
    let mut hub = context.hub_that_knows().await?;
    let id = target.worker_or_own(context, &mut hub, Purpose::Look).await?.id;
    let answer = hub.ask(Request::Explain { id }).await?;
    let Answer::Explained(explained) = answer else { return Err(unexpected(&answer)) };
    if !context.json() {
        return context.print(&describe(&explained, clock::now(), context.style()));
    }
    let Explained { worker, sample, verdict, rules, quiet_ms, hook, reports } = &*explained;
    let rules: Vec<RuleView<'_>> = rules.iter().map(RuleView::from).collect();
    context.print_json(&json!({
        "worker": WorkerView::new(worker, None),
        "verdict": verdict, "rules": rules, "sample": sample,
        "quiet_ms": quiet_ms, "hook": hook, "reports": reports,
    }))
}

fn describe(explained: &Explained, now: Timestamp, style: Style) -> String {
    let Explained { worker, sample, verdict, rules, quiet_ms, hook, reports } = explained;
    let state = &worker.state;
    let word = state.word();
    let since = age(now.since(state.since()));
    let mut lines = vec![
        ("state", format!("{} for {since}", style.paint(&word.to_string(), Paint::of(&word)))),
        ("process", belief(&state.process, now, &receipt::process(&state.process.value))),
        (
            "turn",
            belief(&state.turn, now, &DisplayState::Turn(state.turn.value.clone()).to_string()),
        ),
    ];
    lines.extend(state.asks.iter().flat_map(asks));
    if let Some(reported) = &state.reported {
        lines.push((
            "reported",
            belief(reported, now, &format!("{:?}", reported.value).to_lowercase()),
        ));
    }
    let heard = hook
        .as_ref()
        .map(|it| format!("{} ago: {}", age(now.since(it.at)), one_line(&it.text, SHOWN_CHARS)));
    lines.push(("last hook", heard.unwrap_or_else(|| "none received".to_owned())));
    let report = |it: &HeardReport| {
        let text = one_line(&it.text, SHOWN_CHARS);
        format!("{} ago: {text}: {}", age(now.since(it.at)), clean(&it.decided))
    };
    let reports: Vec<String> = reports.iter().map(report).collect();
    if !reports.is_empty() {
        lines.push(("reports", reports.join("\n")));
    }
    let silence = quiet_ms.map(|ms| {
        let looked = sample.as_ref().map(|it| now.since(it.at)).unwrap_or_default();
        format!("none for {}", seconds(std::time::Duration::from_millis(ms).max(looked)))
    });
    lines.push(("output", silence.unwrap_or_else(|| "at the last capture".to_owned())));
    let profile = worker.profile_note.as_ref().unwrap_or(&worker.agent.profile);
    lines.push(("profile", clean(profile)));
    lines.extend(look(sample.as_ref(), verdict));
    lines.extend(sample.as_ref().map(|it| ("captured", format!("{} ago", age(now.since(it.at))))));
    let head = style.paint(worker.id.as_str(), Paint::Bold);
    format!("{head}\n{}{}", fields(style, &lines), body(style, sample.as_ref(), verdict, rules))
}

/// How much of a prompt, a message or a draft is shown.
const SHOWN_CHARS: usize = 100;

fn belief<T>(fact: &Fact<T>, now: Timestamp, value: &str) -> String {
    let source = format!("{:?}", fact.source).to_lowercase();
    let since = age(now.since(fact.since));
    let evidence = clean(&fact.evidence);
    let why = if evidence.is_empty() { String::new() } else { format!(": {}", evidence.trim()) };
    format!("{value} for {since}, by {source}{why}")
}

/// The verdict on one capture.
fn look(sample: Option<&Sample>, verdict: &Verdict) -> Vec<(&'static str, String)> {
    let Some(sample) = sample else {
        return vec![("screen", "not captured yet".to_owned())];
    };
    let word = DisplayState::Turn(verdict.turn.clone());
    let row = verdict.row.map(|row| format!(" on row {row}")).unwrap_or_default();
    let screen = if verdict.rule.is_empty() {
        format!("{word}: no rule matches")
    } else {
        format!("{word} by `{}`{row}: {}", verdict.rule, clean(&verdict.evidence).trim())
    };
    let input = match &verdict.input {
        InputBox::Unseen | InputBox::Other(_) => "not seen".to_owned(),
        InputBox::Empty => "empty".to_owned(),
        InputBox::Holds(text) => format!("holds `{}`", one_line(text, SHOWN_CHARS)),
    };
    let (column, row) = sample.cursor;
    let shown = if sample.cursor_visible { "" } else { ", not visible" };
    let mut lines = vec![("screen", screen), ("input box", input)];
    lines.extend(verdict.ask.as_ref().map(|it| ("screen asks", clean(&it.to_string()))));
    if !sample.title.is_empty() {
        lines.push(("title", clean(&sample.title)));
    }
    lines.push(("foreground", clean(&sample.command)));
    lines.push(("cursor", format!("{column},{row}{shown}")));
    let modes = [
        (sample.alternate, "alternate screen"),
        (sample.in_mode, "in a tmux mode"),
        (sample.input_off, "input off"),
        (sample.dead, "dead"),
    ];
    let modes: Vec<&str> = modes.into_iter().filter_map(|(on, name)| on.then_some(name)).collect();
    if !modes.is_empty() {
        lines.push(("modes", modes.join(", ")));
    }
    lines
}

/// The result of every rule, matching ones marked, and the screen with row numbers.
fn body(style: Style, sample: Option<&Sample>, verdict: &Verdict, rules: &[RuleSaid]) -> String {
    let mut text = String::from("\nrules, as the profile has them\n");
    for rule in rules {
        let line = clean(&rule.to_string()).replace('\n', " ");
        text += &match rule.said {
            Said::Matched { .. } if rule.name == verdict.rule => {
                format!("{}\n", style.paint(&format!("  > {line}"), Paint::Bold))
            }
            Said::Matched { .. } => format!("  + {line}\n"),
            Said::Missing(_)
            | Said::Excluded(_)
            | Said::NoRegion
            | Said::Stale { .. }
            | Said::Other(_) => {
                format!("{}\n", style.paint(&format!("    {line}"), Paint::Dim))
            }
        };
    }
    if rules.is_empty() {
        text += "  none was evaluated\n";
    }
    text += "\nscreen\n";
    for (row, line) in sample.map(Sample::used_rows).unwrap_or_default().iter().enumerate() {
        let is_it = verdict.row == Some(row);
        let mark = if is_it { '>' } else { ' ' };
        let shown = format!("{mark}{row:>3} {}", clean(line).replace('\n', " "));
        let shown = shown.trim_end();
        text += &format!("{}\n", style.paint(shown, if is_it { Paint::Bold } else { Paint::Dim }));
    }
    text
}

/// `X,Y`
fn cursor(text: &str) -> Result<(u16, u16), String> {
    let parsed = text.split_once(',').and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
    parsed.ok_or_else(|| "invalid cursor: pass `X,Y`, column and row from 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agents::{Profile, explain},
        model::samples::{self, NOW},
        model::{AgentState, FactSource, Heard, Process},
    };

    #[test]
    fn a_state_is_shown_with_all_it_rests_on() {
        let rows = ["● Working on it", "", "> ", "? for help"].map(str::to_owned).to_vec();
        let sample = Sample {
            at: NOW,
            rows,
            title: "blog".into(),
            command: "robot".into(),
            cursor: (2, 2),
            cursor_visible: true,
            alternate: true,
            ..Sample::default()
        };
        let profile = "name = 'robot'\n[box]\nprompt = '^> ?'\n\
            [[rule]]\nstate = 'working'\nin = 'above 2'\nall = ['^● Work']\n\
            [[rule]]\nstate = 'blocked: trust'\nall = ['trust this']\n\
            [[rule]]\nstate = 'ready'\nin = 'footer'\nall = ['help']";
        let why = explain(&Profile::parse("x", profile).unwrap(), &sample, &[]);
        let mut worker = samples::worker("blog-x");
        worker.state.process.value = Process::Running;
        worker.state.turn = Fact {
            value: AgentState::Working,
            since: NOW,
            source: FactSource::Hook,
            evidence: "the agent accepted a prompt".into(),
        };
        let explained = Explained {
            worker,
            sample: Some(sample),
            verdict: why.verdict,
            rules: why.rules,
            quiet_ms: Some(1500),
            reports: vec![HeardReport {
                at: NOW,
                text: "working".into(),
                decided: "nothing: that is known".into(),
            }],
            hook: Some(Heard { at: NOW, text: "accepted a prompt: do\nit".into() }),
        };
        insta::assert_snapshot!(describe(&explained, Timestamp(NOW.0 + 9000), Style::default()));
    }

    #[test]
    fn a_cursor_is_two_numbers() {
        assert_eq!(cursor("2,36"), Ok((2, 36)));
        assert!(cursor("2").is_err() && cursor("2,x").is_err() && cursor("-1,2").is_err());
    }
}
