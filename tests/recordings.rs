//! Recorded agents, played into panes and watched by a real hub, against what a human says of them.
//!
//! A moment is right when the hub comes to its word and stays with it while the screen stands still; and at no moment
//! that shows a question or a running turn may it have taken the agent for one that listens.
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use wtmag::{
    agents::{Profile, replay::replay},
    hub::screens,
    model::{AgentState, DisplayState, Fact, FactSource, Happened, Worker},
};

use crate::support::{
    Crew, Moment, Played, Player, Sandbox, Seen, is_full, percentiles, poll, recordings, state_dir,
};

/// Longest pause between two recorded frames: with the large counts nearly as it was, so that what shows for a moment
/// between two moments shows here, too; else what is drawn comes in its order, at once.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];
/// How long the hub may take to come to a moment's word. It is believed only after silence and a second look.
const SOON: Duration = Duration::from_secs(10);
/// How long it must stay with it.
const STAY: Duration = Duration::from_millis(400);
/// Players beside each other.
const N_PLAYERS: usize = 8;

/// Without `WTMAG_FULL`: each kind of moment, which is enough to see that a profile broke.
const FEW: [&str; 4] = ["a_trust", "c_turn", "d_perm", "f_"];

#[test]
fn recorded_claude_is_what_a_human_says() {
    judge("claude");
}

#[test]
fn recorded_codex_is_what_a_human_says() {
    judge("codex");
}

#[test]
fn recorded_opencode_is_what_a_human_says() {
    judge("opencode");
}

#[test]
fn recorded_pi_is_what_a_human_says() {
    judge("pi");
}

/// What the hub made of some moments.
#[derive(Default)]
struct Tally {
    n_moments: usize,
    n_right: usize,
    /// From a moment's last byte to its word, in milliseconds, where the word was another one.
    delays: Vec<u64>,
    faults: Vec<String>,
}

fn judge(agent: &str) {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    let is_wanted = |path: &PathBuf| {
        let name = case(path);
        is_full() || FEW.iter().any(|few| name.starts_with(few))
    };
    let todo: VecDeque<PathBuf> = recordings(agent).into_iter().filter(is_wanted).collect();
    let (n_cases, started) = (todo.len(), Instant::now());
    let (todo, tally) = (Mutex::new(todo), Mutex::new(Tally::default()));
    thread::scope(|scope| {
        for _ in 0..N_PLAYERS.min(n_cases) {
            scope.spawn(|| {
                let mut crew = Crew::new(&sandbox);
                let next = || todo.lock().unwrap().pop_front();
                while let Some(recording) = next() {
                    let seen = watch(&sandbox, &mut crew, agent, &recording);
                    let mut tally = tally.lock().unwrap();
                    tally.n_moments += seen.n_moments;
                    tally.n_right += seen.n_right;
                    tally.delays.extend(seen.delays);
                    tally.faults.extend(seen.faults);
                }
            });
        }
    });
    let Tally { n_moments, n_right, delays, faults } = tally.into_inner().unwrap();
    let took = started.elapsed().as_secs();
    println!("{agent}: {n_right} of {n_moments} moments right, {n_cases} recordings, {took} s");
    println!("{agent}: from the last byte of a moment to its word: {}", percentiles(delays));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(n_moments > 0);
}

/// Plays one recording from moment to moment.
fn watch(sandbox: &Sandbox, crew: &mut Crew, agent: &str, recording: &Path) -> Tally {
    let name = case(recording);
    let mut player = Player::new(sandbox, &name, recording);
    let program = player.program.display().to_string();
    let (worker, delivery) = crew.hire_as(agent, &name, Seen::Alone, &[&program]);
    crew.take_back(delivery);
    let mut tally = Tally::default();
    let moments = std::mem::take(&mut player.timeline.moment);
    let mut former = None;
    for moment in &moments {
        tally.n_moments += 1;
        let since = last_event(crew, &worker);
        let played = player.play_to(moment.t_ms, PAUSES[usize::from(is_full())]);
        let judged = pass(crew, &worker, since, former.unwrap_or(moment), moment)
            .and_then(|()| look(crew, &worker, moment));
        match judged {
            Ok(delay) => {
                tally.n_right += 1;
                tally.delays.extend(delay.and_then(|it| u64::try_from(it.as_millis()).ok()));
            }
            Err(fault) => {
                let at = format!("{agent}/{name} {} ms, {played:?}", moment.t_ms);
                tally.faults.push(format!("{at}: {fault}"));
            }
        }
        former = Some(moment);
    }
    if let Some(exit) = player.timeline.exit.take()
        && player.play_to(u64::MAX, Duration::ZERO) == Played::Left
    {
        // The agent's shell tells: a signal is a code of 128 and more.
        let code = exit.code.unwrap_or_else(|| 128 + exit.signal.unwrap());
        let is_it = || crew.word(&worker).starts_with(&format!("exited({code}")).then_some(());
        if poll(SOON, is_it).is_none() {
            tally
                .faults
                .push(format!("{agent}/{name}: {}, not exited({code})", crew.word(&worker)));
        }
    }
    if let Some(fault) = look_back(sandbox, crew, agent, &worker) {
        tally.faults.push(format!("{agent}/{name}: {fault}"));
    }
    sandbox.tmux().run(["kill-window", "-t", &worker.place.window.to_string()]);
    tally
}

/// Whether the screen log, judged again, tells the same turns in the same order.
fn look_back(sandbox: &Sandbox, crew: &mut Crew, agent: &str, worker: &Worker) -> Option<String> {
    let samples = screens::load(&state_dir(sandbox).join("screens"), &worker.id).unwrap();
    let profile = Profile::shared(agent).unwrap();
    let again = replay(&profile, &samples, Instant::now(), &jiff::tz::TimeZone::UTC)
        .into_iter()
        .map(|it| it.word);
    let known = |word: &DisplayState| !matches!(word.name(), "unknown" | "starting");
    let mut again: Vec<_> = again.filter(known).collect();
    again.dedup();
    let was = turns(crew, worker, 0).into_iter();
    let was = was.map(|it| (DisplayState::Turn(it.value), it.source == FactSource::Program));
    let was: Vec<_> = was.filter(|(word, _)| known(word)).collect();
    // What the program reported is not in its screens: such a turn may be missing in the log.
    let mut screens = again.iter().peekable();
    let mut last = None;
    for (word, is_reported) in &was {
        if screens.next_if_eq(&word).is_some() {
            last = Some(word);
        } else if !is_reported && last != Some(word) {
            return Some(format!("was {was:?}, its log says {again:?}"));
        }
    }
    screens.next().is_some().then(|| format!("was {was:?}, its log says {again:?}"))
}

/// Whether nothing that listens was believed on the way between two moments neither of which does.
fn pass(
    crew: &mut Crew,
    worker: &Worker,
    since: u64,
    from: &Moment,
    to: &Moment,
) -> Result<(), String> {
    if [from, to].into_iter().any(listens) {
        return Ok(());
    }
    let mut turns = turns(crew, worker, since).into_iter();
    let wrong = turns.find(|it| it.value.listens());
    wrong.map_or(Ok(()), |it| Err(format!("on the way {:?} by `{}`", it.value, it.evidence)))
}

/// Whether the hub comes to the moment's word, stays with it, and never believes the opposite.
/// How long it took, unless the word was right before.
fn look(crew: &mut Crew, worker: &Worker, moment: &Moment) -> Result<Option<Duration>, String> {
    let (since, started) = (last_event(crew, worker), Instant::now());
    let was_right = moment.accepts(&crew.word(worker));
    let came = poll(SOON, || moment.accepts(&crew.word(worker)).then_some(()));
    let delay = started.elapsed();
    let held = Instant::now() + STAY;
    let left = came.and_then(|()| {
        poll(held.saturating_duration_since(Instant::now()), || {
            let word = crew.word(worker);
            (!moment.accepts(&word)).then_some(word)
        })
    });
    let (words, note) = (moment.words().join("` or `"), &moment.note);
    let mut turns = turns(crew, worker, since).into_iter();
    if let Some(wrong) = turns.find(|it| it.value.listens() && !listens(moment)) {
        let Fact { value, evidence, .. } = wrong;
        return Err(format!("taken for {value:?} by `{evidence}`, is `{words}` ({note})"));
    }
    if came.is_none() {
        let word = crew.word(worker);
        return Err(format!("stays `{word}`, is `{words}` ({note}); it was{}", past(crew, worker)));
    }
    match left {
        Some(word) => Err(format!("came to it, then `{word}`; is `{words}` ({note})")),
        None => Ok((!was_right).then_some(delay)),
    }
}

/// What it shows takes a prompt.
fn listens(moment: &Moment) -> bool {
    moment.words().iter().any(|it| ["ready", "idle", "failed"].contains(&it.as_str()))
}

fn last_event(crew: &mut Crew, worker: &Worker) -> u64 {
    crew.events(worker, 0).last().map_or(0, |it| it.seq)
}

fn turns(crew: &mut Crew, worker: &Worker, since: u64) -> Vec<Fact<AgentState>> {
    let turn = |what| if let Happened::Turn(fact) = what { Some(fact) } else { None };
    crew.events(worker, since).into_iter().filter_map(|event| turn(event.what)).collect()
}

fn past(crew: &mut Crew, worker: &Worker) -> String {
    let turns = turns(crew, worker, 0).into_iter();
    turns.map(|it| format!("\n    {:?} by `{}`", it.value, it.evidence)).collect()
}

fn case(recording: &Path) -> String {
    recording.file_stem().unwrap().to_str().unwrap().to_owned()
}
