//! What the agent shows: rows of text out of its state. No terminal, no clock.
use unicode_width::UnicodeWidthStr as _;

use crate::{
    dialog::{Dialog, Kind},
    scenario::{Frame, Look},
};

/// Rows to draw, and where the cursor stands.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    pub rows: Vec<String>,
    pub cursor: Option<(usize, usize)>,
}

/// All that can be on the screen at once.
pub(crate) struct Scene<'a> {
    pub look: &'a Look,
    pub transcript: &'a [String],
    pub dialog: Option<&'a Dialog>,
    /// The line over the box while a turn runs.
    pub status: Option<String>,
    /// The text in the box, if the box shows.
    pub draft: Option<String>,
    /// The box is open: its footer shows.
    pub is_open: bool,
}

pub(crate) fn draw(scene: &Scene<'_>, width: usize, height: usize) -> Picture {
    let width = width.max(20);
    let mut bottom = Picture::default();
    if let Some(status) = &scene.status {
        bottom.rows.push(status.clone());
    }
    if let Some(dialog) = scene.dialog {
        bottom.rows.extend(dialog_rows(dialog, scene.look, width));
    } else if let Some(draft) = &scene.draft {
        add_box(&mut bottom, scene, draft, width);
    }
    let room = height.saturating_sub(bottom.rows.len() + 1);
    let transcript = scene.transcript.iter().flat_map(|it| scene.look.drawing.lines(it, width));
    let mut rows: Vec<String> = transcript.collect();
    rows.drain(..rows.len().saturating_sub(room));
    if scene.look.docked && scene.dialog.is_none() {
        rows.resize(room, String::new());
    } else {
        rows.push(String::new());
    }
    let offset = rows.len();
    rows.extend(bottom.rows);
    Picture { rows, cursor: bottom.cursor.map(|(row, column)| (row + offset, column)) }
}

fn dialog_rows(dialog: &Dialog, look: &Look, width: usize) -> Vec<String> {
    let mut rows = vec![look.rule.repeat(width), format!(" {}", dialog.heading), String::new()];
    let pointed = |at: usize| if at == dialog.chosen { look.pointer.as_str() } else { " " };
    match dialog.kind {
        Kind::Letter => rows.push(format!(" {} {}", dialog.question, dialog.hint)),
        Kind::Key => rows.push(format!(" {}", dialog.question)),
        Kind::Numbered | Kind::Menu | Kind::Buttons => rows.push(format!(" {}", dialog.question)),
    }
    rows.push(String::new());
    match dialog.kind {
        Kind::Numbered => rows.extend(
            dialog
                .entries
                .iter()
                .enumerate()
                .map(|(at, it)| format!(" {} {}. {it}", pointed(at), at + 1)),
        ),
        Kind::Menu => rows.extend(
            dialog.entries.iter().enumerate().map(|(at, it)| format!(" {} {it}", pointed(at))),
        ),
        Kind::Buttons => {
            let buttons =
                dialog.entries.iter().enumerate().map(|(at, it)| match at == dialog.chosen {
                    true => format!("[ {it} ]"),
                    false => format!("  {it}  "),
                });
            rows.push(format!("  {}", buttons.collect::<Vec<_>>().join("  ")));
        }
        Kind::Letter => return rows,
        Kind::Key => {}
    }
    if !dialog.hint.is_empty() {
        rows.extend([String::new(), format!(" {}", dialog.hint)]);
    }
    rows
}

fn add_box(picture: &mut Picture, scene: &Scene<'_>, draft: &str, width: usize) {
    let look = scene.look;
    let (before, inner) = match look.frame {
        Frame::Rules | Frame::Bare => ("", width - 4),
        Frame::Box => ("│ ", width - 8),
        Frame::Bar => ("┃ ", width - 6),
    };
    let prompt_width = look.prompt.width() + 1;
    let shown = look.drawing.lines(draft, inner.saturating_sub(prompt_width).max(8));
    let lines = if draft.is_empty() { vec![look.placeholder.clone()] } else { shown };
    match look.frame {
        Frame::Rules => picture.rows.push(look.rule.repeat(width)),
        Frame::Box => picture.rows.push(format!("╭{}╮", "─".repeat(width - 2))),
        Frame::Bar | Frame::Bare => picture.rows.push(String::new()),
    }
    // Only the last lines of a long draft have room.
    let hidden = lines.len().saturating_sub(8);
    for (at, line) in lines.iter().enumerate().skip(hidden) {
        let lead = if at == 0 { format!("{} ", look.prompt) } else { " ".repeat(prompt_width) };
        let row = format!("{before}{lead}{line}");
        let fill = width.saturating_sub(row.width() + 1);
        picture.rows.push(match look.frame {
            Frame::Box => format!("{row}{}│", " ".repeat(fill)),
            Frame::Rules | Frame::Bar | Frame::Bare => row,
        });
    }
    let typed = if draft.is_empty() { 0 } else { lines.last().map_or(0, |line| line.width()) };
    picture.cursor = Some((picture.rows.len() - 1, before.width() + prompt_width + typed));
    match look.frame {
        Frame::Rules => picture.rows.push(look.rule.repeat(width)),
        Frame::Box => picture.rows.push(format!("╰{}╯", "─".repeat(width - 2))),
        Frame::Bar | Frame::Bare => picture.rows.push(String::new()),
    }
    if scene.is_open && !look.footer.is_empty() {
        picture.rows.push(format!("  {}", look.footer));
    }
}
