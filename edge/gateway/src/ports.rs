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

use crate::limits::STORE_TIMEOUT_MS;

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

/// What a store operation gives, or a failure once [`STORE_TIMEOUT_MS`] have passed: a store that hangs
/// is as one that is away.
pub async fn bounded<T>(
    clock: &impl Clock,
    operation: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let done = within(clock, STORE_TIMEOUT_MS, operation).await;
    done.unwrap_or_else(|| Err(StoreError("no answer in time".to_owned())))
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
    /// The most that the first byte and each following one may take, in milliseconds. Who reads a body
    /// here bounds the whole with [`within`].
    pub timeout_ms: u64,
}

/// Why no whole reply came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Refused or unreachable; nothing was sent, so sending again is safe.
    #[error("could not connect")]
    Connect,
    /// No connection in the time that the request names. Nothing was sent either, but trying the same once
    /// more would take as long again.
    #[error("could not connect in time")]
    ConnectLate,
    /// No answer in the time that the request names. Sending again would take as long again.
    #[error("no answer in time")]
    Late,
    /// Broken off after something may have been sent.
    #[error("the exchange broke off")]
    Broken,
    /// The reply is longer than allowed.
    #[error("the reply is too long")]
    TooLong,
}

/// Outbound HTTP.
pub trait Fetch {
    /// A reply's body that has not been read.
    type Body;

    /// Sends a request and gives the reply once its head is there.
    async fn send(&self, request: &Outgoing) -> Result<http::Response<Self::Body>, FetchError>;

    /// Reads a reply's body, of at most `bytes_max` bytes.
    async fn read(&self, body: Self::Body, bytes_max: usize) -> Result<Bytes, FetchError>;

    /// Sends a request and reads the whole reply, of at most `bytes_max` bytes.
    async fn fetch(
        &self,
        request: &Outgoing,
        bytes_max: usize,
    ) -> Result<http::Response<Bytes>, FetchError> {
        let (head, body) = self.send(request).await?.into_parts();
        Ok(http::Response::from_parts(head, self.read(body, bytes_max).await?))
    }
}

/// The body of the request that is being answered.
pub trait IncomingBody {
    /// Reads it to its end, which comes after `bytes_max` bytes at the latest.
    async fn read(self, bytes_max: usize) -> Result<Bytes, BodyFault>;
}

/// Why there is no whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// Longer than allowed.
    TooLong,
    /// It ended before its end.
    Broken,
}

/// Work that no request waits for.
pub trait Background {
    /// Starts `task`, which goes on when the request that started it has been answered.
    fn spawn(&self, task: impl AsyncFnOnce(&Self) + 'static);
}

/// All of them.
pub trait Ports: KeyValue + Clock + Random + Fetch + Background {}

impl<T: KeyValue + Clock + Random + Fetch + Background> Ports for T {}

/// The result of `work`, or `None` once `ms` milliseconds have passed; `work` is then dropped.
pub async fn within<T>(clock: &impl Clock, ms: u64, work: impl Future<Output = T>) -> Option<T> {
    let deadline = pin!(clock.sleep(Duration::from_millis(ms)));
    match select(pin!(work), deadline).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}
