//! Open issues, pull requests and tickets that a new worker could take, and which of them fit the words that are
//! typed. Pure.
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};
use serde::Deserialize;

use crate::{
    model::Host,
    sources::{github, gitlab, open::Open},
    text::one_line,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Issue,
    Pull,
    /// A task of another tracker that is ready. It is listed with the issues.
    Ticket,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Issue, Self::Pull, Self::Ticket];

    /// What begins a text that asks for one.
    fn sign(self) -> char {
        match self {
            Self::Issue | Self::Ticket => '#',
            Self::Pull => '!',
        }
    }
}

/// A task that may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// `#12`, `!7`, `PROJ-123`.
    pub(super) name: String,
    pub(super) title: String,
    /// Its labels, and whether it is a draft.
    pub(super) about: String,
    /// The arguments of `create` that name it.
    pub(super) args: Vec<String>,
}

impl Offer {
    pub(super) fn of_forge(forge: Host, kind: Kind, open: Open) -> Self {
        Self {
            name: format!("{}{}", kind.sign(), open.number),
            title: open.title,
            about: open.about,
            args: args(forge, kind, open.number),
        }
    }
}

/// Those of the repository's forge. A server that is unknown is asked as GitHub is.
pub(super) fn args(forge: Host, kind: Kind, number: u64) -> Vec<String> {
    let (spec, pull) = match forge {
        Host::Gitlab => (&gitlab::SPEC, "mr"),
        Host::Github | Host::Other => (&github::SPEC, "pr"),
    };
    let kind = match kind {
        Kind::Issue | Kind::Ticket => "issue",
        Kind::Pull => pull,
    };
    vec![format!("--{}={number}", spec.flag), format!("--type={kind}")]
}

/// What `wtmag ready --json` prints, as far as a forge's own list does not have it.
#[derive(Deserialize)]
struct ReadyJson {
    source: String,
    key: String,
    title: String,
    labels: Vec<String>,
    args: Vec<String>,
}

/// The tickets that `wtmag ready --json` printed.
pub(super) fn tickets(json: &[u8]) -> Vec<Offer> {
    let all: Vec<ReadyJson> = serde_json::from_slice(json).unwrap_or_default();
    let forges = [github::SPEC.flag, gitlab::SPEC.flag];
    let tickets = all.into_iter().filter(|it| !forges.contains(&it.source.as_str()));
    let one = |it: ReadyJson| Offer {
        name: it.key,
        title: it.title,
        about: it.labels.join(", "),
        args: it.args,
    };
    tickets.map(one).collect()
}

/// The text is about an offer: it begins with a sign.
pub(super) fn asks(text: &str) -> bool {
    asked(text).is_some()
}

fn asked(text: &str) -> Option<(Kind, &str)> {
    if text.contains('\n') {
        return None;
    }
    Kind::ALL.into_iter().find_map(|kind| Some((kind, text.strip_prefix(kind.sign())?)))
}

/// The number in `#12`, whether it is offered or not.
pub(super) fn number(text: &str) -> Option<(Kind, u64)> {
    let (kind, rest) = asked(text.trim())?;
    Some((kind, rest.trim().parse().ok()?))
}

/// What was loaded of each kind: None while it is loading.
#[derive(Debug, Default)]
pub(super) struct Offers {
    issues: Option<Result<Vec<Offer>, String>>,
    pulls: Option<Result<Vec<Offer>, String>>,
    tickets: Option<Result<Vec<Offer>, String>>,
}

/// So many are shown.
const MAX_SHOWN: usize = 8;
/// Words of so many letters are looked for in issues and pull requests.
const MIN_WORDS: usize = 3;

impl Offers {
    pub(super) fn set(&mut self, kind: Kind, offers: Result<Vec<Offer>, String>) {
        *self.of_mut(kind) = Some(offers);
    }

    fn of(&self, kind: Kind) -> Option<&Result<Vec<Offer>, String>> {
        match kind {
            Kind::Issue => self.issues.as_ref(),
            Kind::Pull => self.pulls.as_ref(),
            Kind::Ticket => self.tickets.as_ref(),
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut Option<Result<Vec<Offer>, String>> {
        match kind {
            Kind::Issue => &mut self.issues,
            Kind::Pull => &mut self.pulls,
            Kind::Ticket => &mut self.tickets,
        }
    }

    /// Why a list that is asked for is not there.
    pub(super) fn trouble(&self, text: &str) -> Option<String> {
        let (kind, _) = asked(text)?;
        let has_tickets = matches!(&self.tickets, Some(Ok(all)) if !all.is_empty());
        if kind == Kind::Issue && has_tickets {
            return None;
        }
        let what = if kind == Kind::Issue { "issues" } else { "pull requests" };
        match self.of(kind) {
            None => Some(format!("loading {what} …")),
            Some(Err(why)) => Some(format!("no {what}: {}", one_line(why, 200))),
            Some(Ok(all)) if all.is_empty() => Some(format!("there are no open {what}")),
            Some(Ok(_)) => None,
        }
    }

    /// The best ones for this text.
    pub(super) fn fitting(&self, text: &str) -> Vec<&Offer> {
        let (kinds, words) = match asked(text) {
            Some((Kind::Pull, words)) => (vec![Kind::Pull], words),
            Some((Kind::Issue | Kind::Ticket, words)) => (vec![Kind::Issue, Kind::Ticket], words),
            None if text.contains('\n') || text.trim().len() < MIN_WORDS => return Vec::new(),
            None => (Kind::ALL.to_vec(), text),
        };
        let is_asked = asks(text);
        let lists = kinds.into_iter().filter_map(|kind| self.of(kind)?.as_ref().ok());
        let pattern = Pattern::parse(words, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut chars = Vec::new();
        let mut score = |it: &Offer| {
            let text = format!("{} {} {}", it.name, it.title, it.about);
            pattern.score(Utf32Str::new(&text, &mut chars), &mut matcher)
        };
        let scored = lists.flatten().filter_map(|it| Some((score(it)?, it)));
        let mut best: Vec<(u32, &Offer)> = scored.collect();
        // Without words, the newest first, as the forge lists them.
        best.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        let n = if is_asked { MAX_SHOWN } else { MAX_SHOWN / 2 };
        best.into_iter().map(|(_, it)| it).take(n).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_those_of_other_trackers() {
        let json = br#"[{"source":"github","key":"7","title":"x","url":null,"labels":[],"args":["--github=7"]},
            {"source":"gitlab","key":"8","title":"x","url":null,"labels":[],"args":["--gitlab=8"]},
            {"source":"jira","key":"PROJ-1","title":"Export","url":null,"labels":["a","b"],"args":["--jira=PROJ-1"]}]"#;
        let found = tickets(json);
        assert_eq!(
            (found.len(), found[0].name.as_str(), found[0].about.as_str()),
            (1, "PROJ-1", "a, b")
        );
        assert_eq!(found[0].args, ["--jira=PROJ-1"]);
        assert_eq!(tickets(b"boom"), []);
    }

    #[test]
    fn a_number_is_enough() {
        assert_eq!(number(" #12 "), Some((Kind::Issue, 12)));
        assert_eq!(number("!7"), Some((Kind::Pull, 7)));
        assert_eq!(number("#12 and more"), None);
        assert_eq!(number("12"), None);
    }
}
