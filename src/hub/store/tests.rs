//! The store against a real SQLite file.
use super::*;
use crate::model::samples::worker;
use crate::model::{AgentState, DeliveryMode, Event, Happened, Hold, Step, Timestamp};

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
        stuck: None,
        shown_before: None,
        news: false,
        marks_pane: false,
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
    let all = vec![event(1, "a"), event(2, "gone")];
    assert_eq!(store.events(None, 0, 10).unwrap(), (all, 2));
    assert_eq!(store.events(None, 1, 10).unwrap(), (vec![event(2, "gone")], 2));
    assert_eq!(store.events(None, 2, 10).unwrap(), (Vec::new(), 2));
    let a = "a".parse().unwrap();
    assert_eq!(store.events(Some(&a), 0, 10).unwrap(), (vec![event(1, "a")], 1));
    assert_eq!(store.receipts(Some(&a)).unwrap().0.len(), 2);
}

#[test]
fn a_removed_workers_marker_is_remembered_until_it_is_cleared() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("hub.db")).unwrap();
    let removed = |id: &str, created, markers| {
        let (created, ended) = (Timestamp(created), Some(Timestamp(9)));
        Worker { created, ended, markers, ..worker(id) }
    };
    let (first, second) = (removed("a", 1, true), removed("a", 2, true));
    let other = removed("b", 1, false);
    let live = Worker { markers: true, ..worker("a") };
    let all = [first.clone(), second.clone(), other, live.clone()];
    store.write(&all.map(|it| Record::Worker(Box::new(it)))).unwrap();
    assert_eq!(store.load().unwrap().marked, [first.clone(), second]);
    let cleared = Record::MarkerCleared { worker: first.id.clone(), created: Timestamp(2) };
    store.write(&[cleared]).unwrap();
    let found = store.load().unwrap();
    assert_eq!((found.marked, found.workers), (vec![first], vec![live]));
}

#[test]
fn an_id_may_be_used_again_after_its_worker_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("hub.db")).unwrap();
    let mut first = worker("a");
    store.write(&[Record::Worker(Box::new(first.clone()))]).unwrap();
    first.ended = Some(Timestamp(9));
    store.write(&[Record::Worker(Box::new(first.clone()))]).unwrap();
    // Another worker was created at another time.
    let second = Worker { created: Timestamp(10), ..worker("a") };
    store.write(&[Record::Worker(Box::new(second.clone()))]).unwrap();
    assert_eq!(store.load().unwrap().workers, std::slice::from_ref(&second));
    assert_eq!(store.ended().unwrap(), std::slice::from_ref(&first));
    // The same one, whose agent was started again, is not two.
    let ended = Worker { ended: Some(Timestamp(11)), ..second.clone() };
    store.write(&[Record::Worker(Box::new(ended))]).unwrap();
    store.write(&[Record::Worker(Box::new(second.clone()))]).unwrap();
    assert_eq!(store.load().unwrap().workers, [second]);
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
    let garbage = b"not a database, but valuable to its owner".repeat(30);
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

/// The store of the first schema, made by the program that wrote it. Never edit it.
const SCHEMA_1: &str = include_str!("../../../tests/fixtures/store/schema-1.sql");

/// A database with that store in it, changed as `then` says.
fn old_store(dir: &Path, then: impl FnOnce(&Connection)) -> PathBuf {
    let path = dir.join("hub.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(SCHEMA_1).unwrap();
    then(&db);
    path
}

/// Replaces a piece of a document.
fn edit(db: &Connection, table: &str, key: &str, (from, to): (&str, &str)) {
    let sql = format!("UPDATE {table} SET doc = replace(doc, ?1, ?2) WHERE {key}");
    assert_eq!(db.execute(&sql, (from, to)).unwrap(), 1);
    let sql = format!("SELECT instr(doc, ?1) FROM {table} WHERE {key}");
    let found: usize = db.query_row(&sql, [to], |row| row.get(0)).unwrap();
    assert!(found > 0, "{table} {key} has no {from}");
}

fn doc(path: &Path, table: &str, key: &str) -> String {
    let db = Connection::open(path).unwrap();
    db.query_row(&format!("SELECT doc FROM {table} WHERE {key}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_store_of_the_first_schema_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = old_store(dir.path(), |_| {});
    let found = Store::open(&path).unwrap().load().unwrap();
    let ids: Vec<_> = found.workers.iter().map(|it| it.id.as_str()).collect();
    assert_eq!((ids.as_slice(), found.problems.len()), (["p-a", "p-b"].as_slice(), 0));
    assert_eq!(found.workers[0].state.turn.value, AgentState::Working);
    let open: Vec<_> = found.deliveries.iter().filter(|it| !it.step.is_final()).collect();
    assert_eq!(open.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(), ["held text"]);
    assert!(found.sent.iter().any(|(id, text)| id.as_str() == "p-a" && text == "one more"));
}

#[test]
fn values_of_a_newer_version_are_kept_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let hibernating = r#"{"hibernating":{"until":[1,2]}}"#;
    let path = old_store(dir.path(), |db| {
        let a = "id = 'p-a'";
        edit(db, "workers", a, (r#""working""#, hibernating));
        edit(db, "workers", a, (r#""placement":"session""#, r#""placement":"floating""#));
        let source = r#"{"type":"sketch","key":"S-1","title":"hi there","page":7}"#;
        edit(db, "workers", a, (r#"{"type":"prompt","title":"hi there"}"#, source));
        edit(db, "workers", a, (r#""kind":"implementation""#, r#""kind":"experiment""#));
        edit(
            db,
            "deliveries",
            "id = 6",
            (r#""step":"queued","held""#, r#""step":"scheduled","held""#),
        );
        edit(db, "events", "seq = 4", (r#""kind":"created""#, r#""kind":"adopted","by":{"x":1}"#));
    });
    let mut store = Store::open(&path).unwrap();
    let found = store.load().unwrap();
    assert_eq!((found.workers.len(), &found.problems), (2, &Vec::new()));
    let worker = found.workers.iter().find(|it| it.id.as_str() == "p-a").unwrap();
    assert_eq!(worker.state.word().to_string(), "hibernating");
    assert_eq!(worker.placement.to_string(), "floating");
    assert_eq!(
        (worker.source.to_string(), worker.source.title.as_str()),
        ("sketch S-1".into(), "hi there")
    );
    let delivery = found.deliveries.iter().find(|it| it.id == DeliveryId(6)).unwrap();
    assert_eq!((delivery.step.to_string(), delivery.step.is_final()), ("scheduled".into(), false));
    let (events, _) = store.events(None, 0, 100).unwrap();
    let adopted = events.iter().find(|it| it.seq == 4).unwrap();
    assert!(matches!(&adopted.what, Happened::Other(it) if it["by"]["x"] == 1), "{adopted:?}");
    // What is written back is what was read.
    store.write(&[Record::Worker(Box::new(worker.clone()))]).unwrap();
    drop(store);
    let written = doc(&path, "workers", "id = 'p-a'");
    for piece in [hibernating, "floating", r#""page":7"#, "experiment"] {
        assert!(written.contains(piece), "{piece}: {written}");
    }
}

#[test]
fn a_row_that_cannot_be_read_costs_that_row_only() {
    let dir = tempfile::tempdir().unwrap();
    let half = r#"{"id":"p-a","shape":"of another time"}"#;
    let path = old_store(dir.path(), |db| {
        db.execute("UPDATE workers SET doc = ?1 WHERE id = 'p-a'", [half]).unwrap();
        db.execute("UPDATE deliveries SET doc = 'no json' WHERE id = 6", []).unwrap();
        db.execute("UPDATE events SET doc = x'ff00' WHERE seq = 3", []).unwrap();
        db.execute("INSERT INTO cleanups VALUES ('p-b', '[]')", []).unwrap();
    });
    let store = Store::open(&path).unwrap();
    let found = store.load().unwrap();
    assert_eq!(found.workers.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["p-b"]);
    assert_eq!(found.taken, ["p-a"]);
    for row in ["`p-a` of table `workers`", "`6` of table `deliveries`", "table `cleanups`"] {
        assert!(found.problems.iter().any(|it| it.contains(row)), "{row}: {:?}", found.problems);
    }
    let (events, last) = store.events(None, 2, 1).unwrap();
    assert_eq!((events.len(), last), (0, 3), "reading continues after it");
    drop(store);
    assert_eq!(doc(&path, "workers", "id = 'p-a'"), half);
    assert_eq!(doc(&path, "deliveries", "id = 6"), "no json");
}

#[test]
fn a_long_text_is_written_once_and_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub.db");
    let mut store = Store::open(&path).unwrap();
    let mut long = delivery(1, "a", Step::Queued);
    long.text = "word ".repeat(100_000);
    store
        .write(&[Record::Worker(Box::new(worker("a"))), Record::Delivery(Box::new(long.clone()))])
        .unwrap();
    long.step = Step::Ready;
    store.write(&[Record::Delivery(Box::new(long.clone()))]).unwrap();
    assert_eq!(store.load().unwrap().deliveries, [long.clone()]);
    assert_eq!(store.receipts(None).unwrap(), (vec![long.shortened()], 0));
    drop(store);
    assert!(doc(&path, "deliveries", "id = 1").len() < 4096);
}

#[test]
fn receipts_that_do_not_fit_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("hub.db")).unwrap();
    let records = (1..=5000).map(|n| {
        let mut it = delivery(n, "a", Step::Accepted);
        it.text = "x".repeat(1000);
        Record::Delivery(Box::new(it))
    });
    store.write(&records.collect::<Vec<_>>()).unwrap();
    let (shown, n_older) = store.receipts(None).unwrap();
    assert!(shown.len() > 2000 && n_older > 100, "{} {n_older}", shown.len());
    assert_eq!(shown.len() + n_older, 5000);
    assert_eq!(shown.last().unwrap().id, DeliveryId(5000));
}

#[test]
fn old_history_goes_and_what_lives_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("hub.db")).unwrap();
    let day = 24 * 3600 * 1000;
    let mut gone = worker("gone");
    gone.ended = Some(Timestamp(day));
    let mut records = vec![Record::Worker(Box::new(worker("a"))), Record::Worker(Box::new(gone))];
    for n in 1..=1000 {
        let mut old = delivery(n, if n % 2 == 0 { "a" } else { "gone" }, Step::Accepted);
        old.steps = vec![crate::model::StepAt { step: Step::Accepted, at: Timestamp(n) }];
        if n == 10 {
            (old.step, old.held) = (Step::Queued, Some(Hold::PaneMode));
        }
        records.push(Record::Delivery(Box::new(old)));
        records.push(Record::Event(event(n, "a")));
    }
    store.write(&records).unwrap();
    let tidy = |store: &mut Store, now: u64, keep: Keep| {
        let mut n_steps = 0;
        while store.tidy(Timestamp(now), keep).unwrap() {
            n_steps += 1;
        }
        n_steps
    };
    let young = Keep::default();
    assert_eq!(tidy(&mut store, 80 * day, young), 0);
    assert!(tidy(&mut store, 92 * day, young) > 1, "in small steps");
    let found = store.load().unwrap();
    assert_eq!((found.last_seq, found.last_delivery), (1000, 1000));
    assert_eq!(found.workers, [worker("a")]);
    let open: Vec<_> = found.deliveries.iter().map(|it| it.id.0).collect();
    assert_eq!(open, [10, 1000], "the open one, and the newest of a worker that exists");
    assert_eq!((store.ended().unwrap().len(), store.receipts(None).unwrap().0.len()), (0, 2));
}

#[test]
fn a_store_that_is_too_large_loses_its_oldest_history() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("hub.db")).unwrap();
    let now = 10_000;
    for n in 1..=2000 {
        let what = Happened::Told { about: "x".into(), text: "y".repeat(2000) };
        let event = Event { seq: n, at: Timestamp(n), worker: None, what };
        store.write(&[Record::Event(event)]).unwrap();
    }
    let keep = Keep { bytes: 2 << 20, ..Keep::default() };
    while store.tidy(Timestamp(now), keep).unwrap() {}
    let (events, _) = store.events(None, 0, 5000).unwrap();
    assert!((100..600).contains(&events.len()), "{}", events.len());
    assert_eq!(events.last().unwrap().seq, 2000);
}
