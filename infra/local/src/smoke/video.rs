//! The video of two auctions: where the seller sends, where people watch, and with which token.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::api::{Api, Caller};

/// How long a new auction may be without a channel, when those kept ready are used up.
const WITHIN: Duration = Duration::from_secs(20);

/// Looks at both and says what a seller and a viewer get; the stream key only by its first letters.
pub(super) async fn look(api: &Api, seller: &Caller, viewer: &Caller) -> Result<Vec<String>> {
    let public = create(api, seller, false).await?;
    let private = create(api, seller, true).await?;
    let shown = channel(api, viewer, &public).await?;
    ensure!(shown["token"].is_null(), "a public auction has a token: {shown}");
    let ingest = api.get_as(seller, &format!("{public}/ingest")).await?.expect(StatusCode::OK)?;
    let key = ingest["stream_key"].as_str().context("no stream key")?;
    let watched = channel(api, viewer, &private).await?;
    let token = watched["token"].as_str().context("no token for a private auction")?;
    let anonymous = api.get(&format!("{private}/playback")).await?;
    anonymous.expect(StatusCode::UNAUTHORIZED)?;
    for auction in [&public, &private] {
        api.post(seller, &format!("{auction}/cancel"), None, None).await?.expect(StatusCode::OK)?;
    }
    Ok(vec![
        format!("the seller sends to {} with {:.3}…", text(&ingest["endpoint"]), key),
        format!("anybody watches {}", text(&shown["url"])),
        format!("a private one takes a token until {}: {token:.20}…", text(&watched["expires_at"])),
    ])
}

async fn create(api: &Api, seller: &Caller, private: bool) -> Result<String> {
    let body = json!({ "title": "Smoke test: video", "starting_price": 100, "duration_s": 60,
                       "private": private });
    let made = api.post(seller, "/v1/auctions", None, Some(&body)).await?;
    let made = made.expect(StatusCode::CREATED)?;
    Ok(format!("/v1/auctions/{}", text(&made["id"])))
}

/// What a viewer gets, once the channel is there.
async fn channel(api: &Api, viewer: &Caller, auction: &str) -> Result<Value> {
    let since = Instant::now();
    loop {
        let answer = api.get_as(viewer, &format!("{auction}/playback")).await?;
        if answer.status == StatusCode::OK {
            return answer.expect(StatusCode::OK);
        }
        if since.elapsed() > WITHIN {
            bail!("no channel within {WITHIN:?}: {answer}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
