//! The generic cell rate algorithm, as a function: one stored number per identity, whole-number
//! arithmetic in nanoseconds.
//!
//! The number is the theoretical arrival time (TAT): when the identity would have used up exactly
//! its steady rate. A request is allowed while the TAT, moved on by one interval, is at most
//! `burst` intervals ahead of now. No TAT, or one in the past, is the state of an unused quota, so
//! a stored one may be forgotten then.

/// How much is allowed: `burst` at once, refilled at a steady rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    interval_ns: u64,
    burst: u64,
}

/// The answer for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed.
    Allowed {
        /// The TAT to store.
        tat_ns: u64,
        /// How many more are allowed right now.
        remaining: u64,
    },
    /// Not allowed; nothing is to be stored.
    Denied {
        /// When one is allowed again, from now.
        retry_after_ns: u64,
    },
}

impl Quota {
    /// `burst` requests at once and `rate_per_s` a second in the long run; both at least 1.
    #[must_use]
    pub const fn new(rate_per_s: u64, burst: u64) -> Self {
        let rate_per_s = if rate_per_s == 0 { 1 } else { rate_per_s };
        let burst = if burst == 0 { 1 } else { burst };
        Self { interval_ns: 1_000_000_000 / rate_per_s, burst }
    }

    /// Requests at once.
    #[must_use]
    pub const fn burst(&self) -> u64 {
        self.burst
    }

    /// Seconds in which a used-up quota is whole again, rounded up.
    #[must_use]
    pub const fn window_s(&self) -> u64 {
        self.window_ns().div_ceil(1_000_000_000)
    }

    const fn window_ns(&self) -> u64 {
        self.interval_ns.saturating_mul(self.burst)
    }

    /// Decides one request at `now_ns`, given the stored TAT.
    #[must_use]
    pub fn decide(&self, tat_ns: Option<u64>, now_ns: u64) -> Verdict {
        // Further ahead than a used-up quota puts it, it was stored before the clock was set back.
        let latest_ns = now_ns.saturating_add(self.window_ns());
        let tat_ns = tat_ns.unwrap_or(now_ns).clamp(now_ns, latest_ns);
        let next_ns = tat_ns.saturating_add(self.interval_ns);
        if next_ns > latest_ns {
            return Verdict::Denied { retry_after_ns: next_ns - latest_ns };
        }
        let remaining = (latest_ns - next_ns) / self.interval_ns.max(1);
        Verdict::Allowed { tat_ns: next_ns, remaining }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Runs requests at the given times (ms) and gives what was allowed.
    fn run(quota: Quota, times_ms: &[u64]) -> Vec<bool> {
        let mut tat = None;
        let mut allowed = Vec::new();
        for time in times_ms {
            match quota.decide(tat, SECOND + time * 1_000_000) {
                Verdict::Allowed { tat_ns, .. } => {
                    tat = Some(tat_ns);
                    allowed.push(true);
                }
                Verdict::Denied { .. } => allowed.push(false),
            }
        }
        allowed
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_steady_rate() {
        let two_a_second = Quota::new(2, 3);
        for (times, expected) in [
            (&[0, 0, 0, 0][..], &[true, true, true, false][..]),
            (&[0, 0, 0, 499, 500, 501], &[true, true, true, false, true, false]),
            (&[0, 0, 0, 1_500, 1_500, 1_500, 1_500], &[true, true, true, true, true, true, false]),
            (&[0, 500, 1_000, 1_500, 2_000], &[true, true, true, true, true]),
        ] {
            assert_eq!(run(two_a_second, times), expected, "{times:?}");
        }
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_what_is_left_counts_down() {
        let quota = Quota::new(1, 2);
        let Verdict::Allowed { tat_ns, remaining: 1 } = quota.decide(None, SECOND) else {
            panic!("the first is allowed");
        };
        let Verdict::Allowed { tat_ns, remaining: 0 } = quota.decide(Some(tat_ns), SECOND) else {
            panic!("the second is allowed");
        };
        let denied = quota.decide(Some(tat_ns), SECOND + SECOND / 4);
        assert_eq!(denied, Verdict::Denied { retry_after_ns: SECOND * 3 / 4 });
        assert_eq!(quota.window_s(), 2);
    }

    #[test]
    fn a_clock_set_back_does_not_lock_anybody_out() {
        let quota = Quota::new(1, 2);
        let denied = quota.decide(Some(u64::MAX), SECOND);
        assert_eq!(denied, Verdict::Denied { retry_after_ns: SECOND });
    }

    proptest! {
        #[test]
        fn no_window_ever_sees_more_than_the_burst_and_the_rate(
            rate in 1_u64..50, burst in 1_u64..20,
            mut times in prop::collection::vec(0_u64..5_000, 1..300),
        ) {
            times.sort_unstable();
            let allowed = run(Quota::new(rate, burst), &times);
            let taken: Vec<u64> = times.iter().zip(&allowed).filter(|(_, ok)| **ok)
                .map(|(time, _)| *time).collect();
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as u64;
                    prop_assert!(count <= burst + (to - from) * rate / 1_000 + 1);
                }
            }
        }

        #[test]
        fn who_waits_as_told_is_allowed(rate in 1_u64..100, burst in 1_u64..20, used in 0_u64..40) {
            let quota = Quota::new(rate, burst);
            let (mut tat, mut now) = (None, SECOND);
            for _ in 0..used {
                match quota.decide(tat, now) {
                    Verdict::Allowed { tat_ns, .. } => tat = Some(tat_ns),
                    Verdict::Denied { retry_after_ns } => {
                        prop_assert!(retry_after_ns > 0);
                        now += retry_after_ns;
                        let allowed = matches!(quota.decide(tat, now), Verdict::Allowed { .. });
                        prop_assert!(allowed);
                    }
                }
            }
        }

        #[test]
        fn nothing_overflows(rate in any::<u64>(), burst in any::<u64>(),
            tat in any::<Option<u64>>(), now in any::<u64>()) {
            let _verdict = Quota::new(rate, burst).decide(tat, now);
        }
    }
}
