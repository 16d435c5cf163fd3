//! Each role may do exactly what it does: the calls that its process made in a scenario that touches
//! everything, against the actions that infra/cloudformation/workers.yaml allows its task.
//!
//! A permission that is missing stops a deployment; one that is never used is a door left open. To
//! cover a new capability, add what uses it to [`scenario`]. Resources and conditions of the policies
//! are not compared, only actions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use gavel_local::{Options, WorkerOptions, paths};
use gavel_tests::stacks::{ROLES, Template};
use gavel_tests::{Fault, Proxy, World, calls, client, eventually, evidence};
use reqwest::Method;
use serde_json::{Value, json};

/// The policy of the sidecar that carries metrics away; its calls are not Gavel's.
const SIDECAR_POLICY: &str = "metrics";

/// Where devices are registered: what the emulator will call the application that the scenario makes.
const PUSH_APPLICATION: &str = "arn:aws:sns:us-east-1:000000000000:app/GCM/gavel";

/// How long calls may still trickle in after the scenario.
const CALLS_WITHIN: Duration = Duration::from_secs(60);

type Actions = BTreeMap<String, BTreeSet<String>>;

#[tokio::test]
async fn each_role_is_allowed_exactly_the_calls_it_makes() -> Result<()> {
    let allowed = allowed()?;
    let mut options = Options::for_tests()?;
    let mut proxies = BTreeMap::new();
    options.workers.clear();
    for role in ROLES {
        let aws = Proxy::start(&options.ports.aws.url()).await?;
        let ivs = Proxy::start(&options.ports.ivs.url()).await?;
        options.workers.push(WorkerOptions {
            name: role.to_owned(),
            roles: role.to_owned(),
            env: vec![
                ("AWS_ENDPOINT_URL".to_owned(), aws.url.clone()),
                ("AWS_ENDPOINT_URL_IVS".to_owned(), ivs.url.clone()),
                ("GAVEL_SNS_PUSH_APPLICATION_ARN".to_owned(), PUSH_APPLICATION.to_owned()),
            ],
        });
        proxies.insert(role.to_owned(), [aws, ivs]);
    }
    // What the API cannot do at once, when a viewer is shut out, the role video does later.
    proxies["api"][1].rule(|seen| match seen.path.as_str() {
        "/StartViewerSessionRevocation" => Fault::Answer(503, "{}".to_owned()),
        _ => Fault::Pass,
    });
    let world = World::start_with(options).await?;
    scenario(&world).await?;
    let called = || async {
        let of = |(role, proxies): (&String, &[Proxy; 2])| {
            let seen = proxies.iter().flat_map(Proxy::seen);
            let actions = seen.flat_map(|seen| calls::actions(&seen)).collect();
            (role.clone(), actions)
        };
        Ok(proxies.iter().map(of).collect::<Actions>())
    };
    // The last calls follow the last answer; a difference counts only when it stays.
    eventually("the roles' calls", CALLS_WITHIN, called, |called| {
        differences(&allowed, called).is_empty()
    })
    .await
    .ok();
    let differences = differences(&allowed, &called().await?);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    world.stack.stop().await
}

/// Something of everything that calls AWS.
async fn scenario(world: &World) -> Result<()> {
    // The second bidder has a phone, and wants to hear of it there.
    let sms = json!({"notifications": {"channel": "sms"}});
    let prefers = world.edge.patch("/v1/me", &world.bidders[1].token, &sms).await?;
    assert_eq!(prefers.status, 200, "{prefers:?}");
    change_devices(world).await?;
    let auction = world.live_auction(json!({"private": true})).await?;
    watch_and_send(world, &auction).await?;
    for (bidder, amount) in world.bidders.iter().zip([100, 110]) {
        let bid = world.bid(&auction, bidder, amount).await?;
        assert_eq!(bid.status, 201, "{bid:?}");
    }
    evidence::whole_history(&world.stack, &auction, 2).await?;
    let history = world.edge.get(&format!("/v1/auctions/{auction}/bids"), "").await?;
    assert_eq!(history.body["items"].as_array().map(Vec::len), Some(2), "{history:?}");
    let own = world.edge.get("/v1/me/bids", &world.bidders[0].token).await?;
    assert_eq!(own.body["items"].as_array().map(Vec::len), Some(1), "{own:?}");
    let words = json!({"text": "Is the strap original?"});
    let chat = format!("/v1/auctions/{auction}/chat");
    let said = world.edge.post(&chat, &world.bidders[0].token, "", &words).await?;
    assert_eq!(said.status, 201, "{said:?}");
    unreadable_messages(world).await?;
    let path = format!("/v1/auctions/{auction}/close");
    let closed = world.edge.act(&path, &world.seller.token).await?;
    assert_eq!(closed.status, 200, "{closed:?}");
    forget_somebody(world).await
}

/// The first bidder wants push messages, and has a new device.
async fn change_devices(world: &World) -> Result<()> {
    let application = world.stack.aws.sns.create_platform_application();
    let application = application.name("gavel").platform("GCM");
    let made = application.attributes("PlatformCredential", "key").send().await?;
    assert_eq!(made.platform_application_arn(), Some(PUSH_APPLICATION));
    for token in ["old", "new"] {
        let push = json!({"notifications": {"channel": "push", "push_token": token}});
        let prefers = world.edge.patch("/v1/me", &world.bidders[0].token, &push).await?;
        assert_eq!(prefers.status, 200, "{prefers:?}");
    }
    Ok(())
}

/// The seller sends under a new key, one may watch and is shut out.
async fn watch_and_send(world: &World, auction: &str) -> Result<()> {
    let (path, viewer) = (format!("/v1/auctions/{auction}"), &world.bidders[0]);
    let playback = format!("{path}/playback");
    let look = || world.edge.get(&playback, &viewer.token);
    let watched = eventually("a channel", CALLS_WITHIN, look, |reply| reply.status == 200).await?;
    let claims = watched.body["token"].as_str().context("no token")?;
    let claims = gavel_local::tokens::claims(claims)?;
    let arn = claims["aws:channel-arn"].as_str().context("no channel")?;
    let live = format!("{}/_fake/live?arn={arn}", world.stack.settings.aws_ivs_endpoint_url);

    let ingest = world.edge.get(&format!("{path}/ingest"), &world.seller.token).await?;
    assert_eq!(ingest.status, 200, "{ingest:?}");
    let reset = world.edge.act(&format!("{path}/ingest/reset"), &world.seller.token).await?;
    assert_eq!(reset.status, 200, "{reset:?}");
    reqwest::Client::new().post(live).send().await?.error_for_status()?;
    let viewer = json!({"viewer_id": claims["aws:viewer-id"]});
    let revoke = format!("{path}/playback/revoke");
    let revoked = world.edge.post(&revoke, &world.seller.token, "", &viewer).await?;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    Ok(())
}

/// Messages that their consumers give back to the queue, which takes a call of its own.
async fn unreadable_messages(world: &World) -> Result<()> {
    let body = "not what anybody here writes";
    let send = |url: &str| world.stack.aws.sqs.send_message().queue_url(url).message_body(body);
    let settings = &world.stack.settings;
    let bids = send(&settings.bid_queue_url).message_group_id("unreadable");
    bids.message_deduplication_id("unreadable").send().await?;
    let notifications = send(&settings.notification_queue_url).message_group_id("unreadable");
    notifications.message_deduplication_id("unreadable").send().await?;
    send(&settings.chat_queue_url).send().await?;
    Ok(())
}

/// Somebody who bid nothing leaves.
async fn forget_somebody(world: &World) -> Result<()> {
    let token = world.stack.sign_in(&world.stack.settings.admin).await?.access;
    let known = world.edge.get("/v1/me", &token).await?;
    assert_eq!(known.status, 200, "{known:?}");
    let leave = world.edge.request(Method::DELETE, "/v1/me").bearer_auth(token);
    let left = client::send(leave).await?;
    assert!(left.status < 300, "{left:?}");
    Ok(())
}

/// One line for each action that is called and not allowed, or allowed and not called.
fn differences(allowed: &Actions, called: &Actions) -> Vec<String> {
    let nothing = BTreeSet::new();
    let mut lines = Vec::new();
    for role in ROLES {
        let allowed = allowed.get(role).unwrap_or(&nothing);
        let called = called.get(role).unwrap_or(&nothing);
        for action in called.difference(allowed) {
            lines.push(format!("{role} calls {action}, which its policy does not allow"));
        }
        for action in allowed.difference(called) {
            lines.push(format!("{role} is allowed {action}, which it never calls"));
        }
    }
    lines
}

/// The actions of each role's task, from the template: the policies of `<Role>Role`, but the sidecar's.
fn allowed() -> Result<Actions> {
    let template = paths::checkout().join("infra/cloudformation/workers.yaml");
    let template = Template::read(&template)?;
    let roles: BTreeMap<&str, &Value> =
        template.resources().map(|(name, _, resource)| (name, resource)).collect();
    let mut allowed = Actions::new();
    for role in ROLES {
        let name = format!("{}{}Role", role[..1].to_uppercase(), &role[1..]);
        let resource = roles.get(name.as_str()).with_context(|| format!("no role {name}"))?;
        let actions = allowed.entry(role.to_owned()).or_default();
        for policy in resource["Properties"]["Policies"].as_array().into_iter().flatten() {
            // A policy that depends on a condition: as if it held.
            let policy = policy.get("Fn::If").map_or(policy, |branches| &branches[1]);
            let policy_name = policy["PolicyName"].as_str().unwrap_or_default();
            if policy_name == SIDECAR_POLICY {
                continue;
            }
            for statement in policy["PolicyDocument"]["Statement"].as_array().into_iter().flatten()
            {
                if statement["Effect"] == "Allow" {
                    actions.extend(texts(&statement["Action"]));
                }
            }
        }
    }
    Ok(allowed)
}

/// One text, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().map_or_else(|| vec![value], |all| all.iter().collect());
    all.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn a_missing_and_an_unused_permission_are_both_named() {
    let actions = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Actions::from([("relay".to_owned(), names)])
    };
    let both = differences(&actions(&["sqs:SendMessage"]), &actions(&["sqs:DeleteMessage"]));
    assert_eq!(
        both,
        [
            "relay calls sqs:DeleteMessage, which its policy does not allow",
            "relay is allowed sqs:SendMessage, which it never calls",
        ]
    );
}
