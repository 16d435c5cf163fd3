//! Auctions that are not in the ledger: what the catalogue says of them, asked once for many who ask at
//! the same time, such as a crowd that comes too early.
//!
//! Only what may pass for a moment is remembered: that an auction is not open yet, or that the catalogue
//! does not answer. The ledger is always asked before this is.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gavel_core::auction::Auction;
use gavel_core::ids::AuctionId;
use lru::LruCache;

use super::problem::ApiError;
use crate::catalog::{AuctionRecord, Catalog, CatalogError};
use crate::limits::{NOT_OPEN_AUCTIONS_MAX, NOT_OPEN_KEPT};

/// What the catalogue last said of each auction. Cheap to clone.
#[derive(Clone)]
pub(super) struct Unopened {
    auctions: Arc<Mutex<LruCache<AuctionId, Arc<Slot>>>>,
}

/// Held while the catalogue is asked, so that others wait for the answer.
type Slot = tokio::sync::Mutex<Option<(Instant, Said)>>;

#[derive(Clone)]
enum Said {
    Scheduled(Arc<Auction>),
    /// It is open or over.
    Other,
    Nothing,
}

/// What is known of an auction.
pub(super) enum Known {
    /// It is as it was scheduled.
    Scheduled(Arc<Auction>),
    /// It is not, or was not a moment ago.
    Record(Box<AuctionRecord>),
}

impl Known {
    /// The state that the catalogue can vouch for, see [`AuctionRecord::state`].
    pub(super) fn state(self) -> Option<Auction> {
        match self {
            Self::Scheduled(auction) => Some(Arc::unwrap_or_clone(auction)),
            Self::Record(record) => record.state(),
        }
    }
}

impl Unopened {
    pub(super) fn new() -> Self {
        let most = NonZeroUsize::new(NOT_OPEN_AUCTIONS_MAX).expect("it is not zero");
        Self { auctions: Arc::new(Mutex::new(LruCache::new(most))) }
    }

    /// What the catalogue says of an auction that the ledger does not have.
    pub(super) async fn look(&self, catalog: &Catalog, id: &AuctionId) -> Result<Known, ApiError> {
        self.ask(id, catalog.get(id)).await
    }

    async fn ask(
        &self,
        id: &AuctionId,
        get: impl Future<Output = Result<AuctionRecord, CatalogError>>,
    ) -> Result<Known, ApiError> {
        let slot = self.slot(id);
        let mut said = slot.lock().await;
        match &*said {
            Some((at, Said::Scheduled(auction))) if at.elapsed() < NOT_OPEN_KEPT => {
                return Ok(Known::Scheduled(Arc::clone(auction)));
            }
            Some((at, Said::Nothing)) if at.elapsed() < NOT_OPEN_KEPT => {
                return Err(ApiError::Unavailable("the catalogue did not answer just now"));
            }
            // No two need the same of it: they ask for themselves.
            Some((at, Said::Other)) if at.elapsed() < NOT_OPEN_KEPT => {
                drop(said);
                return Ok(Known::Record(Box::new(get.await?)));
            }
            _ => {}
        }
        metrics::counter!("gavel_api_unopened_lookups_total").increment(1);
        let record = get.await;
        let known = match &record {
            Ok(record) if record.result.is_none() => {
                record.state().map_or(Said::Other, |auction| Said::Scheduled(Arc::new(auction)))
            }
            Err(CatalogError::Unavailable(_)) => Said::Nothing,
            _ => Said::Other,
        };
        *said = Some((Instant::now(), known.clone()));
        match known {
            Said::Scheduled(auction) => Ok(Known::Scheduled(auction)),
            Said::Other | Said::Nothing => Ok(Known::Record(Box::new(record?))),
        }
    }

    fn slot(&self, id: &AuctionId) -> Arc<Slot> {
        // The map is whole between any two calls: a panic elsewhere cannot leave it half changed.
        let mut auctions = self.auctions.lock().unwrap_or_else(PoisonError::into_inner);
        auctions.get_or_insert(id.clone(), Arc::default).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::future::join_all;
    use gavel_core::auction::Outcome;
    use gavel_core::time::Timestamp;
    use gavel_core::wire::Status;

    use super::*;
    use crate::api::testing::scheduled;
    use crate::catalog::AuctionResult;

    /// How many ask at the same time.
    const CROWD: usize = 2_000;

    fn record(n: usize) -> AuctionRecord {
        let id = format!("use1_01928e2c-7f3e-7abc-8def-{n:012x}");
        scheduled(&id, br#"{"title":"A watch","starting_price":100,"duration_s":60}"#)
    }

    /// How often the catalogue is asked when a crowd asks at once, and how many are told of a schedule.
    async fn crowd(answer: impl Fn() -> Result<AuctionRecord, CatalogError>) -> (usize, usize) {
        let (unopened, lookups, id) = (Unopened::new(), AtomicUsize::new(0), record(1).id);
        let get = async || {
            lookups.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
            answer()
        };
        let told = join_all((0..CROWD).map(|_| unopened.ask(&id, get()))).await;
        let scheduled = told.iter().filter(|known| matches!(known, Ok(Known::Scheduled(_))));
        (lookups.load(Ordering::SeqCst), scheduled.count())
    }

    #[tokio::test]
    async fn a_crowd_that_comes_too_early_asks_the_catalogue_once() {
        assert_eq!(crowd(|| Ok(record(1))).await, (1, CROWD));
        let silent = || Err(CatalogError::Unavailable("no answer".into()));
        assert_eq!(crowd(silent).await, (1, 0), "nor is one in trouble asked by everybody");
        let closed = || {
            let at = Timestamp::from_ms(2);
            let result = AuctionResult {
                outcome: Outcome::Unsold,
                closed_at: at,
                price: None,
                bid_count: 0,
            };
            Ok(AuctionRecord { status: Status::Closed, result: Some(result), ..record(1) })
        };
        assert_eq!(crowd(closed).await, (CROWD, 0), "what is over is not made to wait its turn");
    }

    #[tokio::test]
    async fn what_is_remembered_of_an_auction_is_soon_asked_for_again_and_bounded() {
        let unopened = Unopened::new();
        let id = record(1).id;
        let scheduled = unopened.ask(&id, async { Ok(record(1)) }).await;
        assert!(matches!(scheduled, Ok(Known::Scheduled(_))));
        tokio::time::sleep(NOT_OPEN_KEPT).await;
        let gone = unopened.ask(&id, async { Err(CatalogError::NotFound) }).await;
        assert!(gone.is_err());
        for n in 0..NOT_OPEN_AUCTIONS_MAX + 5 {
            let record = record(n);
            let _known = unopened.ask(&record.id.clone(), async { Ok(record) }).await;
        }
        assert_eq!(unopened.auctions.lock().unwrap().len(), NOT_OPEN_AUCTIONS_MAX);
    }
}
