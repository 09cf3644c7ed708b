//! Classifies a screen according to a profile.
//!
//! Knows a [`Profile`] and one [`Sample`]. It has no memory, so it cannot tell an agent that waits
//! for its first prompt from one whose last turn has scrolled away: [`super::fold`] can.
//!
//! Precedence: a dialog (the lowest one; text of a dialog above the input box is old, unless it is
//! an overlay), then a running turn, then the box. One signal alone is never enough: `ready` needs
//! the box, the agent in the foreground, the profile's `ready` rules, and no contradiction.
mod rows;

use std::{borrow::Cow, collections::BTreeSet, slice};

use rows::Rows;

use super::{
    ask, generic,
    input_box::{self, Found},
    limits, menu,
    profile::{Pattern, Profile, Region, Rule},
    typed,
};
use crate::model::{AgentState, Blocker, FactSource, InputBox, RuleSaid, Said, Sample, Verdict};

/// Programs that run in the agent's place when the agent is gone.
const SHELLS: [&str; 15] = [
    "bash", "zsh", "fish", "sh", "dash", "ksh", "mksh", "tcsh", "csh", "nu", "elvish", "xonsh",
    "pwsh", "ash", "login",
];

/// The box is visible and empty, but no rule of the profile shows that the agent accepts input.
pub(super) const NOT_READY: &str = "not-ready";

/// The result of every profile rule on one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub verdict: Verdict,
    /// Where the box was found.
    pub found: Option<Found>,
    pub rules: Vec<RuleSaid>,
}

/// Who is in the foreground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreground {
    Agent,
    Shell,
    Other,
}

/// The verdict on a screen, and where its box is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub verdict: Verdict,
    pub found: Option<Found>,
}

/// The verdict on a screen.
pub fn classify(profile: &Profile, sample: &Sample) -> Verdict {
    judge(profile, sample, &[]).verdict
}

/// The verdict, and where the box is. Where the delivered texts in `sent` show, they are not
/// evidence of anything else.
pub fn judge(profile: &Profile, sample: &Sample, sent: &[String]) -> Judged {
    weigh(profile, sample, sent).0
}

/// Like [`judge`], with the result of every rule.
pub fn explain(profile: &Profile, sample: &Sample, sent: &[String]) -> Explanation {
    let (Judged { verdict, found }, hits) = weigh(profile, sample, sent);
    let rules = hits.into_iter().map(Hit::in_words).collect();
    Explanation { verdict, found, rules }
}

fn weigh<'p>(profile: &'p Profile, sample: &Sample, sent: &[String]) -> (Judged, Vec<Hit<'p>>) {
    let mut found = profile.input.as_ref().and_then(|spec| input_box::find(spec, sample));
    if found.is_none() && profile.structural {
        found = generic::find_box(sample);
    }
    let typed = typed::rows(profile, sample, found.as_ref(), sent);
    let screen = Screen { sample, found: found.as_ref(), typed: &typed };
    let mut hits = screen.judge_all(&profile.rules);
    if profile.structural {
        let dialogs = generic::dialogs(sample, found.as_ref(), &typed);
        hits.extend(dialogs.into_iter().map(Hit::from));
    }
    let doubtful = found.as_ref().and_then(|it| it.doubtful.clone());
    let mut verdict = Verdict { doubtful, ..screen.decide(profile, &hits) };
    if verdict.turn.asks() {
        verdict.ask = ask::read(&screen.untyped(), &verdict.turn, verdict.row);
        verdict.turn = ask::named(verdict.turn, verdict.ask.as_ref(), profile.structural);
    }
    if verdict.turn.listens() {
        let end = found.as_ref().map_or(usize::MAX, |it| it.first);
        verdict.limit = limits::hit(sample.used_rows(), end, &typed, &profile.limits);
        verdict.unanswered = screen.is_unanswered();
    }
    (Judged { verdict, found }, hits)
}

/// Something is written below the box, but for its edge.
pub(super) fn has_footer(profile: &Profile, sample: &Sample) -> bool {
    let Some(found) = judge(profile, sample, &[]).found else { return false };
    let below = sample.used_rows().get(found.last + 1..).unwrap_or_default();
    below.iter().any(|row| !generic::is_edge(row) && row.chars().any(char::is_alphanumeric))
}

/// Who has the terminal, as far as names tell. A shell or another program that started the agent and
/// waits for it shares the foreground with it.
pub fn foreground(profile: &Profile, sample: &Sample) -> Foreground {
    if behind(profile, sample).is_some() {
        return Foreground::Agent;
    }
    named(profile, &sample.command)
}

/// The agent's program, where it runs behind another one that the foreground is called by.
pub fn behind<'a>(profile: &Profile, sample: &'a Sample) -> Option<&'a str> {
    let is_agent = |name: &str| named(profile, name) == Foreground::Agent;
    let mut group = sample.group.iter().map(String::as_str);
    group.find(|it| is_agent(it)).filter(|_| !is_agent(&sample.command))
}

/// Who a program of this name is.
pub fn named(profile: &Profile, command: &str) -> Foreground {
    let name = command.trim_start_matches('-');
    if profile.foreground.iter().any(|it| it == command) {
        return Foreground::Agent;
    }
    if SHELLS.contains(&name) {
        return Foreground::Shell;
    }
    if profile.foreground.is_empty() { Foreground::Agent } else { Foreground::Other }
}

/// The result of a rule, with what is needed to weigh it. It is put into words only for who asks: most
/// screens are judged for their verdict.
struct Hit<'p> {
    name: &'p str,
    turn: Cow<'p, AgentState>,
    outcome: Outcome<'p>,
    source: FactSource,
    /// It has a fixed place, outside the order of the conversation.
    fixed: bool,
}

enum Outcome<'p> {
    Matched {
        row: Option<usize>,
        evidence: String,
    },
    /// None of these was found.
    Missing(&'p [Pattern]),
    Excluded(&'p Pattern),
    NoRegion,
    Stale {
        row: usize,
        evidence: String,
    },
}

impl From<generic::Dialog> for Hit<'_> {
    fn from(dialog: generic::Dialog) -> Self {
        let outcome = Outcome::Matched { row: Some(dialog.row), evidence: dialog.evidence };
        let (name, turn) = (dialog.shape, Cow::Owned(dialog.turn));
        Self { name, turn, outcome, source: FactSource::Screen, fixed: false }
    }
}

impl Hit<'_> {
    /// Row and evidence of a rule that matches; the title counts as above everything.
    fn matched(&self) -> Option<(Option<usize>, &str)> {
        match &self.outcome {
            Outcome::Matched { row, evidence } => Some((*row, evidence)),
            Outcome::Missing(_)
            | Outcome::Excluded(_)
            | Outcome::NoRegion
            | Outcome::Stale { .. } => None,
        }
    }

    fn in_words(self) -> RuleSaid {
        let said = match self.outcome {
            Outcome::Matched { row, evidence } => Said::Matched { row, evidence },
            Outcome::Missing(patterns) => {
                let names: Vec<&str> = patterns.iter().map(Pattern::as_str).collect();
                Said::Missing(names.join(" | "))
            }
            Outcome::Excluded(pattern) => Said::Excluded(pattern.as_str().to_owned()),
            Outcome::NoRegion => Said::NoRegion,
            Outcome::Stale { row, evidence } => Said::Stale { row, evidence },
        };
        RuleSaid { name: self.name.to_owned(), turn: self.turn.into_owned(), said }
    }

    fn verdict(&self, input: InputBox) -> Option<Verdict> {
        let (row, evidence) = self.matched()?;
        Some(Verdict {
            turn: self.turn.as_ref().clone(),
            input,
            source: Some(self.source),
            rule: self.name.to_owned(),
            evidence: evidence.to_owned(),
            row,
            doubtful: None,
            ask: None,
            limit: None,
            unanswered: false,
        })
    }
}

struct Screen<'a> {
    sample: &'a Sample,
    found: Option<&'a Found>,
    /// Rows that show typed text: only rules for the box read them.
    typed: &'a BTreeSet<usize>,
}

impl<'a> Screen<'a> {
    fn decide(&self, profile: &Profile, hits: &[Hit<'_>]) -> Verdict {
        let input = self.found.map(|it| it.input.clone()).unwrap_or_default();
        if let Some(verdict) = self.absent(profile) {
            return verdict;
        }
        let lowest = |wanted: fn(&AgentState) -> bool| {
            let matching = hits.iter().rev().filter(|hit| wanted(&hit.turn));
            matching.filter(|hit| hit.matched().is_some()).max_by_key(|hit| self.place(hit))
        };
        // A dialog that has its own rule is not also an unknown dialog.
        let known = lowest(|turn| turn.asks() && *turn != AgentState::Blocked(Blocker::Other));
        let dialog = known.or_else(|| lowest(AgentState::asks));
        let busy =
            lowest(|turn| *turn == AgentState::Retrying).or_else(|| lowest(AgentState::is_busy));
        let ended = self.ended(hits);
        // A working sign above the end of a turn is part of the agent's answer.
        let is_over =
            |busy: &&Hit<'_>| ended.is_some_and(|it| !it.fixed && self.is_below(it, busy));
        let busy = busy.filter(|busy| !is_over(busy));
        let first = match (dialog, busy) {
            // A waiting agent may animate a spinner below its list.
            (Some(dialog), Some(busy)) if self.is_below(busy, dialog) && !self.shows_a_list() => {
                Some(busy)
            }
            (dialog, busy) => dialog.or(busy),
        };
        if let Some(verdict) = first.and_then(|hit| hit.verdict(input.clone())) {
            return verdict;
        }
        let Some(found) = self.found else {
            return Verdict::default();
        };
        let ready = lowest(|turn| *turn == AgentState::Ready);
        let wants_ready = profile.rules.iter().any(|rule| rule.turn == AgentState::Ready);
        self.at_the_box(found, ended, ready, wants_ready)
    }

    /// The rows, without what was typed.
    fn untyped(&self) -> Vec<String> {
        let rows = self.sample.used_rows().iter().enumerate();
        let row = |(at, row): (usize, &String)| {
            if self.typed.contains(&at) { String::new() } else { row.clone() }
        };
        rows.map(row).collect()
    }

    /// There is no box, and a list with a pointer is near the end of the screen.
    fn shows_a_list(&self) -> bool {
        let rows = self.sample.used_rows();
        let entries = menu::read(rows).filter(|it| !it.doubtful).map(|it| it.entries);
        let last = entries.and_then(|it| it.last().map(|it| it.row));
        self.found.is_none() && last.is_some_and(|it| it + LIST_ROWS >= rows.len())
    }

    /// The last row of the newest prompt in the conversation.
    fn newest_prompt(&self) -> Option<usize> {
        let first = self.found?.first;
        self.typed.range(..first).next_back().copied()
    }

    /// Nothing was printed between the newest prompt and the box.
    fn is_unanswered(&self) -> bool {
        let Some((from, found)) = self.newest_prompt().zip(self.found) else { return false };
        let rows = self.sample.rows.get(from + 1..found.first).unwrap_or_default();
        !rows.iter().any(|row| row.chars().any(char::is_alphanumeric))
    }

    /// The lowest sign that a turn is over. Above the newest prompt it is of an earlier turn.
    fn ended<'h>(&self, hits: &'h [Hit<'h>]) -> Option<&'h Hit<'h>> {
        let newest = self.newest_prompt().map_or(0, |row| row + 1);
        let ended = hits.iter().rev().filter(|hit| {
            matches!(*hit.turn, AgentState::Idle | AgentState::Failed)
                && hit.matched().is_some()
                && (hit.fixed || self.place(hit) > newest)
        });
        ended.max_by_key(|hit| if hit.fixed { 0 } else { self.place(hit) })
    }

    /// The box is visible, and nothing else matches.
    fn at_the_box(
        &self,
        found: &Found,
        ended: Option<&Hit<'_>>,
        ready: Option<&Hit<'_>>,
        wants_ready: bool,
    ) -> Verdict {
        let row = Some(found.first);
        let on_screen = |turn, rule: &str, evidence: String| Verdict {
            turn,
            input: found.input.clone(),
            source: Some(FactSource::Screen),
            rule: rule.to_owned(),
            evidence,
            row,
            doubtful: None,
            ask: None,
            limit: None,
            unanswered: false,
        };
        if let InputBox::Holds(text) = &found.input {
            return on_screen(AgentState::Draft, "box", text.clone());
        }
        if wants_ready && ready.is_none() {
            let evidence = "the box shows, but nothing shows that it is live".to_owned();
            return on_screen(AgentState::Unknown, NOT_READY, evidence);
        }
        let said = ended.or(ready).and_then(|hit| hit.verdict(found.input.clone()));
        let row_text = self.sample.rows.get(found.first).map(|row| row.trim().to_owned());
        said.unwrap_or_else(|| on_screen(AgentState::Ready, "box", row_text.unwrap_or_default()))
    }

    /// The agent is not in the foreground, so its state cannot be judged.
    fn absent(&self, profile: &Profile) -> Option<Verdict> {
        let command = &self.sample.command;
        let (rule, evidence) = if self.sample.dead {
            ("dead", self.sample.last_lines(1).concat())
        } else if foreground(profile, self.sample) != Foreground::Agent {
            ("foreground", command.clone())
        } else if self.sample.used_rows().is_empty() {
            ("blank", String::new())
        } else {
            return None;
        };
        let source = Some(FactSource::Process);
        Some(Verdict { rule: rule.to_owned(), evidence, source, ..Verdict::default() })
    }

    /// A higher number is lower on the screen.
    fn place(&self, hit: &Hit<'_>) -> usize {
        hit.matched().and_then(|(row, _)| row).map_or(0, |row| row + 1)
    }

    /// Both are on the screen, and `one` is below `other`.
    fn is_below(&self, one: &Hit<'_>, other: &Hit<'_>) -> bool {
        let row = |hit: &Hit<'_>| hit.matched().and_then(|(row, _)| row);
        row(one).zip(row(other)).is_some_and(|(one, other)| one > other)
    }

    fn judge_all<'p>(&self, rules: &'p [Rule]) -> Vec<Hit<'p>> {
        // Many rules read the same rows.
        let mut regions: Vec<((Region, bool), Option<Rows<'a>>)> = Vec::new();
        let mut judge = |rule: &'p Rule| {
            // What accepts input is empty, so that nothing in it is typed text.
            let reads_typed = rule.region == Region::Box || rule.turn == AgentState::Ready;
            let key = (rule.region, reads_typed);
            if !regions.iter().any(|(it, _)| *it == key) {
                regions.push((key, self.region(rule.region, reads_typed)));
            }
            let text = regions.iter().find(|(it, _)| *it == key).and_then(|(_, it)| it.as_ref());
            self.judge(rule, text)
        };
        rules.iter().map(&mut judge).collect()
    }

    fn judge<'p>(&self, rule: &'p Rule, text: Option<&Rows<'_>>) -> Hit<'p> {
        let source =
            if rule.region == Region::Title { FactSource::Title } else { FactSource::Screen };
        let fixed = matches!(rule.region, Region::Below | Region::Title | Region::Command);
        let (name, turn) = (rule.name.as_str(), Cow::Borrowed(&rule.turn));
        Hit { name, turn, outcome: self.outcome(rule, text), source, fixed }
    }

    fn outcome<'p>(&self, rule: &'p Rule, text: Option<&Rows<'_>>) -> Outcome<'p> {
        let Some(text) = text else { return Outcome::NoRegion };
        if rule.cursor_in_box && !self.found.is_some_and(|it| it.has_cursor(self.sample)) {
            return Outcome::NoRegion;
        }
        if let Some(found) = rule.none.iter().find(|it| text.find(it).is_some()) {
            return Outcome::Excluded(found);
        }
        let mut hits = Vec::new();
        for pattern in &rule.all {
            match text.find(pattern) {
                Some(hit) => hits.push(hit),
                None => return Outcome::Missing(slice::from_ref(pattern)),
            }
        }
        let n_all = hits.len();
        hits.extend(rule.any.iter().filter_map(|it| text.find(it)));
        if hits.len() == n_all && !rule.any.is_empty() {
            return Outcome::Missing(&rule.any);
        }
        let Some((row, evidence)) = hits.into_iter().max_by_key(|(row, _)| *row) else {
            let row = self.found.map(|it| it.first);
            return Outcome::Matched { row, evidence: String::new() };
        };
        match row {
            Some(row) if self.is_stale(rule, row) => Outcome::Stale { row, evidence },
            row => Outcome::Matched { row, evidence },
        }
    }

    /// Dialog text above a live box is left over from an earlier dialog.
    fn is_stale(&self, rule: &Rule, row: usize) -> bool {
        let near_box = matches!(rule.region, Region::Above(_));
        rule.turn.asks()
            && !rule.overlay
            && !near_box
            && self.found.is_some_and(|it| row < it.first)
    }

    /// The rows of a region; none if this screen does not have it. Rows with typed text are no
    /// evidence.
    fn region(&self, region: Region, reads_typed: bool) -> Option<Rows<'a>> {
        let used = self.sample.used_rows();
        let filled = |rows: &'a [String], from: usize, n: usize| {
            let numbered = rows.iter().enumerate().map(|(at, row)| (Some(from + at), row.as_str()));
            let filled: Vec<_> = numbered.filter(|(_, row)| !is_blank(row)).collect();
            let last = filled.into_iter().rev().take(n).rev();
            let is_typed = |at: Option<usize>| at.is_some_and(|at| self.typed.contains(&at));
            Rows::new(last.filter(|(at, _)| reads_typed || !is_typed(*at)).collect())
        };
        match region {
            Region::Screen => Some(filled(used, 0, usize::MAX)),
            Region::Bottom(n) => Some(filled(used, 0, n)),
            Region::Footer => Some(filled(used, 0, 1)),
            Region::Above(n) => {
                let first = self.found?.first;
                let edge = first.saturating_sub(1);
                let end = if self.is_edge(edge) { edge } else { first };
                Some(filled(used.get(..end)?, 0, n))
            }
            Region::Below => {
                let from = self.found?.last + 1;
                Some(filled(used.get(from..).unwrap_or_default(), from, usize::MAX))
            }
            Region::Box => {
                let found = self.found?;
                Some(filled(used.get(found.first..=found.last)?, found.first, usize::MAX))
            }
            Region::Title => Some(Rows::new(vec![(None, &self.sample.title)])),
            Region::Command => Some(Rows::new(vec![(None, &self.sample.command)])),
        }
    }

    /// A row of line-drawing characters only.
    fn is_edge(&self, row: usize) -> bool {
        let text = self.sample.rows.get(row).map(|it| it.trim()).unwrap_or_default();
        !text.is_empty() && text.chars().all(|c| ('\u{2500}'..='\u{259f}').contains(&c))
    }
}

/// Blank, except perhaps for a scroll bar.
fn is_blank(row: &str) -> bool {
    let row = row.trim();
    row.is_empty() || row.chars().count() == 1 && row.starts_with(['█', '▐', '│', '┃', '▌'])
}

/// A list with a pointer may have this many rows of help and progress below it.
const LIST_ROWS: usize = 8;

#[cfg(test)]
mod tests;
