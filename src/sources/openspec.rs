//! Changes of OpenSpec: Markdown files below `openspec/changes/NAME`.
//!
//! Reads the files: what `openspec show --json` prints has neither the proposal nor the tasks. A link
//! must not lead out of the repository.
use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{Error, Fetched, SourceSpec, TaskRef};
use crate::{
    brief::{Detail, WorkItem},
    model::{Source, SourceKind},
    text::one_line,
};

pub static SPEC: SourceSpec = SourceSpec {
    flag: "opsx",
    value_name: "NAME",
    help: "Change of OpenSpec, in openspec/changes of this repository",
    program: None,
    types: &[],
    parse,
    resolve: |_, _| Box::pin(async { Ok(SourceKind::OpenSpec) }),
    fetch: |cx, task| Box::pin(async move { fetch(cx.dir, &task.key) }),
    ready: None,
};

const MAX_TITLE: usize = 256;
/// Longest file, in bytes, and most files of one kind.
const MAX_FILE: u64 = 256 << 10;
const MAX_SPECS: usize = 50;

fn parse(text: &str) -> Result<TaskRef, Error> {
    let name = text.trim();
    if !is_name(name) {
        return Err(Error::BadChange { name: one_line(text, 80) });
    }
    let kind = Some(SourceKind::OpenSpec);
    Ok(TaskRef { spec: &SPEC, text: name.to_owned(), key: name.to_owned(), kind, repo: None })
}

/// `add-dark-mode`: one directory, and a part of a branch's name.
fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=80).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_plain)
}

fn fetch(repo: &Path, name: &str) -> Result<Fetched, Error> {
    let dir = repo.join("openspec/changes").join(name);
    let read = |path: &Path| read_within(repo, path);
    let at = |file: &str| dir.join(file);
    let missing = || Error::NoChange { name: name.to_owned() };
    let proposal = read(&at("proposal.md")).map_err(|source| {
        let is_missing = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        if is_missing.contains(&source.kind()) {
            return missing();
        }
        Error::ChangeFile { path: at("proposal.md"), source }
    })?;
    let heading = proposal.lines().find_map(|it| it.strip_prefix("# "));
    let title = one_line(heading.unwrap_or(name), MAX_TITLE);
    let mut body = proposal;
    for (file, title) in [("design.md", "Design"), ("tasks.md", "Tasks")] {
        match read(&at(file)) {
            Ok(text) => body += &format!("\n\n# {title}\n\n{text}"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::ChangeFile { path: at(file), source }),
        }
    }
    for path in specs(&dir) {
        let capability = path.parent().and_then(Path::file_name).unwrap_or_default();
        let text =
            read(&path).map_err(|source| Error::ChangeFile { path: path.clone(), source })?;
        body += &format!("\n\n# Spec: {}\n\n{text}", capability.to_string_lossy());
    }
    let item = WorkItem {
        source: Source::new(SourceKind::OpenSpec, name, "", title),
        author: None,
        state: None,
        labels: Vec::new(),
        body,
        comments: Vec::new(),
        view_command: Some(format!("openspec show {name}")),
        detail: Detail::None,
    };
    Ok(Fetched { item, forge: None })
}

/// The changed specs, by name.
fn specs(dir: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(dir.join("specs")).into_iter().flatten().filter_map(io::Result::ok);
    let mut found: Vec<PathBuf> =
        all.map(|it| it.path().join("spec.md")).filter(|it| it.is_file()).collect();
    found.sort();
    found.truncate(MAX_SPECS);
    found
}

fn read_within(repo: &Path, path: &Path) -> io::Result<String> {
    let real = fs::canonicalize(path)?;
    if !real.starts_with(fs::canonicalize(repo)?) {
        return Err(io::Error::other("it is a link that leads out of the repository"));
    }
    if !fs::metadata(&real)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = Vec::new();
    File::open(&real)?.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(dir: &Path, name: &str, text: &str) {
        let path = dir.join("openspec/changes/add-dark-mode").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        io::Write::write_all(&mut File::create(path).unwrap(), text.as_bytes()).unwrap();
    }

    #[test]
    fn a_change_is_its_files() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "proposal.md", "# Dark\u{1b}[2J mode\n\n## Why\nNight.\n");
        put(dir.path(), "tasks.md", "- [ ] 1.1 Switch");
        put(dir.path(), "specs/ui/spec.md", "## ADDED");
        let item = fetch(dir.path(), "add-dark-mode").unwrap().item;
        assert_eq!(item.source.title, "Dark mode");
        assert_eq!(item.source.branch(), "opsx-change-add-dark-mode");
        let want = "## Why\nNight.\n\n\n# Tasks\n\n- [ ] 1.1 Switch\n\n# Spec: ui\n\n## ADDED";
        assert!(item.body.ends_with(want), "{}", item.body);
        let error = fetch(dir.path(), "other").unwrap_err();
        assert!(matches!(error, Error::NoChange { .. }), "{error}");
    }

    #[test]
    fn a_link_does_not_lead_out() {
        let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(dir.path(), "proposal.md", "# X");
        let secret = out.path().join("secret");
        io::Write::write_all(&mut File::create(&secret).unwrap(), b"secret").unwrap();
        let link = dir.path().join("openspec/changes/add-dark-mode/tasks.md");
        std::os::unix::fs::symlink(&secret, link).unwrap();
        let error = fetch(dir.path(), "add-dark-mode").unwrap_err();
        assert!(matches!(error, Error::ChangeFile { .. }), "{error}");
    }

    #[test]
    fn a_name_is_no_flag_and_no_path() {
        assert_eq!(parse(" add-dark-mode ").unwrap().key, "add-dark-mode");
        for bad in ["", "--json", "../x", "a/b", "a b", ".", "a.b", "$(x)"] {
            assert!(matches!(parse(bad), Err(Error::BadChange { .. })), "{bad}");
        }
    }
}
