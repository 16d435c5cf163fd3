//! How late auctions close, as a gauge. It keeps the worst of the last minute or two, so that whoever
//! reads it once a minute misses nothing.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::LATENESS_KEPT;

/// The worst lateness of this span of time and of the one before it.
pub(super) struct Lateness {
    spans: Mutex<Spans>,
}

struct Spans {
    began: Instant,
    worst: Duration,
    before: Duration,
}

impl Lateness {
    pub(super) fn new() -> Self {
        let spans = Spans { began: Instant::now(), worst: Duration::ZERO, before: Duration::ZERO };
        Self { spans: Mutex::new(spans) }
    }

    /// Notes an auction that was closed `late`, or is still open so long after its end.
    pub(super) fn note(&self, late: Duration) {
        // Plain numbers: a panic elsewhere cannot leave them half written.
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.worst = spans.worst.max(late);
    }

    /// Sets the gauge.
    pub(super) fn publish(&self) {
        let worst = self.worst(Instant::now()).as_secs_f64();
        metrics::gauge!("gavel_timer_close_lateness_seconds").set(worst);
    }

    fn worst(&self, now: Instant) -> Duration {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(spans.began);
        if elapsed >= LATENESS_KEPT {
            let before = if elapsed < LATENESS_KEPT * 2 { spans.worst } else { Duration::ZERO };
            *spans = Spans { began: now, worst: Duration::ZERO, before };
        }
        spans.worst.max(spans.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_seen_for_at_least_one_span_and_at_most_two() {
        let lateness = Lateness::new();
        let began = Instant::now();
        lateness.note(Duration::from_secs(3));
        lateness.note(Duration::from_secs(1));
        assert_eq!(lateness.worst(began), Duration::from_secs(3));
        assert_eq!(lateness.worst(began + LATENESS_KEPT), Duration::from_secs(3), "a span later");
        lateness.note(Duration::from_secs(2));
        let two = began + LATENESS_KEPT * 2;
        assert_eq!(lateness.worst(two), Duration::from_secs(2), "the first is forgotten");
        assert_eq!(lateness.worst(two + LATENESS_KEPT), Duration::ZERO);
    }
}
