//! The hub's one loop: the only place with a clock, and the only owner of [`HubState`].
use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time,
};

use super::{
    channel,
    perform::Performer,
    publish::Clients,
    screens::ScreenLog,
    spool,
    start::{self, Started},
    starter::Starter,
    state::{Effect, HubState, Input, Record, Setup},
    store::{
        self, Store,
        disk::{Disk, Done, MAX_WAITING},
    },
    wake::{HubOptions, Wake},
};
use crate::{
    clock,
    model::{Event, Now, Refusal, RefusalKind, error_chain},
    proc,
};

/// How often the hub checks that its state directory is still its own.
const OWN_FILES: Duration = Duration::from_secs(5);
/// Inputs that may be queued for the loop; further senders wait.
const QUEUE: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Start(#[from] start::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("could not start a thread")]
    Thread(#[source] io::Error),
}

/// Runs the hub until it is asked to exit, has nothing to do, or fails.
pub async fn main(options: HubOptions) -> Result<(), Error> {
    let mut starter = Starter::greet(options.ready.as_deref()).await;
    let started = match start::start(&options, &mut starter).await {
        Ok(Some(started)) => started,
        // Another hub runs and works, and has sent the message.
        Ok(None) => return Ok(()),
        Err(error) => {
            starter.tell(&error_chain(&error)).await;
            return Err(error.into());
        }
    };
    let mut starter = Some(starter);
    let outcome = serve(&options, started, &mut starter).await;
    if let Err(error) = &outcome {
        let error = error_chain(error);
        tracing::error!(error, "the hub failed");
        if let Some(starter) = starter {
            starter.tell(&error).await;
        }
    }
    outcome
}

async fn serve(
    options: &HubOptions,
    mut started: Started,
    starter: &mut Option<Starter>,
) -> Result<(), Error> {
    let store = Store::open(&options.state.hub_db())?;
    let mut found = store.load()?;
    found.not_taken = channel::withdraw(&options.state.channels());
    let screens = ScreenLog::new(options.state.screens());
    let (disk, dones) =
        Disk::start(store, screens, options.keep, clock::now).map_err(Error::Thread)?;
    let setup = setup(options, &started).await;
    let (send, wakes) = mpsc::channel(QUEUE);
    let performer = Performer::new(&setup, options, send.clone());
    let (state, effects) = HubState::start(setup, found, now());
    let mut hub = Hub {
        state,
        performer,
        clients: Clients::default(),
        disk,
        waiting: VecDeque::new(),
        last_batch: 0,
        leaving: false,
    };
    hub.take(effects);
    // Before newer reports can come by the socket.
    for (file, report) in hub.performer.waiting_reports().await {
        hub.wake(Wake::Spooled(file, report));
    }
    // Before another process can know this pid.
    let signals = (Heard::new(SignalKind::terminate()), Heard::new(SignalKind::user_defined1()));
    started.listen(send).await?;
    if let Some(starter) = starter.take() {
        starter.tell("ready").await;
    }
    hub.turn((wakes, dones), &mut started, signals).await;
    // A process that waits for this hub's end waits until the database is closed and the lock is
    // free.
    started.stop();
    hub.performer.leave().await;
    hub.disk.close().await;
    started.unlock();
    hub.clients.close();
    started.close().await;
    tracing::info!("left");
    Ok(())
}

async fn setup(options: &HubOptions, started: &Started) -> Setup {
    Setup {
        pid: std::process::id(),
        started: clock::now(),
        tmux_socket: options.tmux_socket.clone(),
        program: started.program.clone(),
        hub_socket: started.socket.clone(),
        spool: options.state.spool(),
        boot: proc::boot_id().await,
        zone: TimeZone::system(),
        settings: options.settings.clone(),
    }
}

struct Hub {
    state: HubState,
    performer: Performer,
    clients: Clients,
    disk: Disk,
    /// What waits for the disk, oldest first.
    waiting: VecDeque<Batch>,
    last_batch: u64,
    leaving: bool,
}

/// What to do once its records are written.
struct Batch {
    number: u64,
    events: Vec<Event>,
    then: Vec<Then>,
}

enum Then {
    Do(Effect),
    /// A report from the spool was recorded.
    Forget(PathBuf),
}

impl Hub {
    async fn turn(
        &mut self,
        (mut wakes, mut dones): (mpsc::Receiver<Wake>, mpsc::Receiver<Done>),
        started: &mut Started,
        (mut terminate, mut renew): (Heard, Heard),
    ) {
        let mut check = time::interval(OWN_FILES);
        while !self.leaving {
            let deadline = self.state.next_deadline();
            let has_room = self.waiting.len() < MAX_WAITING;
            tokio::select! {
                biased;
                Some(done) = dones.recv() => self.done(done),
                wake = wakes.recv(), if has_room => match wake {
                    Some(wake) => self.wake(wake),
                    None => return,
                },
                () = sleep_until(deadline), if has_room => {
                    // A worker that seems stuck may have reported.
                    self.performer.read_spool();
                    self.input(Input::Tick);
                }
                () = self.performer.reap() => {}
                () = terminate.next() => return tracing::info!("asked to exit"),
                // A process found the socket gone.
                () = renew.next() => {
                    started.renew().await;
                    self.performer.read_spool();
                }
                _ = check.tick() => {
                    if !started.is_ours() {
                        return tracing::warn!("exiting: the state directory now belongs to another hub");
                    }
                    if self.state.watches_the_clock() && has_room {
                        self.input(Input::Tick);
                    }
                }
            }
        }
    }

    fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Input(Input::ClientGone { client }) => {
                self.clients.remove(client);
                self.input(Input::ClientGone { client });
            }
            Wake::Input(input) => self.input(input),
            Wake::Spooled(file, report) => {
                self.input(Input::Spooled(report));
                self.then(Then::Forget(file));
            }
            Wake::ClientCame { client, lines, known } => {
                self.clients.add(client, lines, known);
                self.input(Input::ClientCame);
            }
            Wake::Connected(connection, events, env_names) => {
                let linked = self.performer.connected(*connection, events, env_names);
                self.input(Input::Linked(linked));
            }
        }
    }

    fn input(&mut self, input: Input) {
        tracing::trace!(?input);
        let effects = self.state.handle(now(), input);
        self.take(effects);
    }

    /// Records first: an action that a record announces happens after the record is written.
    /// Meanwhile tmux is read, and inputs are accepted.
    fn take(&mut self, effects: Vec<Effect>) {
        let mut records = Vec::new();
        let mut others = Vec::new();
        for effect in effects {
            if let Effect::Record(record) = effect {
                records.push(record);
            } else {
                others.push(effect);
            }
        }
        if !records.is_empty() {
            self.last_batch += 1;
            let events = records.iter().filter_map(Record::event).cloned().collect();
            self.waiting.push_back(Batch { number: self.last_batch, events, then: Vec::new() });
            self.disk.write(self.last_batch, records);
        }
        for effect in others {
            if effect.only_reads() {
                self.act(effect);
            } else {
                self.then(Then::Do(effect));
            }
        }
    }

    /// Now, or when everything recorded before is written.
    fn then(&mut self, then: Then) {
        match self.waiting.back_mut() {
            Some(batch) => batch.then.push(then),
            None => self.go_on(then),
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Written(last, Ok(())) => {
                let n_written = self.waiting.iter().take_while(|it| it.number <= last).count();
                for batch in self.waiting.drain(..n_written).collect::<Vec<_>>() {
                    self.written(batch);
                }
            }
            Done::Written(_, Err(error)) => self.not_written(&error),
            Done::Answer(request_id, answer) => self.clients.answer(request_id, answer),
        }
    }

    fn written(&mut self, batch: Batch) {
        for event in &batch.events {
            tracing::debug!(seq = event.seq, worker = event.worker.as_ref().map(tracing::field::display), what = ?event.what);
            self.clients.publish(event);
        }
        for then in batch.then {
            self.go_on(then);
        }
    }

    fn go_on(&mut self, then: Then) {
        match then {
            Then::Do(effect) => self.act(effect),
            Then::Forget(file) => spool::remove(&file),
        }
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Record(_) => {}
            Effect::Reply(request_id, answer) => self.clients.answer(request_id, answer),
            Effect::Query(request_id, query) => self.disk.query(request_id, query),
            Effect::Keep { worker, samples } => self.disk.keep(worker, samples),
            Effect::Subscribe { request_id, workers, after } => {
                self.clients.subscribe(request_id, workers, after);
            }
            Effect::Tmux(effect) => self.performer.on_tmux(effect),
            Effect::Local(effect) => self.performer.on_machine(effect),
            Effect::Leave { why } => {
                tracing::info!(why, "leaving");
                self.leaving = true;
            }
        }
    }

    /// Waiting clients are told. Agents stay as they are, and the next hub starts from what was
    /// written.
    fn not_written(&mut self, error: &str) {
        tracing::error!(error, "cannot record");
        for then in std::mem::take(&mut self.waiting).into_iter().flat_map(|it| it.then) {
            if let Then::Do(Effect::Reply(request_id, _)) = then {
                let refusal = Refusal::new(RefusalKind::Store, error)
                    .hint("is the disk full? `wtmag doctor` checks the store; agents keep running");
                self.clients.answer(request_id, Err(refusal));
            }
        }
        self.leaving = true;
    }
}

/// A signal to this process; never resolves if it cannot be received.
struct Heard(Option<Signal>);

impl Heard {
    fn new(kind: SignalKind) -> Self {
        Self(signal(kind).inspect_err(|error| tracing::warn!(%error, "no signals")).ok())
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Reads both clocks: the only place in the hub that does.
fn now() -> Now {
    Now { steady: time::Instant::now().into_std(), wall: clock::now() }
}
