//! A crowd of bidders on three workers at once, and afterwards a checker that believes nobody.
//!
//! What the crowd does is drawn from a seed that a failure prints; in which order it all arrives is
//! up to the machine, so every run is another one. The checker reads only DynamoDB, PostgreSQL and the
//! clients' log.

mod bidder;
mod crowd;
mod lots;
mod stunts;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use gavel_tests::checker::evidence::{Answer, Evidence};
use gavel_tests::checker::{gather, verify};

use crate::crowd::Crowd;

/// How many people bid.
const BIDDERS: usize = 240;
/// Requests that a run must at least have made; a fifth of what two busy cores manage.
const REQUESTS_MIN: usize = 600;
/// Bids that must at least have been accepted.
const ACCEPTED_MIN: usize = 60;

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
    play(&crowd).await?;
    let evidence = judge(&crowd).await?;
    for (lot, evidence) in crowd.lots.iter().zip(&evidence) {
        // Nothing was killed or cut off, so nobody may have been sent away.
        let unserved = crowd.log.seen(&lot.id).unserved;
        ensure!(unserved.is_empty(), "{}: not served: {unserved:?}", lot.name);
        stunts::covered(lot, evidence)?;
    }
    crowd.world.stack.stop().await
}

/// One worker after the other is killed and comes back, while everybody bids.
async fn stormy(seed: u64) -> Result<()> {
    let mut crowd = Crowd::start(seed, BIDDERS / 2).await?;
    let mut workers = std::mem::take(&mut crowd.world.stack.workers);
    let storm = async {
        for worker in &mut workers {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            worker.kill().await?;
            worker.start().await?;
        }
        anyhow::Ok(())
    };
    let (played, storm) = futures::join!(play(&crowd), storm);
    crowd.world.stack.workers = workers;
    storm?;
    played?;
    judge(&crowd).await?;
    crowd.world.stack.stop().await
}

/// Everybody bids and the seller drives, until every lot is over and every request is settled.
async fn play(crowd: &Crowd) -> Result<()> {
    try_join_all(crowd.lots.iter().map(|lot| crowd.play(lot))).await.map(drop)
}

/// Gathers the evidence of every lot and has it checked.
async fn judge(crowd: &Crowd) -> Result<Vec<Evidence>> {
    let stack = &crowd.world.stack;
    let evidence =
        try_join_all(crowd.lots.iter().map(|lot| gather::gather(stack, &crowd.log, &lot.id)))
            .await?;
    let mut faults = String::new();
    for (lot, evidence) in crowd.lots.iter().zip(&evidence) {
        println!("{:<9} {}", lot.name, brief(evidence));
        if let Err(finding) = verify(evidence) {
            faults.push_str(&format!("\n{}: {finding}", lot.name));
        }
    }
    ensure!(faults.is_empty(), "{faults}");
    let count = |of: fn(&Evidence) -> usize| evidence.iter().map(of).sum::<usize>();
    let requests = count(|one| one.bids.len() + one.reads.len() + one.acts.len());
    let accepted = count(|one| one.rows.len());
    println!("in all    {requests} requests, {accepted} bids accepted");
    ensure!(requests >= REQUESTS_MIN, "only {requests} requests prove little");
    ensure!(accepted >= ACCEPTED_MIN, "only {accepted} accepted bids prove little");
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
