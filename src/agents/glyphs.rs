//! Decides when two texts are the same to a terminal.
//!
//! Between a text and its display are a program and tmux. They wrap, indent and frame it; they draw
//! a character as its parts; they remove characters without width; and a cell holds 21 bytes, so
//! the end of a long emoji is lost. Texts are therefore compared as [`Glyph`]s: in compatibility
//! form, without marks and invisible characters. A glyph that terminals lose may be missing on the
//! screen. A glyph that is only on the screen was typed by someone else.
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

/// A character of a text that a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glyph {
    pub(crate) c: char,
    loss: Loss,
}

/// How likely it is that a character is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// Every terminal shows it.
    Never,
    /// A terminal may not know it yet.
    Seldom,
    /// Emoji, symbols, private use, scripts of newer Unicode than the terminal's: often without a cell of
    /// their own.
    Often,
}

/// One of this many rarely lost characters may be missing.
const SELDOM: usize = 10;

fn class(pattern: &'static str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

static INVISIBLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    class(r"[\p{Cc}\p{Cf}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\p{Emoji_Modifier}\x{FFFD}]")
});

static OFTEN_LOST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // The jamo are vowels and finals that join the preceding letter. Unicode 12.1 is of 2019: a system
    // with tmux 3.2 knows it.
    class(
        r"[\P{Age=12.1}\p{Co}\p{Cn}\p{So}\p{Sk}\p{Extended_Pictographic}\p{Regional_Indicator}\x{1160}-\x{11FF}\x{D7B0}-\x{D7FF}]",
    )
});

fn is_in(class: &LazyLock<Option<Regex>>, c: char) -> bool {
    let mut bytes = [0; 4];
    class.as_ref().is_some_and(|it| it.is_match(c.encode_utf8(&mut bytes)))
}

/// White space, controls, line drawing and invisible characters may come from the program, so they
/// are ignored.
pub(crate) fn counts(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    !('\u{2500}'..='\u{259f}').contains(&c) && !is_in(&INVISIBLE, c)
}

/// Whether a text shows nothing.
pub fn is_invisible(text: &str) -> bool {
    !text.chars().any(counts)
}

/// The glyphs of one character: one, or its parts.
pub(crate) fn of_char(c: char) -> impl Iterator<Item = Glyph> {
    let is_shown = counts(c);
    let loss = match c {
        // What is not shown has none, and screens are full of frames.
        _ if c.is_ascii() || !is_shown => Loss::Never,
        _ if is_in(&OFTEN_LOST, c) => Loss::Often,
        _ => Loss::Seldom,
    };
    // Some programs draw a tab as `^I`.
    let tab = (c == '\t').then_some(['^', 'I']).into_iter().flatten();
    let tab = tab.map(|c| Glyph { c, loss: Loss::Often });
    let visible = Some(c).filter(|_| is_shown);
    let parts = visible.into_iter().flat_map(|c| std::iter::once(c).nfkd());
    tab.chain(parts.filter(|c| counts(*c)).map(move |c| Glyph { c, loss }))
}

pub(crate) fn of(text: &str) -> Vec<Glyph> {
    up_to(text, usize::MAX)
}

/// The first `n` of a text, or a few more.
pub(crate) fn up_to(text: &str, n: usize) -> Vec<Glyph> {
    let mut glyphs = Vec::new();
    for c in text.chars() {
        if glyphs.len() >= n {
            break;
        }
        if c.is_ascii_graphic() {
            glyphs.push(Glyph { c, loss: Loss::Never });
        } else {
            glyphs.extend(of_char(c));
        }
    }
    glyphs
}

/// How far the display matches a text, in glyphs of each.
pub(crate) fn walk(shown: &[Glyph], text: &[Glyph]) -> (usize, usize) {
    let (mut n_shown, mut n_text) = (0, 0);
    let mut may_miss = (text.len() + SELDOM / 2) / SELDOM;
    for glyph in text {
        if shown.get(n_shown).is_some_and(|it| it.c == glyph.c) {
            n_shown += 1;
        } else {
            match glyph.loss {
                Loss::Never => break,
                Loss::Seldom if may_miss == 0 => break,
                Loss::Seldom => may_miss -= 1,
                Loss::Often => {}
            }
        }
        n_text += 1;
    }
    (n_shown, n_text)
}

/// The display is exactly the text.
pub(crate) fn is_all(shown: &[Glyph], text: &[Glyph]) -> bool {
    shown.is_empty() == text.is_empty() && walk(shown, text) == (shown.len(), text.len())
}

/// The display is exactly the text, when of the marked glyphs some may be another's.
pub(crate) fn is_all_among(shown: &[(Glyph, bool)], text: &[Glyph]) -> bool {
    // For each beginning of the text that the display may have shown so far: the rarely lost characters
    // that it then lacks.
    let mut lacks = vec![None; text.len() + 1];
    if let Some(first) = lacks.first_mut() {
        *first = Some(0);
    }
    skip_lost(&mut lacks, text);
    for (glyph, may_be_anothers) in shown {
        let behind = lacks.iter().zip(text).map(|(n, it)| n.filter(|_| it.c == glyph.c));
        let behind = std::iter::once(None).chain(behind);
        let beside = |n: &Option<usize>| n.filter(|_| *may_be_anothers);
        lacks = lacks.iter().zip(behind).map(|(n, m)| fewest(beside(n), m)).collect();
        skip_lost(&mut lacks, text);
    }
    let may_miss = (text.len() + SELDOM / 2) / SELDOM;
    lacks.last().copied().flatten().is_some_and(|n| n <= may_miss)
}

fn fewest(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    one.into_iter().chain(other).min()
}

/// Passes characters that terminals lose.
fn skip_lost(lacks: &mut [Option<usize>], text: &[Glyph]) {
    let mut before = None;
    for (n, lost) in lacks.iter_mut().zip(std::iter::once(None).chain(text.iter().map(Some))) {
        let skipped = match lost.map(|it| it.loss) {
            None | Some(Loss::Never) => None,
            Some(Loss::Seldom) => before.map(|it: usize| it + 1),
            Some(Loss::Often) => before,
        };
        *n = fewest(*n, skipped);
        before = *n;
    }
}

/// The display begins the text; returns how much of the text that is.
pub(crate) fn begins(shown: &[Glyph], text: &[Glyph]) -> Option<usize> {
    let shown_within = shown.len().min(text.len());
    let (n_shown, _) = walk(shown, text);
    (n_shown == shown.len()).then_some(shown_within)
}

/// Where the text may begin in the display: at its first glyph that is never lost, or one before
/// it.
pub(crate) fn may_begin(glyph: &Glyph, text: &[Glyph]) -> bool {
    let n_lost = text.iter().take_while(|it| it.loss != Loss::Never).count();
    text.iter().take(n_lost + 1).any(|it| it.c == glyph.c)
}

/// The display is a part of the text.
pub(crate) fn is_piece(shown: &[Glyph], text: &[Glyph]) -> bool {
    let Some(first) = shown.first() else { return false };
    let starts = text.iter().enumerate().filter(|(_, it)| it.c == first.c).map(|(at, _)| at);
    starts.into_iter().any(|at| {
        let rest = text.get(at..).unwrap_or_default();
        walk(shown, rest).0 == shown.len()
    })
}

/// The display contains the text.
pub(crate) fn contains(shown: &[Glyph], text: &[Glyph]) -> bool {
    (0..shown.len()).any(|at| {
        let rest = shown.get(at..).unwrap_or_default();
        rest.first().is_some_and(|it| may_begin(it, text)) && walk(rest, text).1 == text.len()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str, want: bool) {
        assert_eq!(is_all(&of(shown), &of(text)), want, "{text} {shown}");
    }

    #[test]
    fn what_terminals_do_to_a_text_leaves_it_the_same() {
        check("Mike4 👩‍👩‍👧‍👦 family 👩🏽‍💻 end", "Mike4 👩‍👩‍👧 family 👩 end", true);
        check("हिन्दी text", "हन्द text", true);
        check("กำ คำ", "กํา คํา", true);
        check("zero\u{200b}width\u{2060}\u{feff} space", "zerowidth space", true);
        check("cafe\u{301} naïve", "café nai\u{308}ve", true);
        check("to be\tdone", "to be^Idone", true);
        check("to be\tdone", "to be done", true);
        check("wait… ﬁne", "wait... fine", true);
        check("한국어", "한국어", true);
        check("👍", "👍", true);
        check("a flag 🇩🇪 here", "a flag here", true);
        // Unicode 15 and 16, in a terminal of Unicode 14.
        let new = "text1of77333066 𑛓၄ ˉ𖭃𚿽𖵫ˣ𞓫 𐵮⸚ ．\"§⸛ ゠－〜᠆𐵮 \u{2029} 𐍊〹ⅿ〇〇Ⅳ";
        let old = "text1of77333066 ၄ ˉ𖭃𚿽ˣ ⸚ ．\"§⸛ ゠－〜᠆  𐍊〹ⅿ〇〇Ⅳ";
        check(new, old, true);
        check(new, &format!("{old}x"), false);
    }

    #[test]
    fn what_was_typed_beside_a_text_makes_it_another() {
        check("do it", "do itx", false);
        check("do it", "please do it", false);
        check("do it", "do", false);
        check("do it", "", false);
        check("日本語のテキスト", "日本", false);
        check("日本", "日本語", false);
        check("👍", "👍👍", false);
        check("👍 done", "👎 done", false);
        check("", "x", false);
        check("go ^I on", "go I on", false);
    }

    #[test]
    fn a_long_text_may_show_in_part() {
        let text = of(&"lorem ipsum 👩🏽‍💻 dolor ".repeat(20));
        assert!(is_piece(&of("ipsum dolor lorem ipsum 👩 dolor lorem"), &text));
        assert!(!is_piece(&of("ipsum dolor lorem ipsum dolor AND lorem"), &text));
        assert!(contains(&of("first do it then"), &of("do it")));
        assert!(!contains(&of("first do that"), &of("do it")));
    }

    proptest! {
        #[test]
        fn every_text_is_itself_however_it_is_composed(text in "[^\t^]{0,60}") {
            let glyphs = of(&text);
            prop_assert!(is_all(&glyphs, &glyphs));
            let shown: String = text.nfc().collect();
            prop_assert!(is_all(&of(&shown), &glyphs), "{text:?}");
            let shown: String = text.nfd().filter(|c| counts(*c)).collect();
            prop_assert!(is_all(&of(&shown), &glyphs), "{text:?}");
        }

        #[test]
        fn letters_beside_a_text_are_never_taken_for_it(text in ".{0,60}", more in "[a-z]{1,5}") {
            let glyphs = of(&text);
            let [before, behind] = [more.clone() + &text, text + &more].map(|it| of(&it));
            prop_assert!(!is_all(&before, &glyphs));
            prop_assert!(!is_all(&behind, &glyphs));
        }
    }
}
