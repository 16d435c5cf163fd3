//! The contract: served to anybody, the same as the committed one, in step with the edge's routes,
//! and kept by the API under whatever schemathesis thinks of.

mod schemathesis;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use gavel_gateway::route::Route;
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

#[test]
fn what_the_edge_routes_is_what_the_contract_documents() -> Result<()> {
    let contract = std::fs::read(paths::checkout().join("workers/openapi.json"))?;
    let contract: Value = serde_json::from_slice(&contract)?;
    let paths = contract["paths"].as_object().context("paths")?;
    let documented: BTreeSet<(String, &str)> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flat_map(serde_json::Map::keys);
            methods.map(|method| (method.to_uppercase(), path.as_str()))
        })
        .collect();
    let routed: BTreeSet<(String, &str)> = Route::all()
        .filter(|(_, path)| path.starts_with("/v1/"))
        .map(|(method, path)| (method.to_string(), path))
        .collect();
    assert_eq!(documented, routed);
    Ok(())
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
