//! The store against a real SQLite file.
use super::*;
use crate::model::{
    Agent, DeliveryMode, Happened, Kind, PaneId, Place, Placement, ServerId, Source, Step,
    Timestamp, WindowId, WorkerState,
};

fn worker(id: &str) -> Worker {
    Worker {
        id: id.parse().unwrap(),
        project: "blog".into(),
        repo: "/r/.git".into(),
        worktree: "/w".into(),
        worktree_gone: false,
        git_dir: "/r/.git/worktrees/w".into(),
        branch: "b".into(),
        branch_made: true,
        worktree_made: true,
        base: None,
        source: Source::Prompt { title: "t".into() },
        kind: Kind::Implementation,
        agent: Agent {
            name: "pi".into(),
            profile: "pi".into(),
            profile_text: None,
            argv: vec!["pi".into()],
            model: None,
            delivery: DeliveryMode::Ready,
            trust: false,
        },
        placement: Placement::Window,
        place: Place {
            server: ServerId { pid: 1, started: 2 },
            window: WindowId(3),
            pane: PaneId(4),
            session: None,
            session_name: None,
            boot: String::new(),
            gone: false,
        },
        pr: None,
        parent: None,
        created: Timestamp(5),
        state: WorkerState::starting(Timestamp(5)),
        ended: None,
        agent_session: None,
        last_message: None,
        record: true,
    }
}

fn delivery(id: u64, worker: &str, step: Step) -> Delivery {
    Delivery {
        id: DeliveryId(id),
        worker: worker.parse().unwrap(),
        text: "x".into(),
        file: None,
        mode: DeliveryMode::Ready,
        submit: true,
        interrupt: false,
        step,
        held: None,
        evidence: String::new(),
        steps: Vec::new(),
        shown_before: None,
    }
}

fn event(seq: u64, worker: &str) -> Event {
    let worker = Some(worker.parse().unwrap());
    Event { seq, at: Timestamp(seq), worker, what: Happened::Created }
}

#[test]
fn what_was_written_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub.db");
    let mut store = Store::open(&path).unwrap();
    let mut gone = worker("gone");
    gone.ended = Some(Timestamp(9));
    let records = [
        Record::Worker(Box::new(worker("a"))),
        Record::Worker(Box::new(worker("gone"))),
        Record::Worker(Box::new(gone.clone())),
        Record::Delivery(Box::new(delivery(1, "a", Step::Accepted))),
        Record::Delivery(Box::new(delivery(2, "a", Step::Queued))),
        Record::Event(event(1, "a")),
        Record::Event(event(2, "gone")),
    ];
    store.write(&records).unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    let found = store.load().unwrap();
    assert_eq!(found.workers, [worker("a")]);
    assert_eq!(found.deliveries, [delivery(2, "a", Step::Queued)]);
    assert_eq!((found.last_seq, found.last_delivery), (2, 2));
    assert_eq!(store.ended().unwrap(), [gone]);
    assert_eq!(store.events(None, 0, 10).unwrap(), [event(1, "a"), event(2, "gone")]);
    assert_eq!(store.events(None, 1, 10).unwrap(), [event(2, "gone")]);
    let a = "a".parse().unwrap();
    assert_eq!(store.events(Some(&a), 0, 10).unwrap(), [event(1, "a")]);
    assert_eq!(store.receipts(Some(&a)).unwrap().len(), 2);
}

#[test]
fn an_id_may_be_used_again_after_its_worker_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("hub.db")).unwrap();
    let mut first = worker("a");
    store.write(&[Record::Worker(Box::new(first.clone()))]).unwrap();
    first.ended = Some(Timestamp(9));
    store.write(&[Record::Worker(Box::new(first.clone()))]).unwrap();
    store.write(&[Record::Worker(Box::new(worker("a")))]).unwrap();
    assert_eq!(store.load().unwrap().workers, [worker("a")]);
    assert_eq!(store.ended().unwrap(), [first]);
}

#[test]
fn a_batch_is_written_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("hub.db")).unwrap();
    store.write(&[Record::Event(event(1, "a"))]).unwrap();
    let clash = [Record::Worker(Box::new(worker("a"))), Record::Event(event(1, "a"))];
    assert!(store.write(&clash).is_err());
    assert_eq!(store.load().unwrap().workers, []);
}

#[test]
fn what_cannot_be_read_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub.db");
    let garbage = b"this is no database, but it may be dear to somebody".repeat(30);
    std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), &garbage).unwrap();
    assert!(matches!(Store::open(&path), Err(Error::Open { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), garbage);

    let path = dir.path().join("newer.db");
    drop(Store::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&path), Err(Error::Newer { found: 99, .. })));
    assert_eq!(schema::version(&Connection::open(&path).unwrap()).unwrap(), 99);
}

#[test]
fn two_hubs_cannot_have_one_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub.db");
    let mut first = Store::open(&path).unwrap();
    first.write(&[Record::Event(event(1, "a"))]).unwrap();
    assert!(Store::open(&path).is_err());
}
