//! A small seeded generator: the same seed is the same agent, on every machine and in every version.

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `low` up to and with `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// True `n` times in a hundred.
    pub(crate) fn percent(&mut self, n: u64) -> bool {
        self.next() % 100 < n
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        let len = u64::try_from(len).unwrap_or(1).max(1);
        usize::try_from(self.next() % len).unwrap_or(0)
    }

    /// One of them; the default if there are none.
    pub(crate) fn pick<T: Clone + Default>(&mut self, from: &[T]) -> T {
        from.get(self.index(from.len())).cloned().unwrap_or_default()
    }

    /// A word of no language.
    pub(crate) fn word(&mut self) -> String {
        const HEADS: &[&str] =
            &["b", "br", "d", "fl", "g", "gr", "k", "kl", "m", "n", "p", "s", "sn", "t", "v", "z"];
        const TAILS: &[&str] = &["a", "an", "ee", "el", "i", "im", "o", "ox", "u", "urf", "y"];
        let n_syllables = self.between(1, 3);
        (0..n_syllables).map(|_| self.pick(HEADS).to_owned() + self.pick(TAILS)).collect()
    }

    /// Some words, the first in upper case.
    pub(crate) fn phrase(&mut self, low: u64, high: u64) -> String {
        let n_words = self.between(low, high);
        let words: Vec<_> = (0..n_words).map(|_| self.word()).collect();
        capitalised(&words.join(" "))
    }
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}
