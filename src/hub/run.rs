//! The hub's one loop: the only place with a clock, and the only owner of [`HubState`].
use std::{
    path::PathBuf,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time,
};

use super::{
    perform::Performer,
    publish::Clients,
    spool,
    start::{self, Started},
    starter::Starter,
    state::{Effect, HubState, Input, Record, RequestId, Setup},
    store::{self, Store},
    wake::{HubOptions, Wake},
};
use crate::model::{Answer, Delivery, Now, Refusal, RefusalKind, Request, Timestamp, error_chain};

/// Inputs that may wait for the loop; whoever sends more waits in turn.
const QUEUE: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Start(#[from] start::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Is the hub until it is asked to leave, has nothing to do, or cannot go on.
pub async fn main(options: HubOptions) -> Result<(), Error> {
    let starter = Starter::greet(options.ready.as_deref()).await;
    let started = match start::start(&options).await {
        Ok(Some(started)) => started,
        // Another hub was there and is well: it says the word.
        Ok(None) => {
            starter.tell("elsewhere").await;
            return Ok(());
        }
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
    let found = store.load()?;
    let setup = setup(options, &started);
    let (send, wakes) = mpsc::channel(QUEUE);
    let performer = Performer::new(&setup, options, send.clone());
    let spool = options.state.spool();
    let (state, effects) = HubState::start(setup, found, now());
    let clients = Clients::default();
    let mut hub = Hub { state, performer, clients, store, spool, leaving: false };
    hub.perform(effects);
    hub.read_spool();
    // Before anybody can know our pid.
    let signals = (Heard::new(SignalKind::terminate()), Heard::new(SignalKind::user_defined1()));
    started.listen(send)?;
    if let Some(starter) = starter.take() {
        starter.tell("ready").await;
    }
    hub.turn(wakes, &mut started, signals).await;
    hub.clients.close();
    started.close().await;
    hub.performer.leave().await;
    tracing::info!("left");
    Ok(())
}

fn setup(options: &HubOptions, started: &Started) -> Setup {
    Setup {
        pid: std::process::id(),
        started: now().wall,
        tmux_socket: options.tmux_socket.clone(),
        program: started.program.clone(),
        hub_socket: started.socket.clone(),
        spool: options.state.spool(),
        boot: start::boot_id(),
    }
}

struct Hub {
    state: HubState,
    performer: Performer,
    clients: Clients,
    store: Store,
    spool: PathBuf,
    leaving: bool,
}

impl Hub {
    async fn turn(
        &mut self,
        mut wakes: mpsc::Receiver<Wake>,
        started: &mut Started,
        (mut terminate, mut renew): (Heard, Heard),
    ) {
        while !self.leaving {
            let deadline = self.state.next_deadline();
            tokio::select! {
                wake = wakes.recv() => match wake {
                    Some(wake) => self.wake(wake),
                    None => return,
                },
                () = sleep_until(deadline) => {
                    // A worker that seems to be stuck may have told us.
                    self.read_spool();
                    self.input(Input::Tick);
                }
                () = self.performer.reap() => {}
                () = terminate.next() => return tracing::info!("told to end"),
                // Somebody found our socket gone.
                () = renew.next() => {
                    started.renew().await;
                    self.read_spool();
                }
            }
        }
    }

    fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Input(Input::Requested { request_id, request: request @ Request::Hook(_) }) => {
                self.input(Input::Requested { request_id, request });
                // Whoever reports now may have found us silent before.
                self.read_spool();
            }
            Wake::Input(Input::Requested { request_id, request }) => {
                self.asked(request_id, request);
            }
            Wake::Input(Input::ClientGone { client }) => {
                self.clients.remove(client);
                self.input(Input::ClientGone { client });
            }
            Wake::Input(input) => {
                // What an agent or a shell draws comes after what it reported. On a busy machine
                // such a report may have found no time to reach the socket.
                if matches!(input, Input::Sampled { .. }) {
                    self.read_spool();
                }
                self.input(input);
            }
            Wake::ClientCame { client, lines } => {
                self.clients.add(client, lines);
                self.input(Input::ClientCame);
            }
            Wake::Connected(connection, events, env_names) => {
                let linked = self.performer.connected(*connection, events, env_names);
                // Reports of a time without a hub are older than anything the screen shows.
                self.read_spool();
                self.input(Input::Linked(linked));
            }
        }
    }

    /// History is read from the store; everything else is the state's.
    fn asked(&mut self, request_id: RequestId, request: Request) {
        let answer = match &request {
            Request::Receipts { worker } => {
                let deliveries = self.store.receipts(worker.as_ref());
                let short = |it: Vec<Delivery>| it.into_iter().map(Delivery::shortened).collect();
                deliveries.map(|it| Answer::Receipts { deliveries: short(it) })
            }
            Request::Events { worker, since, limit } => {
                let events = self.store.events(worker.as_ref(), *since, *limit);
                events.map(|events| {
                    let last = events.last().map_or(*since, |event| event.seq);
                    Answer::Events { events, last }
                })
            }
            Request::List { ended: true } => self.store.ended().map(|workers| Answer::Workers {
                workers,
                deliveries: Vec::new(),
                orphans: Vec::new(),
            }),
            Request::Reserve(_)
            | Request::Create(_)
            | Request::Release { .. }
            | Request::Recover { .. }
            | Request::List { ended: false }
            | Request::Show { .. }
            | Request::Locate { .. }
            | Request::Promote { .. }
            | Request::Cleanup(_)
            | Request::Panes { .. }
            | Request::Send(_)
            | Request::Cancel { .. }
            | Request::Subscribe { .. }
            | Request::Explain { .. }
            | Request::Hook(_)
            | Request::Status
            | Request::Stop { .. } => return self.input(Input::Requested { request_id, request }),
        };
        let answer = answer
            .map(Box::new)
            .map_err(|error| Refusal::new(RefusalKind::Store, error_chain(&error)));
        self.clients.answer(request_id, answer);
    }

    fn read_spool(&mut self) {
        for (file, report) in spool::load(&self.spool) {
            self.input(Input::Spooled(report));
            // It could not be recorded: the next hub reads it.
            if self.leaving {
                return;
            }
            // Only now: whoever ends us in between leaves it to the next hub.
            spool::remove(&file);
        }
    }

    fn input(&mut self, input: Input) {
        tracing::trace!(?input);
        let effects = self.state.handle(now(), input);
        self.perform(effects);
    }

    /// Records first: what is announced by a record that cannot be written is not done.
    fn perform(&mut self, effects: Vec<Effect>) {
        let mut records = Vec::new();
        let mut acts = Vec::new();
        for effect in effects {
            if let Effect::Record(record) = effect {
                records.push(record);
            } else {
                acts.push(effect);
            }
        }
        if !records.is_empty()
            && let Err(error) = self.store.write(&records)
        {
            return self.not_written(&error, acts);
        }
        for record in &records {
            if let Record::Event(event) = record {
                tracing::debug!(seq = event.seq, worker = event.worker.as_ref().map(tracing::field::display), what = ?event.what);
                self.clients.publish(event);
            }
        }
        for act in acts {
            match act {
                Effect::Answer(request_id, answer) => self.clients.answer(request_id, answer),
                Effect::Subscribe(request_id, workers) => {
                    self.clients.subscribe(request_id, workers, self.state.last_seq());
                }
                Effect::Leave { why } => {
                    tracing::info!(why, "leaving");
                    self.leaving = true;
                }
                act @ (Effect::Record(_)
                | Effect::Link { .. }
                | Effect::Unlink
                | Effect::ListPanes { .. }
                | Effect::FindSession { .. }
                | Effect::MakeWindow(_)
                | Effect::Look { .. }
                | Effect::Act { .. }
                | Effect::Press { .. }
                | Effect::Promote { .. }
                | Effect::CloseWindow { .. }
                | Effect::Cleanup { .. }
                | Effect::FindWorktrees(_)
                | Effect::Status { .. }
                | Effect::Keep { .. }
                | Effect::Announce(_)) => self.performer.perform(act),
            }
        }
    }

    /// Those who wait are told; the agents stay as they are, and the next hub starts from what
    /// was written.
    fn not_written(&mut self, error: &store::Error, acts: Vec<Effect>) {
        let error = error_chain(error);
        tracing::error!(error, "cannot record");
        for act in acts {
            if let Effect::Answer(request_id, _) = act {
                let refusal = Refusal::new(RefusalKind::Store, error.clone())
                    .hint("is the disk full? the hub leaves, its agents run on");
                self.clients.answer(request_id, Err(refusal));
            }
        }
        self.leaving = true;
    }
}

/// A signal that this process may get; one that cannot be listened to never comes.
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

/// Reads both clocks: the one place of the hub that does.
fn now() -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
    Now { steady: time::Instant::now().into_std(), wall: Timestamp(millis) }
}
