//! What a key does to workers: the command that is run, and what is said about it. Pure.
use crate::model::{Ask, ItemId, WorkerId};

/// Something that is done by a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Answer {
        id: WorkerId,
        label: String,
        about: String,
    },
    Send {
        ids: Vec<WorkerId>,
        text: String,
    },
    /// Shows what `land` would do.
    CheckLand {
        ids: Vec<WorkerId>,
    },
    Land {
        ids: Vec<WorkerId>,
        keep: bool,
    },
    Remove {
        ids: Vec<WorkerId>,
        insist: Insist,
    },
    /// Finds the workers whose work is proven to be merged; of every project, or of the current one.
    CheckMerged {
        all: bool,
    },
    Resume {
        ids: Vec<WorkerId>,
    },
    Promote {
        id: WorkerId,
    },
    /// A new agent takes over.
    HandOff {
        id: WorkerId,
        /// The agent; none: the same.
        agent: Option<String>,
        text: String,
    },
    Ack {
        items: Vec<ItemId>,
    },
}

/// What a removal may drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Insist {
    /// Nothing that exists only there.
    No,
    /// The work of exactly this state; a backup is kept.
    Discard(String),
    /// Everything.
    Force,
}

impl Act {
    /// To choose this answer, if the question is still the same.
    pub(super) fn answer(id: &WorkerId, ask: &Ask, label: &str) -> Self {
        let about = if ask.about.is_empty() { &ask.question } else { &ask.about };
        Self::Answer { id: id.clone(), label: label.to_owned(), about: about.clone() }
    }

    /// The command's words after the program and its server.
    pub(super) fn words(&self) -> Vec<String> {
        let words = |verb: &str, ids: &[WorkerId], flags: &[&str]| {
            let ids = ids.iter().map(ToString::to_string);
            let flags = flags.iter().map(|it| (*it).to_owned());
            std::iter::once(verb.to_owned()).chain(ids).chain(flags).collect::<Vec<_>>()
        };
        match self {
            Self::Answer { id, label, about } => {
                let mut all = vec!["answer".to_owned()];
                if !about.is_empty() {
                    all.push(format!("--expect={about}"));
                }
                // After `--` nothing is an option.
                all.extend(["--".to_owned(), id.to_string(), label.clone()]);
                all
            }
            Self::Send { ids, .. } => words("send", ids, &["-"]),
            Self::CheckLand { ids } => words("land", ids, &["--dry-run"]),
            Self::Land { ids, keep: false } => words("land", ids, &["--yes"]),
            Self::Land { ids, keep: true } => words("land", ids, &["--yes", "--keep"]),
            Self::Remove { ids, insist } => {
                let mut all = words("cleanup", ids, &["--yes", "--json"]);
                all.extend(match insist {
                    Insist::No => None,
                    Insist::Discard(state) => Some(format!("--discard={state}")),
                    Insist::Force => Some("--force".to_owned()),
                });
                all
            }
            Self::CheckMerged { all } => {
                let all = if *all { &["--all"][..] } else { &[] };
                words("cleanup", &[], &[&["--merged", "--dry-run", "--json"], all].concat())
            }
            Self::Resume { ids } => words("resume", ids, &[]),
            Self::Promote { id } => words("promote", std::slice::from_ref(id), &[]),
            Self::HandOff { id, agent, text } => {
                let agent = agent.iter().map(|it| format!("--agent={it}"));
                let text = (!text.trim().is_empty()).then(|| "-".to_owned());
                let verb = ["handoff", "--no-wait", id.as_str()].map(str::to_owned);
                verb.into_iter().chain(agent).chain(text).collect()
            }
            Self::Ack { items } => {
                let items = items.iter().map(ToString::to_string);
                ["inbox", "ack"].into_iter().map(str::to_owned).chain(items).collect()
            }
        }
    }

    /// What the command reads from its standard input.
    pub(super) fn input(&self) -> Option<&str> {
        match self {
            Self::Send { text, .. } => Some(text),
            Self::HandOff { text, .. } => {
                Some(text).filter(|it| !it.trim().is_empty()).map(String::as_str)
            }
            Self::Answer { .. }
            | Self::CheckLand { .. }
            | Self::Land { .. }
            | Self::Remove { .. }
            | Self::CheckMerged { .. }
            | Self::Resume { .. }
            | Self::Promote { .. }
            | Self::Ack { .. } => None,
        }
    }

    /// What is said while it runs.
    pub(super) fn progress(&self) -> String {
        match self {
            Self::Answer { id, label, .. } => format!("answering {id}: {label}"),
            Self::Send { ids, .. } => format!("sending to {}", names(ids)),
            Self::CheckLand { ids } => format!("checking {}", names(ids)),
            Self::Land { ids, .. } => format!("landing {}", names(ids)),
            Self::Remove { ids, .. } => format!("removing {}", names(ids)),
            Self::CheckMerged { .. } => "checking which workers are merged".to_owned(),
            Self::Resume { ids } => format!("starting {} again", names(ids)),
            Self::Promote { id } => format!("moving {id} to its own session"),
            Self::HandOff { id, .. } => format!("handing {id} over"),
            Self::Ack { .. } => "acknowledging".to_owned(),
        }
    }
}

/// `a`, or `3 workers`.
pub(super) fn names(ids: &[WorkerId]) -> String {
    match ids {
        [id] => id.to_string(),
        ids => crate::text::count(ids.len(), "worker"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AskKind, FactSource};

    fn ids(names: &[&str]) -> Vec<WorkerId> {
        names.iter().map(|it| it.parse().unwrap()).collect()
    }

    #[test]
    fn an_act_is_a_command() {
        let check = |act: Act, want: &str| assert_eq!(act.words().join(" "), want);
        check(Act::Send { ids: ids(&["a", "b"]), text: "-x".into() }, "send a b -");
        check(Act::Land { ids: ids(&["a"]), keep: true }, "land a --yes --keep");
        check(
            Act::Remove { ids: ids(&["a"]), insist: Insist::Discard("1a2b@/w".into()) },
            "cleanup a --yes --json --discard=1a2b@/w",
        );
        let hand_off = |agent: Option<&str>, text: &str| Act::HandOff {
            id: ids(&["a"]).remove(0),
            agent: agent.map(str::to_owned),
            text: text.to_owned(),
        };
        check(hand_off(None, " "), "handoff --no-wait a");
        check(hand_off(Some("pi"), "first the tests"), "handoff --no-wait a --agent=pi -");
        check(Act::CheckMerged { all: true }, "cleanup --merged --dry-run --json --all");
        check(Act::Ack { items: vec![ItemId(3), ItemId(4)] }, "inbox ack 3 4");
    }

    #[test]
    fn an_answer_names_the_question_that_was_read() {
        let ask = Ask {
            kind: AskKind::Command,
            about: "--force".into(),
            question: "Proceed?".into(),
            choices: Vec::new(),
            source: FactSource::Screen,
        };
        let act = Act::answer(&ids(&["a"])[0], &ask, "-y");
        assert_eq!(act.words(), ["answer", "--expect=--force", "--", "a", "-y"]);
    }
}
