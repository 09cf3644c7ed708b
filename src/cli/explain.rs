//! `wtmag explain`.
use std::process::ExitCode;

use serde_json::json;

use super::{
    Context, Failure,
    output::{Paint, fields},
    resolve::{self, Enough, Target},
    unexpected,
};
use crate::{
    brief::text::clean,
    model::{Answer, Ask, InputBox, Sample, Verdict, Worker},
    wire::WorkerView,
};

/// Say why a worker is believed to be in its state
///
/// Shows the last look at its screen, which rule matched on which line, and what every other rule of
/// its profile said.
///
/// With --json: {"worker": as in `wtmag list --json`, "verdict", "rules": […], "sample"}.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let text = args.target.require()?;
    let mut hub = context.hub().await?;
    let id = resolve::worker(&mut hub, text, Enough::Part).await?.id;
    let answer = hub.ask(Ask::Explain { id }).await?;
    let Answer::Explained { worker, sample, verdict, rules } = answer else {
        return Err(unexpected(&answer));
    };
    if context.json() {
        context.print_json(&json!({
            "worker": WorkerView::new(&worker, None),
            "verdict": verdict, "rules": rules, "sample": sample,
        }))?;
    } else {
        context.print(&describe(context, &worker, sample.as_ref(), &verdict, &rules))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(
    context: &Context,
    worker: &Worker,
    sample: Option<&Sample>,
    verdict: &Verdict,
    rules: &[String],
) -> String {
    let style = context.style();
    let word = worker.state.word();
    let rule = if verdict.rule.is_empty() { "none" } else { &verdict.rule };
    let row = verdict.row.map(|row| format!(" on row {row}")).unwrap_or_default();
    let input = match &verdict.input {
        InputBox::Unseen => "not seen".to_owned(),
        InputBox::Empty => "empty".to_owned(),
        InputBox::Holds(text) => format!("holds `{}`", clean(text)),
    };
    let mut lines = vec![
        ("believed", style.paint(&word.to_string(), Paint::of(&word))),
        ("screen", format!("{:?}", verdict.turn).to_lowercase()),
        ("by rule", format!("{rule}{row}: {}", clean(&verdict.evidence))),
        ("input box", input),
        ("profile", worker.agent.profile.clone()),
    ];
    if let Some(sample) = sample {
        lines.push(("foreground", clean(&sample.command)));
        lines.push(("title", clean(&sample.title)));
        lines.push(("cursor", format!("{},{}", sample.cursor.0, sample.cursor.1)));
        lines.push(("looked at", sample.at.to_string()));
    }
    let mut text = format!("{}\n{}\nrules\n", worker.id, fields(style, &lines));
    for rule in rules {
        text += &format!("  {}\n", clean(rule));
    }
    for (row, line) in sample.map(Sample::used_rows).unwrap_or_default().iter().enumerate() {
        let shown = format!("{row:>3} {}", clean(line));
        let is_it = verdict.row == Some(row);
        text += &format!("{}\n", style.paint(&shown, if is_it { Paint::Bold } else { Paint::Dim }));
    }
    text
}
