//! What stands before SES: an SES that fails, or keeps one waiting, when it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::task::JoinSet;

/// What stands before SES: passes letters on, or fails as told. Remembers all of them.
#[derive(Clone)]
pub(crate) struct Front(Arc<FrontState>);

struct FrontState {
    url: String,
    upstream: String,
    client: reqwest::Client,
    failures: Mutex<VecDeque<(u16, &'static str)>>,
    letters: Mutex<Vec<Value>>,
    /// Whether answers are held back.
    held: tokio::sync::watch::Sender<bool>,
    serving: Mutex<JoinSet<()>>,
}

impl Front {
    pub(crate) async fn start(upstream: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Self(Arc::new(FrontState {
            url: format!("http://{}", listener.local_addr().unwrap()),
            upstream: upstream.to_owned(),
            client: reqwest::Client::new(),
            failures: Mutex::default(),
            letters: Mutex::default(),
            held: tokio::sync::watch::Sender::new(false),
            serving: Mutex::default(),
        }));
        let router = Router::new().fallback(pass).with_state(front.clone());
        let serving = async move { axum::serve(listener, router).await.unwrap() };
        front.0.serving.lock().unwrap().spawn(serving);
        front
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    /// What the next letters are answered with, one each.
    pub(crate) fn fail_next(&self, failures: &[(u16, &'static str)]) {
        self.0.failures.lock().unwrap().extend(failures);
    }

    /// Holds answers back until [`Self::let_go`].
    pub(crate) fn hold(&self) {
        self.0.held.send_replace(true);
    }

    pub(crate) fn let_go(&self) {
        self.0.held.send_replace(false);
    }

    /// All that it was asked to send.
    pub(crate) fn letters(&self) -> Vec<Value> {
        self.0.letters.lock().unwrap().clone()
    }
}

async fn pass(State(front): State<Front>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    front.0.letters.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    front.0.held.subscribe().wait_for(|held| !held).await.unwrap();
    let failure = front.0.failures.lock().unwrap().pop_front();
    if let Some((status, code)) = failure {
        let status = StatusCode::from_u16(status).unwrap();
        return (status, [("x-amzn-errortype", code)], "{}").into_response();
    }
    let mut request = front.0.client.post(format!("{}{uri}", front.0.upstream)).body(body);
    for name in ["authorization", "content-type", "x-amz-date"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let content_type = [("content-type", "application/json")];
    (status, content_type, answer.bytes().await.unwrap()).into_response()
}
