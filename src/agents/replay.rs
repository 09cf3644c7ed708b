//! What would have been believed of a worker whose looks were kept: its screen log, judged again.
//!
//! Knows a profile and samples with their times. Between two samples the screen is taken to have
//! stood still, and hooks are not heard, so times differ a little from those of the worker's life.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Seen, Tracker,
    classify::{Foreground, explain, foreground},
    profile::Profile,
};
use crate::model::{Now, Sample, State, Timestamp, Verdict, Word};

/// How long the last screen is taken to have stood.
const AFTER: Duration = Duration::from_secs(10);
/// Looks at one screen that stands still: a belief takes two.
const MAX_LOOKS: usize = 10;

/// A change of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Believed {
    pub at: Timestamp,
    pub word: Word,
    /// Number of the sample that showed it, from 0.
    pub sample: usize,
    /// What that sample said by itself.
    pub verdict: Verdict,
}

/// The states in order. `start` is any moment: only times after it matter.
pub fn replay(profile: &Arc<Profile>, samples: &[Sample], start: Instant) -> Vec<Believed> {
    let Some(first) = samples.first().map(|it| it.at) else { return Vec::new() };
    let now = |at: Timestamp| Now { steady: start + at.since(first), wall: at };
    let state = State::starting(first);
    let tracker = Tracker::new(Arc::clone(profile), &state, now(first));
    let mut player = Player { profile, tracker, state, believed: Vec::new() };
    let mut clock = first;
    for (number, sample) in samples.iter().enumerate() {
        // A clock that was set back does not take us back.
        clock = clock.max(sample.at);
        let next = samples.get(number + 1).map(|it| now(it.at).steady);
        let end = next.unwrap_or(now(clock).steady + AFTER);
        player.stand(number, sample, now(clock), end);
    }
    player.believed
}

struct Player<'a> {
    profile: &'a Profile,
    tracker: Tracker,
    state: State,
    believed: Vec<Believed>,
}

impl Player<'_> {
    /// Shows a screen from `from` until `end`, as often as the tracker wants to see it.
    fn stand(&mut self, number: usize, sample: &Sample, from: Now, end: Instant) {
        let verdict = explain(self.profile, sample, &[]).verdict;
        if !sample.dead && foreground(self.profile, &sample.command) == Foreground::Agent {
            self.see(number, &verdict, from, Seen::Started);
        }
        let look = |quiet_since| Seen::Sample { sample, verdict: &verdict, quiet_since };
        self.see(number, &verdict, from, look(None));
        for _ in 0..MAX_LOOKS {
            let Some(at) = self.tracker.next_look().filter(|at| *at < end) else { return };
            let later = at.saturating_duration_since(from.steady);
            let millis = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
            let wall = Timestamp(from.wall.0.saturating_add(millis));
            self.see(number, &verdict, Now { steady: at, wall }, look(Some(from.steady)));
        }
    }

    fn see(&mut self, number: usize, verdict: &Verdict, now: Now, seen: Seen<'_>) {
        let changed = self.tracker.handle(now, seen);
        if let Some(process) = changed.process {
            self.state.process = process;
        }
        if let Some(turn) = changed.turn {
            self.state.turn = turn;
        }
        let word = self.state.word();
        if self.believed.last().is_none_or(|last| last.word != word) {
            let verdict = verdict.clone();
            self.believed.push(Believed { at: now.wall, word, sample: number, verdict });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = r"
name = 'robot'
[box]
prompt = '^> ?'
[[rule]]
state = 'blocked: trust'
all = ['trust this\?']
[[rule]]
state = 'working'
all = ['busy']
";

    /// Screens as `at ms: foreground command, rows`.
    #[track_caller]
    fn check(screens: &[(u64, &str, &str)], want: &[(u64, &str)]) {
        let profile = Arc::new(Profile::parse("test", PROFILE).unwrap());
        let sample = |(at, command, rows): &(u64, &str, &str)| Sample {
            at: Timestamp(*at),
            rows: rows.lines().map(str::to_owned).collect(),
            command: (*command).to_owned(),
            ..Sample::default()
        };
        let samples: Vec<Sample> = screens.iter().map(sample).collect();
        let believed = replay(&profile, &samples, Instant::now());
        let found: Vec<_> = believed.iter().map(|it| (it.at.0, it.word.to_string())).collect();
        let found: Vec<_> = found.iter().map(|(at, word)| (*at, word.as_str())).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn a_log_is_judged_as_its_worker_was() {
        check(
            &[
                (1000, "bash", "$ robot"),
                (2000, "robot", "trust this?"),
                (9000, "robot", "> "),
                (20_000, "robot", "busy\n> "),
                (20_100, "robot", "> "),
                (20_300, "robot", "busy\n> "),
                (30_000, "robot", "> "),
                (40_000, "bash", "$ "),
            ],
            &[
                (1000, "starting"),
                (2000, "unknown"),
                (2150, "blocked: trust"),
                (9500, "ready"),
                (20_000, "working"),
                (30_500, "idle"),
                (41_000, "unknown"),
            ],
        );
    }

    #[test]
    fn a_clock_that_goes_back_and_an_empty_log_do_no_harm() {
        check(&[], &[]);
        check(
            &[(5000, "robot", "busy\n> "), (10, "robot", "busy\n> ")],
            &[(5000, "unknown"), (5000, "working")],
        );
    }
}
