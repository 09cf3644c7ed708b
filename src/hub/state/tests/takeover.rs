//! Another agent takes over a worker, or the same one is started again.
use super::*;

const NEXT: PaneId = PaneId(9);

fn again(hub: &mut Hub, id: &WorkerId, edit: impl Fn(&mut NewWorker)) -> Vec<Effect> {
    let order = Reserve { resumes: Some(id.clone()), ends_agent: true, ..reserve() };
    let (request_id, _) = hub.ask(Request::Reserve(order));
    hub.give(Input::SessionFound { request_id, found: Ok(Some((SESSION, "work".to_owned()))) });
    let mut new = new_worker(id);
    let earlier = hub.state.workers[id].worker.clone();
    new.resumes = Some(Box::new(Worker { pr: None, agent_session: None, ..earlier }));
    new.bootstrap = "Go on.".into();
    edit(&mut new);
    hub.ask(Request::Create(Box::new(new)));
    let made = Created { pane: NEXT, window: WindowId(8), ..made(Some((SESSION, "work".into()))) };
    hub.give(Input::WindowMade { worker: id.clone(), made: Ok(made) })
}

fn send(hub: &mut Hub, id: &WorkerId, text: &str) {
    hub.ask(Request::Send(text_for(id, text)));
}

fn text_for(id: &WorkerId, text: &str) -> NewDelivery {
    let text = text.to_owned();
    NewDelivery { worker: id.clone(), text, submit: true, interrupt: false, file: None }
}

fn waiting(hub: &Hub, id: &WorkerId) -> Vec<String> {
    hub.state.workers[id].open().into_iter().map(|it| it.text).collect()
}

#[test]
fn the_next_agent_gets_the_texts_that_wait_and_the_place_of_the_former_one() {
    let (mut hub, id) = Hub::with_agent();
    send(&mut hub, &id, "later");
    hub.state.workers.get_mut(&id).unwrap().worker.pr = Some("https://x/1".into());
    assert_eq!(waiting(&hub, &id), ["Read it.", "later"]);
    let out = again(&mut hub, &id, |new| {
        new.drops = vec![DeliveryId(1)];
        new.texts = vec![text_for(&new.id, "and this")];
    });
    assert_eq!(waiting(&hub, &id), ["Go on.", "later", "and this"]);
    let failed = happened(&out).into_iter().find_map(|it| {
        let Happened::Delivery { id, step: Step::Failed, evidence, .. } = it else { return None };
        Some((id, evidence))
    });
    assert_eq!(failed, Some((DeliveryId(1), "another agent has taken over".to_owned())));
    // What the hub knows is newer than what the client read.
    let worker = &hub.state.workers[&id].worker;
    assert_eq!(worker.pr.as_deref(), Some("https://x/1"));
    assert_eq!((worker.place.pane, worker.agent_session.clone()), (NEXT, None));
    let take = TmuxEffect::TakePlace { worker: id.clone(), new: NEXT, old: PANE };
    assert!(out.contains(&Effect::Tmux(take)), "{out:?}");
}

#[test]
fn an_agent_whose_profile_cannot_be_read_takes_nothing_from_the_former_one() {
    let (mut hub, id) = Hub::with_agent();
    send(&mut hub, &id, "later");
    let agent = hub.state.workers[&id].worker.agent.clone();
    again(&mut hub, &id, |new| {
        new.agent.name = "other".into();
        new.agent.profile_text = Some("of the future = [".into());
    });
    assert_eq!(waiting(&hub, &id), ["Read it.", "later"]);
    assert_eq!(hub.state.workers[&id].worker.agent, agent);
}

#[test]
fn only_who_says_so_ends_an_agent_and_a_place_is_taken_again_until_it_is() {
    let (mut hub, id) = Hub::with_agent();
    let plain = Reserve { resumes: Some(id.clone()), ..reserve() };
    let (request_id, out) = hub.ask(Request::Reserve(plain));
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::NotNow));
    again(&mut hub, &id, |_| ());
    let former = hub.seen(&id, &[(SESSION, "work")]);
    let next = PaneRow { pane: NEXT, window: WindowId(8), ..former.clone() };
    let takes = |out: &[Effect]| {
        let take = TmuxEffect::TakePlace { worker: id.clone(), new: NEXT, old: PANE };
        out.contains(&Effect::Tmux(take))
    };
    let out = hub.give(listed(vec![former.clone(), next.clone()]));
    assert!(takes(&out), "{out:?}");
    // A user's pane in the former window is not the worker's.
    let theirs = PaneRow { is_marked: false, ..former };
    let out = hub.give(listed(vec![theirs, next]));
    assert!(!takes(&out), "{out:?}");
}

#[test]
fn a_pane_that_was_made_and_not_recorded_is_closed() {
    let (mut hub, id) = Hub::with_agent();
    let own = hub.seen(&id, &[(SESSION, "work")]);
    let stray = PaneRow { pane: NEXT, window: WindowId(8), ..own.clone() };
    let out = hub.give(listed(vec![own, stray]));
    let close = TmuxEffect::CloseWindow { worker: id, pane: NEXT, window: WindowId(8) };
    assert!(out.contains(&Effect::Tmux(close)), "{out:?}");
}
