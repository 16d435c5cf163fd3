//! Parts that are gone or do not answer: a 503, with `Retry-After`, never a hang; and what was promised
//! still holds afterwards. That the 503 comes after 8 s is the gateway's to show, on a clock of its own;
//! here a request that hangs ends with the client's patience, and the test with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use gavel_local::WorkerOptions;
use gavel_tests::client::{millis, now_ms};
use gavel_tests::wait::{LEISURES, Tried, WITHIN, eventually, seen};
use gavel_tests::world::key;
use gavel_tests::{Reply, World, evidence};
use serde_json::{Value, json};

/// How late a close may be that nothing holds up, in milliseconds.
const LATE_MS_MAX: u64 = 3_000;
/// Bids accepted before a worker is stopped that more are asked of.
const BEFORE_THE_STOP: usize = 10;

/// Terms of an auction whose end stays where it is.
fn fixed_end(duration_s: u32) -> Value {
    let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
    json!({"duration_s": duration_s, "soft_close": fixed})
}

/// A bid that nobody decided in time. It is told when it is settled.
async fn unavailable(world: &World, auction: &str, key: &str, amount: u64) -> Result<Reply> {
    let reply = unserved(world, auction, key, amount, "unavailable").await?;
    assert!(reply.body["settled_at"].is_string(), "{reply:?}");
    Ok(reply)
}

async fn unserved(
    world: &World,
    auction: &str,
    key: &str,
    amount: u64,
    code: &str,
) -> Result<Reply> {
    let reply = world.bid_as(auction, &world.bidders[0], key, amount).await?;
    assert_eq!((reply.status, reply.code()), (503, code), "{reply:?}");
    assert_eq!(reply.body["bid_id"], reply.header("gavel-bid-id"), "{reply:?}");
    assert!(reply.header("retry-after").parse::<u64>()? >= 1, "{reply:?}");
    let text = reply.body.to_string();
    for internal in ["redis", "Redis", "127.0.0.1", "sqs", "SQS", "postgres", "panick"] {
        assert!(!text.contains(internal), "{internal} leaks: {text}");
    }
    Ok(reply)
}

async fn works_again(world: &World, auction: &str, key: &str, amount: u64) -> Result<()> {
    let bid = || world.bid_as(auction, &world.bidders[0], key, amount);
    eventually("a bid after", WITHIN, bid, |reply| matches!(reply.status, 200 | 201)).await?;
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
    let told = unavailable(&world, &auction, &frozen, 200).await?;
    world.stack.workers[0].resume()?;
    let (bid, settled_at) = (told.body["bid_id"].as_str(), told.body["settled_at"].as_str());
    let path =
        format!("/v1/bids/{}?settled_at={}", bid.unwrap_or_default(), settled_at.unwrap_or("none"));
    let look_up = || world.edge.get(&path, &world.bidders[0].token);
    let settled =
        eventually("a final answer", WITHIN, look_up, |reply| reply.status != 503).await?;
    assert!(matches!(settled.status, 200 | 404), "{settled:?}");
    let again = world.bid_as(&auction, &world.bidders[0], &frozen, 200).await?;
    // What was said to be final was: a bid that was accepted is a repeat, and one that was not is new.
    let expected = if settled.status == 200 { 200 } else { 201 };
    assert!([expected, 503].contains(&again.status), "{settled:?}, then {again:?}");
    works_again(&world, &auction, &frozen, 200).await?;
    evidence::whole_history(&world.stack, &auction, 2).await?;
    world.stack.stop().await
}

#[tokio::test]
async fn without_redis_bids_are_refused_in_time_and_none_is_lost_or_doubled() -> Result<()> {
    let mut world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    assert_eq!(world.bid(&auction, &world.bidders[1], 100).await?.status, 201);
    let (frozen, gone) = (key(), key());
    let ends_at = freeze_redis_before_an_end(&mut world).await?;
    unavailable(&world, &auction, &frozen, 200).await?;
    // Until the other auction is over for two seconds, which is what the lateness must tell.
    let time = async || Ok(now_ms());
    eventually("the time", WITHIN, time, |now| *now > ends_at + 2_000).await?;
    world.stack.redis.resume()?;
    works_again(&world, &auction, &frozen, 200).await?;
    let late = || evidence::gauge(&world.stack.workers[0], "gavel_timer_close_lateness_seconds");
    let least = Duration::from_millis(1_900).as_secs_f64();
    let most = || Duration::from_millis(now_ms() - ends_at).as_secs_f64();
    eventually("lateness", WITHIN, late, |late| (least..most()).contains(late)).await?;
    // Killed and started again it has lost its scripts, but not its data.
    world.stack.redis.kill().await?;
    unavailable(&world, &auction, &gone, 300).await?;
    world.stack.redis.start().await?;
    works_again(&world, &auction, &gone, 300).await?;
    let rows = evidence::whole_history(&world.stack, &auction, 3).await?;
    assert_eq!(rows.iter().map(|row| row.amount).collect::<Vec<_>>(), [100, 200, 300]);
    world.stack.stop().await
}

/// Freezes Redis while an auction is open that would end soon. Gives its end.
async fn freeze_redis_before_an_end(world: &mut World) -> Result<u64> {
    for leisure in LEISURES {
        let short = world.live_auction(fixed_end(5 * leisure)).await?;
        let ends_at = millis(&world.state(&short).await?["ends_at"]);
        world.stack.redis.pause()?;
        if now_ms() < ends_at {
            return Ok(ends_at);
        }
        world.stack.redis.resume()?;
    }
    anyhow::bail!("every auction was over before Redis was frozen")
}

#[tokio::test]
async fn without_the_queue_a_bid_is_not_acknowledged_but_not_lost_either() -> Result<()> {
    let mut world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    assert_eq!(world.bid(&auction, &world.bidders[1], 100).await?.status, 201);
    let key = key();
    world.stack.emulator.pause()?;
    let told = unserved(&world, &auction, &key, 200, "bid-unconfirmed").await?;
    assert_eq!(told.body["seq"], 2, "{told:?}");
    let waiting = |outlet: &str| format!(r#"gavel_relay_outbox_events{{outlet="{outlet}"}}"#);
    let oldest = "gavel_relay_oldest_unconfirmed_seconds";
    let worker = &world.stack.workers[0];
    for name in [waiting("bids"), waiting("messages"), oldest.to_owned()] {
        let read = || evidence::gauge(worker, &name);
        eventually(&name, WITHIN, read, |value| *value >= 1.0).await?;
    }
    world.stack.emulator.resume()?;
    works_again(&world, &auction, &key, 200).await?;
    for name in [waiting("bids"), waiting("messages"), oldest.to_owned()] {
        let read = || evidence::gauge(&world.stack.workers[0], &name);
        eventually(&name, WITHIN, read, |value| *value == 0.0).await?;
    }
    let rows = evidence::whole_history(&world.stack, &auction, 2).await?;
    assert_eq!(rows[1].amount, 200);
    world.stack.stop().await
}

#[tokio::test]
async fn without_the_queue_of_messages_bids_are_acknowledged_as_ever() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
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
    eventually(waiting, WITHIN, read, |events| *events >= 3.0).await?;
    world.stack.stop().await
}

#[tokio::test]
async fn without_postgres_auctions_close_on_time_and_are_recorded_later() -> Result<()> {
    let world = tokio::sync::Mutex::new(World::start().await?);
    seen("a close on time without PostgreSQL", async |leisure| {
        let mut world = world.lock().await;
        close_without_postgres(&mut world, leisure).await
    })
    .await?;
    world.into_inner().stack.stop().await
}

/// Two auctions end, and then a third, while no result can be recorded. Says so when PostgreSQL was not
/// away before, or the third was closed late, as it always is by a timer that waits for the results.
async fn close_without_postgres(world: &mut World, leisure: u32) -> Result<Tried> {
    let mut auctions = Vec::new();
    for duration_s in [5 * leisure, 5 * leisure, 5 * leisure + 1] {
        let auction = world.live_auction(fixed_end(duration_s)).await?;
        let bid = world.bid(&auction, &world.bidders[0], 100).await?;
        auctions.push((auction, millis(&bid.body["ends_at"])));
    }
    world.stack.postgres.pause()?;
    let gone = now_ms() < auctions[0].1;
    let closed = |state: &Value| state["status"] == "closed";
    for (auction, _) in &auctions {
        world.until(auction, WITHIN, closed).await?;
    }
    world.stack.postgres.resume()?;
    for (auction, _) in &auctions {
        let result = evidence::result(&world.stack, auction).await?;
        ensure!(result.hammer_price.is_none_or(|price| price == 100), "{result:?}");
        if result.outcome.as_deref() != Some("sold") {
            return Ok(Err(format!("nobody bid in time: {result:?}")));
        }
    }
    // One try to record a result takes 5 s: a timer that waited for the others' would be 4 s late.
    let (last, ends_at) = &auctions[2];
    let late_ms = closed_at(world, last).await?.saturating_sub(*ends_at);
    let on_time = gone && late_ms < LATE_MS_MAX;
    Ok(on_time.then_some(()).ok_or_else(|| format!("away before: {gone}, {late_ms} ms late")))
}

/// When an auction was closed.
async fn closed_at(world: &World, auction: &str) -> Result<u64> {
    let shown = world.edge.get(&format!("/v1/auctions/{auction}"), "").await?;
    Ok(millis(&shown.body["ends_at"]))
}

#[tokio::test]
async fn a_worker_that_starts_without_postgres_takes_bids_and_finds_it_later() -> Result<()> {
    let mut world = World::start().await?;
    let auction = bid_without_postgres(&mut world).await?;
    let closed = |state: &Value| state["status"] == "closed";
    world.until(&auction, WITHIN * 3, closed).await?;

    world.stack.postgres.start().await?;
    let result = evidence::result(&world.stack, &auction).await?;
    assert_eq!((result.outcome.as_deref(), result.hammer_price), (Some("sold"), Some(100)));
    world.stack.stop().await
}

#[tokio::test]
async fn a_result_is_recorded_although_every_worker_died_in_between() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.add_worker(&WorkerOptions::named("second")).await?;
    // The ledger closes it; the catalogue cannot hear of it, and then nobody is left who knows.
    let auction = end_unrecorded(&mut world).await?;
    let closed = |state: &Value| state["status"] == "closed";
    let state = world.until(&auction, WITHIN, closed).await?;
    for worker in &mut world.stack.workers {
        worker.kill().await?;
    }
    world.stack.postgres.resume()?;
    let before = evidence::catalogue(&world.stack, &auction).await?;
    assert_eq!((before.status.as_str(), before.outcome), ("live", None), "nobody told it yet");
    for worker in &mut world.stack.workers {
        worker.start().await?;
    }
    let result = evidence::result(&world.stack, &auction).await?;
    assert_eq!((result.outcome.as_deref(), result.hammer_price), (Some("sold"), Some(110)));
    assert_eq!(result.winner.as_deref(), Some(world.bidders[1].subject.as_str()));
    assert_eq!(u64::try_from(result.bid_count)?, 2);
    assert_eq!((&state["price"], &state["seq"]), (&json!(110), &json!(2)), "as in the ledger");
    world.stack.stop().await
}

/// Has a worker start without PostgreSQL, and take a bid in an auction that ends soon. Gives the auction.
async fn bid_without_postgres(world: &mut World) -> Result<String> {
    for leisure in LEISURES {
        let auction = world.live_auction(fixed_end(10 * leisure)).await?;
        world.stack.postgres.stop().await?;
        world.stack.workers[0].kill().await?;
        world.stack.workers[0].start().await?;
        let bid = world.bid(&auction, &world.bidders[0], 100).await?;
        if bid.code() != "auction-closed" {
            assert_eq!((bid.status, &bid.body["acknowledged"]), (201, &json!("queue")), "{bid:?}");
            return Ok(auction);
        }
        world.stack.postgres.start().await?;
    }
    anyhow::bail!("every auction was over before the worker was back")
}

/// Freezes PostgreSQL while an auction with two bids is open that ends soon. Gives the auction.
async fn end_unrecorded(world: &mut World) -> Result<String> {
    for leisure in LEISURES {
        let auction = world.live_auction(fixed_end(5 * leisure)).await?;
        world.bid(&auction, &world.bidders[0], 100).await?;
        let last = world.bid(&auction, &world.bidders[1], 110).await?;
        world.stack.postgres.pause()?;
        if last.status == 201 && now_ms() < millis(&last.body["ends_at"]) {
            return Ok(auction);
        }
        world.stack.postgres.resume()?;
    }
    anyhow::bail!("every auction was over before PostgreSQL was frozen")
}

#[tokio::test]
async fn stopping_a_worker_answers_what_is_at_hand() -> Result<()> {
    let mut world = World::start().await?;
    let auction = world.live_auction(json!({"increments": [{"from": 0, "step": 1}]})).await?;
    let (edge, path) = (world.edge.clone(), format!("/v1/auctions/{auction}/bids"));
    let tokens: Vec<String> = world.bidders.iter().map(|bidder| bidder.token.clone()).collect();
    let (accepted, stopped) = (tokio::sync::watch::Sender::new(0), AtomicBool::new(false));
    let bidding = async {
        let (mut n, mut key_of_n) = (0_u64, key());
        loop {
            let token = &tokens[usize::try_from(n % 2)?];
            let body = json!({"amount": 100 + n * 10});
            let reply = edge.post(&path, token, &key_of_n, &body).await?;
            match reply.status {
                200 | 201 => {
                    accepted.send_modify(|count| *count += 1);
                    (n, key_of_n) = (n + 1, key());
                }
                // Before the stop it is an honest one: asked again.
                503 if stopped.load(Ordering::Relaxed) => return Ok(()),
                503 => {}
                _ => anyhow::bail!("unexpected: {reply:?}"),
            }
        }
    };
    let worker = &mut world.stack.workers[0];
    let stopping = async {
        accepted.subscribe().wait_for(|count| *count >= BEFORE_THE_STOP).await?;
        stopped.store(true, Ordering::Relaxed);
        worker.stop().await
    };
    let ((), stopped) = tokio::try_join!(bidding, stopping)?;
    assert_eq!(stopped, gavel_local::process::Stopped::Gracefully);
    world.stack.workers[0].start().await?;
    let accepted = *accepted.borrow();
    let rows = evidence::whole_history(&world.stack, &auction, accepted).await?;
    assert!(rows.len() <= accepted + 1, "at most the one at hand was not answered");
    world.stack.stop().await
}
