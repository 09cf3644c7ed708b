//! Draws the dashboard. Pure: a state, a time and an area in, cells out.
mod detail;
mod list;
mod over;

use std::io;

use ratatui::{
    Frame, Terminal,
    backend::TestBackend,
    buffer::Buffer,
    layout::{Constraint, Layout, Position, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Borders},
};

use super::state::{Dash, Drawn, Mode};
use crate::{
    model::{Timestamp, Tone},
    text::{count, cut, items, tail, width},
};

/// How the terminal may be drawn on. Marks and words carry the same information as colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    pub colour: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
}

/// From this width on, the selected worker is beside the list.
const WIDE: u16 = 100;
/// From this size on, it is below the list.
const TALL: (u16, u16) = (60, 16);

/// What is drawn, besides the state.
#[derive(Clone, Debug)]
pub(super) struct Scene<'a> {
    pub(super) project: &'a str,
    pub(super) now: Timestamp,
    pub(super) theme: Theme,
}

/// Draws everything, and notes what is where.
pub(super) fn draw(dash: &mut Dash, scene: &Scene<'_>, frame: &mut Frame<'_>) {
    let area = frame.area();
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(u16::from(area.height > 3)),
    ])
    .areas(area);
    let cursor = draw_head(dash, scene, head, frame);
    let (list, detail) = split(dash, body);
    let rows = list::draw(dash, scene, list, frame);
    let inside = detail.map(|(border, area)| {
        let block = Block::new().borders(border);
        let inside = block.inner(area);
        frame.render_widget(block.border_style(scene.theme.dim()), area);
        detail::draw(dash, scene, inside, frame);
        inside
    });
    draw_foot(dash, scene, foot, frame);
    over::draw(dash, (area, inside.is_some()), frame);
    scene.theme.finish(frame.buffer_mut());
    dash.drawn = Drawn { list, rows, detail: inside.unwrap_or_default() };
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// The list alone, as text without trailing blanks.
pub(super) fn as_text(dash: &mut Dash, scene: &Scene<'_>, columns: u16) -> io::Result<String> {
    let rows = u16::try_from(list::height(dash).max(1)).unwrap_or(u16::MAX);
    let backend = TestBackend::new(columns.max(20), rows.min(1000));
    let mut terminal = Terminal::new(backend).map_err(io::Error::other)?;
    let area = Rect::new(0, 0, columns.max(20), rows.min(1000));
    let draw = |frame: &mut Frame<'_>| {
        list::draw(dash, scene, area, frame);
        scene.theme.finish(frame.buffer_mut());
    };
    terminal.draw(draw).map_err(io::Error::other)?;
    let buffer = terminal.backend().buffer();
    let cells = |y| (0..area.width).filter_map(move |x| buffer.cell((x, y)));
    let line = |y| cells(y).map(ratatui::buffer::Cell::symbol).collect::<String>();
    let lines = (0..area.height).map(|y| format!("{}\n", line(y).trim_end()));
    Ok(lines.collect())
}

/// The list, and the selected worker with the side on which it is divided from the list.
fn split(dash: &Dash, body: Rect) -> (Rect, Option<(Borders, Rect)>) {
    if body.height < TALL.1 - 2 || body.width < TALL.0 || dash.rows.n_workers() == 0 {
        return (body, None);
    }
    if body.width >= WIDE {
        let left = (body.width * 2 / 5).clamp(46, 64);
        let parts = Layout::horizontal([Constraint::Length(left), Constraint::Min(0)]);
        let [list, detail] = parts.areas(body);
        return (list, Some((Borders::LEFT, detail)));
    }
    let wanted = u16::try_from(list::height(dash)).unwrap_or(u16::MAX).max(3);
    let parts = Layout::vertical([
        Constraint::Length(wanted.min(body.height * 9 / 20)),
        Constraint::Min(0),
    ]);
    let [list, detail] = parts.areas(body);
    (list, Some((Borders::TOP, detail)))
}

/// The project and its numbers, or the filter. Returns where the cursor belongs.
fn draw_head(
    dash: &Dash,
    scene: &Scene<'_>,
    area: Rect,
    frame: &mut Frame<'_>,
) -> Option<Position> {
    let room = usize::from(area.width);
    let n_needs = dash.rows.n_needs();
    let is_filtering = matches!(dash.mode, Mode::Filter);
    if is_filtering || !dash.rows.query().is_empty() {
        let right = format!("{}/{} ", dash.rows.shown().len(), dash.rows.n_workers());
        let query = tail(dash.rows.query(), room.saturating_sub(width(&right) + 5)).to_owned();
        let sign = if dash.picks() { " > " } else { " / " };
        let used = 3 + width(&query);
        put_ends(frame, area, vec![Span::styled(sign, Modifier::BOLD), Span::raw(query)], &right);
        let x = area.x.saturating_add(u16::try_from(used).unwrap_or(u16::MAX));
        let at = Position { x: x.min(area.right().saturating_sub(1)), y: area.y };
        return is_filtering.then_some(at);
    }
    let mut spans = vec![
        Span::styled(format!(" {}", scene.project), Modifier::BOLD),
        Span::raw(format!(" · {}", count(dash.rows.n_workers(), "worker"))),
    ];
    if n_needs > 0 {
        let text = format!(" · {n_needs} need{} you", third(n_needs));
        spans.push(Span::styled(text, scene.theme.tone(Tone::WantsYou)));
    }
    let marked = dash.rows.n_marked();
    let right = match (&dash.hub, marked) {
        (Err(why), _) => format!("{} ", cut(why, room / 2)),
        (Ok(()), 0) if dash.rows.only_needs() => "only those that need you ".to_owned(),
        (Ok(()), 0) => String::new(),
        (Ok(()), n) => format!("{n} marked "),
    };
    put_ends(frame, area, spans, &right);
    None
}

fn third(n: usize) -> &'static str {
    if n == 1 { "s" } else { "" }
}

/// A line with something at its right end.
fn put_ends(frame: &mut Frame<'_>, area: Rect, mut left: Vec<Span<'static>>, right: &str) {
    let used: usize = left.iter().map(Span::width).sum();
    let gap = usize::from(area.width).saturating_sub(used + width(right));
    left.push(Span::raw(" ".repeat(gap)));
    left.push(Span::raw(right.to_owned()));
    frame.render_widget(Line::from(left), area);
}

/// What was said last, what runs, or the keys.
fn draw_foot(dash: &Dash, scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) {
    let room = usize::from(area.width.saturating_sub(1));
    let (text, style) = match (&dash.note, dash.running.last()) {
        (Some((text, true, _)), _) => (cut(text, room), scene.theme.tone(Tone::WantsYou)),
        (Some((text, false, _)), _) => (cut(text, room), Style::new()),
        (None, Some(act)) => (cut(&format!("{} …", act.progress()), room), Style::new()),
        (None, None) => (items(keys(dash), room), scene.theme.dim()),
    };
    frame.render_widget(Line::styled(format!(" {text}"), style), area);
}

fn keys(dash: &Dash) -> &'static [&'static str] {
    match &dash.mode {
        Mode::Browse => &[
            "enter go", "a answer", "s send", "d diff", "m land", "x remove", "r resume", "n new",
            "i inbox", "/ filter", "? help", "q close",
        ],
        Mode::Filter if dash.picks() => {
            &["enter go there", "esc close", "↑↓ select", "type to filter"]
        }
        Mode::Filter => &["enter keep the filter", "esc all", "↑↓ select"],
        Mode::Answer { .. } => &["1-9 answer", "↑↓ choose", "esc back"],
        Mode::Send { .. } => {
            &["enter send", "alt-enter new line", "ctrl-e editor", "esc back (kept)"]
        }
        Mode::Dialog(_) => &["esc close", "↑↓ scroll"],
    }
}

impl Theme {
    pub fn tone(self, tone: Tone) -> Style {
        let style = Style::new();
        match tone {
            _ if !self.colour && tone == Tone::WantsYou => style.add_modifier(Modifier::BOLD),
            Tone::Over => style.add_modifier(Modifier::DIM),
            _ if !self.colour => style,
            Tone::Busy => style.fg(Color::Yellow),
            Tone::WantsYou => style.fg(Color::Red),
            Tone::AtRest => style.fg(Color::Green),
            Tone::Unsure => style.fg(Color::Cyan),
        }
    }

    pub fn dim(self) -> Style {
        Modifier::DIM.into()
    }

    /// Replaces what was drawn by ASCII, where the terminal has nothing else.
    pub fn finish(self, buffer: &mut Buffer) {
        if self.unicode {
            return;
        }
        for cell in buffer.content.iter_mut().filter(|it| !it.symbol().is_ascii()) {
            let first = cell.symbol().chars().next();
            cell.set_char(first.map_or(' ', ascii));
        }
    }
}

fn ascii(drawn: char) -> char {
    match drawn {
        '●' => '*',
        '○' => 'o',
        '✓' | '↓' => 'v',
        '✗' => 'x',
        '◔' => '%',
        '✎' => '=',
        '…' => '.',
        '↑' => '^',
        '▌' | '›' | '❯' => '>',
        '·' | '−' | '─' => '-',
        '│' => '|',
        '┌' | '┐' | '└' | '┘' => '+',
        _ => '?',
    }
}
