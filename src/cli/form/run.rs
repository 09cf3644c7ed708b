//! The terminal of the form: inputs in, a drawn screen out, issues loaded beside.
use std::{ffi::OsString, path::Path};

use crossterm::event::{Event as Terminal, EventStream, KeyEventKind};
use ratatui::DefaultTerminal;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_stream::StreamExt as _;

use super::{
    Effect, Form, Input, Setup, Wanted,
    kept::KeptTexts,
    offers::{Kind, Offer, tickets},
    view,
};
use crate::{
    cli::Failure,
    dash::{
        Theme,
        terminal::{edit, enter, leave, resized},
    },
    git::Repo,
    model::{Host, error_chain},
    proc,
    sources::{self, pulls},
};

/// How the form is opened.
pub(in crate::cli) struct Options {
    pub(in crate::cli) setup: Setup,
    pub(in crate::cli) theme: Theme,
    pub(in crate::cli) kept: KeptTexts,
    /// A script for `sh` that opens its first argument in the user's editor.
    pub(in crate::cli) editor: OsString,
    /// The command that prints the tasks that are ready, as JSON.
    pub(in crate::cli) ready: Vec<OsString>,
}

/// Shows the form. Returns the worker that the user wants, if any. What was typed is kept either way.
pub(in crate::cli) async fn run(options: Options) -> Result<Option<Wanted>, Failure> {
    let kept = options.kept.read()?;
    let mut form = Form::new(options.setup.clone(), &kept.draft, kept.history);
    let mut terminal = enter()?;
    let done = fill(&mut form, &options, &mut terminal).await;
    leave()?;
    done
}

async fn fill(
    form: &mut Form,
    options: &Options,
    terminal: &mut DefaultTerminal,
) -> Result<Option<Wanted>, Failure> {
    let mut keys = EventStream::new();
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut loading = load(form.dir(), &options.ready);
    let mut kept = form.text();
    loop {
        // The next form may open before this one has ended: what is shown is kept.
        keep(form, options, &mut kept);
        terminal.draw(|frame| view::draw(form, options.theme, frame))?;
        let input = tokio::select! {
            typed = keys.next() => match typed.transpose()? {
                Some(Terminal::Key(key)) if key.kind != KeyEventKind::Release => Input::Key(key),
                Some(Terminal::Paste(text)) => Input::Paste(text),
                Some(Terminal::Resize(..)) => {
                    resized(terminal)?;
                    continue;
                }
                Some(_) => continue,
                None => return Ok(None),
            },
            _ = hangup.recv() => return Ok(None),
            _ = terminated.recv() => return Ok(None),
            Some(Ok(loaded)) = loading.join_next() => loaded,
        };
        for effect in form.handle(input) {
            match effect {
                Effect::Leave => return Ok(None),
                Effect::Start(wanted) => return Ok(Some(wanted)),
                Effect::Load => loading = load(form.dir(), &options.ready),
                Effect::Edit(text) => {
                    leave()?;
                    // Another program reads the keys now.
                    keys = EventStream::new();
                    let edited = edit(&options.editor, &text);
                    *terminal = enter()?;
                    form.handle(edited.map_or_else(Input::Failed, Input::Edited));
                }
            }
        }
    }
}

/// Keeps a text that has changed since. One that cannot be kept is no reason to lose it.
fn keep(form: &mut Form, options: &Options, kept: &mut String) {
    let text = form.text();
    if text == *kept {
        return;
    }
    match options.kept.keep_draft(&text) {
        Ok(()) => *kept = text,
        Err(error) => {
            form.handle(Input::Failed(format!("this text cannot be kept: {error}")));
        }
    }
}

/// Asks for what is open, each kind beside the other.
fn load(dir: Option<&Path>, ready: &[OsString]) -> JoinSet<Input> {
    let mut loading = JoinSet::new();
    let Some(dir) = dir.map(Path::to_owned) else { return loading };
    let at = dir.clone();
    loading.spawn(async move { Input::Forge(forge(&at).await) });
    for kind in Kind::ALL {
        let (dir, ready) = (dir.clone(), ready.to_vec());
        loading.spawn(async move {
            let found = match kind {
                Kind::Issue | Kind::Pull => ask(kind, &dir).await,
                Kind::Ticket => ask_trackers(&dir, &ready).await,
            };
            Input::Offers(kind, found)
        });
    }
    loading
}

/// By the remote's name, else by the programs' logins.
async fn forge(dir: &Path) -> Host {
    let found = |repo: Repo| (repo.host(), repo.host_name());
    let Ok((guess, name)) = Repo::discover(dir).map(found) else { return Host::Other };
    let never = proc::never();
    pulls::kind_of(&sources::Context::new(dir, &never), guess, &name).await
}

async fn ask(kind: Kind, dir: &Path) -> Result<Vec<Offer>, String> {
    let never = proc::never();
    let cx = sources::Context::new(dir, &never);
    let forge = forge(dir).await;
    let open = pulls::list_open(&cx, forge, kind == Kind::Pull).await;
    let open = open.map_err(|error| error_chain(&error))?;
    Ok(open.into_iter().map(|open| Offer::of_forge(forge, kind, open)).collect())
}

/// In a process of its own, because a tracker's command may be slow. Without a tracker there are none.
async fn ask_trackers(dir: &Path, ready: &[OsString]) -> Result<Vec<Offer>, String> {
    let Some((program, args)) = ready.split_first() else { return Ok(Vec::new()) };
    let asked = proc::Cmd::new(program, dir).args(args).run(&proc::never()).await;
    Ok(tickets(&asked.map_err(|error| error_chain(&error))?.stdout))
}
