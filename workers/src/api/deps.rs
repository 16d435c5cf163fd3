//! What the handlers work with. Each names what it needs in its signature.

use std::sync::Arc;

use axum::extract::FromRef;
use gavel_core::ids::RegionCode;

use super::identity::{Verifier, agreed_s, own_s};
use super::unopened::Unopened;
use crate::catalog::Catalog;
use crate::chat::Chat;
use crate::config::Config;
use crate::history::BidHistory;
use crate::ledger::Ledger;
use crate::notify::{Links, Notifications};
use crate::users::{Devices, Erasures, Roster, Users};
use crate::video::Video;

/// Everything the API needs. Cheap to clone.
#[derive(Clone)]
pub struct Deps {
    pub(super) ledger: Ledger,
    pub(super) catalog: Catalog,
    pub(super) history: History,
    pub(super) users: Users,
    pub(super) roster: Roster,
    pub(super) devices: Option<Devices>,
    pub(super) erasures: Erasures,
    pub(super) chat: Chat,
    pub(super) video: Video,
    pub(super) notifications: Notifications,
    pub(super) links: Links,
    pub(super) policy: Arc<Policy>,
    pub(super) unopened: Unopened,
    pub(super) verifier: Verifier,
    pub(super) metrics: Metrics,
}

/// What the API needs to know people by.
pub struct People {
    pub(crate) users: Users,
    pub(crate) roster: Roster,
    /// Where this deployment sends push notifications.
    pub(crate) devices: Option<Devices>,
    pub(crate) erasures: Erasures,
    pub(crate) chat: Chat,
}

/// The bid history, whatever keeps it.
pub(super) type History = Arc<dyn BidHistory>;

/// Renders the metrics as Prometheus text.
pub(super) type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What a deployment decides.
#[derive(Debug)]
pub(super) struct Policy {
    /// The home region of auctions created here.
    pub(super) region: RegionCode,
    /// Whether creating auctions takes the Cognito group `seller`.
    pub(super) require_seller_group: bool,
}

impl Deps {
    /// Of `config` the region, the policy, the edge's keys and what makes links are used.
    pub fn new(
        config: &Config,
        ledger: Ledger,
        catalog: Catalog,
        history: impl BidHistory + 'static,
        people: People,
        video: Video,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        let policy = Policy {
            region: config.region.clone(),
            require_seller_group: config.require_seller_group,
        };
        let (clock, key) = (ledger.clone(), &config.edge_key);
        let clock = Arc::new(move || agreed_s(clock.roughly_now(), own_s()));
        Self {
            verifier: Verifier::new(key, config.edge_key_previous.as_ref(), clock),
            ledger,
            notifications: Notifications::new(&catalog),
            links: Links::of(config),
            catalog,
            history: Arc::new(history),
            users: people.users,
            roster: people.roster,
            devices: people.devices,
            erasures: people.erasures,
            chat: people.chat,
            video,
            policy: Arc::new(policy),
            unopened: Unopened::new(),
            metrics: Arc::new(metrics),
        }
    }
}

macro_rules! part {
    ($field:ident: $part:ty) => {
        impl FromRef<Deps> for $part {
            fn from_ref(deps: &Deps) -> Self {
                deps.$field.clone()
            }
        }
    };
}

part!(ledger: Ledger);
part!(catalog: Catalog);
part!(history: History);
part!(users: Users);
part!(roster: Roster);
part!(devices: Option<Devices>);
part!(erasures: Erasures);
part!(chat: Chat);
part!(video: Video);
part!(notifications: Notifications);
part!(links: Links);
part!(policy: Arc<Policy>);
part!(unopened: Unopened);
part!(metrics: Metrics);
