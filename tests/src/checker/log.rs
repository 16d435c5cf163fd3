//! The clients' own log: every request, when it left, when its answer came, and what it said.
//!
//! It notes what was seen and judges nothing. Times are of one steady clock in this process, so they
//! order requests of all clients; nothing here asks for the time of day.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::evidence::{Act, Answer, BidCall, Deed, Read, Receipt, Span};
use crate::{Bidder, Client, Reply};

/// What the clients of one auction saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Bids sent.
    pub bids: Vec<BidCall>,
    /// Looks at the state.
    pub reads: Vec<Read>,
    /// What the seller did that changed the auction; places are filled in later.
    pub acts: Vec<Act>,
    /// Requests that were not served, and what came instead of an answer.
    pub unserved: Vec<String>,
}

/// The log of a run.
#[derive(Debug)]
pub struct Log {
    began: Instant,
    auctions: Mutex<BTreeMap<String, Seen>>,
}

/// What a bidder asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its idempotency key.
    pub key: String,
    /// What is offered.
    pub amount: u64,
    /// The maximum, if one is given.
    pub max: Option<u64>,
}

impl Default for Log {
    fn default() -> Self {
        Self { began: Instant::now(), auctions: Mutex::default() }
    }
}

impl Log {
    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn note(&self, auction: &str, write: impl FnOnce(&mut Seen)) {
        let mut auctions = self.auctions.lock().unwrap_or_else(PoisonError::into_inner);
        write(auctions.entry(auction.to_owned()).or_default());
    }

    /// The answer, unless it says that the request was not, or not certainly, served; that is noted.
    fn served(&self, auction: &str, request: &str, reply: Result<Reply>) -> Option<Reply> {
        let why = match reply {
            Ok(reply) if !not_served(&reply) => return Some(reply),
            Ok(Reply { status, body, .. }) => format!("{request}: {status} {body}"),
            Err(error) => format!("{request}: {error:#}"),
        };
        self.note(auction, |seen| seen.unserved.push(why));
        None
    }

    /// What was seen of one auction so far.
    #[must_use]
    pub fn seen(&self, auction: &str) -> Seen {
        let auctions = self.auctions.lock().unwrap_or_else(PoisonError::into_inner);
        auctions.get(auction).cloned().unwrap_or_default()
    }

    /// Places a bid and notes what came of it.
    pub async fn bid(&self, edge: &Client, auction: &str, who: &Bidder, offer: &Offer) -> Answer {
        let path = format!("/v1/auctions/{auction}/bids");
        let mut body = json!({"amount": offer.amount});
        if let Some(max) = offer.max {
            body["max"] = json!(max);
        }
        let sent_us = self.now_us();
        let reply = edge.post(&path, &who.token, &offer.key, &body).await;
        let span = Span { sent_us, received_us: self.now_us() };
        let reply = self.served(auction, "bid", reply);
        let answer = reply.map_or(Answer::Unknown, |reply| answer(&reply));
        let call = BidCall {
            span,
            bidder: who.subject.clone(),
            key: offer.key.clone(),
            amount: offer.amount,
            max: offer.max.unwrap_or(offer.amount),
            answer: answer.clone(),
        };
        self.note(auction, |seen| seen.bids.push(call));
        answer
    }

    /// Looks at the live state; none when it could not be served.
    ///
    /// # Errors
    /// When the answer is not a state.
    pub async fn look(&self, edge: &Client, auction: &str) -> Result<Option<Read>> {
        let sent_us = self.now_us();
        let reply = edge.get(&format!("/v1/auctions/{auction}/state"), "").await;
        let span = Span { sent_us, received_us: self.now_us() };
        let Some(reply) = self.served(auction, "look", reply) else { return Ok(None) };
        let read = read(span, &reply.body).with_context(|| format!("not a state: {reply:?}"))?;
        self.note(auction, |seen| seen.reads.push(read.clone()));
        Ok(Some(read))
    }

    /// Does something as the seller, again and again until it is answered. Says whether it was done:
    /// not where the auction was over before.
    ///
    /// # Errors
    /// When it is refused for another reason.
    pub async fn act(
        &self,
        edge: &Client,
        auction: &str,
        who: &Bidder,
        deed: Deed,
    ) -> Result<bool> {
        let name = format!("{deed:?}").to_lowercase();
        let path = format!("/v1/auctions/{auction}/{name}");
        let sent_us = self.now_us();
        let requests = AtomicU32::new(0);
        let reply = crate::eventually(
            &name,
            crate::WITHIN,
            || async {
                requests.fetch_add(1, Ordering::Relaxed);
                Ok(self.served(auction, &name, edge.act(&path, &who.token).await))
            },
            Option::is_some,
        )
        .await?
        .context("there is an answer")?;
        if reply.code() == "auction-closed" {
            return Ok(false);
        }
        anyhow::ensure!(reply.status == 200, "{name}: {reply:?}");
        let span = Span { sent_us, received_us: self.now_us() };
        let live = reply.body["status"] == "live";
        let ends_at = millis(&reply.body["ends_at"]).filter(|_| live);
        let repeated = requests.into_inner() > 1;
        let act = Act { span, deed, position: 0, repeated, ends_at };
        self.note(auction, |seen| seen.acts.push(act));
        Ok(true)
    }
}

/// Whether an answer says that the request was not, or not certainly, served.
fn not_served(reply: &Reply) -> bool {
    matches!(reply.status, 429 | 502 | 503 | 504) || !reply.header("retry-after").is_empty()
}

fn answer(reply: &Reply) -> Answer {
    let code = || {
        if reply.code().is_empty() { format!("{}", reply.body) } else { reply.code().to_owned() }
    };
    match (reply.status, receipt(&reply.body)) {
        (status @ (200 | 201), Some(receipt)) => {
            Answer::Accepted { repeated: status == 200, receipt }
        }
        (status, _) => {
            let named = ["minimum", "maximum"].into_iter();
            let bound = named.filter_map(|name| reply.body[name].as_u64()).next();
            Answer::Refused { status, code: code(), bound }
        }
    }
}

fn receipt(body: &Value) -> Option<Receipt> {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let number = |name: &str| body[name].as_u64();
    Some(Receipt {
        bid_id: text("bid_id")?,
        seq: number("seq")?,
        status: text("status")?,
        amount: number("amount")?,
        price: number("price")?,
        minimum_next: number("minimum_next"),
        buy_now_open: body["buy_now_open"].as_bool()?,
        ends_at: millis(&body["ends_at"])?,
        extended: body["extended"].as_bool()?,
        acknowledged: text("acknowledged")?,
    })
}

fn read(span: Span, body: &Value) -> Option<Read> {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let number = |name: &str| body[name].as_u64();
    Some(Read {
        span,
        status: text("status")?,
        price: number("price"),
        leader: text("leader"),
        minimum_next: number("minimum_next"),
        buy_now_open: body["buy_now_open"].as_bool()?,
        ends_at: millis(&body["ends_at"]),
        server_time: millis(&body["server_time"])?,
        seq: number("seq")?,
        bid_count: number("bid_count")?,
        extensions: number("extensions")?,
        has_reserve: body["has_reserve"].as_bool()?,
        reserve_met: body["reserve_met"].as_bool(),
        outcome: text("outcome"),
    })
}

/// Milliseconds since 1970 of a time in an answer.
fn millis(time: &Value) -> Option<u64> {
    let at = OffsetDateTime::parse(time.as_str()?, &Rfc3339).ok()?;
    u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}
