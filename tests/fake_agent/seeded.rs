//! A whole scenario out of one number. Nothing here is known to any profile.
use crate::{
    dialog::{Dialog, Kind},
    drawing::Drawing,
    random::{Random, capitalised},
    scenario::{Bracketed, Frame, Guard, Input, Interruption, Leave, Look, Phase, Scenario, Turns},
};

const RULES: &[&str] = &["─", "━", "═", "╌", "┄", "-", "=", "▔", "~"];
const PROMPTS: &[&str] = &[">", "❯", "›", "»", "▸", "λ", "→", "●", "▌", "✎", "::", "=>", ">>>"];
const POINTERS: &[&str] = &["❯", "›", ">", "▶", "→", "●", "*", "»", "➤"];
const BULLETS: &[&str] = &["●", "•", "◆", "-", "⏺", "▪", "+", "*"];
const SPINNERS: &[&str] =
    &["⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\", "◐◓◑◒", "▁▃▅▇▅▃", "✢✳✶✻✽", "◜◠◝◞◡◟", ".oOo", "←↑→↓"];

/// A calm agent that draws the same box every time: what a test starts from that is about something else.
pub(crate) fn plain() -> Scenario {
    Scenario {
        seed: 0,
        start_delay_ms: 0,
        notice: String::new(),
        early_input: Input::Kept,
        silence_ms: 0,
        splash_ms: 0,
        deaf_input: Input::Kept,
        loading_ms: 0,
        bracketed_paste: Bracketed::Early,
        alternate_screen: true,
        dialogs: Vec::new(),
        human_ms: 0,
        after_paste: None,
        enter_guard: Guard::None,
        enter_guard_ms: 120,
        lag_ms: 0,
        torn_ms: 0,
        fold_chars: 1000,
        turn: Turns {
            min_ms: 500,
            max_ms: 500,
            permission: None,
            retries: 0,
            fails: false,
            limit: String::new(),
            flood_ms: 0,
            shows_box: true,
            fps: 10,
        },
        leave: None,
        commands: false,
        says: false,
        look: Look {
            name: "Fake".to_owned(),
            frame: Frame::Rules,
            rule: "─".to_owned(),
            prompt: ">".to_owned(),
            placeholder: String::new(),
            footer: "? for help".to_owned(),
            cursor_visible: true,
            drawing: Drawing::Plain,
            title: String::new(),
            title_spins: false,
            spinner: "|/-\\".chars().map(String::from).collect(),
            verb: "Working".to_owned(),
            interrupt_hint: "esc to interrupt".to_owned(),
            bullet: "*".to_owned(),
            pointer: ">".to_owned(),
            docked: true,
        },
    }
}

/// Everything at random, but an agent that can be delivered to: it leaves early only if `may_leave`.
pub(crate) fn random(seed: u64, may_leave: bool) -> Scenario {
    let mut draw = Random::new(seed);
    let look = look(&mut draw);
    // A painted box that is not open yet takes text, so nothing may come between it and the prompt.
    let loading_ms = if draw.percent(15) { draw.between(300, 3000) } else { 0 };
    let n_dialogs = match draw.between(0, 9) {
        _ if loading_ms > 0 => 0,
        0..=5 => 0,
        6..=8 => 1,
        _ => 2,
    };
    let dialogs = (0..n_dialogs).map(|_| dialog(&mut draw)).collect();
    let after_paste = draw
        .percent(12)
        .then(|| Interruption { delay_ms: draw.between(5, 110), dialog: dialog(&mut draw) });
    let kept_or_dropped = |draw: &mut Random| match draw.percent(50) {
        true => Input::Kept,
        false => Input::Dropped,
    };
    Scenario {
        seed,
        start_delay_ms: draw.between(0, 8000),
        notice: if draw.percent(30) {
            format!("WARNING: {}", draw.phrase(4, 9))
        } else {
            String::new()
        },
        early_input: kept_or_dropped(&mut draw),
        silence_ms: if draw.percent(25) { 5000 } else { draw.between(0, 1500) },
        splash_ms: if draw.percent(40) { draw.between(100, 2000) } else { 0 },
        deaf_input: kept_or_dropped(&mut draw),
        loading_ms,
        bracketed_paste: match draw.between(0, 9) {
            0..=5 => Bracketed::Early,
            6..=8 => Bracketed::Ready,
            _ => Bracketed::Never,
        },
        alternate_screen: draw.percent(60),
        dialogs,
        human_ms: 0,
        after_paste,
        enter_guard: match draw.between(0, 2) {
            0 => Guard::None,
            1 => Guard::Swallow,
            _ => Guard::Newline,
        },
        enter_guard_ms: 120,
        lag_ms: if draw.percent(40) { draw.between(10, 400) } else { 0 },
        torn_ms: if draw.percent(40) { draw.between(5, 40) } else { 0 },
        fold_chars: if draw.percent(50) { 200 } else { 0 },
        turn: turns(&mut draw),
        leave: (may_leave && draw.percent(25)).then(|| leave(&mut draw)),
        commands: false,
        says: false,
        look,
    }
}

fn look(draw: &mut Random) -> Look {
    let name = draw.phrase(1, 2);
    let placeholder = match draw.between(0, 3) {
        0 => String::new(),
        1 => format!("Ask {name} to do anything"),
        2 => format!("Type {} here", draw.word()),
        _ => draw.phrase(2, 6),
    };
    let footer = match draw.between(0, 4) {
        0 => String::new(),
        1 => {
            format!("? for {} · ctrl+{} {}", draw.word(), draw.pick(&["g", "t", "x"]), draw.word())
        }
        2 => format!("{}-{} · ~/{}", draw.word(), draw.between(1, 9), draw.word()),
        3 => format!(
            "{} {}%/{}k ({})",
            draw.word(),
            draw.between(0, 99),
            draw.between(8, 900),
            draw.word()
        ),
        _ => format!("⏵⏵ {} on (shift+tab to cycle)", draw.word()),
    };
    let frames = [Frame::Rules, Frame::Rules, Frame::Box, Frame::Box, Frame::Bar, Frame::Bare];
    let frame = draw.pick(&frames.map(Some)).unwrap_or(Frame::Rules);
    Look {
        frame,
        rule: draw.pick(RULES).to_owned(),
        prompt: draw.pick(PROMPTS).to_owned(),
        placeholder,
        footer,
        // Without a frame the cursor is what tells a box from a line of text.
        cursor_visible: draw.percent(50) || frame == Frame::Bare,
        drawing: Drawing::Plain,
        title: match draw.between(0, 2) {
            0 => String::new(),
            1 => name.clone(),
            _ => format!("{} - {}", draw.pick(BULLETS), draw.word()),
        },
        title_spins: draw.percent(30),
        spinner: draw.pick(SPINNERS).chars().map(String::from).collect(),
        verb: format!("{}ing", capitalised(&draw.word())),
        interrupt_hint: draw
            .pick(&["esc to interrupt", "esc to stop", "ctrl+c cancels", ""])
            .to_owned(),
        bullet: draw.pick(BULLETS).to_owned(),
        pointer: draw.pick(POINTERS).to_owned(),
        docked: draw.percent(60),
        name,
    }
}

/// A question that a stranger to this agent can see to be one: a list with a marked entry, or a hint.
fn dialog(draw: &mut Random) -> Dialog {
    let kinds = [Kind::Numbered, Kind::Menu, Kind::Letter, Kind::Buttons, Kind::Key].map(Some);
    let kind = draw.pick(&kinds).unwrap_or(Kind::Numbered);
    let asks = ["Do you trust", "Do you want to allow", "Allow", "Shall we", "Continue with"];
    let question = match kind {
        Kind::Key => draw.phrase(3, 8),
        _ => format!("{} {}?", draw.pick(&asks), draw.phrase(1, 4).to_lowercase()),
    };
    let hint = draw.pick(hints(kind)).to_owned();
    let (entries, chosen, right) = match kind {
        Kind::Letter => (vec!["yes".into(), "no".into()], usize::from(hint != "[Y/n]"), 0),
        Kind::Key => (vec!["on".into()], 0, 0),
        Kind::Numbered | Kind::Menu | Kind::Buttons => entries(draw),
    };
    Dialog { kind, heading: draw.phrase(1, 3), question, entries, chosen, right, hint }
}

fn hints(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Numbered | Kind::Menu => &[
            "enter to confirm · esc to cancel",
            "↑↓ navigate · enter select",
            "Press enter to continue",
            "",
        ],
        Kind::Buttons => &["←→ select · enter confirm"],
        Kind::Letter => &["[y/N]", "(y/n)", "[Y/n]", "y/n:"],
        Kind::Key => {
            &["Press any key to continue", "Press Enter to continue", "Hit any key", "press return"]
        }
    }
}

/// Labels, the highlighted one, the right one. Neither order nor highlight is a help: the default may be the
/// one that ends it all.
fn entries(draw: &mut Random) -> (Vec<String>, usize, usize) {
    let yes = format!("{}, {}", draw.pick(&["Yes", "Allow", "Continue", "Proceed"]), draw.word());
    let no = format!("{}, {}", draw.pick(&["No", "Exit", "Reject", "Cancel"]), draw.word());
    let mut entries = vec![yes.clone(), no];
    if draw.percent(40) {
        entries.push(draw.phrase(1, 4));
    }
    let turned = draw.index(entries.len());
    entries.rotate_left(turned);
    let right = entries.iter().position(|it| *it == yes).unwrap_or(0);
    let chosen = draw.index(entries.len());
    (entries, chosen, right)
}

fn turns(draw: &mut Random) -> Turns {
    Turns {
        min_ms: 300,
        max_ms: draw.between(400, 6000),
        permission: draw.percent(15).then(|| dialog(draw)),
        retries: if draw.percent(10) { draw.between(1, 3) } else { 0 },
        fails: draw.percent(8),
        limit: String::new(),
        flood_ms: if draw.percent(8) { draw.between(200, 2000) } else { 0 },
        shows_box: draw.percent(70),
        fps: 10,
    }
}

fn leave(draw: &mut Random) -> Leave {
    let phases = [Phase::Cooked, Phase::Deaf, Phase::Ready, Phase::Working].map(Some);
    Leave {
        phase: draw.pick(&phases).unwrap_or(Phase::Ready),
        after_ms: draw.between(0, 3000),
        code: draw.pick(&[0, 1, 3, 130, -9, -2, -15]),
    }
}
