//! Draws the selected worker: who it is, and one view of it.
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Modifier,
    text::{Line, Span, Text},
    widgets::{Paragraph, Tabs, Wrap},
};

use super::{Scene, put_ends};
use crate::{
    dash::{
        page::{Tab, plain},
        state::{Dash, Mode},
    },
    model::{Origin, Worker},
    text::{cut, cut_start, width},
};

pub(super) fn draw(dash: &Dash, scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) {
    let Some(worker) = dash.rows.selected() else { return };
    let [title, place, tabs, view] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
    ])
    .areas(area);
    draw_title(worker, title, frame);
    draw_place(worker, scene, place, frame);
    draw_tabs(dash, scene, tabs, frame);
    match dash.tab {
        Tab::Screen => draw_screen(dash, worker, scene, view, frame),
        Tab::Question => draw_question(dash, worker, scene, view, frame),
        Tab::Diff | Tab::Said | Tab::Log | Tab::Receipts => {
            draw_page(dash, worker, scene, view, frame);
        }
    }
}

/// Its name and task, its agent, and what is left of its context.
fn draw_title(worker: &Worker, area: Rect, frame: &mut Frame<'_>) {
    let room = usize::from(area.width);
    let usage = &worker.usage.context_left;
    let left = usage.as_ref().map(|it| format!(", {} left", it.value)).unwrap_or_default();
    let model = worker.agent.model.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
    let right = cut(&format!("  {}{model}{left} ", worker.agent.name), room / 2);
    let name = format!(" {}", worker.short_name());
    let room = room.saturating_sub(width(&right) + width(&name) + 2);
    let spans = vec![
        Span::styled(name, Modifier::BOLD),
        Span::raw(format!("  {}", cut(worker.source.title.as_str(), room))),
    ];
    put_ends(frame, area, spans, &right);
}

fn draw_place(worker: &Worker, scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) {
    let base = worker.base.as_ref().map(|it| format!(" from {}", it.name)).unwrap_or_default();
    let state = worker.state.word().text_at(scene.now);
    let room = usize::from(area.width).saturating_sub(2);
    let text = format!("{}{base}", worker.branch);
    let text = format!("{state}  {}", cut_start(&text, room.saturating_sub(width(&state) + 2)));
    frame.render_widget(Line::styled(format!(" {}", cut(&text, room)), scene.theme.dim()), area);
}

fn draw_tabs(dash: &Dash, scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) {
    let titles = Tab::ALL.iter().zip(1..).map(|(tab, n)| format!("{n} {}", tab.title()));
    let at = Tab::ALL.iter().position(|it| *it == dash.tab);
    let tabs = Tabs::new(titles)
        .select(at)
        .style(scene.theme.dim())
        .highlight_style(Modifier::REVERSED)
        .divider("");
    frame.render_widget(tabs, area);
}

/// The lower end of its screen: that is where agents ask.
fn draw_screen(dash: &Dash, worker: &Worker, scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) {
    let screen = dash.screen.as_ref().filter(|(id, _)| *id == worker.id).map(|(_, it)| it);
    match screen {
        _ if worker.place.gone => {
            let word = worker.state.word();
            let said = worker.last_message.as_deref().unwrap_or_default();
            let text = format!("no window: it is {word}\n\n{said}");
            put(plain(&text), dash.scroll, area, frame);
        }
        None => {}
        Some(Err(why)) => put(plain(why), 0, area, frame),
        Some(Ok(text)) => {
            let is_blank = |it: &Line<'_>| it.spans.iter().all(|it| it.content.trim().is_empty());
            let end = text.lines.iter().rposition(|it| !is_blank(it)).map_or(0, |at| at + 1);
            let from = end.saturating_sub(usize::from(area.height));
            let from = from.saturating_sub(usize::from(dash.scroll));
            let rows = text.lines.iter().take(end).skip(from).cloned();
            let mut text = Text::from(rows.collect::<Vec<_>>());
            if !scene.theme.colour {
                without_colours(&mut text);
            }
            frame.render_widget(text, area);
        }
    }
}

fn draw_question(
    dash: &Dash,
    worker: &Worker,
    scene: &Scene<'_>,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let mut lines = Vec::new();
    if let Some(ask) = &worker.state.asks {
        let chosen = match &dash.mode {
            Mode::Answer { chosen, .. } => *chosen,
            Mode::Browse | Mode::Filter | Mode::Send { .. } | Mode::Dialog(_) => None,
        };
        lines = super::over::question(ask, chosen);
    }
    let is_asking = !lines.is_empty();
    for item in dash.rows.items_of(&worker.id) {
        // What its state asks is above.
        if item.origin != Origin::State || !is_asking {
            let text = format!("{} {}  {}", item.kind, item.id, item.text);
            lines.extend(plain(&text).lines);
        }
    }
    if lines.is_empty() {
        lines.push(Line::styled("it asks nothing", scene.theme.dim()));
    }
    put(Text::from(lines), dash.scroll, area, frame);
}

fn draw_page(dash: &Dash, worker: &Worker, scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) {
    let page = dash.page.as_ref().filter(|it| it.id == worker.id && it.tab == dash.tab);
    let mut text = match page {
        Some(page) if page.text.lines.is_empty() && page.is_loading => {
            Text::styled("…", scene.theme.dim())
        }
        Some(page) => page.text.clone(),
        None => Text::default(),
    };
    if !scene.theme.colour {
        without_colours(&mut text);
    }
    // A page ends at its last row.
    let last = u16::try_from(text.lines.len()).unwrap_or(u16::MAX).saturating_sub(area.height);
    frame.render_widget(Paragraph::new(text).scroll((dash.scroll.min(last), 0)), area);
}

fn put(text: Text<'_>, scroll: u16, area: Rect, frame: &mut Frame<'_>) {
    let text = Paragraph::new(text).wrap(Wrap { trim: false }).scroll((scroll, 0));
    let area =
        Rect { x: area.x + u16::from(area.width > 0), width: area.width.saturating_sub(1), ..area };
    frame.render_widget(text, area);
}

/// Weights stay.
fn without_colours(text: &mut Text<'_>) {
    for line in &mut text.lines {
        for span in &mut line.spans {
            (span.style.fg, span.style.bg) = (None, None);
        }
    }
}
