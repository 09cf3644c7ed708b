//! What an agent shows of its means: how much of its context is left, what the session has cost.
//!
//! Knows the rows below the box, where programs show such figures: in the conversation they mean nothing.
//! Only the profile's own patterns read the rows above it, too.
use std::sync::LazyLock;

use regex::Regex;

use super::{
    input_box::Found,
    limits,
    profile::{Pattern, Profile},
};
use crate::{model::Sample, text::one_line};

/// A figure, and the row that shows it.
type Shown<T> = Option<(T, String)>;

/// What one look shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Means {
    /// In percent.
    pub context_left: Shown<u8>,
    /// With its currency.
    pub cost: Shown<String>,
    /// A warning that a limit comes near.
    pub limit_soon: Option<String>,
    /// A limit is reached, and the agent will continue by itself at the reset.
    pub continues: bool,
}

/// Rows above the box that may show figures.
const ABOVE: usize = 3;
const MAX_TEXT: usize = 120;

fn patterns(all: &[&str]) -> Vec<Regex> {
    all.iter().filter_map(|it| Regex::new(it).ok()).collect()
}

static LEFT: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    patterns(&[
        r"(?i)(?:^|[^\d.])(\d{1,3})(?:\.\d+)? ?% (?:of )?context (?:left|remaining)\b",
        r"(?i)\bcontext (?:window )?(?:left|low)\b[^%\d]{0,30}(\d{1,3})(?:\.\d+)? ?%",
    ])
});
static USED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    patterns(&[
        r"(?i)(?:^|[^\d.])(\d{1,3})(?:\.\d+)?%/\d+(?:\.\d+)?[km]\b",
        r"(?i)\b\d+(?:\.\d+)?(?:/\d+)?k?(?: tokens)? \((\d{1,3})%\)",
        r"(?i)(?:^|[^\d.])(\d{1,3})(?:\.\d+)? ?% (?:of )?context used\b",
        r"(?i)\bcontext: ?(\d{1,3})(?:\.\d+)?% \(\d",
    ])
});
static COST: LazyLock<Vec<Regex>> = LazyLock::new(|| patterns(&[r"(?:^|\s)(\$\d+\.\d{2,4})\b"]));

/// What the rows beside the box show.
pub fn read(profile: &Profile, sample: &Sample, found: Option<&Found>) -> Means {
    let rows = sample.used_rows();
    let (first, last) = found.map_or((rows.len(), rows.len()), |it| (it.first, it.last));
    let above = rows.iter().take(first).rev().filter(|row| !row.trim().is_empty()).take(ABOVE);
    let below: Vec<&str> = rows.iter().skip(last.saturating_add(1)).map(String::as_str).collect();
    let beside: Vec<&str> = above.map(String::as_str).chain(below.iter().copied()).collect();
    let spec = &profile.usage;
    let percent = |own: &[Pattern], shared: &[Regex]| {
        let own = own.iter().filter_map(Pattern::regex);
        let (value, row) = find(&beside, own).or_else(|| find(&below, shared.iter()))?;
        Some((value.parse::<u8>().ok().filter(|it| *it <= 100)?, row))
    };
    let used = || percent(&spec.context_used, &USED).map(|(used, row)| (100 - used, row));
    Means {
        context_left: percent(&spec.context_left, &LEFT).or_else(used),
        cost: find(&beside, spec.cost.iter().filter_map(Pattern::regex))
            .or_else(|| find(&below, COST.iter())),
        limit_soon: limits::soon(rows, first, &profile.limits),
        continues: limits::continues(rows, first),
    }
}

/// The value that the first of the patterns finds.
fn find<'p>(rows: &[&str], mut patterns: impl Iterator<Item = &'p Regex>) -> Shown<String> {
    patterns.find_map(|pattern| {
        rows.iter().find_map(|row| {
            let value = pattern.captures(row)?.get(1)?.as_str();
            Some((one_line(value, MAX_TEXT), one_line(row, MAX_TEXT)))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InputBox;

    #[track_caller]
    fn check(row: &str, context_left: Option<u8>, cost: Option<&str>) {
        let profile = Profile::shared("generic").unwrap();
        let rows = vec![
            "❯ ".to_owned(),
            "a reply that names 7% context left".into(),
            String::new(),
            "> ".into(),
            row.to_owned(),
        ];
        let sample = Sample { rows, ..Sample::default() };
        let input = InputBox::Empty;
        let (first, last, column) = (3, 3, 2);
        let found = Found { first, last, column, input, suggested: None, doubtful: None };
        let means = read(&profile, &sample, Some(&found));
        let shown =
            means.context_left.map(|(left, shown)| (left, shown == one_line(row, MAX_TEXT)));
        assert_eq!(shown, context_left.map(|left| (left, true)), "{row}");
        assert_eq!(means.cost.map(|it| it.0).as_deref(), cost, "{row}");
    }

    #[test]
    fn figures_of_several_agents_are_read() {
        check("  47% context left · ? for shortcuts", Some(47), None);
        check("no sandbox   gemini-2.5-pro (98% context left)", Some(98), None);
        check("↑1.2k ↓100 $0.012 12.3%/200k (auto)   stub-model", Some(88), Some("$0.012"));
        check("/home/ann/src [PID 2]          15/200k tokens (0%)", Some(100), None);
        check("  12.3K (6%)  ctrl+p commands", Some(94), None);
        check("Context left until auto-compact: 8%", Some(8), None);
        check("Context low (12% remaining) · Run /compact", Some(12), None);
        check("  0.7% context used", Some(100), None);
        check("5.9% context left", Some(5), None);
        check("                      context: 12.3% (12.3k/100k)", Some(88), None);
        check(" stub-model (10) $0.00", None, Some("$0.00"));
        check("? for help", None, None);
    }
}
