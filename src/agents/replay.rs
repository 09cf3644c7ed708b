//! Recomputes a worker's states from its screen log.
//!
//! Knows a profile and samples with their times. Two equal samples in a row mean that the screen
//! was unchanged between them. There are no hook reports, so times differ a little from the
//! original.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;

use super::{
    Seen, Tracker,
    classify::{self, Foreground, classify, foreground},
    profile::Profile,
    still::stands,
};
use crate::model::{DisplayState, FactSource, Now, Sample, Timestamp, Verdict, WorkerState};

/// How long the last screen is assumed to have been unchanged.
const AFTER: Duration = Duration::from_secs(10);
/// The interval between captures of a moving screen, and their limit.
const NOISY_LOOK: Duration = Duration::from_millis(200);
const MAX_NOISY_LOOKS: usize = 1000;
/// Captures of an unchanged screen: accepting a state takes two.
const MAX_LOOKS: usize = 10;

/// A change of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayedState {
    pub at: Timestamp,
    pub word: DisplayState,
    /// Number of the sample that showed it, from 0.
    pub sample: usize,
    /// The verdict on that sample alone.
    pub verdict: Verdict,
}

/// The states in order. `start` is any moment: only differences matter.
pub fn replay(
    profile: &Arc<Profile>,
    samples: &[Sample],
    start: Instant,
    zone: &TimeZone,
) -> Vec<ReplayedState> {
    let Some(first) = samples.first().map(|it| it.at) else { return Vec::new() };
    let now = |at: Timestamp| Now { steady: start + at.since(first), wall: at };
    let state = WorkerState::starting(first);
    let tracker = Tracker::new(Arc::clone(profile), &state, now(first)).in_zone(zone.clone());
    let mut player = Player { profile, tracker, state, believed: Vec::new() };
    let mut clock = first;
    let mut stood: Option<(&Sample, Now)> = None;
    for (number, sample) in samples.iter().enumerate() {
        // If the clock was set back, the replay still moves forward.
        clock = clock.max(sample.at);
        let found = classify::judge(profile, sample, &[]).found;
        let is_same = |it: &Sample| stands(it, sample, found.as_ref());
        let since = stood.filter(|(it, _)| is_same(it)).map(|(_, since)| since);
        player.look(number, sample, now(clock), since.map(|it| it.steady));
        stood = Some((sample, since.unwrap_or(now(clock))));
    }
    if let Some((last, since)) = stood {
        player.stand(samples.len().saturating_sub(1), last, now(clock), since.steady);
    }
    player.believed
}

/// The state for one screen, and the verdict in the light of the screen `before` it, if the agent
/// has printed without a pause for `noise`.
pub fn judge(
    profile: &Arc<Profile>,
    before: Option<&Sample>,
    sample: &Sample,
    noise: Duration,
    start: Instant,
) -> (DisplayState, Verdict) {
    let now = |millis: u64| Now {
        steady: start + Duration::from_millis(millis),
        wall: Timestamp(millis),
    };
    let mut state = WorkerState::starting(Timestamp(0));
    // Without a rule that matches, the state is unknown.
    state.turn.source = FactSource::Screen;
    let tracker = Tracker::new(Arc::clone(profile), &state, now(0));
    let mut player = Player { profile, tracker, state, believed: Vec::new() };
    if let Some(before) = before {
        player.look(0, before, now(0), Some(start));
        player.stand(0, before, now(0), start);
    }
    let first = 2 * u64::try_from(AFTER.as_millis()).unwrap_or_default();
    let noise = u64::try_from(noise.as_millis()).unwrap_or_default();
    let step = usize::try_from(NOISY_LOOK.as_millis()).unwrap_or(1);
    for later in (0..=noise).step_by(step).take(MAX_NOISY_LOOKS) {
        player.look(1, sample, now(first + later), None);
    }
    if noise == 0 {
        let since = now(first).steady;
        player.look(1, sample, now(first), Some(since));
        player.stand(1, sample, now(first), since);
    }
    (player.state.word(), player.tracker.verdict().clone())
}

struct Player<'a> {
    profile: &'a Profile,
    tracker: Tracker,
    state: WorkerState,
    believed: Vec<ReplayedState>,
}

impl Player<'_> {
    fn look(&mut self, number: usize, sample: &Sample, now: Now, quiet_since: Option<Instant>) {
        let verdict = classify(self.profile, sample);
        if !sample.dead && foreground(self.profile, sample) == Foreground::Agent {
            self.see(number, &verdict, now, Seen::Started);
        }
        let seen = Seen::Sample { sample, verdict: &verdict, quiet_since };
        self.see(number, &verdict, now, seen);
    }

    /// Shows the last screen as often as the tracker asks for it.
    fn stand(&mut self, number: usize, sample: &Sample, from: Now, since: Instant) {
        for _ in 0..MAX_LOOKS {
            let Some(at) = self.tracker.next_look() else { return };
            let later = at.saturating_duration_since(from.steady);
            if later > AFTER {
                return;
            }
            let millis = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
            let wall = Timestamp(from.wall.0.saturating_add(millis));
            self.look(number, sample, Now { steady: at.max(from.steady), wall }, Some(since));
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
            self.believed.push(ReplayedState { at: now.wall, word, sample: number, verdict });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = r"
name = 'robot'
timing = { quiet_ms = 500 }
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
        let believed = replay(&profile, &samples, Instant::now(), &TimeZone::UTC);
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
                (2200, "robot", "trust this?"),
                (8000, "robot", "> "),
                (9000, "robot", "> "),
                (20_000, "robot", "busy\n> "),
                // It is unknown how long this one was unchanged: assume a short time.
                (20_100, "robot", "> "),
                (29_000, "robot", "busy\n> "),
                (30_000, "robot", "> "),
            ],
            &[
                (1000, "starting"),
                (2200, "blocked: trust"),
                (9000, "ready"),
                (20_000, "working"),
                (30_500, "idle"),
            ],
        );
    }

    #[test]
    fn one_screen_is_judged_with_what_came_before_it() {
        let profile = Profile::shared(crate::agents::GENERIC).unwrap();
        let screen = |text: &str| {
            let rule = "─".repeat(30);
            let rows = vec![rule.clone(), format!("> {text}"), rule, "footer".to_owned()];
            let (size, command) = ((40, 10), "x".to_owned());
            Sample { rows, size, command, cursor: (0, 9), ..Sample::default() }
        };
        let word = |before: Option<&str>, text: &str, noise: u64| {
            let before = before.map(screen);
            let noise = Duration::from_millis(noise);
            let start = Instant::now();
            judge(&profile, before.as_ref(), &screen(text), noise, start).0.to_string()
        };
        assert_eq!(word(Some("Ask me anything..."), "fix the bug", 0), "draft");
        assert_eq!(word(Some("fix the bug"), "fix the bug", 0), "ready");
        assert_eq!(word(None, "Ask me anything...", 0), "ready");
        assert_eq!(word(Some("Ask me anything..."), "Ask me anything...", 5000), "working");
    }

    #[test]
    fn a_clock_that_goes_back_and_an_empty_log_do_no_harm() {
        check(&[], &[]);
        check(
            &[(5000, "robot", "busy\n> "), (10, "robot", "busy\n> ")],
            &[(5000, "starting"), (5000, "working")],
        );
    }
}
