//! When an opening or a resumption makes an auction end, and whether the opening was in time.
//!
//! What an answer tells is believed only if it can be no later end than that of its own act, and an
//! opening must fit the terms and the moment it was asked for. Invariant: where the end cannot be
//! known, a possible one is given and nothing is concluded from it.

use super::anomaly::Anomaly;
use super::evidence::{Act, Deed, Evidence, Read, Row, Rules};
use super::replay::Cause;
use super::timeline::Timeline;

/// How late an auction may open or close by itself, in milliseconds. The timers look several times a
/// second; the rest is for a machine that is busy, and for one whose workers are being killed.
pub(super) const LATE_MS_MAX: u64 = 10_000;

/// An end, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// When.
    pub(super) at: u64,
    /// Whether it can be no other.
    pub(super) sure: bool,
}

/// Whether an auction opened at the time its terms name, and not when its seller said so. The opening
/// then has the first place in its log.
#[must_use]
pub(super) fn opens_by_itself(rules: &Rules, acts: &[Act]) -> bool {
    rules.opens_at.is_some() && !acts.iter().any(|act| act.deed == Deed::Open)
}

/// The end that `act` led to, before any bid moved it; that of an opening by itself when there is none.
#[must_use]
pub(super) fn after(evidence: &Evidence, act: Option<&Act>) -> End {
    let sure = |at| End { at, sure: true };
    let told = act.and_then(|act| act.ends_at);
    if let (Some(act), Some(told)) = (act, told)
        && !act.repeated
    {
        return sure(told);
    }
    let position = act.map_or(1, |act| act.position);
    let next = evidence.rows.iter().find(|row| row.position == position + 1);
    let before = evidence.rows.iter().filter(|row| row.position < position);
    let seq = before.map(|row| row.seq).max().unwrap_or(0);
    let since_us = act.map_or(0, |act| act.span.sent_us);
    let shows =
        |read: &&Read| read.status == "live" && read.seq == seq && read.span.sent_us >= since_us;
    let read = evidence.reads.iter().filter(shows).find_map(|read| read.ends_at);
    match next {
        Some(row) if !row.extended => sure(row.ends_at),
        // It was moved at once; an earlier end than the moved one is the one before.
        Some(row) => match told.into_iter().chain(read).find(|end| *end < row.ends_at) {
            Some(end) => sure(end),
            None => End { at: latest_before(row, &evidence.rules), sure: false },
        },
        None => match told.or(read) {
            Some(end) => sure(end),
            None => {
                let closed_at = evidence.ending.closed_at.unwrap_or(0);
                End { at: closed_at.saturating_sub(evidence.rules.grace_ms), sure: false }
            }
        },
    }
}

/// The latest end that this bid can have moved.
fn latest_before(row: &Row, rules: &Rules) -> u64 {
    row.ends_at.min(row.placed_at + rules.window_ms).saturating_sub(1)
}

/// Checks that every opening was when it should be and gave all of the time.
#[must_use]
pub(super) fn openings(evidence: &Evidence, timeline: &Timeline<'_>) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    for state in timeline.states {
        let (end, between) = match &state.cause {
            Cause::Act(act) if act.deed == Deed::Open => {
                (after(evidence, Some(act)), timeline.within(act.span))
            }
            Cause::DueOpening => {
                let due = evidence.rules.opens_at.unwrap_or(0);
                (after(evidence, None), Some((due, due + LATE_MS_MAX)))
            }
            _ => continue,
        };
        let Some((least, most)) = between.filter(|_| end.sure) else { continue };
        let (ends_at, duration_ms) = (end.at, evidence.rules.duration_ms);
        let wrong = !(least + duration_ms..=most + duration_ms).contains(&ends_at);
        if wrong {
            anomalies.push(Anomaly::Opened { ends_at, duration_ms, least, most });
        }
    }
    anomalies
}
