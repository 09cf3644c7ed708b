//! The loop: bytes, signals and deadlines to the agent; its effects to the terminal and the log.
use std::{
    fs,
    io::{self, Read as _},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    runtime, select,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::sleep_until,
};

use crate::{
    agent::{Agent, Effect},
    journal::Journal,
    scenario::{Phase, Scenario},
    screen,
    terminal::Terminal,
};

struct Stage<'a> {
    agent: Agent,
    terminal: Terminal,
    journal: &'a mut Journal,
    started: Instant,
    /// Filled by the reader, which starts with the raw mode.
    input: mpsc::Receiver<Vec<u8>>,
    reader: Option<mpsc::Sender<Vec<u8>>>,
    /// The phase whose first frame is in the log.
    drawn: Option<Phase>,
}

/// Until the agent leaves; its exit code, or below 0 the signal that is to kill it.
pub(crate) fn run(
    plan: Scenario,
    prompt: Option<&str>,
    terminal: Terminal,
    journal: &mut Journal,
) -> io::Result<i32> {
    if !plan.notice.is_empty() {
        terminal.write(&format!("{}\r\n", plan.notice))?;
    }
    let (reader, input) = mpsc::channel(64);
    let agent = Agent::new(plan, prompt);
    let started = journal.started();
    let stage =
        Stage { agent, terminal, journal, started, input, reader: Some(reader), drawn: None };
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(stage.play())
}

/// Says so, and waits for any other end.
pub(crate) fn ignore_sigint(journal: &mut Journal) -> io::Result<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut sigint = signal(SignalKind::interrupt())?;
        loop {
            sigint.recv().await;
            journal.note("sigint", json!({}));
        }
    })
}

impl Stage<'_> {
    async fn play(mut self) -> io::Result<i32> {
        let mut human = signal(SignalKind::user_defined1())?;
        let mut resized = signal(SignalKind::window_change())?;
        loop {
            let deadline = self.agent.next_deadline().map(|at| self.started + at);
            let wait = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            let effects = select! {
                biased;
                bytes = self.input.recv() => match bytes {
                    Some(bytes) => self.agent.handle_bytes(self.started.elapsed(), &bytes),
                    None => return Ok(-1), // the terminal is gone, as after a hangup
                },
                _ = human.recv() => self.agent.handle_human(self.started.elapsed()),
                _ = resized.recv() => vec![Effect::Draw],
                () = sleep_until(wait.into()) => self.agent.handle_tick(self.started.elapsed()),
            };
            for effect in effects {
                if let Some(code) = self.perform(effect)? {
                    return Ok(code);
                }
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> io::Result<Option<i32>> {
        match effect {
            Effect::Note(event, what) => {
                if event == "turn" {
                    run_tool(what.get("text").and_then(Value::as_str).unwrap_or_default());
                }
                self.journal.note(event, what);
            }
            Effect::Write(text) => self.terminal.write(&text)?,
            Effect::Draw => self.draw(Duration::ZERO)?,
            Effect::DrawTorn => self.draw(Duration::from_millis(self.agent.plan().torn_ms))?,
            Effect::MakeRaw => {
                let early = self.terminal.make_raw()?;
                for effect in self.agent.handle_early(self.started.elapsed(), &early) {
                    self.perform(effect)?;
                }
                if let Some(reader) = self.reader.take() {
                    thread::spawn(move || read(&reader));
                }
            }
            Effect::Leave(code) => {
                if code >= 0 && self.agent.phase() != Phase::Cooked {
                    self.terminal.restore()?;
                }
                return Ok(Some(code));
            }
        }
        Ok(None)
    }

    fn draw(&mut self, torn: Duration) -> io::Result<()> {
        let phase = self.agent.phase();
        if matches!(phase, Phase::Cooked) {
            return Ok(());
        }
        let (width, height) = Terminal::size();
        let look = &self.agent.plan().look;
        let picture = screen::draw(&self.agent.scene(self.started.elapsed()), width, height);
        let shows_cursor = look.cursor_visible && picture.cursor.is_some();
        self.terminal.draw(&picture, shows_cursor, torn)?;
        if self.drawn.replace(phase) != Some(phase) {
            self.journal.note("drawn", json!({ "phase": phase }));
        }
        Ok(())
    }
}

const BRIEF: &str = ".wtmag/prompt.md";

/// A prompt `run: COMMAND` is a command that the agent runs in its turn; so is such a line in its brief.
fn run_tool(text: &str) {
    let brief = if text.contains(BRIEF) { fs::read_to_string(BRIEF) } else { Ok(String::new()) };
    let brief = brief.unwrap_or_default();
    let mut lines = std::iter::once(text).chain(brief.lines());
    let Some(command) = lines.find_map(|it| it.trim_start().strip_prefix("run: ")) else { return };
    #[expect(clippy::disallowed_methods, reason = "the agent of a test is a program of its own")]
    let child = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).spawn();
    // Waited for, so that no zombie stays.
    thread::spawn(move || child.map(|mut child| child.wait()));
}

fn read(to: &mpsc::Sender<Vec<u8>>) {
    let mut chunk = [0; 4096];
    while let Ok(n @ 1..) = io::stdin().read(&mut chunk) {
        let bytes = chunk.get(..n).unwrap_or_default().to_vec();
        if to.blocking_send(bytes).is_err() {
            return;
        }
    }
}
