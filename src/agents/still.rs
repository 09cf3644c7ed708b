//! Decides whether a screen is unchanged.
//!
//! Output that leaves the relevant text unchanged is not work: a program draws its cursor blinking,
//! animates a logo, or redraws a status line.
use super::{glyphs, input_box::Found};
use crate::model::Sample;

/// Movement further above the box than this is decoration: an agent at work moves near the box.
const NEAR: usize = 12;

/// Both captures show the same, as far as it matters for the agent. `found` is the box of `after`.
pub fn stands(before: &Sample, after: &Sample, found: Option<&Found>) -> bool {
    let from = found.map_or(0, |it| it.first.saturating_sub(NEAR));
    let row = |sample: &'_ Sample, at: usize| sample.rows.get(at).cloned().unwrap_or_default();
    let is_same = |at: usize| {
        let (before, after) = (row(before, at), row(after, at));
        let in_box = found.is_some_and(|it| (it.first..=it.last).contains(&at));
        before == after || in_box && glyphs::of(&before) == glyphs::of(&after)
    };
    let n_rows = before.rows.len().max(after.rows.len());
    before.size == after.size
        && before.title == after.title
        && before.command == after.command
        && before.dead == after.dead
        && before.cursor.1 == after.cursor.1
        && (from..n_rows).all(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::{GENERIC, Profile, judge};

    fn screen(logo: &str, status: &str, text: &str, cursor: (u16, u16)) -> Sample {
        let mut rows = vec![logo.to_owned(), "Some agent".to_owned()];
        rows.extend(std::iter::repeat_n(String::new(), 20));
        rows.extend([status.to_owned(), "─".repeat(40), format!("> {text}"), "─".repeat(40)]);
        Sample { rows, cursor, cursor_visible: true, size: (40, 30), ..Sample::default() }
    }

    #[track_caller]
    fn check(other: &Sample, want: bool) {
        let first = screen("⢠⢢", "idle", "", (2, 24));
        let found = judge(&Profile::shared(GENERIC).unwrap(), other, &[]).found;
        assert!(found.is_some());
        assert_eq!(stands(&first, other, found.as_ref()), want, "{other:?}");
    }

    #[test]
    fn a_cursor_that_blinks_and_a_logo_that_turns_are_no_change() {
        check(&screen("⢠⢢", "idle", "", (2, 24)), true);
        check(&Sample { cursor_visible: false, ..screen("⢠⢢", "idle", "", (2, 24)) }, true);
        check(&screen("⢠⢢", "idle", "█", (2, 24)), true);
        check(&screen("⡔⢄", "idle", "", (2, 24)), true);
        check(&screen("⢠⢢", "busy", "", (2, 24)), false);
        check(&screen("⢠⢢", "idle", "x", (3, 24)), false);
        let titled = Sample { title: "⠋ x".to_owned(), ..screen("⢠⢢", "idle", "", (2, 24)) };
        check(&titled, false);
    }
}
