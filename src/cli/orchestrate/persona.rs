//! Personas: Markdown files that say how an orchestrator speaks and what it looks out for.
use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    cli::{Context, Failure, approval::Wanted, settings},
    git::Repo,
    proc::Cancel,
    text::clean,
};

/// Where a repository keeps its personas.
const PROJECT_DIR: &str = "wtmag-personas";
/// Longest persona, in bytes: an agent reads it at each start.
const MAX: usize = 32 << 10;

/// Reads the persona of this name or file. One that comes with the repository is shown for approval first.
pub(super) async fn read(
    context: &Context,
    repo: &Repo,
    wanted: &str,
    cancel: &Cancel,
) -> Result<String, Failure> {
    let path = find(context, repo, wanted)?;
    let failed = |why: String| Failure::user(format!("persona `{}`: {why}", path.display()));
    let bytes = fs::read(&path).map_err(|error| failed(error.to_string()))?;
    if bytes.len() > MAX {
        return Err(failed(format!("it has {} bytes, and at most {MAX} are allowed", bytes.len())));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    let text = clean(&text).trim().to_owned();
    if text.is_empty() {
        return Err(failed("it is empty".to_owned()));
    }
    let dirs = settings::project_dirs(Some(repo));
    let is_theirs = dirs.iter().any(|dir| is_inside(&path, dir));
    if is_theirs && let Some(wanted) = Wanted::persona(context, repo, &path, &text)? {
        wanted.ask(context, cancel).await?;
    }
    Ok(text)
}

/// A name: the user's persona, else the project's. Anything else is a file.
fn find(context: &Context, repo: &Repo, wanted: &str) -> Result<PathBuf, Failure> {
    let is_name = !wanted.is_empty()
        && wanted.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
    if !is_name {
        let path = std::env::current_dir()?.join(wanted);
        // Where it is decides who wrote it.
        return path
            .canonicalize()
            .map_err(|error| Failure::user(format!("persona `{}`: {error}", path.display())));
    }
    let file = format!("{wanted}.md");
    let own = context.env.personas_dir().join(&file);
    if own.is_file() {
        return Ok(own);
    }
    for dir in settings::project_dirs(Some(repo)) {
        let Ok(path) = dir.join(PROJECT_DIR).join(&file).canonicalize() else { continue };
        if !is_inside(&path, &dir) {
            let path = path.display();
            return Err(Failure::user(format!(
                "persona `{wanted}` is a link that leads out of the repository, to `{path}`"
            ))
            .hint(format!("if you trust that file: `--persona {path}`")));
        }
        return Ok(path);
    }
    let (own, theirs) = (own.display(), Path::new(PROJECT_DIR).join(&file));
    Err(Failure::user(format!("no persona is named `{wanted}`"))
        .hint(format!("create `{own}`, or `{}` in the repository", theirs.display())))
}

fn is_inside(path: &Path, dir: &Path) -> bool {
    dir.canonicalize().is_ok_and(|dir| path.starts_with(dir))
}
