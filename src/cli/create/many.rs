//! Creates a worker for each of several tasks: one account at the end, and no failure keeps the others.
use std::{io, process::ExitCode};

use serde_json::{Value, json};

use super::{Args, args::TaskFlags, report::Told, run_with};
use crate::cli::{Context, Failure};

/// What became of one task.
enum Done {
    Created(Told),
    Failed(Failure),
    NotTried,
}

pub(super) async fn run(
    context: &Context,
    args: &Args,
    tasks: Vec<TaskFlags>,
) -> Result<ExitCode, Failure> {
    // It can be read only once.
    let prompt = args.words(io::stdin()).map_err(Failure::into_usage)?;
    let mut account: Vec<(String, Done)> = Vec::new();
    let mut is_interrupted = false;
    for task in tasks {
        let name = task.named.first().map(|it| it.1.clone()).unwrap_or_default();
        if is_interrupted {
            account.push((name, Done::NotTried));
            continue;
        }
        let one = Args { text: None, file: None, prompt: prompt.clone(), task, ..args.clone() };
        match run_with(context, one).await {
            Ok(told) => account.push((name, Done::Created(told))),
            // It would be the same for the others.
            Err(failure) if failure.is_usage() && account.is_empty() => return Err(failure),
            Err(failure) => {
                is_interrupted = failure.is_interrupt();
                account.push((name, Done::Failed(failure)));
            }
        }
    }
    if context.json() {
        context.print_json(&to_json(&account))?;
    } else {
        context.print(&to_text(&account, args.dry_run))?;
    }
    let is_good = account.iter().all(|(_, it)| matches!(it, Done::Created(_)));
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn to_json(account: &[(String, Done)]) -> Value {
    let (mut created, mut failed, mut not_tried) = (Vec::new(), Vec::new(), Vec::new());
    for (task, done) in account {
        match done {
            Done::Created(told) => created.push(&told.value),
            Done::Failed(failure) => {
                failed.push(json!({ "task": task, "error": failure.to_value() }));
            }
            Done::NotTried => not_tried.push(task),
        }
    }
    json!({ "created": created, "failed": failed, "not_tried": not_tried })
}

fn to_text(account: &[(String, Done)], is_dry: bool) -> String {
    let mut text = String::new();
    let mut n_created = 0;
    for (task, done) in account {
        match done {
            Done::Created(told) if is_dry => text += &format!("{}\n", told.text),
            Done::Created(told) => {
                n_created += 1;
                let [id, title, prompt] = &told.row;
                text += &format!("created {id}  {title}; prompt {prompt}\n");
            }
            Done::Failed(failure) => {
                let lines = failure.to_string().replace("\nhint:", "\n  hint:");
                let lines = lines.trim_end().replacen("error: ", "", 1);
                text += &format!("failed  {task}: {lines}\n");
            }
            Done::NotTried => text += &format!("skipped {task}: not tried\n"),
        }
    }
    if !is_dry {
        text += &format!("{n_created} of {} created\n", account.len());
    }
    text
}
