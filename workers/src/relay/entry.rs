//! One entry of an outbox. The event goes on as it was written, byte by byte.

use std::fmt;

use gavel_core::auction::Event;
use gavel_core::ids::AuctionId;

/// The id of an entry: they only grow, and are not continuous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct EntryId(pub(super) u64, pub(super) u64);

impl EntryId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (ms, number) = text.split_once('-')?;
        Some(Self(ms.parse().ok()?, number.parse().ok()?))
    }

    /// The least one that is greater.
    pub(super) fn next(self) -> Self {
        Self(self.0, self.1.saturating_add(1))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// An event that waits.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: EntryId,
    pub(super) auction: AuctionId,
    /// In the auction's log.
    pub(super) position: u64,
    /// As written.
    pub(super) event: String,
}

impl Entry {
    /// Reads what stands in an outbox, or says why that is no event.
    pub(super) fn read(id: EntryId, fields: &[Vec<u8>]) -> Result<Self, String> {
        let [_, event] = fields else { return Err("not one field".to_owned()) };
        let read: Event = serde_json::from_slice(event).map_err(|error| error.to_string())?;
        let event = String::from_utf8(event.clone()).map_err(|error| error.to_string())?;
        Ok(Self { id, auction: read.auction_id, position: read.position, event })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use gavel_core::auction::{EventKind, Outcome};
    use gavel_core::time::Timestamp;

    use super::*;

    pub(in crate::relay) fn auction(number: usize) -> AuctionId {
        AuctionId::parse(&format!("use1_01928e2c-7f3e-7abc-8def-{number:012x}")).unwrap()
    }

    /// An event of an auction, at an id equal to its position.
    pub(in crate::relay) fn entry(number: usize, position: u64) -> Entry {
        let event = Event {
            auction_id: auction(number),
            position,
            seq: 0,
            epoch: 1,
            at: Timestamp::from_ms(1),
            kind: EventKind::Closed { outcome: Outcome::Unsold },
        };
        let fields = [b"e".to_vec(), serde_json::to_vec(&event).unwrap()];
        Entry::read(EntryId(position, 0), &fields).unwrap()
    }

    #[test]
    fn ids_are_ordered_by_their_numbers() {
        let id = |text| EntryId::parse(text).unwrap();
        assert!(id("9-10") > id("9-9") && id("10-0") > id("9-10"));
        assert_eq!(id("9-10").next().to_string(), "9-11");
        assert_eq!([EntryId::parse("9"), EntryId::parse("a-1")], [None, None]);
    }
}
