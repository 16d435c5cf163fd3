//! Keeping to the rates of the video service: calls of one kind wait for each other's turn.
//!
//! Each process paces its own calls; several together can still be told to slow down, and then back
//! off. Who would have to wait too long is told so instead.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::limits::{IVS_CALL_SPACING, IVS_METADATA_SPACING, IVS_TURN_MAX};

/// Gives out turns. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Pacer {
    next: Arc<Mutex<HashMap<&'static str, Instant>>>,
}

impl Pacer {
    /// Waits for the turn of a call of `operation`. `false`: it would not come in time.
    pub(super) async fn turn(&self, operation: &'static str) -> bool {
        let spacing = match operation {
            "PutMetadata" => IVS_METADATA_SPACING,
            "StartViewerSessionRevocation" => IVS_CALL_SPACING / 2,
            _ => IVS_CALL_SPACING,
        };
        let Some(turn) = self.reserve(operation, spacing, Instant::now()) else { return false };
        sleep_until(turn).await;
        true
    }

    fn reserve(&self, operation: &'static str, spacing: Duration, now: Instant) -> Option<Instant> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let free = next.entry(operation).or_insert(now);
        let turn = (*free).max(now);
        if turn.duration_since(now) > IVS_TURN_MAX {
            return None;
        }
        *free = turn + spacing;
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_one_kind_are_apart_and_others_do_not_wait() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        let spacing = Duration::from_millis(220);
        let turns: Vec<_> = (0..3).map(|_| pacer.reserve("GetStream", spacing, now)).collect();
        assert_eq!(turns, [0, 1, 2].map(|n| Some(now + spacing * n)));
        assert_eq!(pacer.reserve("StopStream", spacing, now), Some(now));
    }

    #[test]
    fn who_would_wait_too_long_is_told_so_and_takes_no_turn() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        assert!(pacer.reserve("GetStream", IVS_TURN_MAX * 2, now).is_some());
        assert_eq!(pacer.reserve("GetStream", IVS_TURN_MAX, now), None);
        let later = now + IVS_TURN_MAX;
        assert_eq!(pacer.reserve("GetStream", IVS_TURN_MAX, later), Some(now + IVS_TURN_MAX * 2));
    }
}
