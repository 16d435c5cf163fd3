//! A client of the edge (or of a worker), as a bidder's app would be.

use std::time::Duration;

use anyhow::{Context, Result};
use gavel_core::time::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// Longer than the edge may take for anything, on a busy machine, too: what takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A client of one address. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null when it is not JSON.
    pub body: Value,
}

impl Reply {
    /// The stable code of a problem, or an empty text.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A header as text, or an empty one.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The fields an `invalid-request` names.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter_map(|error| error["field"].as_str()).collect()
    }
}

impl Client {
    /// A client of `base`, such as `http://127.0.0.1:3000`.
    ///
    /// # Errors
    /// When the TLS back end cannot be set up.
    pub fn new(base: &str) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { http, base: base.to_owned() })
    }

    /// A request to build on.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// GET, signed in with `token` unless it is empty.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str, token: &str) -> Result<Reply> {
        send(signed_in(self.request(Method::GET, path), token)).await
    }

    /// POST without a body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn act(&self, path: &str, token: &str) -> Result<Reply> {
        send(signed_in(self.request(Method::POST, path), token)).await
    }

    /// PATCH of a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn patch(&self, path: &str, token: &str, body: &Value) -> Result<Reply> {
        send(signed_in(self.request(Method::PATCH, path), token).json(body)).await
    }

    /// POST of a JSON body; `key` is the idempotency key unless it is empty.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, token: &str, key: &str, body: &Value) -> Result<Reply> {
        let request = signed_in(self.request(Method::POST, path), token).json(body);
        send(if key.is_empty() { request } else { request.header("idempotency-key", key) }).await
    }
}

/// Sends a request and reads the whole answer.
///
/// # Errors
/// When there is no answer.
pub async fn send(request: RequestBuilder) -> Result<Reply> {
    let response = request.send().await.context("no answer")?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.context("the answer broke off")?;
    Ok(Reply { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn signed_in(request: RequestBuilder, token: &str) -> RequestBuilder {
    if token.is_empty() { request } else { request.bearer_auth(token) }
}

/// This machine's time in milliseconds since the epoch; Redis shares its clock here.
#[must_use]
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since the epoch of a time in a reply; 0 when it is none.
#[must_use]
pub fn millis(time: &Value) -> u64 {
    let at = time.as_str().and_then(Timestamp::parse).map(Timestamp::as_ms);
    at.and_then(|ms| ms.try_into().ok()).unwrap_or(0)
}
