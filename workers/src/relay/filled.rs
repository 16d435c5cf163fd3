//! Which outboxes something waits in, as they were when last looked at.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::ledger::keys::Outlet;
use crate::redis::{Shard, Shards};

/// The outboxes in which something waits as far as is known: all, until they have been looked at.
pub(super) struct Filled(Vec<[AtomicBool; 2]>);

impl Filled {
    pub(super) fn new(shards: Shards) -> Self {
        Self(shards.all().map(|_| [true, true].map(AtomicBool::new)).collect())
    }

    /// Whether something waits in `shard` for `outlet`, or that is not known.
    pub(super) fn is(&self, shard: Shard, outlet: Outlet) -> bool {
        self.of(shard, outlet).is_none_or(|filled| filled.load(Ordering::Relaxed))
    }

    pub(super) fn note(&self, shard: Shard, outlet: Outlet, filled: bool) {
        if let Some(noted) = self.of(shard, outlet) {
            noted.store(filled, Ordering::Relaxed);
        }
    }

    fn of(&self, shard: Shard, outlet: Outlet) -> Option<&AtomicBool> {
        let [bids, messages] = self.0.get(usize::from(shard))?;
        Some(match outlet {
            Outlet::Bids => bids,
            Outlet::Messages => messages,
        })
    }
}
