//! Sending a request on to its region, with the edge's word for who sends it.
//!
//! Headers are made, not copied: a worker sees what is listed here and nothing else of the client's.
//! What it acts on is in the assertion, and not beside it once more.
//! The runtime bounds the time to connect and to the first byte, together as long as is configured, so
//! no timer of the guest's runs beside each request. It is sent to the auction's worker
//! ([`crate::affinity`]), and only where there is no connection to the next one, or once more to the only
//! one: then nothing was sent.

use bytes::Bytes;
use gavel_core::ids::IdempotencyKey;
use gavel_core::wire::{ASSERTION_HEADER, Assertion, body_digest};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::affinity::Workers;
use crate::assertion::sign;
use crate::auth::Identity;
use crate::config::{Config, Region};
use crate::limits::{CONNECT_TIMEOUT_MS, REPLY_BYTES_MAX, WORKERS_TRIED_MAX};
use crate::log;
use crate::ports::{FetchError, Outgoing, Ports, within};
use crate::refusal::Refusal;
use crate::reply::Body;
use crate::trace::Trace;

/// A request that passed every check.
#[derive(Debug)]
pub struct Checked<'a> {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    /// The auction that it concerns, or else what names the request: who serves it goes by this.
    pub affinity: &'a str,
    /// The body.
    pub body: Bytes,
    /// Who sends it.
    pub identity: Option<&'a Identity>,
    /// From where.
    pub address: String,
    /// When it arrived, in milliseconds since the epoch.
    pub arrived_at_ms: u64,
    /// What names it, where repeats are recognised.
    pub idempotency_key: Option<&'a IdempotencyKey>,
    /// Its name in the logs.
    pub request_id: &'a str,
    /// Its trace.
    pub trace: Trace,
}

/// Sends it and gives the region's reply, whatever it says. A body whose length is told is left to the
/// runtime, which passes it on; another one is read here, to see where it ends.
pub async fn forward<P: Ports>(
    ports: &P,
    config: &Config,
    workers: &Workers,
    region: &Region,
    checked: Checked<'_>,
) -> Result<http::Response<Body<P::Body>>, Refusal> {
    let request_id = checked.request_id.to_owned();
    let unavailable = |reason: &dyn std::fmt::Display| {
        let fields: [(&str, &dyn std::fmt::Display); 3] =
            [("region", &region.code), ("reason", reason), ("request_id", &request_id)];
        log::warn("region unavailable", &fields);
        Refusal::Unavailable("the auction's region did not answer")
    };
    let now_ms = ports.now_ms();
    let headers = headers(config, &checked, now_ms / 1_000).map_err(|error| unavailable(&error))?;
    // What the tries may take together is what one may take where there is one worker.
    let tries = region.origins.len().clamp(1, WORKERS_TRIED_MAX) as u64;
    let connect_timeout_ms = CONNECT_TIMEOUT_MS.min(config.forward_timeout_ms / 2) / tries;
    let request = Outgoing {
        method: checked.method,
        url: String::new(),
        headers,
        body: checked.body,
        connect_timeout_ms,
        timeout_ms: config.forward_timeout_ms - connect_timeout_ms * tries,
    };
    let order = workers.order(&region.origins, checked.affinity, now_ms);
    let reply = send(ports, workers, &order, request, checked.path).await;
    let reply = reply.map_err(|error| unavailable(&error))?;
    take(ports, reply, config.forward_timeout_ms).await.map_err(|error| unavailable(&error))
}

/// Sends the request to the first of the workers that there is a connection to.
async fn send<P: Ports>(
    ports: &P,
    workers: &Workers,
    order: &[&str],
    mut request: Outgoing,
    path: &str,
) -> Result<http::Response<P::Body>, FetchError> {
    let mut failed = FetchError::Connect;
    for worker in order.iter().take(WORKERS_TRIED_MAX) {
        request.url = format!("{worker}{path}");
        failed = match ports.send(&request).await {
            Err(error @ (FetchError::Connect | FetchError::ConnectLate)) => error,
            other => return other,
        };
        workers.rest(worker, ports.now_ms());
    }
    match (order, failed) {
        // No time has passed.
        ([_only], FetchError::Connect) => ports.send(&request).await,
        _ => Err(failed),
    }
}

/// A reply as it goes on.
async fn take<P: Ports>(
    ports: &P,
    reply: http::Response<P::Body>,
    timeout_ms: u64,
) -> Result<http::Response<Body<P::Body>>, FetchError> {
    let (head, body) = reply.into_parts();
    let body = match length(&head.headers) {
        Some(length) if length > REPLY_BYTES_MAX => return Err(FetchError::TooLong),
        Some(_) => Body::Relayed(body),
        None => {
            let whole = within(ports, timeout_ms, ports.read(body, REPLY_BYTES_MAX)).await;
            Body::Whole(whole.unwrap_or(Err(FetchError::Late))?)
        }
    };
    Ok(http::Response::from_parts(head, body))
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Why the headers could not be made.
#[derive(Debug, thiserror::Error)]
enum HeaderError {
    #[error(transparent)]
    Signing(#[from] crate::assertion::SigningFailed),
    #[error(transparent)]
    Value(#[from] http::header::InvalidHeaderValue),
}

fn headers(config: &Config, checked: &Checked<'_>, now_s: u64) -> Result<HeaderMap, HeaderError> {
    let assertion = Assertion {
        user: checked.identity.map(|identity| identity.user.clone()),
        groups: checked.identity.map(|identity| identity.groups.clone()).unwrap_or_default(),
        address: checked.address.clone(),
        arrived_at_ms: i64::try_from(checked.arrived_at_ms).unwrap_or(i64::MAX),
        method: checked.method.as_str().to_owned(),
        path: checked.path.to_owned(),
        body_sha256: body_digest(&checked.body),
        idempotency_key: checked.idempotency_key.map(|key| key.as_str().to_owned()),
        request_id: checked.request_id.to_owned(),
    };
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| -> Result<(), HeaderError> {
        headers.insert(name, HeaderValue::from_str(value)?);
        Ok(())
    };
    set(HeaderName::from_static(ASSERTION_HEADER), &sign(&config.edge_key, &assertion, now_s)?)?;
    set(CONTENT_LENGTH, &checked.body.len().to_string())?;
    if !checked.body.is_empty() {
        set(CONTENT_TYPE, "application/json")?;
    }
    headers.insert("traceparent", checked.trace.parent.clone());
    if let Some(state) = &checked.trace.state {
        headers.insert("tracestate", state.clone());
    }
    Ok(headers)
}
