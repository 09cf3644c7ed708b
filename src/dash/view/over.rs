//! Draws what lies over the rest: a dialog, the box for a text, a question where there is no room
//! beside the list.
use ratatui::{
    Frame,
    layout::{Constraint, Flex, Layout, Rect},
    style::{Modifier, Style},
    text::{Line, Span, Text},
    widgets::{Block, Clear, Paragraph, Wrap},
};

use crate::{
    dash::{
        act::names,
        page::plain,
        state::{Addressee, Dash, Dialog, Mode},
    },
    model::Ask,
    text::{clean, items, wrap},
};

pub(super) fn draw(dash: &mut Dash, (area, has_detail): (Rect, bool), frame: &mut Frame<'_>) {
    match &mut dash.mode {
        Mode::Browse | Mode::Filter => {}
        Mode::Answer { .. } if has_detail => {}
        Mode::Answer { ask, chosen, .. } => {
            let text = Text::from(question(ask, *chosen));
            let inside = frame_at(area, "question", text.lines.len(), frame);
            frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), inside);
        }
        Mode::Dialog(dialog) => draw_dialog(dialog, area, frame),
        Mode::Send { to, area: text } => {
            let rows = text.lines().len().clamp(3, 12);
            let title = match to {
                Addressee::Workers(ids) => format!("send to {}", names(ids)),
                Addressee::Successor(id) => format!("hand {id} over: [@AGENT] [what to do first]"),
            };
            let inside = frame_at(area, &title, rows, frame);
            frame.render_widget(&**text, inside);
        }
    }
}

/// The keys stay in sight when the text is scrolled.
fn draw_dialog(dialog: &mut Dialog, area: Rect, frame: &mut Frame<'_>) {
    let keys: Vec<String> =
        dialog.keys.iter().map(|(key, does, _)| format!("{key} {does}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).chain(["esc close"]).collect();
    let columns = usize::from(width_of(area).saturating_sub(2));
    let text = clean(&dialog.text).replace('\t', "    ");
    let rows = wrap(&text, columns);
    let inside = frame_at(area, &dialog.title, rows.len() + 2, frame);
    let parts = Layout::vertical([Constraint::Min(0), Constraint::Length(2)]);
    let [above, below] = parts.areas(inside);
    let last = rows.len().saturating_sub(usize::from(above.height));
    dialog.scroll = dialog.scroll.min(u16::try_from(last).unwrap_or(u16::MAX));
    let body = Paragraph::new(rows.join("\n")).scroll((dialog.scroll, 0));
    frame.render_widget(body, above);
    let keys = Line::styled(items(&keys, columns), Modifier::BOLD);
    frame.render_widget(Text::from(vec![Line::default(), keys]), below);
}

/// The question and its answers, numbered.
pub(super) fn question(ask: &Ask, chosen: Option<usize>) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for text in [&ask.about, &ask.question] {
        if !text.is_empty() {
            lines.extend(plain(text).lines);
        }
    }
    lines.push(Line::default());
    for (at, choice) in ask.choices.iter().enumerate() {
        let style: Style =
            if chosen == Some(at) { Modifier::REVERSED.into() } else { Style::new() };
        lines.push(Line::from(vec![
            Span::styled(format!("{} ", at + 1), Modifier::BOLD),
            Span::styled(clean(&choice.label), style),
        ]));
    }
    if let Some(choice) = chosen.and_then(|at| ask.choices.get(at)) {
        lines.push(Line::default());
        lines
            .push(Line::styled(format!("enter answers: {}", clean(&choice.label)), Modifier::BOLD));
    }
    lines
}

/// Columns of a frame.
fn width_of(area: Rect) -> u16 {
    area.width.saturating_sub(4).min(100).max(area.width.min(30))
}

/// A frame in the middle, with room for so many rows; returns what is inside.
fn frame_at(area: Rect, title: &str, rows: usize, frame: &mut Frame<'_>) -> Rect {
    let height = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(2);
    let [over] = Layout::vertical([Constraint::Length(height.min(area.height))])
        .flex(Flex::Center)
        .areas(area);
    let [over] =
        Layout::horizontal([Constraint::Length(width_of(area))]).flex(Flex::Center).areas(over);
    let block = Block::bordered().title(format!(" {title} "));
    let inside = block.inner(over);
    frame.render_widget(Clear, over);
    frame.render_widget(block, over);
    inside
}
