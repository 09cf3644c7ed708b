//! Shows on standard error what a command is doing, if a step takes over a second.
//!
//! A terminal gets one line that changes in place; a pipe gets a line for each slow step. A
//! separate thread draws, because a step may block the working thread.
use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::output::{cut, seconds};
use crate::{git::News, paths::Env, text::one_line};

/// Shorter steps are not shown.
const SLOW: Duration = Duration::from_secs(1);
/// A terminal shows a step earlier, because the line disappears afterwards.
const LIVE: Duration = Duration::from_millis(200);
const FRAME: Duration = Duration::from_millis(100);
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// Shows steps until it is dropped.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
}

struct Shared {
    now: Mutex<Step>,
    changed: Condvar,
    live: bool,
}

#[derive(Default)]
struct Step {
    text: String,
    /// Output of a program in this step: on a terminal, the last line; in a pipe, the lines before
    /// the step's own line was printed.
    details: Vec<String>,
    since: Option<Instant>,
    /// The pipe has its line.
    told: bool,
    /// The terminal's last line belongs to the progress.
    drawn: bool,
    over: bool,
}

impl Progress {
    pub(crate) fn new(env: &Env) -> Self {
        let is_dumb = env.var("TERM").is_none_or(|it| it == "dumb");
        let live = io::stderr().is_terminal() && !is_dumb;
        let shared = Arc::new(Shared { now: Mutex::default(), changed: Condvar::new(), live });
        let ticking = Arc::clone(&shared);
        let ticker = std::thread::Builder::new().spawn(move || ticking.tick());
        // Without the thread there is no progress display, which harms nothing.
        Self { shared, ticker: ticker.ok() }
    }

    /// Begins a step, which ends the previous one.
    pub(crate) fn step(&self, text: impl Into<String>) {
        let mut now = self.shared.lock();
        let text = one_line(&text.into(), 200);
        let drawn = now.drawn;
        *now = Step { text, drawn, since: Some(Instant::now()), ..Step::default() };
        self.shared.changed.notify_all();
    }

    /// A program writes on the terminal until the next step.
    fn pause(&self) {
        let mut now = self.shared.lock();
        now.clear();
        *now = Step { told: true, ..Step::default() };
    }

    /// A line of output from a program in this step. A pipe gets all of them, if the step is slow.
    pub(crate) fn detail(&self, line: &str) {
        let line = one_line(line, 200);
        if line.is_empty() {
            return;
        }
        let mut now = self.shared.lock();
        if self.shared.live {
            now.details = vec![line];
        } else if now.told {
            write_line(&format!("  | {line}"));
        } else {
            now.details.push(line);
        }
    }

    /// Shows git's progress reports in the right place.
    pub(crate) fn news(&self, news: &News) {
        match news {
            News::Line(line) => self.detail(line),
            News::Terminal => self.pause(),
            News::Stale { .. } | News::Note(_) | News::Fallback { .. } => {
                self.note(&news.to_string());
            }
            News::Waiting { .. }
            | News::Fetching { .. }
            | News::Retrying { .. }
            | News::Undoing { .. }
            | News::Hook { .. } => self.step(news.to_string()),
        }
    }

    /// Writes output above the step's line, which continues below it.
    pub(crate) fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut now = self.shared.lock();
        now.clear();
        write()
    }

    /// Prints a note that matters whatever the result.
    pub(crate) fn note(&self, text: &str) {
        let mut now = self.shared.lock();
        now.clear();
        write_line(&format!("note: {}", one_line(text, 500)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_all();
        if let Some(ticker) = self.ticker.take() {
            // The thread may have panicked; the work has not.
            ticker.join().unwrap_or_default();
        }
        self.shared.lock().clear();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Step> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        let mut now = self.lock();
        let mut frame = 0;
        while !now.over {
            let age = now.since.map(|since| since.elapsed());
            let wait = match age {
                Some(age) if self.live && age >= LIVE => {
                    now.draw(frame, age);
                    frame += 1;
                    FRAME
                }
                Some(age) if self.live => LIVE.saturating_sub(age),
                Some(age) if age >= SLOW => {
                    self.tell(&mut now);
                    Duration::from_secs(3600)
                }
                Some(age) => SLOW.saturating_sub(age),
                None => Duration::from_secs(3600),
            };
            let woken = self.changed.wait_timeout(now, wait);
            now = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The step's line for a pipe, once.
    fn tell(&self, now: &mut Step) {
        if !self.live && !now.told && !now.text.is_empty() {
            now.told = true;
            write_line(&format!("{} …", now.text));
            now.details.drain(..).for_each(|line| write_line(&format!("  | {line}")));
        }
    }
}

impl Step {
    fn draw(&mut self, frame: usize, age: Duration) {
        let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
        let spinner = SPINNER.get(frame % SPINNER.len()).copied().unwrap_or(' ');
        let said = self.details.last().map(|it| format!(" · {it}")).unwrap_or_default();
        let age = if age >= SLOW { format!(" ({})", seconds(age)) } else { String::new() };
        let line = format!("{spinner} {}{age}{said}", self.text);
        let line = cut(&line, columns.saturating_sub(1));
        self.drawn = true;
        write(&format!("\r\x1b[K{line}"));
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            write("\r\x1b[K");
        }
    }
}

fn write_line(line: &str) {
    write(&format!("{line}\n"));
}

/// There may be no reader; the work continues.
fn write(text: &str) {
    let mut err = io::stderr().lock();
    err.write_all(text.as_bytes()).unwrap_or_default();
    err.flush().unwrap_or_default();
}
