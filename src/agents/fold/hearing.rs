//! Evaluates hook reports and their origin.
use super::{Changed, Hooked, Tracker};
use crate::{
    agents::{
        echo,
        hooks::{Event, HookEvent},
    },
    model::{AgentState, FactSource, Now},
};

impl Tracker {
    /// The agent's hooks have reported something: they report its prompts, too.
    pub fn hooks_speak(&self) -> bool {
        self.thread.is_some()
    }

    pub(super) fn hear(&mut self, now: Now, hook: &HookEvent) -> Changed {
        let mut changed = self.start(now, FactSource::Hook, "a hook reported");
        if let Some(session) = &hook.session
            && self.thread.as_ref() != Some(session)
        {
            self.thread = Some(session.clone());
            changed.told.push(("session".to_owned(), session.clone()));
        }
        if let Event::PromptAccepted { text } = &hook.event {
            changed.accepted = Some(text.clone());
        }
        if let Event::TurnEnded { message }
        | Event::TurnFailed { message, .. }
        | Event::Background { message, .. } = &hook.event
        {
            changed.told.extend(message.iter().map(|it| ("message".to_owned(), it.clone())));
        }
        if let Some((turn, evidence)) = self.turn_of(&hook.event) {
            self.hooked = Some(Hooked {
                turn: turn.clone(),
                at: now.steady,
                seen: false,
                concluded: false,
                said: false,
            });
            let believed = self.believe(now, turn, FactSource::Hook, evidence);
            changed.turn = believed.turn.or(changed.turn);
        }
        changed
    }

    /// The turn state that an event reports.
    fn turn_of(&self, event: &Event) -> Option<(AgentState, String)> {
        let working = |what: String| Some((AgentState::Working, what));
        match event {
            Event::Started | Event::Ended { .. } => None,
            Event::PromptAccepted { .. } => working("the agent accepted a prompt".to_owned()),
            // A retry also begins to work, which is less than is already known.
            Event::Busy if self.turn.is_busy() => None,
            Event::Busy => working("the agent began to work".to_owned()),
            Event::Answered => {
                // Also sent after every tool call: relevant only if something was asked.
                let asked = matches!(self.turn, AgentState::Waiting(_));
                working("the question was answered".to_owned()).filter(|_| asked)
            }
            // Some agents report one question twice, the second time in general terms.
            Event::Asks { .. } if matches!(self.turn, AgentState::Waiting(_)) => None,
            Event::Asks { question, ask } => {
                Some((AgentState::Waiting(*question), ask.to_string()))
            }
            Event::Retrying { error } => Some((AgentState::Retrying, error.clone())),
            Event::TurnEnded { .. } => {
                Some((AgentState::Idle, "the agent ended its turn".to_owned()))
            }
            Event::TurnFailed { error, .. } => Some((AgentState::Failed, error.clone())),
            Event::Background { what, .. } => working(format!("a background task runs: {what}")),
        }
    }

    /// Some agents' helpers have their own turns, and report them as if they were the worker's.
    pub(super) fn is_about_us(&self, hook: &HookEvent) -> bool {
        let Some(prompt) = &hook.prompt else { return true };
        let mut ignored = self.profile.hooks.iter().flat_map(|it| &it.ignore);
        if ignored.any(|it| it.is_match(prompt)) {
            return false;
        }
        let same_thread = self.thread.is_none() || self.thread == hook.session;
        same_thread || self.sent.iter().any(|text| echo::same_text(text, prompt))
    }
}
