//! The little of the HTTP API that the smoke test calls.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

/// How long one request may take: the edge answers within its own 8 s.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Somebody signed in.
pub(super) struct Caller {
    /// Who they are.
    pub(super) subject: String,
    /// Their access token.
    pub(super) token: String,
}

/// A client of one edge.
pub(super) struct Api {
    client: Client,
    url: String,
}

/// An answer with its body, `null` if that is not JSON.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Value,
}

impl Api {
    pub(super) fn new(url: &str) -> Result<Self> {
        let client = Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { client, url: url.to_owned() })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer> {
        answer(self.client.get(format!("{}{path}", self.url))).await
    }

    pub(super) async fn get_as(&self, caller: &Caller, path: &str) -> Result<Answer> {
        let request = self.client.get(format!("{}{path}", self.url));
        answer(request.bearer_auth(&caller.token)).await
    }

    pub(super) async fn post(
        &self,
        caller: &Caller,
        path: &str,
        idempotency_key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut request = self.client.post(format!("{}{path}", self.url));
        request = request.bearer_auth(&caller.token);
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }
}

async fn answer(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await.context("the edge does not answer")?;
    let status = response.status();
    let body = response.bytes().await?;
    Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() })
}

impl Answer {
    /// The body, if the status is this one.
    pub(super) fn expect(self, status: StatusCode) -> Result<Value> {
        if self.status != status {
            bail!("expected {status}, got {self}");
        }
        Ok(self.body)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}
