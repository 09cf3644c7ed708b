//! The profiles in the program.
use std::sync::{Arc, LazyLock, OnceLock};

use super::{Profile, pattern};
use crate::agents::BUILTIN;

impl Profile {
    /// An embedded profile. All callers share it: compiled patterns are large. It is read when it is
    /// first used.
    pub fn shared(name: &str) -> Option<Arc<Self>> {
        static READ: LazyLock<Vec<OnceLock<Option<Arc<Profile>>>>> =
            LazyLock::new(|| BUILTIN.iter().map(|_| OnceLock::new()).collect());
        let at = BUILTIN.iter().position(|(it, _)| *it == name)?;
        let (name, text) = BUILTIN.get(at)?;
        let read = || pattern::embedded(|| Self::parse(name, text).ok().map(Arc::new));
        READ.get(at)?.get_or_init(read).clone()
    }

    /// The same, for one owner.
    pub fn embedded(name: &str) -> Option<Self> {
        Self::shared(name).map(Arc::unwrap_or_clone)
    }
}
