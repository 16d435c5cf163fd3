//! Deciding a batch of jobs on one state. Pure: what to write and what to answer, nothing done yet.

use std::collections::HashMap;

use gavel_core::auction::{Auction, Command, Event, Refusal, apply, decide};
use gavel_core::ids::BidId;
use gavel_core::time::Timestamp;

/// What one job is answered, once the draft is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The bid was accepted now.
    Accepted(Event),
    /// The same request was accepted before.
    Repeated(Event),
    /// The bid id was used for another offer.
    Conflict,
    /// A command other than a bid took effect, or already had.
    Done(Box<Auction>),
    /// Refused.
    Refused(Refusal),
}

/// What a batch comes to.
#[derive(Clone)]
pub(super) struct Draft {
    /// The state after every event.
    pub(super) after: Auction,
    /// What to append, in order.
    pub(super) events: Vec<Event>,
    /// An answer for each job, in the jobs' order.
    pub(super) answers: Vec<Answer>,
    /// This batch counts only if it is committed before this instant.
    pub(super) not_after: Option<Timestamp>,
    /// This batch counts only if it is committed at this instant or after it.
    pub(super) not_before: Option<Timestamp>,
}

impl Draft {
    /// Sees to it that nothing is committed for a job at or after the first instant of `not_after`, which
    /// has one for each job, in their order. Refusals and repeats commit nothing and stay as they are.
    pub(super) fn bound(&mut self, not_after: impl IntoIterator<Item = Timestamp>) {
        let takes_effect =
            |answer: &Answer| matches!(answer, Answer::Accepted(_) | Answer::Done(_));
        let bounds = self.answers.iter().zip(not_after);
        let bounds = bounds.filter_map(|(answer, at)| takes_effect(answer).then_some(at));
        self.not_after = bounds.chain(self.not_after).min();
    }

    /// Whether every answer also holds if the state it was decided on is an old one.
    ///
    /// Refusals: see [`Refusal::proved_by_old_state`]. A repeat or a conflict rests on an accepted
    /// bid, and those never go away. And a retry of an accepted bid cannot be refused by mistake:
    /// the caller knows the ids accepted up to this state's position; an id accepted later had an
    /// amount at or above this state's minimum (which never falls within an epoch), so this state
    /// cannot prove it too low. Where this state has no minimum, none was accepted later: its price
    /// is the most anybody may bid.
    pub(super) fn holds_on_old_state(&self) -> bool {
        self.events.is_empty()
            && self.answers.iter().all(|answer| match answer {
                Answer::Refused(refusal) => refusal.proved_by_old_state(),
                Answer::Repeated(_) | Answer::Conflict => true,
                Answer::Accepted(_) | Answer::Done(_) => false,
            })
    }
}

/// Decides `commands` in order on `state`. `known` holds the bids accepted before.
pub(super) fn draft<'a>(
    state: &Auction,
    known: &HashMap<BidId, Event>,
    commands: impl IntoIterator<Item = &'a Command>,
    now: Timestamp,
) -> Draft {
    let mut draft = Draft {
        after: state.clone(),
        events: Vec::new(),
        answers: Vec::new(),
        not_after: None,
        not_before: None,
    };
    let mut fresh: HashMap<BidId, Event> = HashMap::new();
    for command in commands {
        if let Command::Bid(bid) = command
            && let Some(event) = fresh.get(&bid.bid_id).or_else(|| known.get(&bid.bid_id))
        {
            let answer = if event.accepts_offer(bid) {
                Answer::Repeated(event.clone())
            } else {
                Answer::Conflict
            };
            draft.answers.push(answer);
            continue;
        }
        match decide(&draft.after, command, now) {
            Err(refusal) => draft.answers.push(Answer::Refused(refusal)),
            Ok(events) => {
                let limits = [draft.not_after, draft.after.not_after(command, now)];
                draft.not_after = limits.into_iter().flatten().min();
                draft.not_before = draft.not_before.max(draft.after.not_before(command));
                for event in &events {
                    apply(&mut draft.after, event);
                }
                draft.answers.push(answer(command, &events, &draft.after));
                if let (Command::Bid(bid), Some(event)) = (command, events.first()) {
                    fresh.insert(bid.bid_id.clone(), event.clone());
                }
                draft.events.extend(events);
            }
        }
    }
    draft
}

fn answer(command: &Command, events: &[Event], after: &Auction) -> Answer {
    match (command, events.first()) {
        (Command::Bid(_), Some(event)) => Answer::Accepted(event.clone()),
        _ => Answer::Done(Box::new(after.clone())),
    }
}

#[cfg(test)]
pub(super) mod tests;
