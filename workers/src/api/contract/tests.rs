//! The contract as a whole: committed as it is, and nothing in it left hanging.

use std::collections::BTreeSet;

use gavel_core::wire::routes::ROUTES;
use serde_json::Value;

use crate::api::contract;

const COMMITTED: &str = include_str!("../../../openapi.json");

#[test]
fn the_committed_contract_is_the_one_of_the_code() {
    assert!(
        contract() == COMMITTED,
        "workers/openapi.json is not what the code says. If the change is meant, run\n\
         \n    cargo run --bin gavel -- openapi > workers/openapi.json\n\
         \nand commit it with the change, so that clients see it."
    );
}

#[test]
fn every_route_of_the_table_is_documented_and_no_other() {
    let contract: Value = serde_json::from_str(COMMITTED).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys();
        documented.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    let public = ROUTES.iter().filter(|route| route.path.starts_with("/v1/"));
    let table = public.map(|route| (route.method.as_str().to_owned(), route.path.to_owned()));
    assert_eq!(documented, table.collect());
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_referred_to() {
    let contract: Value = serde_json::from_str(&contract()).unwrap();
    let mut referred = BTreeSet::new();
    references(&contract, &mut referred);
    let mut defined = BTreeSet::new();
    for kind in ["schemas", "responses", "headers"] {
        for name in contract["components"][kind].as_object().unwrap().keys() {
            defined.insert(format!("#/components/{kind}/{name}"));
        }
    }
    assert_eq!(referred, defined);
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn operations_have_names_of_their_own_and_summaries() {
    let contract: Value = serde_json::from_str(&contract()).unwrap();
    let items = contract["paths"].as_object().unwrap().values();
    let operations: Vec<&Value> =
        items.flat_map(|item| item.as_object().unwrap().values()).collect();
    let ids: BTreeSet<&str> =
        operations.iter().filter_map(|operation| operation["operationId"].as_str()).collect();
    assert_eq!(ids.len(), operations.len());
    assert!(operations.iter().all(|operation| operation["summary"].is_string()));
}
