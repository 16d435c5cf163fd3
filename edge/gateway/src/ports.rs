//! What the gateway needs from outside, as traits: storage, time, randomness, outbound HTTP.
//!
//! `component::ports` implements them with the runtime, `testing` with fakes. Futures are not `Send`:
//! an instance runs on one thread.
#![allow(async_fn_in_trait, reason = "an instance is single-threaded; no caller needs Send")]

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderMap, Method};

/// The key-value store failed. The runtime's message may name hosts, so it is logged, never sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key-value store failed: {0}")]
pub struct StoreError(pub String);

/// A store shared by all instances of one host, without compare-and-swap.
pub trait KeyValue {
    /// The value of `key`.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets the value of `key`.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;
}

/// Time.
pub trait Clock {
    /// Nanoseconds since the epoch.
    fn now_ns(&self) -> u64;
    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// Milliseconds since the epoch.
    fn now_ms(&self) -> u64 {
        self.now_ns() / 1_000_000
    }
}

/// Unpredictable bytes.
pub trait Random {
    /// Sixteen of them.
    fn bytes(&self) -> [u8; 16];
}

/// A request to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// Scheme, authority, path and query.
    pub url: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The most that connecting may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// The most that the first byte and each following one may take, in milliseconds. The caller
    /// bounds the whole with [`within`].
    pub timeout_ms: u64,
    /// Longest body to read in bytes.
    pub reply_bytes_max: usize,
}

/// Why no whole reply came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection; nothing was sent, so sending again is safe.
    #[error("could not connect")]
    Connect,
    /// Broken off after something may have been sent.
    #[error("the exchange broke off")]
    Broken,
    /// The reply is longer than allowed.
    #[error("the reply is too long")]
    TooLong,
}

/// Outbound HTTP.
pub trait Fetch {
    /// Sends a request and reads the whole reply.
    async fn fetch(&self, request: &Outgoing) -> Result<http::Response<Bytes>, FetchError>;
}

/// All of them.
pub trait Ports: KeyValue + Clock + Random + Fetch {}

impl<T: KeyValue + Clock + Random + Fetch> Ports for T {}

/// The result of `work`, or `None` once `ms` milliseconds have passed; `work` is then dropped.
pub async fn within<T>(clock: &impl Clock, ms: u64, work: impl Future<Output = T>) -> Option<T> {
    let deadline = pin!(clock.sleep(Duration::from_millis(ms)));
    match select(pin!(work), deadline).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}
