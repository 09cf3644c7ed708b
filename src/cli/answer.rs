//! `wtmag answer`.
use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::{
    Context, Failure,
    message::{self, How},
    naming::Purpose,
    resolve::Target,
    settings, unexpected,
};
use crate::{
    agents,
    client::Hub,
    model::{AgentState, Answer, Ask, DeliveryId, DialogAnswer, Request, Worker},
    text::{clean, one_line},
};

/// Answer the dialog that an agent shows
///
/// The first word is always the worker. Without CHOICE: prints the question and its numbered answers; in a terminal, asks which. With CHOICE (the number,
/// the text, or the beginning of the text): reads the dialog again, moves to that answer, one key at a time, confirms
/// it, and verifies that the dialog is gone. wtmag presses no key if the dialog changes meanwhile, or if `wtmag
/// answer ID` has printed a dialog before and the agent shows a different one now.
///
/// With --text, you answer in your own words. This works for answers that take text: `Type something`, `No, and tell
/// Claude what to do differently`, or an answer to which the dialog lets you add text with Tab. wtmag types the text
/// into the dialog, checks that the screen shows it, and confirms. If the answer closes the dialog and leads back to
/// the agent's input box, wtmag sends the text there, as `wtmag send` does. With --text, you can leave out CHOICE if
/// exactly one answer accepts text.
///
/// Everyone may print the question. To answer it, you must run the command in a terminal. With `[answer] agents =
/// true`, agents and scripts may answer, too, but never a question about trust or a login.
///
/// With --json: {"id", "asks", "answered": the answer, or null, "text": your own words, or null}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Number, text or beginning of the answer
    #[arg(value_name = "CHOICE")]
    choice: Option<String>,
    /// Answer in your own words, on one line
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Answer only if the question, or what it asks about, contains this text
    #[arg(long, value_name = "TEXT")]
    expect: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  wtmag answer 456
  wtmag answer 456 1
  wtmag answer 456 No --expect \"npm test\"
  wtmag answer 456 --text \"Green, as on the old page\"
  wtmag answer 456 No --text \"Use tabs\"

Exit codes: 0 answered; 1 there is no dialog, or it was not answered.";

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    let worker = args.target.worker_or_own(context, &mut hub, Purpose::Change).await?;
    // With a screen that is not older than the state.
    let answer = hub.ask(Request::Show { id: worker.id.clone() }).await?;
    let Answer::Shown { worker, .. } = answer else { return Err(unexpected(&answer)) };
    let ask = asked(&worker)?;
    expect(&ask, args.expect.as_deref())?;
    let is_person = io::stdin().is_terminal();
    let words = args.text.as_deref().map(|it| one_line(it, usize::MAX)).filter(|it| !it.is_empty());
    let choice = match args.choice {
        Some(choice) => choice,
        None if words.is_some() => free(&worker, &ask)?.to_owned(),
        None if context.json() => {
            context.print_json(&as_json(&worker, &ask, None, None))?;
            printed(&mut hub, &worker, &ask).await?;
            return Ok(ExitCode::SUCCESS);
        }
        None => {
            context.print(&describe(&worker, &ask))?;
            printed(&mut hub, &worker, &ask).await?;
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
    let leads_back = agents::ask::leads_back(&label);
    let chosen = DialogAnswer {
        id: worker.id.clone(),
        label: label.clone(),
        words: words.clone().filter(|_| !leads_back),
        asked: ask.clone(),
        expected: args.expect.is_some(),
    };
    let answer = hub.ask(Request::AnswerDialog(Box::new(chosen))).await?;
    let Answer::Done = answer else { return Err(unexpected(&answer)) };
    let sent = match words.as_deref().filter(|_| leads_back) {
        Some(words) => Some(send(&mut hub, &worker, words).await?),
        None => None,
    };
    if context.json() {
        context.print_json(&as_json(&worker, &ask, Some(&label), words.as_deref()))?;
    } else {
        let end = sent.map_or("the dialog is gone".to_owned(), |it| {
            format!("the dialog is gone; text {it} is on its way to the input box")
        });
        let typed = words.map(|it| format!(" with `{it}`")).unwrap_or_default();
        context.print(&format!("{}: answered `{}`{typed}; {end}\n", worker.id, clean(&label)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(worker: &Worker, ask: &Ask, answered: Option<&str>, text: Option<&str>) -> Value {
    json!({ "id": worker.id, "asks": ask, "answered": answered, "text": text })
}

/// The next answer is for this dialog, and for no other.
async fn printed(hub: &mut Hub, worker: &Worker, asked: &Ask) -> Result<(), Failure> {
    let request = Request::DialogPrinted { id: worker.id.clone(), asked: asked.clone() };
    let answer = hub.ask(request).await?;
    let Answer::Done = answer else { return Err(unexpected(&answer)) };
    Ok(())
}

/// The only answer that takes words.
fn free<'a>(worker: &Worker, ask: &'a Ask) -> Result<&'a str, Failure> {
    let labels = ask.choices.iter().map(|it| it.label.as_str());
    let fitting = labels.filter(|it| agents::ask::takes_words(it) || agents::ask::leads_back(it));
    match fitting.collect::<Vec<_>>().as_slice() {
        [label] => Ok(label),
        _ => Err(Failure::user("it is not clear which answer of this dialog takes text")
            .hint(format!("name the answer: `wtmag answer {} CHOICE --text TEXT`", worker.id))),
    }
}

/// The words, delivered to the agent's box like any text.
async fn send(hub: &mut Hub, worker: &Worker, words: &str) -> Result<DeliveryId, Failure> {
    let text = message::compose(worker, words, How::default())?;
    let answer = hub.ask(Request::Send(text)).await?;
    let Answer::Queued { delivery, .. } = answer else { return Err(unexpected(&answer)) };
    Ok(delivery.id)
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
    fn the_entry_for_words_is_found_if_there_is_only_one() {
        let worker = crate::model::samples::worker("a");
        assert!(free(&worker, &ask()).is_err());
        let mut ask = ask();
        let label = "Type something.".to_owned();
        ask.choices.push(Choice { label, selected: false });
        assert_eq!(free(&worker, &ask).unwrap(), "Type something.");
        let label = "No, and tell Codex what to do differently (esc)".to_owned();
        ask.choices.push(Choice { label, selected: false });
        assert!(free(&worker, &ask).is_err());
    }

    #[test]
    fn another_dialog_than_expected_is_refused() {
        assert!(expect(&ask(), Some("npm")).is_ok() && expect(&ask(), None).is_ok());
        assert!(expect(&ask(), Some("rm -rf")).is_err());
    }
}
