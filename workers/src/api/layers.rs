//! What surrounds every handler: a time limit, a limit on requests at hand, logs and figures.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tracing::{Instrument as _, Span, field};

use super::problem::ApiError;
use crate::limits::REQUEST_MAX;

/// Answers 503 in our own words before the edge gives up on us.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(REQUEST_MAX, next.run(request))
        .await
        .unwrap_or_else(|_elapsed| ApiError::Unavailable("not served in time").into_response())
}

/// Answers 503 at once while too much is at hand.
pub(super) async fn within_capacity(
    State(capacity): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    match capacity.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => ApiError::Unavailable("too many requests at hand").into_response(),
    }
}

/// Gives the request a span in the log and counts it.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let since = Instant::now();
    let method = label(request.method());
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "request",
        method,
        route,
        trace_id = trace_id(request.headers()),
        request_id = field::Empty,
    );
    let response = next.run(request).instrument(span.clone()).await;
    record(&span, method, route, &response, since);
    response
}

fn record(span: &Span, method: &'static str, route: String, response: &Response, since: Instant) {
    let status = response.status().as_str().to_owned();
    let elapsed = since.elapsed();
    span.in_scope(|| tracing::debug!(status, elapsed_us = elapsed.as_micros(), "request answered"));
    let labels = [("method", method.to_owned()), ("route", route), ("status", status)];
    metrics::counter!("gavel_api_requests_total", &labels).increment(1);
    metrics::histogram!("gavel_api_request_seconds", &labels[..2]).record(elapsed);
}

/// A method's name in figures. Any text is a method, and each distinct label is kept for ever.
fn label(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| method == known).unwrap_or("other")
}

/// The trace id of a `traceparent` (W3C Trace Context): its second field.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let parent = headers.get("traceparent")?.to_str().ok()?;
    let id = parent.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_of_the_callers_own_is_no_new_figure() {
        for (method, expected) in [("GET", "GET"), ("DELETE", "DELETE")] {
            assert_eq!(label(&Method::from_bytes(method.as_bytes()).unwrap()), expected);
        }
        for method in ["get", "MADE-UP-1", "TRACE", "G"] {
            assert_eq!(label(&Method::from_bytes(method.as_bytes()).unwrap()), "other", "{method}");
        }
    }
}
