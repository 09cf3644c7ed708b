//! Connected clients, their subscriptions, and what each of them is sent.
//!
//! Knows lines and bounded queues; decides nothing. A subscriber that reads too slowly is told the
//! number of the last event that it got, and is unsubscribed: it may ask for the rest by number.
use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::{mpsc, oneshot};

use super::{state::RequestId, wake::Outgoing};
use crate::{
    model::{Answer, Event, Refusal, RefusalKind, WorkerId},
    wire::{self, Frame},
};

#[derive(Debug, Default)]
pub(super) struct Clients {
    clients: BTreeMap<u64, Client>,
}

#[derive(Debug)]
struct Client {
    lines: mpsc::Sender<Outgoing>,
    /// Dropped with the client: its connection ends.
    _known: oneshot::Sender<()>,
    subscriptions: Vec<Subscription>,
}

#[derive(Debug)]
struct Subscription {
    request: u64,
    /// Empty means every worker, and the hub's own events.
    workers: BTreeSet<WorkerId>,
    last: u64,
}

impl Clients {
    pub(super) fn add(
        &mut self,
        client: u64,
        lines: mpsc::Sender<Outgoing>,
        known: oneshot::Sender<()>,
    ) {
        let client_of = Client { lines, _known: known, subscriptions: Vec::new() };
        self.clients.insert(client, client_of);
    }

    /// Ends every connection when its queue is written.
    pub(super) fn close(&mut self) {
        for client in std::mem::take(&mut self.clients).into_values() {
            if client.lines.try_send(Outgoing::Close).is_err() {
                tracing::debug!("a client that does not read");
            }
        }
    }

    pub(super) fn remove(&mut self, client: u64) {
        self.clients.remove(&client);
    }

    pub(super) fn answer(&mut self, request_id: RequestId, answer: Result<Box<Answer>, Refusal>) {
        let id = request_id.number;
        let frame = match answer {
            Ok(answer) => Frame::Answer { id, answer: *answer },
            Err(refusal) => Frame::Refused { id, refusal },
        };
        let Some(client) = self.clients.get(&request_id.client) else { return };
        let line = wire::encode(&frame).or_else(|error| {
            tracing::error!(%error, "an answer that cannot be sent");
            let refusal = Refusal::new(RefusalKind::BadRequest, format!("the answer is {error}"));
            wire::encode(&Frame::Refused { id, refusal })
        });
        // It is gone, or its queue is full of unread answers: it is not reading.
        if !line.is_ok_and(|line| client.lines.try_send(Outgoing::Line(line)).is_ok()) {
            tracing::debug!(client = request_id.client, "dropped a client that does not read");
            self.clients.remove(&request_id.client);
        }
    }

    pub(super) fn subscribe(
        &mut self,
        request_id: RequestId,
        workers: BTreeSet<WorkerId>,
        last: u64,
    ) {
        if let Some(client) = self.clients.get_mut(&request_id.client) {
            let subscription = Subscription { request: request_id.number, workers, last };
            client.subscriptions.push(subscription);
        }
    }

    pub(super) fn publish(&mut self, event: &Event) {
        for client in self.clients.values_mut() {
            client.publish(event);
        }
    }
}

impl Client {
    fn publish(&mut self, event: &Event) {
        let mut subscriptions = std::mem::take(&mut self.subscriptions);
        subscriptions.retain_mut(|it| {
            let named = event.worker.as_ref().is_some_and(|id| it.workers.contains(id));
            if !it.workers.is_empty() && !named {
                return true;
            }
            let frame = Frame::Event { id: it.request, event: event.clone() };
            // One place is reserved, so that the message about the lag always fits.
            if self.lines.capacity() > 1 && self.offer(&frame) {
                it.last = event.seq;
                return true;
            }
            self.offer(&Frame::Lagged { id: it.request, seq: it.last });
            false
        });
        self.subscriptions = subscriptions;
    }

    fn offer(&self, frame: &Frame) -> bool {
        match wire::encode(frame) {
            Ok(line) => self.lines.try_send(Outgoing::Line(line)).is_ok(),
            Err(error) => {
                tracing::error!(%error, "an answer that cannot be sent");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Delivery, DeliveryId, DeliveryMode, Happened, Step, Timestamp};

    fn event(seq: u64, worker: &str) -> Event {
        let worker = Some(worker.parse().unwrap());
        Event { seq, at: Timestamp(0), worker, what: Happened::Created }
    }

    #[test]
    fn an_answer_that_is_too_long_is_refused_instead() {
        let (lines, mut queue) = mpsc::channel(3);
        let mut clients = Clients::default();
        clients.add(1, lines, oneshot::channel().0);
        let delivery = Delivery {
            id: DeliveryId(1),
            worker: "a".parse().unwrap(),
            text: "x".repeat(wire::MAX_FRAME),
            file: None,
            mode: DeliveryMode::Ready,
            submit: true,
            interrupt: false,
            step: Step::Queued,
            held: None,
            evidence: String::new(),
            stuck: None,
            shown_before: None,
            news: false,
            marks_pane: false,
            steps: Vec::new(),
        };
        let answer = Answer::Receipts { deliveries: vec![delivery], n_older: 0 };
        clients.answer(RequestId { client: 1, number: 7 }, Ok(Box::new(answer)));
        let Ok(Outgoing::Line(line)) = queue.try_recv() else { panic!("nothing") };
        let frame = Frame::read(&line).unwrap();
        assert!(matches!(frame, Frame::Refused { id: 7, .. }), "{frame:?}");
    }

    #[test]
    fn a_slow_subscriber_hears_where_it_stopped() {
        let (lines, mut queue) = mpsc::channel(3);
        let mut clients = Clients::default();
        clients.add(1, lines, oneshot::channel().0);
        let request_id = RequestId { client: 1, number: 7 };
        clients.subscribe(request_id, BTreeSet::from(["a".parse().unwrap()]), 0);
        for (seq, worker) in [(1, "a"), (2, "b"), (3, "a"), (4, "a"), (5, "a")] {
            clients.publish(&event(seq, worker));
        }
        let mut frames = Vec::new();
        while let Ok(Outgoing::Line(line)) = queue.try_recv() {
            frames.push(Frame::read(&line).unwrap());
        }
        assert_eq!(
            frames,
            [
                Frame::Event { id: 7, event: event(1, "a") },
                Frame::Event { id: 7, event: event(3, "a") },
                Frame::Lagged { id: 7, seq: 3 },
            ]
        );
    }
}
