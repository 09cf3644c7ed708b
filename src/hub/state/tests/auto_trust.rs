//! The trust dialog, for a user who wants it answered.
use super::*;

fn dialog(entries: [&str; 2], selected: usize) -> Sample {
    let marked = |at: usize| if at == selected { " ❯ " } else { "   " };
    let entries = [0, 1].map(|at| format!("{}{}", marked(at), entries[at]));
    let [first, second] = &entries;
    let rows = ["Quick safety check: is this yours?", "", first, second, "", " Enter to confirm"];
    Sample { rows: rows.map(str::to_owned).to_vec(), cursor: (0, 9), ..ready_screen() }
}

/// An agent whose trust dialog is to be answered, or not.
fn asked(trust: bool) -> (Hub, WorkerId) {
    let (mut hub, id) = Hub::with_agent();
    hub.state.workers.get_mut(&id).unwrap().worker.agent.trust = trust;
    (hub, id)
}

/// The keys pressed while the screen stays like this for six seconds.
fn keys(hub: &mut Hub, id: &WorkerId, screen: &Sample) -> Vec<String> {
    let mut keys = Vec::new();
    let end = hub.ms + 6000;
    while hub.ms < end {
        let out = hub.look(id, screen);
        keys.extend(out.into_iter().filter_map(|it| {
            let Effect::Tmux(TmuxEffect::Press { act, .. }) = it else { return None };
            let Act::Keys(keys, _) = act else { return None };
            Some(keys.concat())
        }));
        hub.after(100).give(Input::Rang(PANE));
    }
    keys
}

const ENTRIES: [&str; 2] = ["No, exit", "Yes, I trust this folder"];

#[test]
fn the_entry_is_chosen_by_its_label_when_it_is_seen_to_be_highlighted() {
    let (mut hub, id) = asked(true);
    assert_eq!(keys(&mut hub, &id, &dialog(ENTRIES, 0)), ["Down"]);
    let (mut hub, id) = asked(true);
    hub.look_until_key(&id, &dialog(ENTRIES, 0));
    assert_eq!(keys(&mut hub, &id, &dialog(ENTRIES, 1)), ["Enter"]);
    let (mut hub, id) = asked(true);
    let swapped = ["Yes, I trust this folder", "No, exit"];
    assert_eq!(keys(&mut hub, &id, &dialog(swapped, 0)), ["Enter"]);
    let (mut hub, id) = asked(true);
    assert_eq!(keys(&mut hub, &id, &dialog(swapped, 1)), ["Up"]);
}

#[test]
fn the_dialog_is_left_to_a_user_who_has_not_asked_for_an_answer() {
    let (mut hub, id) = asked(false);
    assert!(keys(&mut hub, &id, &dialog(ENTRIES, 1)).is_empty());
}

#[test]
fn labels_that_are_not_known_are_left_to_the_user() {
    let (mut hub, id) = asked(true);
    assert!(keys(&mut hub, &id, &dialog(["No, exit", "Sure, go on"], 1)).is_empty());
}

impl Hub {
    fn look_until_key(&mut self, id: &WorkerId, screen: &Sample) {
        for _ in 0..20 {
            if self
                .look(id, screen)
                .iter()
                .any(|it| matches!(it, Effect::Tmux(TmuxEffect::Press { .. })))
            {
                return;
            }
        }
        panic!("no key");
    }
}
