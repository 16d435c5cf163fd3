//! One core of the host: its ways to the instances, its connections to elsewhere.
//!
//! Each core has a thread with a single-threaded runtime of its own, on which its connections, its
//! instances and its outbound connections live: nothing is handed from thread to thread but what is
//! dispatched to another core's instance, and what is shared under Spin's policy.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use wasmtime_wasi_http::handler::{ProxyHandler, Request, Response};

use crate::app::App;
use crate::app::routes::Router;
use crate::guest::dispatch::Dispatch;
use crate::guest::fate::RequestFate;
use crate::guest::per_core::{self, CoreHandle, CoreQueue};
use crate::guest::worker::InstanceFactory;
use crate::outbound::OutboundClient;

/// How many instances there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Instances {
    /// As many as are busy, reused as in Spin, for any request.
    Spin,
    /// One a core, kept; each user, and each address without a token, is always answered by the same one.
    PerCore,
}

/// The ways to one component's instances.
#[derive(Clone)]
enum Handler {
    Spin(ProxyHandler<InstanceFactory>),
    PerCore(Arc<[CoreHandle]>),
}

/// What the threads of the host are started with.
#[derive(Debug)]
pub struct Seat {
    core: Core,
    /// What is asked of this core's instances, with what makes them.
    queues: Vec<(InstanceFactory, CoreQueue)>,
}

/// What answers requests on one core.
#[derive(Clone)]
pub struct Core {
    app: Arc<App>,
    handlers: Arc<HashMap<String, Handler>>,
    dispatch: Dispatch,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("app", &self.app).finish_non_exhaustive()
    }
}

/// The router named a component that the application has not got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such component")]
struct NoSuchComponent;

/// One seat for each of `count` cores.
#[must_use]
pub fn seats(app: App, instances: Instances, count: usize) -> Vec<Seat> {
    let mut queues: Vec<Vec<(InstanceFactory, CoreQueue)>> = Vec::new();
    queues.resize_with(count, Vec::new);
    let mut handlers = HashMap::new();
    for (id, factory) in &app.components {
        let handler = match instances {
            Instances::Spin => Handler::Spin(ProxyHandler::new(factory.clone())),
            Instances::PerCore => {
                let mut ways = Vec::new();
                for queues in &mut queues {
                    let (way, queue) = per_core::queue();
                    queues.push((factory.clone(), queue));
                    ways.push(way);
                }
                Handler::PerCore(ways.into())
            }
        };
        handlers.insert(id.clone(), handler);
    }
    let core =
        Core { app: Arc::new(app), handlers: Arc::new(handlers), dispatch: Dispatch::new(count) };
    queues.into_iter().map(|queues| Seat { core: core.clone(), queues }).collect()
}

impl Seat {
    /// Starts what answers on the runtime at hand, sending through `client`, and gives the way to it.
    pub fn take(self, client: &OutboundClient) -> Core {
        for (factory, queue) in self.queues {
            let factory = Arc::new(factory.sending_through(client.clone()));
            #[expect(clippy::disallowed_methods, reason = "ends with the runtime")]
            drop(tokio::spawn(per_core::run(factory, queue)));
        }
        self.core
    }
}

impl Core {
    /// Which component answers a path.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.app.router
    }

    /// Has the component answer a request from `client`.
    ///
    /// # Errors
    /// What its instance failed with, or that there is none.
    pub async fn handle(
        &self,
        component: &str,
        client: IpAddr,
        fate: RequestFate,
        request: Request,
    ) -> Result<Response, wasmtime::Error> {
        match self.handlers.get(component).ok_or(NoSuchComponent)? {
            Handler::Spin(handler) => handler.handle(fate, request).await,
            Handler::PerCore(ways) => {
                let core = self.dispatch.core(request.headers(), client);
                ways.get(core).ok_or(NoSuchComponent)?.handle(fate, request).await
            }
        }
    }
}
