//! The crowd's world: three workers behind a balancer, one edge, a seller, and people with tokens.

use std::future::Future;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use futures::future::{try_join, try_join_all};
use gavel_local::{Options, WorkerOptions, edge, stack};
use gavel_tests::checker::evidence::Deed;
use gavel_tests::checker::log::Log;
use gavel_tests::issuer::claims;
use gavel_tests::{Bidder, Fault, Issuer, Proxy, Spread, WITHIN, World, eventually};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::bidder::Player;
use crate::lots::{self, KINDS, Lot};
use crate::stunts::{Performer, Stunt};

/// How many of the crowd ask at once: more than ever do where answers are quick. Where they are slow,
/// the crowd asks less, instead of waiting ever longer.
const ASKING_MAX: usize = 64;
/// Bids that come before a seller ends a lot.
const BEFORE_THE_HAMMER: usize = 5;

/// Everything of one run.
pub(crate) struct Crowd {
    pub(crate) world: World,
    pub(crate) log: Log,
    turns: Semaphore,
    people: Vec<Bidder>,
    /// Those of the stunts.
    performers: Vec<Bidder>,
    seed: u64,
    _spread: Spread,
    _keys: Proxy,
}

impl Crowd {
    /// Starts it all.
    pub(crate) async fn start(seed: u64, bidders: usize) -> Result<Self> {
        let (spread, keys) = (Spread::start().await?, Proxy::start("http://127.0.0.1:1").await?);
        let mut options = Options::for_tests()?;
        options.workers = ["first", "second", "third"].map(WorkerOptions::named).into();
        options.edge_variables = edge::region(stack::REGION, std::slice::from_ref(&spread.url));
        options.edge_variables.push(("cognito_jwks_origin".to_owned(), keys.url.clone()));
        let world = World::start_with(options).await?;
        spread.over(world.stack.workers.iter().map(|worker| worker.address()).collect());
        let mut people = people(&world, &keys, bidders + 2).await?;
        let performers = people.split_off(bidders);
        let (log, turns) = (Log::default(), Semaphore::new(ASKING_MAX));
        Ok(Self { world, log, turns, people, performers, seed, _spread: spread, _keys: keys })
    }

    /// Creates the wanted lots; none is open yet.
    pub(crate) async fn lots(
        &self,
        leisure: u32,
        wanted: impl Fn(&Lot) -> bool,
    ) -> Result<Vec<Lot>> {
        let mut lots = lots::all(leisure);
        ensure!(lots.len() == KINDS, "{} lots", lots.len());
        lots.retain(wanted);
        for lot in &mut lots {
            lot.id = self.world.auction(lot.terms.clone()).await?;
        }
        Ok(lots)
    }

    /// Everything that happens at a lot, from its opening until it is over and every request at it is
    /// settled. Nobody waits for the other lots, so that none is over before its people come.
    pub(crate) async fn play(&self, lot: &Lot) -> Result<()> {
        let World { edge, seller, .. } = &self.world;
        if lot.is_opened() {
            self.log.act(edge, &lot.id, seller, Deed::Open).await?;
        }
        let playing = try_join_all(self.players(lot));
        let others = async {
            if lot.stunt == Stunt::Return {
                self.drive(lot).await?;
                return self.perform(lot).await;
            }
            try_join(self.drive(lot), self.perform(lot)).await.map(drop)
        };
        try_join(others, playing).await.map(drop)
    }

    /// Does what the seller of a lot has in mind, unless it is over before.
    async fn drive(&self, lot: &Lot) -> Result<()> {
        let World { edge, seller, .. } = &self.world;
        for (pause, deed) in &lot.script {
            tokio::time::sleep(*pause).await;
            if matches!(deed, Deed::Close | Deed::Cancel) {
                let look = async || Ok(lot.accepted());
                let enough = |bids: &usize| *bids >= BEFORE_THE_HAMMER;
                eventually("bids before the hammer", WITHIN, look, enough).await?;
            }
            if !self.log.act(edge, &lot.id, seller, *deed).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Has done at a lot what a crowd does too seldom.
    async fn perform(&self, lot: &Lot) -> Result<()> {
        let (edge, log) = (&self.world.edge, &self.log);
        let [first, second] =
            [0, 1].map(|index| Performer { who: &self.performers[index], lot, edge, log });
        first.perform(&second).await;
        Ok(())
    }

    /// Everybody at a lot. Its seller is among its bidders, too.
    fn players<'a>(
        &'a self,
        lot: &'a Lot,
    ) -> impl Iterator<Item = impl Future<Output = Result<()>> + 'a> + 'a {
        let sellers = std::iter::repeat_n(&self.world.seller, KINDS);
        let everybody = sellers.chain(&self.people).enumerate();
        let here = everybody.filter(move |(index, _)| index % KINDS == lot.kind);
        here.map(move |(index, who)| {
            let index = u64::try_from(index).unwrap_or(0);
            let rng = Rng::with_seed(self.seed.wrapping_add(index));
            Player::new(who, lot, rng, &self.turns).play(&self.world.edge, &self.log)
        })
    }
}

/// Tokens that the edge accepts, of a key that is added to the pool's key set on its way there:
/// hundreds of accounts in the user pool would take longer than the auctions.
async fn people(world: &World, keys: &Proxy, count: usize) -> Result<Vec<Bidder>> {
    let settings = &world.stack.settings;
    let url =
        format!("{}/{}/.well-known/jwks.json", settings.aws_endpoint_url, settings.user_pool_id);
    let mut set: Value = reqwest::get(url).await?.json().await?;
    let issuer = Issuer::new("crowd")?;
    set["keys"].as_array_mut().context("a key set")?.push(issuer.jwk());
    keys.rule(move |_| Fault::Answer(200, set.to_string()));
    let person = |number: usize| {
        let subject = format!("bidder-{number:03}");
        let claims = claims(&settings.issuer, &settings.app_client_id, &subject);
        Ok(Bidder { token: issuer.sign(&claims)?, subject })
    };
    (0..count).map(person).collect()
}
