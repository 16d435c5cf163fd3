//! One request, from its path to its response. The only place that picks status codes.
//!
//! The invariant: a fault of a component or of the host is answered with a bare status, never with
//! its cause; causes go to the log. A client whose own fault it is gets a problem as from a component.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gavel_core::wire::{Code, PROBLEM_CONTENT_TYPE, Problem};
use http::header::{ALLOW, CONTENT_TYPE, EXPECT, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use tokio::time::timeout;
use wasmtime_wasi_http::handler::{ExpirationError, InstantiationError, TrapOrPanicError};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::app::routes::RESERVED_PREFIX;
use crate::gathered::{gathered, gathered_if_here};
use crate::guest::core::Core;
use crate::guest::fate::{FatedBody, RequestFate};
use crate::guest::per_core::Overloaded;
use crate::inbound::request;

/// Answers requests with an application, on one core.
#[derive(Debug)]
pub struct Responder {
    core: Core,
    request_timeout: Duration,
}

impl Responder {
    /// A responder that gives components `request_timeout` to begin each response.
    pub fn new(core: Core, request_timeout: Duration) -> Self {
        Self { core, request_timeout }
    }

    /// Answers one request that came from `client` to `server`.
    pub async fn respond(
        &self,
        request: Request<Incoming>,
        client: SocketAddr,
        server: SocketAddr,
    ) -> Response<WasiBody> {
        let started = Instant::now();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let response = match path.strip_prefix(RESERVED_PREFIX) {
            Some("health") => health(&method),
            Some(_) => bare(StatusCode::NOT_FOUND),
            None => self.dispatch(request, &path, client, server).await,
        };
        tracing::debug!(
            %method,
            path,
            status = response.status().as_u16(),
            elapsed_us = started.elapsed().as_micros(),
            "request answered"
        );
        response
    }

    async fn dispatch(
        &self,
        mut request: Request<Incoming>,
        path: &str,
        client: SocketAddr,
        server: SocketAddr,
    ) -> Response<WasiBody> {
        let Some(found) = self.core.router().find(path) else {
            return bare(StatusCode::NOT_FOUND);
        };
        if let Err(error) = request::prepare(&mut request, &found, client, server) {
            tracing::debug!(%client, %error, "request refused");
            return malformed(&error);
        }
        let (head, body) = request.into_parts();
        let body = body.map_err(Error::from);
        let body = match head.headers.contains_key(EXPECT) {
            // Whoever begins to read it has the client send it: that is for the component to decide.
            true => body.boxed_unsync(),
            false => gathered_if_here(body).await,
        };
        let request = Request::from_parts(head, body);
        let (fate, started) = (RequestFate::default(), Instant::now());
        let handling = async {
            let response = self.core.handle(found.component, client.ip(), fate.clone(), request);
            let (head, body) = response.await?.into_parts();
            let body = gathered(FatedBody::new(body, fate)).await?;
            wasmtime::error::Ok(Response::from_parts(head, body))
        };
        match timeout(self.request_timeout, handling).await {
            Ok(Ok(response)) => response,
            // A stuck instance is killed soon after the time-out; on a busy machine that may be
            // noticed first.
            Ok(Err(error))
                if error.is::<TrapOrPanicError>() && started.elapsed() >= self.request_timeout =>
            {
                late(found.component)
            }
            Ok(Err(error)) => failure(found.component, &error),
            Err(_) => late(found.component),
        }
    }
}

/// `/.well-known/spin/health`: the process is up and takes requests.
fn health(method: &Method) -> Response<WasiBody> {
    if method != Method::GET && method != Method::HEAD {
        let mut response = bare(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let body = Full::new(Bytes::from_static(b"OK")).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn failure(component: &str, error: &wasmtime::Error) -> Response<WasiBody> {
    if error.is::<ExpirationError>() {
        return late(component);
    }
    if let Some(error) = error.downcast_ref::<InstantiationError<RequestFate>>() {
        tracing::warn!(component, error = %error.error, "no instance for a request");
        return busy();
    }
    if let Some(error) = error.downcast_ref::<Overloaded>() {
        tracing::warn!(component, %error, "no room for a request");
        return busy();
    }
    tracing::error!(component, error = ?error, "component failed to answer");
    bare(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Instances and their queues are freed as requests end, which is well within a second.
fn busy() -> Response<WasiBody> {
    let mut response = bare(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn late(component: &str) -> Response<WasiBody> {
    tracing::warn!(component, "component did not answer in time");
    bare(StatusCode::GATEWAY_TIMEOUT)
}

/// `400`, and why.
fn malformed(error: &request::RequestError) -> Response<WasiBody> {
    let problem = Problem::new(Code::MalformedRequest, error.to_string());
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_CONTENT_TYPE));
    response
}

/// A response without a body.
fn bare(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}
