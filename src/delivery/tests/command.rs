//! Commands of the agent's own: what became of them, and never a turn that was none.
use super::*;

const IDLE: AgentState = AgentState::Idle;

/// Enter was pressed on a command.
fn entered() -> Scene {
    let mut scene = Scene::pasted();
    scene.after(200).look(&IDLE, Content::Ours);
    scene.give(Input::Done);
    scene
}

impl Scene {
    /// A look after a command, and how the delivery stands.
    fn see(&mut self, ms: u64, turn: &AgentState, content: Content, hooks_tell: bool) -> Step {
        let n_drawn = self.ms;
        let look = Look { is_command: true, hooks_tell, n_drawn, ..look(turn, turn, content) };
        self.after(ms).give(Input::Look(look));
        self.machine.delivery().step
    }

    #[track_caller]
    fn says(&self, want: &str) {
        assert_eq!(self.machine.delivery().evidence, want);
    }
}

#[test]
fn a_command_that_makes_no_turn_is_not_accepted() {
    let mut scene = entered();
    assert_eq!(scene.see(100, &IDLE, Content::Empty, false), Step::Entering);
    assert_eq!(scene.see(3000, &IDLE, Content::Empty, false), Step::Ran);
    scene.says("no turn began; the agent shows: half typed");
}

#[test]
fn a_spinner_is_no_turn_where_a_hook_would_tell_of_one() {
    let mut scene = entered();
    assert_eq!(scene.see(500, &AgentState::Working, Content::Empty, true), Step::Entering);
    assert_eq!(scene.see(9000, &AgentState::Working, Content::Empty, true), Step::Entering);
    assert_eq!(scene.see(500, &IDLE, Content::Empty, true), Step::Ran);
    scene.says("it ran, and no turn of the model began; the agent shows: half typed");
    let mut scene = entered();
    scene.see(500, &AgentState::Working, Content::Empty, true);
    scene.give(Input::Told("the agent's hook says so"));
    assert_eq!(scene.machine.delivery().step, Step::Accepted);
    let mut scene = entered();
    assert_eq!(scene.see(500, &AgentState::Working, Content::Empty, false), Step::Accepted);
}

#[test]
fn a_command_that_opens_a_dialog_or_comes_back_says_so() {
    let mut scene = entered();
    let asks = AgentState::Waiting(Question::Question);
    assert_eq!(scene.see(4000, &asks, Content::Unseen, false), Step::Ran);
    scene.says("it opened a dialog; the agent shows: half typed");
    let mut scene = entered();
    assert_eq!(scene.see(4000, &IDLE, Content::Ours, false), Step::Entering);
    assert_eq!(scene.see(2000, &IDLE, Content::Ours, false), Step::Failed);
    scene.says("the agent left the command in its box: half typed");
}
