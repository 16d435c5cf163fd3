//! `gavel-local smoke`: one auction through everything, and every trace it must have left.
//!
//! Speaks to the running stack as a client does, through the edge, and then looks into PostgreSQL and
//! DynamoDB with its own eyes. Invariant: exit code 0 only if every accepted bid was found, once,
//! under both keys, and the winner is the highest bidder.

mod api;
mod traces;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gavel_local::aws::Clients;
use gavel_local::progress::Progress;
use gavel_local::{Settings, paths, provision};
use reqwest::StatusCode;
use serde_json::{Value, json};

use api::{Api, Caller};

/// How long the auction lasts, in seconds. Long enough to bid, short enough to watch.
const DURATION_S: u64 = 15;

/// How many bids are placed, in turns.
const BIDS: usize = 6;

/// How long after its end the auction may take to be closed and its result written.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// A bid the edge accepted, as its answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) seq: i64,
    pub(crate) bid_id: String,
    pub(crate) amount: i64,
    pub(crate) bidder: String,
}

pub(crate) async fn run() -> Result<()> {
    let since = Instant::now();
    let settings = Settings::read(&paths::local_dir().join("stack.env"))?;
    let clients = Clients::new(&settings.aws_endpoint_url);
    let api = Api::new(&settings.edge_url)?;
    let say = Progress::Print;
    println!("One auction through {}", settings.edge_url);

    let sign_in = sign_in_all(&clients, &settings);
    let [seller, first, second] = say.step("seller and two bidders sign in", sign_in).await?;
    let id = say.step("the seller creates an auction", create(&api, &seller)).await?;
    println!("    {id}");
    say.step("and opens it", open(&api, &seller, &id)).await?;
    let opened = Instant::now();

    let mut accepted: Vec<Accepted> = Vec::new();
    let mut amount = 10_000;
    for turn in 0..BIDS {
        let (bidder, name) = if turn % 2 == 0 { (&first, "first") } else { (&second, "second") };
        let what = format!("the {name} bidder bids {}.{:02}", amount / 100, amount % 100);
        let (bid, next) = say.step(&what, bid(&api, bidder, &id, amount)).await?;
        ensure!(bid.seq == i64::try_from(turn)? + 1, "bid {} has the number {}", turn + 1, bid.seq);
        accepted.push(bid);
        amount = next;
    }
    let last = accepted.last().context("there was a bid")?.clone();
    say.step("a bid that is too low is refused", refuse(&api, &first, &id, last.amount)).await?;
    let repeat = repeat(&api, &second, &id, &last);
    say.step("a repeated request gets the first answer again", repeat).await?;

    let close = wait_for_close(&api, &id, opened);
    say.step("the auction closes by itself", close).await?;
    let winner = traces::winner(&settings.database_url, &id, &last);
    say.step("PostgreSQL names the winner and the price", winner).await?;
    let history = traces::by_auction(&clients.dynamodb, &settings.bids_table, &id, &accepted);
    say.step("DynamoDB has every bid under the auction", history).await?;
    for (name, bidder) in [("first", &first), ("second", &second)] {
        let own: Vec<_> = accepted.iter().filter(|b| b.bidder == bidder.subject).cloned().collect();
        let (client, table) = (&clients.dynamodb, &settings.bids_table);
        let found = traces::by_bidder(client, table, &id, &bidder.subject, &own);
        say.step(&format!("and the {name} bidder's {} under the bidder", own.len()), found).await?;
    }
    println!(
        "All is well: {BIDS} bids, won at {}.{:02}, in {:.1} s.",
        last.amount / 100,
        last.amount % 100,
        since.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn sign_in_all(clients: &Clients, settings: &Settings) -> Result<[Caller; 3]> {
    let Settings { app_client_id, password, .. } = settings;
    let sign_in = async |account: &str| {
        let tokens = provision::sign_in(&clients.cognito, app_client_id, account, password).await?;
        Ok::<_, anyhow::Error>(Caller { subject: tokens.subject()?, token: tokens.access })
    };
    let (seller, first, second) = tokio::try_join!(
        sign_in(&settings.seller),
        sign_in(&settings.bidder_1),
        sign_in(&settings.bidder_2),
    )?;
    Ok([seller, first, second])
}

async fn create(api: &Api, seller: &Caller) -> Result<String> {
    let auction = json!({
        "title": "Smoke test",
        "currency": "USD",
        "starting_price": 10_000,
        "increments": [{"from": 0, "step": 500}],
        "duration_s": DURATION_S,
        // A window this short is over before the last bid, so the end stays where it is.
        "soft_close": {"window_s": 1, "extension_s": 1, "max_extensions": 1},
    });
    let made = api.post(seller, "/v1/auctions", None, Some(&auction)).await?;
    Ok(made.expect(StatusCode::CREATED)?["id"]
        .as_str()
        .context("the auction has no id")?
        .to_owned())
}

async fn open(api: &Api, seller: &Caller, id: &str) -> Result<()> {
    let opened = api.post(seller, &format!("/v1/auctions/{id}/open"), None, None).await?;
    ensure!(opened.status.is_success(), "{opened}");
    Ok(())
}

/// Places a bid; returns it with the least the next one must be.
async fn bid(api: &Api, bidder: &Caller, id: &str, amount: i64) -> Result<(Accepted, i64)> {
    let path = format!("/v1/auctions/{id}/bids");
    let key = format!("smoke-{id}-{amount}");
    let answer = api.post(bidder, &path, Some(&key), Some(&json!({"amount": amount}))).await?;
    let body = answer.expect(StatusCode::CREATED)?;
    ensure!(body["status"] == "leading" && body["price"] == amount, "not leading: {body}");
    let number = |name: &str| body[name].as_i64().with_context(|| format!("no {name} in {body}"));
    let accepted = Accepted {
        seq: number("seq")?,
        bid_id: body["bid_id"].as_str().context("no bid_id")?.to_owned(),
        amount: number("amount")?,
        bidder: bidder.subject.clone(),
    };
    Ok((accepted, number("minimum_next")?))
}

async fn refuse(api: &Api, bidder: &Caller, id: &str, amount: i64) -> Result<()> {
    let path = format!("/v1/auctions/{id}/bids");
    let answer = api.post(bidder, &path, None, Some(&json!({"amount": amount}))).await?;
    let body = answer.expect(StatusCode::CONFLICT)?;
    ensure!(body["code"] == "bid-too-low", "another code than bid-too-low: {body}");
    ensure!(body["minimum"].as_i64() > Some(amount), "no minimum above {amount}: {body}");
    Ok(())
}

async fn repeat(api: &Api, bidder: &Caller, id: &str, last: &Accepted) -> Result<()> {
    let path = format!("/v1/auctions/{id}/bids");
    let key = format!("smoke-{id}-{}", last.amount);
    let bid = json!({"amount": last.amount});
    let answer = api.post(bidder, &path, Some(&key), Some(&bid)).await?;
    let body = answer.expect(StatusCode::OK)?;
    ensure!(body["bid_id"] == last.bid_id.as_str(), "another bid was made: {body}");
    Ok(())
}

async fn wait_for_close(api: &Api, id: &str, opened: Instant) -> Result<()> {
    let until = opened + Duration::from_secs(DURATION_S) + CLOSE_WITHIN;
    loop {
        let state = api.get(&format!("/v1/auctions/{id}/state")).await?.expect(StatusCode::OK)?;
        if state["status"] == "closed" {
            ensure!(state["outcome"] == "sold", "closed, but not sold: {state}");
            ensure!(
                opened.elapsed() >= Duration::from_secs(DURATION_S - 1),
                "closed too early: {state}"
            );
            return Ok(());
        }
        if Instant::now() > until {
            bail!("still not closed {} s after its end: {}", CLOSE_WITHIN.as_secs(), brief(&state));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn brief(state: &Value) -> String {
    format!(
        "status {}, ends at {}, now {}",
        state["status"], state["ends_at"], state["server_time"]
    )
}
