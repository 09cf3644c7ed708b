//! Names this build, so that two builds of one version can be told apart.
use std::{
    env, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// `wtmag-build-SECONDS-HASH`: when it was built, or what a reproducible build says, and of what.
#[expect(clippy::disallowed_methods, reason = "a build script has no other clock")]
fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let mut hasher = DefaultHasher::new();
    for name in ["src", "tmux", "skill", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={name}");
        add(Path::new(name), &mut hasher);
    }
    env::var_os("PROFILE").hash(&mut hasher);
    let told = env::var_os("SOURCE_DATE_EPOCH").and_then(|it| it.to_str()?.parse::<u64>().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (seconds, hash) = (told.unwrap_or(now), hasher.finish());
    println!("cargo::rustc-env=WTMAG_BUILD=wtmag-build-{seconds:012}-{hash:016x}");
}

fn add(path: &Path, hasher: &mut DefaultHasher) {
    if let Ok(entries) = fs::read_dir(path) {
        let mut paths: Vec<_> = entries.flatten().map(|it| it.path()).collect();
        paths.sort();
        paths.iter().for_each(|it| add(it, hasher));
    } else if let Ok(bytes) = fs::read(path) {
        (path, bytes).hash(hasher);
    }
}
