//! What runs inside a popup: it asks for what is missing, runs the verb as it would run in a shell,
//! and stays until a key.
use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use crossterm::{
    event::{self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyCode, KeyEventKind},
    execute,
    terminal::{disable_raw_mode, enable_raw_mode},
};
use ratatui::{
    DefaultTerminal,
    layout::{Position, Rect},
    style::{Modifier, Style},
    text::Line,
};

use super::{
    Task,
    input::{End, Input},
};
use crate::{
    cli::{self, Context, Failure},
    model::WorkerId,
    proc,
};

/// Asks for the task, then creates.
pub(super) async fn create(context: &Context, what: Task) -> Result<ExitCode, Failure> {
    let Some(text) = ask(what)? else { return Ok(ExitCode::SUCCESS) };
    let words: &[&str] = match what {
        Task::Prompt => &["create", "--prompt", &text],
        Task::Issue => &["create", "-t", "issue", "--github", number(&text)],
        Task::Pr => &["create", "-t", "pr", "--github", number(&text)],
    };
    verb(context, words).await
}

pub(super) async fn promote(context: &Context, id: &WorkerId) -> Result<ExitCode, Failure> {
    verb(context, &["promote", id.as_str()]).await
}

/// Asks first: the worktree goes away with the worker.
pub(super) async fn cleanup(context: &Context, id: &WorkerId) -> Result<ExitCode, Failure> {
    context.print(&format!(
        "Clean up worker {id}?\n\n\
         Its agent ends, its window and its worktree go.\n\
         If that would lose work, nothing is done,\n\
         and you are told what it is.\n\n\
         y  clean up     any other key  leave it "
    ))?;
    let answer = next_key()?;
    context.print("\n\n")?;
    if answer != Some(KeyCode::Char('y')) {
        return Ok(ExitCode::SUCCESS);
    }
    verb(context, &["cleanup", id.as_str()]).await
}

/// Runs one of our own verbs here and shows how it ended until a key is pressed.
async fn verb(context: &Context, words: &[&str]) -> Result<ExitCode, Failure> {
    let socket = context.whereabouts()?.tmux_socket;
    let mut args: Vec<OsString> = vec!["wtmag".into(), "-S".into(), socket.into()];
    args.extend(words.iter().map(OsString::from));
    // Verbs take hangups for an interrupt; the popup may be closed while it stands there.
    let mut closed = context.cancel()?;
    // The same as in a shell, failures and hints included.
    if let Err(failure) = Box::pin(cli::verb(context, args)).await {
        failure.report(false);
    }
    context.print("\n[any key closes this]")?;
    tokio::select! {
        key = tokio::task::spawn_blocking(next_key) => drop(key),
        () = proc::cancelled(&mut closed) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// `#456` and `456` are the same to a person.
fn number(text: &str) -> &str {
    text.trim().trim_start_matches('#')
}

/// The next key, not echoed. None when the terminal is gone.
fn next_key() -> io::Result<Option<KeyCode>> {
    io::stdout().flush()?;
    enable_raw_mode()?;
    let found = loop {
        match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => break Some(key.code),
            Ok(_) => {}
            Err(_) => break None,
        }
    };
    disable_raw_mode()?;
    Ok(found)
}

/// Lets the user type; None when they leave or type nothing.
fn ask(what: Task) -> Result<Option<String>, Failure> {
    let mut terminal = ratatui::try_init()?;
    execute!(io::stdout(), EnableBracketedPaste)?;
    let typed = type_text(&mut terminal, what);
    execute!(io::stdout(), DisableBracketedPaste)?;
    ratatui::try_restore()?;
    Ok(typed?.filter(|text| !text.trim().is_empty()))
}

fn type_text(terminal: &mut DefaultTerminal, what: Task) -> io::Result<Option<String>> {
    let mut input = Input::default();
    loop {
        terminal.draw(|frame| draw(frame, what, &input))?;
        let end = match event::read()? {
            Event::Key(key) => input.handle_key(key),
            Event::Paste(text) => {
                input.handle_paste(&text);
                None
            }
            Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Resize(..) => None,
        };
        match end {
            Some(End::Entered) => return Ok(Some(input.text())),
            Some(End::Left) => return Ok(None),
            None => {}
        }
    }
}

fn draw(frame: &mut ratatui::Frame<'_>, what: Task, input: &Input) {
    let area = frame.area();
    let title = match what {
        Task::Prompt => "What is the new worker to do?",
        Task::Issue => "Number of the issue to work on",
        Task::Pr => "Number of the pull request to review",
    };
    let help = match what {
        Task::Prompt => "enter starts it   alt-enter new line   esc leaves",
        Task::Issue | Task::Pr => "enter starts it   esc leaves",
    };
    let (rows, (column, row)) = input.wrapped(usize::from(area.width.saturating_sub(3)));
    let height = usize::from(area.height.saturating_sub(4));
    let first = (row + 1).saturating_sub(height);
    let buf = frame.buffer_mut();
    let mut put = |y: u16, text: &str, style: Style| {
        if y < area.height {
            let line = Line::styled(text.to_owned(), style);
            buf.set_line(area.x + 1, area.y + y, &line, area.width.saturating_sub(1));
        }
    };
    put(0, title, Modifier::BOLD.into());
    for (y, text) in (2..).zip(rows.iter().skip(first).take(height)) {
        put(y, text, Style::new());
    }
    put(area.height.saturating_sub(1), help, Modifier::DIM.into());
    let cell = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let (x, y) = (cell(column).saturating_add(1), cell(row - first).saturating_add(2));
    let inside = Rect { width: area.width.max(1), height: area.height.max(1), ..area };
    frame.set_cursor_position(Position {
        x: x.min(inside.right() - 1),
        y: y.min(inside.bottom() - 1),
    });
}
