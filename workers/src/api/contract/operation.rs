//! One operation: what it answers. What it takes and who may ask is its route's; what follows from
//! these (a path parameter, the problems every request can meet) is added when it is written.

use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, MessageId};
use gavel_core::time::Timestamp;
use gavel_core::wire::routes::{Access, Body, Method, Name, Query, Route};
use gavel_core::wire::{
    BidRequest, ChatRequest, Code, CreateAuction, EditAuction, EditMe, RevokeViewer, Status, schema,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{Parts, problems};

/// The name of the one security scheme.
const SECURITY_SCHEME: &str = "cognito";

/// What nearly every answer is.
const JSON: &str = "application/json";

/// Makes a schema, noting what it refers to.
type Make = fn(&mut SchemaGenerator) -> Schema;

/// An operation, as documented.
pub(in crate::api) struct Operation {
    summary: &'static str,
    description: Option<&'static str>,
    answers: Vec<Answer>,
    refusals: Vec<Code>,
}

struct Answer {
    status: u16,
    description: &'static str,
    schema: Make,
    located: bool,
    media_type: &'static str,
}

/// A parameter in the query: its name, what it means, whether it must be there.
type Parameter = (&'static str, &'static str, bool, Make);

impl Operation {
    /// An operation without answers yet.
    pub(in crate::api) const fn new(summary: &'static str) -> Self {
        Self { summary, description: None, answers: Vec::new(), refusals: Vec::new() }
    }

    /// What the summary has no room for.
    pub(in crate::api) fn about(self, description: &'static str) -> Self {
        Self { description: Some(description), ..self }
    }

    /// Answers with a `T`.
    pub(in crate::api) fn answers<T: JsonSchema>(
        self,
        status: u16,
        description: &'static str,
    ) -> Self {
        self.answers_with(status, description, SchemaGenerator::subschema_for::<T>)
    }

    /// Answers with what `schema` says.
    pub(in crate::api) fn answers_with(
        mut self,
        status: u16,
        description: &'static str,
        schema: Make,
    ) -> Self {
        self.answers.push(Answer { status, description, schema, located: false, media_type: JSON });
        self
    }

    /// Answers with a page for people.
    pub(in crate::api) fn answers_page(mut self, status: u16, description: &'static str) -> Self {
        let schema = |_: &mut SchemaGenerator| schemars::json_schema!({ "type": "string" });
        let media_type = "text/html";
        self.answers.push(Answer { status, description, schema, located: false, media_type });
        self
    }

    /// The answers so far say where the made thing is.
    pub(in crate::api) fn located(mut self) -> Self {
        self.answers.iter_mut().for_each(|answer| answer.located = true);
        self
    }

    /// Refuses with these codes, besides those that follow from its route.
    pub(in crate::api) fn refuses(mut self, codes: &[Code]) -> Self {
        self.refusals.extend(codes);
        self
    }

    /// As the contract has it.
    pub(super) fn write(self, route: &Route, parts: &mut Parts) -> Value {
        let mut written = Map::new();
        let mut set = |name: &str, value: Value| written.insert(name.to_owned(), value);
        set("operationId", json!(operation_id(route)));
        set("summary", json!(self.summary));
        if let Some(description) = self.description {
            set("description", json!(description));
        }
        let signed_in = json!({ SECURITY_SCHEME: [] });
        set(
            "security",
            match route.access {
                Access::Anyone => json!([{}, signed_in]),
                Access::SignedIn => json!([signed_in]),
            },
        );
        let parameters = parameters(route, parts);
        if !parameters.is_empty() {
            set("parameters", Value::Array(parameters));
        }
        if let Some(make) = body(route.body) {
            let schema = make(&mut parts.schemas);
            let content = json!({ "application/json": { "schema": schema } });
            let room = format!("At most {} bytes.", route.body.bytes_max());
            let body = json!({ "description": room, "required": true, "content": content });
            set("requestBody", body);
        }
        set("responses", self.responses(route, parts));
        Value::Object(written)
    }

    fn responses(&self, route: &Route, parts: &mut Parts) -> Value {
        let mut responses = Map::new();
        for answer in &self.answers {
            let schema = (answer.schema)(&mut parts.schemas);
            let named = [
                route.takes_idempotency_key().then_some("Idempotency-Key"),
                answer.located.then_some("Location"),
                (route.name == Name::PlaceBid).then_some("Gavel-Bid-Id"),
            ];
            let headers = problems::marks(named.iter().flatten());
            let answer_written = json!({
                "description": answer.description,
                "headers": headers,
                "content": { answer.media_type: { "schema": schema } },
            });
            responses.insert(answer.status.to_string(), answer_written);
        }
        let mut codes = vec![
            Code::MalformedRequest,
            Code::Unauthenticated,
            Code::InvalidRequest,
            Code::RateLimited,
            Code::HeadersTooLarge,
            Code::Internal,
            Code::Unavailable,
        ];
        codes.extend(route.path.contains('{').then_some(Code::NotFound));
        codes.extend((route.method != Method::Get).then_some(Code::PayloadTooLarge));
        codes.extend(route.body.is_read().then_some(Code::UnsupportedMediaType));
        codes.extend(route.counts_against_user().then_some(Code::AccountDeleted));
        codes.extend(&self.refusals);
        codes.sort_by_key(|code| code.status());
        codes.dedup();
        responses.extend(problems::responses(&codes, &mut parts.problems));
        Value::Object(responses)
    }
}

/// The name of a route as the contract has it, such as `placeBid`.
fn operation_id(route: &Route) -> String {
    let (first, rest) = route.name.as_str().split_at(1);
    format!("{}{rest}", first.to_lowercase())
}

fn parameters(route: &Route, parts: &mut Parts) -> Vec<Value> {
    let ids: [(&str, &str, Make); 3] = [
        ("id", "The auction's id.", SchemaGenerator::subschema_for::<AuctionId>),
        ("bid_id", "The bid's id.", SchemaGenerator::subschema_for::<BidId>),
        ("message_id", "The message's id.", SchemaGenerator::subschema_for::<MessageId>),
    ];
    let mut parameters = Vec::new();
    for (name, description, make) in ids {
        if route.path.contains(&format!("{{{name}}}")) {
            let schema = make(&mut parts.schemas);
            parameters.push(json!({ "in": "path", "name": name, "required": true,
                                    "description": description, "schema": schema }));
        }
    }
    for (name, description, required, make) in query(route.query) {
        let schema = make(&mut parts.schemas);
        let mut parameter = json!({ "in": "query", "name": name, "description": description,
                                    "schema": schema });
        if required {
            parameter["required"] = json!(true);
        }
        parameters.push(parameter);
    }
    if route.takes_idempotency_key() {
        let schema = parts.schemas.subschema_for::<IdempotencyKey>();
        parameters.push(json!({ "in": "header", "name": "Idempotency-Key", "schema": schema,
            "description": "Names the request, so that a repeat gets the first answer. \
                The edge makes one up when there is none." }));
    }
    parameters
}

fn query(query: Query) -> Vec<Parameter> {
    let cursor: Parameter =
        ("cursor", "The `next_cursor` of the page before.", false, |_| schema::cursor());
    let limit: Parameter =
        ("limit", "The most items on the page.", false, |_| schema::page_items());
    match query {
        Query::None | Query::Linked => vec![],
        Query::Token => vec![("token", "That of the link.", true, |_| schema::link_token())],
        Query::Page => vec![cursor, limit],
        Query::Bid => {
            let until = "The `settled_at` of the answer that left it open: only with it is 404 final,                 and until then the answer is `bid-unsettled`.";
            let schema: Make = SchemaGenerator::subschema_for::<Timestamp>;
            vec![("settled_at", until, false, schema)]
        }
        Query::List => {
            let status = "Only those where they are in their life.";
            vec![
                ("status", status, false, SchemaGenerator::subschema_for::<Status>),
                ("category", "Only those of this category.", false, |_| schema::category()),
                cursor,
                limit,
            ]
        }
    }
}

fn body(body: Body) -> Option<Make> {
    Some(match body {
        Body::Unread | Body::Empty => return None,
        Body::Auction => SchemaGenerator::subschema_for::<CreateAuction>,
        Body::Edit => SchemaGenerator::subschema_for::<EditAuction>,
        Body::Bid => SchemaGenerator::subschema_for::<BidRequest>,
        Body::Viewer => SchemaGenerator::subschema_for::<RevokeViewer>,
        Body::Chat => SchemaGenerator::subschema_for::<ChatRequest>,
        Body::Me => SchemaGenerator::subschema_for::<EditMe>,
    })
}

/// How a caller says who they are.
pub(super) fn security_schemes() -> Value {
    json!({ SECURITY_SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of the deployment's Amazon Cognito user pool.",
    } })
}
