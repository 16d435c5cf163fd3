//! What surrounds the bids of an auction: its chat, and the messages people got.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::api::{Api, Caller};

/// How long a trace may take to appear.
const WITHIN: Duration = Duration::from_secs(20);

/// How often it is looked for.
const EVERY: Duration = Duration::from_millis(200);

/// Posts a message to an auction's room, where everybody sees it.
pub(super) async fn chat(api: &Api, by: &Caller, auction: &str, text: &str) -> Result<()> {
    let path = format!("/v1/auctions/{auction}/chat");
    let said = api.post(by, &path, None, Some(&json!({"text": text}))).await?;
    said.expect(StatusCode::CREATED)?;
    let room = api.get(&path).await?.expect(StatusCode::OK)?;
    ensure!(room["items"][0]["text"] == text, "the room does not show it: {room}");
    Ok(())
}

/// The message, in the table.
pub(super) async fn chat_is_kept(
    client: &Client,
    table: &str,
    auction: &str,
    text: &str,
) -> Result<()> {
    let query = client.query().table_name(table).consistent_read(true);
    let query = query.key_condition_expression("auction_id = :key");
    let query = query.expression_attribute_values(":key", AttributeValue::S(auction.to_owned()));
    let since = Instant::now();
    loop {
        let items = query.clone().send().await?.items.unwrap_or_default();
        let texts: Vec<_> = items.iter().filter_map(|item| item.get("text")?.as_s().ok()).collect();
        if texts == [text] {
            return Ok(());
        }
        ensure!(since.elapsed() < WITHIN, "DynamoDB has {texts:?} instead of {text:?}");
        tokio::time::sleep(EVERY).await;
    }
}

/// The subjects of the messages about `title` that the e-mail emulator has for each of `addresses`, in
/// the order in which they were sent; waits until `good`.
pub(super) async fn mails(
    aws_endpoint_url: &str,
    title: &str,
    addresses: [&str; 2],
    good: impl Fn(&[Vec<String>; 2]) -> bool,
) -> Result<[Vec<String>; 2]> {
    let url = format!("{aws_endpoint_url}/_ministack/ses/messages");
    let since = Instant::now();
    loop {
        let sent: Value = reqwest::get(&url).await?.error_for_status()?.json().await?;
        let accounts = sent["messages"].as_object().context("no messages in the answer")?;
        let all: Vec<&Value> = accounts.values().filter_map(Value::as_array).flatten().collect();
        let found = addresses.map(|address| subjects(&all, title, address));
        if good(&found) {
            return Ok(found);
        }
        if since.elapsed() > WITHIN {
            bail!("the messages about {title:?} are {found:?}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn subjects(sent: &[&Value], title: &str, address: &str) -> Vec<String> {
    let to =
        |mail: &Value| mail["To"].as_array().is_some_and(|to| to.iter().any(|one| *one == address));
    let subject = |mail: &&&Value| mail["Subject"].as_str().unwrap_or_default().to_owned();
    sent.iter()
        .filter(|mail| to(mail) && mail["Subject"].as_str().is_some_and(|s| s.contains(title)))
        .map(|mail| subject(&mail))
        .collect()
}
