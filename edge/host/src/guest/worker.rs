//! When instances are made, reused, kept and killed: the policy behind `wasmtime_wasi_http`'s
//! request handler.
//!
//! The counts and times are Spin's. Beyond Spin, an instance that keeps the processor for a whole
//! request time-out without once returning to its event loop is killed, whatever it is doing; one
//! that streams a long response is not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep};
use wasmtime::component::GuestTaskId;
use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::guest::fate::{InstanceFate, RequestFate};
use crate::guest::state::{Grants, Guest};
use crate::limits::{EPOCH_TICK, STUCK_INSTANCE_GRACE};
use crate::outbound::OutboundClient;

/// How long and how often an instance is used.
#[derive(Debug, Clone, Copy)]
pub struct ReusePolicy {
    /// Requests until it is dropped.
    pub requests_max: usize,
    /// Requests at the same time.
    pub concurrent_max: usize,
    /// How long it is kept without a request.
    pub idle_timeout: Duration,
    /// How long a request may take to produce the head of its response.
    pub request_timeout: Duration,
}

/// Makes instances of one component.
#[derive(Clone)]
pub struct InstanceFactory {
    engine: Engine,
    service: ServicePre<Guest>,
    grants: Grants,
    policy: ReusePolicy,
}

impl InstanceFactory {
    /// A factory for a compiled and linked component.
    pub fn new(
        engine: Engine,
        service: ServicePre<Guest>,
        grants: Grants,
        policy: ReusePolicy,
    ) -> Self {
        Self { engine, service, grants, policy }
    }

    /// The component's id.
    pub fn component(&self) -> &Arc<str> {
        &self.grants.component
    }

    /// How long and how often its instances are used.
    pub const fn policy(&self) -> ReusePolicy {
        self.policy
    }

    /// The same component's, for instances that send through `client`.
    #[must_use]
    pub fn sending_through(&self, client: OutboundClient) -> Self {
        let mut grants = self.grants.clone();
        grants.outbound.client = client;
        Self {
            engine: self.engine.clone(),
            service: self.service.clone(),
            grants,
            policy: self.policy,
        }
    }

    /// A new instance.
    ///
    /// # Errors
    /// If there is no room for another one, or the component's start fails.
    pub async fn fresh(&self) -> wasmtime::Result<Fresh> {
        let began = Instant::now();
        let mut store = Store::new(&self.engine, Guest::new(&self.grants));
        store.limiter(|guest| &mut guest.limits);
        let busy_ticks = Arc::new(AtomicU64::new(0));
        let busy_max = self.policy.request_timeout.saturating_add(STUCK_INSTANCE_GRACE);
        watch(&mut store, Arc::clone(&busy_ticks), busy_max);
        let proxy = Proxy::P3(self.service.instantiate_async(&mut store).await?);
        let took_us = began.elapsed().as_micros();
        tracing::debug!(component = %self.grants.component, took_us, "instance ready");
        Ok(Fresh { store, proxy, busy_ticks })
    }
}

/// An instance that has not been asked anything yet.
pub struct Fresh {
    /// Its store.
    pub store: Store<Guest>,
    /// Its exports.
    pub proxy: Proxy,
    /// Set to 0 by whoever sees that the instance is not stuck.
    pub busy_ticks: Arc<AtomicU64>,
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fresh").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for InstanceFactory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstanceFactory")
            .field("component", &self.grants.component)
            .finish_non_exhaustive()
    }
}

impl HandlerState for InstanceFactory {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiration, Worker>> {
        let Fresh { store, proxy, busy_ticks } = self.fresh().await?;
        Ok(Instance {
            store,
            proxy,
            view: Guest::http,
            expiration: Expiration {
                policy: self.policy,
                sleep: Box::pin(sleep(self.policy.idle_timeout)),
            },
            state: Worker {
                policy: self.policy,
                component: Arc::clone(&self.grants.component),
                busy_ticks,
                fate: InstanceFate::default(),
            },
        })
    }
}

/// Makes a busy guest yield on every tick of the epoch, and kills it once it was busy for
/// `busy_max` without a break. The count starts anew whenever the instance's event loop runs.
fn watch(store: &mut Store<Guest>, busy_ticks: Arc<AtomicU64>, busy_max: Duration) {
    let ticks_max =
        u64::try_from(busy_max.as_millis() / EPOCH_TICK.as_millis()).unwrap_or(u64::MAX);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        if busy_ticks.fetch_add(1, Ordering::Relaxed) >= ticks_max {
            return Err(wasmtime::format_err!("the guest kept the processor for {busy_max:?}"));
        }
        Ok(UpdateDeadline::Yield(1))
    });
}

/// Ends instances that were idle or stuck for too long.
#[derive(Debug)]
pub struct Expiration {
    policy: ReusePolicy,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        let allowed = match status {
            WorkerStatus::Idle => self.policy.idle_timeout,
            WorkerStatus::Requests => {
                self.policy.request_timeout.saturating_add(STUCK_INSTANCE_GRACE)
            }
            // Streaming a response. Its time is up to the client; `watch` sees to the processor.
            WorkerStatus::PostReturn => return Poll::Pending,
        };
        let Some(deadline) = start.checked_add(allowed) else { return Poll::Pending };
        if self.sleep.deadline() != deadline.into() {
            self.sleep.as_mut().reset(deadline.into());
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// Decides over one instance's requests.
#[derive(Debug)]
pub struct Worker {
    policy: ReusePolicy,
    component: Arc<str>,
    busy_ticks: Arc<AtomicU64>,
    fate: InstanceFate,
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = RequestFate;

    fn should_accept_request(&self, concurrent_count: usize, total_count: usize) -> ShouldAccept {
        // Asked on every turn of the instance's event loop, so it is not stuck.
        self.busy_ticks.store(0, Ordering::Relaxed);
        if total_count >= self.policy.requests_max {
            ShouldAccept::Never
        } else if concurrent_count >= self.policy.concurrent_max {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Guest>,
        request: RequestFate,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync + 'static>> {
        request.bind(self.fate.clone());
        Box::pin(sleep(self.policy.request_timeout))
    }

    fn drop(&self, store: Store<Guest>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            self.fate.fail();
            tracing::error!(component = %self.component, error = ?error, "instance failed");
        }
        drop(store);
    }
}
