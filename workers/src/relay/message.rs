//! Packing outbox entries into messages: at most one a round for each auction, so that a message
//! that fails can never be overtaken by a later one of its auction.

use gavel_core::auction::Event;
use gavel_core::ids::AuctionId;

use super::EventBatch;
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGE_EVENTS_MAX, SQS_BATCH_MESSAGES_MAX};

/// One event waiting in the outbox.
pub(super) struct Entry {
    /// The outbox stream's id.
    pub(super) id: String,
    /// The event as stored.
    pub(super) event: String,
}

/// One message to send.
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
    /// The deduplication id: by position, never by time, so two different events never share one.
    pub(super) fn deduplication_id(&self) -> String {
        format!("{}:{}-{}", self.auction, self.first, self.last)
    }
}

struct Draft {
    auction: AuctionId,
    entries: Vec<String>,
    events: Vec<Event>,
    bytes: usize,
    full: bool,
}

/// The messages of one round. Entries beyond the limits of a round wait for the next one.
pub(super) fn pack(entries: Vec<Entry>) -> Result<Vec<Message>, serde_json::Error> {
    let mut drafts: Vec<Draft> = Vec::with_capacity(SQS_BATCH_MESSAGES_MAX);
    for entry in entries {
        let event: Event = serde_json::from_str(&entry.event)?;
        let bytes = entry.event.len() + 1;
        match drafts.iter().position(|draft| draft.auction == event.auction_id) {
            Some(known) => {
                let draft = &mut drafts[known];
                draft.full |= draft.bytes + bytes > MESSAGE_BYTES_MAX
                    || draft.events.len() >= MESSAGE_EVENTS_MAX;
                if !draft.full {
                    draft.bytes += bytes;
                    draft.entries.push(entry.id);
                    draft.events.push(event);
                }
            }
            None if drafts.len() < SQS_BATCH_MESSAGES_MAX => drafts.push(Draft {
                auction: event.auction_id.clone(),
                entries: vec![entry.id],
                events: vec![event],
                bytes,
                full: false,
            }),
            None => {}
        }
    }
    drafts.into_iter().map(Draft::into_message).collect()
}

impl Draft {
    fn into_message(self) -> Result<Message, serde_json::Error> {
        let position = |event: Option<&Event>| event.map_or(0, |event| event.position);
        let (first, last) = (position(self.events.first()), position(self.events.last()));
        let body = serde_json::to_string(&EventBatch { events: self.events })?;
        Ok(Message { auction: self.auction, first, last, entries: self.entries, body })
    }
}

#[cfg(test)]
mod tests {
    use gavel_core::auction::{EventKind, Outcome};
    use gavel_core::time::Timestamp;

    use super::*;

    fn entry(auction: usize, position: u64) -> Entry {
        let event = Event {
            auction_id: AuctionId::parse(&format!("use1_01928e2c-7f3e-7abc-8def-{auction:012x}"))
                .unwrap(),
            position,
            seq: 0,
            epoch: 1,
            at: Timestamp::from_ms(1),
            kind: EventKind::Closed { outcome: Outcome::Unsold },
        };
        Entry { id: format!("{position}-{auction}"), event: serde_json::to_string(&event).unwrap() }
    }

    #[test]
    fn a_round_has_one_message_an_auction_in_order() {
        let entries = vec![entry(1, 4), entry(2, 1), entry(1, 5), entry(1, 6)];
        let messages = pack(entries).unwrap();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].entries, ["4-1", "5-1", "6-1"]);
        assert!(messages[0].deduplication_id().ends_with(":4-6"));
        assert!(messages[1].deduplication_id().ends_with(":1-1"));
    }

    #[test]
    fn a_full_message_is_never_skipped_over() {
        let many = (1..=300).map(|position| entry(1, position)).collect();
        let messages = pack(many).unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].first, 1);
        assert_eq!(messages[0].entries.len(), usize::try_from(messages[0].last).unwrap());
        assert!(messages[0].entries.len() <= MESSAGE_EVENTS_MAX);
        assert!(messages[0].body.len() <= MESSAGE_BYTES_MAX + 100);
    }

    #[test]
    fn a_round_stays_within_one_batch_call() {
        let messages = pack((0..40).map(|auction| entry(auction, 1)).collect()).unwrap();
        assert_eq!(messages.len(), SQS_BATCH_MESSAGES_MAX);
    }
}
