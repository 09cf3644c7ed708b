//! What waits for the reset of a limit goes out then, once.
use super::*;
use crate::hub::state::live_worker::RESUME;

/// The claude of these tests after a turn that a limit ended, in UTC.
fn limited_screen() -> Sample {
    let mut sample = ready_screen();
    let rows = ["❯ Read it.", "  ⎿  You've hit your session limit · resets 1am (UTC)", ""];
    sample.rows.splice(1..1, rows.map(str::to_owned));
    sample.cursor.1 += 3;
    sample
}

fn working_screen() -> Sample {
    let mut working = ready_screen();
    working.rows.insert(2, "✳ Pondering… (2s · esc to interrupt)".into());
    working.rows[6] = "  esc to interrupt".into();
    working
}

/// An agent whose first turn has ended with a limit.
fn limited(resume: bool) -> (Hub, WorkerId) {
    let (mut hub, id) = Hub::with_agent();
    hub.state.workers.get_mut(&id).unwrap().worker.agent.resume_at_reset = resume;
    let delivery = DeliveryId(1);
    let done = |hub: &mut Hub| {
        hub.give(Input::Acted { worker: id.clone(), delivery, acted: Ok(Acted::Done) });
    };
    hub.look_until_act(&id, &ready_screen());
    done(&mut hub);
    hub.look_until_act(&id, &screen_with("Read it."));
    done(&mut hub);
    hub.look(&id, &working_screen());
    for _ in 0..20 {
        hub.look(&id, &limited_screen());
        if hub.word(&id).name() == "limited" {
            return (hub, id);
        }
    }
    panic!("{}", hub.word(&id));
}

#[test]
fn a_text_is_held_until_the_reset_also_when_the_machine_slept() {
    let (mut hub, id) = limited(false);
    hub.ask(Request::Send(new_text(&id, "And then?")));
    for _ in 0..10 {
        let out = hub.look(&id, &limited_screen());
        assert!(
            !out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::Act { .. }))),
            "{out:?}"
        );
    }
    let held = hub.state.workers[&id].newest_delivery().unwrap().held.clone().unwrap();
    assert_eq!(held.to_string(), "the provider's limit is reached, until 01:00");
    assert_eq!(held.way_out(), "it goes out at 01:00, when the limit is reset");
    hub.after(3 * 3_600_000);
    assert_eq!(hub.look_until_act(&id, &limited_screen()), Act::Paste("And then?".into()));
}

#[test]
fn an_agent_that_a_limit_stopped_is_told_its_task_once_where_the_user_wants_it() {
    let (mut hub, id) = limited(true);
    hub.after(3 * 3_600_000);
    assert_eq!(hub.look_until_act(&id, &limited_screen()), Act::Paste(RESUME.into()));
    assert_eq!(hub.state.workers[&id].open_deliveries(), 1);

    let (mut hub, id) = limited(true);
    hub.ask(Request::Send(new_text(&id, "And then?")));
    hub.after(3 * 3_600_000);
    assert_eq!(hub.look_until_act(&id, &limited_screen()), Act::Paste("And then?".into()));
    assert_eq!(hub.state.workers[&id].open_deliveries(), 1, "what waits is enough");

    let (mut hub, id) = limited(true);
    let mut screen = limited_screen();
    screen.rows.push("    Continuing automatically at 1am · Esc to cancel".into());
    hub.look(&id, &screen);
    hub.after(3 * 3_600_000);
    for _ in 0..10 {
        hub.look(&id, &screen);
    }
    assert_eq!(hub.state.workers[&id].open_deliveries(), 0, "it continues by itself");
}
