//! Assembling a worker: connect, start the chosen roles, and stop them in the right order.
//!
//! Stopping: first no new requests and those at hand answered (which needs the relay), then the
//! sequencers, then the roles that carry events on. Nothing acknowledged depends on any of it.

mod clients;
mod tasks;

use anyhow::{Context, anyhow};
use clap::ValueEnum;
use redis::ErrorKind;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::clients::Clients;
use self::tasks::{Tasks, drained};
use crate::catalog::{Catalog, CatalogError};
use crate::chat::{self, Archive, Chat, Mutes, Outgoing};
use crate::config::Config;
use crate::ledger::keys::Outlet;
use crate::ledger::{self, Ledger, Wakes};
use crate::limits::{METRICS_UPKEEP, TIMER_CONNECTIONS_MAX, WAKE_SILENCE_MAX};
use crate::notify::{self, Directory, Links, Notifications, Post};
use crate::redis::{Redis, connect};
use crate::relay::{self, EventQueue};
use crate::users::{Accounts, Devices, Eraser, Greeter, Left, Users};
use crate::video::{self, Pace, PlaybackKey, Spare, Video};
use crate::{api, history, shutdown, telemetry, timer};

/// What a worker process can do. Every process also serves health and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything.
    All,
    /// Answers requests from the edge.
    Api,
    /// Carries events from Redis to the queues.
    Relay,
    /// Carries bids from SQS to DynamoDB.
    History,
    /// Tells people of their auctions: SQS to SES and SNS.
    Notify,
    /// Closes auctions on time and records their results.
    Timer,
    /// Carries chat messages from SQS to DynamoDB.
    Chat,
    /// Makes and takes down video channels, and puts prices into streams.
    Video,
}

/// Brings the database's tables up to date.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let (catalog, answer) = connect_catalog(config).await?;
    answer.context("cannot connect to PostgreSQL")?;
    catalog.migrate().await.context("cannot migrate the database")?;
    let keyed = Users::new(&catalog).key_names().await.context("cannot key the names of people")?;
    tracing::info!(names_keyed = keyed, "database is up to date");
    Ok(())
}

/// Serves `roles` until a signal, or until one of them ends by itself.
pub async fn run(config: Config, roles: &[Role]) -> anyhow::Result<()> {
    let plays = |role| roles.contains(&role) || roles.contains(&Role::All);
    let metrics = telemetry::start_metrics().context("cannot start metrics")?;
    let worker = Worker::connect(config).await?;
    let listener = TcpListener::bind(worker.config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", worker.config.listen))?;
    let address = listener.local_addr().context("cannot tell the address")?;

    let (mut tasks, mut serving) = (Tasks::default(), Tasks::default());
    let keeping = telemetry::keep_up(metrics.clone(), METRICS_UPKEEP, worker.stop.clone());
    tasks.start("upkeep of metrics", keeping);
    worker.follow_redis(&mut tasks);
    if plays(Role::Api) {
        worker.watch_room(&mut tasks);
    }
    if plays(Role::Relay) {
        worker.relay(&mut tasks);
    }
    if plays(Role::History) {
        worker.history(&mut tasks);
    }
    if plays(Role::Chat) {
        worker.chat(&mut tasks);
    }
    if plays(Role::Notify) {
        worker.notify(&mut tasks)?;
    }
    if plays(Role::Video) {
        worker.video(&mut tasks);
    }
    if plays(Role::Timer) {
        worker.timer(&mut serving);
    }
    let people = worker.people(plays(Role::Api), &mut tasks);
    let deps = worker.deps(people, move || metrics.render());
    let router = if plays(Role::Api) { api::router(deps) } else { api::operations(deps) };
    serving.start("api", api::serve(listener, router, worker.stop_api.clone()));
    tracing::info!(%address, region = %worker.config.region, ?roles, "worker started");

    let ended = tokio::select! {
        signal = shutdown::requested() => {
            tracing::info!(signal = signal.context("cannot wait for signals")?, "stopping");
            None
        }
        name = tasks.first_end() => Some(name),
        name = serving.first_end() => Some(name),
    };
    worker.stop_api.cancel();
    serving.finish().await;
    drained("sequencers", worker.ledger.drain()).await;
    worker.stop.cancel();
    tasks.finish().await;
    tracing::info!("worker stopped");
    ended.map_or(Ok(()), |name| Err(anyhow!("{name} ended by itself")))
}

/// A worker that is connected to everything.
struct Worker {
    config: Config,
    clients: Clients,
    redis: Redis,
    wakes: Wakes,
    ledger: Ledger,
    catalog: Catalog,
    /// With connections of its own, so that no crowd of requests keeps auctions from opening.
    timers_catalog: Catalog,
    /// One for all roles: it paces the process's calls of IVS.
    video: Video,
    /// Ends what takes requests.
    stop_api: CancellationToken,
    /// Ends everything else.
    stop: CancellationToken,
}

impl Worker {
    async fn connect(config: Config) -> anyhow::Result<Self> {
        let clients = Clients::load().await;
        let urls = config.redis_url.expose_secret();
        let connecting = connect(urls, config.redis_cluster, config.shards);
        let redis = connecting.await.context("cannot connect to Redis")?;
        match redis.agree_on_shards().await {
            Err(error) if error.kind() == ErrorKind::InvalidClientConfig => {
                return Err(error).context("GAVEL_SHARDS must be the same for all workers");
            }
            Err(error) => {
                tracing::warn!(?error, "starting without having compared the number of shards");
            }
            Ok(()) => {}
        }
        let (catalog, answer) = connect_catalog(&config).await?;
        if let Err(error) = answer {
            // Bids and closings do without it, and a worker that would not start could take none.
            tracing::warn!(?error, "PostgreSQL does not answer; starting without it");
        }
        let url = config.database_url.expose_secret();
        let timers_catalog = Catalog::new(url, TIMER_CONNECTIONS_MAX)?;
        let wakes = Wakes::new(&redis);
        let ledger = Ledger::new(&redis, wakes.clone(), config.acknowledge);
        let key = config.playback_key.as_ref().and_then(PlaybackKey::parse);
        let video = Video::new(&catalog, clients.ivs(), config.deployment.clone(), key);
        let (stop_api, stop) = (CancellationToken::new(), CancellationToken::new());
        Ok(Self {
            config,
            clients,
            redis,
            wakes,
            ledger,
            catalog,
            timers_catalog,
            video,
            stop_api,
            stop,
        })
    }

    fn follow_redis(&self, tasks: &mut Tasks) {
        tasks.start("clock", self.ledger.clone().keep_time(self.stop.clone()));
        tasks.start("topology", self.redis.connection.clone().follow(self.stop.clone()));
        let (redis, wakes) = (self.redis.clone(), self.wakes.clone());
        let listening = ledger::listen(redis, wakes, WAKE_SILENCE_MAX, self.stop.clone());
        tasks.start("wake-ups", listening);
        let (redis, wakes) = (self.redis.clone(), self.wakes.clone());
        tasks.start("wake-ups of others", ledger::tell(redis, wakes, self.stop.clone()));
    }

    fn watch_room(&self, tasks: &mut Tasks) {
        let (redis, full_percent) = (self.redis.clone(), self.config.redis_full_percent);
        let watching = self.ledger.room().watch(redis, full_percent, self.stop.clone());
        tasks.start("room for bids", watching);
    }

    fn relay(&self, tasks: &mut Tasks) {
        let (sender, config) = (self.clients.sqs_sender(), &self.config);
        for (name, outlet, url) in [
            ("relay", Outlet::Bids, &config.sqs_bid_queue_url),
            ("relay of messages", Outlet::Messages, &config.sqs_notification_queue_url),
        ] {
            let queue = EventQueue::new(sender.clone(), url.clone());
            let (redis, wakes) = (self.redis.clone(), self.wakes.clone());
            tasks.start(name, relay::run(redis, wakes, outlet, queue, self.stop.clone()));
        }
        let (redis, wakes) = (self.redis.clone(), self.wakes.clone());
        tasks.start("watch of the outboxes", relay::watch(redis, wakes, self.stop.clone()));
    }

    fn bids(&self) -> history::DynamoBidHistory {
        let table = self.config.dynamodb_bids_table.clone();
        history::DynamoBidHistory::new(self.clients.dynamodb(), table)
    }

    fn history(&self, tasks: &mut Tasks) {
        let (queue, url) = (self.clients.sqs_receiver(), self.config.sqs_bid_queue_url.clone());
        let consumer = history::Consumer::new(queue, url, self.bids());
        tasks.start("history", consumer.run(self.stop.clone()));
    }

    fn archive(&self) -> Archive {
        Archive::new(self.clients.dynamodb(), self.config.dynamodb_chat_table.clone())
    }

    fn chat(&self, tasks: &mut Tasks) {
        let (queue, url) = (self.clients.sqs_receiver(), self.config.sqs_chat_queue_url.clone());
        let keeper = chat::keeper(queue, url, self.archive());
        tasks.start("chat", keeper.run(self.stop.clone()));
    }

    fn notify(&self, tasks: &mut Tasks) -> anyhow::Result<()> {
        let (config, clients) = (&self.config, &self.clients);
        let notifications = Notifications::new(&self.catalog);
        let queue = clients.sqs_receiver();
        let url = config.sqs_notification_queue_url.clone();
        let consumer = notify::Consumer::new(queue.clone(), url, notifications.clone());
        tasks.start("notifications", consumer.run(self.stop.clone()));
        if let Some(url) = config.sqs_email_feedback_queue_url.clone() {
            let consumer = notify::FeedbackConsumer::new(queue, url, notifications.clone());
            tasks.start("feedback on e-mail", consumer.run(self.stop.clone()));
        }
        let post = Post::new(
            clients.ses(),
            clients.sns_post(),
            config.email_from.clone(),
            config.email_configuration_set.clone(),
        );
        let pool = config.cognito_user_pool_id.clone();
        let directory = Directory::new(clients.cognito_directory(), pool);
        let links = Links::of(config);
        let rate = config.email_rate_per_s;
        let sender = notify::Sender::new(notifications, directory, post, links, rate);
        let sender = sender.map_err(|error| anyhow!(error)).context("a template is not valid")?;
        tasks.start("sending of messages", sender.run(self.stop.clone()));
        Ok(())
    }

    fn video(&self, tasks: &mut Tasks) {
        let config = &self.config;
        let spare = Spare { public: config.video_pool, private: config.video_private_pool };
        let (video, ledger) = (self.video.clone(), self.ledger.clone());
        tasks.start("video", video::run(video, ledger, spare, Pace::default(), self.stop.clone()));
    }

    fn timer(&self, serving: &mut Tasks) {
        let (ledger, catalog) = (self.ledger.clone(), self.timers_catalog.clone());
        serving.start("timer", timer::run(ledger, catalog, self.stop_api.clone()));
    }

    /// What the API knows people by. Where it answers requests, it also looks after them.
    fn people(&self, api: bool, tasks: &mut Tasks) -> api::People {
        let (config, users) = (&self.config, Users::new(&self.catalog));
        // Where push notifications are sent, if this deployment sends any.
        let application = config.push_application_arn.clone();
        let devices = application.map(|arn| Devices::new(self.clients.sns_devices(), arn));
        let pool = config.cognito_user_pool_id.clone();
        let (greeter, roster) = Greeter::new(users.clone());
        let left = Left {
            accounts: Accounts::new(self.clients.cognito(), pool),
            devices: devices.clone(),
            notifications: Notifications::new(&self.catalog),
        };
        let (eraser, erasures) = Eraser::new(users.clone(), left);
        if api {
            tasks.start("profiles of newcomers", greeter.run(self.stop.clone()));
            tasks.start("deletion of accounts", eraser.run(self.stop.clone()));
        }
        let url = config.sqs_chat_queue_url.clone();
        let outgoing = Outgoing::new(self.clients.sqs_sender(), url);
        let (archive, mutes) = (self.archive(), Mutes::new(&self.catalog));
        let chat = Chat::new(&self.redis, archive, outgoing, mutes, config.chat_interval_ms);
        api::People { users, roster, devices, erasures, chat }
    }

    fn deps(
        &self,
        people: api::People,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> api::Deps {
        let (ledger, catalog, video) =
            (self.ledger.clone(), self.catalog.clone(), self.video.clone());
        api::Deps::new(&self.config, ledger, catalog, self.bids(), people, video, metrics)
    }
}

/// The catalogue, and whether it answers. One that refuses us (a wrong password, no such database) is an
/// error.
async fn connect_catalog(config: &Config) -> anyhow::Result<(Catalog, Result<(), CatalogError>)> {
    let url = config.database_url.expose_secret();
    let catalog = Catalog::new(url, config.postgres_connections)?;
    match catalog.ping().await {
        Err(error @ CatalogError::Broken(_)) => {
            Err(error).context("PostgreSQL refuses the connection")
        }
        answer => Ok((catalog, answer)),
    }
}
