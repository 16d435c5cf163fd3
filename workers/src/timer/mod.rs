//! Opens and closes auctions on time and sees that their result is recorded, exactly once and never
//! lost.
//!
//! Closing, recording and opening are apart, so that a catalogue in trouble never delays a close, and
//! each shard has tasks of its own, so that one in trouble delays no other. What is closed stays on a
//! list in its shard until the catalogue has it, and what is being opened on one in the catalogue until
//! that is done, so a timer that dies in between leaves the work for the next look, its own or another
//! worker's. Any number of timers may run: the ledger's commit lets one of them win, and asking again
//! changes nothing.
//!
//! Nobody ticks. Whoever looks learns when the next auction is due and sleeps until then; what changes
//! meanwhile, it is woken for. Where wake-ups are not heard, it looks as often as if there were none,
//! and where one is lost although they are heard, a look a second is the net. See `closing` and
//! `opening` for what that can make late: no end that is known when it is looked for, and no opening
//! that was scheduled a second before its time.
//!
//! What cannot be done is left alone for a while, longer each time, so that the oldest on a list, which
//! may be so for good, never keep the others from being done.
//!
//! All timers would do that in the same moment, and all but one in vain. So each waits a little longer,
//! by chance, before it looks, and mostly finds that another one was there.

mod closing;
mod lateness;
mod opening;
mod recording;
mod skipped;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use gavel_core::ids::AuctionId;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::lateness::Lateness;
use self::skipped::Skipped;
use crate::catalog::{Catalog, CatalogError};
use crate::ledger::{Ledger, LedgerError};
use crate::lifecycle::OpenError;
use crate::limits::{
    AUCTIONS_AT_ONCE_MAX, BACKLOG_TICK, CLOSE_PAUSE_MAX, FOLLOW_PAUSE_MAX, OPENING_TICK,
    RETRY_PAUSE_MAX, TIMER_TICK,
};

/// Why an auction could not be opened, closed or recorded now. Always tried again.
#[derive(Debug, thiserror::Error)]
enum TimerError {
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    #[error("the catalogue did not answer")]
    Catalog(#[from] CatalogError),
    #[error("it was not opened")]
    Open(#[from] OpenError),
}

/// Opens, closes and records until `stop`.
pub(crate) async fn run(ledger: Ledger, catalog: Catalog, stop: CancellationToken) {
    let lateness = Arc::new(Lateness::new());
    let recordings = Arc::new(Semaphore::new(AUCTIONS_AT_ONCE_MAX));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    let mut lists = Vec::new();
    let mut skipped = |first, longest| {
        let skipped = Arc::new(Skipped::new(first, longest));
        lists.push(skipped.clone());
        skipped
    };
    for shard in ledger.shards() {
        let unrecorded = Arc::new(Notify::new());
        let closer = closing::Closer {
            shard,
            ledger: ledger.clone(),
            lateness: lateness.clone(),
            skipped: skipped(TIMER_TICK, CLOSE_PAUSE_MAX),
            began,
            unrecorded: unrecorded.clone(),
        };
        let recorder = recording::Recorder {
            shard,
            ledger: ledger.clone(),
            catalog: catalog.clone(),
            unrecorded,
            // Nobody waits for a record as for the hammer: a troubled catalogue is left alone.
            skipped: skipped(RETRY_PAUSE_MAX / 4, FOLLOW_PAUSE_MAX),
            at_once: recordings.clone(),
        };
        tasks.spawn(closer.run(stop.clone()));
        tasks.spawn(recorder.run(stop.clone()));
    }
    let unopened = skipped(OPENING_TICK, FOLLOW_PAUSE_MAX);
    tasks.spawn(opening::run(ledger, catalog, unopened, stop.clone()));
    tasks.spawn(publish_oldest(lists, stop));
    // One that panics takes the role with it: what it does, nobody else in this process would.
    tasks.join_all().await;
}

/// Tells, until `stop`, for how long the oldest of what cannot be done has failed.
async fn publish_oldest(lists: Vec<Arc<Skipped>>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let oldest = lists.iter().map(|skipped| skipped.oldest()).max().unwrap_or_default();
        metrics::gauge!("gavel_timer_oldest_failing_seconds").set(oldest.as_secs_f64());
        stop.run_until_cancelled(sleep(BACKLOG_TICK)).await;
    }
}

/// Acts on each auction; the trouble of one does not keep the others waiting, now or the next time: it
/// is skipped for a while. So is one that was not to be done yet, after all.
async fn each<F: Future<Output = Result<bool, TimerError>>>(
    skipped: &Skipped,
    acts: impl IntoIterator<Item = (AuctionId, F)>,
) {
    let acts: Vec<_> = acts
        .into_iter()
        .map(|(auction, acting)| async move {
            match acting.await {
                Ok(true) => skipped.done(&auction),
                Ok(false) => skipped.early(&auction),
                Err(error) => {
                    report(&error, Some(&auction));
                    skipped.failed(&auction);
                }
            }
        })
        .collect();
    stream::iter(acts).buffer_unordered(AUCTIONS_AT_ONCE_MAX).collect::<()>().await;
}

/// Somewhere between nothing and `most`.
fn spread(most: Duration) -> Duration {
    Duration::from_micros(fastrand::u64(..=u64::try_from(most.as_micros()).unwrap_or(u64::MAX)))
}

/// Twice `pause`, but no longer than `most`.
fn backed_off(pause: Duration, most: Duration, error: &TimerError) -> Duration {
    report(error, None);
    (pause * 2).min(most)
}

fn report(error: &TimerError, auction: Option<&AuctionId>) {
    metrics::counter!("gavel_timer_failures_total").increment(1);
    tracing::warn!(?error, auction = auction.map(tracing::field::display), "trying again");
}
