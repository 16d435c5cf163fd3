//! Real services, and the role's parts in this process.

use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use gavel_core::auction::{AcceptedBid, BidStatus, Event, EventKind, Outcome};
use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, RegionCode, UserId};
use gavel_core::money::{Amount, Currency};
use gavel_core::time::Timestamp;
use gavel_core::wire::CreateAuction;
use gavel_local::{Options, Stack};
use gavel_workers::catalog::{Catalog, NewAuction};
use gavel_workers::notify::{
    Consumer, Directory, FeedbackConsumer, Links, Notifications, Post, Sender,
};
use gavel_workers::relay::EventBatch;
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::front::Front;

/// How long anything here may take to come true.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) front: Front,
    pub(crate) notifications: Notifications,
    pub(crate) auction: AuctionId,
    pub(crate) seller: UserId,
    catalog: Catalog,
    stack: Stack,
    pool: PgPool,
    stop: CancellationToken,
    running: JoinSet<()>,
}

/// What every lot here is called.
pub(crate) const TITLE: &str = "A <b>walnut</b> desk";

/// Mails as SES has them, oldest first.
#[derive(Debug)]
pub(crate) struct Mails(pub(crate) Vec<Value>);

impl Mails {
    /// Addresses and subjects, in order of the addresses.
    pub(crate) fn told(&self) -> Vec<(String, String)> {
        let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
        let mut all: Vec<_> =
            self.0.iter().map(|mail| (text(&mail["To"][0]), text(&mail["Subject"]))).collect();
        all.sort_unstable();
        all
    }
}

pub(crate) fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

pub(crate) async fn world() -> World {
    let options = Options::services_for_tests().expect("ports are free");
    let stack = Stack::start(options).await.expect("infra/local/install has run");
    let catalog = Catalog::new(&stack.settings.database_url, 5).unwrap();
    catalog.migrate().await.unwrap();
    let pool = PgPool::connect(&stack.settings.database_url).await.unwrap();
    let subject = stack.sign_in("seller").await.unwrap().subject().unwrap();
    let seller = UserId::parse(&subject).unwrap();
    let auction = lot(&catalog, &seller).await;
    let front = Front::start(&stack.settings.aws_endpoint_url).await;
    let notifications = Notifications::new(&catalog);
    World {
        front,
        catalog,
        notifications,
        auction,
        seller,
        stack,
        pool,
        stop: CancellationToken::new(),
        running: JoinSet::new(),
    }
}

/// A new auction of a desk.
async fn lot(catalog: &Catalog, seller: &UserId) -> AuctionId {
    let body = json!({ "title": TITLE, "starting_price": 100, "duration_s": 600 });
    let id = AuctionId::new(&RegionCode::parse("use1").unwrap(), Uuid::now_v7());
    let new = NewAuction {
        id: id.clone(),
        seller,
        request: &CreateAuction::parse(body.to_string().as_bytes()).unwrap(),
        idempotency_key: &IdempotencyKey::parse(id.as_str()).unwrap(),
        request_sha256: "digest",
    };
    catalog.create(new).await.unwrap();
    id
}

impl World {
    /// From now on, events are of another auction with the same title.
    pub(crate) async fn another_lot(&mut self) {
        self.auction = lot(&self.catalog, &self.seller).await;
    }

    /// The auction as a subject names it.
    pub(crate) fn named(&self) -> String {
        let id = self.auction.as_str();
        format!("{TITLE} (lot {})", &id[id.len() - 8..])
    }

    /// Starts reading the queues.
    pub(crate) fn consume(&mut self) {
        let (aws, settings) = (&self.stack.aws, &self.stack.settings);
        let url = settings.notification_queue_url.clone();
        let consumer = Consumer::new(aws.sqs.clone(), url, self.notifications.clone());
        self.running.spawn(consumer.run(self.stop.clone()));
        let url = settings.email_feedback_queue_url.clone();
        let feedback = FeedbackConsumer::new(aws.sqs.clone(), url, self.notifications.clone());
        self.running.spawn(feedback.run(self.stop.clone()));
    }

    /// Starts sending; several senders may run at once.
    pub(crate) fn deliver(&mut self) {
        let (aws, settings) = (&self.stack.aws, &self.stack.settings);
        let ses = aws.ses.config().to_builder().endpoint_url(self.front.url());
        let ses = ses.retry_config(aws_sdk_sesv2::config::retry::RetryConfig::disabled()).build();
        let post = Post::new(
            aws_sdk_sesv2::Client::from_conf(ses),
            aws.sns.clone(),
            settings.email_from.clone(),
            Some(settings.email_configuration_set.clone()),
        );
        let directory = Directory::new(aws.cognito.clone(), settings.user_pool_id.clone());
        let key = SecretString::from(settings.link_key.clone());
        let links = Links::new(settings.public_url.clone(), key, None);
        let sender = Sender::new(self.notifications.clone(), directory, post, links, 50).unwrap();
        self.running.spawn(sender.run(self.stop.clone()));
    }

    /// All roles end when they are told to.
    pub(crate) async fn stop_all(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(WITHIN, self.running.join_all()).await;
        assert!(ended.is_ok(), "the role does not stop");
    }

    pub(crate) async fn user(&self, account: &str) -> UserId {
        UserId::parse(&self.stack.sign_in(account).await.unwrap().subject().unwrap()).unwrap()
    }

    pub(crate) fn bid_id(&self, bidder: &UserId) -> BidId {
        BidId::derive(&self.auction, bidder, &IdempotencyKey::parse("key").unwrap())
    }

    pub(crate) fn event(&self, position: u64, kind: EventKind) -> Event {
        let at = Timestamp::from_ms(1_795_411_020_000);
        Event { auction_id: self.auction.clone(), position, seq: position, epoch: 1, at, kind }
    }

    /// A bid that leads.
    pub(crate) fn bid(
        &self,
        position: u64,
        bidder: &UserId,
        outbid: Option<&UserId>,
        price: u64,
    ) -> Event {
        let at = Timestamp::from_ms(1_795_411_020_000);
        let accepted = AcceptedBid {
            bid_id: self.bid_id(bidder),
            bidder: bidder.clone(),
            amount: amount(price),
            max: amount(price),
            currency: Currency::USD,
            status: BidStatus::Leading,
            outbid: outbid.cloned(),
            price: amount(price),
            minimum_next: Some(amount(price + 100)),
            buy_now_open: false,
            ends_at: at.plus_ms(60_000),
            extended: false,
            stamp: at.plus_ms(position),
        };
        self.event(position, EventKind::Bid(accepted))
    }

    pub(crate) fn unsold(&self, position: u64) -> Event {
        self.event(position, EventKind::Closed { outcome: Outcome::Unsold })
    }

    pub(crate) fn opened(&self, position: u64) -> Event {
        let body = r#"{"title": "A", "starting_price": 100, "duration_s": 600}"#;
        let terms = CreateAuction::parse(body.as_bytes()).unwrap().terms;
        let ends_at = Timestamp::from_ms(1_795_411_620_000);
        self.event(position, EventKind::Opened { seller: self.seller.clone(), terms, ends_at })
    }

    pub(crate) async fn send(&self, deduplication: &str, events: &[Event]) {
        let body = serde_json::to_string(&EventBatch { events: events.to_vec() }).unwrap();
        let url = &self.stack.settings.notification_queue_url;
        let send = self.stack.aws.sqs.send_message().queue_url(url).message_body(body);
        let send = send.message_group_id(self.auction.as_str());
        send.message_deduplication_id(deduplication.replace(' ', "-")).send().await.unwrap();
    }

    /// As SES reports it, through SNS with raw delivery.
    pub(crate) async fn report_bounce(&self, user: &UserId) {
        let find = sqlx::query_scalar("select id from notifications where user_id = $1");
        let id: i64 = find.bind(user.as_str()).fetch_one(&self.pool).await.unwrap();
        let report = json!({
            "eventType": "Bounce",
            "bounce": { "bounceType": "Permanent", "bouncedRecipients": [] },
            "mail": { "messageId": "m", "tags": { "gavel-notification": [id.to_string()] } },
        });
        let url = &self.stack.settings.email_feedback_queue_url;
        let send = self.stack.aws.sqs.send_message().queue_url(url);
        send.message_body(report.to_string()).send().await.unwrap();
    }

    pub(crate) async fn execute(&self, statement: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&self.pool).await.unwrap();
    }

    /// How many notifications are so.
    pub(crate) async fn count(&self, condition: &str) -> i64 {
        let query = format!("select count(*) from notifications where {condition}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&self.pool).await.unwrap()
    }

    /// Whether a question about a user is answered with yes.
    pub(crate) async fn is(&self, question: &'static str, user: &UserId) -> bool {
        sqlx::query_scalar(question).bind(user.as_str()).fetch_one(&self.pool).await.unwrap()
    }

    pub(crate) async fn close_in_the_catalogue(&self) {
        self.execute(
            "update auctions set status = 'closed', outcome = 'unsold', closed_at = now()",
        )
        .await;
    }

    pub(crate) fn pause_database(&mut self) {
        self.stack.postgres.pause().unwrap();
    }

    pub(crate) fn resume_database(&mut self) {
        self.stack.postgres.resume().unwrap();
    }

    pub(crate) async fn add_account(&self, name: &str) {
        self.stack.add_account(name, &[]).await.unwrap();
    }

    /// A device as SNS calls it.
    pub(crate) async fn device(&self) -> String {
        let sns = &self.stack.aws.sns;
        let application = sns.create_platform_application().name("app").platform("GCM");
        let application = application.attributes("PlatformCredential", "key").send().await.unwrap();
        let endpoint = sns.create_platform_endpoint().token("a-token");
        let endpoint = endpoint.set_platform_application_arn(application.platform_application_arn);
        endpoint.send().await.unwrap().endpoint_arn.unwrap()
    }

    pub(crate) async fn pending(&self) -> i64 {
        self.count("status = 'pending'").await
    }

    /// Moves what was sent, and what waits, a minute back.
    pub(crate) async fn let_a_minute_pass(&self) {
        let minute = "interval '61 s'";
        self.execute(&format!(
            "update notifications set sent_at = sent_at - {minute}, due_at = due_at - {minute}"
        ))
        .await;
    }

    pub(crate) async fn until_nothing_is_pending(&self) {
        self.until_pending(0).await;
    }

    pub(crate) async fn until_pending(&self, count: i64) {
        let deadline = Instant::now() + WITHIN;
        loop {
            let pending = self.pending().await;
            if pending <= count {
                assert_eq!(pending, count, "pending");
                return;
            }
            assert!(Instant::now() < deadline, "{pending} are still pending, not {count}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until `count` says as much, or more.
    pub(crate) async fn until_counted(&self, what: &str, least: u64, count: impl Fn(&Self) -> u64) {
        let deadline = Instant::now() + WITHIN;
        while count(self) < least {
            assert!(Instant::now() < deadline, "{what}: {} instead of {least}", count(self));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn until_bounced(&self, user: &UserId) {
        let deadline = Instant::now() + WITHIN;
        let query =
            "select count(*) from users where user_id = $1 and email_bounced_at is not null";
        loop {
            let find = sqlx::query_scalar(query).bind(user.as_str());
            let found: i64 = find.fetch_one(&self.pool).await.unwrap();
            if found == 1 {
                return;
            }
            assert!(Instant::now() < deadline, "the bounce was not noted");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until nothing is left on the notification queue, visible or hidden.
    pub(crate) async fn until_queue_is_empty(&self) {
        let deadline = Instant::now() + WITHIN;
        let url = &self.stack.settings.notification_queue_url;
        loop {
            let get = self.stack.aws.sqs.get_queue_attributes().queue_url(url);
            let got = get.attribute_names(QueueAttributeName::All).send().await.unwrap();
            let counts = got.attributes().unwrap().iter();
            let left: Vec<_> = counts
                .filter(|(name, _)| name.as_str().starts_with("ApproximateNumberOfMessages"))
                .filter(|(_, count)| *count != "0")
                .collect();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "the queue still has {left:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn inspect(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.stack.settings.aws_endpoint_url);
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn mails(&self) -> Mails {
        let all = self.inspect("/_ministack/ses/messages").await;
        let accounts = all["messages"].as_object().unwrap().values();
        Mails(accounts.flat_map(|mails| mails.as_array().unwrap().clone()).collect())
    }

    pub(crate) async fn until_mails(&self, count: usize) -> Mails {
        let deadline = Instant::now() + WITHIN;
        loop {
            let mails = self.mails().await;
            if mails.0.len() >= count {
                assert_eq!(mails.0.len(), count, "{mails:?}");
                return mails;
            }
            assert!(Instant::now() < deadline, "{mails:?} instead of {count}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
