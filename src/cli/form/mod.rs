//! The form for a new worker: keys in, the arguments of `create` out.
//!
//! Knows keys, texts and what the forge offers; not how a worker is made. Pure, but for `run` and `kept`.
mod kept;
mod offers;
mod run;
#[cfg(test)]
mod tests;
mod view;

use std::path::{Path, PathBuf};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui_textarea::TextArea;
use tui_input::backend::crossterm::to_input_request;

pub(super) use kept::KeptTexts;
use offers::{Kind, Offer, Offers};
pub(super) use run::{Options, run};

use crate::{
    dash::{pasted, text_area},
    model::Host,
};

/// What the form begins with.
#[derive(Clone, Debug, Default)]
pub(super) struct Setup {
    /// Repositories by name and directory.
    pub(super) repos: Vec<(String, PathBuf)>,
    /// The first one is that of the current directory.
    pub(super) is_here: bool,
    /// The agents of the configuration; the first one is the default.
    pub(super) agents: Vec<String>,
}

/// A worker that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The arguments of `wtmag create`.
    pub(super) args: Vec<String>,
    /// What was typed; it is kept until the worker is there.
    pub(super) typed: String,
    /// The user wants to see how it goes.
    pub(super) stays: bool,
}

#[derive(Debug)]
enum Input {
    Key(KeyEvent),
    Paste(String),
    /// What the forge offers, or why it offers nothing.
    Offers(Kind, Result<Vec<Offer>, String>),
    /// The repository's forge.
    Forge(Host),
    /// From the user's editor.
    Edited(String),
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Effect {
    Start(Wanted),
    Edit(String),
    /// Another repository was chosen: its issues are to be loaded.
    Load,
    Leave,
}

/// What has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Text,
    Agent,
    Model,
    Place,
    Base,
    Plan,
    Repo,
}

const FIELDS: [Field; 7] =
    [Field::Text, Field::Agent, Field::Model, Field::Place, Field::Base, Field::Plan, Field::Repo];

/// Where the worker's window opens; the first one is the configuration's.
const PLACES: [(&str, Option<&str>); 3] =
    [("default", None), ("window", Some("window")), ("session", Some("session"))];

struct Form {
    setup: Setup,
    area: TextArea<'static>,
    focus: Field,
    agent: usize,
    model: tui_input::Input,
    place: usize,
    base: tui_input::Input,
    plan: bool,
    repo: usize,
    offers: Offers,
    forge: Host,
    /// Which of the offers that fit is chosen; none: the text is the task.
    chosen: Option<usize>,
    /// Earlier texts, the newest first.
    history: Vec<String>,
    /// Which of them is shown, and what was typed before.
    recalled: Option<(usize, String)>,
    problem: Option<String>,
}

impl Form {
    pub(super) fn new(setup: Setup, draft: &str, history: Vec<String>) -> Self {
        Self {
            setup,
            area: text_area(draft),
            focus: Field::Text,
            agent: 0,
            model: tui_input::Input::default(),
            place: 0,
            base: tui_input::Input::default(),
            plan: false,
            repo: 0,
            offers: Offers::default(),
            forge: Host::Other,
            chosen: None,
            history,
            recalled: None,
            problem: None,
        }
    }

    pub(super) fn text(&self) -> String {
        self.area.lines().join("\n").trim_end().to_owned()
    }

    /// The directory of the repository in which the worker is made.
    pub(super) fn dir(&self) -> Option<&Path> {
        self.setup.repos.get(self.repo).map(|(_, dir)| dir.as_path())
    }

    pub(super) fn handle(&mut self, input: Input) -> Vec<Effect> {
        let before = self.text();
        let mut out = Vec::new();
        match input {
            Input::Key(key) => {
                self.problem = None;
                self.key(key, &mut out);
            }
            Input::Paste(text) => self.paste(&text),
            Input::Offers(kind, offers) => self.offers.set(kind, offers),
            Input::Forge(forge) => self.forge = forge,
            Input::Edited(text) => self.area = text_area(&text),
            Input::Failed(why) => self.problem = Some(why),
        }
        let after = self.text();
        if before != after {
            // A sign asks for an offer; other words are a task of their own until one is chosen.
            self.chosen = offers::asks(&after).then_some(0);
        }
        out
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the other keys are the field's")]
    fn key(&mut self, key: KeyEvent, out: &mut Vec<Effect>) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => out.push(Effect::Leave),
            KeyCode::Char('c' | 'g') if control => out.push(Effect::Leave),
            KeyCode::Char('e') if control => out.push(Effect::Edit(self.text())),
            KeyCode::Char('r') if control => self.recall(),
            KeyCode::Char('o') if control => self.start(true, out),
            KeyCode::Char('j') if control => self.new_line(),
            KeyCode::Enter if key.modifiers.contains(KeyModifiers::ALT) => self.new_line(),
            KeyCode::Enter => self.start(false, out),
            KeyCode::Tab => self.focus_on(true),
            KeyCode::BackTab => self.focus_on(false),
            _ => self.key_in_field(key, out),
        }
    }

    /// The next field, or the one before. A single repository is no choice.
    fn focus_on(&mut self, forward: bool) {
        let n = FIELDS.len() - usize::from(self.setup.repos.len() < 2);
        let mut at = FIELDS.iter().position(|it| *it == self.focus).unwrap_or(0);
        turn(&mut at, n, forward);
        self.focus = FIELDS.get(at).copied().unwrap_or(Field::Text);
    }

    fn key_in_field(&mut self, key: KeyEvent, out: &mut Vec<Effect>) {
        let is_next = key.code == KeyCode::Right || key.code == KeyCode::Char(' ');
        let step = (is_next || key.code == KeyCode::Left).then_some(is_next);
        match (self.focus, step) {
            (Field::Text, _) => self.key_in_text(key),
            (Field::Model, _) => typed(&mut self.model, key),
            (Field::Base, _) => typed(&mut self.base, key),
            (Field::Agent, Some(on)) => turn(&mut self.agent, self.setup.agents.len(), on),
            (Field::Place, Some(on)) => turn(&mut self.place, PLACES.len(), on),
            (Field::Plan, Some(_)) => self.plan = !self.plan,
            (Field::Repo, Some(on)) => {
                turn(&mut self.repo, self.setup.repos.len(), on);
                self.offers = Offers::default();
                self.forge = Host::Other;
                out.push(Effect::Load);
            }
            (Field::Agent | Field::Place | Field::Plan | Field::Repo, None) => {}
        }
    }

    fn key_in_text(&mut self, key: KeyEvent) {
        let n_shown = self.shown().len();
        match (key.code, self.chosen) {
            (KeyCode::Down, None) if n_shown > 0 => self.chosen = Some(0),
            (KeyCode::Down, Some(at)) if n_shown > 0 => {
                self.chosen = Some((at + 1).min(n_shown - 1));
            }
            (KeyCode::Up, Some(at)) if n_shown > 0 => {
                let is_first = at == 0 && !offers::asks(&self.text());
                self.chosen = if is_first { None } else { Some(at.saturating_sub(1)) };
            }
            _ => drop(self.area.input(key)),
        }
    }

    fn new_line(&mut self) {
        if self.focus == Field::Text {
            self.area.insert_newline();
        }
    }

    fn paste(&mut self, text: &str) {
        let text = pasted(text);
        let line = text.replace('\n', " ");
        match self.focus {
            Field::Model | Field::Base => {
                let field =
                    if self.focus == Field::Model { &mut self.model } else { &mut self.base };
                for c in line.chars() {
                    field.handle(tui_input::InputRequest::InsertChar(c));
                }
            }
            Field::Text | Field::Agent | Field::Place | Field::Plan | Field::Repo => {
                self.focus = Field::Text;
                self.area.insert_str(text);
            }
        }
    }

    /// The next older text, and at last what was typed.
    fn recall(&mut self) {
        let (next, typed) = match self.recalled.take() {
            Some((at, typed)) => (at + 1, typed),
            None => (0, self.text()),
        };
        match self.history.get(next) {
            Some(text) => {
                self.area = text_area(text);
                self.recalled = Some((next, typed));
            }
            None => self.area = text_area(&typed),
        }
        self.focus = Field::Text;
    }

    /// The offers that fit what is typed.
    fn shown(&self) -> Vec<&Offer> {
        self.offers.fitting(&self.text())
    }

    fn start(&mut self, stays: bool, out: &mut Vec<Effect>) {
        match self.task() {
            Ok(mut args) => {
                self.add_options(&mut args);
                out.push(Effect::Start(Wanted { args, typed: self.text(), stays }));
            }
            Err(why) => self.problem = Some(why),
        }
    }

    fn task(&self) -> Result<Vec<String>, String> {
        let text = self.text();
        if let Some(offer) = self.chosen.and_then(|at| self.shown().get(at).copied()) {
            return Ok(offer.args.clone());
        }
        if let Some((kind, number)) = offers::number(&text) {
            return Ok(offers::args(self.forge, kind, number));
        }
        if text.trim().is_empty() {
            return Err("write the task, or # to list issues and tickets".to_owned());
        }
        if offers::asks(&text) {
            return Err(
                "nothing in the list matches: change the words, or write the number".to_owned()
            );
        }
        Ok(vec![format!("--prompt={text}")])
    }

    fn add_options(&self, args: &mut Vec<String>) {
        if let Some(agent) = self.setup.agents.get(self.agent).filter(|_| self.agent > 0) {
            args.push(format!("--agent={agent}"));
        }
        for (flag, field) in [("model", &self.model), ("base", &self.base)] {
            let value = field.value().trim();
            if !value.is_empty() {
                args.push(format!("--{flag}={value}"));
            }
        }
        if let Some((_, Some(place))) = PLACES.get(self.place) {
            args.push(format!("--launch={place}"));
        }
        if self.plan {
            args.push("--plan".to_owned());
        }
        if let Some(dir) = self.dir().filter(|_| self.repo > 0 || !self.setup.is_here) {
            args.push(format!("--project={}", dir.display()));
        }
    }
}

fn typed(field: &mut tui_input::Input, key: KeyEvent) {
    if let Some(request) = to_input_request(&Event::Key(key)) {
        field.handle(request);
    }
}

fn turn(at: &mut usize, n: usize, on: bool) {
    let n = n.max(1);
    *at = if on { *at + 1 } else { *at + n - 1 } % n;
}
