//! Connections that are kept for the next request to the same place.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::uri::{Authority, Scheme};
use hyper::client::conn::http1::SendRequest;
use wasmtime_wasi_http::WasiBody;

use crate::limits::{OUTBOUND_IDLE_PER_HOST_MAX, OUTBOUND_IDLE_TIMEOUT};

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// `http` or `https`.
    pub(super) scheme: Scheme,
    /// Host and port.
    pub(super) authority: Authority,
}

/// Idle connections by place.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<Place, Vec<Idle>>>);

#[derive(Debug)]
struct Idle {
    sender: SendRequest<WasiBody>,
    since: Instant,
}

impl Idle {
    fn is_usable(&self, now: Instant) -> bool {
        !self.sender.is_closed()
            && now.saturating_duration_since(self.since) < OUTBOUND_IDLE_TIMEOUT
    }
}

impl Kept {
    fn places(&self) -> MutexGuard<'_, HashMap<Place, Vec<Idle>>> {
        // Nothing in here can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to `place`: the one used last, which is the surest to be open.
    pub(super) fn take(&self, place: &Place) -> Option<SendRequest<WasiBody>> {
        let mut places = self.places();
        let idle = places.get_mut(place)?;
        let now = Instant::now();
        // One whose last response has only just ended may not be ready yet.
        let at = idle.iter().rposition(|idle| idle.sender.is_ready() && idle.is_usable(now))?;
        Some(idle.remove(at).sender)
    }

    /// Keeps a connection to `place`, unless there are enough.
    pub(super) fn put(&self, place: Place, sender: SendRequest<WasiBody>) {
        let mut places = self.places();
        let idle = places.entry(place).or_default();
        if idle.len() < OUTBOUND_IDLE_PER_HOST_MAX && !sender.is_closed() {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }

    /// Closes what nobody has used for too long.
    pub(super) fn drop_idle(&self) {
        let now = Instant::now();
        self.places().retain(|_, idle| {
            idle.retain(|idle| idle.is_usable(now));
            !idle.is_empty()
        });
    }
}
