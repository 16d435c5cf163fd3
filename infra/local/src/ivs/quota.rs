//! The rates that AWS allows, per account and region; none of them can be raised.
//!
//! AWS counts with a token bucket that lets short bursts through. This counts the calls of the last
//! second, which is stricter: who keeps to this keeps to that. Source: "Service quotas" in the IVS
//! user guide.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Calls a second of one channel's `PutMetadata`.
const METADATA_A_CHANNEL: usize = 5;
/// Calls a second of `PutMetadata` in all.
const METADATA_IN_ALL: usize = 155;

/// When calls were let through, by what they count against.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    calls: HashMap<String, VecDeque<Instant>>,
}

impl Quotas {
    /// Whether one more call of `operation` about `arn` is within its rate; then it counts.
    pub(super) fn admit(&mut self, operation: &str, arn: &str, now: Instant) -> bool {
        if operation == "PutMetadata" {
            let channel = of_channel(arn);
            return self.room(&channel, METADATA_A_CHANNEL, now)
                && self.room(operation, METADATA_IN_ALL, now)
                && self.count(&channel, now)
                && self.count(operation, now);
        }
        self.room(operation, rate(operation), now) && self.count(operation, now)
    }

    /// A channel that is gone counts no more.
    pub(super) fn forget(&mut self, arn: &str) {
        self.calls.remove(&of_channel(arn));
    }

    fn room(&mut self, name: &str, most: usize, now: Instant) -> bool {
        let calls = self.calls.entry(name.to_owned()).or_default();
        while calls.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            calls.pop_front();
        }
        calls.len() < most
    }

    fn count(&mut self, name: &str, now: Instant) -> bool {
        self.calls.entry(name.to_owned()).or_default().push_back(now);
        true
    }
}

/// What metadata of one channel counts against.
fn of_channel(arn: &str) -> String {
    format!("PutMetadata {arn}")
}

/// Calls a second of an operation.
fn rate(operation: &str) -> usize {
    match operation {
        "StartViewerSessionRevocation" => 10,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_call_in_a_second_is_one_too_many() {
        let (mut quotas, start) = (Quotas::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        for n in 0..5 {
            assert!(quotas.admit("CreateChannel", "", at(n * 100)));
        }
        assert!(!quotas.admit("CreateChannel", "", at(999)));
        assert!(quotas.admit("DeleteChannel", "", at(999)), "each has a rate of its own");
        assert!(quotas.admit("CreateChannel", "", at(1_000)));
    }

    #[test]
    fn metadata_counts_by_channel_and_in_all() {
        let (mut quotas, now) = (Quotas::default(), Instant::now());
        for n in 0..155 {
            assert!(quotas.admit("PutMetadata", &format!("channel-{}", n / 5), now));
        }
        assert!(!quotas.admit("PutMetadata", "channel-0", now), "five of this channel");
        assert!(!quotas.admit("PutMetadata", "channel-99", now), "155 in all");
    }
}
