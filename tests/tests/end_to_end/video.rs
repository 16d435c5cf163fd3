//! Video through the edge: a channel for each auction, who may send and who may watch, and a worker
//! killed in the middle of it.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use gavel_local::{Options, WorkerOptions};
use gavel_tests::{Fault, Proxy, World, eventually};
use serde_json::{Value, json};

/// Longer than a dead worker's lease and the steps after it.
const WITHIN: Duration = Duration::from_secs(90);

/// Every channel that the fake IVS has.
async fn channels(world: &World) -> Result<Vec<Value>> {
    Ok(fake(world, "channels").await?.as_array().cloned().unwrap_or_default())
}

async fn fake(world: &World, what: &str) -> Result<Value> {
    let url = format!("{}/_fake/{what}", world.stack.settings.aws_ivs_endpoint_url);
    Ok(reqwest::get(url).await?.error_for_status()?.json().await?)
}

/// The reply to a GET, once there is a channel.
async fn shown(world: &World, path: &str, token: &str) -> Result<Value> {
    let look = || world.edge.get(path, token);
    Ok(eventually(path, WITHIN, look, |reply| reply.status == 200).await?.body)
}

#[tokio::test]
async fn the_seller_sends_anybody_watches_and_a_private_auction_takes_a_token() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let (ingest, playback) =
        (format!("/v1/auctions/{auction}/ingest"), format!("/v1/auctions/{auction}/playback"));
    let public = shown(&world, &playback, "").await?;
    assert_eq!((&public["token"], &public["expires_at"]), (&Value::Null, &Value::Null));
    let view = world.edge.get(&format!("/v1/auctions/{auction}"), "").await?;
    assert_eq!(view.body["playback_url"], public["url"]);

    let own = world.edge.get(&ingest, &world.seller.token).await?;
    assert_eq!((own.status, own.header("cache-control")), (200, "no-store"));
    let key = own.body["stream_key"].as_str().context("a key")?.to_owned();
    for token in ["", &world.bidders[0].token] {
        let refused = world.edge.get(&ingest, token).await?;
        assert!(matches!(refused.status, 401 | 403), "{refused:?}");
        assert!(!refused.body.to_string().contains(&key));
    }
    let reset = world.edge.act(&format!("{ingest}/reset"), &world.seller.token).await?;
    assert_eq!(reset.status, 200, "{reset:?}");
    assert_ne!(reset.body["stream_key"].as_str(), Some(key.as_str()));

    let private = world.live_auction(json!({"private": true})).await?;
    let (playback, viewer) = (format!("/v1/auctions/{private}/playback"), &world.bidders[0]);
    let watched = shown(&world, &playback, &viewer.token).await?;
    let token = watched["token"].as_str().context("a token")?;
    assert!(watched["url"].as_str().is_some_and(|url| url.ends_with(token)), "{watched}");
    let view = world.edge.get(&format!("/v1/auctions/{private}"), &viewer.token).await?;
    assert_eq!(view.body["playback_url"], Value::Null);
    assert_eq!(world.edge.get(&playback, "").await?.status, 401);

    world.bid(&private, viewer, 100).await?;
    let name = world.state(&private).await?["leader"].clone();
    let (revoke, body) = (format!("{playback}/revoke"), json!({"viewer_id": name}));
    let refused = world.edge.post(&revoke, &world.bidders[1].token, "", &body).await?;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    let revoked = world.edge.post(&revoke, &world.seller.token, "", &body).await?;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    let refused = world.edge.get(&playback, &viewer.token).await?;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    assert_eq!(world.edge.get(&playback, &world.bidders[1].token).await?.status, 200);
    let told = channels(&world).await?.into_iter().any(|one| one["revoked"] == json!([name]));
    assert!(told, "the video service knows, too");
    // Many at once keep to the service's rate, whichever of the worker's roles tells it.
    let shut_out = (0..20).map(|number| {
        let body = json!({"viewer_id": format!("bidder-{number:08x}")});
        let (edge, path, token) = (&world.edge, &revoke, &world.seller.token);
        async move { edge.post(path, token, "", &body).await }
    });
    for reply in try_join_all(shut_out).await? {
        assert_eq!((reply.status, &reply.body["session_ended"]), (200, &json!(true)), "{reply:?}");
    }

    for log in std::fs::read_dir(world.stack.logs())? {
        let text = String::from_utf8_lossy(&std::fs::read(log?.path())?).into_owned();
        let secrets = [key.as_str(), token, reset.body["stream_key"].as_str().context("a key")?];
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "a secret in a log");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn a_stream_carries_the_price_to_the_end_and_the_channel_goes_with_the_auction() -> Result<()>
{
    let world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let url = shown(&world, &format!("/v1/auctions/{auction}/playback"), "").await?["url"].clone();
    let id = url.as_str().and_then(|url| url.split(['/', '.']).nth(2)).context("a url")?.to_owned();
    let arn = format!("arn:aws:ivs:us-east-1:000000000000:channel/{id}");
    let fake_url = &world.stack.settings.aws_ivs_endpoint_url;
    let live = format!("{fake_url}/_fake/live?stubborn=true&arn={arn}");
    reqwest::Client::new().post(live).send().await?.error_for_status()?;
    world.bid(&auction, &world.bidders[0], 100).await?;
    world.bid(&auction, &world.bidders[1], 250).await?;
    let last = async || {
        let cues = fake(&world, &format!("cues?arn={arn}")).await?;
        let last = cues.as_array().and_then(|cues| cues.last());
        let text = last.and_then(|cue| cue["metadata"].as_str()).unwrap_or("null");
        Ok(serde_json::from_str::<Value>(text)?)
    };
    let told = |cue: &Value| cue["seq"] == 2 && cue["price"] == 250 && cue["status"] == "live";
    eventually("the price in the stream", WITHIN, last, told).await?;
    world.edge.act(&format!("/v1/auctions/{auction}/close"), &world.seller.token).await?;
    let over = |cue: &Value| cue["seq"] == 2 && cue["status"] == "closed";
    eventually("the end in the stream", WITHIN, last, over).await?;
    let look = || channels(&world);
    let gone = |all: &Vec<Value>| all.iter().all(|one| one["arn"] != arn.as_str());
    eventually("the channel gone", WITHIN, look, gone).await?;
    let playback = world.edge.get(&format!("/v1/auctions/{auction}/playback"), "").await?;
    assert_eq!((playback.status, playback.code()), (409, "auction-closed"));
    world.stack.stop().await
}

#[tokio::test]
async fn a_worker_killed_while_it_makes_and_takes_down_channels_leaves_one_an_auction() -> Result<()>
{
    let mut options = Options::for_tests()?;
    let proxy = Proxy::start(&options.ports.ivs.url()).await?;
    let mut worker = WorkerOptions::named("workers");
    worker.env = vec![("AWS_ENDPOINT_URL_IVS".to_owned(), proxy.url.clone())];
    options.workers = vec![worker];
    let mut world = World::start_with(options).await?;
    let (mut auctions, mut ended) = (Vec::new(), Vec::new());
    for operation in ["/CreateChannel", "/DeleteChannel"] {
        for _ in 0..4 {
            auctions.push(world.auction(json!({})).await?);
        }
        if operation == "/DeleteChannel" {
            for auction in auctions.split_off(4) {
                shown(&world, &format!("/v1/auctions/{auction}/playback"), "").await?;
                world
                    .edge
                    .act(&format!("/v1/auctions/{auction}/cancel"), &world.seller.token)
                    .await?;
                ended.push(auction);
            }
        }
        // Carried out, and killed before anybody hears of it.
        proxy.rule(move |seen| match seen.path == operation {
            true => Fault::LoseAnswer,
            false => Fault::Pass,
        });
        let count = || proxy.seen().iter().filter(|seen| seen.path == operation).count();
        let (before, look) = (count(), async || Ok(count()));
        eventually(operation, WITHIN, look, |seen| *seen > before).await?;
        world.stack.workers[0].kill().await?;
        proxy.rule(|_| Fault::Pass);
        world.stack.workers[0].start().await?;
    }
    for auction in &auctions {
        shown(&world, &format!("/v1/auctions/{auction}/playback"), "").await?;
    }
    // One each, and the three that are kept ready.
    let expected = auctions.len() + 3;
    let look = || channels(&world);
    eventually("no channel too many", WITHIN, look, |all| all.len() == expected).await?;
    let urls = auctions.iter().map(async |auction| {
        let view = world.edge.get(&format!("/v1/auctions/{auction}"), "").await?;
        Ok::<_, anyhow::Error>(view.body["playback_url"].as_str().unwrap_or_default().to_owned())
    });
    let mut urls = futures::future::try_join_all(urls).await?;
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), auctions.len(), "no two auctions share one");
    assert_eq!(ended.len(), 4);
    world.stack.stop().await
}
