//! Holds new workers that are over their user's limits: refused, or in line until there is room.
//!
//! A worker counts while its agent runs or is being started; orchestrators do not. The line is kept by the time at which
//! each began to wait, so that it is the same one in the next hub, to which the clients come back.
use std::collections::BTreeMap;

use super::{
    Effect, HubState, Link, RequestId,
    requests::{answer, refuse},
};
use crate::model::{Answer, Making, Now, Refusal, RefusalKind, Reserve, Room, Timestamp, WorkerId};

/// One client that waits for room.
#[derive(Debug)]
pub(super) struct Waiter {
    client: u64,
    since: Timestamp,
    reserve: Reserve,
    /// Its request, and the place that it knows. A client that was just told a place asks again.
    asking: Option<(RequestId, usize)>,
}

/// Workers that run, by agent.
type Counts = BTreeMap<String, usize>;

impl HubState {
    /// True if there is no room: the request was refused, or waits in line.
    pub(super) fn is_held(
        &mut self,
        now: Now,
        request_id: RequestId,
        reserve: &Reserve,
        out: &mut Vec<Effect>,
    ) -> bool {
        let client = request_id.client;
        if let Some(line) = reserve.room.line {
            self.line.retain(|it| it.client != client);
            let (reserve, asking) = (reserve.clone(), Some((request_id, line.place)));
            self.line.push(Waiter { client, since: line.since, reserve, asking });
            self.line.sort_by_key(|it| (it.since, it.client));
            // `admit` decides, after this input.
            return true;
        }
        let mut counts = self.counts(reserve.resumes.as_ref());
        grant(&mut counts, self.line.iter().map(|it| &it.reserve.room));
        let Some(why) = no_room(&counts, &reserve.room) else { return false };
        if let Some(attempt) = reserve.attempt {
            self.note_full(now, attempt, self.n_running());
        }
        let hint = match reserve.resumes {
            Some(_) => "`wtmag cleanup ID` ends one; `wtmag config edit` changes the limit",
            None => "`--queue` waits until one ends; `wtmag list --all` shows them",
        };
        refuse(out, request_id, Refusal::new(RefusalKind::NotNow, why).hint(hint));
        true
    }

    /// Lets in whom there is room for, in order, and tells the others of their places.
    pub(super) fn admit(&mut self, out: &mut Vec<Effect>) {
        if self.line.is_empty() || !matches!(self.link, Link::Up(_)) || self.is_looking() {
            return;
        }
        let fits = grant(&mut self.counts(None), self.line.iter().map(|it| &it.reserve.room));
        let mut waiting = Vec::new();
        for (waiter, fits) in std::mem::take(&mut self.line).into_iter().zip(fits) {
            match waiter.asking {
                Some((request_id, _)) if fits => self.reserve_now(request_id, waiter.reserve, out),
                Some(_) | None => waiting.push(waiter),
            }
        }
        let of = waiting.len();
        for (waiter, place) in waiting.iter_mut().zip(1..) {
            let is_news = waiter.asking.is_some_and(|(_, known)| known != place);
            if let Some((request_id, _)) = waiter.asking.take_if(|_| is_news) {
                answer(out, request_id, Answer::InLine { place, of });
            }
        }
        self.line = waiting;
    }

    /// Tasks whose worker is being created, or waits in line.
    pub(super) fn making(&self) -> Vec<Making> {
        let reserved = self.reserved.values().map(|it| &it.reserve);
        let all = reserved.chain(self.line.iter().map(|it| &it.reserve));
        let one =
            |it: &Reserve| Some(Making { repo: it.repo.clone(), task: it.source_key.clone()? });
        all.filter_map(one).collect()
    }

    pub(super) fn leave_line(&mut self, client: u64) {
        self.line.retain(|it| it.client != client);
    }

    /// Without `except`, and without those whose agent is about to be replaced.
    fn counts(&self, except: Option<&WorkerId>) -> Counts {
        let live = self.workers.values().map(|it| &it.worker).filter(|it| it.is_live());
        let live = live.filter(|it| Some(&it.id) != except && !self.reserved.contains_key(&it.id));
        let live = live.filter(|it| !it.is_orchestrator()).map(|it| it.agent.name.clone());
        let starting = self.reserved.values().map(|it| &it.reserve.room.agent);
        // That of an orchestrator names no agent.
        let starting = starting.filter(|it| !it.is_empty()).cloned();
        let mut counts = Counts::new();
        for agent in live.chain(starting) {
            *counts.entry(agent).or_default() += 1;
        }
        counts
    }

    /// How many workers run or are being started.
    pub(super) fn n_running(&self) -> usize {
        self.counts(None).values().sum()
    }
}

/// Counts everybody in for whom there is room, in order, and says who that is. One that is held by the
/// limit of its agent does not hold the ones behind it.
fn grant<'a>(counts: &mut Counts, rooms: impl Iterator<Item = &'a Room>) -> Vec<bool> {
    let one = |room: &Room| {
        let fits = no_room(counts, room).is_none();
        if fits {
            *counts.entry(room.agent.clone()).or_default() += 1;
        }
        fits
    };
    rooms.map(one).collect()
}

fn no_room(counts: &Counts, room: &Room) -> Option<String> {
    let of_agent = counts.get(&room.agent).copied().unwrap_or_default();
    room.refusal(counts.values().sum(), of_agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_moves_in_order_but_for_agents_that_are_full() {
        let room = |agent: &str| Room {
            agent: agent.into(),
            workers: Some(4),
            of_agent: (agent == "claude").then_some(1),
            line: None,
        };
        let check = |running: &[(&str, usize)], waiting: &[&str], want: &[bool]| {
            let mut counts = running.iter().map(|(it, n)| ((*it).to_owned(), *n)).collect();
            let rooms: Vec<Room> = waiting.iter().map(|it| room(it)).collect();
            assert_eq!(grant(&mut counts, rooms.iter()), want, "{running:?} {waiting:?}");
        };
        check(&[], &["claude", "claude", "pi"], &[true, false, true]);
        check(&[("claude", 1), ("pi", 2)], &["claude", "pi", "pi"], &[false, true, false]);
        check(&[("pi", 4)], &["claude", "pi"], &[false, false]);
        check(&[("pi", 9)], &[], &[]);
    }
}
