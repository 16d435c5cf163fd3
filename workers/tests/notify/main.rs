//! From events on the queue to messages as SES and SNS have them, on the emulator.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

mod front;
mod world;

use gavel_core::auction::{EventKind, Outcome};
use gavel_core::ids::UserId;
use serde_json::json;

use self::world::{World, amount, world};

#[tokio::test]
async fn what_is_delivered_twice_is_told_once_and_to_the_right_people() {
    let mut world = world().await;
    let (first, second) = (world.user("bidder-1").await, world.user("bidder-2").await);
    let outcome = Outcome::Sold {
        winner: second.clone(),
        hammer_price: amount(123_456),
        bid_id: world.bid_id(&second),
    };
    let events = vec![
        world.bid(2, &first, None, 100_000),
        world.bid(3, &second, Some(&first), 123_456),
        world.event(4, EventKind::Closed { outcome }),
    ];
    world.send("2-4", &events).await;
    world.consume();
    world.deliver();
    let mails = world.until_mails(3).await;
    assert_eq!(
        mails.told(),
        [
            ("bidder-1@gavel.example", "It went to somebody else"),
            ("bidder-2@gavel.example", "You have won"),
            ("seller@gavel.example", "Sold"),
        ]
        .map(|(to, what)| (to.to_owned(), format!("{what}: {}", world.named())))
    );
    for mail in &mails.0 {
        let html = mail["BodyHtml"].as_str().unwrap();
        assert!(html.contains("A &lt;b&gt;walnut&lt;&#x2f;b&gt; desk"), "{html}");
        assert!(mail["BodyText"].as_str().unwrap().contains("USD 1,234.56"), "{mail}");
    }

    // After the queue has forgotten that it saw them, and in other packets.
    world.send("2-4 again", &events).await;
    world.send("3-4", &events[1..]).await;
    world.until_queue_is_empty().await;
    world.until_nothing_is_pending().await;
    assert_eq!(world.mails().await.told(), mails.told());

    let letter = &world.front.letters()[0];
    let headers = letter["Content"]["Simple"]["Headers"].to_string();
    assert!(headers.contains("/v1/unsubscribe?token="), "{headers}");
    assert!(headers.contains("List-Unsubscribe=One-Click"), "{headers}");
    world.stop_all().await;
}

#[tokio::test]
async fn two_lots_with_one_title_have_their_own_subjects_and_threads() {
    let mut world = world().await;
    let (first, second) = (world.user("bidder-1").await, world.user("bidder-2").await);
    world.consume();
    world.deliver();
    let mut lots = Vec::new();
    for _ in 0..2 {
        let end = world.unsold(4);
        let outbid = [world.bid(2, &first, None, 100), world.bid(3, &second, Some(&first), 200)];
        world.send(&format!("bids {}", lots.len()), &outbid).await;
        world.until_mails(lots.len() * 4 + 1).await;
        world.send(&format!("end {}", lots.len()), &[end]).await;
        world.until_mails(lots.len() * 4 + 4).await;
        lots.push(world.named());
        world.another_lot().await;
    }
    let mails = world.mails().await.told();
    for lot in &lots {
        let about = mails.iter().filter(|(_, subject)| subject.ends_with(lot.as_str()));
        assert_eq!(about.count(), 4, "{lot}: {mails:?}");
    }
    // One thread a lot and reader: two mails to the first bidder, one to the second and the seller.
    let mut threads: std::collections::BTreeMap<String, Vec<String>> = Default::default();
    for letter in world.front.letters() {
        let headers = letter["Content"]["Simple"]["Headers"].as_array().unwrap().clone();
        let value = |name: &str| {
            let found = headers.iter().find(|header| header["Name"] == name).unwrap();
            found["Value"].as_str().unwrap().to_owned()
        };
        assert_eq!(value("References"), value("In-Reply-To"));
        let to = letter["Destination"]["ToAddresses"][0].as_str().unwrap().to_owned();
        threads.entry(value("References")).or_default().push(to);
    }
    let mut sizes: Vec<_> = threads.values().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 1, 1, 2, 2], "{threads:?}");
    for readers in threads.values() {
        assert!(readers.iter().all(|reader| *reader == readers[0]), "{threads:?}");
    }
}

#[tokio::test]
async fn of_many_outbids_in_a_minute_the_last_is_told_and_none_after_leading_again() {
    let mut world = world().await;
    let (first, second) = (world.user("bidder-1").await, world.user("bidder-2").await);
    let third = UserId::parse("a-third").unwrap();
    world.consume();
    for turn in 0..5 {
        let price = 10_000 + turn * 1_000;
        let position = 2 + turn * 2;
        let events = [
            world.bid(position, &first, None, price),
            world.bid(position + 1, &second, Some(&first), price + 500),
        ];
        world.send(&format!("turn {turn}"), &events).await;
    }
    world.until_queue_is_empty().await;
    world.deliver();
    let mails = world.until_mails(1).await;
    world.until_nothing_is_pending().await;
    assert_eq!(world.mails().await.0.len(), 1);
    assert!(mails.0[0]["BodyText"].as_str().unwrap().contains("USD 145.00"), "{mails:?}");

    // Outbid again within the minute: told when it is over. That somebody else was told of something
    // later shows that the sender has looked in between.
    world.send("again", &[world.bid(20, &second, Some(&first), 20_000)]).await;
    world.until_queue_is_empty().await;
    world.send("third", &[world.bid(21, &third, Some(&second), 20_500)]).await;
    let mails = world.until_mails(2).await;
    assert_eq!(mails.0[1]["To"], json!(["bidder-2@gavel.example"]), "{mails:?}");
    // The second's is noted as sent some time after SES has it; the first's stays.
    world.until_pending(1).await;
    world.let_a_minute_pass().await;
    let mails = world.until_mails(3).await;
    assert_eq!(mails.0[2]["To"], json!(["bidder-1@gavel.example"]), "{mails:?}");
    assert!(mails.0[2]["BodyText"].as_str().unwrap().contains("USD 200.00"), "{mails:?}");
    // Unless they lead by then.
    world.send("once more", &[world.bid(22, &second, Some(&first), 21_000)]).await;
    world.send("lead", &[world.bid(23, &first, Some(&second), 22_000)]).await;
    world.until_queue_is_empty().await;
    world.let_a_minute_pass().await;
    let mails = world.until_mails(4).await;
    assert_eq!(mails.0[3]["To"], json!(["bidder-2@gavel.example"]), "{mails:?}");
    world.until_nothing_is_pending().await;
    assert_eq!(world.mails().await.0.len(), 4);
}

#[tokio::test]
async fn news_that_comes_after_the_end_is_not_told() {
    let mut world = world().await;
    let (first, second) = (world.user("bidder-1").await, world.user("bidder-2").await);
    let (late, end) = (world.bid(5, &second, Some(&first), 200), world.unsold(12));
    world.notifications.follow(&world.auction, &second).await.unwrap();
    world.send("12", &[world.bid(2, &first, None, 100), end]).await;
    world.consume();
    world.until_queue_is_empty().await;
    world.close_in_the_catalogue().await;
    // As when a message was held back, or an operator moved it out of the dead-letter queue.
    world.send("1-5 late", &[world.opened(1), late]).await;
    world.until_queue_is_empty().await;
    world.deliver();
    world.until_nothing_is_pending().await;
    let mails = world.until_mails(2).await.told();
    assert!(mails.iter().all(|(_, subject)| subject.starts_with("Ended")), "{mails:?}");
    assert_eq!(world.count("status = 'skipped' and reason = 'it is over'").await, 2);
}

#[tokio::test]
async fn what_was_sent_while_the_database_was_away_is_not_sent_again() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    // The senders run on this thread, too.
    let _counting = metrics::set_default_local_recorder(&recorder);
    let mut world = world().await;
    let first = world.user("bidder-1").await;
    world.send("2", &[world.bid(2, &first, None, 100), world.unsold(3)]).await;
    world.consume();
    world.until_queue_is_empty().await;
    world.front.hold();
    world.deliver();
    let letters = |world: &World| u64::try_from(world.front.letters().len()).unwrap();
    world.until_counted("letters", 2, letters).await;
    world.pause_database();
    world.front.let_go();
    // A second sender asks for what is due meanwhile; a try to note it takes no longer than to ask.
    world.deliver();
    let failures = |_: &World| {
        let counted = recorder.handle().render();
        let line = counted.lines().find(|line| line.starts_with("gavel_notify_failures_total"));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    };
    world.until_counted("failures", 2, failures).await;
    world.resume_database();
    world.until_nothing_is_pending().await;
    assert_eq!(world.count("status = 'sent' and attempts = 1").await, 2);
    assert_eq!(world.front.letters().len(), 2);
}

#[tokio::test]
async fn a_device_hears_by_push_and_its_owner_by_mail_once_it_is_lost() {
    let mut world = world().await;
    let (first, second) = (world.user("bidder-1").await, world.user("bidder-2").await);
    let device = world.device().await;
    for (user, endpoint) in [
        (&first, device.as_str()),
        (&second, "arn:aws:sns:us-east-1:000000000000:endpoint/GCM/gone/1"),
    ] {
        world
            .execute(&format!(
                "insert into users (user_id, display_name, notify_channel, push_endpoint_arn)
             values ('{user}', 'name-{user}', 'push', '{endpoint}')"
            ))
            .await;
    }
    let events = [
        world.bid(2, &first, None, 100),
        world.bid(3, &second, Some(&first), 200),
        world.bid(4, &first, Some(&second), 300),
    ];
    world.send("2", &events[..2]).await;
    world.send("4", &events[2..]).await;
    world.consume();
    world.until_queue_is_empty().await;
    world.deliver();
    // The one whose device SNS does not know is told by mail, and stays with it.
    let mails = world.until_mails(1).await.told();
    assert_eq!(mails[0].0, "bidder-2@gavel.example");
    let channel = "select notify_channel = 'email' from users where user_id = $1";
    assert!(world.is(channel, &second).await);
    world.send("5", &[world.unsold(5)]).await;
    world.until_queue_is_empty().await;
    world.until_nothing_is_pending().await;
    assert_eq!(world.until_mails(3).await.0.len(), 3, "the seller, too");
    assert_eq!(world.count(&format!("user_id = '{first}' and status = 'sent'")).await, 1);
}

#[tokio::test]
async fn who_wants_sms_without_a_verified_number_hears_by_mail() {
    let mut world = world().await;
    world.add_account("no-phone").await;
    let user = world.user("no-phone").await;
    world.execute(&format!(
        "insert into users (user_id, display_name, notify_channel) values ('{user}', 'No', 'sms')"
    )).await;
    world.send("2", &[world.bid(2, &user, None, 100), world.unsold(3)]).await;
    world.consume();
    world.deliver();
    let mails = world.until_mails(2).await.told();
    assert_eq!(mails[0].0, "no-phone@gavel.example");
}

#[tokio::test]
async fn a_person_who_is_forgotten_is_in_no_row() {
    let world = world().await;
    let (first, second) = (world.user("bidder-1").await, world.user("bidder-2").await);
    let mut world = world;
    for user in [&first, &second] {
        world.notifications.follow(&world.auction, user).await.unwrap();
    }
    let events = [world.bid(2, &first, None, 100), world.bid(3, &second, Some(&first), 200)];
    world.send("2", &events).await;
    world.consume();
    world.until_queue_is_empty().await;
    world.notifications.forget(&first).await.unwrap();
    let rows = "select (select count(*) from followers where user_id = $1)
        + (select count(*) from notify_bidders where user_id = $1)
        + (select count(*) from notifications where user_id = $1) = 0";
    assert!(world.is(rows, &first).await);
    assert!(!world.is(rows, &second).await, "the other one is still there");
}

#[tokio::test]
async fn a_throttled_or_failing_ses_is_asked_again_and_the_message_is_sent_once() {
    let mut world = world().await;
    let first = world.user("bidder-1").await;
    world.front.fail_next(&[
        (429, "TooManyRequestsException"),
        (500, "InternalFailure"),
        (400, "SendingPausedException"),
    ]);
    world.send("2", &[world.bid(2, &first, None, 100), world.unsold(3)]).await;
    world.consume();
    world.deliver();
    world.until_mails(2).await;
    world.until_nothing_is_pending().await;
    assert_eq!(world.mails().await.0.len(), 2);
    assert_eq!(world.front.letters().len(), 2 + 3);
}

#[tokio::test]
async fn what_ses_rejects_is_given_up_and_holds_nobody_up() {
    let mut world = world().await;
    let first = world.user("bidder-1").await;
    world.front.fail_next(&[(400, "MessageRejected")]);
    world.send("2", &[world.bid(2, &first, None, 100), world.unsold(3)]).await;
    world.consume();
    world.deliver();
    world.until_queue_is_empty().await;
    world.until_nothing_is_pending().await;
    assert_eq!(world.mails().await.0.len(), 1);
    assert_eq!(world.count("status = 'failed' and reason = 'MessageRejected'").await, 1);
}

#[tokio::test]
async fn what_a_killed_worker_had_claimed_is_sent_by_another_once() {
    let mut world = world().await;
    let first = world.user("bidder-1").await;
    world.send("2", &[world.bid(2, &first, None, 100), world.unsold(3)]).await;
    world.consume();
    world.until_queue_is_empty().await;
    let lease = "update notifications set leased_until = now() + interval '2 s', attempts = 1";
    world.execute(lease).await;
    // PostgreSQL's own clock tells, however long anything here takes.
    world.execute("create table leases as select id, leased_until from notifications").await;
    world.deliver();
    world.deliver();
    world.until_mails(2).await;
    world.until_nothing_is_pending().await;
    let early = "sent_at < (select leased_until from leases where leases.id = notifications.id)";
    assert_eq!(world.count(early).await, 0, "sent what was somebody else's");
    assert_eq!(world.mails().await.0.len(), 2);
}

#[tokio::test]
async fn people_are_told_as_they_want_it_and_not_where_mail_came_back() {
    let mut world = world().await;
    let (first, second) = (world.user("bidder-1").await, world.user("bidder-2").await);
    let seller = world.seller.clone();
    world.execute(&format!(
        "insert into users (user_id, display_name, notify_channel) values ('{second}', 'Bob', 'sms')"
    )).await;
    world.consume();
    world.deliver();
    world
        .send("2", &[world.bid(2, &first, None, 100), world.bid(3, &second, Some(&first), 200)])
        .await;
    world.until_mails(1).await;

    // SES reports that this mail came back; the seller wants nothing.
    world.report_bounce(&first).await;
    world.execute(&format!(
        "insert into users (user_id, display_name, notify_channel) values ('{seller}', 'Sue', 'none')"
    )).await;
    world.until_bounced(&first).await;
    world.send("4", &[world.unsold(4)]).await;
    world.until_queue_is_empty().await;
    world.until_nothing_is_pending().await;
    assert_eq!(world.mails().await.0.len(), 1);
    assert_eq!(world.count("status = 'skipped' and reason = 'mail came back'").await, 1);
    assert_eq!(world.count("status = 'skipped' and reason = 'not wanted'").await, 1);
    let texts = world.inspect("/_ministack/sns/sms-messages").await.to_string();
    assert!(texts.contains("+12025550123") && texts.contains("Ended without a sale"), "{texts}");
}

#[tokio::test]
async fn the_opening_is_told_to_followers_only() {
    let mut world = world().await;
    let (first, second) = (world.user("bidder-1").await, world.user("bidder-2").await);
    world.notifications.follow(&world.auction, &first).await.unwrap();
    world.notifications.follow(&world.auction, &first).await.unwrap();
    world.notifications.follow(&world.auction, &second).await.unwrap();
    world.notifications.unfollow(&world.auction, &second).await.unwrap();
    world.send("1", &[world.opened(1)]).await;
    world.consume();
    world.deliver();
    let mails = world.until_mails(1).await;
    assert_eq!(mails.told()[0].0, "bidder-1@gavel.example");
    world.until_nothing_is_pending().await;
    assert_eq!(world.count("true").await, 1);
}
