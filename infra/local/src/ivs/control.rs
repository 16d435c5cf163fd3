//! What a test does to the fake and sees of it: as methods, and the same as routes under `/_fake`
//! for one that runs as a process of its own.

use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::FakeIvs;
use super::failure::Failure;
use super::state::{Call, Cue, Stream};

impl FakeIvs {
    /// An encoder begins to send to a channel. A stubborn one comes back after a stop for as long as
    /// the channel has a key.
    pub fn go_live(&self, arn: &str, stubborn: bool) {
        let started = "2026-01-01T00:00:00Z".to_owned();
        if let Ok(channel) = self.state().channel_mut(arn) {
            channel.stream = Some(Stream { started, stubborn, ends: None });
        }
    }

    /// Lets calls fail, before what else happens to them.
    pub fn fail(&self, failure: Failure) {
        self.state().failures.push(failure);
    }

    /// The latest calls.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.iter().cloned().collect()
    }

    /// The metadata that was lately put into a channel's streams.
    #[must_use]
    pub fn cues(&self, arn: &str) -> Vec<Cue> {
        self.state()
            .channels
            .get(arn)
            .map(|channel| channel.cues.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// ARN and tags of every channel.
    #[must_use]
    pub fn channels(&self) -> Vec<(String, Value)> {
        let state = self.state();
        let shown = |(arn, channel): (&String, &super::state::Channel)| {
            let channel = json!({ "name": channel.name, "authorized": channel.authorized,
                "tags": channel.tags, "live": channel.stream.is_some(),
                "key": channel.key.as_ref().map(|(_, value)| value),
                "revoked": channel.revoked });
            (arn.clone(), channel)
        };
        state.channels.iter().map(shown).collect()
    }

    /// Does an operation behind everybody's back: uncounted, unlogged. Gives the body.
    pub fn operate(&self, operation: &str, body: &Value) -> Value {
        let mut state = self.state();
        let answer = state.act(operation, body);
        self.keep(&state);
        answer.map_or_else(|(_, code, _)| json!({ "code": code }), |(_, body)| body)
    }
}

#[derive(Deserialize)]
struct About {
    arn: String,
    #[serde(default)]
    stubborn: bool,
}

pub(super) fn routes() -> Router<FakeIvs> {
    Router::new()
        .route("/channels", get(channels))
        .route("/cues", get(cues))
        .route("/live", post(live))
}

async fn channels(Shared(fake): Shared<FakeIvs>) -> Json<Value> {
    let listed = fake.channels().into_iter().map(|(arn, mut channel)| {
        channel["arn"] = json!(arn);
        channel
    });
    Json(listed.collect())
}

async fn cues(Shared(fake): Shared<FakeIvs>, Query(about): Query<About>) -> Json<Vec<Cue>> {
    Json(fake.cues(&about.arn))
}

async fn live(Shared(fake): Shared<FakeIvs>, Query(about): Query<About>) -> StatusCode {
    fake.go_live(&about.arn, about.stubborn);
    StatusCode::NO_CONTENT
}
