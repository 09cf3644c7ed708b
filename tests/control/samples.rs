//! Output as a bell, and the screen that it announces.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time};
use wtmag::{
    model::{PaneId, ProgramState, Sample},
    tmux::{Connection, Error, Event, Events, Said},
};

use super::{Stage, event, look, screen, soon};
use crate::support::{is_full, seeds};

#[tokio::test]
async fn a_sample_says_what_tmux_knows_of_the_pane() {
    let stage = Stage::new();
    let (connection, mut events) = stage.connect().await;
    let script = r"printf '\033]2;a #{b} \047title\007%%end 1 2 1\n\nsecond  \033[4;6H'; exec cat";
    let made = connection.create_window(&stage.window("x", script)).await.unwrap();
    screen(&connection, &mut events, made.pane, |it| it.cursor == (5, 3)).await;
    let sample = look(&connection, made.pane, |it| it.command == "cat").await;
    assert_eq!(sample.rows.len(), usize::from(sample.size.1));
    assert_eq!(sample.used_rows(), ["%end 1 2 1", "", "second"]);
    assert_eq!((sample.title.as_str(), sample.command.as_str()), ("a #{b} 'title", "cat"));
    assert!(sample.cursor_visible && !sample.alternate && !sample.in_mode && !sample.dead);
    stage.tmux(&["copy-mode", "-t", &made.pane.to_string()]);
    stage.tmux(&["select-pane", "-d", "-t", &made.pane.to_string()]);
    let sample = connection.sample(made.pane).await.unwrap();
    assert!(sample.in_mode && sample.input_off);
    let gone = connection.sample(PaneId(999)).await;
    assert!(matches!(gone, Err(Error::Gone { .. })), "{gone:?}");
    connection.close().await;
}

#[tokio::test]
async fn a_command_may_be_called_anything() {
    let stage = Stage::new();
    let (connection, _events) = stage.connect().await;
    let mut spec = stage.window("x", "");
    spec.argv = ["bash", "-c", "exec -a $'x\\n%9 @9 $9' cat"].map(str::to_owned).to_vec();
    let made = connection.create_window(&spec).await.unwrap();
    look(&connection, made.pane, |it| it.command != "bash").await;
    let panes = connection.panes().await.unwrap();
    assert_eq!(panes.iter().map(|it| it.pane).collect::<Vec<_>>(), [made.pane]);
    connection.close().await;
}

/// One pane prints as fast as tmux takes it: it costs a ring per sample, and what is asked of tmux
/// is answered meanwhile.
#[tokio::test]
async fn a_flood_costs_no_more_than_its_samples() {
    let stage = Stage::new();
    let (connection, mut events) = stage.connect().await;
    let flood =
        connection.create_window(&stage.window("flood", "exec yes 0123456789")).await.unwrap();
    let (mut waits, mut n_more) = (Vec::new(), 0);
    for _ in 0..10 {
        event(&mut events, |it| *it == Event::Ring(flood.pane)).await;
        for _ in 0..20 {
            let asked = Instant::now();
            connection.default_shell(stage.user).await.unwrap();
            waits.push(asked.elapsed());
        }
        let rang = time::timeout(Duration::from_millis(50), async {
            event(&mut events, |it| *it == Event::Ring(flood.pane)).await
        });
        n_more += usize::from(rang.await.is_ok());
        connection.sample(flood.pane).await.unwrap();
    }
    // One that was just continued may ring for what it showed and for what it prints.
    assert!(n_more <= 2, "it rang {n_more} times without a sample");
    waits.sort();
    let median = waits[waits.len() / 2];
    assert!(median < Duration::from_millis(100), "{median:?}");
    connection.close().await;
}

/// Draws frames, then a last one, which says when it was drawn, and falls silent.
const LAST_FRAME: &str = "
    i=0
    while [ $i -lt $1 ]; do i=$((i+1)); printf '\\033[Hframe %s ' $i; sleep 0.0$2; done
    printf '\\033[HLAST %s \\n' $(date +%s%3N)
    exec cat";

/// The hub looks a moment after a ring, and never sooner than this after the look before.
const INTERVAL: Duration = Duration::from_millis(200);
const SETTLE: Duration = Duration::from_millis(60);

#[tokio::test]
async fn the_last_frame_before_silence_is_always_seen() {
    // On a busy machine a capture is late, but every last frame must be seen there, too.
    let (n_rounds, limit) = if is_full() { (50, 500) } else { (3, 2000) };
    let stage = Stage::new();
    let (connection, mut events) = stage.connect().await;
    let connection = Arc::new(connection);
    let mut random = Random(seeds(1)[0]);
    let mut delays = Vec::new();
    for _ in 0..n_rounds {
        let mut waiting = BTreeSet::new();
        for _ in 0..20 {
            let (n_frames, pause) = (random.below(12), 1 + random.below(9));
            let mut spec = stage.window("x", LAST_FRAME);
            spec.argv.extend(["sh".to_owned(), n_frames.to_string(), pause.to_string()]);
            waiting.insert(connection.create_window(&spec).await.unwrap().pane);
        }
        let mut looks = JoinSet::new();
        let mut looked = BTreeMap::new();
        while !waiting.is_empty() {
            let next = soon(async {
                tokio::select! {
                    event = events.recv() => Next::Event(event.unwrap()),
                    Some(seen) = looks.join_next() => Next::Seen(seen.unwrap()),
                }
            });
            match next.await {
                Next::Event(Event::Ring(pane)) => {
                    let connection = connection.clone();
                    let at = time::Instant::now() + SETTLE;
                    let at = looked.get(&pane).map_or(at, |last| at.max(*last + INTERVAL));
                    looked.insert(pane, at);
                    looks.spawn(async move {
                        time::sleep_until(at).await;
                        (pane, connection.sample(pane).await, unix_millis())
                    });
                }
                Next::Event(_) => {}
                // One that moved rings once more, and may be gone by then.
                Next::Seen((pane, Err(Error::Gone { .. }), _)) if !waiting.contains(&pane) => {}
                Next::Seen((pane, sample, at)) => {
                    let sample = sample.unwrap();
                    let last = sample.rows.iter().find_map(|row| row.strip_prefix("LAST "));
                    let drawn = last.and_then(|it| it.trim().parse::<u128>().ok());
                    if let Some(drawn) = drawn.filter(|_| waiting.remove(&pane)) {
                        delays.push(at.saturating_sub(drawn));
                    }
                }
            }
        }
        for window in connection.panes().await.unwrap().iter().map(|it| it.window) {
            stage.tmux(&["kill-window", "-t", &window.to_string()]);
        }
    }
    delays.sort_unstable();
    let (median, worst) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    println!("{} last frames: median {median} ms, worst {worst} ms", delays.len());
    assert!(worst <= limit, "seen after {worst} ms");
}

enum Next {
    Event(Event),
    Seen((PaneId, Result<Sample, Error>, u128)),
}

fn unix_millis() -> u128 {
    wtmag::clock::now().0.into()
}

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % end
    }
}

/// Samples every pane a while after it rings, as the hub does, until the connection ends.
async fn sampling(connection: Arc<Connection>, mut events: Events) {
    let mut looks = JoinSet::new();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(Event::Ring(pane)) => {
                    let connection = connection.clone();
                    looks.spawn(async move {
                        time::sleep(INTERVAL).await;
                        drop(connection.sample(pane).await);
                    });
                }
                Some(_) => {}
                None => return,
            },
            Some(_) = looks.join_next() => {}
        }
    }
}

/// Up to tmux 3.7, this ends the server if a control client hears the pane in that moment. Ours
/// hears it only from a silence to the next word.
#[tokio::test]
async fn a_user_may_respawn_a_pane_that_floods() {
    let n_times = if is_full() { 200 } else { 10 };
    let stage = Stage::new();
    let (connection, mut events) = stage.connect().await;
    let connection = Arc::new(connection);
    // One scrolls, one draws the same screen again and again.
    let floods = ["yes 0123456789", r"while :; do printf '\033[Hsame\033[2;2Hsame'; done"];
    let mut tasks = JoinSet::new();
    let mut flooding = Vec::new();
    for flood in floods {
        let made = connection.create_window(&stage.window("x", flood)).await.unwrap();
        // It is heard until its first word, which a busy machine may bring late.
        event(&mut events, |it| matches!(it, Event::Ring(pane) if *pane == made.pane)).await;
        connection.sample(made.pane).await.unwrap();
        flooding.push((made.pane.to_string(), flood));
    }
    tasks.spawn(sampling(connection, events));
    for n in 0..n_times {
        time::sleep(Duration::from_millis(100)).await;
        for (pane, flood) in &flooding {
            let done = stage.try_tmux(&["respawn-pane", "-k", "-t", pane, "sh", "-c", flood]);
            assert!(done.status.success(), "the server died at the {n}th: {done:?}");
        }
    }
}

/// Also while it draws between two reports: what prints little is not paused.
#[tokio::test]
async fn what_a_program_reports_of_itself_is_told() {
    let stage = Stage::new();
    let (connection, mut events) = stage.connect().await;
    let script = r#"printf '\033]7501;state=working:msg=bnBt\033\134'; for n in 1 2 3 4 5; do printf "frame $n\r"; sleep 0.1; done; printf '\033]7501;state=idle\007\007'; exec cat"#;
    let made = connection.create_window(&stage.window("x", script)).await.unwrap();
    let mut said = Vec::new();
    while said.last().is_none_or(|it: &Said| !it.beckons) {
        let is_it = |it: &Event| matches!(it, Event::Said(pane, _) if *pane == made.pane);
        let Event::Said(_, it) = event(&mut events, is_it).await else { panic!() };
        said.push(it);
    }
    let states: Vec<_> = said.iter().filter_map(|it| it.report.as_ref()).collect();
    assert_eq!(states.first().map(ToString::to_string).as_deref(), Some("working: npm"));
    assert_eq!(states.last().map(|it| it.state), Some(ProgramState::Idle));
    connection.close().await;
}
