//! Rate limits: who may send how much.
//!
//! An instance counts in its own memory, which is exact where it lives long and is the only one that an
//! identity comes to: so it is for users, and for addresses without a token, under `gavel-host --instances
//! per-core`. Where instances are many or short-lived, as in Spin, they share their counts through the
//! key-value store ([`CountsIn::KeyValue`]): what others counted is asked for, and what this one counted
//! told, before a request is let through or just afterwards ([`Share`]). The store has no
//! compare-and-swap, so what several instances let through between asking and telling may count as one.
//! A store that fails or hangs limits nobody beyond what the instance itself has seen: an auction goes on
//! without its limiter rather than stop with it.

pub(crate) mod gcra;
mod memory;
mod store;

use std::rc::Rc;
use std::time::Duration;

use self::gcra::{Quota, Verdict};
use self::memory::{Memory, Untold};
use self::store::{Place, Slot};
use crate::config::{Config, CountsIn, Secret};
use crate::limits::TELL_TOGETHER_MS;
use crate::log;
use crate::ports::Ports;

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

/// When others' counts are asked for, where they are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Before the request is let through, which waits for it.
    First,
    /// Afterwards: they count for the next request that comes to this instance.
    Later,
}

/// The limiters, as configured, and what this instance knows of everybody.
#[derive(Debug)]
pub struct Limits {
    address: Quota,
    user: Quota,
    failed_auth: Quota,
    counts_in: CountsIn,
    /// Keeps clients from choosing with whom they share a slot of the store.
    seed: Secret,
    memory: Memory,
}

impl Limits {
    /// The limiters as configured; nobody has used anything yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            address: config.address_quota,
            user: config.user_quota,
            failed_auth: config.failed_auth_quota,
            counts_in: config.counts_in,
            seed: config.edge_key.clone(),
            memory: Memory::default(),
        }
    }

    /// Counts one request of `identity`, or refuses it.
    pub async fn take(
        self: &Rc<Self>,
        ports: &impl Ports,
        limiter: Limiter,
        identity: &str,
        share: Share,
    ) -> Result<(), Denied> {
        let asked = self.ask(ports, limiter, identity, share).await?;
        // Only now: to an older time, what was noted while this one waited would look like use of all
        // the quota.
        let now_ns = ports.now_ns();
        let to_tell = self.memory.change(limiter, identity, |count| {
            let before_ns = count.tat_ns.max(now_ns);
            count.tat_ns = self.decide(limiter, count.tat_ns, now_ns)?;
            if self.counts_in == CountsIn::Memory {
                return Ok(false);
            }
            let charged_ns = count.tat_ns.saturating_sub(before_ns);
            let untold = count.untold.get_or_insert(Untold { since_ns: now_ns, charged_ns: 0 });
            untold.charged_ns = untold.charged_ns.saturating_add(charged_ns);
            Ok(!std::mem::replace(&mut count.telling, true))
        })?;
        match asked {
            _ if !to_tell => {}
            // At once: of many requests that come together to as many instances, all would pass before
            // the first of them is told.
            Some(slot) => {
                let mut asked = Some(slot);
                while self.is_to_tell(limiter, identity)
                    && self.tell(ports, limiter, identity, asked.take()).await
                {}
            }
            None => {
                let (limits, identity) = (Rc::clone(self), identity.to_owned());
                ports.spawn(async move |ports| limits.tell_later(ports, limiter, &identity).await);
            }
        }
        Ok(())
    }

    /// Tells the store what was counted here, until there is nothing more.
    async fn tell_later(&self, ports: &impl Ports, limiter: Limiter, identity: &str) {
        while self.is_to_tell(limiter, identity) {
            // Many bids come from an address, and each need not be told by itself.
            if limiter == Limiter::Address {
                ports.sleep(Duration::from_millis(TELL_TOGETHER_MS)).await;
            }
            if !self.tell(ports, limiter, identity, None).await {
                return;
            }
        }
    }

    /// Whether something was counted that the store does not know.
    fn is_to_tell(&self, limiter: Limiter, identity: &str) -> bool {
        self.memory.change(limiter, identity, |count| {
            count.telling = count.untold.is_some();
            count.telling
        })
    }

    /// Refuses if [`Self::take`] would, without counting.
    pub async fn peek(
        &self,
        ports: &impl Ports,
        limiter: Limiter,
        identity: &str,
    ) -> Result<(), Denied> {
        self.ask(ports, limiter, identity, Share::First).await?;
        let known = self.memory.get(limiter, identity);
        self.decide(limiter, known.tat_ns, ports.now_ns()).map(drop)
    }

    /// Learns what others counted, where that comes first, and gives what the store has. Who is over the
    /// limit by what is known here is refused at once: others can only have counted more.
    async fn ask(
        &self,
        ports: &impl Ports,
        limiter: Limiter,
        identity: &str,
        share: Share,
    ) -> Result<Option<Slot>, Denied> {
        if self.counts_in == CountsIn::Memory || share == Share::Later {
            return Ok(None);
        }
        self.decide(limiter, self.memory.get(limiter, identity).tat_ns, ports.now_ns())?;
        let place = Place::of(self.seed.expose(), limiter.name(), identity);
        match store::read(ports, &place).await {
            Ok(slot) => {
                if let Some(theirs_ns) = slot.tat_ns(&place) {
                    self.memory.learn(limiter, identity, theirs_ns);
                }
                Ok(Some(slot))
            }
            Err(error) => {
                log::warn("cannot read a rate limit", &[("error", &error)]);
                Ok(None)
            }
        }
    }

    /// Tells the store what was counted here, and learns what others counted. `asked` is what it had a
    /// moment ago, if that is known. Whether that can go on: what a store that fails was not told is not
    /// kept for later.
    async fn tell(
        &self,
        ports: &impl Ports,
        limiter: Limiter,
        identity: &str,
        asked: Option<Slot>,
    ) -> bool {
        let place = Place::of(self.seed.expose(), limiter.name(), identity);
        let slot = match asked {
            Some(slot) => Ok(slot),
            None => store::read(ports, &place).await,
        };
        let untold = self.memory.change(limiter, identity, |count| {
            count.telling = slot.is_ok();
            count.untold.take()
        });
        let slot = match slot {
            Ok(slot) => slot,
            Err(error) => {
                log::warn("cannot read a rate limit", &[("error", &error)]);
                return false;
            }
        };
        let Some(Untold { since_ns, charged_ns }) = untold else { return true };
        let theirs_ns = slot.tat_ns(&place).unwrap_or_default();
        let tat_ns = theirs_ns.max(since_ns).saturating_add(charged_ns);
        self.memory.learn(limiter, identity, tat_ns);
        let slot = slot.with(&place, tat_ns, ports.now_ns());
        if let Err(error) = store::write(ports, &place, &slot).await {
            log::warn("cannot write a rate limit", &[("error", &error)]);
        }
        true
    }

    const fn quota(&self, limiter: Limiter) -> Quota {
        match limiter {
            Limiter::Address => self.address,
            Limiter::User => self.user,
            Limiter::FailedAuth => self.failed_auth,
        }
    }

    /// The TAT after one more request, or the refusal of it.
    fn decide(&self, limiter: Limiter, tat_ns: u64, now_ns: u64) -> Result<u64, Denied> {
        match self.quota(limiter).decide(Some(tat_ns), now_ns) {
            Verdict::Allowed { tat_ns, .. } => Ok(tat_ns),
            Verdict::Denied { retry_after_ns } => Err(self.denied(limiter, retry_after_ns)),
        }
    }

    const fn denied(&self, limiter: Limiter, retry_after_ns: u64) -> Denied {
        let quota = self.quota(limiter);
        let whole_s = retry_after_ns.div_ceil(1_000_000_000);
        Denied {
            policy: limiter.name(),
            burst: quota.burst(),
            window_s: quota.window_s(),
            retry_after_s: if whole_s == 0 { 1 } else { whole_s },
        }
    }
}

#[cfg(test)]
mod tests;
