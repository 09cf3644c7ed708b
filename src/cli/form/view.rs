//! Draws the form. Pure.
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
};

use super::{Field, Form, PLACES};
use crate::{
    dash::Theme,
    model::Tone,
    text::{cut, items, pad, width},
};

const KEYS: [&str; 6] = [
    "enter start",
    "esc close, keep text",
    "ctrl-e editor",
    "ctrl-r history",
    "alt-enter new line",
    "ctrl-o start here",
];

pub(super) fn draw(form: &Form, theme: Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let shown = form.shown();
    let trouble = form.offers.trouble(&form.text());
    let n_offers = shown.len().max(usize::from(trouble.is_some()));
    let cells = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let parts = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(cells(n_offers)),
        Constraint::Length(1),
        Constraint::Length(if area.height > 8 { 3 } else { 1 }),
        Constraint::Length(1),
    ]);
    let [head, text, offers, problem, fields, foot] = parts.areas(area);
    let where_to = form.setup.repos.get(form.repo).map_or("", |(name, _)| name.as_str());
    let title =
        format!(" What should the new worker do?   # issues   ! pull requests   in {where_to}");
    frame.render_widget(Line::styled(cut(&title, area.width.into()), Modifier::BOLD), head);
    let inside = Rect { x: text.x + 1, width: text.width.saturating_sub(2), ..text };
    frame.render_widget(&form.area, inside);
    draw_offers(form, theme, offers, trouble, frame);
    if let Some(why) = &form.problem {
        let text = cut(&format!(" {why}"), area.width.into());
        frame.render_widget(Line::styled(text, theme.tone(Tone::WantsYou)), problem);
    }
    draw_fields(form, theme, fields, frame);
    let keys = items(&KEYS, usize::from(area.width.saturating_sub(1)));
    frame.render_widget(Line::styled(format!(" {keys}"), theme.dim()), foot);
    theme.finish(frame.buffer_mut());
}

fn draw_offers(
    form: &Form,
    theme: Theme,
    area: Rect,
    trouble: Option<String>,
    frame: &mut Frame<'_>,
) {
    let room = usize::from(area.width);
    for (y, (at, offer)) in (area.y..area.bottom()).zip(form.shown().into_iter().enumerate()) {
        let row = Rect { y, height: 1, ..area };
        let style: Style =
            if form.chosen == Some(at) { Modifier::REVERSED.into() } else { Style::new() };
        let about = cut(&offer.about, 24);
        let left = format!(" {} {}", pad(&offer.name, 6), offer.title);
        let left = pad(
            &cut(&left, room.saturating_sub(width(&about) + 2)),
            room.saturating_sub(width(&about) + 1),
        );
        let spans = vec![Span::styled(left, style), Span::styled(about, theme.dim())];
        frame.render_widget(Line::from(spans), row);
    }
    if let Some(text) = trouble {
        frame.render_widget(Line::styled(cut(&format!(" {text}"), room), theme.dim()), area);
    }
}

/// The options with their values, the one that has the keys highlighted.
fn draw_fields(form: &Form, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let agent = form.setup.agents.get(form.agent).map_or("", String::as_str);
    let place = PLACES.get(form.place).map_or("", |(name, _)| name);
    let or = |text: &str, default: &str| {
        if text.is_empty() { default.to_owned() } else { text.to_owned() }
    };
    let repo = form.setup.repos.get(form.repo).map_or("", |(name, _)| name.as_str());
    let rows = [
        vec![
            (Field::Agent, "agent", agent.to_owned()),
            (Field::Model, "model", or(form.model.value(), "default")),
            (Field::Place, "place", place.to_owned()),
        ],
        vec![
            (Field::Base, "base", or(form.base.value(), "default branch")),
            (Field::Plan, "plan", if form.plan { "yes" } else { "no" }.to_owned()),
            (Field::Repo, "repository", repo.to_owned()),
        ],
    ];
    let shown = rows.into_iter().zip(area.y..area.bottom());
    for (row, y) in shown {
        let mut spans = vec![Span::raw(" ")];
        for (field, name, value) in row {
            let has_keys = field == form.focus;
            let value = if has_keys && matches!(field, Field::Model | Field::Base) {
                format!("{value}_")
            } else {
                value
            };
            let style: Style = if has_keys { Modifier::REVERSED.into() } else { Style::new() };
            spans.push(Span::styled(format!("{name} "), theme.dim()));
            spans.push(Span::styled(pad(&cut(&value, 22), 16), style));
            spans.push(Span::raw("  "));
        }
        frame.render_widget(Line::from(spans), Rect { y, height: 1, ..area });
    }
    if area.height >= 3 {
        let hint = " tab next option   ← → change it";
        let row = Rect { y: area.y + 2, height: 1, ..area };
        frame.render_widget(Line::styled(hint, theme.dim()), row);
    }
}
