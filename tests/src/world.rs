//! A running stack with people in it: what nearly every end-to-end test begins with.

use std::future::Future;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use gavel_local::{Options, Settings, Stack};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Client, Reply};
use crate::wait::{WITHIN, eventually};

/// Rate limits that no test but those of the limits should meet.
const UNLIMITED: [(&str, &str); 6] = [
    ("user_rate_per_s", "100000"),
    ("user_burst", "100000"),
    ("address_rate_per_s", "100000"),
    ("address_burst", "100000"),
    ("failed_auth_rate_per_s", "100000"),
    ("failed_auth_burst", "100000"),
];

/// How long auctions last that say nothing of it, in seconds: longer than any test.
pub const DURATION_S: u64 = 3_600;

/// Somebody signed in.
#[derive(Clone, Debug)]
pub struct Bidder {
    /// Their access token, from Cognito.
    pub token: String,
    /// Their id.
    pub subject: String,
}

/// A stack, a client of its edge, and people.
pub struct World {
    /// The stack.
    pub stack: Stack,
    /// A client of the edge.
    pub edge: Client,
    /// Somebody who sells.
    pub seller: Bidder,
    /// Two who bid; [`World::add_bidders`] makes more.
    pub bidders: Vec<Bidder>,
}

impl World {
    /// The usual stack: one worker with all roles, the edge, no rate limits to speak of.
    ///
    /// # Errors
    /// When something does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(Options::for_tests()?).await
    }

    /// A stack of the test's own making.
    ///
    /// # Errors
    /// When something does not start.
    pub async fn start_with(mut options: Options) -> Result<Self> {
        for (name, value) in UNLIMITED {
            if !options.edge_variables.iter().any(|(asked, _)| asked == name) {
                options.edge_variables.push((name.to_owned(), value.to_owned()));
            }
        }
        let stack = Stack::start(options).await?;
        let Settings { seller, bidder_1, bidder_2, .. } = &stack.settings;
        let edge = Client::new(&stack.settings.edge_url)?;
        let [seller, first, second] =
            try_join_all([seller, bidder_1, bidder_2].map(|name| sign_in(&stack, name)))
                .await?
                .try_into()
                .map_err(|_| anyhow::anyhow!("three accounts sign in as three"))?;
        Ok(Self { stack, edge, seller, bidders: vec![first, second] })
    }

    /// Makes and signs in `count` more bidders.
    ///
    /// # Errors
    /// When Cognito refuses.
    pub async fn add_bidders(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let name = format!("extra-{}", self.bidders.len());
            self.stack.add_account(&name, &[]).await?;
            self.bidders.push(sign_in(&self.stack, &name).await?);
        }
        Ok(())
    }

    /// Creates an auction: start 100, step 10, [`DURATION_S`], with `changes` on top. Gives its id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn auction(&self, changes: Value) -> Result<String> {
        let mut body = json!({"title": "A watch", "starting_price": 100, "duration_s": DURATION_S,
                              "increments": [{"from": 0, "step": 10}]});
        if let (Some(body), Value::Object(changes)) = (body.as_object_mut(), changes) {
            body.extend(changes);
        }
        let (token, key) = (&self.seller.token, key());
        let made = served(|| self.edge.post("/v1/auctions", token, &key, &body)).await?;
        ensure!(matches!(made.status, 200 | 201), "not created: {made:?}");
        Ok(made.body["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Creates and opens an auction. Gives its id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn live_auction(&self, changes: Value) -> Result<String> {
        let auction = self.auction(changes).await?;
        let path = format!("/v1/auctions/{auction}/open");
        let opened = served(|| self.edge.act(&path, &self.seller.token)).await?;
        ensure!(opened.status == 200 && opened.body["status"] == "live", "not open: {opened:?}");
        Ok(auction)
    }

    /// Places a bid under a key of its own, and asks again after a 503.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn bid(&self, auction: &str, bidder: &Bidder, amount: u64) -> Result<Reply> {
        self.offer(auction, bidder, &json!({"amount": amount})).await
    }

    /// As [`Self::bid`], with a body of the test's own.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn offer(&self, auction: &str, bidder: &Bidder, offer: &Value) -> Result<Reply> {
        let (path, key) = (format!("/v1/auctions/{auction}/bids"), key());
        served(|| self.edge.post(&path, &bidder.token, &key, offer)).await
    }

    /// Places a bid under `key`, once.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn bid_as(
        &self,
        auction: &str,
        bidder: &Bidder,
        key: &str,
        amount: u64,
    ) -> Result<Reply> {
        let path = format!("/v1/auctions/{auction}/bids");
        self.edge.post(&path, &bidder.token, key, &json!({"amount": amount})).await
    }

    /// The live state.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn state(&self, auction: &str) -> Result<Value> {
        Ok(self.edge.get(&format!("/v1/auctions/{auction}/state"), "").await?.body)
    }

    /// Waits until the state of an auction is as wished.
    ///
    /// # Errors
    /// When it is not, in time.
    pub async fn until(
        &self,
        auction: &str,
        within: Duration,
        good: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        eventually("state", within, || self.state(auction), good).await
    }
}

/// The answer to a request that carries a key, or is harmless when it is repeated: as an app does, asks
/// again after a 503. A repeat's 200 is then the 201 that the first request was not told.
///
/// # Errors
/// When there is no answer, or still a 503 in the end.
pub async fn served<F: Future<Output = Result<Reply>>>(ask: impl Fn() -> F) -> Result<Reply> {
    let mut reply = ask().await?;
    if reply.status == 503 {
        reply = eventually("an answer", WITHIN, ask, |reply| reply.status != 503).await?;
        if reply.status == 200 && !reply.body["bid_id"].is_null() {
            reply.status = 201;
        }
    }
    Ok(reply)
}

/// A fresh idempotency key.
#[must_use]
pub fn key() -> String {
    Uuid::new_v4().to_string()
}

async fn sign_in(stack: &Stack, account: &str) -> Result<Bidder> {
    let tokens = stack.sign_in(account).await?;
    Ok(Bidder { subject: tokens.subject()?, token: tokens.access })
}
