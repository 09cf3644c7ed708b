//! The whole dashboard without a terminal: inputs in, effects and pictures out.
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, style::Color};

use super::{
    act::{Act, Insist},
    page::Tab,
    state::{Dash, Effect, Input, Mode, Offer},
    view::{Scene, Theme, draw},
};
use crate::model::{
    AgentState, Ask, AskKind, Choice, Exit, FactSource, Item, ItemId, ItemKind, Origin, Process,
    Pull, Question, Source, Timestamp, Worker, WorkerId, WorkerState, samples,
};

const NOW: Timestamp = Timestamp(3_600_000);
const COLOUR: Theme = Theme { colour: true, unicode: true };

fn worker(branch: &str, turn: AgentState, minutes: u64, title: &str) -> Worker {
    let since = Timestamp(NOW.0 - minutes * 60_000);
    let mut state = WorkerState::starting(since);
    state.process.value = Process::Running;
    state.turn.value = turn;
    Worker {
        worktree: format!("/src/blog.{branch}").into(),
        branch: branch.to_owned(),
        base: None,
        source: Source::prompt(title),
        created: since,
        state,
        ..samples::worker(WorkerId::for_branch("blog", branch).as_str())
    }
}

fn ask(about: &str) -> Ask {
    let labels = ["Yes", "Yes, and don't ask again", "No"];
    Ask {
        kind: AskKind::Command,
        about: about.to_owned(),
        question: "Do you want to proceed?".to_owned(),
        choices: labels.map(|it| Choice { label: it.to_owned(), selected: false }).to_vec(),
        source: FactSource::Screen,
    }
}

fn workers() -> Vec<Worker> {
    let waiting = AgentState::Waiting(Question::Permission);
    let mut asking = worker("github-issue-456", waiting, 2, "Login fails on Safari");
    asking.state.asks = Some(ask("npm test"));
    let mut done = worker("github-issue-431", AgentState::Idle, 8, "Add a search box");
    done.pr = Some("https://github.com/acme/blog/pull/501".to_owned());
    done.work.pull = Some(Pull { state: samples::pull_state(501), at: NOW, since: NOW });
    let mut ended = worker("spike", AgentState::Idle, 50, "Try it");
    ended.state.process.value = Process::Exited(Exit::Code(0));
    vec![
        ended,
        worker("prices", AgentState::Idle, 22, "Prices in the list"),
        worker("docs", AgentState::Working, 14, "Write the docs"),
        done,
        asking,
    ]
}

fn items() -> Vec<Item> {
    let item = |n, branch: &str, kind, origin, minutes: u64, text: &str| Item {
        id: ItemId(n),
        text: text.to_owned(),
        ..Item::new(
            WorkerId::for_branch("blog", branch),
            kind,
            origin,
            Timestamp(NOW.0 - minutes * 60_000),
        )
    };
    vec![
        item(1, "github-issue-431", ItemKind::Done, Origin::Message, 8, "all tests pass"),
        item(2, "github-issue-456", ItemKind::Permission, Origin::State, 2, "permission: x"),
    ]
}

struct Desk {
    dash: Dash,
    now: Instant,
}

impl Desk {
    fn new() -> Self {
        Self::with(workers(), items())
    }

    fn with(workers: Vec<Worker>, items: Vec<Item>) -> Self {
        let mut desk = Self { dash: Dash::new(false), now: Instant::now() };
        desk.give(Input::Workers(workers));
        desk.give(Input::Items(items));
        desk
    }

    fn give(&mut self, input: Input) -> Vec<Effect> {
        self.dash.handle(self.now, input)
    }

    fn key(&mut self, code: KeyCode) -> Vec<Effect> {
        self.give(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn keys(&mut self, letters: &str) -> Vec<Effect> {
        letters.chars().flat_map(|it| self.key(KeyCode::Char(it))).collect()
    }

    fn selected(&self) -> &str {
        &self.dash.rows.selected().unwrap().branch
    }

    fn shown(&self) -> Vec<&str> {
        self.dash.rows.shown().map(|(_, it)| it.unwrap().branch.as_str()).collect()
    }

    fn render(&mut self, width: u16, height: u16, theme: Theme) -> (String, Buffer) {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let scene = Scene { project: "blog", now: NOW, theme };
        terminal.draw(|frame| draw(&mut self.dash, &scene, frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        let rows = (0..height).map(|y| row(y).trim_end().to_owned());
        (rows.collect::<Vec<_>>().join("\n"), buffer)
    }
}

fn id(branch: &str) -> WorkerId {
    WorkerId::for_branch("blog", branch)
}

#[test]
fn who_waits_for_an_answer_comes_first() {
    let mut desk = Desk::new();
    let order = ["github-issue-456", "github-issue-431", "docs", "prices", "spike"];
    assert_eq!(desk.shown(), order);
    assert_eq!(desk.selected(), "github-issue-456");
    // Another one that becomes the first does not take the selection.
    desk.keys("j");
    desk.keys("k");
    desk.give(Input::Items(items().into_iter().take(1).collect()));
    assert_eq!((desk.shown()[0], desk.selected()), ("github-issue-431", "github-issue-456"));
    desk.give(Input::Items(items()));
    desk.keys("k");
    desk.keys("jj");
    desk.give(Input::Items(Vec::new()));
    assert_eq!(desk.selected(), "docs");
    assert_eq!(desk.shown().first(), Some(&"docs"));
    desk.key(KeyCode::End);
    assert_eq!(desk.selected(), "spike");
    desk.keys("i");
    assert!(desk.shown().is_empty());
    assert!(desk.render(80, 24, COLOUR).0.contains("nothing needs you"));
}

#[test]
fn the_first_selection_stays_on_its_worker() {
    let mut desk = Desk::with(workers(), Vec::new());
    let first = desk.selected().to_owned();
    assert_eq!(first, "docs");
    desk.give(Input::Items(items()));
    assert_eq!((desk.shown()[0], desk.selected()), ("github-issue-456", "docs"));
}

#[test]
fn a_filter_finds_words_before_letters() {
    let mut desk = Desk::new();
    desk.keys("/price");
    assert_eq!(desk.shown(), ["prices"]);
    desk.key(KeyCode::Enter);
    desk.key(KeyCode::Esc);
    assert_eq!(desk.shown().len(), 5);
    desk.keys("/gi456");
    assert_eq!(desk.shown().first(), Some(&"github-issue-456"));
    desk.key(KeyCode::Esc);
    // `e` and `x` are letters of the filter, not acts.
    let out = desk.keys("/permission");
    assert_eq!((desk.shown(), out), (vec!["github-issue-456"], Vec::new()));
}

#[test]
fn an_answer_is_sent_by_its_number_or_chosen_and_sent_by_enter() {
    let mut desk = Desk::new();
    assert_eq!(desk.keys("a"), []);
    assert_eq!(desk.key(KeyCode::Enter), []);
    assert!(matches!(desk.dash.mode, Mode::Answer { chosen: None, .. }));
    // There are not so many.
    assert_eq!(desk.keys("9"), []);
    let want = Act::answer(&id("github-issue-456"), &ask("npm test"), "Yes, and don't ask again");
    let mut other = Desk::new();
    other.keys("a");
    for key in [KeyCode::Down, KeyCode::Down] {
        assert_eq!(other.key(key), []);
    }
    assert_eq!(other.key(KeyCode::Enter), [Effect::Run(want.clone())]);
    assert_eq!(desk.keys("2"), [Effect::Run(want.clone())]);
    assert_eq!(desk.dash.running, std::slice::from_ref(&want));
    desk.give(Input::Done {
        act: want,
        is_ok: true,
        text: "answered `Yes`\n".into(),
        offer: Offer::Nothing,
    });
    assert!(desk.dash.running.is_empty());
    assert!(desk.render(80, 24, COLOUR).0.contains("answered `Yes`"));
}

#[test]
fn a_question_that_changes_gets_no_answer() {
    let mut desk = Desk::new();
    desk.keys("a");
    desk.key(KeyCode::Down);
    let mut changed = workers();
    for worker in &mut changed {
        if let Some(asks) = &mut worker.state.asks {
            asks.about = "rm -rf /".to_owned();
        }
    }
    desk.give(Input::Workers(changed));
    assert_eq!(desk.key(KeyCode::Enter).len(), 1, "enter goes to the window");
    assert!(desk.dash.running.is_empty());
    desk.keys("j");
    desk.keys("a");
    assert!(desk.render(100, 24, COLOUR).0.contains("shows no question"));
}

#[test]
fn what_would_be_lost_is_read_before_it_is_dropped() {
    let mut desk = Desk::new();
    assert_eq!(desk.keys("x"), []);
    assert!(desk.render(80, 24, COLOUR).0.contains("github-issue-456"));
    // Any other key leaves it.
    assert_eq!(desk.keys("n"), []);
    desk.keys("x");
    let remove = |insist| Act::Remove { ids: vec![id("github-issue-456")], insist };
    assert_eq!(desk.keys("y"), [Effect::Run(remove(Insist::No))]);
    let offer = Offer::Discard("1a2b@/w".to_owned());
    let text = "error: it has work that would be lost\n  | uncommitted: a.rs".to_owned();
    desk.give(Input::Done { act: remove(Insist::No), is_ok: false, text, offer });
    assert!(desk.render(80, 24, COLOUR).0.contains("uncommitted: a.rs"));
    assert_eq!(desk.keys("f"), [Effect::Run(remove(Insist::Discard("1a2b@/w".into())))]);
}

#[test]
fn an_act_is_about_all_marked_workers() {
    let mut desk = Desk::new();
    desk.keys("  ");
    let ids = vec![id("github-issue-431"), id("github-issue-456")];
    assert_eq!(desk.keys("m"), [Effect::Run(Act::CheckLand { ids: ids.clone() })]);
    let text = "would be merged".to_owned();
    desk.give(Input::Done {
        act: Act::CheckLand { ids: ids.clone() },
        is_ok: true,
        text,
        offer: Offer::Nothing,
    });
    assert_eq!(desk.keys("y"), [Effect::Run(Act::Land { ids, keep: false })]);
    desk.key(KeyCode::Esc);
    assert_eq!(desk.dash.rows.n_marked(), 0);
}

#[test]
fn the_agents_own_choice_takes_two_keys_and_a_sweep_takes_two() {
    let mut workers = workers();
    let asking = workers.iter_mut().find(|it| it.state.asks.is_some()).unwrap();
    asking.state.asks.as_mut().unwrap().choices[1].selected = true;
    let mut desk = Desk::with(workers, items());
    desk.keys("a");
    let [Effect::Run(Act::Answer { label, .. })] = &desk.key(KeyCode::Enter)[..] else { panic!() };
    assert_eq!(label, "Yes, and don't ask again");
    let check = Act::CheckMerged { all: false };
    assert_eq!(desk.keys("X"), [Effect::Run(check.clone())]);
    let mut done = |ids: &[&str]| {
        let offer = Offer::Remove(ids.iter().map(|it| it.parse().unwrap()).collect());
        let (act, text) = (check.clone(), "docs: in main".to_owned());
        desk.give(Input::Done { act, is_ok: true, text, offer });
        desk.keys("y")
    };
    let ids = vec!["blog-docs".parse().unwrap()];
    assert_eq!(done(&["blog-docs"]), [Effect::Run(Act::Remove { ids, insist: Insist::No })]);
    assert_eq!(done(&[]), []);
}

#[test]
fn a_worker_is_handed_over_to_the_same_agent_or_to_a_named_one() {
    let check = |typed: &str, want: &str| {
        let mut desk = Desk::new();
        desk.keys("h");
        desk.give(Input::Paste(typed.to_owned()));
        let [Effect::Run(act)] = &desk.key(KeyCode::Enter)[..] else { panic!("{typed}") };
        assert_eq!(act.words().join(" "), want);
    };
    check("", "handoff --no-wait blog-github-issue-456");
    check("@codex", "handoff --no-wait blog-github-issue-456 --agent=codex");
    check("@codex fix it\nnow", "handoff --no-wait blog-github-issue-456 --agent=codex -");
    check("fix it", "handoff --no-wait blog-github-issue-456 -");
}

#[test]
fn a_text_that_was_not_sent_is_kept() {
    let mut desk = Desk::new();
    desk.keys("sfix it");
    desk.give(Input::Paste("a\r\nb\x1b[31m\tc".into()));
    desk.key(KeyCode::Esc);
    desk.keys("s");
    let [Effect::Run(Act::Send { ids, text })] = &desk.key(KeyCode::Enter)[..] else { panic!() };
    assert_eq!((ids.len(), text.as_str()), (1, "fix ita\nb[31m    c"));
    // An empty text is not sent.
    desk.keys("s");
    assert_eq!(desk.key(KeyCode::Enter), []);
}

#[test]
fn a_text_that_did_not_arrive_is_there_again_and_no_dialog_drops_one() {
    let mut desk = Desk::new();
    let sent = |desk: &mut Desk, key: &str| {
        desk.keys(key);
        let [Effect::Run(act)] = &desk.key(KeyCode::Enter)[..] else { panic!("{key}") };
        act.clone()
    };
    for (key, typed) in [("s", "fix it"), ("h", "@codex fix it")] {
        desk.keys(key);
        desk.give(Input::Paste(typed.to_owned()));
        let act = sent(&mut desk, "");
        let text = "no".to_owned();
        desk.give(Input::Done { act: act.clone(), is_ok: false, text, offer: Offer::Nothing });
        desk.key(KeyCode::Esc);
        assert_eq!(sent(&mut desk, key), act);
    }
    // Another act ends while a text is written.
    desk.keys("shalf");
    let act = Act::CheckLand { ids: vec![id("docs")] };
    desk.give(Input::Done { act, is_ok: true, text: "x".into(), offer: Offer::Nothing });
    assert_eq!(desk.keys("q"), []);
    assert_eq!(sent(&mut desk, "s").input(), Some("half"));
}

#[test]
fn a_view_is_loaded_when_the_selection_stands() {
    let mut desk = Desk::new();
    assert_eq!(desk.keys("d"), [Effect::Load(id("github-issue-456"), Tab::Diff)]);
    assert_eq!(desk.keys("jj"), []);
    desk.now += Duration::from_secs(1);
    assert_eq!(desk.give(Input::Tick), [Effect::Load(id("docs"), Tab::Diff)]);
    // The page of another worker comes late.
    desk.give(Input::Page { id: id("prices"), tab: Tab::Diff, text: "late".into() });
    desk.give(Input::Page { id: id("docs"), tab: Tab::Diff, text: "\x1b[32m+new\x1b[0m".into() });
    let (text, buffer) = desk.render(120, 24, COLOUR);
    assert!(text.contains("+new") && !text.contains("late"));
    assert!(buffer.content.iter().any(|it| it.fg == Color::Green && it.symbol() == "+"));
}

#[test]
fn a_worker_without_a_window_is_not_gone_to() {
    let mut desk = Desk::new();
    let mut gone = workers();
    gone.iter_mut().for_each(|it| it.place.gone = true);
    desk.give(Input::Workers(gone));
    assert_eq!(desk.key(KeyCode::Enter), []);
    assert!(desk.render(120, 24, COLOUR).0.contains("r starts its agent again"));
    assert_eq!(desk.dash.viewed(), None);
    assert_eq!(desk.keys("q"), [Effect::Leave]);
}

#[test]
fn to_choose_a_worker_is_typing_and_enter() {
    let mut desk = Desk { dash: Dash::new(true), now: Instant::now() };
    desk.give(Input::Workers(workers()));
    assert_eq!(desk.keys("pric"), []);
    let [Effect::Go(chosen)] = &desk.key(KeyCode::Enter)[..] else { panic!() };
    assert_eq!(chosen.branch, "prices");
    assert_eq!(desk.key(KeyCode::Esc), [Effect::Leave]);
}

#[test]
fn a_click_selects_and_a_second_one_goes() {
    use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
    let mut desk = Desk::new();
    let (text, _) = desk.render(120, 24, COLOUR);
    let row = text.lines().position(|it| it.contains("docs")).unwrap();
    let click = MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: 10,
        row: u16::try_from(row).unwrap(),
        modifiers: KeyModifiers::NONE,
    };
    assert_eq!(desk.give(Input::Mouse(click)), []);
    assert_eq!(desk.selected(), "docs");
    let [Effect::Go(worker)] = &desk.give(Input::Mouse(click))[..] else { panic!() };
    assert_eq!(worker.branch, "docs");
}

#[test]
fn a_wide_terminal_has_the_worker_beside_the_list() {
    let mut desk = Desk::new();
    let screen = "\x1b[1mRun the tests?\x1b[0m\n❯ 1. Yes\n\n".to_owned();
    desk.give(Input::Screen(id("github-issue-456"), Ok(screen)));
    insta::assert_snapshot!(desk.render(120, 18, COLOUR).0);
}

#[test]
fn a_middle_one_has_it_below() {
    let mut desk = Desk::new();
    desk.keys("2");
    insta::assert_snapshot!(desk.render(80, 24, COLOUR).0);
}

#[test]
fn a_small_one_has_rows_only() {
    let mut desk = Desk::new();
    insta::assert_snapshot!(desk.render(40, 10, COLOUR).0);
    desk.keys("a");
    desk.key(KeyCode::Down);
    insta::assert_snapshot!(desk.render(40, 10, COLOUR).0);
}

#[test]
fn ascii_and_no_colours_are_enough() {
    let mut desk = Desk::new();
    desk.give(Input::Screen(id("github-issue-456"), Ok("\x1b[31mred\x1b[0m".to_owned())));
    let (text, buffer) = desk.render(80, 24, Theme { colour: false, unicode: false });
    assert!(text.is_ascii(), "{text}");
    let is_plain = |colour| colour == Color::Reset;
    assert!(buffer.content.iter().all(|cell| is_plain(cell.fg) && is_plain(cell.bg)));
    for (keys, shown) in [("a", "1-9 answer"), ("/x", "all"), ("?", "^ v j k")] {
        let mut desk = Desk::new();
        desk.keys(keys);
        let (text, _) = desk.render(80, 40, Theme { colour: false, unicode: false });
        assert!(text.is_ascii() && text.contains(shown), "{keys}: {text}");
    }
}

#[test]
fn no_size_is_too_small_or_too_large() {
    for keys in ["", "a", "s", "x", "?", "/x"] {
        let mut desk = Desk::new();
        desk.keys(keys);
        for (width, height) in [(1, 1), (2, 40), (250, 80), (200, 2), (7, 3), (60, 16), (100, 16)] {
            desk.render(width, height, COLOUR);
        }
    }
    Desk::with(Vec::new(), Vec::new()).render(30, 5, COLOUR);
}
