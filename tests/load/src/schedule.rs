//! When the requests of an open loop are due, fixed before the first is sent: a slow answer must not
//! hold back those that come after it, or the slowness would hide itself.

#![allow(
    clippy::float_arithmetic,
    reason = "random gaps have a logarithm; nothing is decided by them"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "nanoseconds of a run of minutes fit a float's 53 bits"
)]

use std::time::Duration;

/// Repeatable: every proxy gets the same arrivals.
const SEED: u64 = 0x0067_6176_656c;

/// The due times of independent arrivals (a Poisson process) at `rate` a second, for `length`, counted
/// from its beginning.
#[must_use]
pub fn arrivals(rate: u64, length: Duration) -> Vec<Duration> {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mean_ns = 1e9 / rate.max(1) as f64;
    let mut due_ns = 0.0;
    std::iter::from_fn(|| {
        // 1 - x, since x may be 0 but never 1.
        due_ns -= mean_ns * (1.0 - random.f64()).ln();
        Some(Duration::from_nanos(due_ns as u64)).filter(|due| *due < length)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_in_order_at_the_rate_and_at_random() {
        let due = arrivals(1_000, Duration::from_secs(10));
        assert!((9_500..=10_500).contains(&due.len()), "{}", due.len());
        assert!(due.is_sorted());
        assert!(due.last().unwrap() < &Duration::from_secs(10));
        let gaps: Vec<Duration> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Of independent arrivals, 63 % come before the mean gap is over, and 5 % after three.
        let within = |limit_us| {
            gaps.iter().filter(|gap| **gap < Duration::from_micros(limit_us)).count() * 100
                / gaps.len()
        };
        assert!((60..=66).contains(&within(1_000)), "{}", within(1_000));
        assert!((93..=97).contains(&within(3_000)), "{}", within(3_000));
    }

    #[test]
    fn every_proxy_gets_the_same_arrivals() {
        let length = Duration::from_secs(1);
        assert_eq!(arrivals(300, length), arrivals(300, length));
    }
}
