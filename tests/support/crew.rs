//! Workers straight from the hub: a window and an agent each, without a repository or a brief.
//!
//! For tests and benchmarks that need many workers, or programs that are no agents, in a moment.
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use wtmag::{
    client::{Hub, HubLocation},
    model::{
        Agent, Answer, Caller, DeliveryId, DeliveryMode, Event, Hook, HookReport, HubStatus, Kind,
        NewDelivery, NewWorker, PaneId, Placement, Report, ReportKind, Request, Reserve, Room,
        Sample, SessionId, Source, Timestamp, Worker,
    },
    paths::StateDir,
};

use super::{Run, Sandbox, now_ms, programs};

/// A connection to the sandbox's hub.
pub(crate) struct Crew {
    runtime: Runtime,
    hub: Hub,
    worktrees: PathBuf,
    at: HubLocation,
}

/// What a calm fake agent's screens mean. A dialog of its turns has to ask `Go on?`.
pub(crate) const CALM: &str = r#"
name = "calm"
foreground = ["fake-agent"]

[box]
top = '^─{20,}$'
bottom = '^─{20,}$'
prompt = '^> ?'

[[rule]]
state = "working"
in = "above 1"
all = ['esc to interrupt']

[[rule]]
state = "waiting: permission"
all = ['Go on\?']
"#;

/// Where a new worker is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    /// In a session that exists, by its id.
    In(&'a str),
    Alone,
}

impl Crew {
    /// Starts the hub of the sandbox's server if need be.
    #[track_caller]
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        drop(sandbox.wtmag(["hub", "start"]).run().success());
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let at = HubLocation {
            tmux_socket: sandbox.tmux().socket(),
            state: StateDir::at(state_dir(sandbox)),
            runtime: sandbox.path("run/wtmag"),
            program: programs::WTMAG.into(),
            uid: nix::unistd::getuid().as_raw(),
        };
        let hub = runtime.block_on(Hub::connect(&at)).unwrap();
        Self { runtime, hub, worktrees: sandbox.path("src"), at }
    }

    /// Connects again, to a hub that came after.
    #[track_caller]
    pub(crate) fn rejoin(&mut self) {
        self.hub = self.runtime.block_on(Hub::connect(&self.at)).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.hub.hello.pid
    }

    #[track_caller]
    pub(crate) fn ask(&mut self, ask: Request) -> Answer {
        self.runtime.block_on(self.hub.ask(ask)).unwrap()
    }

    /// Like `ask`; if the hub is gone, its successor is asked.
    #[track_caller]
    pub(crate) fn ask_any(&mut self, ask: Request) -> Answer {
        self.runtime.block_on(self.hub.ask_any(ask)).unwrap()
    }

    /// The next event of the subscription.
    pub(crate) fn next_event(&mut self) -> Result<Event, wtmag::client::Error> {
        let event = async { timeout(Duration::from_secs(20), self.hub.event()).await };
        self.runtime.block_on(event).unwrap()
    }

    /// A worker `crew-<name>` that runs `argv`, and the delivery of its bootstrap.
    #[track_caller]
    pub(crate) fn hire(
        &mut self,
        name: &str,
        seen: Seen<'_>,
        argv: &[&str],
    ) -> (Worker, DeliveryId) {
        self.hire_as("generic", name, seen, argv)
    }

    /// The same, with the screens of an agent that is known.
    #[track_caller]
    pub(crate) fn hire_as(
        &mut self,
        profile: &str,
        name: &str,
        seen: Seen<'_>,
        argv: &[&str],
    ) -> (Worker, DeliveryId) {
        self.hire_with((profile, None), name, seen, argv)
    }

    /// A calm fake agent with its own profile, so that its states are reported as soon as those of
    /// a real one; `changes` are those of its scenario.
    #[track_caller]
    pub(crate) fn hire_calm(
        &mut self,
        name: &str,
        seen: Seen<'_>,
        changes: &[&str],
    ) -> (Worker, DeliveryId) {
        self.hire_calm_by(&[], name, seen, changes)
    }

    /// The same, started by other words: a program that runs the agent it is told.
    #[track_caller]
    pub(crate) fn hire_calm_by(
        &mut self,
        before: &[&str],
        name: &str,
        seen: Seen<'_>,
        changes: &[&str],
    ) -> (Worker, DeliveryId) {
        let program = programs::fake_agent();
        let mut argv = [before, &[program.to_str().unwrap()]].concat();
        argv.extend(changes.iter().flat_map(|it| ["--set", it]));
        self.hire_with(("calm", Some(CALM)), name, seen, &argv)
    }

    /// The same by any profile: its name and its text, where it is none that we know.
    #[track_caller]
    pub(crate) fn hire_with(
        &mut self,
        (profile, profile_text): (&str, Option<&str>),
        name: &str,
        seen: Seen<'_>,
        argv: &[&str],
    ) -> (Worker, DeliveryId) {
        let Answer::Reserved(reservation) = self.ask(self.reserve(name, seen)) else {
            panic!("`{name}` was not reservation");
        };
        let agent = Agent {
            name: "fake".into(),
            profile: profile.into(),
            profile_text: profile_text.map(str::to_owned),
            argv: argv.iter().map(|&it| it.to_owned()).collect(),
            model: None,
            delivery: DeliveryMode::Ready,
            trust: false,
            resume_at_reset: false,
        };
        let worktree = self.worktrees.join(name);
        std::fs::create_dir_all(&worktree).unwrap();
        let new = NewWorker {
            id: reservation.id,
            git_dir: worktree.join(".git"),
            worktree,
            branch_made: false,
            worktree_made: true,
            base: None,
            source: Source::prompt(name),
            kind: Kind::Implementation,
            agent,
            pr: None,
            parent: None,
            wakes: None,
            env: Vec::new(),
            launch_env: Vec::new(),
            bootstrap: "hello".into(),
            follows: None,
            resumes: None,
            texts: Vec::new(),
            drops: Vec::new(),
            head: None,
            record: true,
            markers: false,
        };
        let answer = self.ask(Request::Create(Box::new(new)));
        let Answer::Created { worker, delivery, .. } = answer else {
            panic!("`{name}` was not created: {answer:?}")
        };
        (*worker, delivery)
    }

    /// Asks for the place of a worker where a tmux server runs.
    pub(crate) fn reserve(&self, name: &str, seen: Seen<'_>) -> Request {
        let (placement, session) = match seen {
            Seen::In(session) => (Placement::Window, Some(session.parse::<SessionId>().unwrap())),
            Seen::Alone => (Placement::Session, None),
        };
        Request::Reserve(Reserve {
            project: "crew".into(),
            repo: self.worktrees.join(".git"),
            branch: name.into(),
            source_key: None,
            placement,
            caller: Caller { pane: None, session },
            is_served: true,
            resumes: None,
            ends_agent: false,
            room: Room::default(),
            attempt: None,
        })
    }

    /// What the hub says to a request that it does not grant.
    #[track_caller]
    pub(crate) fn refused(&mut self, ask: Request) -> String {
        self.runtime.block_on(self.hub.ask(ask)).unwrap_err().to_string()
    }

    /// Queues a text.
    #[track_caller]
    pub(crate) fn send(&mut self, worker: &Worker, text: &str) {
        let new = NewDelivery {
            worker: worker.id.clone(),
            text: text.to_owned(),
            submit: true,
            interrupt: false,
            file: None,
        };
        let answer = self.ask(Request::Send(new));
        assert!(matches!(answer, Answer::Queued { .. }), "{answer:?}");
    }

    #[track_caller]
    pub(crate) fn status(&mut self) -> HubStatus {
        let Answer::Status(status) = self.ask(Request::Status) else { panic!("no status") };
        *status
    }

    /// A worker without a prompt: its first delivery is withdrawn.
    #[track_caller]
    pub(crate) fn hire_idle(&mut self, name: &str, seen: Seen<'_>, argv: &[&str]) -> Worker {
        let (worker, delivery) = self.hire(name, seen, argv);
        self.take_back(delivery);
        worker
    }

    #[track_caller]
    pub(crate) fn take_back(&mut self, delivery: DeliveryId) {
        let Answer::Done = self.ask(Request::Cancel { delivery }) else {
            panic!("{delivery} went out")
        };
    }

    /// What happened to a worker after event `since`.
    #[track_caller]
    pub(crate) fn events(&mut self, worker: &Worker, since: u64) -> Vec<Event> {
        let worker = Some(worker.id.clone());
        let answer = self.ask(Request::Events { worker, since, limit: 10_000 });
        let Answer::Events { events, .. } = answer else { panic!("{answer:?}") };
        events
    }

    /// So many more events in the log, and nothing else: reports from a pane that is not the worker's.
    #[track_caller]
    pub(crate) fn fill_log(&mut self, worker: &Worker, n: usize) {
        for at in 0..n {
            let hook = Hook::Agent { payload: String::new() };
            let pane = Some(PaneId(99_999));
            let worker = worker.id.clone();
            self.ask(Request::Hook(HookReport { id: format!("fill {at}"), worker, pane, hook }));
        }
    }

    /// So many questions of these workers in the inbox, in turns.
    #[track_caller]
    pub(crate) fn fill_inbox(&mut self, workers: &[Worker], n: usize) {
        for (at, worker) in workers.iter().cycle().take(n).enumerate() {
            let text = format!("Question {at}: keep the redirect of a renamed post, or drop it?");
            self.ask_question(worker, &text);
        }
    }

    /// The worker reports a question.
    #[track_caller]
    pub(crate) fn ask_question(&mut self, worker: &Worker, text: &str) {
        let report = Report {
            kind: ReportKind::Question,
            at: Timestamp(now_ms()),
            text: text.to_owned(),
            options: vec!["Keep it".into(), "Drop it".into()],
            pr: None,
            to: None,
            ancestors: Vec::new(),
        };
        let (worker, pane) = (worker.id.clone(), Some(worker.place.pane));
        let (id, hook) = (format!("{worker} {text}"), Hook::Report(Box::new(report)));
        self.ask(Request::Hook(HookReport { id, worker, pane, hook }));
    }

    /// The number of the newest event of all.
    #[track_caller]
    pub(crate) fn last_event(&mut self) -> u64 {
        let mut newest = 0;
        loop {
            let answer = self.ask(Request::Events { worker: None, since: newest, limit: 1000 });
            let Answer::Events { last, .. } = answer else { panic!("{answer:?}") };
            if last == newest {
                return newest;
            }
            newest = last;
        }
    }

    /// The worker, and the last capture of its screen.
    #[track_caller]
    pub(crate) fn show(&mut self, worker: &Worker) -> (Worker, Option<Sample>) {
        let answer = self.ask(Request::Show { id: worker.id.clone() });
        let Answer::Shown { worker, screen, .. } = answer else { panic!("{answer:?}") };
        (*worker, screen)
    }

    /// What the hub takes the worker for, in one word.
    #[track_caller]
    pub(crate) fn word(&mut self, worker: &Worker) -> String {
        self.show(worker).0.state.word().to_string()
    }
}

/// `wtmag hook claude` as the worker's agent runs it at the end of a turn, when it has said this. Whether the hub that
/// the worker was made by still runs does not matter.
#[track_caller]
pub(crate) fn hook(sandbox: &Sandbox, worker: &Worker, message: &str) -> Run {
    let dir = state_dir(sandbox);
    let about: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join("hub.json")).unwrap()).unwrap();
    let payload = serde_json::json!({
        "hook_event_name": "Stop", "session_id": "s", "last_assistant_message": message,
    });
    let run = sandbox.wtmag_in(&worker.place.pane.to_string(), ["hook", "claude"]);
    run.env("WTMAG_WORKER", worker.id.as_str())
        .env("WTMAG_SOCKET", about["socket"].as_str().unwrap())
        .env("WTMAG_SPOOL", dir.join("spool"))
        .input(payload.to_string())
}

/// The directory of the sandbox's only hub, running or not.
#[track_caller]
pub(crate) fn state_dir(sandbox: &Sandbox) -> PathBuf {
    let only = |dir: &Path| {
        let entries = std::fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
        entries.into_iter().find(|it| it.is_dir()).unwrap()
    };
    only(&only(&sandbox.path("state/wtmag")))
}
