//! Assembling a worker: connect, start the chosen roles, and stop them in the right order.
//!
//! Stopping: first no new requests and those at hand answered (which needs the relay), then the
//! sequencers, then the roles that carry events on. Nothing acknowledged depends on any of it.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, anyhow};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use clap::ValueEnum;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::chat::{self, Archive, Chat, Mutes, Outgoing};
use crate::config::Config;
use crate::ledger::keys::Outlet;
use crate::ledger::{self, Ledger, Redis, Wakes};
use crate::limits::{
    ACCOUNT_CALL_MAX, AWS_CONNECT_MAX, DRAIN_MAX, DYNAMODB_CALL_MAX, IVS_CALL_MAX, NOTIFY_CALL_MAX,
    SQS_RECEIVE_MAX, SQS_SEND_MAX, WAKE_SILENCE_MAX,
};
use crate::notify::{self, Directory, Links, Notifications, Post};
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
    let catalog = connect_catalog(config).await?;
    catalog.migrate().await.context("cannot migrate the database")?;
    tracing::info!("database is up to date");
    Ok(())
}

/// Serves `roles` until a signal, or until one of them ends by itself.
pub async fn run(config: Config, roles: &[Role]) -> anyhow::Result<()> {
    let plays = |role| roles.contains(&role) || roles.contains(&Role::All);
    let metrics = telemetry::start_metrics().context("cannot start metrics")?;
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let redis = connect_redis(&config).await?;
    let catalog = connect_catalog(&config).await?;
    let table = config.dynamodb_bids_table.clone();
    let bids = history::DynamoBidHistory::new(dynamodb(&aws), table);
    let video = video(&config, &catalog, &aws);
    let wakes = Wakes::new(&redis);
    let ledger = Ledger::new(&redis, wakes.relayed.clone(), config.acknowledge);
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr().context("cannot tell the address")?;

    let (stop_api, stop) = (CancellationToken::new(), CancellationToken::new());
    let mut tasks = Tasks::default();
    tasks.start("topology", redis.connection.clone().follow(stop.clone()));
    let listening = ledger::listen(redis.clone(), wakes.clone(), WAKE_SILENCE_MAX, stop.clone());
    tasks.start("wake-ups", listening);
    let archive = Archive::new(dynamodb(&aws), config.dynamodb_chat_table.clone());
    if plays(Role::Chat) {
        let queue = sqs(&aws, SQS_RECEIVE_MAX);
        let keeper = chat::keeper(queue, config.sqs_chat_queue_url.clone(), archive.clone());
        tasks.start("chat", keeper.run(stop.clone()));
    }
    let outgoing = Outgoing::new(sqs(&aws, SQS_SEND_MAX), config.sqs_chat_queue_url.clone());
    let chat = Chat::new(&redis, archive, outgoing, Mutes::new(&catalog), config.chat_interval_ms);
    if plays(Role::Relay) {
        let sender = sqs(&aws, SQS_SEND_MAX);
        for (name, outlet, url) in [
            ("relay", Outlet::Bids, &config.sqs_bid_queue_url),
            ("relay of messages", Outlet::Messages, &config.sqs_notification_queue_url),
        ] {
            let queue = EventQueue::new(sender.clone(), url.clone());
            let relay = relay::run(redis.clone(), wakes.clone(), outlet, queue, stop.clone());
            tasks.start(name, relay);
        }
    }
    if plays(Role::History) {
        let consumer = history::Consumer::new(
            sqs(&aws, SQS_RECEIVE_MAX),
            config.sqs_bid_queue_url.clone(),
            bids.clone(),
        );
        tasks.start("history", consumer.run(stop.clone()));
    }
    if plays(Role::Notify) {
        start_notify(&mut tasks, &config, &aws, &catalog, &stop)?;
    }
    let mut serving = Tasks::default();
    if plays(Role::Timer) {
        serving.start("timer", timer::run(ledger.clone(), catalog.clone(), stop_api.clone()));
    }
    if plays(Role::Video) {
        let spare = Spare { public: config.video_pool, private: config.video_private_pool };
        let (video, ledger) = (video.clone(), ledger.clone());
        tasks.start("video", video::run(video, ledger, spare, Pace::default(), stop.clone()));
    }
    let users = Users::new(&catalog);
    let (greeter, roster) = Greeter::new(users.clone());
    let left = Left {
        accounts: accounts(&aws, &config),
        devices: devices(&aws, &config),
        notifications: Notifications::new(&catalog),
    };
    let (eraser, erasures) = Eraser::new(users.clone(), left);
    if plays(Role::Api) {
        tasks.start("profiles of newcomers", greeter.run(stop.clone()));
        tasks.start("deletion of accounts", eraser.run(stop.clone()));
    }
    let people = api::People { users, roster, devices: devices(&aws, &config), erasures, chat };
    let render = move || metrics.render();
    let deps = api::Deps::new(&config, ledger.clone(), catalog, bids, people, video, render);
    let router = if plays(Role::Api) { api::router(deps) } else { api::operations(deps) };
    serving.start("api", api::serve(listener, router, stop_api.clone()));
    tracing::info!(%address, region = %config.region, ?roles, "worker started");

    let ended = tokio::select! {
        signal = shutdown::requested() => {
            tracing::info!(signal = signal.context("cannot wait for signals")?, "stopping");
            None
        }
        name = tasks.first_end() => Some(name),
        name = serving.first_end() => Some(name),
    };
    stop_api.cancel();
    serving.finish().await;
    drained("sequencers", ledger.drain()).await;
    stop.cancel();
    tasks.finish().await;
    tracing::info!("worker stopped");
    ended.map_or(Ok(()), |name| Err(anyhow!("{name} ended by itself")))
}

/// Starts all that tells people of their auctions.
fn start_notify(
    tasks: &mut Tasks,
    config: &Config,
    aws: &SdkConfig,
    catalog: &Catalog,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let notifications = Notifications::new(catalog);
    let queue = sqs(aws, SQS_RECEIVE_MAX);
    let url = config.sqs_notification_queue_url.clone();
    let consumer = notify::Consumer::new(queue.clone(), url, notifications.clone());
    tasks.start("notifications", consumer.run(stop.clone()));
    if let Some(url) = config.sqs_email_feedback_queue_url.clone() {
        let consumer = notify::FeedbackConsumer::new(queue, url, notifications.clone());
        tasks.start("feedback on e-mail", consumer.run(stop.clone()));
    }
    let timeouts = timeouts(NOTIFY_CALL_MAX);
    let cognito = aws_sdk_cognitoidentityprovider::config::Builder::from(aws);
    let cognito = cognito.timeout_config(timeouts.clone()).build();
    let cognito = aws_sdk_cognitoidentityprovider::Client::from_conf(cognito);
    // A repeat of these sends a second message: only the sender may decide on one.
    let ses = aws_sdk_sesv2::config::Builder::from(aws).timeout_config(timeouts.clone());
    let ses = ses.retry_config(RetryConfig::disabled()).build();
    let sns = aws_sdk_sns::config::Builder::from(aws).timeout_config(timeouts);
    let sns = sns.retry_config(RetryConfig::disabled()).build();
    let post = Post::new(
        aws_sdk_sesv2::Client::from_conf(ses),
        aws_sdk_sns::Client::from_conf(sns),
        config.email_from.clone(),
        config.email_configuration_set.clone(),
    );
    let sender = notify::Sender::new(
        notifications,
        Directory::new(cognito, config.cognito_user_pool_id.clone()),
        post,
        Links::new(config.public_url.clone(), config.link_key.clone()),
        config.email_rate_per_s,
    );
    let sender = sender.map_err(|error| anyhow!(error)).context("a template is not valid")?;
    tasks.start("sending of messages", sender.run(stop.clone()));
    Ok(())
}

/// An SQS client whose calls end after `longest`: the SDK itself would wait for an answer for ever.
fn sqs(aws: &SdkConfig, longest: Duration) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::config::Builder::from(aws).timeout_config(timeouts(longest));
    aws_sdk_sqs::Client::from_conf(config.build())
}

fn dynamodb(aws: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let timeouts = timeouts(DYNAMODB_CALL_MAX);
    let config = aws_sdk_dynamodb::config::Builder::from(aws).timeout_config(timeouts);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

fn accounts(aws: &SdkConfig, config: &Config) -> Accounts {
    let timeouts = timeouts(ACCOUNT_CALL_MAX);
    let cognito = aws_sdk_cognitoidentityprovider::config::Builder::from(aws);
    let cognito = cognito.timeout_config(timeouts).build();
    let client = aws_sdk_cognitoidentityprovider::Client::from_conf(cognito);
    Accounts::new(client, config.cognito_user_pool_id.clone())
}

/// Where push notifications are sent, if this deployment sends any.
fn devices(aws: &SdkConfig, config: &Config) -> Option<Devices> {
    let application = config.push_application_arn.clone()?;
    let sns = aws_sdk_sns::config::Builder::from(aws).timeout_config(timeouts(ACCOUNT_CALL_MAX));
    Some(Devices::new(aws_sdk_sns::Client::from_conf(sns.build()), application))
}

/// Video, with a client of IVS that never repeats a call by itself: see [`crate::video`].
fn video(config: &Config, catalog: &Catalog, aws: &SdkConfig) -> Video {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(AWS_CONNECT_MAX)
        .operation_timeout(IVS_CALL_MAX)
        .build();
    let client = aws_sdk_ivs::config::Builder::from(aws)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .build();
    let key = config.playback_key.as_ref().and_then(PlaybackKey::parse);
    let client = aws_sdk_ivs::Client::from_conf(client);
    Video::new(catalog, client, config.deployment.clone(), key)
}

fn timeouts(longest: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(AWS_CONNECT_MAX)
        .operation_attempt_timeout(longest / 3)
        .operation_timeout(longest)
        .build()
}

async fn connect_redis(config: &Config) -> anyhow::Result<Redis> {
    let urls = config.redis_url.expose_secret();
    let connecting = ledger::connect(urls, config.redis_cluster, config.shards);
    connecting.await.context("cannot connect to Redis")
}

async fn connect_catalog(config: &Config) -> anyhow::Result<Catalog> {
    let url = config.database_url.expose_secret();
    Catalog::connect(url, config.postgres_connections).await.context("cannot connect to PostgreSQL")
}

/// Named tasks that should run until they are told to stop.
#[derive(Default)]
struct Tasks {
    running: JoinSet<&'static str>,
}

impl Tasks {
    fn start(&mut self, name: &'static str, role: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(async move {
            role.await;
            name
        });
    }

    /// The first task that ends or panics.
    async fn first_end(&mut self) -> &'static str {
        match self.running.join_next().await {
            Some(Ok(name)) => name,
            Some(Err(error)) => {
                tracing::error!(%error, "a role panicked");
                "a role"
            }
            None => std::future::pending().await,
        }
    }

    /// Waits until all have ended, for at most [`DRAIN_MAX`].
    async fn finish(mut self) {
        drained("roles", async { while self.running.join_next().await.is_some() {} }).await;
    }
}

async fn drained(what: &'static str, end: impl Future<Output = ()>) {
    if tokio::time::timeout(DRAIN_MAX, end).await.is_err() {
        tracing::warn!(what, "not drained in time, stopping anyway");
    }
}
