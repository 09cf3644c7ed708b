//! Compares saved screens of agents with a human's judgement, one capture at a time; also with the
//! generic profile alone, because every agent was unknown once.
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use super::satisfies;
use crate::{
    agents::{GENERIC, Profile, explain},
    model::{DisplayState, Sample},
};

struct Screen {
    agent: String,
    name: String,
    want: Vec<String>,
    sample: Sample,
}

fn all() -> Vec<Screen> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/screens");
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    let mut screens: Vec<Screen> = Vec::new();
    for path in paths {
        let file = path.file_name().unwrap().to_str().unwrap().replace(".screens.txt", "");
        let agent = file.split_once('-').unwrap().0.to_owned();
        for line in fs::read_to_string(&path).unwrap().lines() {
            if let Some(head) = line.strip_prefix("##### ") {
                screens.push(heading(&agent, &file, head));
            } else {
                screens.last_mut().unwrap().sample.rows.push(line.trim_end().to_owned());
            }
        }
    }
    screens
}

/// The screens of one file: what a human says first of each, and the look.
pub(crate) fn of(file: &str) -> Vec<(String, Sample)> {
    let screens = all().into_iter().filter(|it| it.name.starts_with(&format!("{file}/")));
    screens.filter_map(|it| Some((it.want.first()?.clone(), it.sample))).collect()
}

fn heading(agent: &str, file: &str, head: &str) -> Screen {
    let value = |name: &str| {
        let (_, rest) = head.split_once(&format!(" {name}=")).unwrap();
        rest.split(' ').next().unwrap()
    };
    let pair = |name: &str| {
        let (one, other) = value(name).split_once(',').unwrap();
        (one.parse().unwrap(), other.parse().unwrap())
    };
    let sample = Sample {
        title: head.split_once(" title=").unwrap().1.to_owned(),
        command: value("cmd").to_owned(),
        cursor: pair("cur"),
        cursor_visible: value("vis") == "1",
        size: pair("size"),
        ..Sample::default()
    };
    let want = value("want").split('|').map(|it| it.replace('_', " ")).collect();
    let name = format!("{file}/{}", head.split(' ').next().unwrap());
    Screen { agent: agent.to_owned(), name, want, sample }
}

#[derive(Default)]
struct Score {
    n_right: usize,
    n_all: usize,
}

/// For each agent, the number of right results and the wrong ones; and the screens that are taken
/// for a free box but show a draft or a dialog.
fn judge(profile: impl Fn(&Screen) -> Option<std::sync::Arc<Profile>>) -> (String, Score, String) {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    let (mut total, mut misses, mut harm) = (Score::default(), String::new(), String::new());
    for screen in all() {
        let Some(profile) = profile(&screen) else { continue };
        let verdict = explain(&profile, &screen.sample, &[]).verdict;
        let word = DisplayState::Turn(verdict.turn.clone()).to_string();
        let is_right = screen.want.iter().any(|want| satisfies(&word, want));
        for score in [&mut total, scores.entry(screen.agent.clone()).or_default()] {
            score.n_all += 1;
            score.n_right += usize::from(is_right);
        }
        let miss = format!(
            "{}: {word} by {} `{}`, want {:?}\n",
            screen.name, verdict.rule, verdict.evidence, screen.want
        );
        let asks = |want: &String| {
            want == "draft" || want.starts_with("blocked") || want.starts_with("waiting")
        };
        if screen.want.iter().any(asks) && verdict.turn.listens() {
            harm.push_str(&miss);
        }
        if !is_right {
            misses.push_str(&miss);
        }
    }
    for (agent, score) in scores {
        writeln!(misses, "{agent}: {} of {}", score.n_right, score.n_all).unwrap();
    }
    (misses, total, harm)
}

#[test]
fn each_screen_is_what_a_human_says_by_the_profile_of_its_agent() {
    let (misses, score, harm) = judge(|it| Profile::shared(&it.agent));
    assert!(harm.is_empty(), "{harm}");
    // Only its hook distinguishes its empty session from one whose first turn begins.
    let known = "opencode-1.2.27/07-idle-session: unknown by not-ready";
    let n_known = misses.lines().filter(|it| it.starts_with(known)).count();
    assert_eq!(score.n_right + n_known, score.n_all, "{misses}");
}

#[test]
fn a_limit_on_a_real_screen_is_told_with_its_reset() {
    let now: crate::model::Timestamp = "2026-11-29T02:47:30Z".parse().unwrap();
    let limit = |name: &str| {
        let screen = all().into_iter().find(|it| it.name == name).unwrap();
        let profile = Profile::shared(&screen.agent).unwrap();
        let text = explain(&profile, &screen.sample, &[]).verdict.limit?;
        let until = crate::agents::limits::reset(&text, now, &jiff::tz::TimeZone::UTC);
        Some((text, until))
    };
    for (name, words, until) in [
        ("claude-2.1.332/limit", "limit", "2026-11-29T04:47:00Z"),
        ("codex-0.171.0/limit", "hit your usage limit", "2026-11-29T04:39:00Z"),
        ("copilot-1.0.102/limit", "limit reached", "2026-11-29T04:47:30Z"),
    ] {
        let (text, at) = limit(name).unwrap_or_else(|| panic!("{name}"));
        assert!(text.contains(words), "{name}: {text}");
        assert_eq!(at, until.parse().ok(), "{name}: {text}");
    }
    // The request was refused, for a time that it does not name; gemini asks what to do.
    assert_eq!(limit("claude-2.1.332/rate-limit"), None);
    assert_eq!(limit("gemini-0.61.0/limit"), None);
}

#[test]
#[expect(clippy::print_stdout, reason = "the score of each agent is worth a look")]
fn most_screens_are_what_a_human_says_by_the_generic_profile() {
    let (misses, score, harm) = judge(|_| Profile::shared(GENERIC));
    let scores = misses.lines().filter(|it| it.contains(" of ") && !it.contains(", want"));
    println!("by the generic profile:\n{}", scores.collect::<Vec<_>>().join("\n"));
    assert!(harm.is_empty(), "{harm}");
    assert!(
        score.n_right * 100 >= score.n_all * 92,
        "{} of {}\n{misses}",
        score.n_right,
        score.n_all
    );
}

#[test]
fn most_recorded_moments_are_what_a_human_says_by_the_generic_profile() {
    let (n_judged, misses) = super::judge_by(|_| Profile::shared(GENERIC).unwrap());
    // Without a sign of its end, an agent is ready after a turn too short to be seen.
    let is_same = |line: &&str| line.contains(": ready by") && line.contains(r#"want ["idle"]"#);
    let misses: Vec<&str> =
        misses.lines().filter(|it| it.contains("want [")).filter(|it| !is_same(it)).collect();
    let (n_wrong, misses) = (misses.len(), misses.join("\n"));
    let mut lines = misses.lines();
    let harm = lines.find(|line| {
        let (was, want) = line.split_once("want").unwrap();
        let listens = [": ready by", ": idle by", ": failed by"].iter().any(|it| was.contains(it));
        listens && ["draft", "blocked", "waiting"].iter().any(|it| want.contains(it))
    });
    assert_eq!(harm, None);
    assert!((n_judged - n_wrong) * 100 >= n_judged * 92, "{n_wrong} of {n_judged}\n{misses}");
}
