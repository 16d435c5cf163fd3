//! The contract: served to anybody, the same as the committed one, and kept by the API under whatever
//! schemathesis thinks of.

mod schemathesis;

use anyhow::Result;
use gavel_local::{Options, paths};
use gavel_tests::World;
use serde_json::Value;

use self::schemathesis::{run, things};

/// Where the contract is.
const CONTRACT: &str = "/v1/openapi.json";

#[tokio::test]
async fn the_contract_is_served_to_anybody_as_it_was_committed() -> Result<()> {
    let world = World::start().await?;
    let committed = std::fs::read(paths::checkout().join("workers/openapi.json"))?;
    let committed: Value = serde_json::from_slice(&committed)?;
    for token in ["", &world.seller.token] {
        let served = world.edge.get(CONTRACT, token).await?;
        assert_eq!((served.status, served.header("content-type")), (200, "application/json"));
        assert!(served.body == committed, "it differs: see `gavel openapi`");
    }
    let anonymous = world.edge.get(CONTRACT, "").await?;
    assert_eq!(anonymous.header("cache-control"), "public, max-age=300");
    world.stack.stop().await
}

/// A world where somebody who asks much is not told to write more slowly.
async fn world() -> Result<World> {
    let mut options = Options::for_tests()?;
    for worker in &mut options.workers {
        worker.env.push(("GAVEL_CHAT_INTERVAL_MS".to_owned(), "1".to_owned()));
    }
    World::start_with(options).await
}

#[tokio::test]
async fn every_answer_keeps_the_contract() -> Result<()> {
    let world = world().await?;
    let things = things(&world).await?;
    run(&world, &things, Some(&world.bidders[0])).await?;
    world.stack.stop().await
}

#[tokio::test]
async fn every_answer_to_somebody_not_signed_in_keeps_the_contract() -> Result<()> {
    let world = world().await?;
    let things = things(&world).await?;
    run(&world, &things, None).await?;
    world.stack.stop().await
}
