//! What a worktree holds that no commit has.
use gix::{
    bstr::ByteSlice as _,
    dir::walk::EmissionMode,
    index::entry::{Flags, Mode},
    status::{Item, Submodule, index_worktree},
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

/// Settings that make git take a changed file for an unchanged one. Without them more files are read.
const SHARP: [&str; 2] = ["core.trustctime=true", "core.checkStat=default"];

/// Opens the worktree at `path` as a repository of its own.
pub(super) fn open(path: &std::path::Path) -> Result<gix::Repository, Error> {
    let open = |it: gix::Error| Error::Open { path: path.to_owned(), source: it.into() };
    let options = gix::open::Options::default().bail_if_untrusted(true).config_overrides(SHARP);
    gix::open_opts(path, options).map_err(open)
}

/// The index without the marks by which a file asks not to be looked at: work hides behind
/// `--assume-unchanged`, a file system monitor, and `--skip-worktree` where there is a file all the same.
fn seeing_index(worktree: &gix::Repository) -> Result<gix::index::File, Error> {
    let index = worktree.index_or_empty().map_err(Error::read("the index"))?;
    let mut index = gix::index::File::clone(&index);
    let top = worktree.workdir().unwrap_or(worktree.git_dir()).to_owned();
    let (entries, paths) = index.entries_mut_and_pathbacking();
    for entry in entries {
        entry.flags.remove(Flags::ASSUME_VALID | Flags::FSMONITOR_VALID);
        if entry.flags.contains(Flags::SKIP_WORKTREE) && entry.mode != Mode::DIR {
            let path = gix::path::from_bstr(entry.path_in(paths));
            let is_there = path.is_ok_and(|it| top.join(it).symlink_metadata().is_ok());
            entry.flags.set(Flags::SKIP_WORKTREE, !is_there);
        }
    }
    Ok(index)
}

/// Compares commit, index and files. `.wtmag/` is ours and does not count.
pub(super) fn changes(worktree: &gix::Repository) -> Result<Changes, Error> {
    let read = || "the state of the worktree";
    let walk = worktree.dirwalk_options().map_err(Error::read(read()))?;
    let items = worktree
        .status(gix::progress::Discard)
        .map_err(Error::read(read()))?
        // With `status.showUntrackedFiles = no` there would be no walk at all.
        .index_worktree_options_mut(|it| {
            it.dirwalk_options = Some(walk.emit_untracked(EmissionMode::CollapseDirectory));
        })
        .index(seeing_index(worktree)?.into())
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
