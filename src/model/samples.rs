//! Made-up workers and deliveries for tests.
mod day;

pub(crate) use day::{assert_short, day};

use super::{
    Agent, Base, Caller, Checks, Delivery, DeliveryId, DeliveryMode, Kind, NewTask, OnFail, PaneId,
    Place, Placement, PullState, Review, Run, RunId, RunOrder, ServerId, Source, SourceKind, Step,
    StepAt, Timestamp, Usage, WindowId, Work, Worker, WorkerState,
};

/// 2026-11-20T22:40:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_214_400_000);

pub(crate) fn worker(id: &str) -> Worker {
    Worker {
        id: id.parse().unwrap(),
        project: "blog".into(),
        repo: "/src/blog/.git".into(),
        worktree: format!("/src/blog.{id}").into(),
        worktree_gone: false,
        git_dir: format!("/src/blog/.git/worktrees/{id}").into(),
        branch: "github-issue-456".into(),
        branch_made: true,
        worktree_made: true,
        base: Some(Base { name: "main".into(), sha: "1a2b3c4d".repeat(5), fresh: true }),
        source: Source::new(
            SourceKind::GithubIssue,
            "456",
            "https://github.com/acme/blog/issues/456",
            "Fix the title".into(),
        ),
        kind: Kind::Implementation,
        agent: agent(),
        placement: Placement::Window,
        place: Place {
            server: ServerId { pid: 7, started: 1 },
            window: WindowId(4),
            pane: PaneId(9),
            pid: Some(42),
            session: None,
            session_name: Some("main".into()),
            boot: String::new(),
            gone: false,
        },
        pr: None,
        parent: None,
        parent_pane: None,
        wakes: None,
        created: NOW,
        follows: None,
        state: WorkerState::starting(NOW),
        ended: None,
        agent_session: None,
        last_message: None,
        usage: Usage::default(),
        progress: None,
        profile_note: None,
        record: true,
        markers: false,
        work: Work::default(),
    }
}

pub(crate) fn agent() -> Agent {
    Agent {
        name: "claude".into(),
        profile: "claude".into(),
        profile_text: None,
        argv: vec!["claude".into()],
        model: None,
        delivery: DeliveryMode::Ready,
        trust: false,
        resume_at_reset: false,
    }
}

/// An open pull request whose checks have passed.
pub(crate) fn pull_state(number: u64) -> PullState {
    PullState {
        url: format!("https://github.com/acme/blog/pull/{number}"),
        number,
        head: "a".repeat(40),
        base: "main".into(),
        is_open: true,
        is_merged: false,
        is_draft: false,
        merge_commit: None,
        review: Review::None,
        checks: Checks::Passed,
    }
}

/// A run of tasks with these titles, of which so many may be at work.
pub(crate) fn run(id: u64, titles: &[&str], jobs: usize) -> Run {
    let order = RunOrder {
        project: "blog".into(),
        repo: "/r/.git".into(),
        dir: "/r".into(),
        caller: Caller::default(),
        server: None,
        parent: None,
        jobs,
        timeout_ms: None,
        on_fail: OnFail::Continue,
        land: None,
        parallel: false,
        env: Vec::new(),
    };
    let task = |it: &&str| NewTask { title: (*it).into(), args: Vec::new() };
    Run::new(RunId(id), Timestamp(0), order, titles.iter().map(task).collect())
}

pub(crate) fn delivery(id: u64, worker: &str, step: Step) -> Delivery {
    let at = |step, millis| StepAt { step, at: Timestamp(NOW.0 + millis) };
    let taken = [
        at(Step::Queued, 0),
        at(Step::Ready, 2900),
        at(Step::Pasting, 2901),
        at(Step::Pasted, 2905),
        at(Step::Echoed, 3060),
        at(Step::Entering, 3061),
        at(Step::Accepted, 3210),
    ];
    Delivery {
        id: DeliveryId(id),
        worker: worker.parse().unwrap(),
        text: "Read ./.wtmag/prompt.md and use it as the full task brief.".into(),
        file: None,
        mode: DeliveryMode::Ready,
        submit: true,
        interrupt: false,
        step,
        held: None,
        evidence: if step == Step::Accepted { "the turn started".into() } else { String::new() },
        steps: taken.into_iter().filter(|it| it.step <= step).collect(),
        stuck: None,
        shown_before: None,
        news: false,
        marks_pane: false,
    }
}
