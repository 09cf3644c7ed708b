//! The dashboard's state: inputs in, effects out. Pure.
mod begin;
mod press;

use std::time::{Duration, Instant};

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::{layout::Rect, text::Text};
use ratatui_textarea::TextArea;

use super::{
    act::{Act, Insist, names},
    page::{Page, Tab, painted},
    rows::Rows,
    text_area::text_area,
};
use crate::model::{Ask, Item, Worker, WorkerId};

/// A view is loaded when the selection has stood for this long.
const SETTLE: Duration = Duration::from_millis(120);
/// How long a message stays in the last row.
const NOTE: Duration = Duration::from_secs(8);

/// What wakes the dashboard.
#[derive(Debug)]
pub(super) enum Input {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste(String),
    Workers(Vec<Worker>),
    /// Select this worker.
    Select(WorkerId),
    Items(Vec<Item>),
    /// The selected worker's screen with its colours, or why there is none.
    Screen(WorkerId, Result<String, String>),
    /// The output of a view's command.
    Page {
        id: WorkerId,
        tab: Tab,
        text: String,
    },
    /// An act is over.
    Done {
        act: Act,
        is_ok: bool,
        text: String,
        offer: Offer,
    },
    /// The text from the user's editor.
    Edited(String),
    /// A program that had the terminal has failed.
    Failed(String),
    /// The hub cannot be reached, or again.
    Hub(Result<(), String>),
    Tick,
}

/// What a key may do about the end of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Nothing,
    /// To drop the work of exactly this state of a worktree.
    Discard(String),
    /// To remove these workers: their work is merged.
    Remove(Vec<WorkerId>),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Go(Box<Worker>),
    Run(Act),
    /// Run the command of this view.
    Load(WorkerId, Tab),
    Edit(String),
    New,
    Leave,
}

/// What the keys do now.
pub(super) enum Mode {
    Browse,
    /// They write the filter.
    Filter,
    /// They choose an answer.
    Answer {
        id: WorkerId,
        ask: Ask,
        chosen: Option<usize>,
    },
    /// They write a text.
    Send {
        to: Addressee,
        area: Box<TextArea<'static>>,
    },
    Dialog(Dialog),
}

/// Whom a text is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Addressee {
    Workers(Vec<WorkerId>),
    /// The agent that takes this worker over; a text that begins with `@` names it.
    Successor(WorkerId),
}

/// A text over everything else, with what can be done about it.
pub(super) struct Dialog {
    pub(super) title: String,
    pub(super) text: String,
    pub(super) scroll: u16,
    /// Key, what it does in words, and the act; any other key closes the dialog.
    pub(super) keys: Vec<(char, &'static str, Act)>,
}

/// What the parts of the last frame covered, for the mouse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) list: Rect,
    /// Which shown worker is in each row of the list.
    pub(super) rows: Vec<Option<usize>>,
    pub(super) detail: Rect,
}

pub(super) struct Dash {
    pub(super) rows: Rows,
    pub(super) mode: Mode,
    pub(super) tab: Tab,
    pub(super) filter: tui_input::Input,
    /// The newest screen, and whose it is.
    pub(super) screen: Option<(WorkerId, Result<Text<'static>, String>)>,
    pub(super) page: Option<Page>,
    /// Rows of the view that are scrolled out at its top.
    pub(super) scroll: u16,
    pub(super) note: Option<(String, bool, Instant)>,
    /// What runs.
    pub(super) running: Vec<Act>,
    pub(super) hub: Result<(), String>,
    pub(super) drawn: Drawn,
    /// Texts that were not sent: they are there again at the next `s`.
    draft: String,
    /// The same for the next agent of a worker, at the next `h`.
    handoff_draft: String,
    load_at: Option<Instant>,
    /// Enter goes to the worker and leaves.
    picks: bool,
    /// The workers are those of every project.
    pub(super) is_all: bool,
}

impl Dash {
    pub(super) fn new(picks: bool) -> Self {
        Self {
            rows: Rows::new(),
            mode: if picks { Mode::Filter } else { Mode::Browse },
            tab: Tab::Screen,
            filter: tui_input::Input::default(),
            screen: None,
            page: None,
            scroll: 0,
            note: None,
            running: Vec::new(),
            hub: Ok(()),
            drawn: Drawn::default(),
            draft: String::new(),
            handoff_draft: String::new(),
            load_at: None,
            picks,
            is_all: false,
        }
    }

    pub(super) fn picks(&self) -> bool {
        self.picks
    }

    /// The worker whose screen is shown.
    pub(super) fn viewed(&self) -> Option<&WorkerId> {
        let worker = self.rows.selected().filter(|it| !it.place.gone && it.ended.is_none());
        worker.map(|it| &it.id)
    }

    /// No key has begun anything, and no command runs.
    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self.mode, Mode::Browse) && self.running.is_empty()
    }

    /// When the next [`Input::Tick`] is needed, besides for ages.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let note = self.note.as_ref().map(|(_, _, until)| *until);
        [self.load_at, note].into_iter().flatten().min()
    }

    pub(super) fn handle(&mut self, now: Instant, input: Input) -> Vec<Effect> {
        let before = self.rows.selected().map(|it| it.id.clone());
        let mut out = Vec::new();
        match input {
            Input::Key(key) => self.key(now, key, &mut out),
            Input::Mouse(mouse) => self.mouse(mouse, &mut out),
            Input::Paste(text) => self.paste(&text),
            Input::Workers(workers) => self.set_workers(now, workers),
            Input::Select(id) => self.rows.select(&id),
            Input::Items(items) => self.rows.set_items(items),
            Input::Screen(id, screen) => {
                self.screen = Some((id, screen.map(|it| painted(&it))));
            }
            Input::Page { id, tab, text } => self.set_page(id, tab, &text),
            Input::Done { act, is_ok, text, offer } => {
                self.done(now, &act, is_ok, (&text, offer));
            }
            Input::Edited(text) => self.edited(&text),
            Input::Failed(why) => self.say(now, why, true),
            Input::Hub(hub) => self.hub = hub,
            Input::Tick => {}
        }
        if self.note.as_ref().is_some_and(|(_, _, until)| *until <= now) {
            self.note = None;
        }
        let after = self.rows.selected().map(|it| it.id.clone());
        if before != after {
            self.scroll = 0;
            self.load_at = Some(now + SETTLE);
        }
        self.load(now, &mut out);
        out
    }

    fn say(&mut self, now: Instant, text: impl Into<String>, is_error: bool) {
        self.note = Some((text.into(), is_error, now + NOTE));
    }

    /// A new state of the selected worker may mean another page.
    fn set_workers(&mut self, now: Instant, workers: Vec<Worker>) {
        let before = self.rows.selected().map(|it| (it.state.clone(), it.last_message.clone()));
        self.rows.set_workers(workers);
        let after = self.rows.selected().map(|it| (it.state.clone(), it.last_message.clone()));
        if before != after {
            self.load_at = Some(now + SETTLE);
        }
        if let Mode::Answer { id, ask, .. } = &self.mode {
            let asks = self.rows.worker(id).and_then(|it| it.state.asks.as_ref());
            if !asks.is_some_and(|it| is_same(it, ask)) {
                self.mode = Mode::Browse;
                self.say(now, "the question has changed", false);
            }
        }
    }

    /// Loads the view when the selection stands.
    fn load(&mut self, now: Instant, out: &mut Vec<Effect>) {
        if self.load_at.is_none_or(|at| at > now) {
            return;
        }
        self.load_at = None;
        let Some(id) = self.rows.selected().map(|it| it.id.clone()) else { return };
        if self.tab.verb().is_none() {
            return;
        }
        match &mut self.page {
            Some(page) if page.id == id && page.tab == self.tab => page.is_loading = true,
            _ => {
                let (tab, text) = (self.tab, Text::default());
                self.page = Some(Page { id: id.clone(), tab, text, is_loading: true });
            }
        }
        out.push(Effect::Load(id, self.tab));
    }

    fn set_page(&mut self, id: WorkerId, tab: Tab, text: &str) {
        if self.page.as_ref().is_some_and(|it| it.id == id && it.tab == tab) {
            self.page = Some(Page { id, tab, text: painted(text), is_loading: false });
        }
    }

    fn done(&mut self, now: Instant, act: &Act, is_ok: bool, (text, offer): (&str, Offer)) {
        if let Some(at) = self.running.iter().position(|it| it == act) {
            self.running.remove(at);
        }
        self.load_at = Some(now + SETTLE);
        let dialog = |title: String, keys| Dialog {
            title,
            text: text.trim_end().to_owned(),
            scroll: 0,
            keys,
        };
        match (act, is_ok) {
            (Act::CheckLand { ids }, true) => {
                let land = |keep| Act::Land { ids: ids.clone(), keep };
                let keys =
                    vec![('y', "land and remove", land(false)), ('k', "land and keep", land(true))];
                self.open(dialog(format!("land {}?", names(ids)), keys));
            }
            (Act::CheckMerged { .. }, true) => {
                let keys = match offer {
                    Offer::Remove(ids) if !ids.is_empty() => {
                        vec![('y', "remove them", Act::Remove { ids, insist: Insist::No })]
                    }
                    Offer::Remove(_) | Offer::Discard(_) | Offer::Nothing => Vec::new(),
                };
                self.open(dialog("workers whose work is merged".to_owned(), keys));
            }
            (Act::Remove { ids, insist: Insist::No }, false) => {
                let remove = |insist| Act::Remove { ids: ids.clone(), insist };
                let mut keys = Vec::new();
                if let Offer::Discard(state) = offer {
                    let act = remove(Insist::Discard(state));
                    keys.push(('f', "remove anyway, with a backup", act));
                } else if ids.len() == 1 {
                    keys.push(('F', "remove by force", remove(Insist::Force)));
                }
                self.open(dialog(format!("{} not removed", was(ids)), keys));
            }
            (_, false) => {
                self.open(dialog(format!("failed: {}", act.progress()), Vec::new()));
                self.keep_unsent(act);
            }
            (Act::Ack { .. }, true) => {}
            (_, true) => {
                let said = text.lines().rfind(|it| !it.trim().is_empty()).unwrap_or("done");
                self.say(now, crate::text::one_line(said, 200), false);
                self.rows.clear_marks();
            }
        }
    }

    /// A text that is being written is kept.
    fn open(&mut self, dialog: Dialog) {
        self.keep_draft();
        self.mode = Mode::Dialog(dialog);
    }

    /// A text that did not arrive is there again, unless another one was begun.
    fn keep_unsent(&mut self, act: &Act) {
        let (draft, unsent) = if let Act::Send { text, .. } = act {
            (&mut self.draft, text.clone())
        } else if let Act::HandOff { agent, text, .. } = act {
            let agent = agent.as_ref().map_or_else(String::new, |it| format!("@{it} "));
            (&mut self.handoff_draft, agent + text)
        } else {
            return;
        };
        if draft.trim().is_empty() {
            *draft = unsent;
        }
    }

    fn edited(&mut self, text: &str) {
        if let Mode::Send { area, .. } = &mut self.mode {
            **area = text_area(text);
        }
    }

    fn run(&mut self, act: Act, out: &mut Vec<Effect>) {
        self.note = None;
        self.running.push(act.clone());
        out.push(Effect::Run(act));
    }
}

/// The same question with the same answers, whichever of them the agent's own cursor is on.
fn is_same(one: &Ask, other: &Ask) -> bool {
    let labels = |it: &Ask| it.choices.iter().map(|it| it.label.clone()).collect::<Vec<_>>();
    (&one.about, &one.question, labels(one)) == (&other.about, &other.question, labels(other))
}

fn was(ids: &[WorkerId]) -> String {
    let verb = if ids.len() == 1 { "was" } else { "were" };
    format!("{} {verb}", names(ids))
}
