//! The tables, with the keys the workers use.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};

/// The index of a bidder's own bids.
const OWN_BIDS_INDEX: &str = "user_id-timestamp-index";

/// The attribute that holds when an item may go, in seconds since 1970.
const TTL: &str = "ttl_expiry";

/// The table of the bid history, with its index.
pub(super) async fn bids_table(client: &Client, name: &str) -> Result<()> {
    let index = GlobalSecondaryIndex::builder().index_name(OWN_BIDS_INDEX);
    let index = index.set_key_schema(Some(keys("user_id", "timestamp")?));
    let all = Projection::builder().projection_type(ProjectionType::All).build();
    let create = client
        .create_table()
        .table_name(name)
        .set_key_schema(Some(keys("auction_id", "timestamp#user_id")?))
        .set_attribute_definitions(Some(attributes(&[
            ("auction_id", ScalarAttributeType::S),
            ("timestamp#user_id", ScalarAttributeType::S),
            ("user_id", ScalarAttributeType::S),
            ("timestamp", ScalarAttributeType::N),
        ])?))
        .global_secondary_indexes(index.projection(all).build()?);
    table(client, name, create).await
}

/// The table of chat messages.
pub(super) async fn chat_table(client: &Client, name: &str) -> Result<()> {
    let create = client
        .create_table()
        .table_name(name)
        .set_key_schema(Some(keys("auction_id", "timestamp#message_id")?))
        .set_attribute_definitions(Some(attributes(&[
            ("auction_id", ScalarAttributeType::S),
            ("timestamp#message_id", ScalarAttributeType::S),
        ])?));
    table(client, name, create).await
}

async fn table(client: &Client, name: &str, create: CreateTableFluentBuilder) -> Result<()> {
    match create.billing_mode(BillingMode::PayPerRequest).send().await {
        Err(e) if e.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => {}
        made => drop(made.with_context(|| format!("making the table {name}"))?),
    }
    switch_on_ttl(client, name).await.context("switching on the time to live")
}

fn attributes(all: &[(&str, ScalarAttributeType)]) -> Result<Vec<AttributeDefinition>> {
    let attribute = |(name, kind): &(&str, ScalarAttributeType)| {
        let attribute = AttributeDefinition::builder().attribute_name(*name);
        attribute.attribute_type(kind.clone()).build()
    };
    Ok(all.iter().map(attribute).collect::<Result<_, _>>()?)
}

fn keys(partition: &str, sort: &str) -> Result<Vec<KeySchemaElement>> {
    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    Ok(vec![key(partition, KeyType::Hash)?, key(sort, KeyType::Range)?])
}

/// Switching it on where it is on is an error on the real service, so look first.
async fn switch_on_ttl(client: &Client, table: &str) -> Result<()> {
    let described = client.describe_time_to_live().table_name(table).send().await?;
    let status = described.time_to_live_description().and_then(|d| d.time_to_live_status());
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL).build()?;
    client.update_time_to_live().table_name(table).time_to_live_specification(ttl).send().await?;
    Ok(())
}
