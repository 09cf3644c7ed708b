//! A worker that is created at a later time: the hub runs the same command then.
use std::{io, process::ExitCode};

use super::{Args, args::Launch, repo_context};
use crate::{
    cli::{
        Context, Failure, schedule,
        timing::{self, Timing},
    },
    model::{Addressee, Deed},
    text::one_line,
};

const MAX_TASK: usize = 80;

pub(super) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let time = args.timing.read()?;
    // It can be read only once, and a file may change.
    let prompt = args.words(io::stdin()).map_err(Failure::into_usage)?;
    let timing = Timing::default();
    let args = Args { text: None, file: None, edit: false, prompt, timing, ..args };
    // What is wrong with the arguments is said now.
    if args.tasks()?.is_none() {
        args.clone().check(io::empty())?;
    }
    repo_context::repo(args.project.as_deref())?;
    let mut env = context.passed_on();
    // The new window opens in the caller's place in tmux.
    let place = context.env.tmux_vars().into_iter();
    env.extend(
        place.filter_map(|(name, value)| Some((name.to_owned(), value.into_string().ok()?))),
    );
    let named = args.task.named.first().map(|(spec, key)| format!("{} {key}", spec.flag));
    let task = named.or_else(|| args.prompt.clone()).unwrap_or_default();
    let deed = Deed::Create {
        dir: std::env::current_dir()?,
        args: words(&args),
        env,
        task: one_line(&task, MAX_TASK),
    };
    let mut hub = context.hub().await?;
    let planned = timing::plan(context, &mut hub, time, (Addressee::NewWorker, deed)).await?;
    schedule::print(context, &[planned])?;
    Ok(ExitCode::SUCCESS)
}

/// The same arguments as words, without those about waiting: nobody does.
fn words(args: &Args) -> Vec<String> {
    let mut words = vec!["--no-wait".to_owned()];
    let mut option = |name: &str, value: Option<String>| {
        words.extend(value.map(|value| format!("--{name}={value}")));
    };
    for (spec, key) in &args.task.named {
        option(spec.flag, Some(key.clone()));
    }
    option("type", args.task.kind.clone());
    option("prompt", args.prompt.clone());
    option("agent", args.agent.clone());
    option("model", args.model.clone());
    option("base", args.base.clone());
    option("name", args.name.clone());
    option("fork", args.fork.clone());
    option("project", args.project.as_ref().map(|it| it.display().to_string()));
    let session = args.session || args.launch == Some(Launch::Session);
    let window = args.window || args.launch == Some(Launch::Window);
    let flags = [
        ("no-pr", args.no_pr),
        ("pr", args.pr),
        ("plan", args.plan),
        ("session", session),
        ("window", window),
        ("reuse", args.reuse),
        ("no-hooks", args.no_hooks),
        ("yes", args.yes),
        ("queue", args.queue),
        ("quiet", args.quiet),
    ];
    words.extend(flags.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| format!("--{name}")));
    words
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &[&str]) -> Args {
        Line::try_parse_from([&["create"], line].concat()).unwrap().args
    }

    #[test]
    fn the_command_that_runs_later_is_the_same() {
        let line = [
            "--prompt=- do it",
            "--agent=claude",
            "--model=a/b:high",
            "--base=main",
            "--name=--x",
            "--project=/src/blog",
            "--github=12",
            "--type=issue",
            "--no-pr",
            "--plan",
            "--session",
            "--reuse",
            "--yes",
            "--queue",
            "--quiet",
        ];
        let said = words(&parse(&line));
        let again: Vec<&str> = said.iter().map(String::as_str).collect();
        assert_eq!(words(&parse(&again)), said);
        for word in line {
            assert!(again.contains(&word), "{word}: {again:?}");
        }
        assert_eq!(words(&parse(&["x", "--launch=window"]))[1..], ["--window"]);
    }

    /// A new option of `create` is passed on, or is one of those that make no sense later.
    #[test]
    fn every_option_is_thought_of() {
        let known = [
            "text",
            "rest",
            "prompt",
            "file",
            "edit",
            "type",
            "no_pr",
            "pr",
            "agent",
            "model",
            "plan",
            "fork",
            "with_changes",
            "patch",
            "launch",
            "window",
            "session",
            "project",
            "base",
            "name",
            "reuse",
            "no_hooks",
            "yes",
            "wait",
            "no_wait",
            "timeout",
            "queue",
            "quiet",
            "at",
            "after",
            "cron",
            "dry_run",
        ];
        let sources = crate::sources::ALL.iter().map(|it| it.flag);
        let known: Vec<&str> = known.into_iter().chain(sources).collect();
        let command = Line::command();
        let new = command.get_arguments().map(|it| it.get_id().as_str());
        assert_eq!(new.filter(|it| !known.contains(it)).collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
