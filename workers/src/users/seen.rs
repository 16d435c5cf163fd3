//! Who was seen lately, and how they stand: two generations of a bounded map. Pure.
//!
//! Who is there is forgotten after at most twice [`SEEN_MAX_AGE`], so that a deletion which another
//! process carried out is noticed here within that time. Who is deleted stays so.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use gavel_core::ids::UserId;

use crate::limits::{SEEN_ASK_AGAIN, SEEN_MAX_AGE, SEEN_USERS_MAX};

/// How somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They have a profile.
    Present,
    /// They had one.
    Deleted,
}

/// What is known about somebody.
#[derive(Debug, Clone, Copy)]
enum Entry {
    /// Their profile was asked for then.
    Asked(Instant),
    Known(Standing),
}

/// What to do about somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Known.
    Known(Standing),
    /// Asked about a moment ago.
    Asked,
    /// Nothing is known.
    New,
}

/// Two generations of what is known.
#[derive(Debug)]
pub(super) struct Seen {
    young: HashMap<UserId, Entry>,
    old: HashMap<UserId, Entry>,
    gone: HashSet<UserId>,
    turned: Instant,
}

impl Seen {
    pub(super) fn new(now: Instant) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), gone: HashSet::new(), turned: now }
    }

    pub(super) fn look(&self, user: &UserId, now: Instant) -> Look {
        if self.gone.contains(user) {
            return Look::Known(Standing::Deleted);
        }
        let age = now.saturating_duration_since(self.turned);
        // Nobody has asked for long: what is here is too old whatever generation it is in.
        let generations = if age < SEEN_MAX_AGE {
            [Some(&self.young), Some(&self.old)]
        } else {
            [Some(&self.young).filter(|_| age < SEEN_MAX_AGE * 2), None]
        };
        match generations.into_iter().flatten().find_map(|entries| entries.get(user)) {
            Some(Entry::Known(standing)) => Look::Known(*standing),
            Some(Entry::Asked(at)) if now.saturating_duration_since(*at) < SEEN_ASK_AGAIN => {
                Look::Asked
            }
            _ => Look::New,
        }
    }

    pub(super) fn asked(&mut self, user: &UserId, now: Instant) {
        self.put(user, Entry::Asked(now), now);
    }

    pub(super) fn known(&mut self, user: &UserId, standing: Standing, now: Instant) {
        if standing == Standing::Deleted && self.gone.len() < SEEN_USERS_MAX {
            self.gone.insert(user.clone());
        }
        self.put(user, Entry::Known(standing), now);
    }

    fn put(&mut self, user: &UserId, entry: Entry, now: Instant) {
        let full = self.young.len() >= SEEN_USERS_MAX && !self.young.contains_key(user);
        if full || now.saturating_duration_since(self.turned) >= SEEN_MAX_AGE {
            self.old = std::mem::take(&mut self.young);
            self.turned = now;
        }
        self.young.insert(user.clone(), entry);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn user(number: usize) -> UserId {
        UserId::parse(&format!("user-{number}")).unwrap()
    }

    #[test]
    fn who_is_known_is_asked_about_again_after_a_while_at_the_latest() {
        let start = Instant::now();
        let mut seen = Seen::new(start);
        assert_eq!(seen.look(&user(1), start), Look::New);
        seen.asked(&user(1), start);
        assert_eq!(seen.look(&user(1), start), Look::Asked);
        assert_eq!(seen.look(&user(1), start + SEEN_ASK_AGAIN), Look::New, "it may have been lost");
        seen.known(&user(1), Standing::Present, start);
        assert_eq!(seen.look(&user(1), start), Look::Known(Standing::Present));
        seen.known(&user(2), Standing::Present, start + SEEN_MAX_AGE);
        seen.known(&user(3), Standing::Deleted, start + SEEN_MAX_AGE);
        let later = start + SEEN_MAX_AGE;
        assert_eq!(seen.look(&user(1), later), Look::Known(Standing::Present), "still");
        let latest = start + SEEN_MAX_AGE * 2;
        assert_eq!(seen.look(&user(1), latest), Look::New, "nobody turned the generations");
        assert_eq!(seen.look(&user(2), latest), Look::Known(Standing::Present));
        assert_eq!(seen.look(&user(2), latest + SEEN_MAX_AGE), Look::New);
        let ever = latest + SEEN_MAX_AGE * 9;
        assert_eq!(seen.look(&user(3), ever), Look::Known(Standing::Deleted), "for good");
    }

    #[test]
    fn it_never_holds_more_than_two_generations() {
        let start = Instant::now();
        let mut seen = Seen::new(start);
        for number in 0..SEEN_USERS_MAX * 3 + 1 {
            seen.known(&user(number), Standing::Present, start + Duration::from_millis(1));
        }
        assert_eq!((seen.young.len(), seen.old.len()), (1, SEEN_USERS_MAX));
        assert_eq!(seen.look(&user(0), start), Look::New);
    }
}
