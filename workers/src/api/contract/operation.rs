//! One operation: what it takes, what it answers, who may ask. What follows from these (a path
//! parameter, the problems every request can meet) is added when it is written, never by hand.

use axum::http::Method;
use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, MessageId};
use gavel_core::wire::{Code, schema};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::super::identity::body_bytes_max;
use super::{Parts, problems};

/// The name of the one security scheme.
const SECURITY_SCHEME: &str = "cognito";

/// What nearly every answer is.
const JSON: &str = "application/json";

/// Makes a schema, noting what it refers to.
type Make = fn(&mut SchemaGenerator) -> Schema;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Access {
    /// With a token or without.
    Anyone,
    /// With a token only.
    SignedIn,
}

/// An operation, as documented.
pub(in crate::api) struct Operation {
    id: &'static str,
    summary: &'static str,
    description: Option<&'static str>,
    access: Access,
    query: Vec<QueryParameter>,
    idempotent: bool,
    body: Option<Make>,
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

/// A parameter in the query.
struct QueryParameter {
    name: &'static str,
    description: &'static str,
    schema: Make,
    required: bool,
}

impl Operation {
    /// An operation without parameters, body and answers yet.
    pub(in crate::api) const fn new(
        id: &'static str,
        summary: &'static str,
        access: Access,
    ) -> Self {
        Self {
            id,
            summary,
            description: None,
            access,
            query: Vec::new(),
            idempotent: false,
            body: None,
            answers: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// What the summary has no room for.
    pub(in crate::api) fn about(self, description: &'static str) -> Self {
        Self { description: Some(description), ..self }
    }

    /// Takes a query parameter that may be left out.
    pub(in crate::api) fn query(
        mut self,
        name: &'static str,
        description: &'static str,
        schema: Make,
    ) -> Self {
        self.query.push(QueryParameter { name, description, schema, required: false });
        self
    }

    /// Takes a query parameter that may not.
    pub(in crate::api) fn required_query(
        mut self,
        name: &'static str,
        description: &'static str,
        schema: Make,
    ) -> Self {
        self.query.push(QueryParameter { name, description, schema, required: true });
        self
    }

    /// Answers a page of a list: takes `cursor` and `limit`.
    pub(in crate::api) fn paged(self) -> Self {
        self.query("cursor", "The `next_cursor` of the page before.", |_| schema::cursor()).query(
            "limit",
            "The most items on the page.",
            |_| schema::page_items(),
        )
    }

    /// Takes a body.
    pub(in crate::api) fn body<T: JsonSchema>(self) -> Self {
        Self { body: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    /// Recognises repeats by the header `Idempotency-Key`.
    pub(in crate::api) fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
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

    /// Refuses with these codes, besides those that follow from its shape.
    pub(in crate::api) fn refuses(mut self, codes: &[Code]) -> Self {
        self.refusals.extend(codes);
        self
    }

    /// As the contract has it.
    pub(super) fn write(self, method: &Method, path: &str, parts: &mut Parts) -> Value {
        let mut written = Map::new();
        let mut set = |name: &str, value: Value| written.insert(name.to_owned(), value);
        set("operationId", json!(self.id));
        set("summary", json!(self.summary));
        if let Some(description) = self.description {
            set("description", json!(description));
        }
        let signed_in = json!({ SECURITY_SCHEME: [] });
        set(
            "security",
            match self.access {
                Access::Anyone => json!([{}, signed_in]),
                Access::SignedIn => json!([signed_in]),
            },
        );
        let parameters = self.parameters(path, parts);
        if !parameters.is_empty() {
            set("parameters", Value::Array(parameters));
        }
        if let Some(make) = self.body {
            let schema = make(&mut parts.schemas);
            let content = json!({ "application/json": { "schema": schema } });
            let room = format!("At most {} bytes.", body_bytes_max(method, path));
            let body = json!({ "description": room, "required": true, "content": content });
            set("requestBody", body);
        }
        set("responses", self.responses(method, path, parts));
        Value::Object(written)
    }

    fn parameters(&self, path: &str, parts: &mut Parts) -> Vec<Value> {
        let ids: [(&str, &str, Make); 3] = [
            ("id", "The auction's id.", SchemaGenerator::subschema_for::<AuctionId>),
            ("bid_id", "The bid's id.", SchemaGenerator::subschema_for::<BidId>),
            ("message_id", "The message's id.", SchemaGenerator::subschema_for::<MessageId>),
        ];
        let mut parameters = Vec::new();
        for (name, description, make) in ids {
            if path.contains(&format!("{{{name}}}")) {
                let schema = make(&mut parts.schemas);
                parameters.push(json!({ "in": "path", "name": name, "required": true,
                                        "description": description, "schema": schema }));
            }
        }
        for QueryParameter { name, description, schema, required } in &self.query {
            let schema = schema(&mut parts.schemas);
            let mut parameter = json!({ "in": "query", "name": name, "description": description,
                                        "schema": schema });
            if *required {
                parameter["required"] = json!(true);
            }
            parameters.push(parameter);
        }
        if self.idempotent {
            let schema = parts.schemas.subschema_for::<IdempotencyKey>();
            parameters.push(json!({ "in": "header", "name": "Idempotency-Key", "schema": schema,
                "description": "Names the request, so that a repeat gets the first answer. \
                    The edge makes one up when there is none." }));
        }
        parameters
    }

    fn responses(&self, method: &Method, path: &str, parts: &mut Parts) -> Value {
        let mut responses = Map::new();
        for answer in &self.answers {
            let schema = (answer.schema)(&mut parts.schemas);
            let named = [
                self.idempotent.then_some("Idempotency-Key"),
                answer.located.then_some("Location"),
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
        codes.extend(path.contains('{').then_some(Code::NotFound));
        codes.extend((method != Method::GET).then_some(Code::PayloadTooLarge));
        codes.extend(self.body.map(|_| Code::UnsupportedMediaType));
        codes.extend(
            (self.access == Access::SignedIn && method != Method::GET)
                .then_some(Code::AccountDeleted),
        );
        codes.extend(&self.refusals);
        codes.sort_by_key(|code| code.status());
        codes.dedup();
        responses.extend(problems::responses(&codes, &mut parts.problems));
        Value::Object(responses)
    }
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
