//! Running schemathesis against the edge, with things to ask about.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gavel_local::paths;
use gavel_tests::world::{Bidder, key};
use gavel_tests::{World, eventually};
use serde_json::{Value, json};
use tokio::process::Command;

use super::CONTRACT;
use crate::messages::link_token;

/// How long it may take: about 15 s on two idle cores, twenty times as long where ten others want them;
/// these tests are ended after 15 minutes.
const WITHIN: Duration = Duration::from_secs(800);
/// Idempotency keys to choose from: enough that few requests meet one with another body.
const KEYS: usize = 500;
/// An auction that does not exist.
const NOWHERE: &str = "use1_01928e2c-7f3e-7abc-8def-0123456789ab";

/// Names and values of what schemathesis may ask about.
pub(super) struct Things(Vec<(&'static str, Vec<String>)>);

/// Makes auctions and bids of every kind, for `bidders[0]` to ask about.
pub(super) async fn things(world: &World) -> Result<Things> {
    // The first of each is what schemathesis takes when something else is in question.
    let (mut auctions, mut bids) = (Vec::new(), Vec::new());
    for changes in [
        json!({"description": "A line.\nAnd another.", "reserve_price": 5_000}),
        json!({"bid_ceiling": 100_000, "category": "art"}),
        json!({"buy_now_price": 1_000, "image_urls": ["https://example.com/a.jpg"]}),
    ] {
        let auction = world.live_auction(long(changes)).await?;
        for (bidder, amount) in [(0, 100), (1, 200), (0, 300)] {
            bids.push(place(world, &auction, &world.bidders[bidder], amount).await?);
        }
        auctions.push(auction);
    }
    for action in ["pause", "close", "cancel"] {
        let auction = world.live_auction(long(json!({}))).await?;
        place(world, &auction, &world.bidders[0], 100).await?;
        act(world, &auction, action, &world.seller).await?;
        auctions.push(auction);
    }
    let (driven, ended) = (to_drive(world).await?, to_drive(world).await?);
    let scheduled = to_drive(world).await?.into_iter().skip(1).step_by(2).collect();
    auctions.extend([driven[0].clone(), world.auction(json!({"category": "art"})).await?]);
    let (chatted, messages) = chat(world).await?;
    bids.push(format!("{NOWHERE}_{}", "0".repeat(32)));
    let (shown, own) = to_watch(world, &auctions).await?;
    auctions.push(NOWHERE.to_owned());
    let keys = (0..KEYS).map(|_| key()).collect();
    Ok(Things(vec![
        ("bidden", auctions[..4].to_vec()),
        ("auctions", auctions),
        ("bids", bids),
        ("tokens", vec![link_token(world).await?]),
        ("chatted", vec![chatted]),
        ("messages", messages),
        ("driven", driven),
        ("ended", ended),
        ("scheduled", scheduled),
        ("shown", shown),
        ("own", own),
        ("keys", keys),
    ]))
}

/// Places a bid as an app does, which asks again under the same key after a 503. Gives its id.
async fn place(world: &World, auction: &str, bidder: &Bidder, amount: u64) -> Result<String> {
    let key = key();
    let ask = || world.bid_as(auction, bidder, &key, amount);
    let placed = eventually("a bid's answer", WITHIN, ask, |reply| reply.status != 503).await?;
    ensure!(matches!(placed.status, 200 | 201), "no bid: {placed:?}");
    Ok(text(&placed.body["bid_id"]))
}

/// Auctions of `bidders[0]`, scheduled and live, and one that is not theirs to drive.
async fn to_drive(world: &World) -> Result<Vec<String>> {
    let asker = &world.bidders[0];
    let mut auctions = Vec::new();
    for number in 0..8 {
        let body = long(json!({"title": "A chair", "starting_price": 100}));
        let made = world.edge.post("/v1/auctions", &asker.token, &key(), &body).await?;
        ensure!(made.status == 201, "not made: {made:?}");
        let auction = text(&made.body["id"]);
        if number % 2 == 0 {
            act(world, &auction, "open", asker).await?;
        }
        auctions.push(auction);
    }
    auctions.push(world.live_auction(long(json!({}))).await?);
    Ok(auctions)
}

/// An auction of `bidders[0]` in whose chat somebody else wrote, and what they wrote.
async fn chat(world: &World) -> Result<(String, Vec<String>)> {
    let body = long(json!({"title": "A chair", "starting_price": 100}));
    let made = world.edge.post("/v1/auctions", &world.bidders[0].token, &key(), &body).await?;
    ensure!(made.status == 201, "not made: {made:?}");
    let auction = text(&made.body["id"]);
    let (path, mut messages) = (format!("/v1/auctions/{auction}/chat"), Vec::new());
    for number in 0..4 {
        let body = json!({"text": format!("message {number}")});
        let said = world.edge.post(&path, &world.bidders[1].token, &key(), &body).await?;
        ensure!(said.status == 201, "not said: {said:?}");
        messages.push(text(&said.body["message_id"]));
    }
    Ok((auction, messages))
}

/// Auctions whose channel is there: everybody's, and a private one of `bidders[0]`, who sends to that.
async fn to_watch(world: &World, auctions: &[String]) -> Result<(Vec<String>, Vec<String>)> {
    let asker = &world.bidders[0];
    let private = long(json!({"title": "A vase", "starting_price": 100, "private": true}));
    let private = world.edge.post("/v1/auctions", &asker.token, &key(), &private).await?;
    let own = text(&private.body["id"]);
    let mut shown = auctions[..2].to_vec();
    shown.push(own.clone());
    // Whatever may be asked about must have its channel by then, or an honest 503 counts as a fault.
    for auction in auctions.iter().chain([&own]) {
        let path = format!("/v1/auctions/{auction}/playback");
        let look = || world.edge.get(&path, &asker.token);
        eventually("a channel", WITHIN, look, |reply| matches!(reply.status, 200 | 409)).await?;
    }
    shown.extend([auctions[4].clone(), NOWHERE.to_owned()]);
    // Asked for one's own it takes turns at IVS: others' are refused at once.
    Ok((shown, vec![own, auctions[0].clone(), auctions[1].clone(), NOWHERE.to_owned()]))
}

async fn act(world: &World, auction: &str, action: &str, who: &Bidder) -> Result<()> {
    let path = format!("/v1/auctions/{auction}/{action}");
    let done = world.edge.act(&path, &who.token).await?;
    ensure!(done.status == 200, "{action} failed: {done:?}");
    Ok(())
}

/// `changes`, and so long that nothing ends while it is asked about.
fn long(mut changes: Value) -> Value {
    changes["duration_s"] = json!(3_600);
    changes
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Has schemathesis ask everything as `asker`; as nobody, only what nobody may ask. Fails with its
/// report when an answer does not keep the contract, or when an operation never did what it is for.
pub(super) async fn run(world: &World, things: &Things, asker: Option<&Bidder>) -> Result<()> {
    let program = paths::local_dir().join("venv/schemathesis/bin/schemathesis");
    ensure!(program.is_file(), "schemathesis is not installed: run `infra/local/install test`");
    let folder = world.stack.logs().join("schemathesis");
    std::fs::create_dir_all(&folder)?;
    let (config, report) = (folder.join("schemathesis.toml"), folder.join("report.json"));
    std::fs::write(&config, settings(things, asker)?)?;
    let mut command = Command::new(program);
    command.arg("--config-file").arg(&config).args(["run", "--no-color"]);
    if let Some(asker) = asker {
        command.env("GAVEL_TOKEN", &asker.token);
    } else {
        command.args([
            "--include-method",
            "GET",
            "--exclude-path-regex",
            "^/v1/(me|bids)(/|$)|/ingest$",
        ]);
    }
    command.arg("--report-json-path").arg(&report);
    command.arg(format!("{}{CONTRACT}", world.stack.settings.edge_url));
    command.current_dir(&folder).kill_on_drop(true);
    let output = tokio::time::timeout(WITHIN, command.output()).await;
    let output = output.context("schemathesis takes too long")??;
    let told = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the contract is not kept:\n{told}\n{complaints}\nThe worker's warnings:\n{}",
        warnings(world)?
    );
    every_operation_succeeded(&report)
}

/// Why the worker did not serve what it did not serve.
fn warnings(world: &World) -> Result<String> {
    let log = std::fs::read_to_string(world.stack.logs().join("workers.log"))?;
    let warnings = log.lines().filter(|line| !line.contains("\"level\":\"INFO\""));
    Ok(warnings.collect::<Vec<_>>().join("\n"))
}

/// The committed settings, with who asks and what there is.
fn settings(things: &Things, asker: Option<&Bidder>) -> Result<String> {
    let committed = "tests/tests/end_to_end/contract/schemathesis.toml";
    let mut text = std::fs::read_to_string(paths::checkout().join(committed))?;
    if asker.is_some() {
        text.push_str("\n[auth.openapi.cognito]\nbearer = \"${GAVEL_TOKEN}\"\n");
    }
    for (name, values) in &things.0 {
        // A list of plain texts is written the same in JSON and TOML.
        writeln!(text, "\n[dictionaries.{name}]\nvalues = {}", json!(values))?;
    }
    Ok(text)
}

/// Without this, answering 404 to everything would keep the contract, too.
fn every_operation_succeeded(report: &Path) -> Result<()> {
    let report: Value = serde_json::from_slice(&std::fs::read(report)?)?;
    let rates = report["valid_rates"].as_object().context("no rates in the report")?;
    ensure!(!rates.is_empty(), "nothing was asked");
    for (operation, phases) in rates {
        let phases = phases.as_object().into_iter().flat_map(serde_json::Map::values);
        let accepted: u64 = phases.filter_map(|phase| phase["accepted"].as_u64()).sum();
        ensure!(accepted > 0, "{operation} never succeeded: {rates:#?}");
    }
    Ok(())
}
