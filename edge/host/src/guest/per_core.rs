//! Instances that live long: one a core, which answers everything that is dispatched there.
//!
//! What such an instance remembers, such as verified tokens and counts, is complete and exact for
//! whoever is always dispatched to it ([`super::dispatch`]): a user, or without a token an address.
//! It is replaced when it fails, when a request was given up in it (what still runs for that one
//! could not be ended otherwise), and when it has served as many requests as the policy says; an old
//! instance finishes what it has begun while the new one takes over.
//!
//! [`wasmtime_wasi_http::handler::ProxyHandler`] makes a further instance whenever the one at hand is
//! busy, which is right for Spin's policy ([`super::worker`]) and would split what is counted.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::ready;

use futures::channel::oneshot;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Mutex, mpsc};
use tokio::time::sleep;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Accessor, Func};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::handler::{Prepared, Proxy, Request, Response, TrapOrPanicError};

use crate::guest::fate::{InstanceFate, RequestFate};
use crate::guest::state::Guest;
use crate::guest::worker::{Fresh, InstanceFactory};
use crate::limits::{CORE_QUEUE_MAX, INSTANCE_RETRY_PAUSE};

/// More requests wait for a core than it could answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {CORE_QUEUE_MAX} requests wait for this core")]
pub struct Overloaded;

/// A request on its way to an instance.
struct Job {
    request: Request,
    fate: RequestFate,
    reply: oneshot::Sender<Result<Response, wasmtime::Error>>,
}

/// Where one core's instance is asked. Cloning gives another way to the same.
#[derive(Clone)]
pub struct CoreHandle(mpsc::Sender<Job>);

/// What waits for one core's instance.
pub struct CoreQueue(mpsc::Receiver<Job>);

impl std::fmt::Debug for CoreHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoreHandle").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for CoreQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoreQueue").finish_non_exhaustive()
    }
}

/// A way to a core's instance, and its other end for [`run`].
#[must_use]
pub fn queue() -> (CoreHandle, CoreQueue) {
    let (jobs, waiting) = mpsc::channel(CORE_QUEUE_MAX);
    (CoreHandle(jobs), CoreQueue(waiting))
}

impl CoreHandle {
    /// Has the instance answer a request.
    ///
    /// # Errors
    /// [`Overloaded`], [`TrapOrPanicError`], or what the instance's failure was.
    pub async fn handle(
        &self,
        fate: RequestFate,
        request: Request,
    ) -> Result<Response, wasmtime::Error> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Job { request, fate, reply }).map_err(|_| Overloaded)?;
        answer.await.map_err(|_| TrapOrPanicError)?
    }
}

/// Serves what comes through `queue` with one instance after another, until nobody can send any more
/// or this is dropped. Runs on the core's own runtime.
pub async fn run(factory: Arc<InstanceFactory>, queue: CoreQueue) {
    let queue = Arc::new(Mutex::new(queue.0));
    loop {
        let fresh = match factory.fresh().await {
            Ok(fresh) => fresh,
            Err(error) => {
                tracing::warn!(component = %factory.component(), error = ?error, "no instance");
                sleep(INSTANCE_RETRY_PAUSE).await;
                continue;
            }
        };
        let (retired, retires) = oneshot::channel();
        let one = serve(Arc::clone(&factory), fresh, Arc::clone(&queue), retired);
        // In a task of its own: it may have to finish while the next one serves.
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with its requests, or with the runtime"
        )]
        drop(tokio::spawn(one));
        match retires.await {
            Ok(Retired::QueueEnded) => return,
            // Without a word: it failed.
            Ok(Retired::Worn) | Err(_) => {}
        }
    }
}

/// The next request, once the instance can begin one: it cannot while it is held up within another one.
/// What waits out here meanwhile counts for [`CORE_QUEUE_MAX`], and is not lost if the instance fails.
async fn next(
    instance: &Accessor<Guest>,
    function: Func,
    waiting: &mut mpsc::Receiver<Job>,
) -> Option<Job> {
    poll_fn(|cx| {
        ready!(instance.poll_ready_for_concurrent_call(function, cx));
        waiting.poll_recv(cx)
    })
    .await
}

/// Why an instance takes no further requests.
enum Retired {
    Worn,
    QueueEnded,
}

/// One instance, from its first request to the end of its last.
async fn serve(
    factory: Arc<InstanceFactory>,
    fresh: Fresh,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    retired: oneshot::Sender<Retired>,
) {
    let Fresh { mut store, proxy, busy_ticks } = fresh;
    let policy = factory.policy();
    let instance = InstanceFate::default();
    let fate = instance.clone();
    let (proxy, component) = (&proxy, factory.component());
    let Proxy::P3(exports) = proxy;
    let function = *exports.wasi_http_handler().func_handle().func();
    let served = store
        .run_concurrent(async move |accessor| {
            // The instance before this one lets go of it when it retires.
            let mut waiting = queue.lock().await;
            let mut running = FuturesUnordered::new();
            let mut accepted = 0_usize;
            let why = loop {
                // Whatever wakes this loop shows that the guest gave way.
                busy_ticks.store(0, Ordering::Relaxed);
                if accepted >= policy.requests_max {
                    break Retired::Worn;
                }
                tokio::select! {
                    biased;
                    Some(done) = running.next(), if !running.is_empty() => {
                        // A request that was given up may run on for ever.
                        if !done? {
                            break Retired::Worn;
                        }
                    }
                    job = next(accessor, function, &mut waiting), if running.len() < policy.concurrent_max => {
                        let Some(Job { request, fate, reply }) = job else {
                            break Retired::QueueEnded;
                        };
                        fate.bind(instance.clone());
                        accepted += 1;
                        let prepared = accessor.with(|mut store| {
                            Prepared::new(store.as_context_mut(), proxy, request, Guest::http, reply)
                        });
                        running.push(async move {
                            prepared?.run(accessor, sleep(policy.request_timeout)).await
                        });
                    }
                }
            };
            drop(waiting);
            // Nobody may be there to hear it when the runtime ends.
            drop(retired.send(why));
            while let Some(done) = running.next().await {
                done?;
            }
            // Bodies may still be on their way. How long is up to those who read them.
            poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
            wasmtime::error::Ok(())
        })
        .await;
    if let Err(error) = served.flatten() {
        fate.fail();
        tracing::error!(%component, error = ?error, "instance failed");
    }
}
