//! What a worker's state needs attention for, and what that means for its open items. Pure.
use crate::{
    hub::state::live_worker::Stalled,
    model::{
        AgentState, Ask, DisplayState, Exit, Fact, FactSource, Item, ItemId, ItemKind, Need,
        Origin, Process, Question, Timestamp, Worker, WorkerState,
    },
    text::one_line,
};

/// One thing that the state needs attention for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) kind: ItemKind,
    /// Since when; another time is another item.
    pub(super) since: Timestamp,
    pub(super) text: String,
    pub(super) choices: Vec<String>,
}

/// What becomes of the items of one worker that are from its state.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) over: Vec<ItemId>,
    /// The same thing, known better.
    pub(super) clearer: Vec<(ItemId, Wanted)>,
    pub(super) new: Vec<Wanted>,
}

/// What the state needs attention for. `stalled`: its turn has printed nothing for too long.
pub(super) fn wanted(worker: &Worker, stalled: Option<Stalled>) -> Vec<Wanted> {
    let mut all = of_agent(worker, stalled);
    // New commits are another item.
    let open = worker.work.pull.as_ref().filter(|it| it.state.is_open);
    all.extend(open.map(|it| Wanted {
        kind: ItemKind::Review,
        since: it.since,
        text: one_line(&format!("PR {}", it.state), Item::MAX_LINE),
        choices: Vec::new(),
    }));
    all
}

fn of_agent(worker: &Worker, stalled: Option<Stalled>) -> Vec<Wanted> {
    let state = &worker.state;
    let new = |kind, since, text: &str| Wanted {
        kind,
        since,
        text: one_line(text, Item::MAX_LINE),
        choices: Vec::new(),
    };
    let process = &state.process;
    let is_over = matches!(process.value, Process::Exited(_) | Process::Lost(_));
    // Nothing is missed of an agent whose work is landed.
    if is_over && state.landed.is_some() {
        return Vec::new();
    }
    match &process.value {
        Process::Exited(Exit::Code(0)) => {
            return vec![new(ItemKind::Exited, process.since, "the agent ended")];
        }
        Process::Exited(exit) => {
            let text = format!("the agent ended ({exit})");
            return vec![new(ItemKind::Exited, process.since, &text)];
        }
        Process::NotStarted(exit) => {
            let text = format!("the shell ended ({exit}) before it started the agent");
            return vec![new(ItemKind::Exited, process.since, &text)];
        }
        Process::Lost(cause) => {
            return vec![new(ItemKind::Lost, process.since, &cause.to_string())];
        }
        Process::Starting | Process::Running | Process::Other(_) => {}
    }
    let mut all: Vec<Wanted> = of_turn(worker).into_iter().collect();
    if let Some(need) = state.need.as_ref().filter(|_| !state.turn.value.asks()) {
        let kind = match need.value {
            Need::Delivery(_) => Some(ItemKind::Delivery),
            Need::Bell => Some(ItemKind::Bell),
            Need::Other(_) => None,
        };
        all.extend(kind.map(|kind| new(kind, need.since, &need.evidence)));
    }
    all.extend(stalled.map(|it| new(ItemKind::Stalled, it.since, &silent(it, state))));
    all
}

/// What is known of a turn that prints nothing.
fn silent(it: Stalled, state: &WorkerState) -> String {
    let minutes = it.limit.as_secs() / 60;
    let Fact { source, evidence, .. } = &state.turn;
    let is_seen = matches!(source, FactSource::Screen | FactSource::Title);
    let shown =
        if is_seen { format!(", while it still shows `{evidence}`") } else { String::new() };
    match it.told_over {
        true => format!(
            "no output for {minutes}m{shown}, but the agent itself says that the turn is over: look at its window"
        ),
        false => format!("a turn without output for {minutes}m{shown}: look at its window"),
    }
}

fn of_turn(worker: &Worker) -> Option<Wanted> {
    let state = &worker.state;
    let turn = &state.turn;
    let plain = |kind, text: &str| {
        let text = one_line(text, Item::MAX_LINE);
        Wanted { kind, since: turn.since, text, choices: Vec::new() }
    };
    match &turn.value {
        AgentState::Waiting(Question::Permission) => Some(asking(ItemKind::Permission, state)),
        AgentState::Waiting(Question::Question | Question::Other(_)) => {
            Some(asking(ItemKind::Question, state))
        }
        AgentState::Blocked(_) => Some(asking(ItemKind::Blocked, state)),
        AgentState::Failed => Some(plain(ItemKind::Failed, &turn.evidence)),
        AgentState::Limited(_) => {
            let word = DisplayState::Turn(turn.value.clone());
            Some(plain(ItemKind::Limited, &word.to_string()))
        }
        // A report says more than the end of the turn.
        AgentState::Idle if state.settled_report().is_none() => {
            let said = worker.last_message.as_deref().unwrap_or_default();
            Some(plain(ItemKind::Done, said))
        }
        AgentState::Idle
        | AgentState::Unknown
        | AgentState::Ready
        | AgentState::Working
        | AgentState::Retrying
        | AgentState::Draft
        | AgentState::Other(_) => None,
    }
}

/// A dialog: what it asks, and its answers.
fn asking(kind: ItemKind, state: &WorkerState) -> Wanted {
    let word = DisplayState::Turn(state.turn.value.clone());
    let (text, choices) = match &state.asks {
        Some(ask) => (about(ask), ask.choices.iter().map(|it| label(&it.label)).collect()),
        None => (state.turn.evidence.clone(), Vec::new()),
    };
    let text = if kind == ItemKind::Blocked {
        format!("{word}: {text}")
    } else if text.is_empty() {
        word.to_string()
    } else {
        text
    };
    let text = one_line(text.trim_end_matches([':', ' ']), Item::MAX_LINE);
    Wanted { kind, since: state.turn.since, text, choices }
}

fn about(ask: &Ask) -> String {
    let text = if ask.about.is_empty() { &ask.question } else { &ask.about };
    text.clone()
}

pub(super) fn label(text: &str) -> String {
    one_line(text, Item::MAX_LINE)
}

/// Compares the open items of one worker with what its state needs attention for.
pub(super) fn changes(open: &[&Item], wanted: Vec<Wanted>) -> Changes {
    let mut changes = Changes::default();
    let mut left: Vec<&Item> =
        open.iter().copied().filter(|it| it.origin == Origin::State).collect();
    for it in wanted {
        let at = left.iter().position(|item| is_same(item, &it));
        let Some(item) = at.map(|at| left.remove(at)) else {
            changes.new.push(it);
            continue;
        };
        if item.text != it.text || item.choices != it.choices {
            changes.clearer.push((item.id, it));
        }
    }
    // What a newer version has put there stays.
    let is_ours = |it: &&Item| !matches!(it.kind, ItemKind::Other(_));
    changes.over = left.into_iter().filter(is_ours).map(|it| it.id).collect();
    changes
}

/// The same thing, as far as can be told. A dialog that follows another one without a pause is
/// another one if it asks for something else; one that becomes known better is the same.
fn is_same(item: &Item, wanted: &Wanted) -> bool {
    let is_dialog = matches!(wanted.kind, ItemKind::Permission | ItemKind::Question);
    let was_known = !item.choices.is_empty();
    let is_other = is_dialog && was_known && !is_refined(&item.text, &wanted.text);
    item.kind == wanted.kind && item.at == wanted.since && !is_other
}

/// One is the beginning of the other, but for an ellipsis.
fn is_refined(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim_end_matches('…'), other.trim_end_matches('…'));
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AskKind, Blocker, Choice, DeliveryId, EndCause, Limit, Reported};

    fn worker(turn: AgentState) -> Worker {
        let mut worker = crate::hub::state::tests::inbox::plain_worker("a");
        worker.state.process.value = Process::Running;
        worker.state.turn = fact(turn, 7);
        worker
    }

    fn fact<T>(value: T, since: u64) -> Fact<T> {
        let (since, source) = (Timestamp(since), FactSource::Screen);
        Fact { value, since, source, evidence: "seen".into() }
    }

    fn ask(about: &str, labels: &[&str]) -> Ask {
        let choice = |it: &&str| Choice { label: (*it).to_owned(), selected: false };
        Ask {
            kind: AskKind::Command,
            about: about.into(),
            question: "Do you want to proceed?".into(),
            choices: labels.iter().map(choice).collect(),
            source: FactSource::Screen,
        }
    }

    #[track_caller]
    fn check(worker: &Worker, want: &[(ItemKind, &str)]) {
        let all = wanted(worker, None);
        let found: Vec<_> = all.iter().map(|it| (it.kind, it.text.as_str())).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn a_state_needs_attention_or_not() {
        for turn in [
            AgentState::Unknown,
            AgentState::Ready,
            AgentState::Working,
            AgentState::Retrying,
            AgentState::Draft,
        ] {
            check(&worker(turn), &[]);
        }
        check(&worker(AgentState::Failed), &[(ItemKind::Failed, "seen")]);
        check(&worker(AgentState::Idle), &[(ItemKind::Done, "")]);
        let limit = Limit { clock: "15:00".into(), ..Limit::default() };
        let limited = worker(AgentState::Limited(limit));
        check(&limited, &[(ItemKind::Limited, "limited: until 15:00")]);
        let mut asks = worker(AgentState::Waiting(Question::Permission));
        check(&asks, &[(ItemKind::Permission, "seen")]);
        asks.state.asks = Some(ask("npm test\x1b[2J", &["Yes", "No"]));
        check(&asks, &[(ItemKind::Permission, "npm test")]);
        assert_eq!(wanted(&asks, None)[0].choices, ["Yes", "No"]);
        let trust = worker(AgentState::Blocked(Blocker::Trust));
        check(&trust, &[(ItemKind::Blocked, "blocked: trust: seen")]);
    }

    #[test]
    fn an_agent_that_is_gone_needs_attention_for_that_alone() {
        let mut gone = worker(AgentState::Waiting(Question::Permission));
        gone.state.need = Some(fact(Need::Bell, 3));
        for (process, want) in [
            (Process::Exited(Exit::Code(3)), (ItemKind::Exited, "the agent ended (3)")),
            (Process::Lost(EndCause::ServerGone), (ItemKind::Lost, "tmux server gone")),
        ] {
            gone.state.process = fact(process, 9);
            check(&gone, &[want]);
        }
    }

    #[test]
    fn a_report_stands_for_the_end_of_the_turn_and_a_dialog_for_a_stuck_text() {
        let mut done = worker(AgentState::Idle);
        done.last_message = Some("All\ngreen.".into());
        check(&done, &[(ItemKind::Done, "All green.")]);
        done.state.reported = Some(fact(Reported::Question, 5));
        check(&done, &[]);
        done.state.need = Some(fact(Need::Delivery(DeliveryId(1)), 5));
        check(&done, &[(ItemKind::Delivery, "seen")]);
        done.state.turn.value = AgentState::Waiting(Question::Question);
        check(&done, &[(ItemKind::Question, "seen")]);
    }

    #[test]
    fn a_turn_that_stalled_says_what_is_known_of_it() {
        let mut working = worker(AgentState::Working);
        let mut check = |told_over, source, want: &str| {
            working.state.turn.source = source;
            let limit = std::time::Duration::from_secs(600);
            let stalled = wanted(&working, Some(Stalled { since: Timestamp(9), limit, told_over }));
            let found: Vec<_> = stalled.iter().map(|it| (it.kind, it.text.as_str())).collect();
            assert_eq!(found, [(ItemKind::Stalled, want)]);
        };
        let (screen, hook) = (FactSource::Screen, FactSource::Hook);
        check(false, hook, "a turn without output for 10m: look at its window");
        check(
            false,
            screen,
            "a turn without output for 10m, while it still shows `seen`: look at its window",
        );
        check(
            true,
            screen,
            "no output for 10m, while it still shows `seen`, but the agent itself says that the turn is \
             over: look at its window",
        );
    }

    fn item(id: u64, wanted: &Wanted) -> Item {
        Item {
            id: ItemId(id),
            text: wanted.text.clone(),
            choices: wanted.choices.clone(),
            ..Item::new("a".parse().unwrap(), wanted.kind, Origin::State, wanted.since)
        }
    }

    fn dialog(since: u64, about: &str, labels: &[&str]) -> Wanted {
        let mut worker = worker(AgentState::Waiting(Question::Permission));
        worker.state.turn.since = Timestamp(since);
        worker.state.asks = (!about.is_empty()).then(|| ask(about, labels));
        wanted(&worker, None).remove(0)
    }

    #[test]
    fn an_item_lasts_as_long_as_what_it_is_about() {
        let (unread, first) = (dialog(1, "", &[]), dialog(1, "npm test", &["Yes"]));
        let (longer, other) =
            (dialog(1, "npm test --all", &["Yes"]), dialog(1, "rm -rf x", &["Yes"]));
        let later = dialog(2, "npm test", &["Yes"]);
        let of = |known: &Wanted, now: &[&Wanted]| {
            let item = item(4, known);
            let it = changes(&[&item], now.iter().map(|it| (*it).clone()).collect());
            (it.over.len(), it.clearer.len(), it.new.len())
        };
        assert_eq!(of(&first, &[&first]), (0, 0, 0));
        assert_eq!(of(&unread, &[&first]), (0, 1, 0));
        assert_eq!(of(&first, &[&longer]), (0, 1, 0));
        assert_eq!(of(&first, &[&other]), (1, 0, 1));
        assert_eq!(of(&first, &[&later]), (1, 0, 1));
        assert_eq!(of(&first, &[]), (1, 0, 0));
        let message = Item { origin: Origin::Message, ..item(4, &first) };
        assert_eq!(changes(&[&message], Vec::new()), Changes::default());
    }
}
