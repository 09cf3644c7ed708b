//! The demo's agent: a full-screen program that starts slowly, may ask whether to trust a folder,
//! works on its input for a while and reports. It changes nothing.
use std::{
    fs,
    io::{self, stdout},
    process::ExitCode,
    time::{Duration, Instant},
};

use crossterm::{
    event::{
        self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyCode, KeyEvent, KeyEventKind,
        KeyModifiers,
    },
    execute,
    terminal::SetTitle,
};
use ratatui::text::{Line, Text};

use crate::cli::Failure;

/// Run the demo agent
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Time from the start until it reads keys; earlier keys are lost
    #[arg(long, default_value_t = 1500)]
    start_ms: u64,
    /// Ask first whether the folder is trusted
    #[arg(long)]
    careful: bool,
    /// Time that a turn takes
    #[arg(long, default_value_t = 4000)]
    work_ms: u64,
}

/// Time between two frames of the spinner.
const FRAME: Duration = Duration::from_millis(100);
const SPINNER: [char; 8] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠇'];
const ENTRIES: [&str; 2] = ["Yes, I trust it", "No, leave"];

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    std::thread::sleep(Duration::from_millis(args.start_ms));
    let mut terminal = ratatui::try_init()?;
    execute!(stdout(), EnableBracketedPaste, SetTitle("demo agent"))?;
    // Like real agents, it loses keys that come too early.
    while event::poll(Duration::ZERO)? {
        event::read()?;
    }
    let mut agent = Agent::new(args.careful, Duration::from_millis(args.work_ms));
    let end = loop {
        let now = Instant::now();
        agent.tick(now);
        terminal.draw(|frame| {
            let area = frame.area();
            let text =
                Text::from_iter(agent.rows(now, area.width.into()).into_iter().map(Line::raw));
            frame.render_widget(text, area);
        })?;
        if agent.is_busy() && !event::poll(FRAME)? {
            continue;
        }
        if let Some(end) = agent.handle(now, event::read()?) {
            break end;
        }
    };
    execute!(stdout(), DisableBracketedPaste)?;
    ratatui::try_restore()?;
    Ok(ExitCode::from(end))
}

enum Stage {
    /// The highlighted entry: "leave", until a person chooses.
    Asking {
        entry: usize,
    },
    Listening,
    Working {
        since: Instant,
    },
}

struct Agent {
    stage: Stage,
    draft: String,
    transcript: Vec<String>,
    /// How long a turn takes.
    work: Duration,
}

impl Agent {
    fn new(careful: bool, work: Duration) -> Self {
        let stage = if careful { Stage::Asking { entry: 1 } } else { Stage::Listening };
        Self { stage, draft: String::new(), transcript: Vec::new(), work }
    }

    fn is_busy(&self) -> bool {
        matches!(self.stage, Stage::Working { .. })
    }

    /// The exit code, if it must end.
    fn handle(&mut self, now: Instant, event: Event) -> Option<u8> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.handle_key(now, key),
            Event::Paste(text) if matches!(self.stage, Stage::Listening) => {
                self.draft.push_str(&text);
                None
            }
            Event::Key(_)
            | Event::Paste(_)
            | Event::FocusGained
            | Event::FocusLost
            | Event::Mouse(_)
            | Event::Resize(..) => None,
        }
    }

    fn handle_key(&mut self, now: Instant, key: KeyEvent) -> Option<u8> {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Some(0);
        }
        match (&mut self.stage, key.code) {
            (Stage::Asking { entry }, KeyCode::Up) => *entry = 0,
            (Stage::Asking { entry }, KeyCode::Down) => *entry = 1,
            (Stage::Asking { entry: 1 }, KeyCode::Enter) => return Some(1),
            (Stage::Asking { .. }, KeyCode::Enter) => self.stage = Stage::Listening,
            (Stage::Working { .. }, KeyCode::Esc) => {
                self.transcript.push("✓ stopped".to_owned());
                self.stage = Stage::Listening;
            }
            (Stage::Listening, KeyCode::Enter) if !self.draft.is_empty() => {
                self.transcript.push(format!("› {}", std::mem::take(&mut self.draft)));
                self.stage = Stage::Working { since: now };
            }
            (Stage::Listening, KeyCode::Backspace) => drop(self.draft.pop()),
            (Stage::Listening, KeyCode::Char(c)) => self.draft.push(c),
            _ => {}
        }
        None
    }

    /// Ends the turn when its time has come.
    fn tick(&mut self, now: Instant) {
        let Stage::Working { since } = self.stage else { return };
        if now.duration_since(since) < self.work {
            return;
        }
        self.transcript.push(summary(fs::read_to_string(".wtmag/prompt.md")));
        self.stage = Stage::Listening;
    }

    fn rows(&self, now: Instant, width: usize) -> Vec<String> {
        if let Stage::Asking { entry } = self.stage {
            return question(entry);
        }
        let mut rows = vec![String::new()];
        rows.extend(self.transcript.iter().cloned());
        if let Stage::Working { since } = self.stage {
            let time = now.duration_since(since);
            let frame = usize::try_from(time.as_millis() / FRAME.as_millis()).unwrap_or(0);
            let spinner = SPINNER.get(frame % SPINNER.len()).unwrap_or(&'⠋');
            let seconds = time.as_secs();
            rows.push(format!("{spinner} reading the brief ({seconds}s, esc stops)"));
        }
        let rule = "─".repeat(width);
        let footer = if self.is_busy() { "demo agent, at work" } else { "demo agent, listening" };
        rows.extend([rule.clone(), format!("› {}", self.draft), rule, footer.to_owned()]);
        rows
    }
}

fn question(entry: usize) -> Vec<String> {
    let folder =
        std::env::current_dir().map_or_else(|_| String::new(), |it| it.display().to_string());
    let mut rows = vec![
        String::new(),
        format!("  {folder}"),
        String::new(),
        "  Do you trust the files in this folder?".to_owned(),
        String::new(),
    ];
    rows.extend(ENTRIES.iter().enumerate().map(|(at, text)| {
        let mark = if at == entry { "❯" } else { " " };
        format!("  {mark} {}. {text}", at + 1)
    }));
    rows.extend([String::new(), "  ↑↓ choose, enter confirms".to_owned()]);
    rows
}

fn summary(brief: io::Result<String>) -> String {
    match brief {
        Ok(text) => format!(
            "✓ done: the brief has {} words; nothing was changed",
            text.split_whitespace().count()
        ),
        Err(error) => format!("✓ done: no brief here ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agents::{Profile, classify},
        model::{AgentState, Blocker, InputBox, Sample},
    };

    fn press(agent: &mut Agent, now: Instant, code: KeyCode) -> Option<u8> {
        agent.handle(now, Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    /// How the demo's profile reads the agent's screen.
    fn seen(agent: &Agent, now: Instant) -> (AgentState, InputBox) {
        let profile = Profile::embedded("demo").unwrap();
        let sample = Sample {
            rows: agent.rows(now, 80),
            command: "wtmag".to_owned(),
            size: (80, 24),
            ..Sample::default()
        };
        let verdict = classify(&profile, &sample);
        (verdict.turn, verdict.input)
    }

    #[test]
    fn its_profile_reads_each_of_its_screens() {
        let start = Instant::now();
        let mut agent = Agent::new(true, Duration::from_secs(2));
        assert_eq!(seen(&agent, start).0, AgentState::Blocked(Blocker::Trust));
        assert_eq!(press(&mut agent, start, KeyCode::Up), None);
        assert_eq!(press(&mut agent, start, KeyCode::Enter), None);
        assert_eq!(seen(&agent, start), (AgentState::Ready, InputBox::Empty));
        agent.handle(start, Event::Paste("Read it.".to_owned()));
        assert_eq!(seen(&agent, start).1, InputBox::Holds("Read it.".to_owned()));
        press(&mut agent, start, KeyCode::Enter);
        assert_eq!(seen(&agent, start + Duration::from_secs(1)).0, AgentState::Working);
        agent.tick(start + Duration::from_secs(2));
        assert_eq!(
            seen(&agent, start + Duration::from_secs(2)),
            (AgentState::Idle, InputBox::Empty)
        );
    }

    #[test]
    fn an_enter_without_a_choice_ends_it() {
        let mut agent = Agent::new(true, FRAME);
        agent.handle(Instant::now(), Event::Paste("lost".to_owned()));
        assert_eq!(press(&mut agent, Instant::now(), KeyCode::Enter), Some(1));
        assert!(agent.draft.is_empty());
    }
}
