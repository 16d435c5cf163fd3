//! A correct auction in memory, decided by `gavel_core`, that leaves the evidence a real one would.
//!
//! The checker shares no rule with it, so a history of this kind that the checker finds clean is one
//! on which two independent writings of the rules agree.

use gavel_core::auction::{
    AcceptedBid, Auction, CloseCause, Command, Event, EventKind, OpenCause, Outcome, Phase,
    PlaceBid, Refusal, Terms, apply, decide,
};
use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, UserId};
use gavel_core::money::Amount;
use gavel_core::time::Timestamp;
use gavel_core::wire::{CreateAuction, StateView};
use gavel_tests::checker::evidence::{
    Act, Answer, BidCall, Deed, Ending, Evidence, Read, Receipt, Row, Rules, Span,
};
use serde_json::Value;

/// When the clients' clock began, on the server's.
pub(crate) const BEGAN: u64 = 1_700_000_000_000;
/// How late its timers are, in milliseconds.
const LATE_MS: u64 = 300;
/// The auction of all of these tests.
const AUCTION: &str = "use1_01928e2c-7f3e-7abc-8def-0123456789ab";

/// The auction, its clock, and what there is to see of it so far.
pub(crate) struct Sim {
    state: Auction,
    /// Milliseconds since the clients' clock began.
    now: u64,
    /// How long requests are under way before they are decided, in milliseconds, beyond the usual one.
    pub(crate) lag_ms: u64,
    evidence: Evidence,
}

impl Sim {
    /// A scheduled auction of somebody called `seller`.
    pub(crate) fn new(request: &Value) -> Self {
        let terms = CreateAuction::parse(request.to_string().as_bytes()).unwrap().terms;
        let id = AuctionId::parse(AUCTION).unwrap();
        let rules = rules(&terms);
        let state = Auction::scheduled(id, user("seller"), terms);
        let evidence = Evidence {
            auction: AUCTION.to_owned(),
            rules,
            rows: Vec::new(),
            bids: Vec::new(),
            reads: Vec::new(),
            acts: Vec::new(),
            ending: ending(&state),
        };
        Self { state, now: 10, lag_ms: 0, evidence }
    }

    /// An open auction.
    pub(crate) fn open(request: &Value) -> Self {
        let mut sim = Self::new(request);
        sim.act(Deed::Open);
        sim
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, ms: u64) -> &mut Self {
        self.now += ms;
        self
    }

    /// Each request takes a millisecond and the lag until it is decided, and one more for its answer.
    fn span(&mut self) -> (Span, Timestamp) {
        self.close_if_due();
        let sent_us = self.now * 1_000;
        self.now += 2 + self.lag_ms;
        (Span { sent_us, received_us: self.now * 1_000 - 1 }, at(self.now - 1))
    }

    /// The timer's part.
    fn close_if_due(&mut self) {
        let due = self.state.closes_at().map(|at| at.plus_ms(LATE_MS));
        if let Some(due) = due.filter(|due| *due <= at(self.now)) {
            self.decide(&Command::Close(CloseCause::Time), due).unwrap();
        }
    }

    /// Lets the time come at which it opens by itself.
    pub(crate) fn open_when_due(&mut self) {
        let due = self.evidence.rules.opens_at.unwrap() + LATE_MS;
        self.now = self.now.max(due - BEGAN);
        self.decide(&Command::Open(OpenCause::Time), at(self.now)).unwrap();
    }

    fn decide(&mut self, command: &Command, at: Timestamp) -> Result<Vec<Event>, Refusal> {
        let events: Vec<Event> = decide(&self.state, command, at)?.into_iter().collect();
        for event in &events {
            apply(&mut self.state, event);
        }
        Ok(events)
    }

    /// The seller does something, which must work.
    pub(crate) fn act(&mut self, deed: Deed) {
        let (span, at) = self.span();
        let command = match deed {
            Deed::Open => Command::Open(OpenCause::Seller),
            Deed::Pause => Command::Pause,
            Deed::Resume => Command::Resume,
            Deed::Close => Command::Close(CloseCause::Hammer),
            Deed::Cancel => Command::Cancel,
        };
        let events = self.decide(&command, at).unwrap();
        let ends_at = self.state.ends_at().map(ms);
        self.evidence.acts.push(Act {
            span,
            deed,
            position: events[0].position,
            repeated: false,
            ends_at,
        });
    }

    /// Somebody bids under a key of their own.
    pub(crate) fn bid(&mut self, who: &str, amount: u64, max: u64) -> Answer {
        let key = format!("key-{}", self.evidence.bids.len());
        self.bid_as(&key, who, amount, max)
    }

    /// Somebody bids under this key, for the first time.
    pub(crate) fn bid_as(&mut self, key: &str, who: &str, amount: u64, max: u64) -> Answer {
        let arrived = at(self.now);
        let (span, at) = self.span();
        let parsed = IdempotencyKey::parse(key).unwrap();
        let bid = PlaceBid {
            bid_id: BidId::derive(&self.state.id, &user(who), &parsed),
            bidder: user(who),
            amount: Amount::new(amount).unwrap(),
            max: Amount::new(max).unwrap(),
            currency: None,
            arrived_at: Some(arrived),
        };
        let answer = match self.decide(&Command::Bid(bid), at) {
            Ok(events) => {
                let EventKind::Bid(bid) = &events[0].kind else { panic!("not a bid: {events:?}") };
                let row = row(&events[0], bid);
                let receipt = told(&row);
                self.evidence.rows.push(row);
                Answer::Accepted { repeated: false, receipt }
            }
            Err(refusal) => refused(&refusal),
        };
        let (bidder, key) = (who.to_owned(), key.to_owned());
        let call = BidCall { span, bidder, key, amount, max, answer: answer.clone() };
        self.evidence.bids.push(call);
        answer
    }

    /// Somebody repeats the latest request, which was accepted.
    pub(crate) fn repeat(&mut self) {
        let (span, _) = self.span();
        let mut call = self.evidence.bids.last().unwrap().clone();
        if let Answer::Accepted { repeated, .. } = &mut call.answer {
            *repeated = true;
        }
        self.evidence.bids.push(BidCall { span, ..call });
    }

    /// Somebody looks at the state.
    pub(crate) fn look(&mut self) {
        let (span, at) = self.span();
        let state = &self.state;
        let ending = ending(state);
        let view = StateView::of(state, at);
        let status = serde_json::to_value(view.status).unwrap();
        self.evidence.reads.push(Read {
            span,
            status: status.as_str().unwrap().to_owned(),
            price: state.price.map(Amount::minor),
            leader: view.leader.map(|_| format!("name of {}", state.lead.as_ref().unwrap().bidder)),
            minimum_next: view.minimum_next.map(Amount::minor),
            buy_now_open: view.buy_now_open,
            ends_at: state.ends_at().map(ms),
            server_time: ms(at),
            seq: state.seq,
            bid_count: state.seq,
            extensions: u64::from(state.extensions),
            has_reserve: view.has_reserve,
            reserve_met: view.reserve_met,
            outcome: ending.outcome,
        });
    }

    /// Whether it is over.
    pub(crate) fn closed(&self) -> bool {
        matches!(self.state.phase, Phase::Closed { .. })
    }

    /// Whether it is paused, or its end is not near.
    pub(crate) fn in_time(&self) -> bool {
        self.state.ends_at().is_none_or(|end| ms(end) > BEGAN + self.now + self.lag_ms + 10)
    }

    /// Lets the time run out, unless it is over already, and gives the evidence.
    pub(crate) fn end(mut self) -> Evidence {
        if matches!(self.state.phase, Phase::Paused { .. }) {
            self.act(Deed::Resume);
        }
        if let Some(closes_at) = self.state.closes_at() {
            self.now = self.now.max(ms(closes_at) + LATE_MS - BEGAN);
            self.close_if_due();
        }
        self.look();
        self.evidence.ending = ending(&self.state);
        self.evidence
    }
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// The server's clock when the clients' shows this.
fn at(now: u64) -> Timestamp {
    Timestamp::from_ms(i64::try_from(BEGAN + now).unwrap())
}

fn ms(at: Timestamp) -> u64 {
    at.as_ms().try_into().unwrap()
}

fn rules(terms: &Terms) -> Rules {
    let minor = |amount: Option<Amount>| amount.map(Amount::minor);
    let bands = terms.increments.bands().iter();
    Rules {
        seller: "seller".to_owned(),
        currency: terms.currency.as_str().to_owned(),
        starting_price: terms.starting_price.minor(),
        reserve: minor(terms.reserve_price),
        buy_now: minor(terms.buy_now_price),
        ceiling: minor(terms.bid_ceiling),
        bands: bands.map(|band| (band.from.minor(), band.step.minor())).collect(),
        opens_at: terms.opens_at.map(ms),
        duration_ms: terms.duration_ms,
        window_ms: terms.soft_close.window_ms,
        extension_ms: terms.soft_close.extension_ms,
        extensions_max: terms.soft_close.max_extensions.into(),
        grace_ms: terms.grace_ms,
    }
}

fn row(event: &Event, bid: &AcceptedBid) -> Row {
    let status = serde_json::to_value(bid.status).unwrap();
    Row {
        position: event.position,
        seq: event.seq,
        epoch: event.epoch,
        bid_id: bid.bid_id.to_string(),
        bidder: bid.bidder.to_string(),
        amount: bid.amount.minor(),
        max: bid.max.minor(),
        currency: bid.currency.as_str().to_owned(),
        status: status.as_str().unwrap().to_owned(),
        price: bid.price.minor(),
        minimum_next: bid.minimum_next.map(Amount::minor),
        buy_now_open: bid.buy_now_open,
        ends_at: ms(bid.ends_at),
        extended: bid.extended,
        placed_at: ms(event.at),
        stamp: ms(bid.stamp),
    }
}

/// What the bidder is told about an accepted bid.
pub(crate) fn told(row: &Row) -> Receipt {
    Receipt {
        bid_id: row.bid_id.clone(),
        seq: row.seq,
        status: row.status.clone(),
        amount: row.amount,
        price: row.price,
        minimum_next: row.minimum_next,
        buy_now_open: row.buy_now_open,
        ends_at: row.ends_at,
        extended: row.extended,
        acknowledged: "queue".to_owned(),
    }
}

fn refused(refusal: &Refusal) -> Answer {
    let (status, code, bound) = match refusal {
        Refusal::BidTooLow { minimum } => (409, "bid-too-low", minimum.map(Amount::minor)),
        Refusal::MaximumNotRaised { maximum } => (409, "maximum-not-raised", Some(maximum.minor())),
        Refusal::BidAboveCeiling { .. } => (422, "bid-above-ceiling", None),
        Refusal::SellerCannotBid => (403, "seller-cannot-bid", None),
        Refusal::NotLive | Refusal::NotDue | Refusal::NotEnded => (409, "auction-not-live", None),
        Refusal::TimeUp | Refusal::Closed => (409, "auction-closed", None),
        Refusal::WrongCurrency { .. } => (422, "invalid-request", None),
    };
    Answer::Refused { status, code: code.to_owned(), bound }
}

fn ending(state: &Auction) -> Ending {
    let (outcome, closed_at) = match &state.phase {
        Phase::Closed { outcome, at } => (Some(outcome), Some(ms(*at))),
        _ => (None, None),
    };
    let (winner, hammer_price, winning_bid) = match outcome {
        Some(Outcome::Sold { winner, hammer_price, bid_id }) => {
            (Some(winner.to_string()), Some(hammer_price.minor()), Some(bid_id.to_string()))
        }
        _ => (None, None, None),
    };
    Ending {
        status: if outcome.is_some() { "closed" } else { "live" }.to_owned(),
        outcome: outcome.map(|outcome| outcome.as_str().to_owned()),
        winner,
        hammer_price,
        winning_bid,
        bid_count: state.seq,
        price: state.price.map(Amount::minor),
        closed_at,
    }
}
