//! The one place where tests look at the outside world again and again.
use std::{
    thread,
    time::{Duration, Instant},
};

const INTERVAL: Duration = Duration::from_millis(20);

/// Asks `probe` until it has an answer, and fails after `limit` with what was waited for.
///
/// For what has no event that a test could wait on: a file that another program writes, a screen, a process that goes.
/// Where there is one (`tmux wait-for`, a socket, a child's end), wait on that. Never `sleep`.
#[track_caller]
pub(crate) fn eventually<T>(limit: Duration, what: &str, probe: impl FnMut() -> Option<T>) -> T {
    let answer = poll(limit, probe);
    assert!(answer.is_some(), "waited {} s for {what}", limit.as_secs_f32());
    answer.unwrap()
}

/// The same without a failure: the answer, if there was one in time.
pub(crate) fn poll<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let answer = probe();
        if answer.is_some() || Instant::now() >= end {
            return answer;
        }
        thread::sleep(INTERVAL);
    }
}
