//! Which variables decide, and who may own what.
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn env(vars: &[(&str, &str)]) -> Env {
    Env::new(vars.iter().copied(), "/home/me".into(), nix::unistd::getuid().as_raw())
}

fn temp() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("wm").tempdir_in("/tmp").unwrap()
}

#[test]
fn config_is_in_dot_config_unless_xdg_says_otherwise() {
    let file = |vars: &[(&str, &str)]| env(vars).config_file();
    assert_eq!(file(&[]), Path::new("/home/me/.config/wtmag/config.toml"));
    assert_eq!(file(&[("XDG_CONFIG_HOME", "/c")]), Path::new("/c/wtmag/config.toml"));
    for ignored in ["", "relative"] {
        let vars = [("XDG_CONFIG_HOME", ignored)];
        assert_eq!(file(&vars), Path::new("/home/me/.config/wtmag/config.toml"));
    }
}

#[test]
fn the_program_is_named_by_the_path_that_it_was_called_by() {
    let dir = temp();
    let at = |name: &str| dir.path().join(name);
    for name in ["cellar", "bin", "other"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::File::create(at("cellar/wtmag")).unwrap();
    fs::File::create(at("other/wtmag")).unwrap();
    symlink("../cellar/wtmag", at("bin/wtmag")).unwrap();
    let path = std::env::join_paths([at("other"), at("bin")]).unwrap();
    let env = env(&[("PATH", path.to_str().unwrap())]);
    let called = |name: &Path| env.program_called(name, &at("cellar/wtmag"));
    assert_eq!(called(Path::new("wtmag")), Some(at("bin/wtmag")));
    assert_eq!(called(&at("bin/wtmag")), Some(at("bin/wtmag")));
    assert_eq!(called(&at("cellar/wtmag")), Some(at("cellar/wtmag")));
    assert_eq!(called(Path::new("nosuch")), None);
}

#[test]
fn the_tmux_socket_is_found_as_tmux_finds_it() {
    let dir = temp();
    let tmp = dir.path().to_str().unwrap();
    let uid = nix::unistd::getuid();
    let env = env(&[("TMUX_TMPDIR", tmp), ("TMUX", &format!("{tmp}/a,b,1,2"))]);
    let find = |path: Option<&str>, name: Option<&str>| {
        env.tmux_socket(path.map(Path::new), name.map(OsStr::new)).unwrap()
    };
    let labelled = dir.path().join(format!("tmux-{uid}/x"));
    assert_eq!(find(Some("/s/p"), Some("x")), Path::new("/s/p"));
    assert_eq!(find(None, Some("x")), labelled);
    assert_eq!(find(None, None), dir.path().join("a,b"));
    assert!(find(Some("p"), None).is_absolute());
}

#[test]
fn without_tmux_the_default_socket_is_meant() {
    let uid = nix::unistd::getuid();
    let want = fs::canonicalize("/tmp").unwrap().join(format!("tmux-{uid}/default"));
    for vars in [&[][..], &[("TMUX", "")], &[("TMUX_TMPDIR", "/no/such/dir"), ("TMUX", ",1,2")]] {
        assert_eq!(env(vars).tmux_socket(None, None).unwrap(), want, "{vars:?}");
    }
}

#[test]
fn one_server_has_one_state_directory_by_whatever_path() {
    let dir = temp();
    fs::create_dir(dir.path().join("real")).unwrap();
    symlink("real", dir.path().join("link")).unwrap();
    let env = env(&[("XDG_STATE_HOME", "/state")]);
    let state =
        |path: &str| env.state_dir(&env.tmux_socket(Some(&dir.path().join(path)), None).unwrap());
    assert_eq!(state("link/s"), state("real/s"));
    assert_eq!(state("link/new/s"), state("real/new/s"));
    assert_ne!(state("real/s"), state("real/t"));
    assert!(state("real/s").hub_db().starts_with("/state/wtmag"));
    assert_eq!(state("real/s").root().components().count(), 5);
}

#[test]
fn a_socket_path_that_no_system_takes_is_refused() {
    let path = format!("/{}", "x".repeat(MAX_SOCKET_LEN));
    let found = env(&[]).tmux_socket(Some(Path::new(&path)), None);
    assert!(matches!(found, Err(Error::TooLong { .. })));
}

#[test]
fn the_caller_is_known_inside_tmux_only() {
    let inside = [("TMUX", "/no/a,b/s,41,7"), ("TMUX_PANE", "%3")];
    let want = Caller {
        socket: "/no/a,b/s".into(),
        server_pid: 41,
        session: SessionId(7),
        pane: Some(PaneId(3)),
    };
    assert_eq!(env(&inside).caller(), Some(want.clone()));
    assert_eq!(env(&inside[..1]).caller(), Some(Caller { pane: None, ..want }));
    for garbage in ["", "/s", "/s,1", "/s,x,1", ",1,1", "/s,1,-1"] {
        assert_eq!(env(&[("TMUX", garbage)]).caller(), None, "{garbage}");
    }
}

#[test]
fn the_hub_socket_is_in_the_runtime_directory_when_it_fits() {
    let dir = temp();
    let socket =
        |dir: &str| env(&[("XDG_RUNTIME_DIR", dir)]).hub_socket(&StateDir::at("/s".into()));
    let found = socket(dir.path().to_str().unwrap()).unwrap();
    assert_eq!(found.parent(), Some(dir.path().join("wtmag").as_path()));
    let mode = fs::metadata(dir.path().join("wtmag")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o700);
    // Two hubs of one server have different directories and do not take each other's.
    let runtime = env(&[("XDG_RUNTIME_DIR", dir.path().to_str().unwrap())]);
    assert_ne!(runtime.hub_socket(&StateDir::at("/t".into())).unwrap(), found);
    let long = dir.path().join("x".repeat(MAX_SOCKET_LEN));
    fs::create_dir(&long).unwrap();
    for elsewhere in ["relative", "/no/such/dir", long.to_str().unwrap()] {
        assert!(socket(elsewhere).unwrap().starts_with("/tmp"), "{elsewhere}");
    }
}

/// Other users can create the directory in `/tmp` first.
#[test]
fn a_shared_place_that_another_user_has_taken_stops_no_hub() {
    type Take = fn(&Path);
    let takes: [(&str, Take); 4] = [
        ("a file", |it| drop(fs::File::create(it).unwrap())),
        ("a dangling link", |it| symlink("/no/such/dir", it).unwrap()),
        ("a link", |it| symlink("/", it).unwrap()),
        ("open to all", |it| fs::DirBuilder::new().mode(0o777).create(it).unwrap()),
    ];
    for (what, take) in takes {
        let (shared, state) = (temp(), temp());
        let env = env(&[("XDG_STATE_HOME", state.path().to_str().unwrap())]);
        // A hub's own directory has a path that is too long for a socket.
        let deep = StateDir::at(state.path().join("x".repeat(MAX_SOCKET_LEN)));
        take(&shared.path().join(format!("wtmag-{}", env.uid())));
        let run = state.path().join("wtmag/run");
        let socket = env.hub_socket_beside(shared.path(), &deep).unwrap();
        assert_eq!(socket.parent(), Some(run.as_path()), "{what}");
        assert!(socket.file_name().unwrap().len() >= "start-4194304.sock".len());
        assert_eq!(fs::metadata(&run).unwrap().mode() & 0o777, 0o700, "{what}");
    }
    // If that path is too long for a socket, the error names the obstacle.
    let (shared, state) = (temp(), temp());
    let place = shared.path().join(format!("wtmag-{}", env(&[]).uid()));
    fs::DirBuilder::new().mode(0o777).create(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).unwrap();
    let long = state.path().join("x".repeat(MAX_SOCKET_LEN));
    let env = env(&[("XDG_STATE_HOME", long.to_str().unwrap())]);
    let refused = env.hub_socket_beside(shared.path(), &StateDir::at("/s".into()));
    assert!(matches!(&refused, Err(Error::Unsafe { path, .. }) if *path == place), "{refused:?}");
}

#[test]
fn a_directory_that_others_could_write_is_refused() {
    let dir = temp();
    let uid = nix::unistd::getuid().as_raw();
    let [open, link, file, new] = ["open", "link", "file", "a/b/new"].map(|it| dir.path().join(it));
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    symlink(dir.path(), &link).unwrap();
    fs::File::create(&file).unwrap();
    assert!(matches!(private_dir(&open, uid), Err(Error::Unsafe { .. })));
    assert!(matches!(private_dir(&link, uid), Err(Error::Unsafe { .. })));
    assert!(matches!(private_dir(&file, uid), Err(Error::Directory { .. })));
    assert!(matches!(private_dir(dir.path(), uid + 1), Err(Error::Unsafe { .. })));
    private_dir(&new, uid).unwrap();
    private_dir(&new, uid).unwrap();
}

#[test]
fn the_machine_id_is_a_plain_name() {
    let id = machine_id();
    assert!(!id.is_empty() && id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'), "{id}");
    assert_eq!(id, machine_id());
}
