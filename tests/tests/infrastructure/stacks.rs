//! Every stack of infra/cloudformation, created, run on, and updated.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use gavel_local::{Options, paths};
use gavel_tests::{World, evidence, stacks};
use serde_json::json;

/// What the emulator cannot make. Whoever adds to this list has looked for another way.
const SKIPPED: [&str; 8] = [
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::Backup::BackupSelection",
    "AWS::EC2::EIP",
    "AWS::EC2::FlowLog",
    "AWS::EC2::NatGateway",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACLAssociation",
];

/// What holds something that an update must not throw away.
const KEEPERS: [&str; 7] = [
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::Table",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::KMS::Key",
    "AWS::RDS::DBInstance",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
];

#[tokio::test]
async fn gavel_runs_on_what_the_stacks_make_and_survives_their_update() -> Result<()> {
    let (done, stacks) = tokio::sync::oneshot::channel();
    let options = Options { maker: stacks::maker(done), ..Options::for_tests()? };
    let world = World::start_with(options).await?;
    let mut stacks = stacks.await.context("the stacks were made")?;
    assert_eq!(stacks.report.skipped_types(), BTreeSet::from(SKIPPED), "\n{}", stacks.report);

    let auction = world.live_auction(json!({})).await?;
    let bid = world.bid(&auction, &world.bidders[0], 100).await?;
    assert_eq!((bid.status, &bid.body["acknowledged"]), (201, &json!("queue")), "{bid:?}");
    let rows = evidence::whole_history(&world.stack, &auction, 1).await?;
    assert_eq!(json!(rows[0].bid_id), bid.body["bid_id"]);

    stacks.update(stacks::all()).await?;
    println!("{}", stacks.report);
    let failed = stacks.report.failed();
    assert!(failed.is_empty(), "{failed:?}");
    let replaced = stacks.report.replaced(&KEEPERS);
    assert!(replaced.is_empty(), "an update threw away {replaced:?}");

    // The auction that was live goes on, and what was written before is still there.
    let bid = world.bid(&auction, &world.bidders[1], 110).await?;
    assert_eq!(bid.status, 201, "{bid:?}");
    let own = world.edge.get("/v1/me/bids", &world.bidders[1].token).await?;
    assert_eq!(own.status, 200, "{own:?}");
    evidence::whole_history(&world.stack, &auction, 2).await?;
    world.stack.stop().await
}

#[test]
fn every_template_is_planned_and_every_role_has_its_service() -> Result<()> {
    let folder = paths::checkout().join("infra/cloudformation");
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            there.insert(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    let planned = stacks::all().map(|plan| plan.template.to_owned()).collect();
    assert_eq!(there, planned, "add the template to tests/src/stacks/plan.rs");
    let services = stacks::all().filter(|plan| plan.template == "service");
    let services: Vec<&str> = services.map(|plan| plan.name).collect();
    let (migration, services) = services.split_at(1);
    assert_eq!((migration, services), (&["migrate"][..], &stacks::ROLES[..]));
    Ok(())
}
