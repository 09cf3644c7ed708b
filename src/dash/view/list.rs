//! Draws the list of workers.
use ratatui::{
    Frame,
    layout::Rect,
    style::{Modifier, Style},
    text::{Line, Span},
    widgets::{HighlightSpacing, List, ListItem, ListState},
};

use super::Scene;
use crate::{
    dash::{
        rows::{Group, Rows},
        state::Dash,
    },
    model::{Item, Origin, Timestamp, Worker, current},
    text::{age, count, cut, cut_start, one_line, pad, width},
};

const AGE: usize = 4;
const MAX_AGENT: usize = 12;
const MAX_STATE: usize = 22;
const MAX_NAME: usize = 32;
/// Below this width only state, age and name are shown.
const NARROW: usize = 48;

/// One entry of the list: a heading, or a worker by its position among the shown ones.
enum Entry<'a> {
    Heading(Group),
    Worker(usize, &'a Worker),
}

/// Rows that the whole list takes.
pub(super) fn height(dash: &Dash) -> usize {
    entries(&dash.rows).map(|it| usize::from(note(dash, &it, Timestamp(0)).is_some()) + 1).sum()
}

fn entries(rows: &Rows) -> impl Iterator<Item = Entry<'_>> {
    let mut last = None;
    let has_headings = rows.query().is_empty();
    rows.shown().enumerate().flat_map(move |(at, (group, worker))| {
        let is_new = has_headings && last.replace(group) != Some(group);
        let heading = is_new.then_some(Entry::Heading(group));
        heading.into_iter().chain(worker.map(|it| Entry::Worker(at, it)))
    })
}

/// Draws it; returns which shown worker is in each row.
pub(super) fn draw(
    dash: &Dash,
    scene: &Scene<'_>,
    area: Rect,
    frame: &mut Frame<'_>,
) -> Vec<Option<usize>> {
    if dash.rows.shown().len() == 0 {
        let room = usize::from(area.width.saturating_sub(2));
        let text = match (dash.rows.n_workers(), dash.rows.query()) {
            (0, _) => "no workers yet: n makes one".to_owned(),
            (_, "") => "nothing needs you".to_owned(),
            (n, _) => format!("none of {} matches", count(n, "worker")),
        };
        frame.render_widget(
            Line::styled(format!("  {}", cut(&text, room)), scene.theme.dim()),
            area,
        );
        return Vec::new();
    }
    let columns = Columns::of(&dash.rows, usize::from(area.width.saturating_sub(1)));
    let (mut list, mut of_item, mut selected) = (Vec::new(), Vec::new(), None);
    for entry in entries(&dash.rows) {
        let lines = lines(dash, scene, &columns, &entry);
        let at = match entry {
            Entry::Heading(_) => None,
            Entry::Worker(at, _) => Some(at),
        };
        if at.is_some() && at == dash.rows.position() {
            selected = Some(list.len());
        }
        of_item.push((at, lines.len()));
        list.push(ListItem::new(lines));
    }
    let mut state = ListState::default().with_selected(selected);
    let list = List::new(list)
        .highlight_symbol("▌")
        .highlight_spacing(HighlightSpacing::Always)
        .highlight_style(Modifier::REVERSED);
    frame.render_stateful_widget(list, area, &mut state);
    let seen = of_item.into_iter().skip(state.offset());
    let rows = seen.flat_map(|(at, n)| std::iter::repeat_n(at, n));
    rows.take(usize::from(area.height)).collect()
}

/// Widths that fit all workers.
struct Columns {
    state: usize,
    name: usize,
    agent: usize,
    /// Changes and pull request.
    facts: usize,
    is_one_project: bool,
}

impl Columns {
    fn of(rows: &Rows, room: usize) -> Self {
        let is_one_project = rows.is_one_project();
        let workers = || rows.shown().filter_map(|(_, it)| it);
        let states = workers().map(|it| width(&state(rows.items_of(&it.id), it)));
        let state = states.max().unwrap_or(0).min(MAX_STATE);
        let names = workers().map(|it| width(name(it, is_one_project)) + 1);
        let name = names.max().unwrap_or(0).min(MAX_NAME);
        let agents = workers().map(|it| width(&it.agent.name)).max().unwrap_or(0).min(MAX_AGENT);
        let agent = if room < NARROW { 0 } else { agents + 1 };
        let facts = workers().map(|it| width(&facts(it))).max().unwrap_or(0);
        let facts = if facts == 0 { 0 } else { facts + 1 };
        // With the mark and the gaps. A name keeps its end, where names differ.
        let left = room.saturating_sub(2 + state + 1 + AGE + 1);
        let name = name.min(left.saturating_sub(agent + facts).max(14).min(left));
        let facts = facts.min(left.saturating_sub(name));
        let agent = agent.min(left.saturating_sub(name + facts));
        Self { state, name, agent, facts, is_one_project }
    }
}

fn name(worker: &Worker, is_one_project: bool) -> &str {
    if is_one_project { worker.short_name() } else { worker.id.as_str() }
}

/// What it needs, else its state.
fn state(items: &[Item], worker: &Worker) -> String {
    items.first().map_or_else(|| worker.state.word().to_string(), |it| it.kind.to_string())
}

fn lines(
    dash: &Dash,
    scene: &Scene<'_>,
    columns: &Columns,
    entry: &Entry<'_>,
) -> Vec<Line<'static>> {
    let worker = match entry {
        Entry::Heading(group) => {
            return vec![Line::styled(group.title(), Modifier::BOLD | Modifier::DIM)];
        }
        Entry::Worker(_, worker) => worker,
    };
    let items = dash.rows.items_of(&worker.id);
    let word = worker.state.word();
    let (mark, style, since) = match items.first() {
        Some(item) => ('!', scene.theme.tone(item.kind.face().0), item.at),
        None => (word.face().mark, scene.theme.tone(word.face().tone), worker.state.since()),
    };
    let marked = if dash.rows.is_marked(&worker.id) { "+" } else { " " };
    let name = format!("{marked}{}", name(worker, columns.is_one_project));
    let is_over = word.is_over() && items.is_empty();
    let name_style: Style = if is_over { Modifier::DIM.into() } else { Modifier::BOLD.into() };
    let mut spans = vec![
        Span::styled(format!("{mark} {} ", pad(&state(items, worker), columns.state)), style),
        Span::styled(format!("{:>AGE$} ", age(scene.now.since(since))), scene.theme.dim()),
        Span::styled(pad(&cut_start(&name, columns.name), columns.name), name_style),
    ];
    for (text, room) in [(worker.agent.name.clone(), columns.agent), (facts(worker), columns.facts)]
    {
        if let Some(inside) = room.checked_sub(1) {
            spans.push(Span::styled(format!(" {}", pad(&text, inside)), scene.theme.dim()));
        }
    }
    let mut lines = vec![Line::from(spans)];
    if let Some(note) = note(dash, entry, scene.now) {
        lines.push(Line::styled(format!("  {note}"), Modifier::DIM));
    }
    lines
}

/// Its changes and its pull request.
fn facts(worker: &Worker) -> String {
    let changes = worker.work.changes.as_ref().map(ToString::to_string);
    let both = changes.into_iter().chain([worker.pull_words()]).filter(|it| !it.is_empty());
    both.collect::<Vec<_>>().join(" ")
}

/// The second line: what it asks or reports; of the selected one, what it is doing or said last.
fn note(dash: &Dash, entry: &Entry<'_>, now: Timestamp) -> Option<String> {
    let Entry::Worker(at, worker) = entry else { return None };
    let item = dash.rows.items_of(&worker.id).first();
    if let Some(text) = item.map(|it| about(it, worker)).filter(|it| !it.is_empty()) {
        return Some(one_line(&text, 200));
    }
    if dash.rows.position() != Some(*at) {
        return None;
    }
    let said = current(worker.progress.as_ref(), now).or(worker.last_message.as_deref());
    let line = said.and_then(|it| it.lines().find(|it| !it.trim().is_empty()))?;
    Some(one_line(line, 200))
}

/// What it asks or says, without the word that the row begins with.
fn about(item: &Item, worker: &Worker) -> String {
    match &worker.state.asks {
        Some(ask) if item.origin == Origin::State && worker.state.turn.value.asks() => {
            ask.to_string()
        }
        _ => item.text.clone(),
    }
}
