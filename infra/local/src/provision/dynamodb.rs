//! The table of the bid history, with the keys the workers use.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};

/// The index of a bidder's own bids.
const OWN_BIDS_INDEX: &str = "user_id-timestamp-index";

/// The attribute that holds when an item may go, in seconds since 1970.
const TTL: &str = "ttl_expiry";

pub(super) async fn bids_table(client: &Client, name: &str) -> Result<()> {
    let index = GlobalSecondaryIndex::builder().index_name(OWN_BIDS_INDEX);
    let index = index.set_key_schema(Some(keys("user_id", "timestamp")?));
    let all = Projection::builder().projection_type(ProjectionType::All).build();
    let attributes = [
        ("auction_id", ScalarAttributeType::S),
        ("timestamp#user_id", ScalarAttributeType::S),
        ("user_id", ScalarAttributeType::S),
        ("timestamp", ScalarAttributeType::N),
    ];
    let attributes: Result<Vec<_>, _> = attributes
        .map(|(name, kind)| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
        })
        .into_iter()
        .collect();
    let create = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys("auction_id", "timestamp#user_id")?))
        .set_attribute_definitions(Some(attributes?))
        .global_secondary_indexes(index.projection(all).build()?);
    match create.send().await {
        Err(e) if e.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => {}
        made => drop(made.with_context(|| format!("making the table {name}"))?),
    }
    switch_on_ttl(client, name).await.context("switching on the time to live")
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
