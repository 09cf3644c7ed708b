//! The line that wakes a parent. Pure.
use crate::{
    model::{Item, ItemKind, Worker},
    text::one_line,
};

/// So many workers are named in one line.
const NAMED: usize = 3;
/// Longest part about one worker, in characters.
const MAX_PART: usize = 120;

/// What the parent is told about these items, the newest first, each with its worker. One line,
/// clean: an agent takes what it is told as an order of its user.
pub(super) fn line(news: &[(&Item, &Worker)]) -> String {
    let summary = summary(news);
    let end = if summary.ends_with(['?', '!', '…']) { "" } else { "." };
    format!("[wtmag] {summary}{end} Run `wtmag inbox`.")
}

/// The same for a person.
pub(in crate::hub::state) fn summary(news: &[(&Item, &Worker)]) -> String {
    let parts: Vec<String> =
        news.iter().take(NAMED).map(|(item, worker)| part(item, worker)).collect();
    let more = news.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let mut ids: Vec<_> = news.iter().map(|(_, worker)| &worker.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let head = match ids.len() {
        0 | 1 => String::new(),
        n => format!("{n} workers need you: "),
    };
    format!("{head}{}{more}", parts.join("; "))
}

fn part(item: &Item, worker: &Worker) -> String {
    let id = worker.id.as_str();
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
            let pr = worker.pr.as_deref().and_then(|url| url.rsplit('/').next());
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
        ItemKind::Answer => {
            let answer = item.answer.as_ref().map(|it| it.text.as_str()).unwrap_or_default();
            format!("{id} answers: {}", one_line(answer, MAX_PART))
        }
        ItemKind::Other(_) => with("needs you"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        hub::state::tests::inbox::plain_worker,
        model::{ItemId, Origin, Timestamp},
    };

    fn item(kind: ItemKind, text: &str) -> Item {
        Item {
            id: ItemId(1),
            text: text.into(),
            ..Item::new("a".parse().unwrap(), kind, Origin::State, Timestamp(0))
        }
    }

    #[test]
    fn a_line_names_the_newest_and_counts_the_rest() {
        let (mut one, other) = (plain_worker("webshop-456"), plain_worker("webshop-docs"));
        one.pr = Some("https://github.com/a/b/pull/501".into());
        let done = item(ItemKind::Done, "All green.");
        let asks = item(ItemKind::Permission, "npm test");
        assert_eq!(
            line(&[(&asks, &other)]),
            "[wtmag] webshop-docs asks for permission: npm test. Run `wtmag inbox`."
        );
        assert_eq!(
            line(&[(&asks, &other), (&done, &one)]),
            "[wtmag] 2 workers need you: webshop-docs asks for permission: npm test; webshop-456 is done \
             (PR #501): All green. Run `wtmag inbox`."
        );
        let five = [(&asks, &other); 5];
        assert!(line(&five).ends_with("; and 2 more. Run `wtmag inbox`."), "{}", line(&five));
    }

    #[test]
    fn what_agents_say_stays_one_clean_line() {
        let worker = plain_worker("a");
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
            ];
            for kind in all {
                let line = line(&[(&item(kind, text), &worker)]);
                assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
                assert!(line.chars().count() < 250, "{line}");
            }
        }
    }
}
