//! The hub's decisions on a virtual clock: no tmux, no store, no sockets.
mod auto_trust;
mod cleanup;
mod deliveries;
pub(super) mod inbox;
mod leaving;
mod limits;
mod linking;
mod listing;
mod looks;
mod moving;
mod pulls;
mod reports;
mod restart;
mod schedules;
mod showing;
mod takeover;
mod waking;

use super::{live_worker::LiveWorker, *};
use crate::model::{
    AgentState, DisplayState, Exit, Hold, Hook, Kind, NewDelivery, NewWorker, Placement,
    RefusalKind, Room, Source, SourceKind, Step,
};
use crate::model::{
    Answer, Caller, Cleanup, DeliveryId, Item, PaneId, Sample, Schedule, ServerId, Version,
    WindowId, Worker, samples,
};
use crate::tmux::{Acted, Created, Link as Shown, ServerInfo, Show};

const PANE: PaneId = PaneId(7);
const PID: u32 = 42;
const WINDOW: WindowId = WindowId(3);
const SESSION: SessionId = SessionId(1);

struct Hub {
    state: HubState,
    start: Instant,
    ms: u64,
    requests: u64,
}

fn setup() -> Setup {
    Setup {
        pid: 1,
        started: Timestamp(0),
        tmux_socket: "/t".into(),
        program: "/bin/wtmag".into(),
        hub_socket: "/h".into(),
        spool: "/s".into(),
        boot: "boot-1".into(),
        zone: TimeZone::UTC,
        settings: Settings::default(),
    }
}

fn linked() -> Linked {
    on_server(ServerId { pid: 10, started: 20 })
}

fn on_server(id: ServerId) -> Linked {
    let (version, version_text) = (Version::new(3, 3, 1), "3.3a".to_owned());
    let (fleet, fleet_name) = (SessionId(0), "wtmag".to_owned());
    let info = ServerInfo { id, version, version_text, fleet, fleet_name };
    Linked { info, env_names: vec!["SSH_AUTH_SOCK".into()] }
}

fn made(session: Option<(SessionId, String)>) -> Created {
    Created { server: linked().info.id, pane: PANE, pid: PID, window: WINDOW, session }
}

fn reserve() -> Reserve {
    Reserve {
        project: "blog".into(),
        repo: "/r/.git".into(),
        branch: "github-issue-456".into(),
        source_key: Some("github-issue-456".into()),
        placement: Placement::Window,
        caller: Caller { pane: Some(PaneId(1)), session: None },
        is_served: false,
        resumes: None,
        ends_agent: false,
        room: Room::default(),
        attempt: None,
    }
}

fn new_worker(id: &WorkerId) -> NewWorker {
    NewWorker {
        id: id.clone(),
        worktree: "/w".into(),
        git_dir: "/r/.git/worktrees/w".into(),
        branch_made: true,
        worktree_made: true,
        base: None,
        source: Source::new(SourceKind::GithubIssue, "456", "", "Bug".into()),
        kind: Kind::Implementation,
        agent: samples::agent(),
        pr: None,
        parent: None,
        wakes: None,
        env: vec![("SSH_AUTH_SOCK".into(), "/ssh".into())],
        launch_env: Vec::new(),
        bootstrap: "Read it.".into(),
        follows: None,
        resumes: None,
        texts: Vec::new(),
        drops: Vec::new(),
        head: None,
        record: true,
        markers: false,
    }
}

/// A claude that shows an empty box.
fn ready_screen() -> Sample {
    let rule = "─".repeat(60);
    let rows = ["Claude Code", "", &rule, "❯\u{a0}", &rule, "  ? for shortcuts"];
    Sample {
        rows: rows.map(str::to_owned).to_vec(),
        command: "claude".into(),
        size: (60, 10),
        cursor: (2, 3),
        ..Sample::default()
    }
}

fn screen_with(text: &str) -> Sample {
    let mut sample = ready_screen();
    sample.rows[3] = format!("❯\u{a0}{text}");
    sample.cursor.0 += u16::try_from(text.len()).unwrap();
    sample
}

impl Hub {
    fn new() -> Self {
        let (mut hub, out) = Self::with(Remembered::default());
        let (missing, after) = (NoConnection::Leave, Duration::ZERO);
        assert!(out.contains(&Effect::Local(LocalEffect::Link { missing, after, known: None })));
        assert_eq!(hub.give(nothing_there()), []);
        hub
    }

    fn with(found: Remembered) -> (Self, Vec<Effect>) {
        let start = Instant::now();
        let now = Now { steady: start, wall: Timestamp(0) };
        let (state, effects) = HubState::start(setup(), found, now);
        (Self { state, start, ms: 0, requests: 0 }, effects)
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.ms)
    }

    fn give(&mut self, input: Input) -> Vec<Effect> {
        let steady = self.now();
        let out = self.state.handle(Now { steady, wall: Timestamp(self.ms) }, input);
        let deadlines = self.state.workers.values().filter_map(LiveWorker::next_deadline);
        assert_eq!(self.state.workers.next(), deadlines.min(), "one was changed unseen");
        out
    }

    fn ask(&mut self, request: Request) -> (RequestId, Vec<Effect>) {
        self.requests += 1;
        let request_id = RequestId { client: 1, number: self.requests };
        (request_id, self.give(Input::Requested { request_id, request }))
    }

    fn after(&mut self, ms: u64) -> &mut Self {
        self.ms += ms;
        self
    }

    /// Connected, with a worker whose window was just made.
    fn with_worker() -> (Self, WorkerId) {
        Self::with_worker_of("claude")
    }

    fn with_worker_of(profile: &str) -> (Self, WorkerId) {
        let mut hub = Self::new();
        let (request_id, out) = hub.ask(Request::Reserve(reserve()));
        assert!(out.contains(&Effect::Local(LocalEffect::Link {
            missing: NoConnection::StartServer,
            after: Duration::ZERO,
            known: None
        })));
        let out = hub.give(Input::Linked(linked()));
        let caller = reserve().caller;
        assert!(
            out.contains(&Effect::Tmux(TmuxEffect::FindSession { request_id, caller })),
            "{out:?}"
        );
        let found = Ok(Some((SESSION, "work".to_owned())));
        let out = hub.give(Input::SessionFound { request_id, found });
        let Some(Answer::Reserved(reservation)) = answer_to(&out, request_id) else {
            panic!("{out:?}")
        };
        let id = reservation.id;
        assert_eq!(id.as_str(), "blog-github-issue-456");
        hub.give(listed(Vec::new()));
        let mut new = new_worker(&id);
        new.agent.profile = profile.into();
        let (request_id, out) = hub.ask(Request::Create(Box::new(new)));
        let Some(Effect::Tmux(TmuxEffect::MakeWindow { window, .. })) = out.last() else {
            panic!("{out:?}")
        };
        assert_eq!(window.show, Show::In { session: SESSION, name: "work".to_owned() });
        let made = Ok(made(Some((SESSION, "work".to_owned()))));
        let out = hub.give(Input::WindowMade { worker: id.clone(), made });
        assert!(matches!(answer_to(&out, request_id), Some(Answer::Created { .. })), "{out:?}");
        (hub, id)
    }

    /// The same, with its agent running and captured once.
    fn with_agent() -> (Self, WorkerId) {
        let (mut hub, id) = Self::with_worker();
        hub.report(&id, Hook::Started);
        hub.after(100);
        (hub, id)
    }

    fn report(&mut self, id: &WorkerId, hook: Hook) -> Vec<Effect> {
        self.requests += 1;
        let report = HookReport {
            id: self.requests.to_string(),
            worker: id.clone(),
            pane: Some(PANE),
            hook,
        };
        self.ask(Request::Hook(report)).1
    }

    /// Advances the clock to the next deadline and answers the captures that the hub then requests.
    fn look(&mut self, id: &WorkerId, screen: &Sample) -> Vec<Effect> {
        let wants = |it: &Effect| matches!(it, Effect::Tmux(TmuxEffect::Look { pane: PANE, .. }));
        // Other deadlines may come first.
        for n in 0.. {
            let Some(next) = self.state.next_deadline() else { return Vec::new() };
            let ms = u64::try_from(next.duration_since(self.start).as_millis()).unwrap();
            self.ms = self.ms.max(ms + 1);
            let out = self.give(Input::Tick);
            if out.iter().any(wants) {
                break;
            }
            assert!(n < 10, "no look at {}: {out:?}", self.ms);
        }
        self.give(Input::Sampled { worker: id.clone(), sample: Ok(screen.clone()) })
    }

    /// Repeats the same screen until the hub acts.
    fn look_until_act(&mut self, id: &WorkerId, screen: &Sample) -> Act {
        for _ in 0..40 {
            let out = self.look(id, screen);
            let act = out.into_iter().find_map(|it| {
                let Effect::Tmux(TmuxEffect::Act { act, .. }) = it else { return None };
                Some(act)
            });
            if let Some(act) = act {
                return act;
            }
        }
        panic!("nothing done: {:?}", self.state.workers[id].newest_delivery());
    }

    fn word(&self, id: &WorkerId) -> DisplayState {
        self.state.workers[id].worker.state.word()
    }

    fn seen(&self, id: &WorkerId, sessions: &[(SessionId, &str)]) -> PaneRow {
        let link = |(session, name): &(SessionId, &str)| {
            let session_name = (*name).to_owned();
            Shown { session: *session, session_name, n_attached: 0, group: None }
        };
        let (worker, links) = (Some(id.to_string()), sessions.iter().map(link).collect());
        PaneRow {
            pane: PANE,
            pid: PID,
            dead: false,
            window: WINDOW,
            worker,
            is_marked: true,
            links,
        }
    }
}

/// The server has these panes and sessions now.
fn listed(panes: Vec<PaneRow>) -> Input {
    listed_at(Instant::now() + Duration::from_secs(86_400), panes)
}

/// A first list without wtmag's windows.
fn nothing_there() -> Input {
    Input::LinkFailed {
        error: "there is no wtmag session on this tmux server".into(),
        no_server: true,
    }
}

fn listed_at(asked: Instant, panes: Vec<PaneRow>) -> Input {
    let sessions = panes.iter().flat_map(|it| &it.links).map(|it| it.session).collect();
    Input::Panes(Ok(Listed { asked, panes, sessions, watched: BTreeSet::new() }))
}

fn answer_to(out: &[Effect], to: RequestId) -> Option<Answer> {
    out.iter().find_map(|effect| {
        let Effect::Reply(request_id, Ok(answer)) = effect else { return None };
        (*request_id == to).then(|| (**answer).clone())
    })
}

fn refusal_to(out: &[Effect], to: RequestId) -> Option<RefusalKind> {
    out.iter().find_map(|effect| {
        let Effect::Reply(request_id, Err(refusal)) = effect else { return None };
        (*request_id == to).then_some(refusal.kind)
    })
}

fn happened(out: &[Effect]) -> Vec<Happened> {
    let events = out.iter().filter_map(|effect| {
        let Effect::Record(Record::Event(event)) = effect else { return None };
        Some(event.what.clone())
    });
    events.collect()
}

#[test]
fn a_worker_is_recorded_before_it_is_announced() {
    let (hub, id) = Hub::with_worker();
    assert_eq!(hub.word(&id), DisplayState::Starting);
    let worker = &hub.state.workers[&id].worker;
    assert_eq!(worker.place.session_name.as_deref(), Some("work"));
}

#[test]
fn a_ready_agent_is_given_its_bootstrap() {
    let (mut hub, id) = Hub::with_agent();
    assert_eq!(hub.look_until_act(&id, &ready_screen()), Act::Paste("Read it.".into()));
    let delivery = DeliveryId(1);
    let done = || Input::Acted { worker: id.clone(), delivery, acted: Ok(Acted::Done) };
    hub.give(done());
    assert_eq!(hub.look_until_act(&id, &screen_with("Read it.")), Act::Enter);
    hub.give(done());
    let mut working = ready_screen();
    working.rows.insert(2, "✳ Pondering… (2s · esc to interrupt)".into());
    working.rows[6] = "  esc to interrupt".into();
    let out = hub.look(&id, &working);
    let accepted = happened(&out)
        .into_iter()
        .any(|it| matches!(it, Happened::Delivery { step: Step::Accepted, .. }));
    assert!(accepted, "{out:?}");
    assert_eq!(hub.state.workers[&id].open_deliveries(), 0);
}

fn cleanup_of(id: &WorkerId) -> Cleanup {
    Cleanup {
        id: id.clone(),
        force: false,
        abandon: false,
        discard: None,
        keep_branch: false,
        env: Vec::new(),
    }
}

fn new_text(worker: &WorkerId, text: &str) -> NewDelivery {
    let text = text.to_owned();
    NewDelivery { worker: worker.clone(), text, submit: true, interrupt: false, file: None }
}

#[test]
fn an_agent_is_interrupted_only_by_a_key_that_is_known() {
    for (profile, want) in [("claude", None), ("generic", Some(RefusalKind::NotNow))] {
        let (mut hub, id) = Hub::with_worker_of(profile);
        let new = NewDelivery { interrupt: true, ..new_text(&id, "Stop.") };
        let (request_id, out) = hub.ask(Request::Send(new));
        assert_eq!(refusal_to(&out, request_id), want, "{profile}: {out:?}");
    }
}

#[test]
fn texts_that_wait_for_one_worker_have_a_bound() {
    let (mut hub, id) = Hub::with_worker();
    let mut refused = Vec::new();
    for n in 0..103 {
        let (request_id, out) = hub.ask(Request::Send(new_text(&id, &format!("text {n}"))));
        refused.extend(refusal_to(&out, request_id));
    }
    // One of them is the bootstrap.
    assert_eq!(refused, [RefusalKind::NotNow; 4]);
    let live = &hub.state.workers[&id];
    assert_eq!(live.open_deliveries(), 100);
    let why = live.full(1).unwrap();
    assert!(why.ends_with("; at most 100 may, with 8 MB in all"), "{why}");
    hub.ask(Request::Cancel { delivery: DeliveryId(50) });
    let (request_id, out) = hub.ask(Request::Send(new_text(&id, "one more")));
    assert_eq!(refusal_to(&out, request_id), None);
}

#[test]
fn the_bell_is_answered_once_per_interval() {
    let (mut hub, id) = Hub::with_agent();
    hub.look(&id, &ready_screen());
    hub.after(10_000).give(Input::Rang(PANE));
    let first = hub.state.next_deadline().unwrap();
    hub.give(Input::Rang(PANE));
    assert_eq!(hub.state.next_deadline().unwrap(), first);
}

#[test]
fn a_live_worker_for_the_same_issue_is_refused_with_its_id() {
    let (mut hub, id) = Hub::with_worker();
    let (request_id, out) = hub.ask(Request::Reserve(reserve()));
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::Exists));
    assert!(format!("{out:?}").contains(id.as_str()));
}

#[test]
fn ids_are_numbered_when_two_projects_have_one_name() {
    let (mut hub, _) = Hub::with_worker();
    let other =
        Reserve { repo: "/elsewhere/.git".into(), placement: Placement::Session, ..reserve() };
    let (request_id, out) = hub.ask(Request::Reserve(other));
    let Some(Answer::Reserved(reservation)) = answer_to(&out, request_id) else {
        panic!("{out:?}")
    };
    assert_eq!(reservation.id.as_str(), "blog-github-issue-456-2");
}

#[test]
fn a_reservation_goes_with_its_client() {
    let mut hub = Hub::new();
    let own = Reserve { placement: Placement::Session, ..reserve() };
    hub.ask(Request::Reserve(own));
    hub.give(Input::Linked(linked()));
    hub.give(listed(Vec::new()));
    let out = hub.give(Input::ClientGone { client: 1 });
    assert!(out.contains(&Effect::Local(LocalEffect::Unlink)), "{out:?}");
}

#[test]
fn a_caller_outside_of_every_session_is_told_what_to_do() {
    let mut hub = Hub::new();
    let (request_id, _) = hub.ask(Request::Reserve(reserve()));
    hub.give(Input::Linked(linked()));
    let out = hub.give(Input::SessionFound { request_id, found: Ok(None) });
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::NotNow));
}

#[test]
fn a_window_that_cannot_be_made_makes_no_worker() {
    let mut hub = Hub::new();
    let own = Reserve { placement: Placement::Session, ..reserve() };
    let (request_id, _) = hub.ask(Request::Reserve(own));
    let out = hub.give(Input::Linked(linked()));
    let Some(Answer::Reserved(reservation)) = answer_to(&out, request_id) else {
        panic!("{out:?}")
    };
    let (request_id, _) = hub.ask(Request::Create(Box::new(new_worker(&reservation.id))));
    let made = Err(NotMade::Refused("duplicate session".to_owned()));
    let out = hub.give(Input::WindowMade { worker: reservation.id.clone(), made });
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::Tmux));
    let (request_id, out) = hub.ask(Request::Release { id: reservation.id });
    assert_eq!(answer_to(&out, request_id), Some(Answer::Released { existed: false }));
}

#[test]
fn a_worker_whose_session_was_closed_goes_on_in_the_fleet() {
    let (mut hub, id) = Hub::with_agent();
    let row = hub.seen(&id, &[]);
    let out = hub.give(listed(vec![row.clone()]));
    assert!(
        out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::Announce { .. }))),
        "{out:?}"
    );
    let out = hub.give(listed(vec![row]));
    assert!(
        !out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::Announce { .. }))),
        "announced once"
    );
    assert_eq!(hub.state.workers[&id].worker.placement, Placement::Fleet);
}

#[test]
fn a_hub_with_nothing_to_do_leaves() {
    let mut hub = Hub::new();
    hub.after(599_000);
    assert_eq!(hub.give(Input::Tick), []);
    let out = hub.after(2_000).give(Input::Tick);
    assert!(matches!(out.as_slice(), [Effect::Leave { .. }]), "{out:?}");
    let (mut busy, _) = Hub::with_worker();
    let out = busy.after(3_600_000).give(Input::Tick);
    assert!(!out.iter().any(|it| matches!(it, Effect::Leave { .. })), "{out:?}");
}
