//! `wtmag diff`.
use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::{
    Context, Failure,
    output::{Paint, Style, count},
    pager, removed,
    resolve::{self, Target},
};
use crate::{
    git::{
        Repo, Run,
        changes::{self, Commit, FileChange, Form, Part, Sides, Subject, Total},
    },
    model::Worker,
    proc::Cancel,
    text::clean,
};

/// Show what a worker changed
///
/// Compares the worktree with the commit where the branch left its base: first the commits, then the
/// uncommitted and untracked files. It does not matter whether the base has moved since, was merged into the
/// branch, or was rewritten. Files that git ignores are left out. Nothing is fetched or changed.
///
/// In a terminal, the output is shown as `git diff` shows it: with your colours, in the pager of your git
/// configuration; if you have configured none and `delta` is installed, in `delta`.
///
/// The commits and files of a removed worker are shown as long as `wtmag restore` can bring them back.
///
/// Without an ID: the worker of the current worktree or tmux window.
///
/// With --json: {"id", "branch", "worktree", "head", "base": {"name", "fork": the commit where the branch
/// left it, "tip": its newest known commit} or null, "ahead", "behind", "commits": [{"commit", "at", "author",
/// "subject"}], "committed": {"added", "deleted", "files": [{"path", "from": its earlier path, "change", "added",
/// "deleted", "binary", "submodule"}]}, "uncommitted": the same, "notes": […]}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Show only the changed files and the number of changed lines
    #[arg(long)]
    stat: bool,
    /// Show only the names of the changed files
    #[arg(long, conflicts_with = "stat")]
    name_only: bool,
    /// Show only what is committed
    #[arg(long)]
    committed: bool,
    /// Show only what is uncommitted or untracked
    #[arg(long, conflicts_with = "committed")]
    uncommitted: bool,
}

const EXAMPLES: &str = "\
Examples:
  wtmag diff 456
  wtmag diff docs --stat
  wtmag diff docs --uncommitted > docs.patch";

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    let worker = args.target.worker_or_ended(context, &mut hub).await?;
    drop(hub);
    resolve::refuse_orchestrator(&worker, "compare")?;
    let cancel = context.cancel()?;
    let mut tell = |_: &crate::git::News| {};
    let run = Run { cancel: &cancel, tell: &mut tell };
    let repo = Repo::discover(&worker.repo)?;
    let kept = removed::kept(&repo, &worker)?;
    let subject = Subject {
        repo: &repo,
        git_dir: &worker.git_dir,
        branch: &worker.branch,
        base: worker.base.as_ref(),
        backup: kept.as_ref(),
    };
    let Some(sides) = changes::look(&subject, &run).await? else {
        let (id, branch) = (&worker.id, &worker.branch);
        return Err(Failure::user(format!("nothing is left of `{id}`: branch `{branch}` is gone")));
    };
    if sides.fork.is_none() && !args.uncommitted {
        return Err(unknown_base(&worker));
    }
    if context.json() {
        let value = as_json(&worker, &sides, &args, &run).await?;
        context.print_json(&value)?;
        return Ok(ExitCode::SUCCESS);
    }
    sides.notes.iter().for_each(|it| context.say(&format!("note: {it}")));
    print(context, &worker, &sides, &args, &cancel).await?;
    Ok(ExitCode::SUCCESS)
}

fn unknown_base(worker: &Worker) -> Failure {
    let (id, branch) = (&worker.id, &worker.branch);
    Failure::user(format!("it is not known which branch `{branch}` of `{id}` was started from"))
        .hint(format!("`wtmag diff {id} --uncommitted` shows the uncommitted files"))
}

impl Args {
    fn parts(&self) -> impl Iterator<Item = Part> {
        let both = [(Part::Committed, !self.uncommitted), (Part::Uncommitted, !self.committed)];
        both.into_iter().filter(|(_, is_wanted)| *is_wanted).map(|(part, _)| part)
    }
}

/// On a terminal through git's pager, else unchanged.
async fn print(
    context: &Context,
    worker: &Worker,
    sides: &Sides,
    args: &Args,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let mut tell = |_: &crate::git::News| {};
    let run = Run { cancel, tell: &mut tell };
    let is_terminal = io::stdout().is_terminal();
    let mut style = context.style();
    style.colour &= sides.may_colour(&run).await?;
    let form = match (args.stat, args.name_only) {
        (true, _) => Form::Stat { colour: style.colour, width: style.width },
        (_, true) => Form::Names,
        (false, false) => Form::Patch { colour: style.colour },
    };
    let mut out = Vec::new();
    for part in args.parts() {
        if !args.name_only {
            let head = head(worker, sides, part, style, &run).await?;
            let gap = if out.is_empty() { "" } else { "\n" };
            out.extend_from_slice(format!("{gap}{head}").as_bytes());
        }
        out.extend(sides.text(part, form, &run).await?);
    }
    if args.name_only {
        out = once_each(&out);
    }
    if !is_terminal {
        return context.print_bytes(&out);
    }
    let text = String::from_utf8_lossy(&out);
    match pager::of_diffs(context, &sides.pager_settings(&run).await?) {
        Some(pager) => pager::show_in(context, &pager, &text),
        None => context.print(&text),
    }
}

/// A file that is changed by commits and again afterwards is one file.
fn once_each(names: &[u8]) -> Vec<u8> {
    let mut seen: Vec<&[u8]> = names.split_inclusive(|it| *it == b'\n').collect();
    seen.sort_unstable();
    seen.dedup();
    seen.concat()
}

/// The line above one part, with its commits.
async fn head(
    worker: &Worker,
    sides: &Sides,
    part: Part,
    style: Style,
    run: &Run<'_>,
) -> Result<String, Failure> {
    let (Part::Committed, Some(fork)) = (part, &sides.fork) else {
        let files = sides.files(part, run).await?;
        let text = match files.len() {
            0 => "no uncommitted changes".to_owned(),
            n => format!("uncommitted changes in {}", count(n, "file")),
        };
        return Ok(format!("{}\n", style.paint(&text, Paint::Bold)));
    };
    let commits = sides.commits(run).await?;
    let (_, behind) = sides.ahead_and_behind(run).await?;
    let n = match commits.len() {
        0 => "no commits".to_owned(),
        n => count(n, "commit"),
    };
    let id = fork.id.get(..7).unwrap_or(&fork.id);
    let base = clean(&fork.base);
    let behind = match behind {
        0 => String::new(),
        n => format!("; `{base}` has {} since", count(n, "new commit")),
    };
    let text = format!("{n} on `{}` since `{base}` ({id}){behind}", clean(&worker.branch));
    let mut head = format!("{}\n", style.paint(&text, Paint::Bold));
    for Commit { short, subject, .. } in commits {
        let short = style.paint(&short, Paint::Yellow);
        head += &format!("  {short} {}\n", clean(&subject));
    }
    Ok(head)
}

async fn as_json(
    worker: &Worker,
    sides: &Sides,
    args: &Args,
    run: &Run<'_>,
) -> Result<Value, Failure> {
    let mut parts = [Value::Null, Value::Null];
    for part in args.parts() {
        let files = sides.files(part, run).await?;
        let total = Total::of(&files);
        let files: Vec<Value> = files.iter().map(file).collect();
        let value = json!({ "added": total.added, "deleted": total.deleted, "files": files });
        let [committed, uncommitted] = &mut parts;
        *(if part == Part::Committed { committed } else { uncommitted }) = value;
    }
    let commits = sides.commits(run).await?;
    let commits = commits.iter().map(
        |it| json!({ "commit": it.id, "at": it.at, "author": it.author, "subject": it.subject }),
    );
    let (ahead, behind) = sides.ahead_and_behind(run).await?;
    let [committed, uncommitted] = parts;
    let fork = sides.fork.as_ref();
    Ok(json!({
        "id": worker.id, "branch": worker.branch, "worktree": sides.worktree, "head": sides.head,
        "base": fork.map(|it| json!({ "name": it.base, "fork": it.id, "tip": it.tip })),
        "ahead": ahead, "behind": behind, "commits": commits.collect::<Vec<_>>(),
        "committed": committed, "uncommitted": uncommitted, "notes": sides.notes,
    }))
}

fn file(it: &FileChange) -> Value {
    let (added, deleted) = it.lines.unzip();
    json!({
        "path": it.path, "from": it.from, "change": it.change.name(), "added": added,
        "deleted": deleted, "binary": it.is_binary(), "submodule": it.is_submodule,
    })
}
