//! `wtmag answer`.
use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use serde_json::json;

use super::{Context, Failure, naming::Purpose, resolve::Target, settings, unexpected};
use crate::{
    model::{AgentState, Answer, Ask, Request, Worker},
    text::clean,
};

/// Answer the dialog that an agent shows
///
/// Without CHOICE: prints the question and its numbered answers; in a terminal, asks which. With one (its
/// number, its text, or the beginning of its text): reads the dialog again, moves to that answer, one key at a
/// time, confirms it, and verifies that the dialog is gone. If the dialog has changed meanwhile, no key is
/// pressed.
///
/// It needs a terminal. An agent or a script may use it only with `[answer] agents = true`, and never for a
/// question about trust or a login.
///
/// With --json: {"id", "asks", "answered": the answer, or null}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Number, text or beginning of the answer
    #[arg(value_name = "CHOICE")]
    choice: Option<String>,
    /// Only if this is part of the question or of what it is about
    #[arg(long, value_name = "TEXT")]
    expect: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  wtmag answer 456
  wtmag answer 456 1
  wtmag answer 456 No --expect \"npm test\"

Exit codes: 0 answered; 1 there is no dialog, or it was not answered.";

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    let worker = args.target.worker_or_own(context, &mut hub, Purpose::Change).await?;
    // With a screen that is not older than the state.
    let answer = hub.ask_any(Request::Show { id: worker.id.clone() }).await?;
    let Answer::Shown { worker, .. } = answer else { return Err(unexpected(&answer)) };
    let ask = asked(&worker)?;
    expect(&ask, args.expect.as_deref())?;
    let is_person = io::stdin().is_terminal();
    let choice = match args.choice {
        Some(choice) => choice,
        None if context.json() => {
            context.print_json(&json!({ "id": worker.id, "asks": ask, "answered": null }))?;
            return Ok(ExitCode::SUCCESS);
        }
        None => {
            context.print(&describe(&worker, &ask))?;
            if !is_person {
                return Ok(ExitCode::SUCCESS);
            }
            context.ask_user("answer [number, or nothing]: ");
            let cancel = context.cancel()?;
            context.read_line(&cancel).await?
        }
    };
    if choice.trim().is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    may_answer(context, &worker, is_person)?;
    let label = chosen(&ask, choice.trim())?.to_owned();
    let request =
        Request::AnswerDialog { id: worker.id.clone(), label: label.clone(), asked: ask.clone() };
    let answer = hub.ask(request).await?;
    let Answer::Done = answer else { return Err(unexpected(&answer)) };
    if context.json() {
        context.print_json(&json!({ "id": worker.id, "asks": ask, "answered": label }))?;
    } else {
        context.print(&format!(
            "{}: answered `{}`; the dialog is gone\n",
            worker.id,
            clean(&label)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn asked(worker: &Worker) -> Result<Ask, Failure> {
    let is_asking = worker.state.turn.value.asks() && worker.state.is_live();
    let ask = worker.state.asks.clone().filter(|it| is_asking && !it.choices.is_empty());
    ask.ok_or_else(|| {
        let failure = Failure::user(format!(
            "`{}` shows no dialog with answers: it is {}",
            worker.id,
            worker.state.word()
        ));
        failure.hint(format!("its screen: wtmag show {}", worker.id))
    })
}

fn expect(ask: &Ask, text: Option<&str>) -> Result<(), Failure> {
    let has_it = |text: &str| ask.about.contains(text) || ask.question.contains(text);
    match text {
        Some(text) if !has_it(text) => {
            Err(Failure::user(format!("the dialog is another one: {ask}"))
                .hint("nothing was answered; `wtmag answer ID` prints it"))
        }
        Some(_) | None => Ok(()),
    }
}

/// A person decides. What a repository or a provider is trusted with is never left to an agent.
fn may_answer(context: &Context, worker: &Worker, is_person: bool) -> Result<(), Failure> {
    if is_person {
        return Ok(());
    }
    if matches!(worker.state.turn.value, AgentState::Blocked(_)) {
        return Err(Failure::user("this dialog is answered only by a person, in a terminal")
            .hint(format!("tell the human: wtmag answer {}", worker.id)));
    }
    if !settings::load(context, None)?.config.answer.agents {
        return Err(Failure::user("dialogs are answered by a person, in a terminal").hint(
            "`[answer] agents = true` in your configuration lets agents and scripts answer",
        ));
    }
    Ok(())
}

fn describe(worker: &Worker, ask: &Ask) -> String {
    let mut text = format!("{}  {}\n", worker.id, clean(&ask.to_string()));
    if !ask.question.is_empty() && !ask.about.is_empty() {
        text += &format!("{}\n", clean(&ask.question));
    }
    for (choice, n) in ask.choices.iter().zip(1..) {
        text += &format!("  {n} {}\n", clean(&choice.label));
    }
    text
}

/// The answer with this number, this text, or the only one with this beginning.
fn chosen<'a>(ask: &'a Ask, choice: &str) -> Result<&'a str, Failure> {
    let labels: Vec<&str> = ask.choices.iter().map(|it| it.label.as_str()).collect();
    let number: Option<usize> = choice.parse().ok();
    if let Some(label) = number.and_then(|n| labels.get(n.checked_sub(1)?)) {
        return Ok(label);
    }
    if let Some(label) = labels.iter().find(|it| it.eq_ignore_ascii_case(choice)) {
        return Ok(label);
    }
    let lower = choice.to_lowercase();
    let fitting: Vec<&&str> =
        labels.iter().filter(|it| it.to_lowercase().starts_with(&lower)).collect();
    match fitting.as_slice() {
        [label] => Ok(label),
        found => {
            let n = found.len();
            let message = format!("`{choice}` fits {n} of the answers");
            let numbered = labels.iter().zip(1..).map(|(it, n)| format!("{n} {it}"));
            Err(Failure::user(message).quote(numbered.collect::<Vec<_>>()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AskKind, Choice, FactSource};

    fn ask() -> Ask {
        let labels = ["Yes", "Yes, and don't ask again", "No"];
        let choice = |it: &str| Choice { label: it.to_owned(), selected: false };
        Ask {
            kind: AskKind::Command,
            about: "npm test".into(),
            question: "Do you want to proceed?".into(),
            choices: labels.map(choice).to_vec(),
            source: FactSource::Screen,
        }
    }

    #[test]
    fn an_answer_is_named_by_number_text_or_beginning() {
        let check = |choice: &str| chosen(&ask(), choice).map(ToOwned::to_owned).ok();
        assert_eq!(check("1").as_deref(), Some("Yes"));
        assert_eq!(check("yes").as_deref(), Some("Yes"));
        assert_eq!(check("Yes, and").as_deref(), Some("Yes, and don't ask again"));
        assert_eq!(check("n").as_deref(), Some("No"));
        for wrong in ["0", "4", "y", "maybe", "-1"] {
            assert_eq!(check(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn another_dialog_than_expected_is_refused() {
        assert!(expect(&ask(), Some("npm")).is_ok() && expect(&ask(), None).is_ok());
        assert!(expect(&ask(), Some("rm -rf")).is_err());
    }
}
