//! Closing what is due in one shard.
//!
//! A look tells what is due and when the next auction will be, by the shard's own clock; then this sleeps
//! until exactly then. Only a commit changes a deadline, and each publishes a wake-up, after which it is
//! looked again: nearly at once, but no sooner than [`TIMER_TICK`] after the look before, so that a busy auction
//! causes no more looks than a tick would. While wake-ups are not heard, there is such a tick.
//!
//! Why nothing is late: an auction that is opened ends seconds later, more than [`TIMER_NET`], so that the
//! look of the net knows its end even if every wake-up is lost; a bid moves an end only to later. An
//! auction that is resumed may have a few milliseconds left. That end is known in time by the wake-up, or
//! within [`TIMER_TICK`] while none are heard; should one be lost although they are, as when the
//! subscription's node froze a moment ago, it closes up to [`TIMER_NET`] late. No bid is accepted after
//! the end in any case: the ledger decides, not this.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use gavel_core::ids::AuctionId;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::lateness::Lateness;
use super::skipped::Skipped;
use super::{TimerError, backed_off, each, spread};
use crate::ledger::{Due, Ledger, Look};
use crate::limits::{DUE_AUCTIONS_MAX, LOOK_PAUSE_MAX, TIMER_NET, TIMER_SPREAD, TIMER_TICK};
use crate::redis::Shard;

/// Closes the auctions of a shard.
pub(super) struct Closer {
    pub(super) shard: Shard,
    pub(super) ledger: Ledger,
    pub(super) lateness: Arc<Lateness>,
    /// What could not be closed.
    pub(super) skipped: Arc<Skipped>,
    /// When the timer began.
    pub(super) began: Instant,
    /// Told when there is a result to be recorded.
    pub(super) unrecorded: Arc<Notify>,
}

impl Closer {
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut pause = TIMER_TICK;
        while !stop.is_cancelled() {
            let skipped = self.skipped.now();
            let look = self.ledger.look(self.shard, DUE_AUCTIONS_MAX + skipped.len()).await;
            let looked = Instant::now();
            let wait = match look {
                Ok(look) => {
                    pause = TIMER_TICK;
                    self.act_on(look, &skipped, looked).await
                }
                Err(error) => {
                    pause = backed_off(pause, LOOK_PAUSE_MAX, &error.into());
                    pause
                }
            };
            self.lateness.publish();
            self.rest(looked, wait, &stop).await;
        }
    }

    /// Closes what is due; gives how long after the look to look again.
    async fn act_on(&self, look: Look, skipped: &HashSet<AuctionId>, looked: Instant) -> Duration {
        let Look { due, next, unrecorded } = look;
        let (left, due): (Vec<Due>, Vec<Due>) =
            due.into_iter().partition(|due| skipped.contains(&due.auction));
        left.iter().for_each(|due| self.lateness.note(due.age));
        let any = !due.is_empty();
        let closings = due.into_iter().map(|due| (due.auction.clone(), self.close(due, looked)));
        each(&self.skipped, closings).await;
        if any || unrecorded {
            self.unrecorded.notify_one();
        }
        // All shards at the same moments, so that a process at rest wakes up once for them.
        let net = TIMER_NET - remainder(looked.duration_since(self.began), TIMER_NET);
        let next = next.map_or(net, |next| net.min(next + spread(TIMER_SPREAD)));
        // Where nothing could be done, there is no hurry.
        let next = if any { next } else { next.max(TIMER_TICK) };
        self.skipped.next().map_or(next, |again| next.min(looked.elapsed() + again))
    }

    /// Gives whether it is closed.
    async fn close(&self, due: Due, looked: Instant) -> Result<bool, TimerError> {
        let Due { auction, age } = due;
        let closed = self.ledger.close_if_due(&auction).await;
        // One that a late bid has just extended is not late.
        if !matches!(closed, Ok(None)) {
            self.lateness.note(age + looked.elapsed());
        }
        let closed = closed?;
        if let Some(closed) = &closed {
            tracing::info!(%auction, seq = closed.seq, "auction closed");
        }
        Ok(closed.is_some())
    }

    /// Waits until `wait` after the look, or to be woken.
    async fn rest(&self, looked: Instant, wait: Duration, stop: &CancellationToken) {
        let wakes = self.ledger.wakes();
        let wait = if wakes.heard() { wait } else { wait.min(TIMER_TICK) };
        let woken = async {
            sleep_until(looked + TIMER_TICK).await;
            wakes.deadlines(self.shard).await;
            sleep(spread(TIMER_SPREAD)).await;
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep_until(looked + wait) => {}
            () = woken => {}
        }
    }
}

/// What is left of `elapsed` after as many whole `spans` as there are.
fn remainder(elapsed: Duration, span: Duration) -> Duration {
    let rest = elapsed.as_micros() % span.as_micros().max(1);
    Duration::from_micros(u64::try_from(rest).unwrap_or(0))
}
