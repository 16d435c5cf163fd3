//! Counts that many instances share exactly: numbers in the store that each adds to in one step, where
//! the sum that comes back says which request in order this one is.
//!
//! **The rule** is that of [`super::gcra`], with time cut into windows in which a used-up quota is whole
//! again. Each identity has a number for each window: with `n` in it, the TAT is the window's start plus
//! `n` intervals, and a request is let through while that is at most a window ahead of now. A window holds
//! exactly `burst` intervals, so what lies beyond its end is whole requests: who is let through there is
//! counted in the next window as well, and that one begins where this one ended. Just after the first
//! request of a window, which all can tell by the sum, the intervals that passed in it unused are added,
//! so that they are not saved up. So a request waits for one operation, and for two as the first of a
//! window or beyond its end.
//!
//! **Never too few.** The order is the store's, so of requests at the same time the first that the quota
//! allows are let through. Who is refused takes back what it added, and tries again if what others took
//! back meanwhile makes room; this instance then refuses without asking, until the next interval. One
//! after another, nobody is refused whom the rule lets through.
//!
//! **Hardly too many.** Nobody sees from a sum how long ago it grew: who sends one early in a window and
//! then nothing saves up the rest of that window. So at most twice the burst can come at once, taken out of the next window's. Who always sends
//! gets the steady rate and not one more.
//!
//! **Whose number.** There is a fixed number of keys, a hash of the identity and the window's number
//! choose one, and what is added for a request is a number of that identity and window. A sum that it
//! does not divide has something of a stranger or of an old window in it: then the key is removed, and
//! counted anew. So nobody uses up a stranger's quota. The first request of a window removes the
//! identity's old keys.
//!
//! **The store** answers at once or blocks the whole instance, under Spin as long as it likes: these
//! operations are not asynchronous, so no bound holds. After one that took too long or failed, the
//! instance counts by itself for a while.

use std::cell::Cell;

use super::gcra::Quota;
use super::store;
use crate::limits::{
    COUNT_AHEAD_MAX, COUNT_REST_MS, COUNT_SLOTS, COUNT_TRIES_MAX, COUNT_WINDOWS, STORE_TIMEOUT_MS,
};
use crate::log;
use crate::ports::{Ports, bounded};

/// The store, as one instance sees it.
#[derive(Debug, Default)]
pub(super) struct Atomic {
    /// It failed or was slow: it is left alone until then.
    rests_until_ns: Cell<u64>,
}

/// What the store says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shared {
    /// The TAT after it, in nanoseconds since the epoch.
    pub(super) tat_ns: u64,
    /// Nanoseconds until one is allowed, if this one is not; then it is not counted.
    pub(super) refused_for_ns: Option<u64>,
}

/// Whose numbers, and how they are counted.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    prefix: String,
    unit: u64,
    quota: Quota,
}

/// An identity's number in one window.
#[derive(Debug)]
struct Window {
    number: u64,
    key: String,
    /// What one request adds.
    unit: i64,
    start_ns: u64,
    end_ns: u64,
}

impl Identity {
    /// The numbers of `identity` in the limiter called `limiter`.
    pub(super) fn of(seed: &[u8], limiter: &str, identity: &str, quota: Quota) -> Self {
        let [slot, unit] = store::hash(seed, limiter, identity);
        Self { prefix: format!("count/{limiter}/{}/", slot % COUNT_SLOTS), unit, quota }
    }

    fn key(&self, window: u64) -> String {
        format!("{}{}", self.prefix, window % COUNT_WINDOWS)
    }

    fn window(&self, number: u64) -> Window {
        let length_ns = self.quota.window_ns().max(1);
        // Above 2^32, so that requests add up apart from what tells them from others; below 2^33, so that
        // 2^30 of them fit.
        let unit = (1 << 32) + (self.unit.wrapping_add(number) & u64::from(u32::MAX));
        Window {
            number,
            key: self.key(number),
            unit: i64::try_from(unit).expect("it has 33 bits"),
            start_ns: number.saturating_mul(length_ns),
            end_ns: number.saturating_add(1).saturating_mul(length_ns),
        }
    }

    fn window_at(&self, now_ns: u64) -> Window {
        self.window(now_ns / self.quota.window_ns().max(1))
    }

    /// The TAT that `count` requests in `window` make.
    fn tat_ns(&self, window: &Window, count: i64) -> u64 {
        let count = u64::try_from(count).unwrap_or_default();
        window.start_ns.saturating_add(count.saturating_mul(self.quota.interval_ns()))
    }
}

impl Atomic {
    /// Counts one request, or refuses it. `None`: the store does not say.
    pub(super) async fn take(&self, ports: &impl Ports, identity: &Identity) -> Option<Shared> {
        let interval_ns = identity.quota.interval_ns();
        let mut latest_ns = 0;
        for _ in 0..COUNT_TRIES_MAX {
            let window = identity.window_at(ports.now_ns());
            let tat_ns = self.add(ports, identity, &window, 1).await?;
            // Only now: the operation may have taken its time.
            latest_ns = ports.now_ns().saturating_add(identity.quota.window_ns());
            if tat_ns <= latest_ns {
                self.carry(ports, identity, window, tat_ns, 1).await;
                return Some(Shared { tat_ns, refused_for_ns: None });
            }
            let without_ns = self.add(ports, identity, &window, -1).await?;
            // What others have yet to take back is not this identity's use.
            let tat_ns = without_ns.min(latest_ns);
            let too_early_ns = tat_ns.saturating_add(interval_ns).saturating_sub(latest_ns);
            if too_early_ns > 0 {
                return Some(Shared { tat_ns, refused_for_ns: Some(too_early_ns) });
            }
        }
        Some(Shared { tat_ns: latest_ns, refused_for_ns: Some(interval_ns) })
    }

    /// Counts requests that were let through, and gives the TAT.
    pub(super) async fn tell(
        &self,
        ports: &impl Ports,
        identity: &Identity,
        requests: u64,
    ) -> Option<u64> {
        let requests = i64::try_from(requests).unwrap_or(i64::MAX);
        let window = identity.window_at(ports.now_ns());
        let tat_ns = self.add(ports, identity, &window, requests).await?;
        self.carry(ports, identity, window, tat_ns, requests).await;
        Some(tat_ns)
    }

    /// The TAT, without counting.
    pub(super) async fn look(&self, ports: &impl Ports, identity: &Identity) -> Option<u64> {
        let window = identity.window_at(ports.now_ns());
        let tat_ns = self.add(ports, identity, &window, 0).await?;
        Some(tat_ns.min(ports.now_ns().saturating_add(identity.quota.window_ns())))
    }

    /// Adds requests to a window, and gives the TAT that all in it make.
    async fn add(
        &self,
        ports: &impl Ports,
        identity: &Identity,
        window: &Window,
        requests: i64,
    ) -> Option<u64> {
        let count = match self.change(ports, window, requests).await? {
            Some(count) => count,
            None => {
                remove(ports, vec![window.key.clone()]).await;
                self.change(ports, window, requests).await??
            }
        };
        if count == requests && requests > 0 {
            return Some(self.begin(ports, identity, window, count).await);
        }
        Some(identity.tat_ns(window, count))
    }

    /// After a window's first requests: adds what passed in it unused, and gives the TAT.
    async fn begin(
        &self,
        ports: &impl Ports,
        identity: &Identity,
        window: &Window,
        count: i64,
    ) -> u64 {
        let now_ns = ports.now_ns();
        let passed_ns = now_ns.saturating_sub(window.start_ns);
        let unused = passed_ns / identity.quota.interval_ns().max(1);
        let unused = i64::try_from(unused).unwrap_or(i64::MAX);
        // At once: all would use it who come together.
        if unused > 0
            && let Some(Some(sum)) = self.change(ports, window, unused).await
        {
            // Who came first all the same is now further ahead, and may be beyond the end.
            let beyond_ns = identity.tat_ns(window, sum).saturating_sub(window.end_ns);
            let beyond = beyond_ns / identity.quota.interval_ns().max(1);
            let beyond = i64::try_from(beyond).unwrap_or(i64::MAX).min(unused);
            if beyond > 0 {
                let next = identity.window(window.number + 1);
                let _count = self.change(ports, &next, beyond).await;
            }
        }
        // Not those that it is carried into, nor those that are carried into it, nor what a clock that
        // is behind takes for one of them.
        let kept = COUNT_AHEAD_MAX + 1;
        let old = (kept..COUNT_WINDOWS - kept).map(|n| identity.key(window.number + n)).collect();
        let end_ns = window.end_ns;
        ports.spawn(async move |ports| {
            // Late, they may be somebody's again.
            if ports.now_ns() < end_ns {
                remove(ports, old).await;
            }
        });
        identity.tat_ns(window, count.saturating_add(unused))
    }

    /// Changes a window's count, and gives it; `Some(None)`: it is not this identity's alone.
    async fn change(&self, ports: &impl Ports, window: &Window, by: i64) -> Option<Option<i64>> {
        let sum = self.increment(ports, &window.key, window.unit.saturating_mul(by)).await?;
        Some((sum % window.unit == 0).then_some(sum / window.unit))
    }

    /// Counts those of the last `requests` in a window that reach beyond its end in the next one.
    async fn carry(
        &self,
        ports: &impl Ports,
        identity: &Identity,
        mut window: Window,
        mut tat_ns: u64,
        mut requests: i64,
    ) {
        for _ in 0..COUNT_AHEAD_MAX {
            let beyond_ns = tat_ns.saturating_sub(window.end_ns);
            let beyond = beyond_ns / identity.quota.interval_ns().max(1);
            requests = requests.min(i64::try_from(beyond).unwrap_or(i64::MAX));
            if requests == 0 {
                return;
            }
            window = identity.window(window.number + 1);
            match self.add(ports, identity, &window, requests).await {
                Some(next_ns) => tat_ns = next_ns,
                None => return,
            }
        }
    }

    async fn increment(&self, ports: &impl Ports, key: &str, delta: i64) -> Option<i64> {
        let asked_ns = ports.now_ns();
        if asked_ns < self.rests_until_ns.get() {
            return None;
        }
        let sum = bounded(ports, ports.increment(key, delta)).await;
        let now_ns = ports.now_ns();
        if sum.is_err() || now_ns.saturating_sub(asked_ns) > STORE_TIMEOUT_MS * 1_000_000 {
            self.rests_until_ns.set(now_ns.saturating_add(COUNT_REST_MS * 1_000_000));
        }
        sum.inspect_err(|error| log::warn("cannot count a rate limit", &[("error", error)])).ok()
    }
}

async fn remove(ports: &impl Ports, keys: Vec<String>) {
    if let Err(error) = bounded(ports, ports.delete_many(&keys)).await {
        log::warn("cannot remove old rate limits", &[("error", &error)]);
    }
}

#[cfg(test)]
mod tests;
