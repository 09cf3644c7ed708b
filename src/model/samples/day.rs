//! A day of an orchestrator with ten workers, for tests of how much it has to read.
use super::{NOW, worker};
use crate::model::{
    AgentState, Ask, AskKind, Changes, Choice, Fact, FactSource, Item, ItemId, ItemKind, Origin,
    Process, Question, Reported, Timestamp, Worker,
};

/// The most that a list may take for each worker: 60 tokens of o200k. A tokenizer is no dependency of this program;
/// these lists have 3.3 characters or more a token, where a row of spaces counts as one.
const MAX_CHARS: usize = 60 * 33 / 10;

/// One worker's row: branch, title, what happened, and the words for it.
struct Row(&'static str, &'static str, What, &'static str);

enum What {
    Done,
    Failed,
    Asks,
    Permission,
    Works,
}

const ROWS: [Row; 10] = [
    Row(
        "github-issue-456",
        "Cache the rendered title of a post",
        What::Done,
        "The title is cached per locale and revision. All 214 tests pass. I left the invalidation on rename as it \
         was, because #460 is about it; the pull request says how to test by hand and what I measured before and after",
    ),
    Row(
        "github-issue-460",
        "Renaming a post leaves a stale title behind",
        What::Asks,
        "A rename while a draft is open can keep the old slug as a redirect, or drop it as the importer does. Which \
         one do you want? Redirects need a migration with a new table and a nightly job",
    ),
    Row(
        "github-pr-234",
        "Review: cache headers for static assets",
        What::Done,
        "Two findings: the Vary header is missing on the error path, and the max-age of fingerprinted assets is too \
         short. I left comments on both; neither blocks the merge",
    ),
    Row(
        "jira-ticket-shop-1207",
        "Checkout shows the wrong currency after a login on another device",
        What::Permission,
        "docker compose -f docker/compose.test.yml run --rm --build checkout bundle exec rspec spec/features/checkout",
    ),
    Row(
        "prompt-make-the-tests-faster",
        "Make the tests faster",
        What::Works,
        "Runs the database tests in parallel: 4 of 9 groups are done, the slowest fixture is next",
    ),
    Row(
        "prompt-find-out-why-the-nightly-import-fails",
        "Find out why the nightly import fails",
        What::Failed,
        "I cannot reproduce it: the dump of last night is not readable from here, and with the one of last week the \
         import succeeds three times of three",
    ),
    Row(
        "github-issue-471",
        "Dark mode for the settings page",
        What::Permission,
        "npm run test:visual -- --update",
    ),
    Row("github-issue-472", "Footer links are not reachable by keyboard", What::Works, ""),
    Row(
        "github-issue-475",
        "Export of large accounts runs out of memory",
        What::Done,
        "The export streams rows now and needs 40 MB for the largest account",
    ),
    Row(
        "bead-shop-a1b2",
        "Remove the old feature flags",
        What::Works,
        "Removing `new_checkout`, the last of five",
    ),
];

/// The workers, and what they need.
pub(crate) fn day() -> (Vec<Worker>, Vec<Item>) {
    let rows = || ROWS.iter().zip(1..);
    let workers = rows().map(|(row, n)| worker_of(row, n)).collect();
    (workers, rows().filter_map(|(row, n)| item_of(row, n)).collect())
}

/// Fails if this text is too long for so many workers.
#[track_caller]
#[expect(clippy::print_stdout, reason = "to count the tokens: `cargo nextest run --no-capture`")]
pub(crate) fn assert_short(text: &str, n: usize) {
    println!("{text}");
    let words: Vec<&str> = text.split_whitespace().collect();
    let (n_chars, most) = (words.join(" ").chars().count(), n * MAX_CHARS);
    assert!(n_chars <= most, "{n_chars} of {most} characters:\n{text}");
}

fn id(branch: &str) -> String {
    format!("webshop-{branch}")
}

fn worker_of(Row(branch, title, what, words): &Row, n: u64) -> Worker {
    let mut worker = worker(&id(branch));
    worker.project = "webshop".into();
    worker.branch = (*branch).to_owned();
    worker.source.title = (*title).to_owned();
    worker.state.process.value = Process::Running;
    let since = Timestamp(NOW.0 - n * 400_000);
    worker.state.turn.since = since;
    let (turn, reported) = match what {
        What::Done => (AgentState::Idle, Some(Reported::Done)),
        What::Failed => (AgentState::Idle, Some(Reported::Failed)),
        What::Asks => (AgentState::Idle, Some(Reported::Question)),
        What::Permission => (AgentState::Waiting(Question::Permission), None),
        What::Works => (AgentState::Working, None),
    };
    worker.state.turn.value = turn;
    let fact =
        |value| Fact { value, since, source: FactSource::Report, evidence: (*words).to_owned() };
    worker.state.reported = reported.map(fact);
    if let What::Permission = what {
        worker.state.asks = Some(permission(words));
    }
    if matches!(what, What::Works) && !words.is_empty() {
        worker.progress = Some(Fact {
            value: (*words).to_owned(),
            since: NOW,
            source: FactSource::Report,
            evidence: String::new(),
        });
    }
    if let What::Done = what {
        worker.pr = Some(format!("https://github.com/acme/webshop/pull/{}", 500 + n));
        let (head, pushed) = ("1a2b3c4d".repeat(5), None);
        let (added, deleted, ahead) = (112 * n, 38, 2);
        let changes = Changes { at: since, added, deleted, ahead, behind: 1, head, pushed };
        worker.work.changes = Some(changes);
    }
    worker
}

fn permission(command: &str) -> Ask {
    let choice = |it: &str| Choice { label: it.to_owned(), selected: false };
    Ask {
        kind: AskKind::Command,
        about: command.to_owned(),
        question: "Do you want to proceed?".into(),
        choices: CHOICES.map(choice).to_vec(),
        source: FactSource::Screen,
    }
}

const CHOICES: [&str; 3] = [
    "Yes",
    "Yes, and don't ask again for similar commands in /src/webshop.github-issue-471",
    "No, and tell Claude what to do differently (esc)",
];

fn item_of(Row(branch, _, what, words): &Row, n: u64) -> Option<Item> {
    let (kind, origin, choices) = match what {
        What::Done => (ItemKind::Done, Origin::Message, &[][..]),
        What::Failed => (ItemKind::Failed, Origin::Message, &[][..]),
        What::Asks => (ItemKind::Question, Origin::Message, &["Keep a redirect", "Drop it"][..]),
        What::Permission => (ItemKind::Permission, Origin::State, &CHOICES[..]),
        What::Works => return None,
    };
    let at = Timestamp(NOW.0 - n * 400_000);
    let choices = choices.iter().map(ToString::to_string).collect();
    let item = Item::new(id(branch).parse().unwrap(), kind, origin, at);
    Some(Item { id: ItemId(n + 40), text: (*words).to_owned(), choices, ..item })
}
