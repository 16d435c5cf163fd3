//! Which states an auction can have been in at a moment of the clients' clock.
//!
//! A state cannot exist before the request that made it was sent, and exists once anybody was told of
//! it. Between the two, whatever lies between is possible; nothing here guesses.

use std::collections::{HashMap, HashSet};

use super::evidence::{Answer, BidCall, Evidence, Row, Rules, Span};
use super::replay::{CLOCK_SLACK_MS, Cause, Phase, State};

/// How old a state may be that proves a bid too low, in microseconds: workers may answer from one at
/// most a second old, and a busy machine may take half a second to send the answer.
pub(super) const STALE_US_MAX: u64 = 1_500_000;

/// What is shown of an auction whose time is up, but whose result is not settled.
pub(super) const CLOSING: &str = "closing";

/// The requests that each bid may have come from, by its id.
pub(super) type Senders<'a> = HashMap<&'a str, Vec<&'a BidCall>>;

/// Finds for every row the requests that may have made it: those under the key that was answered
/// with its id, or, where no answer came, those of its bidder with its very offer.
#[must_use]
pub(super) fn senders(evidence: &Evidence) -> Senders<'_> {
    let mut keys: HashMap<&str, (&str, &str)> = HashMap::new();
    let mut by_key: HashMap<(&str, &str), Vec<&BidCall>> = HashMap::new();
    for call in &evidence.bids {
        let key = (call.bidder.as_str(), call.key.as_str());
        by_key.entry(key).or_default().push(call);
        if let Answer::Accepted { receipt, .. } = &call.answer {
            keys.entry(&receipt.bid_id).or_insert(key);
        }
    }
    let answered: HashSet<_> = keys.values().copied().collect();
    let mut unanswered: HashMap<(&str, u64, u64), Vec<&BidCall>> = HashMap::new();
    for call in &evidence.bids {
        let unsettled = !answered.contains(&(call.bidder.as_str(), call.key.as_str()));
        if unsettled && call.answer == Answer::Unknown {
            let offer = (call.bidder.as_str(), call.amount, call.max);
            unanswered.entry(offer).or_default().push(call);
        }
    }
    let of_row = |row: &Row| match keys.get(row.bid_id.as_str()) {
        Some(key) => {
            let calls = by_key[key].iter().copied();
            calls.filter(|call| (call.amount, call.max) == (row.amount, row.max)).collect()
        }
        None => {
            let offer = (row.bidder.as_str(), row.amount, row.max);
            unanswered.get(&offer).cloned().unwrap_or_default()
        }
    };
    evidence.rows.iter().map(|row| (row.bid_id.as_str(), of_row(row))).collect()
}

/// The states of an auction, in time.
pub(super) struct Timeline<'a> {
    /// The states, in order.
    pub(super) states: &'a [State<'a>],
    rules: &'a Rules,
    /// When each, or any before it, can have begun at the earliest; never falls.
    begun_us: Vec<u64>,
    /// `(when, which)`: from when on which state, or a later one, was known; both never fall.
    known: Vec<(u64, usize)>,
    /// What to add to the clients' clock for the server's, in microseconds.
    offset_us: Option<i64>,
}

impl<'a> Timeline<'a> {
    /// Puts the states in time.
    #[must_use]
    pub(super) fn new(
        evidence: &'a Evidence,
        states: &'a [State<'a>],
        senders: &Senders<'_>,
    ) -> Self {
        let mut timeline = Self {
            states,
            rules: &evidence.rules,
            begun_us: Vec::new(),
            known: Vec::new(),
            offset_us: offset(evidence),
        };
        let mut begun = 0;
        for (index, state) in states.iter().enumerate() {
            let calls = match &state.cause {
                Cause::Bid(row) => senders.get(row.bid_id.as_str()).map(Vec::as_slice),
                _ => None,
            };
            let calls = calls.unwrap_or_default();
            let earliest = match &state.cause {
                Cause::Created => 0,
                Cause::Bid(_) => calls.iter().map(|call| call.span.sent_us).min().unwrap_or(0),
                Cause::Act(act) => act.span.sent_us,
                Cause::DueOpening => timeline.client_us(evidence.rules.opens_at.unwrap_or(0)),
                Cause::TimeUp => timeline.client_us(evidence.ending.closed_at.unwrap_or(0)),
            };
            begun = earliest.max(begun);
            timeline.begun_us.push(begun);
            let accepted =
                calls.iter().filter(|call| matches!(call.answer, Answer::Accepted { .. }));
            timeline.known.extend(accepted.map(|call| (call.span.received_us, index)));
            if let Cause::Act(act) = &state.cause {
                timeline.known.push((act.span.received_us, index));
            }
        }
        for read in &evidence.reads {
            let shown = |state: &State<'_>| {
                // An auction whose time is up is live until its result is settled.
                let status = if read.status == CLOSING { "live" } else { &read.status };
                state.seq == read.seq && state.phase.name() == status
            };
            let index = states.partition_point(|state| state.seq < read.seq);
            let index = (index..states.len()).find(|index| shown(&states[*index]));
            timeline.known.extend(index.map(|index| (read.span.received_us, index)));
        }
        timeline.known.sort_unstable();
        let mut latest = 0;
        for (_, index) in &mut timeline.known {
            latest = latest.max(*index);
            *index = latest;
        }
        timeline
    }

    /// The earliest state that is still possible for a request sent then.
    #[must_use]
    pub(super) fn earliest(&self, sent_us: u64) -> usize {
        let before = self.known.partition_point(|(when, _)| *when < sent_us);
        before.checked_sub(1).map_or(0, |last| self.known[last].1)
    }

    /// The latest state that is possible for an answer received then.
    #[must_use]
    pub(super) fn latest(&self, received_us: u64) -> usize {
        self.begun_us.partition_point(|begun| *begun <= received_us).saturating_sub(1)
    }

    /// The states that an answer can speak of which was sent and received then.
    #[must_use]
    pub(super) fn possible(&self, sent_us: u64, received_us: u64) -> &'a [State<'a>] {
        let (first, last) = (self.earliest(sent_us), self.latest(received_us));
        self.states.get(first..=last).unwrap_or_default()
    }

    /// The least next bid in a state.
    #[must_use]
    pub(super) fn minimum(&self, state: &State<'_>) -> Option<u64> {
        state.standing.minimum(self.rules)
    }

    /// The maximum that binds the bidder of `call` in a state, who offers less.
    #[must_use]
    pub(super) fn binding(&self, state: &State<'_>, call: &BidCall) -> Option<u64> {
        state.standing.binding(self.rules, &call.bidder, call.amount, call.max)
    }

    /// The server's clock at a moment of the clients', if they ever saw it; within
    /// [`CLOCK_SLACK_MS`].
    #[must_use]
    pub(super) fn server_ms(&self, us: u64) -> Option<u64> {
        Some(us.checked_add_signed(self.offset_us?)? / 1_000)
    }

    /// Between which moments of the server's clock something was done that was asked for then.
    #[must_use]
    pub(super) fn within(&self, span: Span) -> Option<(u64, u64)> {
        let (sent, received) =
            self.server_ms(span.sent_us).zip(self.server_ms(span.received_us))?;
        Some((sent.saturating_sub(CLOCK_SLACK_MS), received + CLOCK_SLACK_MS))
    }

    /// Whether somebody who asked then may have been told that the time was up, of an auction that
    /// nobody had closed yet; with a grace, it may go on afterwards.
    #[must_use]
    pub(super) fn time_up(&self, span: Span) -> bool {
        let now = self.within(span).map(|(_, latest)| latest);
        let up = |state: &State<'_>| {
            state.phase == Phase::Live && now.is_none_or(|now| now >= state.standing.end)
        };
        self.possible(span.sent_us, span.received_us).iter().any(up)
    }

    /// The earliest moment of the clients' clock that can be this one of the server's.
    fn client_us(&self, server_ms: u64) -> u64 {
        let us = server_ms.saturating_sub(CLOCK_SLACK_MS).saturating_mul(1_000);
        self.offset_us.map_or(0, |offset| us.saturating_add_signed(-offset))
    }
}

/// The server's clock less the clients', from the look at the state that took least time.
fn offset(evidence: &Evidence) -> Option<i64> {
    let quickest =
        evidence.reads.iter().min_by_key(|read| read.span.received_us - read.span.sent_us);
    quickest.and_then(|read| {
        let middle = read.span.sent_us.midpoint(read.span.received_us);
        (read.server_time * 1_000).checked_signed_diff(middle)
    })
}
