//! A death between any two steps, before and after each call: afterwards no channel too many, and
//! never two for an auction.

use gavel_local::ivs::Failure;
use serde_json::json;

use super::*;

/// Every call of a channel's life, in order.
const MAKING: [&str; 2] = ["ListChannels", "CreateChannel"];
const UNMAKING: [&str; 6] =
    ["ListStreamKeys", "DeleteStreamKey", "StopStream", "GetStream", "DeleteChannel", "GetChannel"];

/// A worker dies after it has asked for `operation` and before it noted the answer.
async fn die_in(bench: &Bench, operation: &str) {
    bench.fake.fail(Failure::lost(operation));
    step_until_called(bench, operation).await;
    bench.leases_end().await;
}

/// Steps of one engine up to and with the one that makes this call.
async fn step_until_called(bench: &Bench, operation: &str) {
    let stock = bench.stock(0, 0);
    // A call that comes too fast was not carried out.
    let carried_out = || {
        let calls = bench.calls(operation).into_iter();
        calls.filter(|code| code != "ThrottlingException").count()
    };
    let (before, since) = (carried_out(), Instant::now());
    while carried_out() == before {
        assert!(since.elapsed() < WITHIN, "never asked for {operation}");
        stock.restock().await.unwrap();
        stock.saga.step().await.unwrap();
    }
}

#[tokio::test]
async fn a_death_in_or_before_each_step_of_making_leaves_one_channel_for_the_auction() {
    let bench = Bench::start().await;
    for operation in MAKING {
        // Between the call and its note: the answer is lost with whoever asked.
        let auction = bench.auction(false).await;
        die_in(&bench, operation).await;
        one_channel(&bench, &auction).await;

        // Between the claim of the step and its call.
        let auction = bench.auction(false).await;
        bench.stock(0, 0).restock().await.unwrap();
        bench.catalog.channels().claim(hurried().lease).await.unwrap().expect("a step");
        bench.leases_end().await;
        one_channel(&bench, &auction).await;

        // Between the step that made it and the one that assigns it.
        let auction = bench.auction(false).await;
        step_until_called(&bench, "CreateChannel").await;
        one_channel(&bench, &auction).await;
    }
}

async fn one_channel(bench: &Bench, auction: &AuctionRecord) {
    let made_before = bench.calls("DeleteChannel").iter().filter(|code| *code == "ok").count();
    let channel = bench.channel_of(auction).await;
    let expected = vec![arn(&channel)];
    bench.work_until("it has one, and there is no other", |_, arns| arns == expected).await;
    let made = bench.calls("CreateChannel").iter().filter(|code| *code == "ok").count();
    assert_eq!(made, made_before + 1, "no second one was ever made");
    bench.cancel(auction).await;
    bench
        .work_until("all is gone with the auction", |rows, arns| rows.is_empty() && arns.is_empty())
        .await;
    let done = |operation| bench.calls(operation).iter().filter(|code| *code == "ok").count();
    let (created, deleted) = (done("CreateChannel"), done("DeleteChannel"));
    assert_eq!(created, deleted, "each that was made was taken down, {channel:?} the last");
}

#[tokio::test]
async fn a_death_in_each_step_of_taking_down_leaves_no_channel() {
    let bench = Bench::start().await;
    for operation in UNMAKING {
        let auction = bench.auction(false).await;
        let channel = bench.channel_of(&auction).await;
        bench.fake.go_live(&arn(&channel), true);
        bench.cancel(&auction).await;
        die_in(&bench, operation).await;
        gone(&bench, operation).await;
    }
}

#[tokio::test]
async fn a_death_before_each_step_of_taking_down_leaves_no_channel() {
    let bench = Bench::start().await;
    for stage in ["retiring", "keyless", "stopped", "offline", "deleted"] {
        let auction = bench.auction(false).await;
        let channel = bench.channel_of(&auction).await;
        bench.fake.go_live(&arn(&channel), true);
        bench.cancel(&auction).await;
        let stock = bench.stock(0, 0);
        stock.restock().await.unwrap();
        let since = Instant::now();
        while bench.rows().await[0].stage.as_str() != stage {
            assert!(since.elapsed() < WITHIN, "never {stage}");
            stock.saga.step().await.unwrap();
        }
        // Whoever claims the next step dies with it.
        bench.catalog.channels().claim(hurried().lease).await.unwrap();
        bench.leases_end().await;
        gone(&bench, stage).await;
    }
}

async fn gone(bench: &Bench, when: &str) {
    let what = format!("nothing is left after a death in {when}");
    bench.work_until(&what, |rows, arns| rows.is_empty() && arns.is_empty()).await;
}

#[tokio::test]
async fn a_late_worker_never_undoes_what_another_did() {
    let bench = Bench::start().await;
    let auction = bench.auction(false).await;
    let channels = bench.catalog.channels();
    bench.stock(0, 0).restock().await.unwrap();
    let late = channels.claim(hurried().lease).await.unwrap().expect("a step");
    bench.leases_end().await;
    let channel = bench.channel_of(&auction).await;
    // The late one made a second channel and wants to note it.
    let tags = json!({ "gavel:deployment": DEPLOYMENT, "gavel:slot": late.slot.to_string() });
    let name = format!("gavel-{}", late.slot);
    let made = bench.fake.operate("CreateChannel", &json!({ "name": name, "tags": tags }));
    let second = Made {
        arn: made["channel"]["arn"].as_str().unwrap().to_owned(),
        ingest_endpoint: "somewhere".to_owned(),
        playback_url: "https://somewhere".to_owned(),
    };
    assert!(!channels.made(late.slot, &second).await.unwrap(), "it comes too late");
    assert_eq!(channels.of(&auction.id).await.unwrap(), Some(channel.clone()));
    let arns = vec![arn(&channel)];
    bench.work_until("the second one goes", |rows, there| rows.len() == 1 && there == arns).await;
}

#[tokio::test]
async fn the_sweep_finds_orphans_both_ways_and_touches_nobody_elses() {
    let bench = Bench::start().await;
    let auction = bench.auction(false).await;
    let lost = bench.channel_of(&auction).await;
    let make = |deployment: &str| {
        let tags =
            json!({ "gavel:deployment": deployment, "gavel:slot": Uuid::now_v7().to_string() });
        let made = bench.fake.operate("CreateChannel", &json!({ "name": "x", "tags": tags }));
        made["channel"]["arn"].as_str().unwrap().to_owned()
    };
    let (orphan, theirs) = (make(DEPLOYMENT), make("another"));
    bench.fake.go_live(&orphan, true);
    bench.fake.operate("DeleteChannel", &json!({ "arn": arn(&lost) }));

    bench.work_until("swept", |rows, arns| rows.len() == 1 && !arns.contains(&orphan)).await;
    let found = bench.channel_of(&auction).await;
    assert_ne!(found.slot, lost.slot, "the auction got another one");
    let mut expected = vec![theirs, arn(&found)];
    expected.sort();
    assert_eq!(bench.arns(), expected);
}
