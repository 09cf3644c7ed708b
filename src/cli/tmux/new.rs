//! The form for a new worker, and the process that makes the worker while the user does something else.
use std::{ffi::OsString, io, process::ExitCode};

use crossterm::{
    event::{self, Event, KeyCode, KeyEventKind},
    terminal::{disable_raw_mode, enable_raw_mode},
};
use serde::Deserialize;

use crate::{
    cli::{
        self, Context, Failure,
        form::{self, KeptTexts, Setup, Wanted},
        projects, resolve,
        seat::Tmux,
        settings, watch,
    },
    model::Worker,
    proc::{self, Cmd},
    text,
};

/// Asks what the new worker is to do. For a client, it is made in the background, and a message tells of the
/// end; else here.
pub(super) async fn run(context: &Context, client: Option<&str>) -> Result<ExitCode, Failure> {
    loop {
        let setup = setup(context).await?;
        if setup.repos.is_empty() {
            let failure = Failure::user("the current directory is not in a git repository")
                .hint("change to the repository, and open the form there");
            show(context, &failure)?;
            until_key(context, "[any key closes this]").await?;
            return Ok(ExitCode::SUCCESS);
        }
        let kept = kept_texts(context);
        let (theme, editor) = (watch::theme(context), context.editor_script());
        let ready = ready_command(context)?;
        let options = form::Options { setup, theme, kept: kept_texts(context), editor, ready };
        let Some(wanted) = form::run(options).await? else { return Ok(ExitCode::SUCCESS) };
        if let (Some(client), false) = (client, wanted.stays) {
            return start(context, client, &wanted);
        }
        let words = std::iter::once("create".to_owned()).chain(wanted.args).collect::<Vec<_>>();
        match verb(context, &words).await {
            Ok(_) => {
                kept.used(&wanted.typed)?;
                until_key(context, "[any key closes this]").await?;
                return Ok(ExitCode::SUCCESS);
            }
            Err(failure) => show(context, &failure)?,
        }
        let key = until_key(context, "[enter: back to the text   any other key: close]").await?;
        if key != Some(KeyCode::Enter) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn kept_texts(context: &Context) -> KeptTexts {
    KeptTexts { dir: context.env.form_dir(), uid: context.env.uid() }
}

/// The command that lists the tasks that are ready.
fn ready_command(context: &Context) -> Result<Vec<OsString>, Failure> {
    let socket = context.whereabouts()?.tmux_socket;
    let program = context.env.program()?.into_os_string();
    Ok(vec![program, "-S".into(), socket.into(), "ready".into(), "--json".into()])
}

/// The repository around this directory, those that have workers, and the agents of the configuration.
async fn setup(context: &Context) -> Result<Setup, Failure> {
    let here = settings::repo_around(&std::env::current_dir()?)?;
    let loaded = settings::load(context, here.as_ref())?;
    let default = loaded.config.agents.default.name;
    let others = loaded.config.agents.by_name.into_keys().filter(|it| *it != default);
    let agents = std::iter::once(default.clone()).chain(others).collect();
    let is_here = here.is_some();
    let mut repos: Vec<_> = here.iter().map(|it| (it.project(), it.home().to_owned())).collect();
    for worker in known_workers(context).await? {
        let home = projects::home_of(&worker.repo);
        if repos.iter().all(|(_, it)| *it != home) && home.is_dir() {
            repos.push((worker.project, home));
        }
    }
    Ok(Setup { repos, is_here, agents })
}

async fn known_workers(context: &Context) -> Result<Vec<Worker>, Failure> {
    let Some(mut hub) = context.hub_to_look().await? else { return Ok(Vec::new()) };
    resolve::all(&mut hub).await
}

/// Leaves the rest to a process of its own: this terminal closes.
fn start(context: &Context, client: &str, wanted: &Wanted) -> Result<ExitCode, Failure> {
    let socket = context.whereabouts()?.tmux_socket;
    let mut args: Vec<OsString> = vec!["-S".into(), socket.into(), "tmux".into(), "start".into()];
    args.push(format!("--client={client}").into());
    args.push(format!("--typed={}", wanted.typed).into());
    args.push("--".into());
    args.extend(wanted.args.iter().map(OsString::from));
    proc::background(&context.env.program()?, args)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the worker, and tells the client of it.
pub(super) async fn make(
    context: &Context,
    client: &str,
    typed: &str,
    args: &[String],
) -> Result<ExitCode, Failure> {
    let tmux = Tmux::find(context).await?;
    let dir = std::env::current_dir()?;
    let create = Cmd::new(context.env.program()?, &dir)
        .args(["-S".as_ref(), context.whereabouts()?.tmux_socket.as_os_str()])
        .args(["create", "--json"])
        .args(args)
        // The worker's window opens in the session of the popup.
        .envs(context.env.tmux_vars());
    let said = match create.run(&proc::never()).await {
        Ok(output) => {
            if output.is_success() {
                kept_texts(context).used(typed)?;
            }
            account(&output.stdout)
                .unwrap_or_else(|| format!("`wtmag create` ended with {}", output.status))
        }
        Err(error) => error.to_string(),
    };
    // The user may have closed that terminal meanwhile: then nobody waits for it.
    if let Ok(seat) = tmux.seat(Some(client), None).await {
        tmux.tell(&seat, &said).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What `create --json` prints.
#[derive(Deserialize)]
#[serde(untagged)]
enum Printed {
    Failed { error: Reason },
    Made { worker: Made, held: Option<String>, delivery: Option<Delivery> },
}

#[derive(Deserialize)]
struct Reason {
    message: String,
}

#[derive(Deserialize)]
struct Made {
    id: String,
    agent: String,
}

#[derive(Deserialize)]
struct Delivery {
    latency_ms: Option<u64>,
}

/// It in one line.
fn account(json: &[u8]) -> Option<String> {
    Some(match serde_json::from_slice(json).ok()? {
        Printed::Failed { error } => {
            format!("no worker was created, your text is kept: {}", error.message)
        }
        Printed::Made { worker, held: Some(held), .. } => {
            format!("{}: the prompt is held: {held}", worker.id)
        }
        Printed::Made { worker, held: None, delivery } => {
            let time = delivery.and_then(|it| it.latency_ms).map(std::time::Duration::from_millis);
            let time = time.map_or(String::new(), |it| format!(" ({})", text::seconds(it)));
            format!("{}: {} has its prompt{time}", worker.id, worker.agent)
        }
    })
}

/// Runs a verb as if it had been typed.
async fn verb(context: &Context, words: &[String]) -> Result<ExitCode, Failure> {
    let socket = context.whereabouts()?.tmux_socket;
    let mut args: Vec<OsString> = vec!["wtmag".into(), "-S".into(), socket.into()];
    args.extend(words.iter().map(OsString::from));
    Box::pin(cli::verb(context, args)).await
}

/// A failure with its hints, wrapped between words: text is not copied out of a popup.
fn show(context: &Context, failure: &Failure) -> Result<(), Failure> {
    let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
    let text = failure.to_string();
    text::wrap(text.trim_end(), columns)
        .into_iter()
        .try_for_each(|row| context.print(&format!("{}\n", row.trim_end())))
}

/// Waits for a key, or until the terminal is closed. Verbs treat a hangup as an interrupt.
async fn until_key(context: &Context, text: &str) -> Result<Option<KeyCode>, Failure> {
    let mut closed = context.cancel()?;
    // A reader may press a key at once, so the terminal is ready before the text is shown.
    enable_raw_mode()?;
    context.print(&format!("\r\n{text}"))?;
    tokio::select! {
        key = tokio::task::spawn_blocking(next_key) => Ok(key.map_err(Failure::bug)??),
        () = proc::cancelled(&mut closed) => Ok(None),
    }
}

/// The next key, not echoed. None if the terminal is gone.
fn next_key() -> io::Result<Option<KeyCode>> {
    let found = loop {
        match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => break Some(key.code),
            Ok(_) => {}
            Err(_) => break None,
        }
    };
    disable_raw_mode()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_one_line() {
        let check = |json: &str, want| assert_eq!(account(json.as_bytes()).as_deref(), want);
        check(
            r#"{"worker":{"id":"a","agent":"pi"},"delivery":{"latency_ms":2240},"held":null}"#,
            Some("a: pi has its prompt (2.2 s)"),
        );
        check(
            r#"{"worker":{"id":"a","agent":"pi"},"delivery":{},"held":"blocked: trust"}"#,
            Some("a: the prompt is held: blocked: trust"),
        );
        check(
            r#"{"error":{"kind":"user","message":"no agent"}}"#,
            Some("no worker was created, your text is kept: no agent"),
        );
        check("", None);
    }
}
