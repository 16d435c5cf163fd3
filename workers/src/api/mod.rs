//! The HTTP API of a region, for the edge only: identity, routes, problems.
//!
//! Handlers check, ask the ledger, the catalogue or the history, and show; no rule of an auction is
//! here. Nothing under `/v1` is served without the edge's assertion.

mod auctions;
mod bids;
mod chat;
mod contract;
mod deps;
mod drive;
mod edit;
mod health;
mod identity;
mod layers;
mod me;
mod notices;
mod path;
mod problem;
mod query;
mod routes;
#[cfg(test)]
mod testing;
mod unopened;
mod video;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use gavel_core::wire::Code;
use gavel_core::wire::routes::Name;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use self::deps::{Deps, People};
use self::problem::ApiError;
use crate::limits::REQUESTS_AT_ONCE_MAX;

/// The whole API, with [`operations`].
pub fn router(deps: Deps) -> Router {
    let capacity = Arc::new(Semaphore::new(REQUESTS_AT_ONCE_MAX));
    let (v1, _contract) = routes::routes().finish();
    let v1 = v1
        .route_layer(from_fn_with_state(deps.roster.clone(), identity::greet))
        .route_layer(from_fn(bids::named))
        .route_layer(from_fn_with_state(deps.verifier.clone(), identity::identify))
        .layer(from_fn_with_state(capacity, layers::within_capacity));
    finish(v1.merge(health_routes()), deps)
}

/// The contract of the API: an OpenAPI 3.1 document in JSON.
#[must_use]
pub fn contract() -> String {
    routes::routes().finish().1
}

/// Liveness, readiness and metrics only, for a worker that does not play the API's role.
pub fn operations(deps: Deps) -> Router {
    finish(health_routes(), deps)
}

/// Serves `router` on `listener` until `stop`, then finishes the requests at hand.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "small answers may be delayed");
        }
    });
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "serving ended");
    }
}

fn health_routes() -> Router<Deps> {
    Router::new()
        .route(Name::Health.route().path, get(health::alive))
        .route(Name::Ready.route().path, get(health::ready))
        .route("/metrics", get(health::metrics))
}

fn finish(routes: Router<Deps>, deps: Deps) -> Router {
    routes
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || {
            ApiError::refused(Code::MethodNotAllowed, "not with this method")
        })
        .layer(from_fn(layers::in_time))
        .layer(from_fn(layers::observe))
        .with_state(deps)
}
