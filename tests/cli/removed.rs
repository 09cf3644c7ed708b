//! A worker that was removed is told as removed wherever it is named, with what is left of it and what to type.
use std::path::Path;

use super::desk::Desk;

#[test]
fn a_removed_worker_is_told_as_removed_with_the_way_back() {
    let desk = Desk::new();
    let id = desk.worker("gone");
    desk.wtmag(&["wait", &id]).success();
    let commit = "echo x >x && git add x && git commit -qm X";
    desk.wtmag(&["exec", &id, "--", "sh", "-c", commit]).success();
    desk.wtmag(&["cleanup", &id, "--abandon"]).success();
    let restore = format!("hint: `wtmag restore {id}` brings its branch and worktree back");
    let needs = [
        &["path", "gone"][..],
        &["exec", "gone", "--", "true"],
        &["send", "gone", "hello"],
        &["ask", "gone", "why?"],
        &["answer", "gone"],
        &["wait", "gone"],
        &["explain", "gone"],
        &["promote", "gone"],
        &["cleanup", "gone"],
        &["land", "gone", "--yes"],
        &["resume", "gone"],
    ];
    for args in needs {
        let said = desk.wtmag(args).failure(1);
        let words = format!("error: `{id}` was removed ");
        assert!(said.starts_with(&words) && said.contains(&restore), "{args:?}: {said}");
        assert!(said.contains("; a backup of its branch `gone` is kept for 30d"), "{said}");
    }
    let show = desk.wtmag(&["show", "gone"]);
    assert!(show.stderr.starts_with(&format!("note: `{id}` was removed ")), "{show}");
    assert!(show.success().contains("state     removed "), "it had another state before");
    for args in [&["diff", "gone", "--stat"][..], &["log", "gone"]] {
        let ran = desk.wtmag(args);
        assert!(ran.stderr.contains("brings its branch and worktree back, then"), "{ran}");
        ran.success();
    }
    let said = desk.wtmag(&["said", "gone"]).failure(1);
    assert!(said.contains("wtmag log blog-gone --screens"), "{said}");
    // From elsewhere, the repository is named.
    let home = desk.sandbox.path("home");
    let said = desk.run(&["path", "gone"]).cwd(&home).run().failure(1);
    let there = format!("`wtmag restore {id} -C {}`", desk.dir.display());
    assert!(said.contains(&there), "{said}");
    // A wrong name that looks like it leads there.
    let said = desk.wtmag(&["path", "blog-gonne"]).failure(1);
    assert!(said.contains(&format!("did you mean `{id}`, which was removed?")), "{said}");
    assert!(said.contains("wtmag list --all --ended"), "{said}");
    assert!(desk.wtmag(&["list", "--all", "--ended"]).success().contains("removed"));

    desk.run(&["restore", &id, "-C", desk.dir.to_str().unwrap()]).cwd(&home).run().success();
    let said = desk.wtmag(&["send", "gone", "hello"]).failure(1);
    assert!(said.contains("; its branch `gone` is kept\nhint: `wtmag resume "), "{said}");
    desk.wtmag(&["resume", "gone", "--fresh", "--prompt", "Go on"]).success();
    let path = desk.wtmag(&["path", "gone"]).success();
    assert!(Path::new(path.trim()).join("x").exists(), "its work is there again");
}
