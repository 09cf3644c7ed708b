//! Finds clients that came to session `wtmag` unintentionally, and decides where to move them.
//!
//! Knows which session each client was in; decides, and does nothing. With `detach-on-destroy off`,
//! tmux moves a client whose session ended to any other session. That may be session `wtmag`, which
//! is not the user's: such a client is moved to one that is. A client that came deliberately stays.
use std::collections::BTreeMap;

use crate::{
    model::SessionId,
    tmux::{ClientRow, SessionRow},
};

/// The last known session of every client.
#[derive(Debug)]
pub(super) struct StrayClients {
    fleet: SessionId,
    at: BTreeMap<String, SessionId>,
}

/// What to do with a client that came to session `wtmag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    Stay,
    To(SessionId),
    /// There is no other session.
    Detach,
}

impl StrayClients {
    pub(super) fn new(fleet: SessionId, clients: Vec<ClientRow>) -> Self {
        let at = clients.into_iter().map(|it| (it.name, it.session)).collect();
        Self { fleet, at }
    }

    /// A client changed its session: returns the one it left, if it came to session `wtmag` from
    /// there.
    pub(super) fn moved(&mut self, client: &str, to: SessionId) -> Option<SessionId> {
        let left = self.at.insert(client.to_owned(), to);
        left.filter(|&left| to == self.fleet && left != self.fleet)
    }

    /// Another client may reuse the name.
    pub(super) fn detached(&mut self, client: &str) {
        self.at.remove(client);
    }

    /// Where to move a client that came to session `wtmag` from the session `left`: nowhere while
    /// that one exists, else to the session that was active last, a user's session if there is one.
    pub(super) fn redirect(&self, left: SessionId, sessions: &[SessionRow]) -> Redirect {
        if sessions.iter().any(|it| it.session == left) {
            return Redirect::Stay;
        }
        let others = sessions.iter().filter(|it| it.session != self.fleet);
        let best = others.max_by_key(|it| (it.has_other_windows, it.activity));
        best.map_or(Redirect::Detach, |it| Redirect::To(it.session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLEET: SessionId = SessionId(9);

    fn session(id: u32, activity: u64, has_other_windows: bool) -> SessionRow {
        SessionRow { session: SessionId(id), activity, has_other_windows }
    }

    #[test]
    fn only_who_comes_from_elsewhere_is_a_visitor() {
        let mut stray_clients = StrayClients::new(FLEET, Vec::new());
        assert_eq!(stray_clients.moved("new", FLEET), None);
        assert_eq!(stray_clients.moved("ann", SessionId(1)), None);
        assert_eq!(stray_clients.moved("ann", SessionId(2)), None);
        assert_eq!(stray_clients.moved("ann", FLEET), Some(SessionId(2)));
        assert_eq!(stray_clients.moved("ann", FLEET), None);
        assert_eq!(stray_clients.moved("bob", SessionId(1)), None);
        stray_clients.detached("bob");
        assert_eq!(stray_clients.moved("bob", FLEET), None);
    }

    #[test]
    fn a_visitor_goes_on_to_a_session_of_the_users() {
        let stray_clients = StrayClients::new(FLEET, Vec::new());
        let fleet = session(9, 99, true);
        let check = |sessions: &[SessionRow], want| {
            assert_eq!(stray_clients.redirect(SessionId(1), sessions), want);
        };
        check(&[fleet.clone(), session(1, 1, true)], Redirect::Stay);
        check(std::slice::from_ref(&fleet), Redirect::Detach);
        let (old, new) = (session(2, 5, true), session(3, 6, true));
        check(&[fleet.clone(), old.clone(), new], Redirect::To(SessionId(3)));
        check(&[fleet, old, session(4, 7, false)], Redirect::To(SessionId(2)));
    }
}
