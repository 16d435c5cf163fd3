//! Liveness, readiness and metrics. They need no identity: they say nothing about anybody, and the
//! platform asks for them. Liveness asks nobody, so that a dependency's outage restarts no worker.

use std::future::Future;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;

use super::deps::Metrics;
use crate::catalog::Catalog;
use crate::ledger::Ledger;
use crate::limits::READY_MAX;

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    postgresql: &'static str,
    redis: &'static str,
}

/// `GET /healthz`.
pub(super) async fn alive() -> impl IntoResponse {
    Json(serde_json::json!({ "status": "ok" }))
}

/// `GET /readyz`: 200, or 503 when Redis does not answer. Bids and closings do without PostgreSQL, so
/// its outage is told but takes no worker out of service.
pub(super) async fn ready(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
) -> impl IntoResponse {
    let (postgresql, redis) =
        tokio::join!(answers("postgresql", catalog.ping()), answers("redis", ledger.ping()),);
    let word = |answers| if answers { "ok" } else { "unavailable" };
    let readiness = Readiness {
        status: if redis { "ready" } else { "unavailable" },
        postgresql: word(postgresql),
        redis: word(redis),
    };
    let status = if redis { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

/// `GET /metrics`: Prometheus text.
pub(super) async fn metrics(State(render): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], render())
}

async fn answers<E: std::error::Error>(
    dependency: &'static str,
    ping: impl Future<Output = Result<(), E>>,
) -> bool {
    match tokio::time::timeout(READY_MAX, ping).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(dependency, ?error, "dependency does not answer");
            false
        }
        Err(_elapsed) => {
            tracing::warn!(dependency, "dependency does not answer in time");
            false
        }
    }
}
