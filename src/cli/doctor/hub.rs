//! Checks the hub, its files, and what dead commands left behind.
use std::{fs, path::Path, time::Duration};

use super::{Doctor, Finding, store};
use crate::{
    client::{Error, Hub, HubLocation},
    git,
    model::{Answer, HubStatus, Request, Worker, WorkerId},
    text::count,
};

/// The findings, and the workers that a running hub knows.
pub(super) struct HubCheck {
    pub(super) findings: Vec<Finding>,
    /// None: no hub runs, so the workers are unknown.
    pub(super) workers: Option<Vec<WorkerId>>,
}

/// The state of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// It answers.
    Well,
    /// It exists but does not answer.
    Deaf,
    /// No hub runs, so nothing owns its files.
    None,
}

/// How long to wait for the hub. Short, because a hub that hangs would block `doctor`.
const LIMIT: Duration = Duration::from_secs(5);
/// A report that has waited this long in the spool of a running hub will not be read any more.
const STALE: Duration = Duration::from_secs(60);
/// A larger size is reported.
const LARGE: u64 = 256 << 20;

pub(super) async fn check(doctor: &Doctor<'_>) -> HubCheck {
    let Some(at) = &doctor.at else { return HubCheck { findings: Vec::new(), workers: None } };
    let mut findings = Vec::new();
    let mut workers = None;
    let mut state = Life::Deaf;
    match ask(at).await {
        Ok((status, known)) => {
            state = Life::Well;
            findings.extend(status_findings(&status));
            workers = Some(known.iter().map(|it| it.id.clone()).collect());
        }
        Err(Error::NotRunning) => {
            state = Life::None;
            findings.push(Finding::ok("no hub runs; the first command that needs one starts it"));
            findings.extend(unwatched(doctor).await);
        }
        Err(error) => {
            let pid = at.hub_file().ok().flatten().map(|it| it.pid);
            findings.push(silent(doctor, &error, pid).await);
        }
    }
    findings.extend(store_findings(doctor, at, state));
    findings.extend(other_machine(at));
    findings.extend(leftovers(doctor, at).await);
    HubCheck { findings, workers }
}

/// A hub that does not answer cannot be asked to exit, either.
async fn silent(doctor: &Doctor<'_>, error: &Error, pid: Option<u32>) -> Finding {
    let finding = Finding::problem(error.to_string());
    let Some(pid) = pid else { return finding.advice("`wtmag hub logs` may say why") };
    let state = doctor.ask("ps", &["-o", "stat=", "-p", &pid.to_string()]).await;
    if state.is_ok_and(|it| it.stdout_text().trim_start().starts_with('T')) {
        return finding
            .advice(format!("process {pid} is stopped; to continue it: kill -CONT {pid}"));
    }
    finding.advice(format!(
        "`wtmag hub logs` may say why; `kill {pid}` ends it, and any command starts it again; \
         agents keep running"
    ))
}

async fn ask(at: &HubLocation) -> Result<(HubStatus, Vec<Worker>), Error> {
    let mut hub = Hub::connect(at).await?;
    let Answer::Status(status) = hub.ask_within(Request::Status, LIMIT).await? else {
        return Err(Error::Closed);
    };
    let Answer::Workers { workers, .. } =
        hub.ask_within(Request::List { ended: false, brief: false }, LIMIT).await?
    else {
        return Err(Error::Closed);
    };
    Ok((*status, workers))
}

fn status_findings(status: &HubStatus) -> Vec<Finding> {
    let ours = env!("CARGO_PKG_VERSION");
    let mut findings = vec![Finding::ok(format!(
        "runs as process {}: {}, {} under way",
        status.pid,
        count(status.live_workers, "live worker"),
        count(status.open_deliveries, "text")
    ))];
    if status.version != ours {
        findings.push(
            Finding::note(format!("the hub runs wtmag {}, this program is {ours}", status.version))
                .advice(
                    "the next command of a newer wtmag replaces the hub; agents are not disturbed",
                ),
        );
    }
    if status.tmux.is_none() {
        findings.push(Finding::note("the hub has no connection to a tmux server"));
    }
    findings.extend(status.problems.iter().map(Finding::note));
    findings.extend(status.orphans.iter().map(|orphan| {
        Finding::note(format!(
            "a window is marked as worker `{orphan}`, which the store does not know"
        ))
        .advice("wtmag leaves it alone; close the window if you do not need it")
    }));
    findings
}

/// Workers' windows on a server whose hub does not run.
async fn unwatched(doctor: &Doctor<'_>) -> Option<Finding> {
    // A pane that was moved keeps its worker.
    let id = "#{?@wtmag_pane,#{@wtmag_pane},#{@wtmag_id}}";
    let text = doctor.ask_tmux(&["list-panes", "-a", "-F", id]).await?;
    let mut ids: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    ids.sort_unstable();
    ids.dedup();
    (!ids.is_empty()).then(|| {
        Finding::note(format!("no hub watches these workers: {}", ids.join(", ")))
            .advice("`wtmag list` starts one")
    })
}

fn store_findings(doctor: &Doctor<'_>, at: &HubLocation, hub: Life) -> Vec<Finding> {
    let root = at.state.root();
    if !root.exists() {
        return vec![Finding::ok("no workers have been made on this tmux server yet")];
    }
    let mut findings = Vec::new();
    findings.extend(store::room(at));
    let db = at.state.hub_db();
    findings.extend(if hub == Life::None { store::whole(&db) } else { store::head(&db) });
    if db.exists() {
        let history = doctor.config.as_ref().map(|it| it.config.history.clone());
        findings.push(store::usage(&db, &history.unwrap_or_default()));
    }
    let logs = size(&at.state.log());
    if logs > LARGE {
        findings.push(Finding::note(format!(
            "logs take {} MB in `{}`",
            logs >> 20,
            at.state.log().display()
        )));
    }
    let is_running = hub == Life::Well;
    let waiting = spooled(&at.state.spool(), is_running);
    if waiting > 0 && is_running {
        findings.push(Finding::note(format!(
            "the hub has not read {waiting} reports in `{}`",
            at.state.spool().display()
        )));
    } else if waiting > 0 {
        findings.push(Finding::ok(format!("{waiting} reports of agents wait for the next hub")));
    }
    findings
}

/// Records of the same tmux server under another machine id, as in a recreated container.
fn other_machine(at: &HubLocation) -> Vec<Finding> {
    let root = at.state.root();
    let (Some(own), Some(server)) = (root.parent(), root.file_name()) else { return Vec::new() };
    let machines = own.parent().map(fs::read_dir);
    let Some(Ok(machines)) = machines else { return Vec::new() };
    let others = machines.flatten().map(|it| it.path()).filter(|it| it != own);
    let others = others.map(|it| it.join(server)).filter(|it| it.join("hub.db").exists());
    let found = others.map(|it| {
        let (old, new) = (it.display(), root.display());
        Finding::note(format!("this tmux server has records under another machine id: `{old}`"))
            .advice("the machine's id has changed, as in a container without /etc/machine-id")
            .advice(format!("to use them instead of `{new}`, while no hub runs: move them there"))
            .advice(format!("to delete them: rm -r '{old}'"))
    });
    found.collect()
}

/// Waiting reports; of a running hub, only those that have waited too long.
fn spooled(dir: &Path, is_running: bool) -> usize {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let is_old = |it: &fs::DirEntry| {
        let modified = it.metadata().and_then(|it| it.modified());
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE))
    };
    // The hub has set aside what it could not read.
    let is_waiting = |it: &fs::DirEntry| it.path().extension().is_some_and(|it| it == "json");
    let is_meant = |it: &fs::DirEntry| if is_running { is_old(it) } else { is_waiting(it) };
    entries.flatten().filter(is_meant).count()
}

fn size(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries.flatten().filter_map(|it| it.metadata().ok()).map(|it| it.len()).sum()
}

/// What killed `create` runs left: the next `create`, `cleanup` or `list` undoes it.
async fn leftovers(doctor: &Doctor<'_>, at: &HubLocation) -> Vec<Finding> {
    let dir = at.state.creates();
    if !dir.exists() {
        return Vec::new();
    }
    let mut tell = |_: &git::News| {};
    let mut run = git::Run { cancel: &doctor.cancel, tell: &mut tell };
    match git::leftovers(&dir, &mut run).await {
        Ok(found) => found
            .iter()
            .map(|it| {
                let what = it.worktree().map_or_else(
                    || "nothing yet".to_owned(),
                    |path| format!("`{}`", path.display()),
                );
                Finding::note(format!("a killed `create` left {what}"))
                    .advice("the next `wtmag list` undoes it, unless a worker uses it")
            })
            .collect(),
        Err(error) => vec![Finding::problem(format!("`{}`: {error}", dir.display()))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::StateDir;

    #[test]
    fn records_under_another_machine_id_are_named_with_both_ways_out() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("old/server");
        fs::create_dir_all(&old).unwrap();
        fs::File::create(old.join("hub.db")).unwrap();
        let found = |server: &str| {
            let state = StateDir::at(dir.path().join("new").join(server));
            let nowhere = || dir.path().to_owned();
            let (tmux_socket, runtime, program) = (nowhere(), nowhere(), nowhere());
            other_machine(&HubLocation { tmux_socket, state, runtime, program, uid: 0 })
        };
        assert_eq!(found("another"), []);
        let [finding] = found("server").try_into().unwrap();
        let want = format!("under another machine id: `{}`", old.display());
        assert!(finding.text.ends_with(&want), "{}", finding.text);
        assert_eq!(finding.advice.len(), 3);
    }
}
