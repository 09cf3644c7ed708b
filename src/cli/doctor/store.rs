//! Checks the hub's database and its directory.
use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;

use super::Finding;
use crate::{client::HubLocation, config::History, hub::store};

/// A hub always needs to write a little.
const LITTLE: u64 = 1 << 20;
/// Of a larger store, only the beginning is checked.
const LARGE: u64 = 256 << 20;

/// The state directory has free space, and its owner can write to it.
pub(super) fn room(at: &HubLocation) -> Option<Finding> {
    let root = at.state.root();
    let shown = root.display();
    if let Err(error) = tempfile::tempfile_in(root) {
        let text = format!("nothing can be written in `{shown}`: {error}");
        return Some(Finding::problem(text).advice("the hub keeps its workers there"));
    }
    let free = statvfs(root).ok()?;
    let free = wide(free.blocks_available()).saturating_mul(wide(free.fragment_size()));
    (free < LITTLE).then(|| {
        Finding::problem(format!("the disk of `{shown}` is full"))
            .advice("the hub keeps its workers there: make room")
    })
}

/// The width of these numbers depends on the system.
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

/// The header of the database, which a running hub may have open.
pub(super) fn head(path: &Path) -> Option<Finding> {
    let shown = path.display();
    let mut head = [0_u8; 16];
    match fs::File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut head)) {
        Ok(()) if head == *b"SQLite format 3\0" => Some(Finding::ok(format!("store `{shown}`"))),
        Ok(()) => Some(ill(path, format!("`{shown}` is not a database"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
        Err(error) => Some(Finding::problem(format!("`{shown}` cannot be read: {error}"))),
    }
}

/// Its size, and the limit of history.
pub(super) fn usage(path: &Path, keep: &History) -> Finding {
    let limit = store::Keep::default().bytes;
    let bytes = size(path) + size(&beside(path, "-wal"));
    let said = format!(
        "history takes {} of at most {}, and is kept for {}",
        amount(bytes),
        amount(limit),
        keep.keep
    );
    // Free pages and SQLite's log come on top of what is counted.
    if bytes <= 2 * limit {
        return Finding::ok(said);
    }
    Finding::note(said)
        .advice("an idle hub removes history that is too old or too large, in small steps")
        .advice("to change how long history is kept, set `[history] keep`: `wtmag config edit`")
}

/// `12 KB`, `3 MB`.
fn amount(bytes: u64) -> String {
    if bytes < 1 << 20 {
        format!("{} KB", bytes.div_ceil(1 << 10))
    } else {
        format!("{} MB", bytes >> 20)
    }
}

/// The whole database, if no hub uses it. Checks a copy, because opening the database could change
/// it.
pub(super) fn whole(path: &Path) -> Option<Finding> {
    let found = head(path)?;
    if found.mark != super::report::Mark::Ok || size(path) > LARGE {
        return Some(found);
    }
    match fault(path) {
        Ok(fault) => Some(fault.unwrap_or(found)),
        Err(error) => Some(Finding::note(format!("the store was not checked: {error}"))),
    }
}

/// The faults of a copy of it.
fn fault(path: &Path) -> io::Result<Option<Finding>> {
    let dir = tempfile::tempdir()?;
    let copy = dir.path().join("hub.db");
    fs::copy(path, &copy)?;
    let log = beside(path, "-wal");
    if log.exists() {
        fs::copy(&log, beside(&copy, "-wal"))?;
    }
    let shown = path.display();
    let opened = store::Store::open(&copy).and_then(|it| it.load().map(drop));
    Ok(match opened {
        Err(store::Error::Newer { found, known, .. }) => Some(
            Finding::problem(format!(
                "`{shown}` is of a newer wtmag (schema {found}, this one knows {known})"
            ))
            .advice("use the newer wtmag; this one does not touch the store"),
        ),
        Err(error) => Some(ill(path, format!("`{shown}`: {}", crate::model::error_chain(&error)))),
        Ok(()) => broken_pages(&copy).map(|it| ill(path, format!("`{shown}` is damaged: {it}"))),
    })
}

/// The first fault that SQLite finds.
fn broken_pages(copy: &Path) -> Option<String> {
    let check = |db: rusqlite::Connection| {
        db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
    };
    match rusqlite::Connection::open(copy).and_then(check) {
        Ok(said) => (said != "ok").then_some(said),
        Err(error) => Some(error.to_string()),
    }
}

/// The finding for a store that no hub can use.
fn ill(path: &Path, text: String) -> Finding {
    let name = |it: &Path| shlex::try_quote(&it.to_string_lossy()).map(Cow::into_owned);
    let files = [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")];
    let files = files.iter().filter(|it| it.exists()).filter_map(|it| name(it).ok());
    let files = files.collect::<Vec<_>>().join(" ");
    Finding::problem(text)
        .advice("wtmag never writes over a store it cannot read. To start anew, move all its files away;")
        .advice("agents keep running in their windows, and `wtmag list` names the windows:")
        .advice(format!("mkdir -p ~/hub.bad && mv {files} ~/hub.bad/"))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |it| it.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::Mark;

    #[expect(clippy::disallowed_methods, reason = "a scratch file")]
    fn put(path: &Path, bytes: impl AsRef<[u8]>) {
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_store_that_is_no_database_is_a_problem() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        assert_eq!(head(&path), None);
        for (text, want) in
            [("SQLite format 3\0rest", Mark::Ok), ("something else altogether", Mark::Problem)]
        {
            put(&path, text);
            assert_eq!(head(&path).unwrap().mark, want);
        }
    }

    #[test]
    fn a_store_that_is_larger_than_its_history_may_be_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let keep = History::default();
        put(&path, [7; 5000]);
        put(&beside(&path, "-wal"), [7; 1000]);
        let found = usage(&path, &keep);
        assert_eq!(found.text, "history takes 6 KB of at most 200 MB, and is kept for 90d");
        assert_eq!(found.mark, Mark::Ok);
        fs::File::options().write(true).open(&path).unwrap().set_len(500 << 20).unwrap();
        let found = usage(&path, &keep);
        assert_eq!(found.mark, Mark::Note);
        assert!(found.text.starts_with("history takes 500 MB of at most 200 MB"), "{}", found.text);
    }

    #[test]
    fn a_store_that_cannot_be_read_is_a_problem() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        // Also for the superuser, who may read any file.
        fs::create_dir(&path).unwrap();
        let found = head(&path).unwrap();
        assert_eq!(found.mark, Mark::Problem);
        assert!(found.text.contains("cannot be read"), "{}", found.text);
    }

    #[test]
    fn a_store_that_is_damaged_or_of_a_newer_wtmag_is_a_problem() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        drop(store::Store::open(&path).unwrap());
        let before = fs::read(&path).unwrap();
        assert_eq!(whole(&path).unwrap().mark, Mark::Ok);
        assert_eq!(fs::read(&path).unwrap(), before);
        let db = rusqlite::Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        drop(db);
        let found = whole(&path).unwrap();
        assert!(found.text.contains("newer wtmag (schema 99,"), "{}", found.text);
        let (head, tail) = (&before[..4096], &before[8192..]);
        put(&path, [head, &[0xff; 4096], tail].concat());
        let found = whole(&path).unwrap();
        assert_eq!(found.mark, Mark::Problem);
        assert!(found.advice.iter().any(|it| it.contains("mv ")), "{:?}", found.advice);
    }
}
