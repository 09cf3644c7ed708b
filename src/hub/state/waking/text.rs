//! The line that wakes a parent. Pure.
use crate::{
    model::{Item, ItemKind},
    text::one_line,
};

/// So many workers are named in one line.
const NAMED: usize = 3;
/// Longest part about one worker, in characters.
const MAX_PART: usize = 120;

/// An item, and the pull request of its worker.
pub(in crate::hub::state) type News<'a> = (&'a Item, Option<&'a str>);

/// What the parent is told about these items, the newest first. One line,
/// clean: an agent takes what it is told as an order of its user.
pub(super) fn line(news: &[News<'_>]) -> String {
    let summary = summary(news);
    let end = if summary.ends_with(['?', '!', '…']) { "" } else { "." };
    format!("[wtmag] {summary}{end} Run `wtmag inbox`.")
}

/// The same for a person.
pub(in crate::hub::state) fn summary(news: &[News<'_>]) -> String {
    let parts: Vec<String> = news.iter().take(NAMED).map(|(item, pr)| part(item, *pr)).collect();
    let more = news.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let mut ids: Vec<_> = news.iter().map(|(item, _)| &item.worker).collect();
    ids.sort_unstable();
    ids.dedup();
    let head = match ids.len() {
        0 | 1 => String::new(),
        n => format!("{n} workers need you: "),
    };
    format!("{head}{}{more}", parts.join("; "))
}

fn part(item: &Item, pr: Option<&str>) -> String {
    let id = item.worker.as_str();
    let text = one_line(&item.text, MAX_PART);
    let with = |words: &str| match text.as_str() {
        "" => format!("{id} {words}"),
        text => format!("{id} {words}: {}", text.trim_end_matches(['.', ':'])),
    };
    match item.kind {
        ItemKind::Question => with("asks"),
        ItemKind::Permission => with("asks for permission"),
        ItemKind::Blocked => with("is blocked"),
        ItemKind::Done => {
            let pr = pr.and_then(|url| url.rsplit('/').next());
            let pr =
                pr.map(|number| format!(" (PR #{})", one_line(number, 20))).unwrap_or_default();
            with(&format!("is done{pr}"))
        }
        ItemKind::Failed => with("failed"),
        ItemKind::Limited => with("has reached a usage limit"),
        ItemKind::Exited => format!("{id}: {text}"),
        ItemKind::Lost => with("is lost"),
        ItemKind::Stalled => with("may be stuck"),
        ItemKind::Delivery => with("did not get a text"),
        ItemKind::Bell => with("rang the bell"),
        ItemKind::Review => with("has a pull request"),
        ItemKind::Schedule => with("did not get what was scheduled"),
        ItemKind::Answer => {
            let answer = item.answer.as_ref().map(|it| it.text.as_str()).unwrap_or_default();
            format!("{id} answers: {}", one_line(answer, MAX_PART))
        }
        ItemKind::Run => text,
        ItemKind::Other(_) => with("needs you"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ItemId, Origin, Timestamp};

    fn item(worker: &str, kind: ItemKind, text: &str) -> Item {
        Item {
            id: ItemId(1),
            text: text.into(),
            ..Item::new(worker.parse().unwrap(), kind, Origin::State, Timestamp(0))
        }
    }

    #[test]
    fn a_line_names_the_newest_and_counts_the_rest() {
        let pr = Some("https://github.com/a/b/pull/501");
        let done = item("webshop-456", ItemKind::Done, "All green.");
        let asks = item("webshop-docs", ItemKind::Permission, "npm test");
        assert_eq!(
            line(&[(&asks, None)]),
            "[wtmag] webshop-docs asks for permission: npm test. Run `wtmag inbox`."
        );
        assert_eq!(
            line(&[(&asks, None), (&done, pr)]),
            "[wtmag] 2 workers need you: webshop-docs asks for permission: npm test; webshop-456 is done \
             (PR #501): All green. Run `wtmag inbox`."
        );
        let five = [(&asks, None); 5];
        assert!(line(&five).ends_with("; and 2 more. Run `wtmag inbox`."), "{}", line(&five));
    }

    #[test]
    fn what_agents_say_stays_one_clean_line() {
        for text in ["a\nb\x1b[2J", "#{x}\u{202e}y", &"long ".repeat(1000)] {
            let all = [
                ItemKind::Question,
                ItemKind::Failed,
                ItemKind::Exited,
                ItemKind::Lost,
                ItemKind::Stalled,
                ItemKind::Delivery,
                ItemKind::Bell,
                ItemKind::Blocked,
                ItemKind::Limited,
                ItemKind::Schedule,
            ];
            for kind in all {
                let line = line(&[(&item("a", kind, text), None)]);
                assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
                assert!(line.chars().count() < 250, "{line}");
            }
        }
    }
}
