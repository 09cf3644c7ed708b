//! Which workers are shown, in which order, and which is selected. Pure.
use std::{cmp::Reverse, collections::BTreeMap};

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};

use super::keys::Wish;
use crate::model::{Worker, WorkerId};

/// The picker's state.
pub(super) struct List {
    /// Workers that need the user first, then the most recent state changes.
    workers: Vec<Worker>,
    /// Workers without a window to go to.
    n_gone: usize,
    query: String,
    /// Indices into `workers` of those that match the query, best first.
    shown: Vec<usize>,
    /// The selected worker stays selected when rows move.
    selected: Option<WorkerId>,
    matcher: Matcher,
}

/// What the caller must do after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Go(Box<Worker>),
    Leave,
}

impl List {
    pub(super) fn new(workers: Vec<Worker>) -> Self {
        let mut list = Self {
            workers: Vec::new(),
            n_gone: 0,
            query: String::new(),
            shown: Vec::new(),
            selected: None,
            matcher: Matcher::new(Config::DEFAULT),
        };
        list.replace(workers);
        list
    }

    pub(super) fn query(&self) -> &str {
        &self.query
    }

    pub(super) fn n_workers(&self) -> usize {
        self.workers.len()
    }

    /// Workers without a window.
    pub(super) fn n_gone(&self) -> usize {
        self.n_gone
    }

    pub(super) fn is_one_project(&self) -> bool {
        self.workers.windows(2).all(|pair| match pair {
            [one, other] => one.repo == other.repo,
            _ => true,
        })
    }

    pub(super) fn n_shown(&self) -> usize {
        self.shown.len()
    }

    /// The workers that match, best first.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Worker> {
        self.shown.iter().filter_map(|at| self.workers.get(*at))
    }

    /// Row of the selected worker among the shown ones.
    pub(super) fn selected(&self) -> usize {
        let id = self.selected.as_ref();
        self.shown().position(|it| Some(&it.id) == id).unwrap_or(0)
    }

    /// Replaces the workers.
    pub(super) fn replace(&mut self, mut workers: Vec<Worker>) {
        workers.retain(|it| it.ended.is_none());
        let n_known = workers.len();
        workers.retain(|it| !it.place.gone);
        self.n_gone = n_known - workers.len();
        workers.sort_by_key(|it| (it.state.word().face().urgency, Reverse(it.state.since())));
        self.workers = workers;
        self.filter();
    }

    /// Updates the known workers. Rows keep their places, so that nothing moves while the user
    /// reads.
    pub(super) fn update(&mut self, known: &BTreeMap<WorkerId, Worker>) {
        for worker in &mut self.workers {
            if let Some(now) = known.get(&worker.id) {
                worker.clone_from(now);
            }
        }
    }

    pub(super) fn handle_wish(&mut self, wish: Wish) -> Next {
        match wish {
            Wish::Leave => return Next::Leave,
            Wish::Choose => {
                let chosen = self.shown().nth(self.selected()).cloned();
                return chosen.map_or(Next::Stay, |it| Next::Go(Box::new(it)));
            }
            Wish::Move(by) => self.select(self.selected().saturating_add_signed(by)),
            Wish::First => self.select(0),
            Wish::Last => self.select(usize::MAX),
            Wish::Type(c) => self.set_query(format!("{}{c}", self.query)),
            Wish::Rub => {
                let mut query = self.query.clone();
                query.pop();
                self.set_query(query);
            }
            Wish::RubWord => {
                let kept = self.query.trim_end().rsplit_once(' ').map_or("", |(kept, _)| kept);
                self.set_query(kept.to_owned());
            }
            Wish::RubAll => self.set_query(String::new()),
        }
        Next::Stay
    }

    /// A new query selects its best match.
    fn set_query(&mut self, query: String) {
        self.query = query;
        self.selected = None;
        self.filter();
    }

    fn select(&mut self, row: usize) {
        let last = self.n_shown().saturating_sub(1);
        let chosen = self.shown().nth(row.min(last)).map(|it| it.id.clone());
        self.selected = chosen;
    }

    fn filter(&mut self) {
        let pattern = Pattern::parse(&self.query, CaseMatching::Ignore, Normalization::Smart);
        let mut found = Vec::new();
        let mut chars = Vec::new();
        for (at, worker) in self.workers.iter().enumerate() {
            let text = searched(worker);
            let score = pattern.score(Utf32Str::new(&text, &mut chars), &mut self.matcher);
            found.extend(score.map(|score| (Reverse(score), at)));
        }
        found.sort_unstable();
        self.shown = found.into_iter().map(|(_, at)| at).collect();
        if self.shown().all(|it| Some(&it.id) != self.selected.as_ref()) {
            self.select(0);
        }
    }
}

/// The text that a query is matched against.
fn searched(worker: &Worker) -> String {
    let (state, agent, title) =
        (worker.state.word(), &worker.agent.name, worker.source.title.as_str());
    format!("{} {} {} {agent} {state} {title}", worker.id, worker.branch, worker.source)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{
        Agent, AgentState, Blocker, DeliveryMode, Kind, PaneId, Place, Placement, Process,
        ServerId, Source, Timestamp, Usage, WindowId, Work, WorkerState,
    };

    pub(in crate::picker) fn worker(
        branch: &str,
        turn: AgentState,
        since: u64,
        title: &str,
    ) -> Worker {
        let mut state = WorkerState::starting(Timestamp(since));
        state.process.value = Process::Running;
        state.turn.value = turn;
        Worker {
            id: WorkerId::for_branch("blog", branch),
            project: "blog".to_owned(),
            repo: "/src/blog/.git".into(),
            worktree: format!("/src/blog.{branch}").into(),
            worktree_gone: false,
            git_dir: format!("/src/blog/.git/worktrees/{branch}").into(),
            branch: branch.to_owned(),
            branch_made: true,
            worktree_made: true,
            base: None,
            source: Source::prompt(title),
            kind: Kind::Implementation,
            agent: Agent {
                name: "claude".to_owned(),
                profile: "claude".to_owned(),
                profile_text: None,
                argv: vec!["claude".to_owned()],
                model: None,
                delivery: DeliveryMode::Ready,
                trust: false,
                resume_at_reset: false,
            },
            placement: Placement::Window,
            place: Place {
                server: ServerId { pid: 1, started: 1 },
                window: WindowId(1),
                pane: PaneId(1),
                pid: None,
                session: None,
                session_name: None,
                boot: Default::default(),
                gone: Default::default(),
            },
            pr: None,
            parent: None,
            parent_pane: None,
            wakes: None,
            created: Timestamp(since),
            state,
            ended: None,
            agent_session: None,
            last_message: None,
            usage: Usage::default(),
            progress: None,
            profile_note: None,
            record: true,
            work: Work::default(),
        }
    }

    pub(in crate::picker) fn workers() -> Vec<Worker> {
        vec![
            worker("github-issue-456", AgentState::Working, 60_000, "Login fails on Safari"),
            worker("github-pr-234", AgentState::Idle, 30_000, "Cache the front page"),
            worker(
                "prompt-tidy-tests",
                AgentState::Blocked(Blocker::Trust),
                90_000,
                "Tidy the tests",
            ),
        ]
    }

    fn shown(list: &List) -> Vec<&str> {
        list.shown().map(|it| it.branch.as_str()).collect()
    }

    fn press(list: &mut List, keys: &str) {
        for c in keys.chars() {
            assert_eq!(list.handle_wish(Wish::Type(c)), Next::Stay);
        }
    }

    #[test]
    fn workers_that_need_the_user_come_first() {
        let list = List::new(workers());
        assert_eq!(shown(&list), ["prompt-tidy-tests", "github-pr-234", "github-issue-456"]);
    }

    #[test]
    fn a_query_finds_by_id_state_agent_and_title() {
        for (query, want) in [
            ("safari", "github-issue-456"),
            ("234", "github-pr-234"),
            ("trust", "prompt-tidy-tests"),
            ("gi456", "github-issue-456"),
        ] {
            let mut list = List::new(workers());
            press(&mut list, query);
            assert_eq!(shown(&list).first(), Some(&want), "{query}");
        }
        let mut list = List::new(workers());
        press(&mut list, "nothing like it");
        assert!(shown(&list).is_empty());
        assert_eq!(list.handle_wish(Wish::Choose), Next::Stay);
        list.handle_wish(Wish::RubAll);
        assert_eq!(shown(&list).len(), 3);
    }

    #[test]
    fn the_selected_worker_stays_selected_when_others_come() {
        let mut list = List::new(workers());
        list.handle_wish(Wish::Move(1));
        let mut more = workers();
        more.push(worker("new", AgentState::Blocked(Blocker::Login), 1, "New"));
        list.replace(more);
        assert_eq!(list.selected(), 2);
        let Next::Go(chosen) = list.handle_wish(Wish::Choose) else { panic!() };
        assert_eq!(chosen.branch, "github-pr-234");
    }

    #[test]
    fn the_selection_stops_at_the_ends() {
        let mut list = List::new(workers());
        list.handle_wish(Wish::Move(-5));
        assert_eq!(list.selected(), 0);
        list.handle_wish(Wish::Move(99));
        assert_eq!(list.selected(), 2);
        list.handle_wish(Wish::First);
        assert_eq!(list.selected(), 0);
    }

    #[test]
    fn a_new_state_shows_where_the_row_is() {
        let mut list = List::new(workers());
        let mut known: BTreeMap<_, _> =
            workers().into_iter().map(|it| (it.id.clone(), it)).collect();
        let id = WorkerId::for_branch("blog", "prompt-tidy-tests");
        known.get_mut(&id).unwrap().state.turn.value = AgentState::Idle;
        list.update(&known);
        assert_eq!(list.shown().next().unwrap().state.word().to_string(), "idle");
    }
}
