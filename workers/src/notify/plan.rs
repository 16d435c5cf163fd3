//! Who is told what when something happened. Pure: the rules are in one table, and names groups of
//! people where only the database knows them.

use gavel_core::auction::{BidStatus, Event, EventKind, Outcome};
use gavel_core::ids::UserId;
use gavel_core::money::Amount;
use gavel_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What is said. Each kind has its templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Outbid,
    Won,
    Lost,
    Sold,
    Ended,
    Cancelled,
    Opened,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::Outbid,
        Self::Won,
        Self::Lost,
        Self::Sold,
        Self::Ended,
        Self::Cancelled,
        Self::Opened,
    ];

    /// Its name in the table and of its templates.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Outbid => "outbid",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Sold => "sold",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
            Self::Opened => "opened",
        }
    }

    /// The kind with this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What a message can tell of the auction besides its title. Nothing that is not public.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) price: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends_at: Option<Timestamp>,
}

/// Whom to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Audience {
    One(UserId),
    Bidders,
    BiddersBut(UserId),
    Seller,
    Followers,
}

/// Whose older news of being outbid is void now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Calmed {
    Some(Vec<UserId>),
    Everybody,
}

/// All that follows from one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Who takes part from now on.
    pub(super) joins: Option<UserId>,
    pub(super) calmed: Calmed,
    pub(super) tells: Vec<(Audience, Kind)>,
    pub(super) facts: Facts,
}

/// What follows from `event`.
pub(super) fn plan(event: &Event) -> Plan {
    let nothing = Plan {
        joins: None,
        calmed: Calmed::Some(Vec::new()),
        tells: Vec::new(),
        facts: Facts::default(),
    };
    match &event.kind {
        EventKind::Opened { ends_at, .. } => Plan {
            tells: vec![(Audience::Followers, Kind::Opened)],
            facts: Facts { ends_at: Some(*ends_at), ..Facts::default() },
            ..nothing
        },
        EventKind::Bid(bid) => {
            let leads = (bid.status == BidStatus::Leading).then(|| bid.bidder.clone());
            let told = bid.outbid.iter().map(|user| (Audience::One(user.clone()), Kind::Outbid));
            Plan {
                joins: Some(bid.bidder.clone()),
                calmed: Calmed::Some(leads.into_iter().chain(bid.outbid.clone()).collect()),
                tells: told.collect(),
                facts: Facts { price: Some(bid.price), ends_at: Some(bid.ends_at) },
            }
        }
        EventKind::Closed { outcome } => {
            let (tells, price) = closing(outcome);
            let facts = Facts { price, ..Facts::default() };
            Plan { calmed: Calmed::Everybody, tells, facts, ..nothing }
        }
        EventKind::Paused { .. } | EventKind::Resumed { .. } => nothing,
    }
}

fn closing(outcome: &Outcome) -> (Vec<(Audience, Kind)>, Option<Amount>) {
    match outcome {
        Outcome::Sold { winner, hammer_price, .. } => {
            let tells = vec![
                (Audience::One(winner.clone()), Kind::Won),
                (Audience::BiddersBut(winner.clone()), Kind::Lost),
                (Audience::Seller, Kind::Sold),
            ];
            (tells, Some(*hammer_price))
        }
        Outcome::Unsold => {
            (vec![(Audience::Bidders, Kind::Ended), (Audience::Seller, Kind::Ended)], None)
        }
        // Its seller did it, or an administrator, who tells them.
        Outcome::Cancelled => (vec![(Audience::Bidders, Kind::Cancelled)], None),
    }
}

#[cfg(test)]
mod tests {
    use gavel_core::auction::AcceptedBid;
    use gavel_core::ids::{AuctionId, BidId, IdempotencyKey};
    use gavel_core::money::Currency;

    use super::*;

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn event(kind: EventKind) -> Event {
        let auction_id = AuctionId::parse("use1_01928e2c-7f3e-7abc-8def-0123456789ab").unwrap();
        Event { auction_id, position: 2, seq: 1, epoch: 1, at: Timestamp::from_ms(1), kind }
    }

    fn bid(status: BidStatus, outbid: Option<&str>) -> Event {
        let amount = |minor| Amount::new(minor).unwrap();
        let mut event = event(EventKind::Closed { outcome: Outcome::Unsold });
        let key = IdempotencyKey::parse("key").unwrap();
        event.kind = EventKind::Bid(AcceptedBid {
            bid_id: BidId::derive(&event.auction_id, &user("ann"), &key),
            bidder: user("ann"),
            amount: amount(100),
            max: amount(900),
            currency: Currency::USD,
            status,
            outbid: outbid.map(user),
            price: amount(100),
            minimum_next: Some(amount(110)),
            buy_now_open: false,
            ends_at: Timestamp::from_ms(5),
            extended: false,
            stamp: Timestamp::from_ms(1),
        });
        event
    }

    #[test]
    fn whoever_loses_the_lead_hears_of_it_and_nobody_else() {
        let table = [
            (BidStatus::Leading, None, vec!["ann"], vec![]),
            (BidStatus::Leading, Some("bob"), vec!["ann", "bob"], vec!["bob"]),
            (BidStatus::Outbid, None, vec![], vec![]),
        ];
        for (status, outbid, calmed, told) in table {
            let planned = plan(&bid(status, outbid));
            let told: Vec<_> =
                told.into_iter().map(|name| (Audience::One(user(name)), Kind::Outbid)).collect();
            assert_eq!(planned.joins, Some(user("ann")));
            assert_eq!(planned.calmed, Calmed::Some(calmed.into_iter().map(user).collect()));
            assert_eq!(planned.tells, told);
        }
    }

    #[test]
    fn a_maximum_is_never_among_the_facts() {
        let facts = serde_json::to_string(&plan(&bid(BidStatus::Leading, None)).facts).unwrap();
        assert!(!facts.contains("900"), "{facts}");
    }

    #[test]
    fn the_end_is_told_to_whom_it_concerns_and_voids_all_news_of_being_outbid() {
        let id = "use1_01928e2c-7f3e-7abc-8def-0123456789ab_0123456789abcdef0123456789abcdef";
        let sold = Outcome::Sold {
            winner: user("ann"),
            hammer_price: Amount::new(500).unwrap(),
            bid_id: BidId::parse(id).unwrap(),
        };
        let table = [
            (
                sold,
                vec![
                    (Audience::One(user("ann")), Kind::Won),
                    (Audience::BiddersBut(user("ann")), Kind::Lost),
                    (Audience::Seller, Kind::Sold),
                ],
            ),
            (
                Outcome::Unsold,
                vec![(Audience::Bidders, Kind::Ended), (Audience::Seller, Kind::Ended)],
            ),
            (Outcome::Cancelled, vec![(Audience::Bidders, Kind::Cancelled)]),
        ];
        for (outcome, tells) in table {
            let planned = plan(&event(EventKind::Closed { outcome }));
            assert_eq!((planned.calmed, planned.tells), (Calmed::Everybody, tells));
        }
    }

    #[test]
    fn a_pause_is_told_to_nobody() {
        assert!(plan(&event(EventKind::Paused { remaining_ms: 5 })).tells.is_empty());
    }

    #[test]
    fn every_kind_is_known_by_its_name() {
        assert!(Kind::ALL.iter().all(|kind| Kind::parse(kind.name()) == Some(*kind)));
        assert_eq!(Kind::parse("rumour"), None);
    }
}
