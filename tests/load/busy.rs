//! Something honest to do for every core, and chance.
use super::Sandbox;

/// Keeps both cores of a small machine busy until the sandbox ends.
pub(super) fn keep_busy(sandbox: &mut Sandbox) {
    for _ in 0..2 {
        let mut command = sandbox.command("sh");
        command.args(["-c", "while :; do :; done"]);
        sandbox.serve(command);
    }
}

/// Marsaglia's xorshift.
#[derive(Debug)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        // Neighbours are far apart from the first number on.
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}
