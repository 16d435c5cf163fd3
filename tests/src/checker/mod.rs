//! An independent checker of an auction's whole history.
//!
//! It reads what DynamoDB, PostgreSQL and the clients' logs say, works out price, leader, end and winner
//! a second time from the rules (`rules.rs`), and reports whatever does not fit, with the smallest part
//! of the evidence that still shows it. Invariant: it never calls the rules of the code under test, and
//! what it cannot prove wrong it does not report.

mod anomaly;
mod claims;
mod clients;
mod ending;
mod ends;
pub mod evidence;
pub mod gather;
pub mod log;
mod replay;
mod rules;
mod shrink;
mod table;
mod timeline;

use std::fmt;

pub use self::anomaly::Anomaly;
pub use self::evidence::Evidence;
pub use self::rules::Forbidden;

/// Everything that is wrong, what is wrong with the history itself first.
#[must_use]
pub fn check(evidence: &Evidence) -> Vec<Anomaly> {
    let (states, mut anomalies) = replay::replay(evidence);
    let senders = timeline::senders(evidence);
    let timeline = timeline::Timeline::new(evidence, &states, &senders);
    anomalies.extend(ends::openings(evidence, &timeline));
    anomalies.extend(clients::check(evidence, &timeline, &senders));
    anomalies.extend(claims::order(evidence, &timeline, &senders));
    anomalies.extend(ending::check(evidence, &timeline));
    anomalies.extend(claims::refusals(evidence, &timeline));
    anomalies.extend(claims::reads(evidence, &timeline));
    anomalies
}

/// The first anomaly of a history, and the smallest part of the history that shows it.
#[derive(Debug)]
pub struct Finding {
    /// What is wrong.
    pub anomaly: Anomaly,
    /// How many more were found.
    pub more: usize,
    /// What is left of the evidence when everything is gone that the anomaly does not need.
    pub smallest: Evidence,
}

/// Checks a history.
///
/// # Errors
/// With the first anomaly, when there is one.
pub fn verify(evidence: &Evidence) -> Result<(), Box<Finding>> {
    let anomalies = check(evidence);
    let Some(anomaly) = anomalies.first().cloned() else { return Ok(()) };
    let smallest = shrink::smallest(evidence, &anomaly);
    Err(Box::new(Finding { anomaly, more: anomalies.len() - 1, smallest }))
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { anomaly, more, smallest } = self;
        writeln!(f, "{}: {anomaly} ({more} more, perhaps from it)", smallest.auction)?;
        write!(f, "{}", table::Table(smallest))
    }
}

impl std::error::Error for Finding {}
