//! Compares the recorded agents' screens with a human's judgement.
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{
    BUILTIN, Profile, Seen, Tracker,
    classify::{Foreground, foreground},
    explain,
};
use crate::model::{AgentState, DisplayState, Now, Process, Sample, Timestamp, WorkerState};

#[derive(Deserialize)]
struct Timeline {
    moment: Vec<Moment>,
}

#[derive(Deserialize)]
struct Moment {
    t_ms: u64,
    want: Want,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Want {
    One(String),
    Any(Vec<String>),
}

impl Want {
    fn words(&self) -> &[String] {
        match self {
            Self::One(word) => std::slice::from_ref(word),
            Self::Any(words) => words,
        }
    }
}

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings")
}

/// Every screen of a case with its time.
fn screens(path: &Path) -> Vec<(u64, Sample)> {
    let text = fs::read_to_string(path).unwrap();
    let mut found: Vec<(u64, Sample)> = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("##### ") {
            found.push(heading(head));
        } else if let Some((_, sample)) = found.last_mut() {
            sample.rows.push(line.trim_end().to_owned());
        }
    }
    found
}

fn heading(head: &str) -> (u64, Sample) {
    let value = |name: &str| {
        let at = head.rfind(&format!(" {name}=")).unwrap() + name.len() + 2;
        head[at..].split(' ').next().unwrap()
    };
    let (column, row) = value("cur").split_once(',').unwrap();
    let t_ms = value("t").trim_end_matches("ms").parse().unwrap();
    let sample = Sample {
        at: Timestamp(t_ms),
        title: head.split_once(" title=").unwrap().1.to_owned(),
        command: value("cmd").to_owned(),
        cursor: (column.parse().unwrap(), row.parse().unwrap()),
        cursor_visible: value("vis") == "1",
        size: (120, 40),
        alternate: value("alt") == "1",
        dead: value("dead").starts_with('1'),
        ..Sample::default()
    };
    (t_ms, sample)
}

pub(crate) mod screens;

/// The state at each screen, if it is captured twice and then is quiet.
fn believed(profile: &Arc<Profile>, screens: &[(u64, Sample)]) -> Vec<(u64, String, String)> {
    let start = Instant::now();
    let now = |ms: u64| Now { steady: start + Duration::from_millis(ms), wall: Timestamp(ms) };
    let mut state = WorkerState::starting(Timestamp(0));
    let mut tracker = Tracker::new(Arc::clone(profile), &state, now(0));
    let mut words = Vec::new();
    for (t_ms, sample) in screens {
        let verdict = explain(profile, sample, &[]).verdict;
        if !sample.dead && foreground(profile, sample) == Foreground::Agent {
            let changed = tracker.handle(now(t_ms + 10_000), Seen::Started);
            state.process = changed.process.unwrap_or(state.process);
        }
        for later in [0, 2000, 4000] {
            let quiet_since = Some(start + Duration::from_millis(*t_ms) + QUIET);
            let seen = Seen::Sample { sample, verdict: &verdict, quiet_since };
            let changed = tracker.handle(now(t_ms + 10_000 + later), seen);
            state.process = changed.process.unwrap_or(state.process);
            state.turn = changed.turn.unwrap_or(state.turn);
        }
        let shell_is_back = verdict.rule == "foreground" && state.process.value == Process::Running;
        let word = if verdict.rule == "dead" || shell_is_back {
            "exited".to_owned()
        } else if verdict.rule == "foreground" {
            // Only the exit record distinguishes an agent that has ended from one that has not
            // begun.
            "shell".to_owned()
        } else {
            state.word().to_string()
        };
        words.push((*t_ms, word, format!("{} `{}`", verdict.rule, verdict.evidence)));
    }
    words
}

/// Quiet long before each capture.
const QUIET: Duration = Duration::from_millis(5000);

fn satisfies(word: &str, want: &str) -> bool {
    let shell = word == "shell" && ["starting", "exited"].contains(&want);
    shell
        || want == word
        || (want == "starting" && word == "unknown")
        || (want == "unknown" && word == "starting")
}

const RECORDED: [&str; 4] = ["claude", "codex", "opencode", "pi"];

/// Compares all cases; returns how many moments were judged, and the misses.
fn judge_by(profile: impl Fn(&str) -> Arc<Profile>) -> (usize, String) {
    let (mut n_judged, mut misses) = (0, String::new());
    for agent in RECORDED {
        let profile = profile(agent);
        let mut paths: Vec<PathBuf> = fs::read_dir(recordings().join(agent))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_str().unwrap().ends_with(".screens.txt"))
            .collect();
        paths.sort();
        for path in paths {
            let case = path.file_name().unwrap().to_str().unwrap().replace(".screens.txt", "");
            let timeline = path.with_file_name(format!("{case}.timeline.toml"));
            let timeline: Timeline =
                toml::from_str(&fs::read_to_string(timeline).unwrap()).unwrap();
            for (t_ms, word, why) in believed(&profile, &screens(&path)) {
                let Some(moment) = timeline.moment.iter().find(|it| it.t_ms == t_ms) else {
                    continue;
                };
                n_judged += 1;
                let wanted = moment.want.words();
                if !wanted.iter().any(|want| satisfies(&word, want)) {
                    writeln!(misses, "{agent}/{case} {t_ms}: {word} by {why}, want {wanted:?}")
                        .unwrap();
                }
            }
        }
    }
    (n_judged, misses)
}

#[test]
fn every_embedded_profile_can_be_read() {
    for (name, text) in BUILTIN {
        let profile =
            Profile::parse(name, text).unwrap_or_else(|it| panic!("{it}: {:?}", it.source));
        assert_eq!(profile.name, name);
    }
}

#[test]
fn the_recorded_screens_are_what_a_human_says() {
    let (n_judged, misses) = judge_by(|agent| Profile::shared(agent).unwrap());
    assert!(misses.is_empty(), "of {n_judged} moments:\n{misses}");
    assert!(n_judged > 100, "{n_judged}");
}

/// What the agents say of retries, in a person's words.
const ABOUT_RETRIES: [&str; 3] = [
    "why is it retrying in 5s, attempt 3",
    "the log says: Retrying (2/3) in 2s",
    "stub FAIL · retrying in 2s · attempt 4/10",
];

/// The same screen after many turns: no empty rows stand between the conversation and the box.
fn filled(mut sample: Sample) -> Sample {
    let n = sample.rows.len();
    sample.rows.dedup_by(|row, before| row.is_empty() && before.is_empty());
    let missing = n - sample.rows.len();
    sample.rows.splice(0..0, vec![String::new(); missing]);
    sample
}

#[test]
fn what_is_said_of_a_retry_is_none() {
    let mut n_screens = 0;
    for agent in RECORDED {
        let profile = Profile::shared(agent).unwrap();
        let screens = screens(&recordings().join(agent).join("c_turn.screens.txt"));
        for (t_ms, sample) in screens {
            let mut sample = filled(sample);
            // Where a message stands, behind the sign of a person or of the agent.
            let Some(at) = sample.rows.iter().rposition(|it| it.contains("Stub reply")) else {
                continue;
            };
            // Nothing says yet what became of it.
            sample.rows[at + 1..].iter_mut().take(2).for_each(String::clear);
            let verdict = explain(&profile, &sample, &[]).verdict;
            n_screens += 1;
            for text in ABOUT_RETRIES {
                let mut sample = sample.clone();
                sample.rows[at] = sample.rows[at].replace("Stub reply", text);
                let said = explain(&profile, &sample, &[]).verdict;
                assert_eq!(said.turn, verdict.turn, "{agent} {t_ms} {text}: {}", said.evidence);
            }
        }
    }
    assert!(n_screens > 4, "{n_screens}");
}

#[test]
fn no_word_but_unknown_without_a_profile_that_fits() {
    let profile = Profile::shared("claude").unwrap();
    let sample = Sample {
        rows: vec!["hello".to_owned()],
        command: "claude".to_owned(),
        ..Sample::default()
    };
    let verdict = explain(&profile, &sample, &[]).verdict;
    assert_eq!(DisplayState::Turn(verdict.turn).to_string(), "unknown");
    assert_eq!(AgentState::default(), AgentState::Unknown);
}
