//! The history played through the rules: is every row what the rules make of the bid in it?
//!
//! Gives what is wrong and, for the other checks, where the auction stood after each bid and each
//! act of the seller. It goes on after a mistake with what the rules say, so the first finding is
//! the one to look at; later ones may only follow from it.

use std::collections::HashMap;

use super::anomaly::Anomaly;
use super::clients::minimum;
use super::ends;
use super::evidence::{Act, Deed, Evidence, Row};
use super::rules::{Consequence, Forbidden, Standing};

/// How far a time may be from what other clocks say, in milliseconds: the bound within which the
/// ledger itself must agree with the server's clock when it commits.
pub(super) const CLOCK_SLACK_MS: u64 = 500;

/// Where an auction is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are the states of the rules")]
pub(super) enum Phase {
    Scheduled,
    Live,
    Paused,
    Closed,
}

impl Phase {
    /// Its name in answers.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Live => "live",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }
}

/// What made a state.
#[derive(Clone, Debug)]
pub(super) enum Cause<'a> {
    /// The auction was created.
    Created,
    /// A bid was accepted.
    Bid(&'a Row),
    /// The seller did something.
    Act(&'a Act),
    /// The time to open had come.
    DueOpening,
    /// The time was up.
    TimeUp,
}

/// A state the auction was in.
#[derive(Clone, Debug)]
pub(super) struct State<'a> {
    /// Why.
    pub(super) cause: Cause<'a>,
    /// The number of the latest bid.
    pub(super) seq: u64,
    /// Where in its life.
    pub(super) phase: Phase,
    /// Price, leader, end.
    pub(super) standing: Standing,
}

/// Plays the history. Gives the states in order, the first being `scheduled`.
#[must_use]
pub(super) fn replay(evidence: &Evidence) -> (Vec<State<'_>>, Vec<Anomaly>) {
    let mut rows: Vec<&Row> = evidence.rows.iter().collect();
    rows.sort_by_key(|row| row.seq);
    let mut anomalies = structure(evidence, &rows);
    let mut player = Player {
        evidence,
        seq: 0,
        phase: Phase::Scheduled,
        standing: Standing::opened(0),
        opened_at: 0,
        stopped: None,
        states: Vec::new(),
        anomalies: Vec::new(),
    };
    player.note(Cause::Created);
    if ends::opens_by_itself(&evidence.rules, &evidence.acts) {
        player.open(None);
        player.note(Cause::DueOpening);
    }
    let mut acts = evidence.acts.iter().peekable();
    for row in rows {
        while let Some(act) = acts.next_if(|act| act.position < row.position) {
            player.act(act);
        }
        player.bid(row);
    }
    acts.for_each(|act| player.act(act));
    if player.phase == Phase::Live && evidence.ending.status == "closed" {
        player.phase = Phase::Closed;
        player.note(Cause::TimeUp);
    }
    anomalies.extend(player.anomalies);
    (player.states, anomalies)
}

/// Numbers, ids, places, stamps: what must hold whatever was bid.
fn structure(evidence: &Evidence, rows: &[&Row]) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    let mut seq = 0;
    for row in rows {
        if row.seq != seq + 1 {
            anomalies.push(Anomaly::Gap { after: seq, found: row.seq });
        }
        seq = row.seq;
    }
    let mut ids: HashMap<&str, u64> = HashMap::new();
    for row in rows {
        let first = *ids.entry(&row.bid_id).or_insert(row.seq);
        if first != row.seq {
            let (bid_id, again) = (row.bid_id.clone(), row.seq);
            anomalies.push(Anomaly::Doubled { bid_id, first, again });
        }
    }
    let mut places: Vec<u64> = rows.iter().map(|row| row.position).collect();
    places.extend(evidence.acts.iter().map(|act| act.position));
    places.extend(ends::opens_by_itself(&evidence.rules, &evidence.acts).then_some(1));
    places.sort_unstable();
    let mut after = 0;
    for found in places {
        if found != after + 1 {
            anomalies.push(Anomaly::Unaccounted { after, found });
        }
        after = found;
    }
    for pair in rows.windows(2) {
        let (before, row) = (pair[0], pair[1]);
        if row.stamp != row.placed_at.max(before.stamp + 1) {
            let (seq, stamp, previous) = (row.seq, row.stamp, before.stamp);
            anomalies.push(Anomaly::Stamp { seq, stamp, previous });
        }
        if row.epoch != before.epoch {
            let (seq, epoch, previous) = (row.seq, row.epoch, before.epoch);
            anomalies.push(Anomaly::Epoch { seq, epoch, previous });
        }
    }
    anomalies
}

struct Player<'a> {
    evidence: &'a Evidence,
    seq: u64,
    phase: Phase,
    standing: Standing,
    opened_at: u64,
    /// The pause that has not ended yet.
    stopped: Option<&'a Act>,
    states: Vec<State<'a>>,
    anomalies: Vec<Anomaly>,
}

impl<'a> Player<'a> {
    fn note(&mut self, cause: Cause<'a>) {
        let (seq, phase, standing) = (self.seq, self.phase, self.standing.clone());
        self.states.push(State { cause, seq, phase, standing });
    }

    fn bid(&mut self, row: &'a Row) {
        let rules = &self.evidence.rules;
        let offer = (row.amount, row.max);
        let objection = self.standing.objection(rules, &row.bidder, offer, row.placed_at);
        let why = match self.phase {
            _ if row.currency != rules.currency => Some(Forbidden::OtherCurrency),
            Phase::Closed if !self.standing.bought => Some(Forbidden::AfterClose),
            Phase::Scheduled | Phase::Paused => Some(Forbidden::NotLive),
            // Another worker's clock may have opened it, and be a little ahead.
            _ if row.placed_at + CLOCK_SLACK_MS < self.opened_at => Some(Forbidden::NotLive),
            _ => objection,
        };
        if let Some(why) = why {
            self.anomalies.push(Anomaly::Forbidden { seq: row.seq, why });
        }
        let by_rules = self.standing.accept(rules, &row.bidder, offer, row.placed_at);
        self.anomalies.extend(differences(row, &by_rules));
        self.seq = row.seq;
        if self.standing.bought {
            self.phase = Phase::Closed;
        }
        self.note(Cause::Bid(row));
    }

    fn open(&mut self, act: Option<&Act>) {
        let end = ends::after(self.evidence, act);
        let opened_at = end.at.saturating_sub(self.evidence.rules.duration_ms);
        self.phase = Phase::Live;
        self.opened_at = if end.sure { opened_at } else { 0 };
        self.standing = Standing::opened(end.at);
    }

    fn act(&mut self, act: &'a Act) {
        match act.deed {
            Deed::Open => self.open(Some(act)),
            Deed::Pause => {
                self.phase = Phase::Paused;
                self.stopped = Some(act);
            }
            Deed::Resume => {
                self.phase = Phase::Live;
                let end = ends::after(self.evidence, Some(act));
                if let Some(pause) = self.stopped.take().filter(|_| end.sure) {
                    self.anomalies.extend(unjust(act, pause, self.standing.end, end.at));
                }
                self.standing.end = end.at;
            }
            Deed::Close | Deed::Cancel => self.phase = Phase::Closed,
        }
        self.note(Cause::Act(act));
    }
}

/// A pause stops the clock: the end moves by as long as it took, no more and no less.
fn unjust(resume: &Act, pause: &Act, before: u64, after: u64) -> Option<Anomaly> {
    let ms = |us: u64| i64::try_from(us / 1_000).unwrap_or(i64::MAX);
    let slack = i64::try_from(CLOCK_SLACK_MS).unwrap_or(i64::MAX);
    let moved_ms = after.checked_signed_diff(before).unwrap_or(i64::MAX);
    let least_ms = ms(resume.span.sent_us.saturating_sub(pause.span.received_us)) - slack;
    let most_ms = ms(resume.span.received_us.saturating_sub(pause.span.sent_us)) + slack;
    let position = resume.position;
    let wrong = !(least_ms..=most_ms).contains(&moved_ms);
    wrong.then_some(Anomaly::Resumed { position, moved_ms, least_ms, most_ms })
}

fn differences(row: &Row, by_rules: &Consequence) -> Vec<Anomaly> {
    let Consequence { status, price, minimum_next, buy_now_open, ends_at, extended } = by_rules;
    let pairs = [
        ("bidder's place", row.status.clone(), (*status).to_owned()),
        ("price", row.price.to_string(), price.to_string()),
        ("least next bid", minimum(row.minimum_next), minimum(*minimum_next)),
        ("buy-now offer", row.buy_now_open.to_string(), buy_now_open.to_string()),
        ("end", row.ends_at.to_string(), ends_at.to_string()),
        ("moving of the end", row.extended.to_string(), extended.to_string()),
    ];
    let differing = pairs.into_iter().filter(|(_, recorded, by_rules)| recorded != by_rules);
    let seq = row.seq;
    differing
        .map(|(what, recorded, by_rules)| Anomaly::Wrong { seq, what, recorded, by_rules })
        .collect()
}
