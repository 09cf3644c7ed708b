//! Prints groups of findings in their order, each as soon as it and those before it are known.
use std::{cell::RefCell, collections::BTreeMap};

use super::{DoctorReport, Group};
use crate::cli::{Context, Failure, progress::Progress};

pub(super) struct Sheet<'a> {
    context: &'a Context,
    verbose: bool,
    filled: RefCell<Filled>,
}

struct Filled {
    /// By their position.
    groups: BTreeMap<usize, Vec<Group>>,
    n_printed: usize,
    printed: Result<(), Failure>,
    /// Shows on a terminal that more is coming.
    progress: Option<Progress>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(context: &'a Context, verbose: bool) -> Self {
        let progress = Progress::new(&context.env);
        progress.step("checking");
        let filled = Filled {
            groups: BTreeMap::new(),
            n_printed: 0,
            printed: Ok(()),
            progress: Some(progress),
        };
        Self { context, verbose, filled: RefCell::new(filled) }
    }

    pub(super) fn put(&self, place: usize, groups: Vec<Group>) {
        let mut filled = self.filled.borrow_mut();
        filled.groups.insert(place, groups);
        if self.context.json() {
            return;
        }
        while let Some(groups) = filled.groups.get(&filled.n_printed) {
            let style = self.context.style();
            let text: String = groups.iter().map(|it| it.render(style, self.verbose)).collect();
            if filled.printed.is_ok() {
                let print = || self.context.print(&text);
                filled.printed = filled.progress.as_ref().map_or_else(print, |it| it.above(print));
            }
            filled.n_printed += 1;
        }
    }

    /// The last lines, when all groups are known.
    pub(super) fn finish(self) -> Result<DoctorReport, Failure> {
        let mut filled = self.filled.into_inner();
        drop(filled.progress.take());
        filled.printed?;
        let report = DoctorReport::new(filled.groups.into_values().flatten().collect());
        if self.context.json() {
            self.context.print_json(&report)?;
        } else {
            self.context.print(&report.summary())?;
        }
        Ok(report)
    }
}
