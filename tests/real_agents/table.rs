//! What each agent of today does, row by row, as `src/agents/seen.md` shows it.
//!
//! One test per agent and version writes its column to `target/seen/<agent>.json`; `tests/run
//! --real-agents` makes the table of these. `WTMAG_ROWS` names parts of rows, with `|` between them: only
//! those rows are tried again, and the others are kept. A row that fails is shown as such, and fails the test
//! unless the agent's [`Kind::known`] says why it is so.
use std::{
    collections::BTreeMap,
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    agent::{self, Kind},
    desk::{Desk, SOON, Setup, Worker},
    lives, prompts, turns,
};
use crate::support::{BOOTSTRAP, eventually, poll};

macro_rules! columns {
    ($($test:ident $kind:ident),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                show(&agent::$kind);
            }
        )+
    };
}

columns! {
    claude CLAUDE, claude_2_1_197 CLAUDE_OLD, codex CODEX, opencode OPENCODE,
    opencode_1_2_27 OPENCODE_OLD, pi PI, gemini GEMINI, gemini_0_45_2 GEMINI_OLD, qwen QWEN,
    copilot COPILOT, kilo KILO, cn CN, cline CLINE, grok GROK, vibe VIBE, kimi KIMI, aider AIDER,
}

/// Texts that terminals, boxes and agents make something else of.
const TEXTS: [(&str, &str); 7] = [
    ("a text with an emoji family", "Mike 👩‍👩‍👧‍👦 family 👩🏽‍💻 end"),
    ("a text in Thai", "กำลังทำงาน คำสั่ง น้ำ สวัสดี"),
    ("a text in Hindi", "हिन्दी में लिखा हुआ संदेश क्षत्रिय"),
    ("a text with U+200B, U+2060, U+FEFF", "zero\u{200b}width\u{2060} and\u{feff} more of it"),
    ("a text that begins with `!`", "!touch bang-ran.txt"),
    ("a text that begins with `/`", "/nosuchcommand do it"),
    ("a text that begins with `-`", "-v is a flag, isn't it?"),
];

/// The column of one agent, as far as it is known.
struct Column {
    kind: &'static Kind,
    rows: Vec<(String, String)>,
}

fn show(kind: &'static Kind) {
    let mut column = Column::new(kind);
    column.first_prompts();
    column.conversation();
    column.ends();
    for size in [(80, 24), (200, 70)] {
        column.in_a_pane_of(size);
    }
    column.check();
}

impl Column {
    fn new(kind: &'static Kind) -> Self {
        let rows = match std::env::var_os("WTMAG_ROWS") {
            Some(_) => std::fs::read(file(kind)).ok(),
            None => None,
        };
        let rows = rows.map(|it| serde_json::from_slice::<Value>(&it).unwrap()["rows"].clone());
        let rows = rows.map_or_else(Vec::new, |it| serde_json::from_value(it).unwrap());
        Self { kind, rows }
    }

    /// Runs a step, and notes what came of it.
    fn row(&mut self, name: &str, step: impl FnOnce() -> String) -> bool {
        let asked = std::env::var_os("WTMAG_ROWS");
        let is_among = |it: &OsString| it.to_string_lossy().split('|').any(|it| name.contains(it));
        if !asked.as_ref().is_none_or(is_among) {
            return true;
        }
        let said = catch_unwind(AssertUnwindSafe(step));
        let is_right = said.is_ok();
        println!("{}: {name}: {}", self.kind.name, said.as_deref().unwrap_or("NO"));
        let said = (name.to_owned(), said.unwrap_or_else(|_| "no".to_owned()));
        match self.rows.iter_mut().find(|it| it.0 == name) {
            Some(row) => *row = said,
            None => self.rows.push(said),
        }
        self.write();
        is_right
    }

    fn first_prompts(&mut self) {
        let kind = self.kind;
        let dialog = kind.trust.or(kind.greets);
        self.row("first prompt typed, behind its dialog", || match dialog {
            None => "asks nothing".to_owned(),
            Some(dialog) => first_prompt(kind, Setup::default(), Some(dialog)),
        });
        self.row("first prompt typed where it is trusted", || {
            first_prompt(kind, Setup { trusted: true, ..Setup::default() }, kind.greets)
        });
        self.row("first prompt as argument", || match kind.prompt_flag {
            None => "takes none".to_owned(),
            Some(_) => {
                let setup = Setup { by_argument: true, ..Setup::default() };
                first_prompt(kind, setup, dialog)
            }
        });
    }

    /// A step with a worker at rest: the last one, if it went well with it.
    fn talk(
        &mut self,
        seat: &mut Option<(Desk, Worker)>,
        name: &str,
        step: impl FnOnce(&Desk, &Worker) -> String,
    ) {
        let kind = self.kind;
        let is_right = self.row(name, || {
            let setup = Setup { trusted: true, ..Setup::default() };
            let (desk, worker) = seat.get_or_insert_with(|| settled(kind, setup));
            step(desk, worker)
        });
        if !is_right {
            leave(seat);
        }
    }

    /// All that is said to one worker.
    fn conversation(&mut self) {
        let kind = self.kind;
        let seat = &mut None;
        self.talk(seat, "follow-ups while idle", |desk, worker| {
            told(desk, worker, "Now look at the tests");
            told(desk, worker, "And then at the 2nd half, \"please\": it's `quoted` $HOME ~ \\n")
        });
        self.talk(seat, "a follow-up in a turn", |desk, worker| {
            let before = desk.prompts().len();
            desk.send(worker, "SLOW please");
            desk.send(worker, "And then look around");
            desk.wait(worker, "idle");
            assert_eq!(desk.prompts()[before..], ["SLOW please", "And then look around"]);
            "yes".to_owned()
        });
        self.talk(seat, "a follow-up at a permission dialog", at_a_dialog);
        self.talk(seat, "`--now` when the answer has begun", |desk, worker| {
            turns::begin_slow_turn(desk, worker);
            now(desk, worker, "Stop and look")
        });
        self.talk(seat, "`--now` before any answer", |desk, worker| {
            desk.send(worker, "SLOW wrong thing");
            now(desk, worker, "Stop and do something else")
        });
        self.talk(seat, "Escape by a human: idle", |desk, worker| {
            turns::begin_slow_turn(desk, worker);
            desk.press(worker, kind.stop);
            desk.wait(worker, "idle,draft");
            empty_box(desk, worker);
            desk.send(worker, "Go on after that");
            desk.wait(worker, "idle");
            // Some tell the model again what it has not answered.
            let last = desk.prompts().pop().unwrap();
            assert!(last.ends_with("Go on after that"), "{last}\n{}", desk.account(worker));
            "yes".to_owned()
        });
        self.talk(seat, "a human's draft is held for", behind_a_draft);
        let lines: Vec<String> = (1..=20).map(|n| format!("line {n} of the text")).collect();
        self.talk(seat, "20 lines", |desk, worker| told(desk, worker, &lines.join("\n")));
        let long = "lorem ipsum dolor sit amet, ".repeat(185);
        self.talk(seat, "5 KB in one line", |desk, worker| told(desk, worker, &long));
        for (name, text) in TEXTS {
            self.talk(seat, name, |desk, worker| told(desk, worker, text));
        }
        self.talk(seat, "the provider fails", |desk, worker| {
            desk.send(worker, "FAIL please");
            let until = ["wait", &worker.id, "--until", "failed,retrying,idle", "--timeout", "40s"];
            // Some say nothing of it for minutes.
            drop(desk.wtmag(&until).run());
            lives::word(desk, worker)
        });
        leave(seat);
    }

    fn ends(&mut self) {
        let kind = self.kind;
        self.row("told to leave", || {
            let (desk, worker) = settled(kind, Setup { trusted: true, ..Setup::default() });
            lives::tell_to_leave(&desk, &worker, kind.quit);
            lives::word(&desk, &worker)
        });
        self.row("kill -9 in a turn", || {
            let (desk, worker) = settled(kind, Setup { trusted: true, ..Setup::default() });
            desk.send(&worker, "SLOW please");
            lives::kill(&desk, &worker);
            desk.wait(&worker, "exited");
            let word = lives::word(&desk, &worker);
            assert!(word.contains("SIGKILL"), "{word}");
            word
        });
    }

    fn in_a_pane_of(&mut self, (columns, rows): (u16, u16)) {
        let kind = self.kind;
        self.row(&format!("prompt, follow-up and dialog in {columns} by {rows}"), || {
            let size = Some((columns, rows));
            let (desk, worker) = settled(kind, Setup { trusted: true, size, ..Setup::default() });
            told(&desk, &worker, "And look again at the whole of it, word by word, please");
            at_a_dialog(&desk, &worker);
            behind_a_draft(&desk, &worker)
        });
    }

    fn write(&self) {
        std::fs::create_dir_all(file(self.kind).parent().unwrap()).unwrap();
        let file = std::fs::File::create(file(self.kind)).unwrap();
        let known: BTreeMap<_, _> = self.kind.known.iter().copied().collect();
        let column = json!({ "agent": self.kind.name, "rows": self.rows, "known": known });
        serde_json::to_writer_pretty(file, &column).unwrap();
    }

    fn check(&self) {
        let known: BTreeMap<_, _> = self.kind.known.iter().copied().collect();
        let bad = |(name, said): &&(String, String)| said == "no" && !known.contains_key(&**name);
        let bad: Vec<_> = self.rows.iter().filter(bad).collect();
        assert!(bad.is_empty(), "{}: {bad:?}", self.kind.name);
    }
}

/// Where the column of an agent is.
fn file(kind: &Kind) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/seen");
    dir.join(format!("{}.json", kind.name))
}

/// The end of a worker. What outlives it was told already.
fn leave(seat: &mut Option<(Desk, Worker)>) {
    drop(catch_unwind(AssertUnwindSafe(|| drop(seat.take()))));
}

/// A worker whose first turn is over.
fn settled(kind: &'static Kind, setup: Setup) -> (Desk, Worker) {
    let desk = Desk::new(kind, setup);
    let worker = desk.create("one");
    if let Some((question, keys)) = kind.greets
        && desk.capture(&worker).contains(question)
    {
        desk.press(&worker, keys);
    }
    desk.assert_told_once(&worker);
    (desk, worker)
}

fn first_prompt(kind: &'static Kind, setup: Setup, dialog: Option<prompts::Dialog>) -> String {
    let by_argument = setup.by_argument;
    let desk = Desk::new(kind, setup);
    let worker = desk.create("one");
    let is_typed = by_argument && worker.made["delivery"]["mode"] == "ready";
    let how = if is_typed { "typed instead: " } else { "" };
    match dialog {
        Some((question, keys)) => {
            assert_eq!(worker.made["outcome"], "held", "{}", desk.account(&worker));
            let shows = || desk.capture(&worker).contains(question).then_some(());
            eventually(SOON, question, shows);
            desk.wait(&worker, "blocked,waiting");
            assert!(desk.prompts().is_empty(), "{}", desk.account(&worker));
            assert!(!desk.capture(&worker).contains("prompt.md"), "{}", desk.account(&worker));
            desk.press(&worker, keys);
            desk.assert_told_once(&worker);
            format!("{how}held, then once")
        }
        None => {
            assert_eq!(worker.made["outcome"], "accepted", "{}", desk.account(&worker));
            desk.assert_told_once(&worker);
            "once".to_owned()
        }
    }
}

/// Sends a text, which is one turn and arrives as it is, or as the name of a file that has it.
#[track_caller]
fn told(desk: &Desk, worker: &Worker, text: &str) -> String {
    let before = desk.prompts().len();
    desk.send(worker, text);
    desk.wait(worker, "idle");
    arrived(desk, worker, before, text)
}

#[track_caller]
fn arrived(desk: &Desk, worker: &Worker, before: usize, text: &str) -> String {
    let prompts = desk.prompts();
    let [prompt] = &prompts[before..] else {
        panic!("{text}: {:?}\n{}", &prompts[before..], desk.account(worker))
    };
    if prompt == text.trim() {
        return "yes".to_owned();
    }
    let visible = |it: &str| it.replace(['\u{200b}', '\u{2060}', '\u{feff}'], "");
    if visible(prompt) == visible(text.trim()) {
        return "yes; the agent drops them".to_owned();
    }
    let file = prompt.strip_prefix("Read ./").and_then(|it| it.split(' ').next());
    let file = file.unwrap_or_else(|| panic!("{text}: {prompt}\n{}", desk.account(worker)));
    assert_eq!(std::fs::read_to_string(worker.dir.join(file)).unwrap().trim(), text.trim());
    "by file".to_owned()
}

/// A text that comes while it asks for leave: it waits, and goes out once that is answered.
fn at_a_dialog(desk: &Desk, worker: &Worker) -> String {
    let Some((prompt, question)) = desk.kind.asks else { return "never asks".to_owned() };
    let before = desk.prompts().len();
    desk.send(worker, prompt);
    desk.wait(worker, "waiting");
    eventually(SOON, question, || desk.capture(worker).contains(question).then_some(()));
    assert_eq!(lives::word(desk, worker), "waiting: permission", "{}", desk.account(worker));
    let text = "Look around behind the dialog";
    queue(desk, worker, text);
    let held = || desk.receipt(worker)["hold"].is_object().then_some(());
    eventually(SOON, "a hold", held);
    assert!(desk.capture(worker).contains(question), "{}", desk.account(worker));
    desk.press(worker, &["Enter"]);
    eventually(SOON * 2, text, || (desk.prompts().last()? == text).then_some(()));
    desk.wait(worker, "idle");
    assert_eq!(desk.prompts()[before..], [prompt, text], "{}", desk.account(worker));
    "held, then once".to_owned()
}

/// A text that stops the turn.
#[track_caller]
fn now(desk: &Desk, worker: &Worker, text: &str) -> String {
    let args = ["send", "--now", "--wait", "--timeout", "40s", "--", &worker.id, text];
    let ran = desk.wtmag(&args).run();
    assert_eq!(ran.code, 0, "{ran}\n{}", desk.account(worker));
    desk.wait(worker, "idle");
    let last = desk.prompts().last().is_some_and(|it| it.ends_with(text));
    assert!(last, "{}", desk.account(worker));
    "stopped, then once".to_owned()
}

/// Sends a text that has to wait.
fn queue(desk: &Desk, worker: &Worker, text: &str) {
    let ran = desk.wtmag(&["send", "--", &worker.id, text]).run();
    assert!([0, 4].contains(&ran.code), "{ran}\n{}", desk.account(worker));
}

const DRAFT: &str = "half typed by a human";

fn behind_a_draft(desk: &Desk, worker: &Worker) -> String {
    let tmux = desk.sandbox.tmux();
    let before = desk.prompts().len();
    tmux.type_text(&worker.pane, DRAFT);
    let shows = || desk.capture(worker).contains(DRAFT).then_some(());
    eventually(SOON, "the draft", shows);
    let text = "Hello from the tool";
    queue(desk, worker, text);
    desk.wait(worker, "draft");
    assert!(poll(SOON / 3, || (desk.prompts().len() > before).then_some(())).is_none());
    assert!(desk.capture(worker).contains(DRAFT), "{}", desk.account(worker));
    assert!(!desk.capture(worker).contains(text), "{}", desk.account(worker));
    empty_box(desk, worker);
    let came = || (desk.prompts().len() > before).then_some(());
    assert!(poll(SOON * 2, came).is_some(), "{}", desk.account(worker));
    desk.wait(worker, "idle");
    assert_eq!(arrived(desk, worker, before, text), "yes");
    "held, then once".to_owned()
}

/// A human deletes what is in the box, letter by letter.
fn empty_box(desk: &Desk, worker: &Worker) {
    for _ in DRAFT.chars() {
        desk.sandbox.tmux().run(["send-keys", "-t", &worker.pane, "BSpace"]);
        // Several at once would be a paste to some.
        desk.sandbox.tmux().run(["run-shell", "sleep 0.05"]);
    }
}

/// Only a login shows: nothing is typed.
#[test]
fn agents_without_an_account() {
    for kind in &agent::WITHOUT_ACCOUNT {
        let mut column = Column::new(kind);
        column.row("first prompt typed, behind its dialog", || {
            let desk = Desk::new(kind, Setup::default());
            let worker = desk.create("one");
            assert_eq!(worker.made["outcome"], "held", "{}", desk.account(&worker));
            desk.wait(&worker, "blocked");
            assert_eq!(lives::word(&desk, &worker), "blocked: login", "{}", desk.account(&worker));
            assert!(!desk.capture(&worker).contains(BOOTSTRAP), "{}", desk.account(&worker));
            let turn: Value = desk.receipt(&worker)["hold"]["turn"].clone();
            format!("held by its {}", turn["blocked"].as_str().unwrap())
        });
        column.check();
    }
}
