//! Real services, one `gavel` process, and requests signed as the edge signs them.

use std::time::{Duration, Instant, SystemTime};

use gavel_core::ids::UserId;
use gavel_core::wire::{
    ASSERTION_HEADER, ASSERTION_ISSUER, ASSERTION_LIFE_S, Assertion, body_digest,
};
use gavel_local::{Options, Stack, WorkerOptions};
use jwt_simple::prelude::{HS256Key, JWTClaims, MACLike as _, UnixTimeStamp};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long anything here may take to come true.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) client: Client,
}

/// A request of the edge's.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) user: Option<&'a str>,
    pub(crate) groups: &'a [&'a str],
    pub(crate) key: Option<&'a str>,
    /// The id of the request, when it is to be the same as before: a replay.
    pub(crate) replayed: Option<&'a str>,
}

pub(crate) const NOBODY: Ask<'static> = Ask { user: None, groups: &[], key: None, replayed: None };
pub(crate) const SELLER: Ask<'static> = Ask { user: Some("the-seller"), ..NOBODY };
pub(crate) const BIDDER: Ask<'static> = Ask { user: Some("the-bidder"), ..NOBODY };

impl<'a> Ask<'a> {
    pub(crate) const fn key(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }
}

pub(crate) async fn world_with(env: &[(&str, &str)]) -> World {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let workers = vec![WorkerOptions { env, ..WorkerOptions::named("worker") }];
    let options = Options::for_tests().expect("ports are free");
    let options = Options { edge: false, workers, ..options };
    let stack = Stack::start(options).await.expect("infra/local/install has run");
    World { stack, client: Client::new() }
}

pub(crate) async fn world() -> World {
    world_with(&[]).await
}

impl World {
    pub(crate) async fn send(
        &self,
        ask: Ask<'_>,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let (status, answer) = self.answer(ask, method, path, body).await;
        (status, serde_json::from_str(&answer).unwrap())
    }

    /// The same, of an answer that may be a page.
    pub(crate) async fn answer(
        &self,
        ask: Ask<'_>,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (u16, String) {
        let response = self.response(ask, method, path, body).await;
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The same, with what the head of the answer says.
    pub(crate) async fn response(
        &self,
        ask: Ask<'_>,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let now_s = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let assertion = Assertion {
            user: ask.user.map(|user| UserId::parse(user).unwrap()),
            groups: ask.groups.iter().map(|&group| group.to_owned()).collect(),
            address: "203.0.113.7".to_owned(),
            arrived_at_ms: i64::try_from(now_s).unwrap() * 1_000,
            method: method.to_owned(),
            path: path.to_owned(),
            body_sha256: body_digest(body.as_bytes()),
            idempotency_key: ask.key.map(str::to_owned),
            request_id: ask.replayed.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned),
        };
        let claims = JWTClaims {
            issued_at: Some(UnixTimeStamp::from_secs(now_s)),
            expires_at: Some(UnixTimeStamp::from_secs(now_s + ASSERTION_LIFE_S)),
            invalid_before: None,
            issuer: Some(ASSERTION_ISSUER.to_owned()),
            subject: None,
            audiences: None,
            jwt_id: None,
            nonce: None,
            custom: assertion,
        };
        let key = HS256Key::from_bytes(self.stack.settings.edge_key.as_bytes());
        let token = key.authenticate(claims).unwrap();
        let method: Method = method.parse().unwrap();
        let request = self.client.request(method, self.url(path)).body(body);
        request.header(ASSERTION_HEADER, token).send().await.unwrap()
    }

    pub(crate) async fn get(&self, ask: Ask<'_>, path: &str) -> (u16, Value) {
        self.send(ask, "GET", path, &Value::Null).await
    }

    pub(crate) async fn post(&self, ask: Ask<'_>, path: &str, body: &Value) -> (u16, Value) {
        self.send(ask, "POST", path, body).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.stack.settings.workers_url)
    }

    /// A new auction's path.
    pub(crate) async fn auction(&self, more: &Value) -> String {
        let mut body = json!({ "title": "A watch", "starting_price": 1000, "duration_s": 600 });
        let more = more.as_object().cloned().unwrap_or_default();
        body.as_object_mut().unwrap().extend(more);
        let (status, auction) = self.post(SELLER.key("create"), "/v1/auctions", &body).await;
        assert_eq!(status, 201, "{auction}");
        format!("/v1/auctions/{}", auction["id"].as_str().unwrap())
    }

    pub(crate) async fn drive(&self, ask: Ask<'_>, auction: &str, what: &str) -> (u16, Value) {
        self.post(ask, &format!("{auction}/{what}"), &Value::Null).await
    }

    pub(crate) async fn bid(&self, ask: Ask<'_>, auction: &str, amount: u64) -> (u16, Value) {
        self.post(ask, &format!("{auction}/bids"), &json!({ "amount": amount })).await
    }

    pub(crate) async fn until(
        &self,
        ask: Ask<'_>,
        path: &str,
        holds: impl Fn(u16, &Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + WITHIN;
        loop {
            let (status, body) = self.get(ask, path).await;
            if holds(status, &body) {
                return body;
            }
            assert!(Instant::now() < deadline, "{path} is still {status} {body}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
