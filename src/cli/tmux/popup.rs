//! Runs inside a popup: asks for missing input, runs the verb as in a shell, and stays open until a
//! key is pressed.
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
    cli::{self, Context, Failure, settings},
    model::WorkerId,
    proc, text,
    text::one_line,
};

/// Asks for the task, then creates the worker. After a failure, the text can be edited and tried
/// again.
pub(super) async fn create(context: &Context, what: Task) -> Result<ExitCode, Failure> {
    if settings::repo_around(&std::env::current_dir()?)?.is_none() {
        let failure = Failure::user("this pane's directory is not in a git repository")
            .hint("go to the repository in a pane, and open the menu from there");
        show(context, &failure)?;
        return until_key(context, "[any key closes this]").await.map(|_| ExitCode::SUCCESS);
    }
    let mut input = Input::default();
    let mut problem = None;
    loop {
        let Some(typed) = ask(context, what, input, problem.take()).await? else { break };
        input = typed;
        let text = input.text().to_owned();
        let words = match words(what, &text) {
            Ok(words) => words,
            Err(why) => {
                problem = Some(why);
                continue;
            }
        };
        let Err(failure) = verb(context, &words).await else {
            until_key(context, "[any key closes this]").await?;
            break;
        };
        show(context, &failure)?;
        let key = until_key(context, "[enter: back to the text   any other key: close]").await?;
        if key != Some(KeyCode::Enter) {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The command for the typed text, or why it is invalid.
fn words(what: Task, text: &str) -> Result<Vec<&str>, String> {
    let kind = match what {
        Task::Prompt => return Ok(vec!["create", "--prompt", text]),
        Task::Issue => "issue",
        Task::Pr => "pr",
    };
    let number = number(text).ok_or_else(|| format!("not a number: {}", one_line(text, 40)))?;
    Ok(vec!["create", "-t", kind, "--github", number])
}

pub(super) async fn promote(context: &Context, id: &WorkerId) -> Result<ExitCode, Failure> {
    run(context, &["promote", id.as_str()]).await
}

/// Asks first, because the worktree is removed with the worker.
pub(super) async fn cleanup(context: &Context, id: &WorkerId) -> Result<ExitCode, Failure> {
    context.print(&format!(
        "Clean up worker {id}?\n\n\
         This ends its agent and removes its window and worktree.\n\
         If work would be lost, nothing is removed and\n\
         wtmag names that work.\n\n\
         y  clean up     any other key  leave it "
    ))?;
    let answer = next_key()?;
    context.print("\n\n")?;
    if answer != Some(KeyCode::Char('y')) {
        return Ok(ExitCode::SUCCESS);
    }
    run(context, &["cleanup", id.as_str()]).await
}

/// Runs a verb and shows its result until a key is pressed.
async fn run(context: &Context, words: &[&str]) -> Result<ExitCode, Failure> {
    // As in a shell, including failures and hints.
    if let Err(failure) = verb(context, words).await {
        show(context, &failure)?;
    }
    until_key(context, "[any key closes this]").await.map(|_| ExitCode::SUCCESS)
}

/// Runs a verb as if it had been typed.
async fn verb(context: &Context, words: &[&str]) -> Result<ExitCode, Failure> {
    let socket = context.whereabouts()?.tmux_socket;
    let mut args: Vec<OsString> = vec!["wtmag".into(), "-S".into(), socket.into()];
    args.extend(words.iter().map(OsString::from));
    Box::pin(cli::verb(context, args)).await
}

/// A failure with its hints, wrapped between words: text is not copied out of a popup.
fn show(context: &Context, failure: &Failure) -> Result<(), Failure> {
    let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
    let text = failure.to_string();
    text::wrap(text.trim_end(), columns)
        .into_iter()
        .try_for_each(|row| context.print(&format!("{}\n", row.trim_end())))
}

/// Waits for a key, or until the popup is closed. Verbs treat a hangup as an interrupt.
async fn until_key(context: &Context, text: &str) -> Result<Option<KeyCode>, Failure> {
    let mut closed = context.cancel()?;
    // A reader may press a key at once, so the terminal is ready before the text is shown.
    enable_raw_mode()?;
    context.print(&format!("\r\n{text}"))?;
    tokio::select! {
        key = tokio::task::spawn_blocking(next_key) => Ok(key.map_err(Failure::bug)??),
        () = proc::cancelled(&mut closed) => Ok(None),
    }
}

/// The number in `456`, `#456` or the URL of an issue or pull request.
fn number(text: &str) -> Option<&str> {
    let text = text.trim().trim_end_matches('/');
    let number = text.rsplit('/').next().unwrap_or(text).trim_start_matches('#');
    let is_number = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
    is_number.then_some(number)
}

/// The next key, not echoed. None if the terminal is gone.
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

/// Lets the user continue typing; None if they cancel, type nothing or close the popup. `problem`
/// is the previous error.
async fn ask(
    context: &Context,
    what: Task,
    mut input: Input,
    problem: Option<String>,
) -> Result<Option<Input>, Failure> {
    let mut closed = context.cancel()?;
    let typing = tokio::task::spawn_blocking(move || {
        let is_entered = type_here(what, &mut input, problem.as_deref())?;
        Ok::<_, io::Error>(is_entered.then_some(input))
    });
    let typed = tokio::select! {
        typed = typing => typed.map_err(Failure::bug)??,
        () = proc::cancelled(&mut closed) => None,
    };
    Ok(typed.filter(|it| !it.text().trim().is_empty()))
}

/// Owns the terminal until Enter (true) or Escape.
fn type_here(what: Task, input: &mut Input, problem: Option<&str>) -> io::Result<bool> {
    let mut terminal = ratatui::try_init()?;
    execute!(io::stdout(), EnableBracketedPaste)?;
    let typed = type_text(&mut terminal, what, input, problem);
    execute!(io::stdout(), DisableBracketedPaste)?;
    ratatui::try_restore()?;
    typed
}

fn type_text(
    terminal: &mut DefaultTerminal,
    what: Task,
    input: &mut Input,
    problem: Option<&str>,
) -> io::Result<bool> {
    loop {
        terminal.draw(|frame| draw(frame, what, input, problem))?;
        let end = match event::read()? {
            Event::Key(key) => input.handle_key(key),
            Event::Paste(text) => {
                input.handle_paste(&text);
                None
            }
            Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Resize(..) => None,
        };
        match end {
            Some(End::Entered) => return Ok(true),
            Some(End::Left) => return Ok(false),
            None => {}
        }
    }
}

fn draw(frame: &mut ratatui::Frame<'_>, what: Task, input: &Input, problem: Option<&str>) {
    let area = frame.area();
    let title = match what {
        Task::Prompt => "What should the new worker do?",
        Task::Issue => "Number of the issue to work on",
        Task::Pr => "Number of the pull request to review",
    };
    let help: &[&str] = match what {
        Task::Prompt => &["enter start", "esc cancel", "alt-enter new line"],
        Task::Issue | Task::Pr => &["enter start", "esc cancel"],
    };
    let help = text::items(help, usize::from(area.width.saturating_sub(1)));
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
    put(1, problem.unwrap_or_default(), Modifier::DIM.into());
    for (y, text) in (2..).zip(rows.iter().skip(first).take(height)) {
        put(y, text, Style::new());
    }
    put(area.height.saturating_sub(1), &help, Modifier::DIM.into());
    let cell = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let (x, y) = (cell(column).saturating_add(1), cell(row - first).saturating_add(2));
    let inside = Rect { width: area.width.max(1), height: area.height.max(1), ..area };
    frame.set_cursor_position(Position {
        x: x.min(inside.right() - 1),
        y: y.min(inside.bottom() - 1),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_written_as_people_do() {
        for text in ["456", " #456 ", "https://github.com/acme/blog/issues/456/"] {
            assert_eq!(number(text), Some("456"), "{text}");
        }
        for text in ["abc", "", "#", "https://github.com/acme/blog", "4x"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
