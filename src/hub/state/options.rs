//! What status lines show: options of tmux's windows and a few global ones. Pure.
use std::collections::BTreeMap;

use crate::model::{DisplayState, ItemKind, Tone, WindowId};

/// The window that an option is of, or none for a global one; and its name.
type Key = (Option<WindowId>, &'static str);

const STATUS: &str = "@wtmag_status";
const MARK: &str = "@wtmag_mark";
const UNSEEN: &str = "@wtmag_unseen";
const NEEDS: &str = "@wtmag_needs";
const WORKING: &str = "@wtmag_working";
const SUMMARY: &str = "@wtmag_summary";

/// A worker with a window.
pub(super) struct Shown<'a> {
    pub(super) window: WindowId,
    pub(super) state: &'a DisplayState,
    /// The kinds of its items that the user has not seen.
    pub(super) unseen: Vec<ItemKind>,
}

/// What the options say, as far as the hub has set them on this connection.
#[derive(Debug, Default)]
pub(super) struct Options {
    known: BTreeMap<Key, String>,
}

/// An option that is to be set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) window: Option<WindowId>,
    pub(super) name: &'static str,
    pub(super) value: String,
}

impl Options {
    /// Another server, or another connection: what it says is unknown.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// What must be set so that they say this. The options of a window without a worker are emptied.
    pub(super) fn update(&mut self, workers: &[Shown<'_>], n_needs: usize) -> Vec<Setting> {
        let wanted = wanted(workers, n_needs);
        let setting = |(window, name): Key, value| Setting { window, name, value };
        let gone = self.known.keys().filter(|it| !wanted.contains_key(it));
        let cleared = gone.map(|it| setting(*it, String::new()));
        let changed = wanted.iter().filter(|(it, value)| self.known.get(it) != Some(value));
        let changed = changed.map(|(it, value)| setting(*it, value.clone()));
        let all = cleared.chain(changed).collect();
        self.known = wanted;
        all
    }
}

fn wanted(workers: &[Shown<'_>], n_needs: usize) -> BTreeMap<Key, String> {
    let mut all = BTreeMap::new();
    for worker in workers {
        let window = Some(worker.window);
        all.insert((window, STATUS), worker.state.to_string());
        all.insert((window, MARK), mark(worker).to_string());
        let unseen = if worker.unseen.is_empty() { "" } else { "1" };
        all.insert((window, UNSEEN), unseen.to_owned());
    }
    let n_working = workers.iter().filter(|it| it.state.face().tone == Tone::Busy).count();
    all.insert((None, NEEDS), n_needs.to_string());
    all.insert((None, WORKING), n_working.to_string());
    all.insert((None, SUMMARY), summary(n_needs, n_working));
    all
}

/// What needs attention and was not seen comes before the state.
fn mark(worker: &Shown<'_>) -> char {
    let is_done = |it: &ItemKind| *it == ItemKind::Done;
    match worker.unseen.as_slice() {
        [] => worker.state.face().mark,
        kinds if kinds.iter().all(is_done) => '✓',
        _ => '!',
    }
}

/// `2 need you, 3 working`; empty if there is nothing to say.
fn summary(n_needs: usize, n_working: usize) -> String {
    let needs = match n_needs {
        0 => None,
        1 => Some("1 needs you".to_owned()),
        n => Some(format!("{n} need you")),
    };
    let working = (n_working > 0).then(|| format!("{n_working} working"));
    needs.into_iter().chain(working).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AgentState;

    const WORKING_STATE: DisplayState = DisplayState::Turn(AgentState::Working);
    const IDLE: DisplayState = DisplayState::Turn(AgentState::Idle);

    fn shown<'a>(window: u32, state: &'a DisplayState, unseen: &[ItemKind]) -> Shown<'a> {
        Shown { window: WindowId(window), state, unseen: unseen.to_vec() }
    }

    #[test]
    fn a_window_has_the_mark_of_its_state_until_something_unseen_needs_attention() {
        let check = |state, unseen: &[ItemKind], want| {
            assert_eq!(mark(&shown(1, state, unseen)), want);
        };
        check(&WORKING_STATE, &[], '●');
        check(&IDLE, &[], '○');
        check(&IDLE, &[ItemKind::Done], '✓');
        check(&IDLE, &[ItemKind::Done, ItemKind::Question], '!');
        check(&WORKING_STATE, &[ItemKind::Failed], '!');
    }

    #[test]
    fn a_summary_says_only_what_there_is() {
        assert_eq!(summary(0, 0), "");
        assert_eq!(summary(1, 0), "1 needs you");
        assert_eq!(summary(0, 2), "2 working");
        assert_eq!(summary(2, 3), "2 need you, 3 working");
    }

    #[test]
    fn only_what_changed_is_set_and_all_of_it_on_another_connection() {
        let mut options = Options::default();
        let workers = [shown(1, &WORKING_STATE, &[]), shown(2, &IDLE, &[])];
        assert_eq!(options.update(&workers, 0).len(), 9);
        assert_eq!(options.update(&workers, 0), []);
        let rests = [shown(1, &IDLE, &[])];
        let names: Vec<_> = options
            .update(&rests, 1)
            .into_iter()
            .map(|it| (it.window, it.name, it.value))
            .collect();
        let of = |window, name, value: &str| (window, name, value.to_owned());
        assert_eq!(
            names,
            [
                of(Some(WindowId(2)), MARK, ""),
                of(Some(WindowId(2)), STATUS, ""),
                of(Some(WindowId(2)), UNSEEN, ""),
                of(None, NEEDS, "1"),
                of(None, SUMMARY, "1 needs you"),
                of(None, WORKING, "0"),
                of(Some(WindowId(1)), MARK, "○"),
                of(Some(WindowId(1)), STATUS, "idle"),
            ]
        );
        options.forget();
        assert_eq!(options.update(&rests, 1).len(), 6);
    }
}
