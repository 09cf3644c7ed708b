//! The rows of the table of losses, once more for work that the user drops: by `--abandon`, which takes all that
//! a backup keeps, and by `--discard STATE`, which takes exactly that state. And for `--merged`: a landing
//! excuses commits that the target has, and nothing else.
use std::{collections::BTreeMap, fs, path::Path};

use wtmag::{
    git::{
        Error, Repo, RepoLock,
        removal::{self, Facts, Insist, Loss, Policy, Subject, backup},
    },
    model::{Landed, Timestamp},
};

use super::{
    lab::{Lab, git, tip},
    losses::{Ground, Row, listing, removal_place},
};

/// What a worktree holds besides ignored files.
type Files = BTreeMap<String, Vec<u8>>;

fn files(dir: &Path) -> Files {
    let names = git(dir, ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let read = |name: &str| {
        let path = dir.join(name);
        let link = fs::read_link(&path).map(|it| it.display().to_string().into_bytes());
        Some((name.to_owned(), link.or_else(|_| fs::read(&path)).ok()?))
    };
    names.split('\0').filter(|it| !it.is_empty()).filter_map(read).collect()
}

async fn look(lab: &Lab, ground: &Ground) -> (Facts, Option<String>) {
    lab.run(async |run| {
        let lock = RepoLock::acquire_damaged(&ground.common, run).await.unwrap();
        let facts = removal::look(&lock, &ground.subject(), run).await.unwrap();
        let state = removal::state_of(&facts, run).await.unwrap();
        (facts, state)
    })
    .await
}

/// What would be lost if the branch had landed at its newest commit.
pub(crate) async fn lost_after_landing(lab: &Lab, ground: &Ground) -> Option<Vec<String>> {
    let repo = Repo::discover(&ground.main).ok()?;
    let tip = repo.branch_tip("work").ok()??;
    let landed =
        Landed { into: "main".into(), commit: None, tip, how: "found".into(), at: Timestamp(0) };
    let subject = Subject { landed: Some(&landed), ..ground.subject() };
    let facts = lab
        .run(async |run| {
            let lock = RepoLock::acquire_damaged(&ground.common, run).await.unwrap();
            removal::look(&lock, &subject, run).await.unwrap()
        })
        .await;
    Some(removal::losses(&facts, Policy::Before).iter().map(Loss::to_string).collect())
}

/// The row, dropped in both ways, each on new ground.
pub(crate) async fn check(lab: &Lab, prefix: &str, (name, make, _): &Row) {
    for discards in [false, true] {
        let ground = Ground::new(lab, &format!("{prefix}-{discards}")).await;
        make(&ground);
        let at = removal_place(&ground);
        let (facts, state) = look(lab, &ground).await;
        let losses = removal::losses(&facts, Policy::Before);
        let what = format!("{name}, discarded: {discards}: {losses:?}");
        let insist = match (&state, discards) {
            (Some(state), true) => Insist::Discard(state),
            (None, true) => continue,
            (_, false) => Insist::Abandon,
        };
        let before = listing(&at);
        if !insist.left(&losses).is_empty() {
            let refused = ground.insist(lab, insist).await;
            assert!(refused.is_err(), "{what}");
            assert_eq!(listing(&at), before, "{what}");
            continue;
        }
        if discards {
            let refused = ground.insist(lab, Insist::Discard(&"0".repeat(40))).await;
            assert!(refused.is_err(), "{what}: {refused:?}");
            assert_eq!(listing(&at), before, "{what}");
        }
        let branch = git(&at, ["branch", "--show-current"]);
        let of_branch = format!("refs/heads/{branch}");
        let is_unborn = !branch.is_empty() && git(&at, ["for-each-ref", &of_branch]).is_empty();
        let (held, head) = (files(&at), (!is_unborn).then(|| tip(&at, "HEAD")));
        let done = ground.insist(lab, insist).await;
        assert!(done.is_ok() && !at.exists(), "{what}: {done:?}");
        git(&ground.main, ["gc", "-q", "--prune=now"]);
        let restored = restore(lab, &ground).await;
        assert!(restored.is_ok(), "{what}: {restored:?}");
        let back = if at.exists() { &at } else { &ground.wt };
        let Some(head) = head else {
            // There is no commit to come back to; the files are all there.
            assert_eq!(files(back), held, "{what}");
            continue;
        };
        assert_eq!(git(&ground.main, ["cat-file", "-t", &head]), "commit", "{what}");
        if branch != "work" {
            // The branch comes back; what was checked out instead is kept by a name.
            let kept = git(&ground.main, ["for-each-ref", "--count=1", "--contains", &head]);
            assert!(!kept.is_empty(), "{what}");
            continue;
        }
        // A replace ref of the user's decides what git checks out.
        if git(&ground.main, ["replace", "--list"]).is_empty() {
            assert_eq!(files(back), held, "{what}");
        }
        assert_eq!(tip(back, "HEAD"), head, "{what}");
    }
}

async fn restore(lab: &Lab, ground: &Ground) -> Result<backup::Restored, Error> {
    let repo = Repo::discover(&ground.main).unwrap();
    let found = backup::list(&ground.common).unwrap().remove(0);
    lab.run(async |run| {
        let lock = RepoLock::acquire(&repo, run).await?;
        backup::restore(&repo, &lock, &found, run).await
    })
    .await
}
