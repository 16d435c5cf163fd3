//! The rare acts of a run, by people who do nothing else: what a crowd might do, and might not.
//!
//! Each lot is there for a rule, and its stunt brings it about, unless the clock ends the lot first;
//! `unseen` says afterwards what did not come about. Nothing here says what must follow: that is the
//! checker's part.

use std::time::Duration;

use futures::future::join;
use gavel_tests::checker::evidence::{Answer, Deed, Evidence};
use gavel_tests::checker::log::{Log, Offer};
use gavel_tests::{Bidder, Client, WITHIN, eventually};

use crate::lots::Lot;

/// The amount that the reserve, the buy-now price, the ceiling or the top of its lot is about. No crowd
/// comes near the reserve by itself: once the price were beyond, nobody could be lifted to it.
pub(crate) const RESERVE: u64 = 500_000;
pub(crate) const BUY_NOW: u64 = 40_000;
pub(crate) const CEILING: u64 = 12_000;
pub(crate) const TOP: u64 = 50_000;
/// Where the last band of increments begins.
pub(crate) const LAST_BAND: u64 = 4_000;
/// How many bids of the crowd come first, where it does.
const CROWD_FIRST: usize = 5;
/// How long somebody waits who was refused.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// What somebody does at a lot besides its crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stunt {
    /// Nothing.
    None,
    /// Bids until the end was moved.
    MoveTheEnd,
    /// Leads with a maximum that reaches the reserve, at an amount that does not.
    ReachReserve,
    /// Bids into the last band.
    ReachLastBand,
    /// Buys it, twice at once, unless somebody has.
    Buy,
    /// Bids above the ceiling.
    ExceedCeiling,
    /// Two have the same maximum, above everybody else's.
    Tie,
    /// Bids when all the pauses are over.
    Return,
}

/// Somebody who does not give up.
pub(crate) struct Performer<'a> {
    pub(crate) who: &'a Bidder,
    pub(crate) lot: &'a Lot,
    pub(crate) edge: &'a Client,
    pub(crate) log: &'a Log,
}

impl Performer<'_> {
    /// Does what the lot needs. The second one is only needed for a tie.
    pub(crate) async fn perform(&self, second: &Performer<'_>) {
        let accepted = |answer: &Answer| matches!(answer, Answer::Accepted { .. });
        let moved = |answer: &Answer| matches!(answer, Answer::Accepted { receipt, .. } if receipt.extended);
        let above = |answer: &Answer| matches!(answer, Answer::Refused { code, .. } if code == "bid-above-ceiling");
        match self.lot.stunt {
            Stunt::None => {}
            Stunt::MoveTheEnd => self.insist(|minimum| (minimum + 50, None), moved).await,
            Stunt::ReachReserve => {
                self.after_some().await;
                self.insist(|minimum| (minimum + 50, Some(RESERVE + 500)), accepted).await;
            }
            Stunt::ReachLastBand => {
                self.after_some().await;
                self.insist(|minimum| (minimum.max(LAST_BAND), None), accepted).await;
            }
            Stunt::Buy => {
                self.after_some().await;
                self.insist(|minimum| (minimum.max(BUY_NOW), None), accepted).await;
            }
            Stunt::ExceedCeiling => self.insist(|_| (CEILING + 1, None), above).await,
            Stunt::Tie => {
                self.after_some().await;
                let top = |minimum| (minimum + 200, Some(TOP));
                self.insist(top, accepted).await;
                second.insist(top, accepted).await;
            }
            Stunt::Return => self.insist(|minimum| (minimum + 50, None), accepted).await,
        }
    }

    /// The crowd comes first, a little.
    async fn after_some(&self) {
        while self.lot.accepted() < CROWD_FIRST && !self.lot.is_over() {
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Asks, twice at once, until the answer is as wished or the lot is over.
    async fn insist(
        &self,
        offer: impl Fn(u64) -> (u64, Option<u64>),
        good: impl Fn(&Answer) -> bool,
    ) {
        for number in 0.. {
            let (amount, max) = offer(self.lot.minimum());
            let key = format!("{}-{number}", self.who.subject);
            let offer = Offer { key, amount, max };
            let (one, other) = join(self.settled(&offer), self.settled(&offer)).await;
            for answer in [&one, &other] {
                self.lot.learn(answer);
            }
            let over = |answer: &Answer| matches!(answer, Answer::Refused { code, .. } if code == "auction-closed");
            if good(&one) || good(&other) || over(&one) || over(&other) {
                return;
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// The answer to a request that is repeated until there is one.
    async fn settled(&self, offer: &Offer) -> Answer {
        let send = || async { Ok(self.log.bid(self.edge, &self.lot.id, self.who, offer).await) };
        let answered = |answer: &Answer| *answer != Answer::Unknown;
        let answer = eventually("an answer to a stunt", WITHIN, send, answered).await;
        answer.unwrap_or(Answer::Unknown)
    }
}

/// What of a lot did not come about of all that it is there for; nothing when all did.
pub(crate) fn unseen(lot: &Lot, evidence: &Evidence) -> Option<String> {
    let Evidence { rows, bids, ending, rules, acts, .. } = evidence;
    let seen = match lot.stunt {
        Stunt::None | Stunt::Return => true,
        Stunt::MoveTheEnd => rows.iter().any(|row| row.extended),
        // Lifted to the reserve by a maximum: the amount alone did not reach it.
        Stunt::ReachReserve => rows.iter().any(|row| row.price == RESERVE && row.amount < RESERVE),
        Stunt::ReachLastBand => rows.iter().any(|row| row.price >= LAST_BAND),
        Stunt::Buy => {
            ending.hammer_price == rules.buy_now
                && rows.iter().max_by_key(|row| row.seq).map(|row| row.price) == rules.buy_now
        }
        Stunt::ExceedCeiling => bids.iter().any(|bid| {
            matches!(&bid.answer, Answer::Refused { code, .. } if code == "bid-above-ceiling")
        }),
        Stunt::Tie => {
            ending.hammer_price == Some(TOP)
                && rows.iter().filter(|row| row.max == TOP).count() >= 2
        }
    };
    if !seen {
        return Some(format!("{:?} did not come about: {ending:?}", lot.stunt));
    }
    let outcome = ending.outcome.as_deref().unwrap_or_default();
    if outcome != lot.outcome {
        return Some(format!("{outcome}, not {}", lot.outcome));
    }
    let opening = usize::from(rules.opens_at.is_none());
    if acts.len() != opening + lot.script.len() {
        return Some(format!("not all was done: {acts:?}"));
    }
    if rows.is_empty() {
        return Some("nobody bid".to_owned());
    }
    let resumed = acts.iter().filter(|act| act.deed == Deed::Resume).map(|act| act.position).max();
    if resumed.is_some() && !rows.iter().any(|row| Some(row.position) > resumed) {
        return Some("nobody bid after the pause".to_owned());
    }
    None
}
