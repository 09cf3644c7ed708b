//! Shows the workers as they change: on a terminal as a table that is redrawn in place, else as a
//! line for each change.
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    time::Instant,
};

use super::asks;
use crate::{
    cli::{
        Context, Failure,
        output::{Cell, Paint, Style, Table, seconds},
        receipt,
    },
    client::Known,
    model::{Delivery, WorkerId},
};

pub(super) struct Live<'a> {
    context: &'a Context,
    start: Instant,
    on_terminal: bool,
    /// Rows on the terminal that may be overwritten.
    drawn: usize,
    /// The last line printed to a pipe for each worker.
    told: BTreeMap<WorkerId, String>,
}

impl<'a> Live<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        let on_terminal = io::stdout().is_terminal();
        Self { context, start: Instant::now(), on_terminal, drawn: 0, told: BTreeMap::new() }
    }

    /// Prints text that stays; the table continues below it.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.drawn = 0;
        self.context.print(text)
    }

    pub(super) fn show(&mut self, known: &Known) -> Result<(), Failure> {
        if known.workers.is_empty() {
            return Ok(());
        }
        if self.on_terminal { self.draw(known) } else { self.tell(known) }
    }

    fn draw(&mut self, known: &Known) -> Result<(), Failure> {
        let text = table(known, self.context.style());
        let back = match self.drawn {
            0 => String::new(),
            rows => format!("\x1b[{rows}A\x1b[J"),
        };
        self.drawn = text.lines().count();
        self.context.print_raw(&format!("{back}{text}"))
    }

    fn tell(&mut self, known: &Known) -> Result<(), Failure> {
        for (id, worker) in &known.workers {
            // The receipt reports the steps in between.
            let prompt = delivery(known, id).filter(|it| it.step.is_final() || asks(worker));
            let prompt =
                prompt.map_or_else(String::new, |it| format!("; prompt {}", receipt::short(it)));
            let now = format!("{id}: {}{prompt}", worker.state.word());
            if self.told.get(id) != Some(&now) {
                let at = seconds(self.start.elapsed());
                self.context.print(&format!("  {at:>6}  {now}\n"))?;
                self.told.insert(id.clone(), now);
            }
        }
        Ok(())
    }
}

/// The newest delivery to a worker.
pub(super) fn delivery<'k>(known: &'k Known, id: &WorkerId) -> Option<&'k Delivery> {
    known.deliveries.values().rfind(|it| it.worker == *id)
}

fn table(known: &Known, style: Style) -> String {
    let mut table = Table::new(["  WORKER", "STATE", "~PROMPT"]);
    for (id, worker) in &known.workers {
        let word = worker.state.word();
        let prompt = delivery(known, id).map_or_else(String::new, receipt::short);
        let state = Cell::new(word.to_string()).paint(Paint::of(&word));
        table.row([Cell::new(format!("  {id}")), state, Cell::new(prompt)]);
    }
    table.render(style)
}
