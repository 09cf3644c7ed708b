//! The candidates that a shell offers on Tab. Worker ids come from the hub, if one runs and answers
//! at once; a key press never starts one.
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Arg, Command};
use clap_complete::{
    CompleteEnv,
    engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate},
};

use super::settings;
use crate::{
    client::{Hub, HubLocation},
    config::{self, Loaded},
    git::Repo,
    model::{Answer, DisplayState, Request, Worker},
    paths::Env,
    sources::{self, custom},
};

/// Set by the completion scripts; its value is the shell's name.
pub(super) const VARIABLE: &str = "WTMAG_COMPLETE";

/// Short, because a person waits for the key press.
const LIMIT: Duration = Duration::from_millis(100);

/// Answers a shell's request for completions; false for an ordinary run.
pub(super) fn answer(args: &[OsString]) -> clap::error::Result<bool> {
    let env = CompleteEnv::with_factory(command).var(VARIABLE);
    env.try_complete(args.iter().cloned(), std::env::current_dir().ok().as_deref())
}

/// The command line, with the candidates for each kind of value.
fn command() -> Command {
    with_values(super::command())
}

fn with_values(command: Command) -> Command {
    command.mut_args(with_value).mut_subcommands(with_values)
}

/// The kind of a value, by its id or by its name in the help.
fn with_value(arg: Arg) -> Arg {
    let name = arg.get_value_names().and_then(<[_]>::first).map(ToString::to_string);
    match (arg.get_id().as_str(), name.as_deref()) {
        ("agent", _) => arg.add(ArgValueCandidates::new(agents)),
        ("source", Some("NAME:KEY")) => arg.add(ArgValueCandidates::new(own_sources)),
        ("source", _) => arg.add(ArgValueCandidates::new(ready_sources)),
        (_, Some("ID")) => arg.add(ArgValueCompleter::new(workers)),
        (_, Some("STATE" | "STATE,…")) => arg.add(ArgValueCandidates::new(states)),
        _ => arg,
    }
}

/// The workers whose name begins like the typed text, with their states: workers of the current
/// project by their short name, others by their id.
pub(crate) fn workers(begun: &OsStr) -> Vec<CompletionCandidate> {
    let workers = ask_for_workers().unwrap_or_default();
    let here = std::env::current_dir().ok().and_then(|dir| Repo::discover(&dir).ok());
    let here = here.as_ref().map(Repo::common_dir);
    let begun = begun.to_string_lossy();
    let shown = workers.iter().filter_map(|it| {
        let name = names(it, here).into_iter().find(|name| name.starts_with(&*begun))?;
        let help = format!("{}, {}", it.state.word(), it.agent.name);
        Some(CompletionCandidate::new(name).help(Some(help.into())))
    });
    shown.collect()
}

/// The possible names of a worker, best first.
fn names(worker: &Worker, here: Option<&Path>) -> Vec<String> {
    let short = (here == Some(&worker.repo)).then(|| worker.short_name().to_owned());
    let key = Some(worker.source.key.clone()).filter(|it| !it.is_empty());
    let names = [worker.id.to_string(), worker.branch.clone()];
    short.into_iter().chain(names).chain(key).collect()
}

/// The configured agents.
pub(crate) fn agents() -> Vec<CompletionCandidate> {
    load_agents().unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

/// The trackers of the configuration, to which a key is added.
fn own_sources() -> Vec<CompletionCandidate> {
    let names = load().map(|it| it.config.sources.into_keys().collect::<Vec<_>>());
    let names = names.unwrap_or_default().into_iter();
    names.map(|it| CompletionCandidate::new(format!("{it}{}", custom::SEPARATOR))).collect()
}

/// The trackers that know which tasks are ready.
fn ready_sources() -> Vec<CompletionCandidate> {
    let built_in = sources::ALL.iter().filter(|it| it.ready.is_some());
    let built_in = built_in.map(|it| it.flag.to_owned());
    let own = load().map(|it| it.config.sources).unwrap_or_default();
    let own = own.into_iter().filter(|(_, it)| it.ready.is_some()).map(|(name, _)| name);
    built_in.chain(own).map(CompletionCandidate::new).collect()
}

/// The states that `wait` accepts.
pub(crate) fn states() -> Vec<CompletionCandidate> {
    DisplayState::NAMES.into_iter().map(CompletionCandidate::new).collect()
}

/// The workers of the hub that the words before the cursor select.
fn ask_for_workers() -> Option<Vec<Worker>> {
    let env = Env::capture().ok()?;
    let words: Vec<OsString> = std::env::args_os().collect();
    let path = flag(&words, "-S").map(PathBuf::from);
    let at = HubLocation::find(&env, path.as_deref(), flag(&words, "-L").as_ref()).ok()?;
    let asked = async {
        let mut hub = Hub::connect(&at).await.ok()?;
        let answer = hub.ask(Request::List { ended: false, brief: true }).await.ok()?;
        if let Answer::Workers { workers, .. } = answer { Some(workers) } else { None }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async { tokio::time::timeout(LIMIT, asked).await.ok() })?
}

fn load_agents() -> Option<Vec<String>> {
    Some(load()?.config.agents.by_name.into_keys().collect())
}

fn load() -> Option<Loaded> {
    let env = Env::capture().ok()?;
    let repo = Repo::discover(&std::env::current_dir().ok()?).ok();
    let dirs = settings::project_dirs(repo.as_ref());
    config::load(&env.config_file(), &dirs).ok()
}

/// The value of a short flag, separate or joined.
fn flag(words: &[OsString], name: &str) -> Option<OsString> {
    let mut words = words.iter();
    let found = words.find(|it| it.as_encoded_bytes().starts_with(name.as_bytes()))?;
    let joined = found.to_str().and_then(|it| it.strip_prefix(name)).filter(|it| !it.is_empty());
    joined.map(OsString::from).or_else(|| words.next().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_read_from_the_words_so_far() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(flag(&words("wtmag -- wtmag -L work show"), "-L"), Some("work".into()));
        assert_eq!(flag(&words("wtmag -- wtmag -Lwork show"), "-L"), Some("work".into()));
        assert_eq!(flag(&words("wtmag -- wtmag show"), "-L"), None);
    }
}
