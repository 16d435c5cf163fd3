//! Auctions with which something could not be done, and for how long each is left alone: so that those at
//! the head of a list of the oldest never keep the others behind them from being done.
//!
//! Kept in memory only. Whoever starts anew tries all of them once more.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gavel_core::ids::AuctionId;
use tokio::time::Instant;

use crate::limits::SKIPPED_AUCTIONS_MAX;

/// What failed, of one list.
pub(super) struct Skipped {
    /// First and longest pause before the next try.
    pauses: (Duration, Duration),
    auctions: Mutex<HashMap<AuctionId, Skip>>,
}

struct Skip {
    since: Instant,
    until: Instant,
    pause: Duration,
}

impl Skipped {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { pauses: (first, longest), auctions: Mutex::default() }
    }

    /// Notes a failure: the auction is left alone for twice as long as after the one before.
    pub(super) fn failed(&self, auction: &AuctionId) {
        self.skip(auction, |pause| pause * 2);
    }

    /// Notes that it is not its time yet: it is left alone for the first pause.
    pub(super) fn early(&self, auction: &AuctionId) {
        self.skip(auction, |_| self.pauses.0);
    }

    fn skip(&self, auction: &AuctionId, longer: impl FnOnce(Duration) -> Duration) {
        let (now, mut auctions) = (Instant::now(), self.lock());
        if let Some(skip) = auctions.get_mut(auction) {
            skip.pause = longer(skip.pause).min(self.pauses.1);
            skip.until = now + skip.pause;
        } else if auctions.len() < SKIPPED_AUCTIONS_MAX {
            let pause = self.pauses.0;
            auctions.insert(auction.clone(), Skip { since: now, until: now + pause, pause });
        }
    }

    /// Notes that it is done.
    pub(super) fn done(&self, auction: &AuctionId) {
        self.lock().remove(auction);
    }

    /// Those to be left alone now. Who was not tried again for long is off the list, and forgotten.
    pub(super) fn now(&self) -> HashSet<AuctionId> {
        let (now, mut auctions) = (Instant::now(), self.lock());
        auctions.retain(|_, skip| now < skip.until + self.pauses.1);
        let skipped = auctions.iter().filter(|(_, skip)| now < skip.until);
        skipped.map(|(auction, _)| auction.clone()).collect()
    }

    /// Until the first of them is to be tried again.
    pub(super) fn next(&self) -> Option<Duration> {
        let (now, auctions) = (Instant::now(), self.lock());
        let waiting = auctions.values().filter(|skip| skip.until > now);
        waiting.map(|skip| skip.until - now).min()
    }

    /// For how long the oldest of them has failed.
    pub(super) fn oldest(&self) -> Duration {
        let auctions = self.lock();
        auctions.values().map(|skip| skip.since.elapsed()).max().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AuctionId, Skip>> {
        // Entries are put in whole: a panic elsewhere cannot leave one half written.
        self.auctions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(4);

    fn auction(n: usize) -> AuctionId {
        AuctionId::parse(&format!("use1_01928e2c-7f3e-7abc-8def-{n:012x}")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_left_alone_for_longer_each_time_but_never_for_ever() {
        let skipped = Skipped::new(FIRST, LONGEST);
        for pause_s in [1, 2, 4, 4] {
            skipped.failed(&auction(1));
            assert_eq!(skipped.now(), HashSet::from([auction(1)]));
            assert_eq!(skipped.next(), Some(Duration::from_secs(pause_s)));
            tokio::time::advance(Duration::from_secs(pause_s)).await;
            assert!(skipped.now().is_empty(), "to be tried again");
        }
        assert_eq!(skipped.oldest(), Duration::from_secs(11));
        skipped.done(&auction(1));
        assert_eq!((skipped.next(), skipped.oldest()), (None, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_off_the_list_is_forgotten_and_no_more_are_kept_than_may_be() {
        let skipped = Skipped::new(FIRST, LONGEST);
        for n in 0..SKIPPED_AUCTIONS_MAX + 5 {
            skipped.failed(&auction(n));
        }
        assert_eq!(skipped.now().len(), SKIPPED_AUCTIONS_MAX);
        tokio::time::advance(FIRST + LONGEST).await;
        assert!(skipped.now().is_empty());
        assert_eq!(skipped.next(), None);
    }
}
