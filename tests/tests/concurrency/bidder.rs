//! One bidder at one lot: bids, repeats, mistakes, and looks, until the lot is over.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use futures::future::join;
use gavel_tests::checker::evidence::Answer;
use gavel_tests::checker::log::{Log, Offer};
use gavel_tests::{Bidder, Client, WITHIN, eventually};
use tokio::sync::Semaphore;

use crate::lots::Lot;

/// Longest time to think between two requests, in milliseconds.
const THINK_MS_MAX: u64 = 900;
/// Requests after the lot was found to be over, so that repeats after the end are among them.
const AFTER_THE_END: u32 = 3;

/// A bidder at a lot.
pub(crate) struct Player<'a> {
    who: &'a Bidder,
    lot: &'a Lot,
    rng: Rng,
    /// Whoever of the crowd wants to ask takes one of these.
    turns: &'a Semaphore,
    /// What they asked for so far.
    offers: Vec<Offer>,
    /// Which of it was never answered.
    open: Vec<Offer>,
    over: u32,
}

impl<'a> Player<'a> {
    pub(crate) fn new(who: &'a Bidder, lot: &'a Lot, rng: Rng, turns: &'a Semaphore) -> Self {
        Self { who, lot, rng, turns, offers: Vec::new(), open: Vec::new(), over: 0 }
    }

    /// Plays until the lot is over, then settles what was never answered.
    pub(crate) async fn play(mut self, edge: &Client, log: &Log) -> Result<()> {
        while self.over < AFTER_THE_END {
            let think = Duration::from_millis(self.rng.u64(0..THINK_MS_MAX));
            tokio::time::sleep(think).await;
            let _turn = self.turns.acquire().await?;
            match self.rng.u8(0..100) {
                0..10 => self.look(edge, log).await?,
                10..20 => {
                    if let Some(offer) = self.rng.choice(&self.offers).cloned() {
                        self.send(edge, log, offer).await;
                    }
                }
                20..25 => self.change_mind(edge, log).await,
                25..35 => {
                    // An impatient one: the same request twice at once.
                    let offer = self.offer();
                    let send = || log.bid(edge, &self.lot.id, self.who, &offer);
                    let (first, second) = join(send(), send()).await;
                    self.offers.push(offer.clone());
                    self.learn(&offer, &first);
                    self.learn(&offer, &second);
                }
                _ => {
                    let offer = self.offer();
                    self.offers.push(offer.clone());
                    self.send(edge, log, offer).await;
                }
            }
        }
        for offer in std::mem::take(&mut self.open) {
            let send = || async { Ok(log.bid(edge, &self.lot.id, self.who, &offer).await) };
            let answered = |answer: &Answer| *answer != Answer::Unknown;
            eventually("an answer to a repeat", WITHIN, send, answered).await?;
        }
        Ok(())
    }

    async fn look(&mut self, edge: &Client, log: &Log) -> Result<()> {
        if let Some(read) = log.look(edge, &self.lot.id).await? {
            self.lot.heard(read.minimum_next);
            if read.status == "closed" {
                self.lot.end();
                self.over += 1;
            }
        }
        Ok(())
    }

    async fn send(&mut self, edge: &Client, log: &Log, offer: Offer) {
        let answer = log.bid(edge, &self.lot.id, self.who, &offer).await;
        self.learn(&offer, &answer);
    }

    /// The key of an earlier request for another offer.
    async fn change_mind(&mut self, edge: &Client, log: &Log) {
        if let Some(Offer { key, .. }) = self.rng.choice(&self.offers).cloned() {
            let offer = Offer { key, ..self.offer() };
            self.send(edge, log, offer).await;
        }
    }

    /// Something between hopelessly low and far too high, most of it near the least next bid. A good
    /// third goes on top of what others have under way, or a crowd would mostly hear that it is late.
    fn offer(&mut self) -> Offer {
        let (minimum, rng) = (self.lot.minimum(), &mut self.rng);
        let amount = match rng.u16(0..1_000) {
            0..100 => rng.u64(1..=minimum),
            100..300 => minimum,
            300..600 => minimum + rng.u64(0..10) * 10,
            600..980 => self.lot.outbid(rng.u64(2..8) * 10),
            980..990 => self.lot.term("bid_ceiling").map_or(minimum, |ceiling| ceiling + 1),
            990..993 => self.lot.term("buy_now_price").unwrap_or(minimum),
            _ => minimum + 1,
        };
        let max = match rng.u8(0..10) {
            0..5 => None,
            5..9 => Some(amount + rng.u64(0..100) * 10),
            // A round maximum, as many have in mind: ties are frequent.
            _ => Some((amount / 1_000 + 1) * 1_000),
        };
        Offer { key: format!("{:032x}", rng.u128(..)), amount, max }
    }

    fn learn(&mut self, offer: &Offer, answer: &Answer) {
        self.lot.learn(answer);
        match answer {
            Answer::Unknown => self.open.push(offer.clone()),
            Answer::Refused { code, .. } => self.over += u32::from(code == "auction-closed"),
            Answer::Accepted { .. } => {}
        }
    }
}
