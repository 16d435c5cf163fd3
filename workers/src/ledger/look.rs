//! What a look at a shard's deadlines finds: the auctions whose time is up, and when the next one's is.

use std::time::Duration;

use gavel_core::ids::AuctionId;
use gavel_core::time::Timestamp;

/// An auction whose time is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) auction: AuctionId,
    /// Since when, by the clock of its shard.
    pub(crate) age: Duration,
}

/// What is to be done in a shard, and when to look again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Live auctions whose time is up; of many, the first.
    pub(crate) due: Vec<Due>,
    /// Until the next deadline, unless there is none.
    pub(crate) next: Option<Duration>,
    /// Whether the result of a closed auction is not recorded elsewhere yet.
    pub(crate) unrecorded: bool,
}

impl Look {
    /// The look at `now` at the first `deadlines` of a shard, earliest first. When there may be `more`,
    /// what comes after them may be due, too.
    pub(super) fn at(
        now: Timestamp,
        deadlines: Vec<(AuctionId, Timestamp)>,
        more: bool,
        unrecorded: bool,
    ) -> Self {
        let next = deadlines.iter().find(|(_, at)| *at > now).map(|(_, at)| between(now, *at));
        let due = deadlines.into_iter().filter(|(_, at)| *at <= now);
        let due = due.map(|(auction, at)| Due { auction, age: between(at, now) }).collect();
        Self { due, next: next.or(more.then_some(Duration::ZERO)), unrecorded }
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    let ms = to.as_ms().saturating_sub(from.as_ms());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadlines(at_ms: impl IntoIterator<Item = i64>) -> Vec<(AuctionId, Timestamp)> {
        let id = |n: usize| format!("use1_01928e2c-7f3e-7abc-8def-{n:012x}");
        let ids = (0..).map(|n| AuctionId::parse(&id(n)).unwrap());
        ids.zip(at_ms.into_iter().map(Timestamp::from_ms)).collect()
    }

    #[test]
    fn what_is_due_is_told_from_what_comes_next() {
        let check = |at_ms: &[i64], ages_ms: &[u64], next_ms: Option<u64>| {
            let look = Look::at(Timestamp::from_ms(1_000), deadlines(at_ms.to_vec()), false, false);
            let ages = look.due.iter().map(|due| due.age);
            let expected = ages_ms.iter().map(|ms| Duration::from_millis(*ms));
            assert!(ages.eq(expected), "{at_ms:?}: {look:?}");
            assert_eq!(look.next, next_ms.map(Duration::from_millis), "{at_ms:?}");
        };
        check(&[], &[], None);
        check(&[1_000], &[0], None);
        check(&[1_001], &[], Some(1));
        check(&[5, 400, 1_000, 1_300, 9_000], &[995, 600, 0], Some(300));
    }

    #[test]
    fn when_all_that_was_read_is_due_there_may_be_more() {
        let look = Look::at(Timestamp::from_ms(1_000), deadlines(0..100), true, false);
        assert_eq!((look.due.len(), look.next), (100, Some(Duration::ZERO)));
        let look = Look::at(Timestamp::from_ms(1_000), deadlines(0..100), false, false);
        assert_eq!(look.next, None);
    }
}
