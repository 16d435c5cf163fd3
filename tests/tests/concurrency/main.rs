//! A crowd of bidders on three workers at once, and afterwards a checker that believes nobody.
//!
//! What the crowd does is drawn from a seed that a failure prints; in which order it all arrives is
//! up to the machine, so every run is another one. The checker reads only DynamoDB, PostgreSQL and the
//! clients' log.

mod bidder;
mod crowd;
mod lots;
mod stunts;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use gavel_local::Service;
use gavel_tests::checker::evidence::{Answer, Evidence};
use gavel_tests::checker::{gather, verify};
use gavel_tests::eventually;

use crate::crowd::Crowd;
use crate::lots::Lot;

/// How many people bid.
const BIDDERS: usize = 240;
/// At what leisure lots are played, one after the other: how many times as long as a quick machine
/// needs. What was not seen is played again, at more leisure; what is never seen is a fault, however
/// busy the machine is.
const LEISURES: [u32; 3] = [1, 3, 8];
/// Requests that a run is to have made; less prove little.
const REQUESTS_MIN: usize = 600;
/// Bids that are to have been accepted; less prove little.
const ACCEPTED_MIN: usize = 60;
/// Bids that are accepted between the return of a worker and the death of the next.
const BIDS_BETWEEN_KILLS: usize = 20;
/// How long these may take: at the most leisure a lot lasts a minute and a half.
const BETWEEN_KILLS_WITHIN: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_crowd_on_three_workers_leaves_no_fault_behind() -> Result<()> {
    let seed = fastrand::u64(..);
    calm(seed).await.with_context(|| format!("the seed was {seed}"))
}

#[tokio::test]
async fn a_crowd_leaves_no_fault_behind_while_workers_are_killed() -> Result<()> {
    let seed = fastrand::u64(..);
    stormy(seed).await.with_context(|| format!("the seed was {seed}"))
}

async fn calm(seed: u64) -> Result<()> {
    let crowd = Crowd::start(seed, BIDDERS).await?;
    let (mut tally, mut unseen) = (Tally::default(), BTreeMap::new());
    for leisure in LEISURES {
        let again = |lot: &Lot| !tally.is_enough() || unseen.contains_key(lot.name);
        let lots = crowd.lots(leisure, again).await?;
        play(&crowd, &lots).await?;
        for (lot, evidence) in lots.iter().zip(judge(&crowd, &lots, &mut tally).await?) {
            // Nothing was killed or cut off, so somewhere nobody was sent away.
            let unserved = crowd.log.seen(&lot.id).unserved.into_iter().next();
            let unserved = unserved.map(|first| format!("not served: {first}"));
            match stunts::unseen(lot, &evidence).or(unserved) {
                Some(what) => unseen.insert(lot.name, what),
                None => unseen.remove(lot.name),
            };
        }
        if tally.is_enough() && unseen.is_empty() {
            return crowd.world.stack.stop().await;
        }
        println!("at leisure {leisure}: {tally:?}, not seen: {unseen:#?}");
    }
    bail!("never seen, not even at leisure: {tally:?}, {unseen:#?}")
}

/// One worker after the other is killed and comes back, while everybody bids.
async fn stormy(seed: u64) -> Result<()> {
    let mut crowd = Crowd::start(seed, BIDDERS / 2).await?;
    let mut workers = std::mem::take(&mut crowd.world.stack.workers);
    let (mut tally, mut killed) = (Tally::default(), 0);
    for leisure in LEISURES {
        let lots = crowd.lots(leisure, |_| true).await?;
        let (played, hit) = futures::join!(play(&crowd, &lots), storm(&mut workers, &lots));
        played?;
        killed = hit?;
        judge(&crowd, &lots, &mut tally).await?;
        if tally.is_enough() && killed == workers.len() {
            crowd.world.stack.workers = workers;
            return crowd.world.stack.stop().await;
        }
        println!("at leisure {leisure}: {tally:?}, {killed} killed in time");
    }
    bail!("never enough, not even at leisure: {tally:?}, {killed} killed in time")
}

/// Kills each and starts it again. Gives the number of those killed while a lot was open.
async fn storm(workers: &mut [Service], lots: &[Lot]) -> Result<usize> {
    let mut hit = 0;
    let accepted = || lots.iter().map(Lot::accepted).sum::<usize>();
    for worker in workers {
        let before = accepted();
        let look = async || Ok((accepted() - before, lots.iter().all(Lot::is_over)));
        let go_on = |(bids, over): &(usize, bool)| *bids >= BIDS_BETWEEN_KILLS || *over;
        eventually("bids between kills", BETWEEN_KILLS_WITHIN, look, go_on).await?;
        worker.kill().await?;
        hit += usize::from(!lots.iter().all(Lot::is_over));
        worker.start().await?;
    }
    Ok(hit)
}

/// Everybody bids and the seller drives, until every lot is over and every request is settled.
async fn play(crowd: &Crowd, lots: &[Lot]) -> Result<()> {
    try_join_all(lots.iter().map(|lot| crowd.play(lot))).await.map(drop)
}

/// How much there was of it all.
#[derive(Debug, Default)]
struct Tally {
    requests: usize,
    accepted: usize,
}

impl Tally {
    fn is_enough(&self) -> bool {
        self.requests >= REQUESTS_MIN && self.accepted >= ACCEPTED_MIN
    }
}

/// Gathers the evidence of every lot and has it checked.
async fn judge(crowd: &Crowd, lots: &[Lot], tally: &mut Tally) -> Result<Vec<Evidence>> {
    let stack = &crowd.world.stack;
    let evidence =
        try_join_all(lots.iter().map(|lot| gather::gather(stack, &crowd.log, &lot.id))).await?;
    let mut faults = String::new();
    for (lot, evidence) in lots.iter().zip(&evidence) {
        println!("{:<9} {}", lot.name, brief(evidence));
        if let Err(finding) = verify(evidence) {
            faults.push_str(&format!("\n{}: {finding}", lot.name));
        }
        tally.requests += evidence.bids.len() + evidence.reads.len() + evidence.acts.len();
        tally.accepted += evidence.rows.len();
    }
    ensure!(faults.is_empty(), "{faults}");
    println!("in all    {tally:?}");
    Ok(evidence)
}

/// What happened, in one line.
fn brief(evidence: &Evidence) -> String {
    let of = |wanted: fn(&Answer) -> bool| {
        evidence.bids.iter().filter(|bid| wanted(&bid.answer)).count()
    };
    let extended = evidence.rows.iter().filter(|row| row.extended).count();
    format!(
        "{:>5} bids sent: {} accepted, {} repeated, {} refused, {} unanswered; {} looks; end moved \
         {extended} times; {}",
        evidence.bids.len(),
        evidence.rows.len(),
        of(|answer| matches!(answer, Answer::Accepted { repeated: true, .. })),
        of(|answer| matches!(answer, Answer::Refused { .. })),
        of(|answer| *answer == Answer::Unknown),
        evidence.reads.len(),
        evidence.ending.outcome.as_deref().unwrap_or("open"),
    )
}
