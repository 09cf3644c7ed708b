//! What a worktree holds that no commit has.
use gix::{
    bstr::ByteSlice as _,
    status::{Item, Submodule, UntrackedFiles, index_worktree},
};

use super::Error;

/// Files of one worktree, paths relative to its top, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Differ from the commit: staged, changed, deleted, in conflict.
    pub changed: Vec<String>,
    /// Neither tracked nor ignored; whole directories as one entry.
    pub untracked: Vec<String>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.untracked.is_empty()
    }
}

/// Opens the worktree at `path` as a repository of its own.
pub(super) fn open(path: &std::path::Path) -> Result<gix::Repository, Error> {
    let open = |it: gix::Error| Error::Open { path: path.to_owned(), source: it.into() };
    let options = gix::open::Options::default().bail_if_untrusted(true);
    gix::open_opts(path, options).map_err(open)
}

/// Compares commit, index and files. `.wtmag/` is ours and does not count.
pub(super) fn changes(worktree: &gix::Repository) -> Result<Changes, Error> {
    let read = || "the state of the worktree";
    let items = worktree
        .status(gix::progress::Discard)
        .map_err(Error::read(read()))?
        .untracked_files(UntrackedFiles::Collapsed)
        .index_worktree_submodules(Submodule::Given {
            ignore: gix::submodule::config::Ignore::None,
            check_dirty: true,
        })
        .into_iter(None)
        .map_err(Error::read(read()))?;
    let mut changes = Changes::default();
    for item in items {
        let item = item.map_err(Error::read(read()))?;
        let path = item.location().to_str_lossy().into_owned();
        if path == ".wtmag" || path.starts_with(".wtmag/") {
            continue;
        }
        match &item {
            Item::TreeIndex(_) => changes.changed.push(path),
            Item::IndexWorktree(inner) => match inner {
                // Only a stale time stamp, or a file that is ignored.
                it if it.summary().is_none() => {}
                index_worktree::Item::DirectoryContents { .. } => changes.untracked.push(path),
                index_worktree::Item::Modification { .. }
                | index_worktree::Item::Rewrite { .. } => {
                    changes.changed.push(path);
                }
            },
        }
    }
    for files in [&mut changes.changed, &mut changes.untracked] {
        files.sort();
        files.dedup();
    }
    Ok(changes)
}
