//! What answers claim about the state of the auction, against the states it can have been in.
//!
//! A look at the state must show a state of its time; a refusal must have a true reason. A bid's place
//! among the others must agree with the order in which requests and answers followed each other.

use std::collections::BTreeMap;

use super::anomaly::Anomaly;
use super::evidence::{Answer, BidCall, Evidence, Read};
use super::replay::{CLOCK_SLACK_MS, Cause, Phase, State};
use super::rules::Forbidden;
use super::timeline::{CLOSING, STALE_US_MAX, Senders, Timeline};

/// Checks the order and the time of every accepted bid.
#[must_use]
pub(super) fn order(
    evidence: &Evidence,
    timeline: &Timeline<'_>,
    senders: &Senders<'_>,
) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    for (index, state) in timeline.states.iter().enumerate() {
        let Cause::Bid(row) = &state.cause else { continue };
        let calls = senders.get(row.bid_id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let Some(sent_us) = calls.iter().map(|call| call.span.sent_us).min() else { continue };
        let earliest = timeline.earliest(sent_us);
        let seq = row.seq;
        if earliest >= index {
            let known_seq = timeline.states[earliest].seq;
            anomalies.push(Anomaly::OutOfOrder { seq, known_seq });
        }
        let accepted = calls.iter().filter(|call| matches!(call.answer, Answer::Accepted { .. }));
        let received_us = accepted.map(|call| call.span.received_us).min();
        let Some(sent) = timeline.server_ms(sent_us) else { continue };
        let received = received_us.and_then(|us| timeline.server_ms(us)).unwrap_or(u64::MAX);
        let placed_at = row.placed_at;
        if placed_at + CLOCK_SLACK_MS < sent || placed_at > received.saturating_add(CLOCK_SLACK_MS)
        {
            anomalies.push(Anomaly::OutOfTime { seq, placed_at, sent, received });
        }
        // In the grace only bids count that were under way before the end.
        let end = timeline.states[index.saturating_sub(1)].standing.end;
        if evidence.rules.grace_ms > 0 && placed_at >= end && sent >= end + CLOCK_SLACK_MS {
            anomalies.push(Anomaly::Forbidden { seq, why: Forbidden::TooLate(end) });
        }
    }
    anomalies
}

/// Checks every refusal.
#[must_use]
pub(super) fn refusals(evidence: &Evidence, timeline: &Timeline<'_>) -> Vec<Anomaly> {
    let mut offers: BTreeMap<(&str, &str), Vec<&BidCall>> = BTreeMap::new();
    for call in &evidence.bids {
        offers.entry((&call.bidder, &call.key)).or_default().push(call);
    }
    let mut anomalies = Vec::new();
    for call in &evidence.bids {
        let Answer::Refused { status, code, bound } = &call.answer else { continue };
        let key = call.key.clone();
        let others = &offers[&(call.bidder.as_str(), call.key.as_str())];
        let why = match code.as_str() {
            "bid-too-low" => too_low(call, *bound, timeline),
            "maximum-not-raised" => not_raised(call, *bound, timeline),
            "auction-closed" => closed(call, timeline),
            "auction-not-live" => not_live(call, timeline),
            "seller-cannot-bid" => (call.bidder != evidence.rules.seller)
                .then(|| "the bidder is not the seller".to_owned()),
            "bid-above-ceiling" => evidence
                .rules
                .ceiling
                .is_none_or(|ceiling| call.amount.max(call.max) <= ceiling)
                .then(|| format!("the ceiling is {:?}", evidence.rules.ceiling)),
            "idempotency-conflict" => {
                let other = others.iter().any(|other| {
                    (other.amount, other.max) != (call.amount, call.max)
                        && other.span.sent_us < call.span.received_us
                        && !matches!(other.answer, Answer::Refused { .. })
                });
                if !other {
                    anomalies.push(Anomaly::NoConflict { key });
                }
                continue;
            }
            _ => {
                anomalies.push(Anomaly::Answer { key, status: *status, code: code.clone() });
                continue;
            }
        };
        anomalies.extend(why.map(|why| Anomaly::Refusal { key, code: code.clone(), why }));
    }
    anomalies
}

/// What is wrong with refusing `call` as too low, if anything. No minimum: nothing can follow.
fn too_low(call: &BidCall, minimum: Option<u64>, timeline: &Timeline<'_>) -> Option<String> {
    if let Some(minimum) = minimum.filter(|minimum| call.amount >= *minimum) {
        return Some(format!("{} reaches the minimum of {minimum}", call.amount));
    }
    let sent_us = call.span.sent_us.saturating_sub(STALE_US_MAX);
    let possible = timeline.possible(sent_us, call.span.received_us);
    if possible.iter().any(|state| timeline.minimum(state) == minimum) {
        return None;
    }
    let brief = |state: &State<'_>| (timeline.minimum(state), state.seq);
    let ((least, from), (most, to)) =
        possible.first().map(brief).zip(possible.last().map(brief))?;
    Some(format!(
        "the minimum was not {minimum:?} then but {least:?} to {most:?} (after bids {from} to {to})"
    ))
}

/// What is wrong with telling a leader that their maximum holds, if anything.
fn not_raised(call: &BidCall, maximum: Option<u64>, timeline: &Timeline<'_>) -> Option<String> {
    let possible = timeline.possible(call.span.sent_us, call.span.received_us);
    let binds = |state: &State<'_>| timeline.binding(state, call);
    let bound = possible.iter().any(|state| maximum.is_some() && binds(state) == maximum);
    (!bound).then(|| format!("they were not bound to {maximum:?} then"))
}

fn closed(call: &BidCall, timeline: &Timeline<'_>) -> Option<String> {
    let possible = timeline.possible(call.span.sent_us, call.span.received_us);
    let closed = possible.iter().any(|state| state.phase == Phase::Closed);
    let end = possible.last().map(|state| state.standing.end);
    (!closed && !timeline.time_up(call.span)).then(|| format!("it was open until {end:?} at least"))
}

fn not_live(call: &BidCall, timeline: &Timeline<'_>) -> Option<String> {
    let possible = timeline.possible(call.span.sent_us, call.span.received_us);
    let stopped = |state: &State<'_>| matches!(state.phase, Phase::Scheduled | Phase::Paused);
    (!possible.iter().any(stopped)).then(|| "it was live all the time".to_owned())
}

/// Checks every look at the state.
#[must_use]
pub(super) fn reads(evidence: &Evidence, timeline: &Timeline<'_>) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    let mut people: BTreeMap<&str, &str> = BTreeMap::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for read in &evidence.reads {
        let possible = timeline.possible(read.span.sent_us, read.span.received_us);
        let Some(state) = possible.iter().find(|state| shows(evidence, read, state)) else {
            let brief = |state: &State<'_>| {
                let price = state.standing.price;
                format!("{} bid {} price {price:?}", state.phase.name(), state.seq)
            };
            let possible = match possible {
                [] => "nothing consistent".to_owned(),
                [only] => brief(only),
                [first, .., last] => format!("{} to {}", brief(first), brief(last)),
            };
            let shown = shown(read);
            anomalies.push(Anomaly::Read { sent_us: read.span.sent_us, shown, possible });
            continue;
        };
        if let (Some(name), Some(lead)) = (&read.leader, &state.standing.lead) {
            let person = *people.entry(name).or_insert(&lead.bidder);
            let known = *names.entry(&lead.bidder).or_insert(name);
            if person != lead.bidder || known != name {
                let (one, other) = (person.to_owned(), lead.bidder.clone());
                anomalies.push(Anomaly::Name { name: name.clone(), one, other });
            }
        }
    }
    anomalies
}

/// Whether a look shows this state, in all that it says.
fn shows(evidence: &Evidence, read: &Read, state: &State<'_>) -> bool {
    let (rules, standing) = (&evidence.rules, &state.standing);
    let lead = standing.lead.as_ref();
    let over = state.phase == Phase::Closed;
    let time_up = state.phase == Phase::Live && read.server_time >= standing.end;
    let bids_can_follow = !over && !time_up;
    read.status == if time_up { CLOSING } else { state.phase.name() }
        && (read.seq, read.bid_count) == (state.seq, state.seq)
        && read.price == standing.price
        && read.extensions == standing.extensions
        && read.leader.is_some() == (lead.is_some() && !over)
        && (state.phase == Phase::Scheduled
            || read.minimum_next == standing.minimum(rules).filter(|_| bids_can_follow))
        && read.buy_now_open == (bids_can_follow && standing.buy_now_open(rules))
        && (state.phase != Phase::Live || read.ends_at == Some(standing.end))
        && (!over || read.outcome == evidence.ending.outcome)
        && read.has_reserve == rules.reserve.is_some()
        && read.reserve_met.is_some() == read.has_reserve
        && lead.zip(read.reserve_met).is_none_or(|(lead, met)| met == rules.reserve_met(lead.max))
}

fn shown(read: &Read) -> String {
    let Read { status, seq, bid_count, price, minimum_next, ends_at, extensions, outcome, .. } =
        read;
    format!(
        "{status} bid {seq} of {bid_count}, price {price:?}, next {minimum_next:?}, end {ends_at:?}, \
         moved {extensions} times, outcome {outcome:?}"
    )
}
