//! What is planned for a time, on a virtual clock: across restarts, reboots and clocks that are set.
use proptest::{collection::vec, prelude::*, test_runner::Config};

use super::{inbox::at_rest, *};
use crate::model::{Addressee, Deed, InboxQuery, ItemKind, Plan, ScheduleId, When};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn send(to: Addressee, text: &str, first: u64, when: When) -> Plan {
    let deed = Deed::Send { text: text.into(), file: None, submit: true, interrupt: false };
    Plan { first: Timestamp(first), when, to, deed, repo: Some("/r/.git".into()) }
}

fn worker(id: &WorkerId) -> Addressee {
    Addressee::Worker { id: id.clone() }
}

fn cron(expr: &str) -> When {
    When::Cron { expr: expr.into(), zone: None }
}

fn plan(hub: &mut Hub, plan: Plan) -> Schedule {
    let (request_id, out) = hub.ask(Request::Schedule(Box::new(plan)));
    let Some(Answer::Scheduled { schedule }) = answer_to(&out, request_id) else {
        panic!("{out:?}")
    };
    *schedule
}

fn planned(hub: &mut Hub) -> Vec<Schedule> {
    let (request_id, out) = hub.ask(Request::Schedules);
    let Some(Answer::Schedules { schedules }) = answer_to(&out, request_id) else {
        panic!("{out:?}")
    };
    schedules
}

/// The texts that were queued.
fn queued(out: &[Effect]) -> Vec<String> {
    let texts = out.iter().filter_map(|it| {
        let Effect::Record(Record::Delivery(it)) = it else { return None };
        let is_new = it.step == Step::Queued && it.held != Some(Hold::Disconnected);
        is_new.then(|| it.text.clone())
    });
    texts.collect()
}

fn failures(hub: &mut Hub) -> Vec<String> {
    let (request_id, out) = hub.ask(Request::Inbox(InboxQuery::default()));
    let Some(Answer::Items { items, .. }) = answer_to(&out, request_id) else { panic!("{out:?}") };
    let failed = items.into_iter().filter(|it| it.kind == ItemKind::Schedule);
    failed.map(|it| format!("{}: {}", it.worker, it.text)).collect()
}

#[test]
fn a_text_is_sent_at_its_time_and_once() {
    let (mut hub, id) = at_rest();
    let due = hub.ms + HOUR;
    let schedule = plan(&mut hub, send(worker(&id), "go on", due, When::Once));
    assert_eq!(schedule.id, ScheduleId(1));
    let next = hub.state.schedules.next().unwrap();
    assert_eq!(next, hub.start + Duration::from_millis(due));
    let out = hub.after(HOUR - 1).give(Input::Tick);
    assert_eq!(queued(&out), Vec::<String>::new());
    let out = hub.after(1).give(Input::Tick);
    assert_eq!(queued(&out), ["go on"]);
    // The text and its time are one batch of records.
    let over = out.iter().find_map(|it| {
        let Effect::Record(Record::Schedule(it)) = it else { return None };
        it.over
    });
    assert_eq!(over, Some(Timestamp(due)));
    assert_eq!(queued(&hub.after(DAY).give(Input::Tick)), Vec::<String>::new());
    assert!(planned(&mut hub).is_empty() && failures(&mut hub).is_empty());
}

#[test]
fn what_is_overdue_is_sent_once_and_says_so() {
    let (mut hub, id) = at_rest();
    let due = hub.ms + HOUR;
    plan(&mut hub, send(worker(&id), "merge", due, cron("0 * * * *")));
    let out = hub.after(2 * DAY).give(Input::Tick);
    let texts = queued(&out);
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].starts_with("merge (wtmag: due at 1970-01-01 "), "{texts:?}");
    let next = planned(&mut hub)[0].next.unwrap();
    assert!(next.0 > hub.ms && next.0 <= hub.ms + HOUR && next.0.is_multiple_of(HOUR), "{next}");
}

#[test]
fn a_target_that_is_gone_fails_into_the_inbox() {
    let (mut hub, id) = at_rest();
    let due = hub.ms + HOUR;
    plan(&mut hub, send(worker(&id), "one", due, cron("0 * * * *")));
    plan(&mut hub, send(Addressee::ParentOf { id: id.clone() }, "two", due, When::Once));
    plan(
        &mut hub,
        Plan {
            repo: Some("/other".into()),
            ..send(Addressee::Orchestrator, "three", due, When::Once)
        },
    );
    hub.state.workers.remove(&id);
    hub.after(HOUR).give(Input::Tick);
    let failed = failures(&mut hub);
    assert_eq!(failed.len(), 3, "{failed:?}");
    let removed = format!("{id}: schedule 1: the worker `{id}` was removed: one");
    assert_eq!(failed[0], removed);
    assert!(
        failed[2]
            .starts_with("schedule-3: schedule 3: there is no live agent that is the orchestrator")
    );
    assert!(planned(&mut hub).is_empty(), "an hourly one would fail for ever");
    // One that cannot be sent to is refused at once.
    let (request_id, out) =
        hub.ask(Request::Schedule(Box::new(send(worker(&id), "x", due, When::Once))));
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::NotFound));
}

#[test]
fn an_agent_that_has_ended_fails_once_in_the_inbox_until_it_is_back() {
    let (mut hub, id) = at_rest();
    let due = hub.ms + HOUR;
    plan(&mut hub, send(worker(&id), "go on", due, cron("0 * * * *")));
    hub.report(&id, Hook::Exited { exit: Exit::Code(0), started: true });
    for _ in 0..5 {
        hub.after(HOUR).give(Input::Tick);
    }
    let failed = failures(&mut hub);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("the agent of") && failed[0].ends_with("go on"), "{failed:?}");
    assert_eq!(planned(&mut hub)[0].fired, 5);
}

#[test]
fn one_that_is_cancelled_does_not_fire() {
    let (mut hub, id) = at_rest();
    let due = hub.ms + HOUR;
    let schedule = plan(&mut hub, send(worker(&id), "go on", due, When::Once));
    let cancel = || Request::CancelSchedule { id: schedule.id };
    let (request_id, out) = hub.ask(cancel());
    assert_eq!(answer_to(&out, request_id), Some(Answer::Done));
    assert_eq!(queued(&hub.after(DAY).give(Input::Tick)), Vec::<String>::new());
    let (request_id, out) = hub.ask(cancel());
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::NotFound));
}

#[test]
fn the_hub_stays_while_something_is_planned() {
    let mut hub = Hub::new();
    let to = Addressee::Orchestrator;
    let schedule = plan(&mut hub, send(to, "x", 10 * DAY, When::Once));
    let out = hub.after(DAY).give(Input::Tick);
    assert!(!out.iter().any(|it| matches!(it, Effect::Leave { .. })), "{out:?}");
    assert!(hub.state.watches_the_clock());
    hub.ask(Request::CancelSchedule { id: schedule.id });
    let out = hub.after(DAY).give(Input::Tick);
    assert!(out.iter().any(|it| matches!(it, Effect::Leave { .. })), "{out:?}");
}

/// The parent is an agent in a pane without a worker.
#[test]
fn a_text_for_a_pane_waits_until_its_agent_listens() {
    let (mut hub, id) = at_rest();
    let due = hub.ms + HOUR;
    let to = Addressee::ParentOf { id: id.clone() };
    plan(&mut hub, send(to, "look at the list", due, cron("0 * * * *")));
    let mut screen = ready_screen();
    hub.after(HOUR);
    screen.command = "bash".into();
    assert_eq!(waking::play(&mut hub, &id, &screen, 10_000), None);
    assert!(planned(&mut hub)[0].open.is_some());
    let (delivery, act) = waking::play(&mut hub, &id, &ready_screen(), 60_000).unwrap();
    assert!(matches!(&act, Act::Paste(text) if text.starts_with("look at the list")), "{act:?}");
    assert_eq!(planned(&mut hub)[0].open.as_ref().unwrap().delivery, Some(delivery));
    // The hub is killed before the text is typed: the next one sends it.
    let mut found = restart::remembered(&hub, &id);
    found.schedules = planned(&mut hub);
    let guest = waking::guest();
    found.deliveries.push(hub.state.live_mut(&guest).unwrap().newest_delivery().unwrap().clone());
    let (typed, mut untyped) = (found.deliveries.len() - 1, found);
    untyped.deliveries[typed].steps.retain(|it| it.step < Step::Pasting);
    untyped.deliveries[typed].step = Step::Ready;
    let (mut next, _) = Hub::with(untyped);
    assert_eq!(planned(&mut next)[0].open.as_ref().unwrap().delivery, None);
}

/// What a store keeps, as it is on the disk.
#[derive(Default)]
struct Disk {
    schedules: BTreeMap<ScheduleId, Schedule>,
    items: BTreeMap<u64, Item>,
    last_seq: u64,
    last_delivery: u64,
    worker: Option<Worker>,
    /// Each text that was queued or failed, with the time that it was due.
    fired: Vec<(ScheduleId, Timestamp)>,
    texts: BTreeMap<DeliveryId, String>,
}

impl Disk {
    /// One batch: all of it or nothing.
    fn write(&mut self, out: &[Effect]) {
        for effect in out {
            let Effect::Record(record) = effect else { continue };
            match record {
                Record::Schedule(new) => {
                    let known = self.schedules.insert(new.id, (**new).clone());
                    if let Some(known) = known.filter(|it| it.fired < new.fired) {
                        self.fired.push((new.id, known.next.unwrap()));
                    }
                }
                Record::Delivery(it) => {
                    self.last_delivery = self.last_delivery.max(it.id.0);
                    self.texts.insert(it.id, it.text.clone());
                }
                Record::Item(it) => {
                    self.items.insert(it.id.0, (**it).clone());
                }
                Record::Event(it) => self.last_seq = it.seq,
                Record::Worker(it) => self.worker = Some((**it).clone()),
                Record::Cleanup(_)
                | Record::CleanupOver(_)
                | Record::MarkerCleared { .. }
                | Record::Run(_) => {}
            }
        }
    }

    fn read(&self) -> Remembered {
        Remembered {
            workers: self.worker.iter().cloned().collect(),
            items: self.items.values().filter(|it| it.is_open()).cloned().collect(),
            last_item: self.items.keys().next_back().copied().unwrap_or_default(),
            schedules: self.schedules.values().filter(|it| it.over.is_none()).cloned().collect(),
            last_schedule: self.schedules.keys().next_back().map_or(0, |it| it.0),
            last_seq: self.last_seq,
            last_delivery: self.last_delivery,
            ..Remembered::default()
        }
    }
}

#[derive(Clone, Debug)]
enum Fate {
    /// Time passes.
    Pass(u64),
    /// The clock is set, by so many milliseconds.
    Set(i64),
    /// The hub is killed, before or after what it just did is written.
    Kill { written: bool },
    /// The machine is started again.
    Reboot,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let one = prop_oneof![
        4 => (0..8 * HOUR).prop_map(Fate::Pass),
        2 => (0..4 * DAY).prop_map(|it| Fate::Set(i64::try_from(it).unwrap() - 2 * i64::try_from(DAY).unwrap())),
        3 => any::<bool>().prop_map(|written| Fate::Kill { written }),
        1 => Just(Fate::Reboot),
    ];
    vec(one, 40)
}

/// A hub, its disk, and both clocks.
struct World {
    hub: Hub,
    disk: Disk,
    id: WorkerId,
    /// How far the wall clock is from the steady one.
    off: i64,
    boots: u64,
}

impl World {
    fn new() -> Self {
        let (mut hub, id) = at_rest();
        let mut disk =
            Disk { worker: Some(hub.state.workers[&id].worker.clone()), ..Disk::default() };
        disk.last_delivery = 100;
        hub.after(10 * DAY);
        Self { hub, disk, id, off: 0, boots: 0 }
    }

    fn wall(&self) -> Timestamp {
        Timestamp(self.hub.ms.checked_add_signed(self.off).unwrap())
    }

    fn give(&mut self, input: Input) -> Vec<Effect> {
        let now = Now { steady: self.hub.now(), wall: self.wall() };
        self.hub.state.handle(now, input)
    }

    /// The next hub starts and looks at its windows.
    fn start(&mut self) {
        let mut setup = setup();
        setup.boot = format!("boot-{}", self.boots);
        let now = Now { steady: self.hub.now(), wall: self.wall() };
        let (state, out) = HubState::start(setup, self.disk.read(), now);
        self.hub.state = state;
        self.disk.write(&out);
        let linked =
            if self.boots == 0 { linked() } else { on_server(ServerId { pid: 77, started: 7 }) };
        let out = self.give(Input::Linked(linked));
        self.disk.write(&out);
        let rows = if self.boots == 0 { vec![self.hub.seen(&self.id, &[])] } else { Vec::new() };
        let out = self.give(listed(rows));
        self.disk.write(&out);
        // The first screens are given up.
        self.hub.after(4_000);
        let out = self.give(Input::Tick);
        self.disk.write(&out);
    }

    fn suffer(&mut self, fate: &Fate) {
        match fate {
            Fate::Pass(ms) => {
                self.hub.after(*ms);
                let out = self.give(Input::Tick);
                self.disk.write(&out);
            }
            Fate::Set(by) => {
                self.off = (self.off + by).max(-5 * i64::try_from(DAY).unwrap());
                let out = self.give(Input::Tick);
                self.disk.write(&out);
            }
            Fate::Kill { written } => {
                let out = self.give(Input::Tick);
                if *written {
                    self.disk.write(&out);
                }
                self.start();
            }
            Fate::Reboot => {
                self.boots += 1;
                self.start();
            }
        }
    }
}

/// Each schedule fires once for each of its times: by what is on the disk, whatever happens to the hub,
/// the machine and its clock.
fn check(fates: &[Fate]) {
    let mut world = World::new();
    let now = world.wall().0;
    let target = worker(&world.id);
    let plans = [
        send(target.clone(), "once soon", now + HOUR, When::Once),
        send(target.clone(), "once later", now + 3 * DAY, When::Once),
        send(target.clone(), "daily", now - now % DAY + DAY, cron("0 0 * * *")),
        send(target, "every six hours", now - now % DAY + DAY, cron("0 */6 * * *")),
    ];
    for plan in plans {
        let out = world.hub.ask(Request::Schedule(Box::new(plan))).1;
        world.disk.write(&out);
    }
    fates.iter().for_each(|fate| world.suffer(fate));
    // In the end the clock is right and time passes.
    world.off = 0;
    world.suffer(&Fate::Pass(20 * DAY));
    let times = |n: u64| -> Vec<Timestamp> {
        let of_it = world.disk.fired.iter().filter(|(id, _)| *id == ScheduleId(n));
        of_it.map(|(_, due)| *due).collect()
    };
    assert_eq!((times(1).len(), times(2).len()), (1, 1), "{:?}", world.disk.fired);
    for n in [3, 4] {
        let times = times(n);
        assert!(times.windows(2).all(|it| it[0] < it[1]), "{times:?}");
        assert!(!times.is_empty());
    }
    // Each was queued or is told to have failed, in the batch in which it fired.
    let n_queued = |text: &str| world.disk.texts.values().filter(|it| it.starts_with(text)).count();
    let has_failed = |text: &str| world.disk.items.values().any(|it| it.text.ends_with(text));
    for text in ["once soon", "once later"] {
        assert_eq!(n_queued(text) + usize::from(has_failed(text)), 1, "{text}");
    }
}

#[test]
fn each_time_fires_once_whatever_happens_to_the_hub_and_the_clock() {
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    proptest!(config, |(fates in fates())| check(&fates));
}
