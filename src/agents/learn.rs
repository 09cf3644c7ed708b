//! From screens that a human has named to a profile that tells them apart.
//!
//! Knows [`Shot`]s: a sample each, and what a human says of it. Proposes a box, one rule for each
//! state and the keys that stop a turn, as the text of a profile, and says what the profile makes of
//! every shot. A rule is a row that shows in all shots of that state and in no other; what changes from
//! one turn to the next (numbers, wheels) is left open in it.
use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    Profile, classify, generic,
    input_box::Found,
    profile::{Pattern, Region},
};
use crate::model::{AgentState, DisplayState, InputBox, Sample, Verdict};

/// A screen, and the state that a human says it shows, as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shot {
    pub state: String,
    pub sample: Sample,
}

/// What the profile makes of one shot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub state: String,
    pub found: String,
    pub is_right: bool,
}

/// The state in which the box is empty and no turn runs.
pub const REST: &str = "ready";
/// The same after a turn: a rule of its own where something on the screen tells it.
pub const AFTER: &str = "idle";
/// A text stands in the box: no rule, the box tells.
pub const DRAFT: &str = "draft";

/// Rows near the box in which a sign of work or of its end is looked for.
const NEAR: usize = 6;
/// More of a row than this says too much of one occasion.
const MAX_PATTERN: usize = 40;

/// Why a screen cannot be the one of this state; nothing if it can.
pub fn objection(state: &str, sample: &Sample, shots: &[Shot]) -> Option<String> {
    let rests = |state: &str| [REST, AFTER].contains(&state);
    if rests(state) && generic::find_box(sample).is_none() {
        return Some("no input box was found on its screen".to_owned());
    }
    let box_of = |sample: &Sample| {
        let found = generic::find_box(sample)?;
        sample.rows.get(found.first..=found.last).map(<[String]>::to_vec)
    };
    let rest = shots.iter().find(|it| it.state == REST).and_then(|it| box_of(&it.sample));
    if state == DRAFT && rest.is_some() && rest == box_of(sample) {
        return Some("its input box is the same as at rest".to_owned());
    }
    let rows = sample.used_rows();
    let same = shots.iter().find(|it| it.sample.used_rows() == rows && it.state != state)?;
    let may_be = rests(state) && rests(&same.state);
    (!may_be).then(|| format!("its screen is the same as for `{}`", same.state))
}

/// The text of a profile for the agent `name`. Without a shot at rest, or without a box in it, there
/// is nothing to begin with.
pub fn propose(name: &str, shots: &[Shot]) -> Option<String> {
    let rest = shots.iter().find(|it| it.state == REST)?;
    let found = generic::find_box(&rest.sample)?;
    let mut text = format!("name = {}\n", quoted(name));
    let commands: BTreeSet<&str> = shots.iter().map(|it| it.sample.command.as_str()).collect();
    let commands: Vec<String> = commands.into_iter().map(quoted).collect();
    _ = writeln!(text, "foreground = [{}]", commands.join(", "));
    let begin = text.clone();
    text.push_str("\n[box]\n");
    text.push_str(&input_box(&rest.sample, &found));
    let mut rules = String::new();
    let mut known: BTreeSet<&str> = [REST, DRAFT].into();
    for shot in shots {
        if known.insert(&shot.state)
            && let Some(rule) = rule(shot, shots, &text)
        {
            text.push_str(&rule);
            rules.push_str(&rule);
        }
    }
    Some(match interrupt(&rules) {
        Some(keys) => text.replacen(&begin, &format!("{begin}\n[keys]\ninterrupt = {keys}\n"), 1),
        None => text,
    })
}

/// What the profile makes of each shot, at one look.
pub fn judge(profile: &Profile, shots: &[Shot]) -> Vec<Outcome> {
    let outcome = |shot: &Shot| {
        let verdict = classify(profile, &shot.sample);
        let found = DisplayState::Turn(verdict.turn.clone()).to_string();
        // Only what came before tells an agent that has had a turn from one that has not.
        let rests = [REST, AFTER].contains(&shot.state.as_str());
        let is_right = found == shot.state || rests && is_free(&verdict);
        Outcome { state: shot.state.clone(), found, is_right }
    };
    shots.iter().map(outcome).collect()
}

fn is_free(verdict: &Verdict) -> bool {
    verdict.turn.listens() && verdict.turn != AgentState::Failed
}

/// The keys that stop a turn, as the sign of work names them.
fn interrupt(rules: &str) -> Option<&'static str> {
    let working = rules.split("[[rule]]").find(|it| it.contains("state = \"working\""))?;
    let words = working.to_lowercase().replace("\\s+", " ");
    let names = |key: &str| words.contains(key);
    match () {
        () if names("esc esc") => Some("[\"Escape\", \"Escape\"]"),
        () if names("esc ") || names("esc/") || names("escape") => Some("[\"Escape\"]"),
        () if names("ctrl+c") || names("ctrl\\+c") || names("ctrl-c") => Some("[\"C-c\"]"),
        () => None,
    }
}

/// The keys of `[box]` for the box that stands here.
fn input_box(sample: &Sample, found: &Found) -> String {
    let row = |at: usize| sample.rows.get(at).map_or("", String::as_str);
    let mut text = String::new();
    let mut put = |key: &str, pattern: String| _ = writeln!(text, "{key} = {}", quoted(&pattern));
    let top = found.first.checked_sub(1).map(row).and_then(edge);
    // It may lie far below, under rows that a longer text would take.
    let below = (found.last + 1..sample.rows.len()).find_map(|at| edge(row(at)));
    let bottom = below.filter(|_| top.is_some());
    let (lead, prompt, rest) = first_row(row(found.first));
    let has_edges = top.is_some();
    if let Some(top) = top {
        put("top", top);
    }
    match bottom {
        Some(bottom) => put("bottom", bottom),
        // Without an edge below, what follows a blank row is a footer.
        None => text.push_str("footer_block = true\n"),
    }
    let mut put = |key: &str, pattern: String| _ = writeln!(text, "{key} = {}", quoted(&pattern));
    if !prompt.is_empty() || !has_edges {
        put("prompt", format!("^{}{}(?:\\s|$)", regex::escape(&lead), regex::escape(&prompt)));
    }
    if lead.chars().any(|c| !c.is_whitespace()) {
        put("indent", format!("^{}\\s*", regex::escape(lead.trim_end())));
        put("end", "\\s*[│┃║|]?$".to_owned());
    }
    let hint = rest.trim();
    if !hint.is_empty() && found.input == InputBox::Empty {
        text.push_str(&format!("placeholder = [{}]\n", quoted(&pattern(hint, true))));
        text.push_str("ghost = true\n");
    }
    text
}

/// An edge as a pattern: its indentation may vary, and so may its length.
fn edge(row: &str) -> Option<String> {
    let bare = row.trim();
    let mut chars = bare.chars();
    let (first, second) = (chars.next()?, chars.next()?);
    let corner = if first == second { String::new() } else { regex::escape(&first.to_string()) };
    let line = regex::escape(&second.to_string());
    generic::is_edge(row).then(|| format!("^\\s*{corner}{line}{{5,}}"))
}

/// The first row of the box: frame and indentation, prompt, and what follows.
fn first_row(row: &str) -> (String, String, String) {
    let is_frame = |c: char| c.is_whitespace() || "│┃║|▌▎".contains(c);
    let inner = row.trim_start_matches(is_frame);
    let (lead, _) = row.split_at_checked(row.len() - inner.len()).unwrap_or(("", row));
    let token = inner.split(char::is_whitespace).next().unwrap_or_default();
    let is_prompt = token.chars().count() <= 3 && !token.chars().any(char::is_alphanumeric);
    let prompt = if is_prompt { token } else { "" };
    let rest = inner.strip_prefix(prompt).unwrap_or(inner);
    (lead.to_owned(), prompt.to_owned(), rest.trim_end_matches(is_frame).to_owned())
}

/// A row or title of the shot that makes a rule which holds in every shot of this state and in no
/// other. One turn does not tell the sign of its end from the reply.
fn rule(shot: &Shot, shots: &[Shot], profile: &str) -> Option<String> {
    let (same, others): (Vec<&Shot>, Vec<&Shot>) =
        shots.iter().partition(|it| it.state == shot.state);
    if shot.state == AFTER && same.len() < 2 {
        return None;
    }
    let known = Profile::parse("proposed", profile).ok()?;
    let found = super::judge(&known, &shot.sample, &[]).found;
    candidates(&shot.sample, found.as_ref()).into_iter().find_map(|(region, row)| {
        let pattern = pattern(&row, false);
        let rule = written(&shot.state, region, &pattern);
        let with = Profile::parse("proposed", &format!("{profile}{rule}")).ok()?;
        let fires = |it: &Shot| classify(&with, &it.sample).rule == rule_name(&shot.state);
        let is_news = Pattern::parse(&pattern).is_some_and(|it| it.is_match(&row));
        let tells = same.iter().all(|it| fires(it)) && !others.iter().any(|it| fires(it));
        (is_news && tells).then_some(rule)
    })
}

/// Where a sign may stand, and the row: likely ones first.
fn candidates(sample: &Sample, found: Option<&Found>) -> Vec<(Region, String)> {
    let rows = sample.used_rows();
    let texts = |from: usize, to: usize| -> Vec<String> {
        let rows = rows.get(from..to.min(rows.len())).unwrap_or_default();
        let said = rows.iter().filter(|it| it.chars().any(char::is_alphanumeric));
        said.map(|it| it.trim_end().to_owned()).collect()
    };
    let mut all: Vec<(Region, String)> = Vec::new();
    match found {
        Some(found) => {
            let mut above = texts(0, found.first);
            above.drain(..above.len().saturating_sub(NEAR));
            let near = above.into_iter().rev().map(|it| (Region::Above(NEAR), it));
            all.extend(near);
            all.extend(texts(found.last + 1, rows.len()).into_iter().map(|it| (Region::Below, it)));
        }
        None => {
            let mut bottom = texts(0, rows.len());
            bottom.reverse();
            // A question says what it is about better than its choices do.
            bottom.sort_by_key(|it| !it.trim_end_matches(['│', ' ']).ends_with('?'));
            all.extend(bottom.into_iter().map(|it| (Region::Bottom(25), it)));
        }
    }
    if !sample.title.is_empty() {
        all.push((Region::Title, sample.title.clone()));
    }
    all
}

fn rule_name(state: &str) -> String {
    state.replace(": ", "-")
}

fn written(state: &str, region: Region, pattern: &str) -> String {
    let place = match region {
        Region::Above(n) => format!("in = \"above {n}\"\n"),
        Region::Below => "in = \"below\"\n".to_owned(),
        Region::Title => "in = \"title\"\n".to_owned(),
        Region::Bottom(_) | Region::Screen | Region::Footer | Region::Box | Region::Command => {
            String::new()
        }
    };
    format!("\n[[rule]]\nstate = \"{state}\"\n{place}all = [{}]\n", quoted(pattern))
}

/// A row as a pattern: numbers and wheels are left open, and what is long is cut between words.
fn pattern(row: &str, whole: bool) -> String {
    let text = row.trim().trim_matches(|c: char| "│┃║|".contains(c)).trim();
    let mut out = if whole { "^".to_owned() } else { String::new() };
    let mut n = 0;
    for word in text.split_whitespace() {
        if n > MAX_PATTERN {
            break;
        }
        if n > 0 {
            out.push_str("\\s+");
        }
        n += word.chars().count() + 1;
        out.push_str(&open(word));
    }
    out
}

/// A word without what differs from one turn to the next.
fn open(word: &str) -> String {
    let is_sign = word.chars().all(|c| !c.is_alphanumeric()) && word.chars().count() <= 2;
    if is_sign && !word.is_ascii() {
        return "\\S+".to_owned();
    }
    let mut out = String::new();
    for part in word.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        let (number, rest) = part.split_at_checked(digits).unwrap_or(("", part));
        out.push_str(if number.is_empty() { "" } else { "\\d+" });
        out.push_str(&regex::escape(rest));
    }
    out
}

/// As TOML: in single quotes where it can be, so that a pattern reads as it is.
fn quoted(text: &str) -> String {
    if text.contains(['\'', '\n']) {
        toml::Value::from(text).to_string()
    } else {
        format!("'{text}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shot(state: &str, screen: &str, cursor: (u16, u16)) -> Shot {
        let rows = screen.lines().map(str::to_owned).collect();
        let sample = Sample {
            rows,
            cursor,
            cursor_visible: true,
            command: "node".to_owned(),
            size: (60, 12),
            ..Sample::default()
        };
        Shot { state: state.to_owned(), sample }
    }

    fn shots() -> Vec<Shot> {
        let rule = "─".repeat(40);
        let screen = |above: &str, held: &str| {
            format!("Robot v3\n{above}\n{rule}\n❯ {held}\n{rule}\n  ? for help · model-4")
        };
        vec![
            shot(REST, &screen("", "Ask me anything..."), (2, 3)),
            shot(DRAFT, &screen("", "half typed"), (12, 3)),
            shot("working", &screen("⠹ Brewing… (12s · esc to stop)", ""), (2, 3)),
            shot(
                "waiting: permission",
                "Robot v3\n│ touch x │\n│ Shall it run this command?  │\n│ › 1. Yes │\n│   2. No │",
                (0, 0),
            ),
            shot(AFTER, &screen("All is well.\n✓ done in 3s", "Ask me anything..."), (2, 4)),
            shot(AFTER, &screen("I see 7 tests.\n✓ done in 12s", "Ask me anything..."), (2, 4)),
        ]
    }

    #[test]
    fn a_profile_is_proposed_that_tells_all_shots_apart() {
        let shots = shots();
        let text = propose("robot", &shots).unwrap();
        let profile = Profile::parse("robot", &text).unwrap_or_else(|it| panic!("{it:?}\n{text}"));
        let outcomes = judge(&profile, &shots);
        assert!(outcomes.iter().all(|it| it.is_right), "{outcomes:#?}\n{text}");
        assert!(text.contains("prompt = '^❯(?:\\s|$)'"), "{text}");
        assert_eq!(profile.keys.interrupt, ["Escape"], "{text}");
        assert!(text.contains("done\\s+in") && !text.contains("tests"), "{text}");
        let one_turn = propose("robot", &shots[..5]).unwrap();
        assert!(!one_turn.contains("idle"), "the reply may be all that differs: {one_turn}");
        // The next turn has other numbers and another wheel.
        let mut later = shots[2].clone();
        later.sample.rows[1] = "⠼ Brewing… (3s · esc to stop)".to_owned();
        assert!(judge(&profile, &[later])[0].is_right, "{text}");
    }

    #[test]
    fn the_screens_of_real_agents_make_profiles() {
        for (file, states) in
            [("cn-1.5.47", 3), ("kimi-1.30.0", 3), ("grok-0.0.34", 3), ("vibe-3.0.3", 3)]
        {
            let all = crate::agents::tests::screens::of(file);
            let mut shots: Vec<Shot> = Vec::new();
            for (want, sample) in all {
                let state = if want == "idle" { REST.to_owned() } else { want };
                let is_new = !shots.iter().any(|it| it.state == state);
                if is_new && ["ready", "draft", "working", "waiting: permission"].contains(&&*state)
                {
                    shots.push(Shot { state, sample });
                }
            }
            let text = propose(file, &shots).unwrap_or_default();
            let profile = Profile::parse(file, &text).unwrap();
            let n_right = judge(&profile, &shots).iter().filter(|it| it.is_right).count();
            assert!(n_right >= states, "{file}: {:#?}\n{text}", judge(&profile, &shots));
        }
    }

    #[test]
    fn a_screen_that_cannot_be_of_its_state_is_noticed_at_once() {
        let all = shots();
        let objection = |state: &str, of: usize| objection(state, &all[of].sample, &all[..2]);
        assert_eq!(objection(REST, 3).as_deref(), Some("no input box was found on its screen"));
        assert_eq!(
            objection("working", 1).as_deref(),
            Some("its screen is the same as for `draft`")
        );
        let same_box = Some("its input box is the same as at rest");
        assert_eq!(objection(DRAFT, 0).as_deref(), same_box);
        for (state, of) in [("working", 2), ("waiting: permission", 3), (AFTER, 0), (DRAFT, 1)] {
            assert_eq!(objection(state, of), None, "{state}");
        }
    }

    #[test]
    fn without_a_screen_at_rest_there_is_nothing_to_begin_with() {
        assert_eq!(propose("robot", &shots()[1..4]), None);
    }
}
