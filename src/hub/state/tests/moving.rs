//! A pane that draws all the time: captured at its pace, with a silent bell, until it is still.
use super::*;

/// Looks at what the pane shows at each of the hub's wishes, `n` times, with the bell as tmux has
/// it: rung as soon as it may, while the pane moves. Returns the looks that opened the bell.
fn looks(
    hub: &mut Hub,
    id: &WorkerId,
    n: usize,
    screen: impl Fn(usize) -> (String, bool),
) -> Vec<bool> {
    let mut opened = Vec::new();
    for it in 0..n {
        let next = hub.state.next_deadline().unwrap();
        let ms = u64::try_from(next.duration_since(hub.start).as_millis()).unwrap();
        hub.ms = hub.ms.max(ms + 1);
        let out = hub.give(Input::Tick);
        let look = out.iter().find_map(|it| {
            let Effect::Tmux(TmuxEffect::Look { resume, .. }) = it else { return None };
            Some(*resume)
        });
        let Some(resume) = look else { break };
        opened.push(resume);
        let (text, moves) = screen(it);
        hub.after(1);
        hub.give(Input::Sampled { worker: id.clone(), sample: Ok(screen_with(&text)) });
        if resume && moves {
            hub.after(50);
            hub.give(Input::Rang(PANE));
        }
    }
    opened
}

#[test]
fn the_bell_of_a_pane_that_moves_stays_silent_until_it_stands_still() {
    let (mut hub, id) = Hub::with_agent();
    hub.give(Input::Rang(PANE));
    let opened = looks(&mut hub, &id, 20, |n| (format!("frame {n}"), true));
    assert_eq!(opened.iter().take_while(|it| **it).count(), 3, "{opened:?}");
    assert_eq!(opened.iter().filter(|it| **it).count(), 3, "{opened:?}");
    // The last frame is seen, and seen again with the bell open: what came in between would ring.
    let before = hub.ms;
    let opened = looks(&mut hub, &id, 3, |_| ("the last frame".into(), false));
    assert_eq!(opened[..3], [false, false, true], "{opened:?}");
    assert!(hub.ms - before < 1000, "{} ms", hub.ms - before);
    assert!(hub.state.workers[&id].last_sample().unwrap().rows.concat().contains("the last frame"));
}

#[test]
fn a_pane_that_draws_now_and_then_keeps_its_bell() {
    let (mut hub, id) = Hub::with_agent();
    for n in 0..10 {
        hub.after(5000);
        hub.give(Input::Rang(PANE));
        let opened = looks(&mut hub, &id, 1, |_| (format!("line {n}"), false));
        assert_eq!(opened, [true], "{n}");
    }
}
