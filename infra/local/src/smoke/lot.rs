//! One auction of the smoke test, and what is asked of it through the edge.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::api::{Api, Caller};

/// How long after its end the auction may take to be seen closed.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A bid the edge accepted, as its answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) auction: String,
    pub(super) seq: i64,
    pub(super) bid_id: String,
    pub(super) amount: i64,
    pub(super) bidder: String,
    pub(super) extended: bool,
    pub(super) ends_at: String,
}

/// What is bid, in cents.
#[derive(Clone, Copy)]
pub(super) struct Offer {
    amount: i64,
    max: i64,
}

impl Offer {
    pub(super) const fn plain(amount: i64) -> Self {
        Self { amount, max: amount }
    }

    pub(super) const fn up_to(amount: i64, max: i64) -> Self {
        Self { amount, max }
    }

    fn body(self) -> Value {
        json!({"amount": self.amount, "max": self.max})
    }
}

/// A live auction that starts at 100.00 with steps of 5.00.
pub(super) struct Lot<'a> {
    pub(super) id: String,
    api: &'a Api,
}

impl<'a> Lot<'a> {
    /// Creates and opens it, with `terms` on top.
    pub(super) async fn create(
        api: &'a Api,
        seller: &Caller,
        title: &str,
        terms: &Value,
    ) -> Result<Self> {
        let mut auction = json!({"title": title, "currency": "USD", "starting_price": 10_000,
                                 "increments": [{"from": 0, "step": 500}]});
        if let (Some(auction), Some(terms)) = (auction.as_object_mut(), terms.as_object()) {
            auction.extend(terms.clone());
        }
        let made = api.post(seller, "/v1/auctions", None, Some(&auction)).await?;
        let made = made.expect(StatusCode::CREATED)?;
        let id = made["id"].as_str().context("the auction has no id")?.to_owned();
        api.post(seller, &format!("/v1/auctions/{id}/open"), None, None)
            .await?
            .expect(StatusCode::OK)?;
        Ok(Self { id, api })
    }

    /// The offer takes the lead at `price`.
    pub(super) async fn leads(&self, by: &Caller, offer: Offer, price: i64) -> Result<Accepted> {
        self.accepts(by, offer, "leading", price).await
    }

    /// The offer is accepted, but a maximum given earlier beats it at `price`.
    pub(super) async fn is_outbid(
        &self,
        by: &Caller,
        offer: Offer,
        price: i64,
    ) -> Result<Accepted> {
        self.accepts(by, offer, "outbid", price).await
    }

    async fn accepts(
        &self,
        by: &Caller,
        offer: Offer,
        status: &str,
        price: i64,
    ) -> Result<Accepted> {
        let body = self.bid(by, offer).await?.expect(StatusCode::CREATED)?;
        ensure!(
            body["status"] == status && body["price"] == price,
            "not {status} at {price}: {body}"
        );
        accepted(&body, by)
    }

    /// The offer is too low: it would have to be `minimum`.
    pub(super) async fn refuses(&self, by: &Caller, offer: Offer, minimum: i64) -> Result<()> {
        let before = self.look().await?;
        let body = self.bid(by, offer).await?.expect(StatusCode::CONFLICT)?;
        ensure!(body["code"] == "bid-too-low", "another code than bid-too-low: {body}");
        ensure!(body["minimum"] == minimum, "another minimum than {minimum}: {body}");
        let after = self.look().await?;
        for field in ["price", "leader", "seq", "ends_at", "extensions"] {
            ensure!(before[field] == after[field], "{field} changed: {before} {after}");
        }
        Ok(())
    }

    /// The same request again is answered as the first time.
    pub(super) async fn repeats(&self, by: &Caller, offer: Offer, first: &Accepted) -> Result<()> {
        let body = self.bid(by, offer).await?.expect(StatusCode::OK)?;
        let again = accepted(&body, by)?;
        ensure!(again == *first, "another answer: {again:?} instead of {first:?}");
        Ok(())
    }

    /// A field of the live state is as it should be.
    pub(super) async fn state(&self, field: &str, expected: &Value) -> Result<()> {
        let state = self.look().await?;
        ensure!(state[field] == *expected, "{field} is not {expected}: {state}");
        Ok(())
    }

    /// It closes, sold, within about `remaining`.
    pub(super) async fn closes(&self, remaining: Duration) -> Result<()> {
        let until = Instant::now() + remaining + CLOSE_WITHIN;
        loop {
            let state = self.look().await?;
            if state["status"] == "closed" {
                ensure!(state["outcome"] == "sold", "closed, but not sold: {state}");
                return Ok(());
            }
            if Instant::now() > until {
                bail!("still not closed {} s after its end: {state}", CLOSE_WITHIN.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self) -> Result<Value> {
        let path = format!("/v1/auctions/{}/state", self.id);
        self.api.get(&path).await?.expect(StatusCode::OK)
    }

    async fn bid(&self, by: &Caller, offer: Offer) -> Result<super::api::Answer> {
        let path = format!("/v1/auctions/{}/bids", self.id);
        let key = format!("smoke-{}-{}", offer.amount, offer.max);
        self.api.post(by, &path, Some(&key), Some(&offer.body())).await
    }
}

fn accepted(body: &Value, by: &Caller) -> Result<Accepted> {
    let number = |name: &str| body[name].as_i64().with_context(|| format!("no {name} in {body}"));
    let text = |name: &str| {
        body[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {body}"))
    };
    Ok(Accepted {
        auction: text("auction_id")?,
        seq: number("seq")?,
        bid_id: text("bid_id")?,
        amount: number("amount")?,
        bidder: by.subject.clone(),
        extended: body["extended"].as_bool().context("no extended")?,
        ends_at: text("ends_at")?,
    })
}
