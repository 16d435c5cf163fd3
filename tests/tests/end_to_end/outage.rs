//! Parts that are gone or do not answer: a 503 in time, with `Retry-After`, never a hang; and what
//! was promised still holds afterwards.

use std::time::{Duration, Instant};

use anyhow::Result;
use gavel_local::WorkerOptions;
use gavel_tests::world::key;
use gavel_tests::{Reply, World, eventually, evidence};
use serde_json::json;

/// The edge waits 8 s for a region; a little more is the journey.
const NEVER_LONGER: Duration = Duration::from_secs(10);

async fn unavailable(world: &World, auction: &str, key: &str, amount: u64) -> Result<Reply> {
    let since = Instant::now();
    let reply = world.bid_as(auction, &world.bidders[0], key, amount).await?;
    assert!(since.elapsed() < NEVER_LONGER, "took {:?}", since.elapsed());
    assert_eq!((reply.status, reply.code()), (503, "unavailable"), "{reply:?}");
    assert!(reply.header("retry-after").parse::<u64>()? >= 1, "{reply:?}");
    let text = reply.body.to_string();
    for internal in ["redis", "Redis", "127.0.0.1", "sqs", "SQS", "postgres", "panick"] {
        assert!(!text.contains(internal), "{internal} leaks: {text}");
    }
    Ok(reply)
}

async fn works_again(world: &World, auction: &str, key: &str, amount: u64) -> Result<()> {
    let bid = || world.bid_as(auction, &world.bidders[0], key, amount);
    let within = Duration::from_secs(20);
    eventually("a bid after", within, bid, |reply| matches!(reply.status, 200 | 201)).await?;
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_down_or_frozen_is_a_503_in_time() -> Result<()> {
    let mut world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let (gone, frozen) = (key(), key());
    world.stack.workers[0].kill().await?;
    unavailable(&world, &auction, &gone, 100).await?;
    assert_eq!(world.edge.get("/healthz", "").await?.status, 200, "the edge itself is alive");
    assert_eq!(world.edge.get("/readyz", "").await?.status, 503, "but not ready");
    world.stack.workers[0].start().await?;
    works_again(&world, &auction, &gone, 100).await?;

    world.stack.workers[0].pause()?;
    unavailable(&world, &auction, &frozen, 200).await?;
    world.stack.workers[0].resume()?;
    works_again(&world, &auction, &frozen, 200).await?;
    evidence::whole_history(&world.stack, &auction, 2).await?;
    world.stack.stop().await
}

#[tokio::test]
async fn without_redis_bids_are_refused_in_time_and_none_is_lost_or_doubled() -> Result<()> {
    let mut world = World::start().await?;
    let auction = world.live_auction(json!({"duration_s": 120})).await?;
    assert_eq!(world.bid(&auction, &world.bidders[1], 100).await?.status, 201);
    let (frozen, gone) = (key(), key());
    let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
    world.live_auction(json!({"duration_s": 5, "soft_close": fixed})).await?;
    let opened = Instant::now();
    world.stack.redis.pause()?;
    unavailable(&world, &auction, &frozen, 200).await?;
    // Until the other auction is over for two seconds, which is what the lateness must tell.
    tokio::time::sleep(Duration::from_secs(7).saturating_sub(opened.elapsed())).await;
    world.stack.redis.resume()?;
    works_again(&world, &auction, &frozen, 200).await?;
    let late = || evidence::gauge(&world.stack.workers[0], "gavel_timer_close_lateness_seconds");
    eventually("lateness", Duration::from_secs(5), late, |late| (1.0..15.0).contains(late)).await?;
    // Killed and started again it has lost its scripts, but not its data.
    world.stack.redis.kill().await?;
    unavailable(&world, &auction, &gone, 300).await?;
    world.stack.redis.start().await?;
    works_again(&world, &auction, &gone, 300).await?;
    let rows = evidence::whole_history(&world.stack, &auction, 3).await?;
    assert_eq!(rows.iter().map(|row| row.amount).collect::<Vec<_>>(), [100, 200, 300]);
    world.stack.stop().await
}

#[tokio::test]
async fn without_the_queue_a_bid_is_not_acknowledged_but_not_lost_either() -> Result<()> {
    let mut world = World::start().await?;
    let auction = world.live_auction(json!({"duration_s": 120})).await?;
    assert_eq!(world.bid(&auction, &world.bidders[1], 100).await?.status, 201);
    let key = key();
    world.stack.emulator.pause()?;
    unavailable(&world, &auction, &key, 200).await?;
    let waiting = |outlet: &str| format!(r#"gavel_relay_outbox_events{{outlet="{outlet}"}}"#);
    let oldest = "gavel_relay_oldest_unconfirmed_seconds";
    let worker = &world.stack.workers[0];
    for name in [waiting("bids"), waiting("messages"), oldest.to_owned()] {
        let read = || evidence::gauge(worker, &name);
        let waits = |value: &f64| (1.0..60.0).contains(value);
        eventually(&name, Duration::from_secs(10), read, waits).await?;
    }
    world.stack.emulator.resume()?;
    works_again(&world, &auction, &key, 200).await?;
    for name in [waiting("bids"), waiting("messages"), oldest.to_owned()] {
        let read = || evidence::gauge(&world.stack.workers[0], &name);
        eventually(&name, Duration::from_secs(20), read, |value| *value == 0.0).await?;
    }
    let rows = evidence::whole_history(&world.stack, &auction, 2).await?;
    assert_eq!(rows[1].amount, 200);
    world.stack.stop().await
}

#[tokio::test]
async fn without_the_queue_of_messages_bids_are_acknowledged_as_ever() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({"duration_s": 120})).await?;
    let url = &world.stack.settings.notification_queue_url;
    world.stack.aws.sqs.delete_queue().queue_url(url).send().await?;
    for (bidder, amount) in [(0, 100), (1, 200), (0, 300)] {
        let placed = world.bid(&auction, &world.bidders[bidder], amount).await?;
        assert_eq!(
            (placed.status, &placed.body["acknowledged"]),
            (201, &json!("queue")),
            "{placed:?}"
        );
    }
    evidence::whole_history(&world.stack, &auction, 3).await?;
    // What people are to be told waits, and is seen to.
    let waiting = r#"gavel_relay_outbox_events{outlet="messages"}"#;
    let read = || evidence::gauge(&world.stack.workers[0], waiting);
    eventually(waiting, Duration::from_secs(10), read, |events| *events >= 3.0).await?;
    world.stack.stop().await
}

#[tokio::test]
async fn without_postgres_auctions_close_on_time_and_are_recorded_later() -> Result<()> {
    let mut world = World::start().await?;
    let mut auctions = Vec::new();
    for duration_s in [5, 5, 7] {
        let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
        let body = json!({"duration_s": duration_s, "soft_close": fixed});
        let auction = world.live_auction(body).await?;
        world.bid(&auction, &world.bidders[0], 100).await?;
        auctions.push(auction);
    }
    let opened = Instant::now();
    world.stack.postgres.pause()?;
    let closed = |state: &serde_json::Value| state["status"] == "closed";
    for auction in &auctions {
        world.until(auction, Duration::from_secs(10), closed).await?;
    }
    // The last one ended while the results of the others could not be recorded: one such try takes 5 s,
    // so a timer that waited for it would close no earlier than after 10 s.
    assert!(opened.elapsed() < Duration::from_secs(9), "closed after {:?}", opened.elapsed());
    world.stack.postgres.resume()?;
    for auction in &auctions {
        let result = evidence::result(&world.stack, auction, Duration::from_secs(20)).await?;
        assert_eq!((result.outcome.as_deref(), result.hammer_price), (Some("sold"), Some(100)));
    }
    world.stack.stop().await
}

#[tokio::test]
async fn a_worker_that_starts_without_postgres_takes_bids_and_finds_it_later() -> Result<()> {
    let mut world = World::start().await?;
    let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
    let body = json!({"duration_s": 20, "soft_close": fixed});
    let auction = world.live_auction(body).await?;
    world.stack.postgres.stop().await?;
    world.stack.workers[0].kill().await?;
    world.stack.workers[0].start().await?;
    let bid = world.bid(&auction, &world.bidders[0], 100).await?;
    assert_eq!((bid.status, &bid.body["acknowledged"]), (201, &json!("queue")), "{bid:?}");
    let closed = |state: &serde_json::Value| state["status"] == "closed";
    world.until(&auction, Duration::from_secs(25), closed).await?;

    world.stack.postgres.start().await?;
    let result = evidence::result(&world.stack, &auction, Duration::from_secs(20)).await?;
    assert_eq!((result.outcome.as_deref(), result.hammer_price), (Some("sold"), Some(100)));
    world.stack.stop().await
}

#[tokio::test]
async fn a_result_is_recorded_although_every_worker_died_in_between() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.add_worker(&WorkerOptions::named("second")).await?;
    let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
    let auction = world.live_auction(json!({"duration_s": 5, "soft_close": fixed})).await?;
    world.bid(&auction, &world.bidders[0], 100).await?;
    world.bid(&auction, &world.bidders[1], 110).await?;
    // The ledger closes it; the catalogue cannot hear of it, and then nobody is left who knows.
    world.stack.postgres.pause()?;
    let closed = |state: &serde_json::Value| state["status"] == "closed";
    let state = world.until(&auction, Duration::from_secs(10), closed).await?;
    for worker in &mut world.stack.workers {
        worker.kill().await?;
    }
    world.stack.postgres.resume()?;
    let before = evidence::catalogue(&world.stack, &auction).await?;
    assert_eq!((before.status.as_str(), before.outcome), ("live", None), "nobody told it yet");
    for worker in &mut world.stack.workers {
        worker.start().await?;
    }
    let result = evidence::result(&world.stack, &auction, Duration::from_secs(20)).await?;
    assert_eq!((result.outcome.as_deref(), result.hammer_price), (Some("sold"), Some(110)));
    assert_eq!(result.winner.as_deref(), Some(world.bidders[1].subject.as_str()));
    assert_eq!(u64::try_from(result.bid_count)?, 2);
    assert_eq!((&state["price"], &state["seq"]), (&json!(110), &json!(2)), "as in the ledger");
    world.stack.stop().await
}

#[tokio::test]
async fn stopping_a_worker_answers_what_is_at_hand() -> Result<()> {
    let mut world = World::start().await?;
    let auction = world.live_auction(json!({"increments": [{"from": 0, "step": 1}]})).await?;
    let (edge, path) = (world.edge.clone(), format!("/v1/auctions/{auction}/bids"));
    let tokens: Vec<String> = world.bidders.iter().map(|bidder| bidder.token.clone()).collect();
    let mut accepted = 0;
    let bidding = async {
        for n in 0..2_000_u64 {
            let token = &tokens[usize::try_from(n % 2)?];
            let reply = edge.post(&path, token, &key(), &json!({"amount": 100 + n * 10})).await?;
            match reply.status {
                201 => accepted += 1,
                503 => return Ok(()),
                _ => anyhow::bail!("unexpected: {reply:?}"),
            }
        }
        Ok(())
    };
    let worker = &mut world.stack.workers[0];
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        worker.stop().await
    };
    let (bid, stopped) = tokio::join!(bidding, stopping);
    bid?;
    assert_eq!(stopped?, gavel_local::process::Stopped::Gracefully);
    world.stack.workers[0].start().await?;
    assert!(accepted > 0, "some were accepted before");
    let rows = evidence::whole_history(&world.stack, &auction, accepted).await?;
    assert!(rows.len() <= accepted + 1, "at most the one at hand was not answered");
    world.stack.stop().await
}
