//! What a relay knows to wait in an outbox, a line for each auction: so that an auction whose messages are
//! refused is tried again alone, and a long backlog hides nobody behind it.
//!
//! The outbox is read once, in its order. Of an auction that has a long line already, only where it goes
//! on is remembered, and it is read on from there when the line has been sent.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use gavel_core::ids::AuctionId;
use tokio::time::Instant;

use super::entry::{Entry, EntryId};
use super::message::Message;
use crate::limits::{LINE_ENTRIES_MAX, RETRY_PAUSE_MAX, RETRY_PAUSE_MIN, WAITING_ENTRIES_MAX};

/// The lines of one outbox.
#[derive(Default)]
pub(super) struct Waiting {
    lines: HashMap<AuctionId, Line>,
    /// Up to where the outbox was read.
    seen: EntryId,
}

/// The oldest entries of one auction, in order.
#[derive(Default)]
struct Line {
    entries: VecDeque<Entry>,
    /// Where it goes on, when that is before `seen`.
    beyond: Option<EntryId>,
    /// Since the last refusal.
    pause: Duration,
    not_before: Option<Instant>,
}

impl Waiting {
    /// After which entry to read on, unless there is no room for more.
    pub(super) fn unread(&self) -> Option<EntryId> {
        let held: usize = self.lines.values().map(|line| line.entries.len()).sum();
        (held < WAITING_ENTRIES_MAX).then_some(self.seen)
    }

    /// Takes the next entries of the outbox, which end with `last`.
    pub(super) fn read(&mut self, entries: Vec<Entry>, last: EntryId) {
        self.seen = last;
        for entry in entries {
            let line = self.lines.entry(entry.auction.clone()).or_default();
            if line.beyond.is_none() {
                line.push(entry);
            }
        }
    }

    /// An auction whose line was sent and goes on, and with which entry.
    pub(super) fn emptied(&self) -> Option<(AuctionId, EntryId)> {
        self.lines.iter().find_map(|(auction, line)| {
            let beyond = line.beyond.filter(|_| line.entries.is_empty())?;
            Some((auction.clone(), beyond))
        })
    }

    /// Takes what follows in the outbox where the line of `auction` goes on; it ends with `last`, or,
    /// without one, with the outbox.
    pub(super) fn read_on(
        &mut self,
        auction: &AuctionId,
        entries: Vec<Entry>,
        last: Option<EntryId>,
    ) {
        let Some(line) = self.lines.get_mut(auction) else { return };
        // What comes after `seen` will be read with all others.
        line.beyond = last.filter(|last| *last < self.seen).map(EntryId::next);
        let theirs = |entry: &Entry| entry.auction == *auction && entry.id <= self.seen;
        for entry in entries.into_iter().filter(theirs) {
            if line.is_full() {
                line.beyond = Some(entry.id);
                break;
            }
            line.entries.push_back(entry);
        }
        self.forget(auction);
    }

    /// At most `most` messages to send at `now`, one an auction, those that waited longest first.
    pub(super) fn messages(&self, most: usize, now: Instant) -> Vec<Message> {
        let mut ready: Vec<&Line> = self.lines.values().filter(|line| line.is_ready(now)).collect();
        ready.sort_by_key(|line| line.entries.front().map(|entry| entry.id));
        ready.into_iter().take(most).filter_map(|line| Message::of(&line.entries)).collect()
    }

    /// Notes that a message was taken, and is out of the outbox.
    pub(super) fn sent(&mut self, message: &Message) {
        let Some(line) = self.lines.get_mut(&message.auction) else { return };
        line.entries.drain(..message.entries.len().min(line.entries.len()));
        (line.pause, line.not_before) = (Duration::ZERO, None);
        self.forget(&message.auction);
    }

    /// Notes that a message was refused: its auction waits longer each time.
    pub(super) fn refused(&mut self, message: &Message, now: Instant) {
        let Some(line) = self.lines.get_mut(&message.auction) else { return };
        line.pause = (line.pause * 2).clamp(RETRY_PAUSE_MIN, RETRY_PAUSE_MAX);
        line.not_before = Some(now + line.pause);
    }

    /// When the next one of those refused is to be tried again.
    pub(super) fn next_try(&self) -> Option<Instant> {
        self.lines.values().filter_map(|line| line.not_before).min()
    }

    /// Forgets a line of which nothing is left. After the last one the outbox is read from its beginning,
    /// so that nothing in it can be overlooked for ever.
    fn forget(&mut self, auction: &AuctionId) {
        let ended = |line: &Line| line.entries.is_empty() && line.beyond.is_none();
        if self.lines.get(auction).is_some_and(ended) {
            self.lines.remove(auction);
        }
        if self.lines.is_empty() {
            self.seen = EntryId::default();
        }
    }
}

impl Line {
    fn is_full(&self) -> bool {
        self.entries.len() >= LINE_ENTRIES_MAX
    }

    fn push(&mut self, entry: Entry) {
        if self.is_full() {
            self.beyond = Some(entry.id);
        } else {
            self.entries.push_back(entry);
        }
    }

    fn is_ready(&self, now: Instant) -> bool {
        !self.entries.is_empty() && self.not_before.is_none_or(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::entry::tests::{auction, entry};

    /// An outbox of the auctions numbered so, and what waits of it after reading it in pages of 100.
    struct Outbox(Vec<(u64, usize)>);

    impl Outbox {
        fn of(auctions: impl IntoIterator<Item = usize>) -> Self {
            Self((1..).zip(auctions).collect())
        }

        fn page(&self, from: EntryId) -> (Vec<Entry>, Option<EntryId>) {
            let rest = self.0.iter().filter(|(id, _)| EntryId(*id, 0) >= from).take(100);
            let page: Vec<Entry> = rest.map(|(id, number)| entry(*number, *id)).collect();
            let last = (page.len() == 100).then(|| page.last().unwrap().id);
            (page, last)
        }

        /// Reads on, sends whatever may be sent, and gives whose messages those were.
        fn round(&mut self, waiting: &mut Waiting, refused: &[usize]) -> Vec<AuctionId> {
            if let Some(after) = waiting.unread() {
                let (page, _) = self.page(after.next());
                if let Some(last) = page.last().map(|entry| entry.id) {
                    waiting.read(page, last);
                }
            }
            if let Some((auction, from)) = waiting.emptied() {
                let (page, last) = self.page(from);
                waiting.read_on(&auction, page, last);
            }
            let mut sent = Vec::new();
            for message in waiting.messages(10, Instant::now()) {
                if refused.iter().any(|number| auction(*number) == message.auction) {
                    waiting.refused(&message, Instant::now());
                    continue;
                }
                let of = |id: &u64| message.entries.contains(&EntryId(*id, 0).to_string());
                self.0.retain(|(id, _)| !of(id));
                waiting.sent(&message);
                sent.push(message.auction);
            }
            sent
        }
    }

    #[test]
    fn all_is_sent_in_order_however_long_the_lines_are() {
        let many = LINE_ENTRIES_MAX * 5;
        let mut outbox = Outbox::of((0..many).map(|n| if n % 10 == 9 { n % 7 } else { 1 }));
        let mut waiting = Waiting::default();
        for _ in 0..many {
            outbox.round(&mut waiting, &[]);
        }
        assert!(outbox.0.is_empty(), "{} are left", outbox.0.len());
        assert!(waiting.lines.is_empty() && waiting.seen == EntryId::default());
    }

    #[test]
    fn what_stands_behind_a_refused_backlog_is_sent() {
        let backlog = LINE_ENTRIES_MAX * 3;
        let mut outbox = Outbox::of((0..backlog).map(|_| 1).chain([2]));
        let mut waiting = Waiting::default();
        let rounds = backlog / 100 + 1;
        let sent: Vec<_> = (0..rounds).flat_map(|_| outbox.round(&mut waiting, &[1])).collect();
        assert_eq!(sent, [auction(2)]);
        assert!(waiting.next_try().is_some());
        assert_eq!(waiting.lines[&auction(1)].entries.len(), LINE_ENTRIES_MAX);
    }
}
