//! Answers an agent's trust dialog for a user who asked for that.
//!
//! The entry is chosen by its label, and confirmed only after a capture that shows it highlighted.
//! One key at a time: the next one is pressed when the screen shows the effect of the last. A
//! dialog that cannot be read or does not react is left to the user.
use std::time::{Duration, Instant};

use super::{LiveWorker, deliveries::obstacle};
use crate::{
    agents::menu::{self, Menu},
    hub::state::{Act, Effect, TmuxEffect},
    model::{AgentState, Blocker, Happened, Now},
};

/// A dialog that does not react to a key for this long is left alone.
const PATIENCE: Duration = Duration::from_secs(5);
/// No trust dialog has as many entries.
const MAX_KEYS: u8 = 8;

/// Progress of the answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Which entry was highlighted before the last key, and when it was pressed.
    moved: Option<(usize, Instant)>,
    n_keys: u8,
    over: bool,
}

impl LiveWorker {
    /// Presses the next key, if the newest capture allows one.
    pub(super) fn answer_trust(&mut self, now: Now, out: &mut Vec<Effect>) {
        let asks = AgentState::Blocked(Blocker::Trust);
        let is_asked = self.verdict.turn == asks && self.worker.state.turn.value == asks;
        let spec = &self.profile.trust;
        let Some(label) = spec.label.as_ref().filter(|_| is_asked && spec.args.is_empty()) else {
            return;
        };
        let Some(sample) = self.last.as_ref().filter(|_| self.worker.agent.trust) else { return };
        if self.answer.over || obstacle(&self.profile, sample).is_some() {
            return;
        }
        let menu = menu::read(&sample.rows).filter(|it| !it.doubtful);
        let Some((menu, steps)) = menu.and_then(|it| it.steps_to(label.regex()?).map(|n| (it, n)))
        else {
            return;
        };
        if let Some((from, at)) = self.answer.moved
            && from == menu.selected
        {
            return self.await_reaction(now, at);
        }
        let key = match steps {
            0 => "Enter",
            1.. => "Down",
            _ => "Up",
        };
        self.answer.moved = Some((menu.selected, now.steady));
        self.answer.n_keys += 1;
        self.answer.over = steps == 0 || self.answer.n_keys >= MAX_KEYS;
        self.tell_of(key, &menu);
        let (to, act) = (self.target(), Act::Keys(vec![key.to_owned()], Duration::ZERO));
        out.push(Effect::Tmux(TmuxEffect::Press { to, act }));
        self.want_look(now.steady + PATIENCE);
    }

    fn await_reaction(&mut self, now: Now, since: Instant) {
        if now.steady.duration_since(since) < PATIENCE {
            return self.want_look(since + PATIENCE);
        }
        self.answer.over = true;
        let text = "the dialog did not react; answer it yourself".to_owned();
        self.notes.happened.push(Happened::Told { about: "trust".into(), text });
    }

    fn tell_of(&mut self, key: &str, menu: &Menu) {
        let entry = menu.selected().map(|it| it.label.as_str()).unwrap_or_default();
        let text = format!("pressed {key} on `{entry}`, as `trust = \"worktree\"` asks");
        self.notes.happened.push(Happened::Told { about: "trust".into(), text });
    }
}
