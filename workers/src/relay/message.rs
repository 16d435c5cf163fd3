//! Packing an auction's events into a message: at most one a round for each auction, so that a message
//! that fails can never be overtaken by a later one of its auction.

use std::collections::VecDeque;

use gavel_core::ids::AuctionId;

use super::entry::Entry;
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGE_EVENTS_MAX};

/// One message to send: an [`EventBatch`](super::EventBatch).
#[derive(Debug)]
pub(super) struct Message {
    pub(super) auction: AuctionId,
    /// The log positions it covers.
    pub(super) first: u64,
    pub(super) last: u64,
    /// The outbox entries it carries.
    pub(super) entries: Vec<String>,
    pub(super) body: String,
}

impl Message {
    /// The first of an auction's entries, as many as fit; none without any.
    pub(super) fn of(entries: &VecDeque<Entry>) -> Option<Self> {
        let mut bytes = 0_usize;
        let fits = |entry: &&Entry| {
            let first = bytes == 0;
            bytes = bytes.saturating_add(entry.event.len() + 1);
            first || bytes <= MESSAGE_BYTES_MAX
        };
        let carried: Vec<&Entry> =
            entries.iter().take(MESSAGE_EVENTS_MAX).take_while(fits).collect();
        let (first, last) = (carried.first()?, carried.last()?);
        let events: Vec<&str> = carried.iter().map(|entry| entry.event.as_str()).collect();
        Some(Self {
            auction: first.auction.clone(),
            first: first.position,
            last: last.position,
            entries: carried.iter().map(|entry| entry.id.to_string()).collect(),
            body: format!("{{\"events\":[{}]}}", events.join(",")),
        })
    }

    /// The deduplication id: by position, never by time, so two different events never share one.
    pub(super) fn deduplication_id(&self) -> String {
        format!("{}:{}-{}", self.auction, self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::EventBatch;
    use crate::relay::entry::tests::{auction, entry};

    #[test]
    fn a_message_has_an_auctions_events_in_order() {
        let message = Message::of(&(4..=6).map(|position| entry(1, position)).collect()).unwrap();
        assert_eq!(message.entries, ["4-0", "5-0", "6-0"]);
        assert_eq!(message.deduplication_id(), format!("{}:4-6", auction(1)));
        let batch = EventBatch::read(&message.body, "a queue").unwrap();
        let positions: Vec<u64> = batch.events.iter().map(|event| event.position).collect();
        assert_eq!(positions, [4, 5, 6]);
        assert!(Message::of(&VecDeque::new()).is_none());
    }

    #[test]
    fn a_message_is_full_at_its_limits_but_never_empty() {
        let message = Message::of(&(1..=300).map(|position| entry(1, position)).collect()).unwrap();
        assert_eq!(message.first, 1);
        assert_eq!(message.entries.len(), usize::try_from(message.last).unwrap());
        assert_eq!(message.entries.len(), MESSAGE_EVENTS_MAX);

        let mut large = entry(1, 1);
        large.event.push_str(&" ".repeat(MESSAGE_BYTES_MAX - large.event.len() - 100));
        let message = Message::of(&VecDeque::from([large, entry(1, 2)])).unwrap();
        assert_eq!(message.last, 1, "the second does not fit any more");
        let mut larger = entry(1, 1);
        larger.event.push_str(&" ".repeat(MESSAGE_BYTES_MAX));
        assert_eq!(Message::of(&VecDeque::from([larger])).unwrap().last, 1);
    }
}
