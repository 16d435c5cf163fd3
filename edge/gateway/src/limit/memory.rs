//! What an instance remembers of each identity: its number (see [`super::gcra`]), and what of it the
//! store has not been told. Bounded: the identity that was not seen for longest makes room, whose quota
//! is mostly whole again by then, so that forgetting it changes nothing.

use std::cell::RefCell;

use lru::LruCache;

use super::Limiter;
use crate::limits::LIMIT_IDENTITIES_MAX;

/// What is remembered of one identity; of one that is not known, nothing used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Its TAT, in nanoseconds since the epoch.
    pub(super) tat_ns: u64,
    /// What the store has not been told.
    pub(super) untold: Option<Untold>,
    /// Whether somebody is about to tell the store.
    pub(super) telling: bool,
}

/// What was charged and not told yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Untold {
    /// Since when, in nanoseconds since the epoch.
    pub(super) since_ns: u64,
    /// How much, in nanoseconds.
    pub(super) charged_ns: u64,
}

/// The identities of one limiter.
type Identities = RefCell<LruCache<String, Count>>;

/// Those of all limiters.
#[derive(Debug)]
pub(super) struct Memory {
    address: Identities,
    user: Identities,
    failed_auth: Identities,
}

impl Default for Memory {
    fn default() -> Self {
        // One with a capacity would take the memory of all entries at once.
        let nobody = || RefCell::new(LruCache::unbounded());
        Self { address: nobody(), user: nobody(), failed_auth: nobody() }
    }
}

impl Memory {
    const fn of(&self, limiter: Limiter) -> &Identities {
        match limiter {
            Limiter::Address => &self.address,
            Limiter::User => &self.user,
            Limiter::FailedAuth => &self.failed_auth,
        }
    }

    /// What is remembered of `identity`.
    pub(super) fn get(&self, limiter: Limiter, identity: &str) -> Count {
        self.of(limiter).borrow_mut().get(identity).copied().unwrap_or_default()
    }

    /// Remembers that `identity` has used its quota at least up to `tat_ns`.
    pub(super) fn learn(&self, limiter: Limiter, identity: &str, tat_ns: u64) {
        self.change(limiter, identity, |count| count.tat_ns = count.tat_ns.max(tat_ns));
    }

    /// Changes what is remembered of `identity`.
    pub(super) fn change<T>(
        &self,
        limiter: Limiter,
        identity: &str,
        change: impl FnOnce(&mut Count) -> T,
    ) -> T {
        let mut identities = self.of(limiter).borrow_mut();
        let result = change(identities.get_or_insert_mut_ref(identity, Count::default));
        if identities.len() > LIMIT_IDENTITIES_MAX {
            identities.pop_lru();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_bounded_and_forgets_who_was_not_seen_for_longest() {
        let memory = Memory::default();
        let set = |name: &str, tat_ns| {
            memory.change(Limiter::User, name, |count| count.tat_ns = tat_ns);
        };
        for number in 0..LIMIT_IDENTITIES_MAX {
            set(&number.to_string(), 7);
        }
        assert_eq!(memory.get(Limiter::User, "0").tat_ns, 7);
        set("2", 8);
        set("one more", 9);
        assert_eq!(memory.user.borrow().len(), LIMIT_IDENTITIES_MAX);
        assert_eq!(memory.get(Limiter::User, "0").tat_ns, 7, "it was seen");
        assert_eq!(memory.get(Limiter::User, "1").tat_ns, 0);
        assert_eq!(memory.get(Limiter::User, "2").tat_ns, 8);
        assert_eq!(memory.get(Limiter::Address, "2").tat_ns, 0, "limiters do not mix");
    }
}
