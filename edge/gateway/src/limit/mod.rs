//! Rate limits: who may send how much, counted in the key-value store so that the count survives an
//! instance.
//!
//! The store has no compare-and-swap, so two requests of one identity that overlap within the
//! microseconds between read and write may count as one. And a store that fails limits nobody: an
//! auction goes on without its limiter rather than stop with it.

mod gcra;
mod store;

pub use gcra::{Quota, Verdict};

use crate::config::Config;
use crate::log;
use crate::ports::{Clock, KeyValue};

/// One of the limiters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limiter {
    /// Every request of an address.
    Address,
    /// Every request of a user that can change something.
    User,
    /// Failed sign-ins of an address.
    FailedAuth,
}

impl Limiter {
    /// Its name, in the store and towards clients.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::User => "user",
            Self::FailedAuth => "failed-auth",
        }
    }

    const fn quota(self, config: &Config) -> Quota {
        match self {
            Self::Address => config.address_quota,
            Self::User => config.user_quota,
            Self::FailedAuth => config.failed_auth_quota,
        }
    }
}

/// Too many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {burst} requests in {window_s} s")]
pub struct Denied {
    /// Which limiter.
    pub policy: &'static str,
    /// What it allows at once.
    pub burst: u64,
    /// Seconds in which that much is allowed again.
    pub window_s: u64,
    /// Seconds until the next one is allowed, rounded up; at least 1.
    pub retry_after_s: u64,
}

/// The limiters, with their configuration.
#[derive(Debug)]
pub struct Limits<'a> {
    config: &'a Config,
}

impl<'a> Limits<'a> {
    /// The limiters as configured.
    #[must_use]
    pub const fn new(config: &'a Config) -> Self {
        Self { config }
    }

    /// Counts one request of `identity`, or refuses it.
    pub async fn take(
        &self,
        ports: &(impl KeyValue + Clock),
        limiter: Limiter,
        identity: &str,
    ) -> Result<(), Denied> {
        self.decide(ports, limiter, identity, true).await
    }

    /// Refuses if [`Self::take`] would, without counting.
    pub async fn peek(
        &self,
        ports: &(impl KeyValue + Clock),
        limiter: Limiter,
        identity: &str,
    ) -> Result<(), Denied> {
        self.decide(ports, limiter, identity, false).await
    }

    async fn decide(
        &self,
        ports: &(impl KeyValue + Clock),
        limiter: Limiter,
        identity: &str,
        count: bool,
    ) -> Result<(), Denied> {
        let quota = limiter.quota(self.config);
        let place = store::Place::of(self.config.edge_key.expose(), limiter.name(), identity);
        let slot = match store::read(ports, &place).await {
            Ok(slot) => slot,
            Err(error) => {
                log::warn("cannot read a rate limit", &[("error", &error)]);
                return Ok(());
            }
        };
        // Not before: to an older time, what others noted while this one waited would look like use of
        // all the quota.
        let now_ns = ports.now_ns();
        match quota.decide(slot.tat_ns(&place), now_ns) {
            Verdict::Allowed { tat_ns, .. } if count => {
                let slot = slot.with(&place, tat_ns, now_ns);
                if let Err(error) = store::write(ports, &place, &slot).await {
                    log::warn("cannot write a rate limit", &[("error", &error)]);
                }
                Ok(())
            }
            Verdict::Allowed { .. } => Ok(()),
            Verdict::Denied { retry_after_ns } => Err(Denied {
                policy: limiter.name(),
                burst: quota.burst(),
                window_s: quota.window_s(),
                retry_after_s: retry_after_ns.div_ceil(1_000_000_000).max(1),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
