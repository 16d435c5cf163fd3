//! HTTP in and out: `POST /<Operation>` with a JSON body, errors as AWS's REST-JSON services send
//! them, and under `/_fake` the controls.

use std::time::Instant;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::state::{Call, Refused, State, keep};
use super::{FakeIvs, control};

/// Operations that change nothing worth keeping.
const READS: [&str; 7] = [
    "GetChannel",
    "ListChannels",
    "GetStreamKey",
    "ListStreamKeys",
    "GetStream",
    "StopStream",
    "PutMetadata",
];

pub(super) fn router(fake: FakeIvs) -> Router {
    Router::new()
        .route("/_fake/ready", get(async || Json(json!({ "ready": true }))))
        .nest("/_fake", control::routes())
        .fallback(post(operate))
        .with_state(fake)
}

async fn operate(Shared(fake): Shared<FakeIvs>, uri: Uri, body: Bytes) -> Response {
    let operation = uri.path().trim_start_matches('/').to_owned();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut state = fake.state();
    let (answer, lost) = answer(&mut state, &operation, &body);
    let about = ["arn", "channelArn"].iter().find_map(|name| body[name].as_str());
    let call = Call {
        at_ms: state.now_ms(),
        arn: about.unwrap_or_default().to_owned(),
        code: answer.as_ref().map_or_else(|(_, code, _)| code.clone(), |_| "ok".to_owned()),
        operation,
    };
    if answer.is_ok() && !READS.contains(&call.operation.as_str()) {
        fake.keep(&state);
    }
    keep(&mut state.calls, call);
    drop(state);
    if lost {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    match answer {
        Ok((204, _)) => StatusCode::NO_CONTENT.into_response(),
        Ok((status, body)) => (code(status), Json(body)).into_response(),
        Err(refused) => refuse(refused),
    }
}

type Owned = (u16, String, String);

/// The answer, and whether it is to be lost on the way back.
fn answer(state: &mut State, operation: &str, body: &Value) -> (Result<(u16, Value), Owned>, bool) {
    let about = ["channelArn", "arn"].iter().find_map(|name| body[name].as_str());
    if !state.quotas.admit(operation, about.unwrap_or_default(), Instant::now()) {
        let throttled: Refused = (429, "ThrottlingException", "Rate exceeded");
        return (Err(owned(throttled)), false);
    }
    let planned = state
        .failures
        .iter_mut()
        .find(|failure| failure.operation == operation && failure.times > 0);
    let mut lost = false;
    if let Some(failure) = planned {
        failure.times -= 1;
        if !failure.lose_answer {
            let message = "the test wants it so".to_owned();
            return (Err((failure.status, failure.code.clone(), message)), false);
        }
        lost = true;
    }
    (state.act(operation, body).map_err(owned), lost)
}

fn owned((status, code, message): Refused) -> Owned {
    (status, code.to_owned(), message.to_owned())
}

fn refuse((status, name, message): Owned) -> Response {
    let body = json!({ "__type": name, "exceptionMessage": message });
    let mut response = (code(status), Json(body)).into_response();
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert("x-amzn-errortype", name);
    }
    response
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
