//! What nobody else may ever learn: a reserve that is not met, a maximum that is not reached.

use std::fs;

use anyhow::Result;
use gavel_local::{Options, WorkerOptions};
use gavel_tests::world::{Bidder, World, key};
use gavel_tests::{client::Reply, evidence};
use serde_json::json;

/// A reserve that appears in no other number here.
const RESERVE: u64 = 7_654_321;
/// A maximum that appears in no other number here.
const MAXIMUM: u64 = 6_543_217;

/// What the leader offers on top, which raises only their maximum.
const RAISE: u64 = 6_654_321;

/// Everything of a reply that its reader sees.
fn seen(reply: &Reply) -> String {
    format!("{} {:?} {}", reply.status, reply.headers, reply.body)
}

#[tokio::test]
async fn reserve_and_maxima_are_told_to_their_owners_only() -> Result<()> {
    let env = vec![("RUST_LOG".to_owned(), "debug".to_owned())];
    let workers = vec![WorkerOptions { env, ..WorkerOptions::named("talkative") }];
    let world = World::start_with(Options { workers, ..Options::for_tests()? }).await?;
    let (owner, other) = (&world.bidders[0], &world.bidders[1]);
    let anybody = Bidder { token: String::new(), subject: String::new() };
    let ceiling = 9_000_000;
    let terms =
        json!({"reserve_price": RESERVE, "bid_ceiling": ceiling, "buy_now_price": 8_000_000});
    let auction = world.live_auction(terms).await?;
    let path = format!("/v1/auctions/{auction}");
    let bids = format!("{path}/bids");
    let mut told: Vec<(String, String)> = Vec::new();
    let mut note = |what: &str, reply: &Reply| told.push((what.to_owned(), seen(reply)));

    let own_key = key();
    let offer = json!({"amount": 100, "max": MAXIMUM});
    let placed = world.edge.post(&bids, &owner.token, &own_key, &offer).await?;
    assert_eq!(placed.status, 201, "{placed:?}");
    note("the owner's receipt", &placed);
    let bid_id = placed.body["bid_id"].as_str().unwrap_or_default();
    for (what, offer, status) in [
        ("a challenger's receipt", json!({"amount": 200}), 201),
        ("a bid that is too low", json!({"amount": 105}), 409),
        ("a bid above the ceiling", json!({"amount": 300, "max": ceiling + 1}), 422),
        ("another currency", json!({"amount": 300, "currency": "EUR"}), 422),
    ] {
        let reply = world.edge.post(&bids, &other.token, &key(), &offer).await?;
        assert_eq!(reply.status, status, "{what}: {reply:?}");
        note(what, &reply);
    }
    let conflict = json!({"amount": 100, "max": 500});
    let conflict = world.edge.post(&bids, &owner.token, &own_key, &conflict).await?;
    assert_eq!(conflict.code(), "idempotency-conflict");
    note("a conflict", &conflict);
    let raise = world.edge.post(&bids, &owner.token, &key(), &json!({"amount": RAISE})).await?;
    assert_eq!((raise.status, &raise.body["price"]), (201, &json!(210)), "{raise:?}");
    evidence::whole_history(&world.stack, &auction, 3).await?;

    for closed in [false, true] {
        if closed {
            let hammer = world.edge.act(&format!("{path}/close"), &world.seller.token).await?;
            assert_eq!(hammer.body["outcome"], "unsold", "the reserve was not met: {hammer:?}");
            let late =
                world.edge.post(&bids, &other.token, &key(), &json!({"amount": 900})).await?;
            assert_eq!(late.code(), "auction-closed");
            note("a bid after the end", &late);
        }
        for reader in [other, &anybody, owner] {
            for what in [&path, &bids, &format!("{path}/state"), "/v1/auctions?limit=10"] {
                note(what, &world.edge.get(what, &reader.token).await?);
            }
        }
        for reader in [other, &anybody, &world.seller] {
            note(
                "another's bid",
                &world.edge.get(&format!("/v1/bids/{bid_id}"), &reader.token).await?,
            );
            note("own bids", &world.edge.get("/v1/me/bids", &reader.token).await?);
        }
        note("the history for the seller", &world.edge.get(&bids, &world.seller.token).await?);
    }
    for file in fs::read_dir(world.stack.logs())? {
        let file = file?.path();
        // PostgreSQL and the emulators are the stores themselves: there the numbers are at home.
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.contains("talkative") || name.contains("edge") {
            told.push((format!("the log {name}"), fs::read_to_string(&file)?));
        }
    }
    let logs = told.iter().filter(|(what, text)| what.contains("log") && !text.is_empty());
    assert_eq!(logs.count(), 2, "both tiers have a log");
    for (what, text) in &told {
        for secret in [RESERVE, MAXIMUM, RAISE] {
            assert!(!text.contains(&secret.to_string()), "{what} tells {secret}: {text}");
        }
    }

    let own = world.edge.get("/v1/me/bids", &owner.token).await?;
    let of_own = |bid: usize, name: &str| own.body["items"][bid][name].as_u64();
    assert_eq!(of_own(0, "amount"), Some(RAISE), "their own offers are theirs to see");
    assert_eq!(of_own(1, "max"), Some(MAXIMUM), "and their own maximum");
    let seller = world.edge.get(&path, &world.seller.token).await?;
    assert_eq!(seller.body["reserve_price"], RESERVE, "and so is the seller's reserve");
    assert!(!seen(&seller).contains(&MAXIMUM.to_string()));
    world.stack.stop().await
}
