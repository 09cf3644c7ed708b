//! Draws the picker. Pure: a list, a time and an area in, cells out.
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr as _;

use super::list::List;
use crate::{
    model::{AgentState, DisplayState, Timestamp, Tone, Worker},
    text::{age, count, cut, cut_start, items, pad, tail},
};

/// Whether colours may be used; marks and words carry the same information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Colour,
    Plain,
}

/// From this width on, agent, branch and title have their own columns.
const WIDE: u16 = 100;
/// From this height on, the selected worker is described below the list.
const TALL: u16 = 16;
/// Width of the state, the longest being `waiting: permission`.
const STATE: usize = 19;
const AGE: usize = 4;
const HELP: [&str; 4] = ["enter go there", "esc close", "↑↓ select", "type to filter"];

/// Draws everything; returns where the cursor belongs.
pub(super) fn draw(
    list: &List,
    now: Timestamp,
    theme: Theme,
    area: Rect,
    buf: &mut Buffer,
) -> Position {
    let [query, rows, detail, help] = split(area);
    let cursor = draw_query(list, query, buf);
    draw_rows(list, now, theme, rows, buf);
    draw_detail(list, detail, buf);
    put(buf, help, 0, Line::styled(items(&HELP, width(help)), Modifier::DIM));
    cursor
}

/// Query, rows, detail, help from top to bottom; a part that does not fit is empty.
fn split(area: Rect) -> [Rect; 4] {
    let detail = if area.height >= TALL { 4 } else { 0 };
    let help = u16::from(area.height > 3);
    let rows = area.height.saturating_sub(1 + detail + help);
    let heights = [1.min(area.height), rows, detail, help];
    let mut top = area.y;
    heights.map(|height| {
        let part = Rect { y: top, height, ..area };
        top += height;
        part
    })
}

fn draw_query(list: &List, area: Rect, buf: &mut Buffer) -> Position {
    let count = format!("{}/{}", list.n_shown(), list.n_workers());
    let room = width(area).saturating_sub(count.width() + 4);
    let query = tail(list.query(), room).to_owned();
    let cursor = 2 + query.width();
    let gap = width(area).saturating_sub(cursor + count.width());
    let line = Line::from(vec![
        Span::styled("> ", Modifier::BOLD),
        Span::raw(query),
        Span::raw(" ".repeat(gap)),
        Span::styled(count, Modifier::DIM),
    ]);
    put(buf, area, 0, line);
    let x = area.x.saturating_add(u16::try_from(cursor).unwrap_or(u16::MAX));
    Position { x: x.min(area.right().saturating_sub(1)), y: area.y }
}

fn draw_rows(list: &List, now: Timestamp, theme: Theme, area: Rect, buf: &mut Buffer) {
    if list.n_workers() == 0 {
        let text = match list.n_gone() {
            0 => "  no workers yet: `wtmag create` makes one".to_owned(),
            n => format!("  {} without a window: see `wtmag list`", count(n, "worker")),
        };
        put(buf, area, 0, Line::raw(cut(&text, width(area))));
        return;
    }
    let selected = list.selected();
    let height = usize::from(area.height);
    let first = (selected + 1).saturating_sub(height);
    for (at, worker) in list.shown().enumerate().skip(first).take(height) {
        let name = if list.is_one_project() { worker.short_name() } else { worker.id.as_str() };
        let mut line = row((name, worker), now, theme, area);
        let is_selected = at == selected;
        line.spans.insert(0, Span::raw(if is_selected { "▌" } else { " " }));
        if is_selected {
            line = line.style(Modifier::REVERSED);
        }
        put(buf, area, u16::try_from(at - first).unwrap_or(u16::MAX), line);
    }
}

/// One worker: state and age first, because they matter most.
fn row((name, worker): (&str, &Worker), now: Timestamp, theme: Theme, area: Rect) -> Line<'static> {
    let word = worker.state.word();
    let state = format!("{} {} ", word.face().mark, pad(&word.to_string(), STATE));
    let age = format!("{:>AGE$}  ", age(now.since(worker.state.since())));
    let rest = width(area).saturating_sub(1 + state.width() + age.width());
    let mut spans = vec![Span::styled(state, style(&word, theme)), Span::raw(age)];
    if area.width < WIDE {
        spans.push(Span::raw(pad(&cut_start(name, rest), rest)));
        return Line::from(spans);
    }
    let id_width = (rest / 3).clamp(24, 44);
    let columns = format!(
        "{}  {}  {}  ",
        pad(&cut_start(name, id_width), id_width),
        pad(&worker.agent.name, 8),
        pad(&worker.branch, 24)
    );
    let left = rest.saturating_sub(columns.width());
    spans.push(Span::raw(columns));
    spans.push(Span::styled(pad(worker.source.title.as_str(), left), Modifier::DIM));
    Line::from(spans)
}

fn draw_detail(list: &List, area: Rect, buf: &mut Buffer) {
    let selected = list.shown().nth(list.selected());
    let Some(worker) = selected.filter(|_| area.height > 0) else { return };
    let state = &worker.state;
    let seen = match state.word() {
        DisplayState::Turn(_) => &state.turn.evidence,
        DisplayState::Starting
        | DisplayState::NotStarted(_)
        | DisplayState::Exited(_)
        | DisplayState::Lost(_)
        | DisplayState::Landed(_) => &state.process.evidence,
        DisplayState::Reported(_) => {
            state.reported.as_ref().map_or(&state.turn.evidence, |report| &report.evidence)
        }
        DisplayState::NeedsYou(_) => {
            state.need.as_ref().map_or(&state.turn.evidence, |need| &need.evidence)
        }
    };
    // Its last message answers an earlier question than the one it now asks.
    let asks =
        matches!(state.word(), DisplayState::Turn(AgentState::Waiting(_) | AgentState::Blocked(_)));
    let said = worker.last_message.as_ref().filter(|_| !asks);
    let last = said.unwrap_or(seen).lines().next().unwrap_or_default();
    let lines = [
        "─".repeat(width(area)),
        format!(" {}: {}", worker.source, worker.source.title.as_str()),
        format!(" {}", worker.worktree.display()),
        format!(" {last}"),
    ];
    for (at, text) in (0..).zip(lines) {
        put(buf, area, at, Line::styled(cut(&text, width(area)), Modifier::DIM));
    }
}

fn style(word: &DisplayState, theme: Theme) -> Style {
    let face = word.face();
    let weight = if face.asks { Modifier::BOLD } else { Modifier::empty() };
    let style = Style::new().add_modifier(weight);
    if theme == Theme::Plain {
        return style;
    }
    match face.tone {
        Tone::Busy => style.fg(Color::Yellow),
        Tone::WantsYou => style.fg(Color::Red),
        Tone::AtRest => style.fg(Color::Green),
        Tone::Unsure => style.fg(Color::Cyan),
        Tone::Over => style.add_modifier(Modifier::DIM),
    }
}

fn width(area: Rect) -> usize {
    usize::from(area.width)
}

fn put(buf: &mut Buffer, area: Rect, row: u16, line: Line<'_>) {
    if row < area.height {
        buf.set_line(area.x, area.y + row, &line, area.width);
        buf.set_style(Rect { y: area.y + row, height: 1, ..area }, line.style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picker::{
        keys::Wish,
        list::tests::{worker, workers},
    };

    fn render(list: &List, width: u16, height: u16) -> (String, Position, Buffer) {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let cursor = draw(list, Timestamp(120_000), Theme::Colour, area, &mut buf);
        let row = |y| {
            let cells = (0..width).map(|x| buf[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        };
        let text = (0..height).map(row).collect::<Vec<_>>().join("\n");
        (text, cursor, buf)
    }

    #[test]
    fn a_popup_of_60_by_12_shows_state_age_and_id() {
        insta::assert_snapshot!(render(&List::new(workers()), 60, 12).0, @r"
        >                                                        3/3
        ▌! blocked: trust       30s  prompt-tidy-tests
         ○ idle                  1m  github-pr-234
         ● working               1m  github-issue-456







        enter go there   esc close   ↑↓ select   type to filter
        ");
    }

    #[test]
    fn a_wide_screen_shows_everything() {
        insta::assert_snapshot!(render(&List::new(workers()), 120, 17).0, @r"
        >                                                                                                                    3/3
        ▌! blocked: trust       30s  prompt-tidy-tests               claude    prompt-tidy-tests         Tidy the tests
         ○ idle                  1m  github-pr-234                   claude    github-pr-234             Cache the front page
         ● working               1m  github-issue-456                claude    github-issue-456          Login fails on Safari








        ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
         prompt: Tidy the tests
         /src/blog.prompt-tidy-tests

        enter go there   esc close   ↑↓ select   type to filter
        ");
    }

    #[test]
    fn the_selected_row_is_in_sight() {
        let many =
            (0..40).map(|n| worker(&format!("issue-{n:02}"), AgentState::Idle, 100 - n, "Many"));
        let mut list = List::new(many.collect());
        list.handle_wish(Wish::Last);
        let (text, _, buf) = render(&list, 60, 8);
        let row = text.lines().position(|it| it.contains("issue-39")).unwrap();
        let cell = &buf[(5, u16::try_from(row).unwrap())];
        assert!(cell.modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn the_cursor_follows_the_query() {
        let mut list = List::new(workers());
        assert_eq!(render(&list, 60, 12).1, Position { x: 2, y: 0 });
        for c in "ü日".chars() {
            list.handle_wish(Wish::Type(c));
        }
        assert_eq!(render(&list, 60, 12).1, Position { x: 5, y: 0 });
    }

    #[test]
    fn no_size_is_too_small() {
        let list = List::new(workers());
        for (width, height) in [(1, 1), (2, 40), (200, 2), (7, 3), (0, 0)] {
            render(&list, width, height);
        }
        render(&List::new(Vec::new()), 30, 5);
    }

    #[test]
    fn no_colour_leaves_marks_and_weight() {
        let area = Rect::new(0, 0, 80, 10);
        let mut buf = Buffer::empty(area);
        draw(&List::new(workers()), Timestamp(0), Theme::Plain, area, &mut buf);
        let is_plain = |colour| colour == Color::Reset;
        assert!(buf.content.iter().all(|cell| is_plain(cell.fg) && is_plain(cell.bg)));
    }
}
