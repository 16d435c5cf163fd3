//! The result in the catalogue, against the one that the history and the rules give.
//!
//! The winner is found twice: as whoever leads at the end of the replay, and as the highest maximum,
//! the earlier of equal ones, without any replay.

use std::fmt::Debug;

use super::anomaly::Anomaly;
use super::ends::LATE_MS_MAX;
use super::evidence::{Deed, Evidence, Row};
use super::replay::{Cause, Phase};
use super::timeline::Timeline;

/// Checks the catalogue's row.
#[must_use]
pub(super) fn check(evidence: &Evidence, timeline: &Timeline<'_>) -> Vec<Anomaly> {
    let mut findings = Findings(Vec::new());
    let (Some(last), ending) = (timeline.states.last(), &evidence.ending) else {
        return Vec::new();
    };
    findings.compare("status", &ending.status.as_str(), &last.phase.name());
    findings.compare("number of bids", &ending.bid_count, &last.seq);
    findings.compare("price", &ending.price, &last.standing.price);
    if last.phase != Phase::Closed {
        return findings.0;
    }
    let cancelled = matches!(&last.cause, Cause::Act(act) if act.deed == Deed::Cancel);
    let lead = last.standing.lead.as_ref().filter(|_| !cancelled);
    let winner = lead.filter(|lead| last.standing.bought || evidence.rules.reserve_met(lead.max));
    let outcome = match winner {
        _ if cancelled => "cancelled",
        Some(_) => "sold",
        None => "unsold",
    };
    findings.compare("outcome", &ending.outcome.as_deref(), &Some(outcome));
    let name = winner.map(|lead| lead.bidder.as_str());
    findings.compare("winner", &ending.winner.as_deref(), &name);
    let price = winner.and(last.standing.price);
    findings.compare("hammer price", &ending.hammer_price, &price);
    // The bid that bought it, or that first had the highest maximum.
    let winning = if last.standing.bought {
        evidence.rows.iter().max_by_key(|row| row.seq)
    } else {
        highest(&evidence.rows)
    };
    let winning = winning.filter(|_| winner.is_some());
    if !last.standing.bought {
        let highest = winning.map(|row| row.bidder.as_str());
        findings.compare("winner of the highest maximum", &ending.winner.as_deref(), &highest);
    }
    let winning = winning.map(|row| row.bid_id.as_str());
    findings.compare("winning bid", &ending.winning_bid.as_deref(), &winning);
    let closed_at = ending.closed_at.unwrap_or(0);
    let due = last.standing.end + evidence.rules.grace_ms;
    let between = match &last.cause {
        Cause::Bid(bought) => Some((bought.placed_at, bought.placed_at)),
        Cause::Act(act) => timeline.within(act.span),
        _ => Some((due, due + LATE_MS_MAX)),
    };
    if let Some((least, most)) =
        between.filter(|(least, most)| !(least..=most).contains(&&closed_at))
    {
        let (recorded, by_rules) = (closed_at.to_string(), format!("{least} to {most}"));
        findings.0.push(Anomaly::Ending { what: "time of closing", recorded, by_rules });
    }
    findings.0
}

/// The highest maximum, and of equal ones the first.
fn highest(rows: &[Row]) -> Option<&Row> {
    rows.iter().max_by(|one, other| one.max.cmp(&other.max).then(other.seq.cmp(&one.seq)))
}

struct Findings(Vec<Anomaly>);

impl Findings {
    fn compare<T: PartialEq + Debug>(&mut self, what: &'static str, recorded: &T, by_rules: &T) {
        if recorded != by_rules {
            let (recorded, by_rules) = (format!("{recorded:?}"), format!("{by_rules:?}"));
            self.0.push(Anomaly::Ending { what, recorded, by_rules });
        }
    }
}
