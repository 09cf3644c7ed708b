//! A pane that draws all the time is captured at its pace, and no longer once it is silent.
use super::*;

/// Waits for the next capture, and whether there is one.
fn next_look(hub: &mut Hub) -> bool {
    let Some(next) = hub.state.next_deadline() else { return false };
    let ms = u64::try_from(next.duration_since(hub.start).as_millis()).unwrap();
    hub.ms = hub.ms.max(ms + 1);
    let out = hub.give(Input::Tick);
    out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::Look { .. })))
}

#[test]
fn a_pane_that_rings_all_the_time_is_looked_at_in_its_pace() {
    let (mut hub, id) = Hub::with_agent();
    hub.give(Input::Rang(PANE));
    let mut looked = Vec::new();
    for n in 0..20 {
        assert!(next_look(&mut hub), "{n}");
        looked.push(hub.ms);
        // The doorbell may be quicker than the sample that made it ring.
        for is_late in [false, true] {
            if is_late == (n % 2 == 0) {
                hub.give(Input::Rang(PANE));
            }
            if !is_late {
                let sample = Ok(screen_with(&format!("frame {n}")));
                hub.after(1).give(Input::Sampled { worker: id.clone(), sample });
            }
        }
    }
    // The agent's start wants a look of its own.
    let looked = &looked[1..];
    let too_soon = looked.windows(2).find(|it| it[1] - it[0] < 200);
    assert_eq!(too_soon, None, "{looked:?}");
    let all = looked[18] - looked[0];
    assert!((3600..=18 * 420).contains(&all), "19 looks in {all} ms");
}

#[test]
fn looks_ask_for_the_programs_of_the_foreground_until_one_is_the_agents() {
    let (mut hub, id) = Hub::with_worker();
    let group_of = |hub: &mut Hub, sample: Sample| {
        hub.after(1000).give(Input::Rang(PANE));
        hub.after(1000);
        let out = hub.give(Input::Tick);
        let asked = out.iter().find_map(|it| {
            let Effect::Tmux(TmuxEffect::Look { group_of, .. }) = it else { return None };
            Some(*group_of)
        });
        hub.after(1).give(Input::Sampled { worker: id.clone(), sample: Ok(sample) });
        asked.unwrap()
    };
    let by = |command: &str, group: &[&str]| Sample {
        command: command.to_owned(),
        group: group.iter().map(|it| (*it).to_owned()).collect(),
        ..ready_screen()
    };
    // The user's shell has not come to the agent.
    assert_eq!(group_of(&mut hub, by("bash", &[])), None);
    hub.report(&id, Hook::Started);
    assert_eq!(group_of(&mut hub, by("bash", &["bash", "claude"])), Some(PID));
    assert_eq!(hub.word(&id).to_string(), "starting");
    for _ in 0..5 {
        group_of(&mut hub, by("bash", &["bash", "claude"]));
    }
    assert_eq!(hub.word(&id).to_string(), "ready");
    assert_eq!(group_of(&mut hub, by("claude", &[])), Some(PID));
    assert_eq!(group_of(&mut hub, by("claude", &[])), None);
    let exited = Hook::Exited { exit: Exit::Code(0), started: true };
    hub.report(&id, exited);
    group_of(&mut hub, by("bash", &[]));
    assert_eq!(group_of(&mut hub, by("bash", &[])), None);
}
