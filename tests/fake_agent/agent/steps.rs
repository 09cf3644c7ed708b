//! What the agent does by itself: it starts, opens, works, asks and ends.
use std::time::Duration;

use serde_json::json;

use super::{Agent, Effect, Open, Step, Then};
use crate::{
    dialog::{Dialog, Kind},
    scenario::{Bracketed, Phase},
    turn::{Stage, Turn, spinner},
};

/// Turns between two dialogs that come after a paste.
const DIALOG_GAP: u64 = 3;

impl Agent {
    pub(super) fn start_step(&mut self, now: Duration, step: Step, effects: &mut Vec<Effect>) {
        match step {
            Step::MakeRaw => {
                effects.push(Effect::MakeRaw);
                self.enter(Phase::Deaf, now, effects);
                let cursor = "\x1b[?25l".to_owned();
                let paste = "\x1b[?2004h".to_owned();
                let is_early = self.plan.bracketed_paste == Bracketed::Early;
                effects.push(Effect::Write(if is_early { paste + &cursor } else { cursor }));
            }
            Step::Splash if self.plan.splash_ms > 0 => effects.push(Effect::DrawTorn),
            Step::Splash => {}
            Step::FirstScreen => self.show_first_screen(now, effects),
            Step::Open => self.open(now, effects),
        }
    }

    /// The next dialog, the box that is not open yet, or the box.
    pub(super) fn show_first_screen(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if !self.plan.dialogs.is_empty() {
            let dialog = self.plan.dialogs.remove(0);
            return self.ask(now, dialog, Then::FirstScreen, effects);
        }
        if self.plan.loading_ms == 0 {
            return self.open(now, effects);
        }
        self.enter(Phase::Loading, now, effects);
        self.startup.push_back((now + Duration::from_millis(self.plan.loading_ms), Step::Open));
        effects.push(Effect::DrawTorn);
    }

    fn open(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let mut modes = String::new();
        if self.plan.bracketed_paste == Bracketed::Ready {
            modes += "\x1b[?2004h";
        }
        if !self.plan.look.title.is_empty() {
            modes += &title(&self.plan.look.title);
        }
        effects.push(Effect::Write(modes));
        self.enter(Phase::Ready, now, effects);
        if std::mem::take(&mut self.enter_is_kept) && !self.draft.is_empty() {
            return self.submit(now, "kept", effects);
        }
        effects.push(Effect::DrawTorn);
    }

    pub(super) fn ask(
        &mut self,
        now: Duration,
        dialog: Dialog,
        then: Then,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Note(
            "dialog",
            json!({
                "kind": dialog.kind, "question": dialog.question, "entries": dialog.entries,
                "chosen": dialog.chosen, "right": dialog.right, "right_keys": dialog.right_keys(),
                "over_draft": then == Then::Box && !self.draft.is_empty(), "in_turn": then == Then::Turn,
            }),
        ));
        self.dialog = Some(Open { dialog, since: now, then });
        self.enter(Phase::Dialog, now, effects);
        effects.push(Effect::DrawTorn);
    }

    /// Ends the dialog. `by` is who answered: `keys` or `human`.
    pub(super) fn answer(
        &mut self,
        now: Duration,
        entry: usize,
        by: &str,
        effects: &mut Vec<Effect>,
    ) {
        let Some(open) = self.dialog.take() else { return };
        let is_right = entry == open.dialog.right;
        let label = open.dialog.entries.get(entry).map_or("(escape)", String::as_str);
        let shown_ms = u64::try_from((now - open.since).as_millis()).unwrap_or(0);
        effects.push(Effect::Note(
            "answer",
            json!({ "label": label, "right": is_right, "by": by, "shown_ms": shown_ms }),
        ));
        match open.then {
            Then::Turn if is_right => {
                self.enter(Phase::Working, now, effects);
                self.next_stage(now, effects);
                effects.push(Effect::DrawTorn);
            }
            Then::Turn => self.end_turn(now, "rejected", effects),
            _ if !is_right => effects.push(Effect::Leave(1)),
            Then::FirstScreen => self.show_first_screen(now, effects),
            Then::Box => {
                self.enter(Phase::Ready, now, effects);
                effects.push(Effect::DrawTorn);
            }
        }
        if open.dialog.kind != Kind::Key {
            self.transcript.push(format!("{} {label}", self.plan.look.bullet));
        }
    }

    /// The dialog that comes after a paste: once, and again when there were some turns.
    pub(super) fn interrupt_the_box(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Ready
            && let Some(interruption) = &self.plan.after_paste
        {
            self.no_dialog_before = self.n_turns + DIALOG_GAP;
            self.ask(now, interruption.dialog.clone(), Then::Box, effects);
        }
    }

    /// Sends what is in the box; `by` is `enter`, `kept` (it came before the box was open) or `queue`.
    pub(super) fn submit(&mut self, now: Duration, by: &str, effects: &mut Vec<Effect>) {
        let text = self.draft.take();
        if self.plan.commands && text.starts_with('/') {
            effects.push(Effect::Note("command", json!({ "text": text })));
            self.transcript.push(format!("{} Ran {text}", self.plan.look.bullet));
            return effects.push(Effect::DrawTorn);
        }
        self.start_turn(now, text, by, effects);
    }

    pub(super) fn start_turn(
        &mut self,
        now: Duration,
        text: String,
        by: &str,
        effects: &mut Vec<Effect>,
    ) {
        self.n_turns += 1;
        effects.push(Effect::Note("turn", json!({ "n": self.n_turns, "text": text, "by": by })));
        self.transcript.push(String::new());
        self.transcript.push(format!("{} {text}", self.plan.look.prompt));
        self.turn = Some(Turn::start(&self.plan.turn, self.plan.seed, self.n_turns, text, now));
        self.enter(Phase::Working, now, effects);
        self.frame_at = Some(now + self.frame());
        // The screen lags as it does for a key.
        self.redraw_at = Some(now + Duration::from_millis(self.plan.lag_ms));
    }

    pub(super) fn tick_turn(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some(turn) = &mut self.turn else { return };
        if turn.deadline().is_some_and(|at| at <= now) {
            self.next_stage(now, effects);
        } else if matches!(turn.stage(), Stage::Flood) {
            let line = format!("{} {}\r\n", self.plan.look.bullet, turn.text.replace('\n', " "));
            effects.push(Effect::Write(line.repeat(200)));
            self.frame_at = Some(now);
            return;
        }
        let is_due = self.frame_at.is_some_and(|at| at <= now);
        if let Some(turn) = self.turn.as_ref().filter(|_| is_due) {
            let running = now.saturating_sub(turn.started);
            if self.plan.look.title_spins {
                let glyph = spinner(&self.plan.look, self.plan.turn.fps, running);
                effects.push(Effect::Write(title(&format!("{glyph} {}", self.plan.look.title))));
            }
            effects.push(Effect::Draw);
            self.frame_at = Some(now + self.frame());
        }
    }

    fn next_stage(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some(turn) = &mut self.turn else { return };
        turn.next_stage(now);
        match turn.stage().clone() {
            Stage::Work => self.frame_at = Some(now + self.frame()),
            Stage::Flood => self.frame_at = Some(now),
            Stage::Retry(n) => {
                effects.push(Effect::Note("retry", json!({ "n": n })));
                self.frame_at = Some(now);
            }
            Stage::Request(dialog) => {
                self.frame_at = None;
                self.ask(now, *dialog, Then::Turn, effects);
            }
            Stage::Over if self.n_turns == 1 && !self.plan.turn.limit.is_empty() => {
                self.end_turn(now, "limited", effects);
            }
            Stage::Over if self.plan.turn.fails => self.end_turn(now, "failed", effects),
            Stage::Over => self.end_turn(now, "done", effects),
        }
    }

    /// `how`: `done`, `failed`, `rejected` or `interrupted`.
    pub(super) fn end_turn(&mut self, now: Duration, how: &str, effects: &mut Vec<Effect>) {
        let Some(turn) = self.turn.take() else { return };
        self.frame_at = None;
        effects.push(Effect::Note("turn_end", json!({ "n": turn.n, "how": how })));
        let bullet = &self.plan.look.bullet;
        let seconds = (now - turn.started).as_secs();
        self.transcript.push(match how {
            "done" => format!("{bullet} Answer {} ({seconds}s)", turn.n),
            "limited" => format!("{bullet} {}", self.plan.turn.limit),
            "failed" => format!("{bullet} Error: 500 the provider does not answer"),
            _ => format!("{bullet} Turn {} {how}", turn.n),
        });
        if !self.plan.look.title.is_empty() || self.plan.look.title_spins {
            effects.push(Effect::Write(title(&self.plan.look.title)));
        }
        match self.queued.pop_front() {
            Some(text) => self.start_turn(now, text, "queue", effects),
            None => self.enter(Phase::Ready, now, effects),
        }
        effects.push(Effect::DrawTorn);
    }

    pub(super) fn enter(&mut self, phase: Phase, now: Duration, effects: &mut Vec<Effect>) {
        self.phase = phase;
        self.phase_since = now;
        effects.push(Effect::Note("phase", json!({ "phase": phase })));
        if self.plan.says {
            effects.extend(report(phase).map(Effect::Write));
        }
    }

    fn frame(&self) -> Duration {
        Duration::from_millis(1000 / self.plan.turn.fps.max(1))
    }
}

/// The phase as a status report.
fn report(phase: Phase) -> Option<String> {
    let state = match phase {
        Phase::Cooked | Phase::Deaf | Phase::Loading => return None,
        Phase::Dialog => "blocked:kind=permission",
        Phase::Ready => "idle",
        Phase::Working => "working",
    };
    Some(format!("\x1b]7501;state={state}:app=fake\x1b\\"))
}

fn title(text: &str) -> String {
    format!("\x1b]0;{text}\x07")
}
