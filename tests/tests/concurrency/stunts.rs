//! The rare acts of a run, by people who do nothing else: what a crowd might do, and might not.
//!
//! Each lot is there for a rule; its stunt makes sure that the rule is met, however slow the machine
//! is, and `covered` says afterwards whether it was. Nothing here says what must follow: that is the
//! checker's part.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::join;
use gavel_tests::checker::evidence::{Answer, Deed, Evidence};
use gavel_tests::checker::log::{Log, Offer};
use gavel_tests::{Bidder, Client, eventually};

use crate::lots::Lot;

/// The amount that the reserve, the buy-now price, the ceiling or the top of its lot is about.
pub(crate) const RESERVE: u64 = 5_000;
pub(crate) const BUY_NOW: u64 = 40_000;
pub(crate) const CEILING: u64 = 12_000;
pub(crate) const TOP: u64 = 50_000;
/// Where the last band of increments begins.
pub(crate) const LAST_BAND: u64 = 4_000;
/// How long one request may stay unanswered.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);
/// How long somebody waits who was refused.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// What somebody does at a lot besides its crowd.
#[derive(Clone, Copy, Debug)]
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
        // The crowd comes first, a little.
        let crowd = || tokio::time::sleep(Duration::from_millis(1_500));
        match self.lot.stunt {
            Stunt::None => {}
            Stunt::MoveTheEnd => self.insist(|minimum| (minimum + 50, None), moved).await,
            Stunt::ReachReserve => {
                self.insist(|minimum| (minimum, Some(RESERVE + 500)), accepted).await;
            }
            Stunt::ReachLastBand => {
                crowd().await;
                self.insist(|minimum| (minimum.max(LAST_BAND), None), accepted).await;
            }
            Stunt::Buy => {
                crowd().await;
                self.insist(|minimum| (minimum.max(BUY_NOW), None), accepted).await;
            }
            Stunt::ExceedCeiling => self.insist(|_| (CEILING + 1, None), above).await,
            Stunt::Tie => {
                crowd().await;
                let top = |minimum| (minimum + 200, Some(TOP));
                self.insist(top, accepted).await;
                second.insist(top, accepted).await;
            }
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
        let answer = eventually("an answer to a stunt", SETTLED_WITHIN, send, answered).await;
        answer.unwrap_or(Answer::Unknown)
    }
}

/// Whether a lot saw what it is there for.
pub(crate) fn covered(lot: &Lot, evidence: &Evidence) -> Result<()> {
    let Evidence { rows, bids, ending, rules, acts, .. } = evidence;
    let seen = match lot.stunt {
        Stunt::None => true,
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
    ensure!(seen, "{}: {:?} did not come about: {ending:?}", lot.name, lot.stunt);
    let outcome = ending.outcome.as_deref().unwrap_or_default();
    ensure!(outcome == lot.outcome, "{}: {outcome}, not {}", lot.name, lot.outcome);
    let opening = usize::from(rules.opens_at.is_none());
    ensure!(acts.len() == opening + lot.script.len(), "{}: not all was done: {acts:?}", lot.name);
    ensure!(!rows.is_empty(), "{}: nobody bid", lot.name);
    if acts.iter().any(|act| act.deed == Deed::Resume) {
        let resumed = acts.iter().map(|act| act.position).max();
        let later = rows.iter().any(|row| Some(row.position) > resumed);
        ensure!(later, "{}: nobody bid after the pause", lot.name);
    }
    Ok(())
}
