//! Profiles: made without anybody waiting, named once, and forgotten for good.

use std::time::{Duration, Instant};

use gavel_local::WorkerOptions;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::world::{Ask, BIDDER, NOBODY, SELLER, WITHIN, World, world, world_with};

fn somebody(user: &str) -> Ask<'_> {
    Ask { user: Some(user), ..NOBODY }
}

async fn edit(world: &World, ask: Ask<'_>, change: &Value) -> (u16, Value) {
    world.send(ask, "PATCH", "/v1/me", change).await
}

async fn database(world: &World) -> PgPool {
    PgPool::connect(&world.stack.settings.database_url).await.unwrap()
}

/// Waits until a query about one user answers yes.
async fn until(pool: &PgPool, query: &'static str, user: &str) {
    let deadline = Instant::now() + WITHIN;
    loop {
        let answer = sqlx::query_scalar::<_, bool>(query).bind(user).fetch_one(pool).await;
        if matches!(answer, Ok(true)) {
            return;
        }
        assert!(Instant::now() < deadline, "{query} is still {answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_profile_is_there_at_once_and_keeps_what_is_changed() {
    let world = world().await;
    let (status, me) = world.get(BIDDER, "/v1/me").await;
    assert_eq!(status, 200, "{me}");
    assert_eq!(me["user_id"], "the-bidder");
    assert!(me["display_name"].as_str().is_some_and(|name| name.starts_with("user-")), "{me}");
    assert_eq!(me["notifications"], json!({ "channel": "email", "push_device": false }));
    let change = json!({ "display_name": "Jörg B", "notifications": { "channel": "sms" } });
    let (status, changed) = edit(&world, BIDDER, &change).await;
    assert_eq!((status, &changed["display_name"]), (200, &json!("Jörg B")), "{changed}");
    assert_eq!(changed["notifications"]["channel"], "sms");
    assert_eq!(changed["created_at"], me["created_at"]);
    let (_, unchanged) = edit(&world, BIDDER, &json!({})).await;
    assert_eq!(unchanged, changed);
    let (status, problem) =
        edit(&world, BIDDER, &json!({ "notifications": { "channel": "push" } })).await;
    assert_eq!((status, &problem["code"]), (422, &json!("invalid-request")), "{problem}");
    assert_eq!(world.get(BIDDER, "/v1/me").await.1, changed, "a refusal changes nothing");

    // Mail had come back; choosing e-mail again says that the address is right now.
    let pool = database(&world).await;
    let bounce = "update users set email_bounced_at = now() where user_id = 'the-bidder'";
    sqlx::query(bounce).execute(&pool).await.unwrap();
    edit(&world, BIDDER, &json!({ "display_name": "Jörg C" })).await;
    let bounced = "select email_bounced_at is not null from users where user_id = $1";
    until(&pool, bounced, "the-bidder").await;
    edit(&world, BIDDER, &json!({ "notifications": { "channel": "email" } })).await;
    until(&pool, "select email_bounced_at is null from users where user_id = $1", "the-bidder")
        .await;
}

#[tokio::test]
async fn a_replayed_request_undoes_nothing_that_was_changed_since() {
    let world = world().await;
    let captured = Ask { replayed: Some("captured"), ..BIDDER };
    let named = async |ask, name: &str| {
        let (status, me) = edit(&world, ask, &json!({ "display_name": name })).await;
        assert_eq!(status, 200, "{me}");
        me["display_name"].as_str().unwrap().to_owned()
    };
    assert_eq!(named(captured, "Before").await, "Before");
    assert_eq!(named(BIDDER, "After").await, "After");
    assert_eq!(named(captured, "Before").await, "After");

    let captured = Ask { replayed: Some("captured, too"), ..BIDDER };
    let auction = world.auction(&Value::Null).await;
    let pool = database(&world).await;
    let follow = async |ask, method: &str| {
        let path = format!("{auction}/follow");
        let (status, view) = world.send(ask, method, &path, &Value::Null).await;
        assert_eq!(status, 200, "{view}");
        let follows = "select exists (select 1 from followers where user_id = $1)";
        sqlx::query_scalar::<_, bool>(follows).bind("the-bidder").fetch_one(&pool).await.unwrap()
    };
    assert!(follow(captured, "PUT").await);
    assert!(!follow(BIDDER, "DELETE").await);
    assert!(!follow(captured, "PUT").await);
}

#[tokio::test]
async fn a_device_is_registered_replaced_and_gone_with_its_owner() {
    let arn = "arn:aws:sns:us-east-1:000000000000:app/GCM/app";
    let world = world_with(&[("GAVEL_SNS_PUSH_APPLICATION_ARN", arn)]).await;
    let sns = world.stack.aws.sns.clone();
    let application = sns.create_platform_application().name("app").platform("GCM");
    let made = application.attributes("PlatformCredential", "key").send().await.unwrap();
    assert_eq!(made.platform_application_arn(), Some(arn));
    world.stack.add_account("leaver", &[]).await.unwrap();
    let user = world.stack.sign_in("leaver").await.unwrap().subject().unwrap();
    let pool = database(&world).await;
    let device = async || -> String {
        let query = sqlx::query_scalar("select push_endpoint_arn from users where user_id = $1");
        query.bind(&user).fetch_one(&pool).await.unwrap()
    };
    let known =
        async |arn: &str| sns.get_endpoint_attributes().endpoint_arn(arn).send().await.is_ok();
    let push = |token: &str| json!({ "notifications": { "channel": "push", "push_token": token } });
    let mut devices = Vec::new();
    for token in ["one", "two", "two"] {
        let (status, me) = edit(&world, somebody(&user), &push(token)).await;
        assert_eq!((status, &me["notifications"]["channel"]), (200, &json!("push")), "{me}");
        devices.push(device().await);
        assert!(known(&device().await).await);
    }
    assert!(devices[0] != devices[1] && devices[1] == devices[2], "{devices:?}");
    assert!(!known(&devices[0]).await, "the one that was replaced is forgotten");
    let (status, _) = world.send(somebody(&user), "DELETE", "/v1/me", &Value::Null).await;
    assert_eq!(status, 200);
    let gone =
        "select erased_at is not null and push_endpoint_arn is null from users where user_id = $1";
    until(&pool, gone, &user).await;
    assert!(!known(&devices[2]).await, "and the other one with its owner");
}

#[tokio::test]
async fn of_many_who_want_one_name_in_any_case_one_gets_it() {
    let world = world().await;
    let users: Vec<String> = (0..12).map(|number| format!("user-{number}")).collect();
    let wanting = users.iter().enumerate().map(async |(number, user)| {
        let name = if number % 2 == 0 { "Auktionär" } else { "auktionÄR" };
        edit(&world, somebody(user), &json!({ "display_name": name })).await
    });
    let answers = futures::future::join_all(wanting).await;
    let got = answers.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(got, 1, "{answers:?}");
    for (status, body) in &answers {
        assert!(
            *status == 200 || (*status, &body["code"]) == (409, &json!("name-taken")),
            "{body}"
        );
    }
    let winner = &users[answers.iter().position(|(status, _)| *status == 200).unwrap()];
    let (status, _) = edit(&world, somebody(winner), &json!({ "display_name": "AUKTIONÄR" })).await;
    assert_eq!(status, 200, "one's own name in another case");
}

#[tokio::test]
async fn a_first_bid_waits_for_no_profile_and_the_profile_comes_all_the_same() {
    let mut world = world().await;
    let auction = world.auction(&Value::Null).await;
    world.drive(SELLER, &auction, "open").await;
    let newcomer = Ask { user: Some("a-newcomer"), ..NOBODY };
    world.stack.postgres.pause().unwrap();
    // Each is the first bid of somebody. Whoever waited for a profile would wait 2 s at least: a busy
    // machine makes one or the other bid as late, but not all.
    let mut quickest = Duration::MAX;
    for (amount, user) in (1..).zip(["a-newcomer", "another", "a-third", "a-fourth", "a-fifth"]) {
        let (ask, since) = (Ask { user: Some(user), ..NOBODY }, Instant::now());
        let (status, receipt) = world.bid(ask.key("first"), &auction, 1_000 * amount).await;
        assert_eq!(status, 201, "{receipt}");
        quickest = quickest.min(since.elapsed());
    }
    world.stack.postgres.resume().unwrap();
    assert!(quickest < Duration::from_secs(2), "the quickest bid took {quickest:?}");
    // What was asked for while PostgreSQL did not answer may be lost; the next request asks again.
    let pool = database(&world).await;
    let deadline = Instant::now() + WITHIN;
    loop {
        world.get(newcomer, &auction).await;
        let there = "select exists (select 1 from users where user_id = $1)";
        let there: bool =
            sqlx::query_scalar(there).bind("a-newcomer").fetch_one(&pool).await.unwrap();
        if there {
            break;
        }
        assert!(Instant::now() < deadline, "no profile was made");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn who_is_deleted_is_gone_everywhere_and_stays_so_even_if_cognito_is_away() {
    // This worker cannot reach Cognito; another one can, later.
    let mut world =
        world_with(&[("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", "http://127.0.0.1:9")]).await;
    world.stack.add_account("leaver", &[]).await.unwrap();
    let user = world.stack.sign_in("leaver").await.unwrap().subject().unwrap();
    let leaver = somebody(&user);
    edit(&world, leaver, &json!({ "display_name": "Leaver" })).await;

    let (status, own) = world
        .post(
            leaver.key("own"),
            "/v1/auctions",
            &json!({ "title": "A chair", "starting_price": 100, "duration_s": 600 }),
        )
        .await;
    assert_eq!(status, 201, "{own}");
    let own = format!("/v1/auctions/{}", own["id"].as_str().unwrap());
    let delete = || world.send(leaver, "DELETE", "/v1/me", &Value::Null);
    let (status, problem) = delete().await;
    assert_eq!((status, &problem["code"]), (409, &json!("account-in-use")), "sells: {problem}");
    assert_eq!(world.drive(leaver, &own, "cancel").await.0, 200);

    let auction = world.auction(&Value::Null).await;
    world.drive(SELLER, &auction, "open").await;
    assert_eq!(world.bid(leaver.key("bid"), &auction, 1_000).await.0, 201);
    world.until(leaver, "/v1/me/bids", |_, page| page["items"][0]["seq"] == 1).await;
    let (status, problem) = delete().await;
    assert_eq!((status, &problem["code"]), (409, &json!("account-in-use")), "leads: {problem}");
    assert_eq!(world.bid(BIDDER.key("bid"), &auction, 2_000).await.0, 201);

    let (status, deleted) = delete().await;
    assert_eq!(status, 200, "{deleted}");
    assert_eq!(delete().await, (200, deleted), "asking twice is harmless");
    for (status, problem) in [
        world.get(leaver, "/v1/me").await,
        edit(&world, leaver, &json!({ "display_name": "Back again" })).await,
        world.bid(leaver.key("late"), &auction, 9_000).await,
    ] {
        assert_eq!((status, &problem["code"]), (403, &json!("account-deleted")), "{problem}");
    }
    let unsubscribe = "/v1/unsubscribe?token=not-ours";
    let (status, problem) = world.post(leaver, unsubscribe, &Value::Null).await;
    assert_eq!((status, &problem["code"]), (422, &json!("invalid-request")), "needs no account");
    assert_eq!(edit(&world, BIDDER, &json!({ "display_name": "leaver" })).await.0, 200, "is free");
    let bids = format!("{auction}/bids");
    world.until(NOBODY, &bids, |_, page| page["items"][1]["seq"] == 1).await;

    let pool = database(&world).await;
    let emptied = "select display_name is null and notify_channel = 'none' and erased_at is null \
                   from users where user_id = $1";
    until(&pool, emptied, &user).await;
    assert!(world.stack.sign_in("leaver").await.is_ok(), "the account is still there");
    world.stack.add_worker(&WorkerOptions::named("second")).await.unwrap();
    until(&pool, "select erased_at is not null from users where user_id = $1", &user).await;
    assert!(world.stack.sign_in("leaver").await.is_err(), "the account is gone");
}
