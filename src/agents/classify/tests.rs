//! What a screen says, by the rules of a made-up profile.
use super::*;
use crate::model::DisplayState;

const PROFILE: &str = r"
name = 'fake'
foreground = ['fake']
[box]
bottom = '^─{3,}'
top = '^─{3,}'
prompt = '^> ?'
[[rule]]
state = 'blocked: trust'
all = ['trust this\?', 'Yes']
[[rule]]
state = 'blocked: other'
any = ['press a key']
[[rule]]
state = 'waiting: permission'
overlay = true
all = ['allow this\?']
[[rule]]
state = 'working'
in = 'below'
all = ['esc stops']
[[rule]]
name = 'title'
state = 'working'
in = 'title'
all = ['^✦']
[[rule]]
state = 'retrying'
in = 'above 2'
all = ['again in \d+ s']
none = ['gave up']
[[rule]]
state = 'idle'
in = 'above 2'
all = ['^done']
[[rule]]
state = 'failed'
in = 'above 2'
all = ['^error']
[[rule]]
name = 'footer'
state = 'ready'
in = 'below'
all = ['help']
";

const BOX: &str = "───\n>\n───\nhelp";

fn sample(screen: &str) -> Sample {
    let rows = screen.lines().map(String::from).collect();
    Sample { rows, command: "fake".to_owned(), ..Sample::default() }
}

#[track_caller]
fn check_sample(sample: &Sample, want: &str, rule: &str) {
    let profile = Profile::parse("test", PROFILE).unwrap();
    let why = explain(&profile, sample, &[]);
    let found =
        (DisplayState::Turn(why.verdict.turn.clone()).to_string(), why.verdict.rule.as_str());
    assert_eq!(found, (want.to_owned(), rule), "{why:#?}");
}

#[track_caller]
fn check(screen: &str, want: &str, rule: &str) {
    check_sample(&sample(screen), want, rule);
}

#[test]
fn an_empty_box_is_ready_only_with_its_footer() {
    check(BOX, "ready", "footer");
    check("───\n>\n───\nloading", "unknown", "not-ready");
    check("hello", "unknown", "");
    check("───\n> my draft\n───\nhelp", "draft", "box");
}

#[test]
fn a_dialog_wins_over_the_box_unless_it_is_above_it() {
    check("trust this?\n Yes", "blocked: trust", "blocked-trust");
    check(&format!("trust this?\n Yes\n{BOX}"), "ready", "footer");
    check(&format!("{BOX}\ntrust this?\n Yes"), "blocked: trust", "blocked-trust");
    check(&format!("allow this?\n{BOX}"), "waiting: permission", "waiting-permission");
}

#[test]
fn the_lowest_dialog_wins_and_a_known_one_over_an_unknown() {
    check("trust this?\n Yes\nallow this?", "waiting: permission", "waiting-permission");
    check("allow this?\ntrust this?\n Yes", "blocked: trust", "blocked-trust");
    check("trust this?\n Yes\npress a key", "blocked: trust", "blocked-trust");
}

#[test]
fn a_running_turn_wins_over_the_box_and_over_a_dialog_above() {
    let busy = "───\n>\n───\nhelp · esc stops";
    check(busy, "working", "working");
    check(&format!("allow this?\n{busy}"), "working", "working");
    check(&format!("again in 3 s\n{busy}"), "retrying", "retrying");
    check(&format!("again in 3 s\ngave up\n{busy}"), "working", "working");
    let mut titled = sample(BOX);
    titled.title = "✦ thinking".to_owned();
    check_sample(&titled, "working", "title");
    titled.rows.splice(..0, ["allow this?".to_owned()]);
    check_sample(&titled, "waiting: permission", "waiting-permission");
}

#[test]
fn the_lowest_end_of_a_turn_counts_and_old_ones_do_not() {
    check(&format!("done\n{BOX}"), "idle", "idle");
    check(&format!("done\nerror\n{BOX}"), "failed", "failed");
    check(&format!("error\ndone\n{BOX}"), "idle", "idle");
    check(&format!("error\ntext\ntext\n{BOX}"), "ready", "footer");
}

#[test]
fn words_in_the_conversation_are_not_signs() {
    check(&format!("it said: again in 3 s\ndone\n{BOX}"), "idle", "idle");
    check(&format!("done\nagain in 3 s\n{BOX}"), "retrying", "retrying");
    check(&format!("esc stops\nhelp\n{BOX}"), "ready", "footer");
    check(&format!("again in 3 s\na\nb\n{BOX}"), "ready", "footer");
}

#[test]
fn a_line_that_a_narrow_pane_broke_is_still_found() {
    check("really trust\n  this\n  thing?\n Yes", "unknown", "");
    check("really trust\n this?\n\n Yes", "blocked: trust", "blocked-trust");
}

#[test]
fn an_agent_that_is_gone_has_no_state() {
    let mut absent = sample(BOX);
    absent.command = "-zsh".to_owned();
    check_sample(&absent, "unknown", "foreground");
    absent.command = "vim".to_owned();
    check_sample(&absent, "unknown", "foreground");
    let dead = Sample { dead: true, ..sample(BOX) };
    check_sample(&dead, "unknown", "dead");
    check("\n\n", "unknown", "blank");
}

#[test]
fn every_rule_says_why() {
    let profile = Profile::parse("test", PROFILE).unwrap();
    let screen = sample(&format!("trust this?\n Yes\ngave up\n{BOX}"));
    let said: Vec<String> =
        explain(&profile, &screen, &[]).rules.iter().map(ToString::to_string).collect();
    assert_eq!(said[0], "blocked-trust (blocked: trust): matches row 1, above the live box: `Yes`");
    assert_eq!(said[1], "blocked-other (blocked: other): does not find `press a key`");
    assert_eq!(said[5], "retrying (retrying): ruled out by `gave up`");
    assert_eq!(said[8], "footer (ready): matches row 6: `help`");
}

#[test]
fn a_question_does_not_reach_across_blank_rows_and_edges() {
    let profile = Profile::embedded("generic").unwrap();
    let check = |rows: &[&str], want: AgentState| {
        let rows = rows.iter().map(ToString::to_string).collect();
        let sample = Sample { rows, cursor: (3, 4), cursor_visible: true, ..Sample::default() };
        assert_eq!(classify(&profile, &sample).turn, want, "{sample:?}");
    };
    let edge = "~~~~~~~~~~~~~~~~~~~~";
    check(&["Zel v9", "● Allow, vox", "", edge, "::", edge, "  ? for help"], AgentState::Ready);
    check(
        &["Allow zel to read", "all your files?"],
        AgentState::Waiting(crate::model::Question::Permission),
    );
}
