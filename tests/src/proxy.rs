//! An HTTP proxy that sits between two parts of the stack, remembers what passed, and breaks what
//! the test asks it to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Larger than any message that passes.
const BODY_BYTES_MAX: usize = 4 << 20;

/// A request that came by.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// The AWS service that it was signed for, such as `sqs`; empty when it was not signed.
    pub service: String,
    /// The operation of an AWS call, such as `AmazonSQS.SendMessageBatch`.
    pub target: String,
    /// Its body.
    pub body: Bytes,
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Pass it on and its answer back.
    Pass,
    /// Answer it without passing it on.
    Answer(u16, String),
    /// Pass it on, then lose its answer: the caller sees a 500.
    LoseAnswer,
    /// Pass it on late.
    Delay(Duration),
    /// Pass this body on instead.
    Instead(Bytes),
    /// Pass this body on instead, and give back the answer with this change.
    Change(Bytes, fn(&Bytes, &Bytes) -> Bytes),
}

type Rule = Box<dyn FnMut(&Seen) -> Fault + Send>;

struct Inner {
    upstream: String,
    http: reqwest::Client,
    rule: Mutex<Rule>,
    seen: Mutex<Vec<Seen>>,
}

/// A running proxy. Ends when dropped.
pub struct Proxy {
    /// Where it listens.
    pub url: String,
    inner: Arc<Inner>,
    _serving: JoinSet<()>,
}

impl Proxy {
    /// A proxy in front of `upstream` that passes everything for now.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let inner = Arc::new(Inner {
            upstream: upstream.to_owned(),
            http: reqwest::Client::new(),
            rule: Mutex::new(Box::new(|_| Fault::Pass)),
            seen: Mutex::default(),
        });
        let router = Router::new().fallback(handle).with_state(inner.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("proxy ended: {error}");
            }
        });
        Ok(Self { url, inner, _serving: serving })
    }

    /// Decides from now on what happens to each request.
    pub fn rule(&self, rule: impl FnMut(&Seen) -> Fault + Send + 'static) {
        *self.inner.rule.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(rule);
    }

    /// What came by so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn handle(State(inner): State<Arc<Inner>>, request: Request) -> Response<Body> {
    match pass(&inner, request).await {
        Ok(response) => response,
        Err(error) => plain(StatusCode::BAD_GATEWAY, format!("{error:#}")),
    }
}

async fn pass(inner: &Inner, request: Request) -> Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await?;
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let seen = Seen {
        method: parts.method.to_string(),
        service: signed_for(text("authorization").unwrap_or_default()).to_owned(),
        path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        target: text("x-amz-target").unwrap_or_default().to_owned(),
        body: body.clone(),
    };
    let fault = (inner.rule.lock().unwrap_or_else(PoisonError::into_inner))(&seen);
    inner.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen.clone());
    let mut headers = parts.headers;
    let forward = |headers: HeaderMap, body: Bytes| {
        let url = format!("{}{}", inner.upstream, seen.path);
        inner.http.request(parts.method.clone(), url).headers(headers).body(body).send()
    };
    for hop in ["host", "content-length", "connection", "transfer-encoding"] {
        headers.remove(hop);
    }
    match fault {
        Fault::Pass => answer(forward(headers, body).await?, |back| back).await,
        Fault::Answer(status, text) => {
            Ok(plain(StatusCode::from_u16(status).context("a status")?, text))
        }
        Fault::LoseAnswer => {
            forward(headers, body).await?.bytes().await?;
            Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, "{}".to_owned()))
        }
        Fault::Delay(delay) => {
            tokio::time::sleep(delay).await;
            answer(forward(headers, body).await?, |back| back).await
        }
        Fault::Instead(other) => answer(forward(headers, other).await?, |back| back).await,
        Fault::Change(other, change) => {
            answer(forward(headers, other).await?, |back| change(&body, &back)).await
        }
    }
}

/// The service in `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …`.
fn signed_for(authorization: &str) -> &str {
    let scope = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
    scope.split('/').nth(3).unwrap_or_default()
}

async fn answer(
    response: reqwest::Response,
    change: impl FnOnce(Bytes) -> Bytes,
) -> Result<Response<Body>> {
    let mut builder = Response::builder().status(response.status().as_u16());
    for (name, value) in response.headers() {
        // Checksums and lengths are those of the body before the change.
        let kept = ["content-type", "x-amzn-requestid", "x-amzn-errortype", "retry-after"];
        if kept.contains(&name.as_str()) {
            builder = builder.header(name, value);
        }
    }
    let body = change(response.bytes().await?);
    Ok(builder.body(Body::from(body))?)
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
