//! Which permission an AWS call takes: from the request on the wire to the action of an IAM policy.
//!
//! Usually they are called the same. Where they are not, it stands here, from the "Actions" tables of
//! the Service Authorization Reference. A call that is not known becomes an action that no policy
//! has, so that a comparison names it. Not covered: what a service does on the caller's behalf, such
//! as using a key, and conditions.

use std::collections::BTreeSet;

use crate::proxy::Seen;

/// The actions that a policy must allow for this call.
#[must_use]
pub fn actions(seen: &Seen) -> BTreeSet<String> {
    let Seen { service, .. } = seen;
    let operation = operation(seen);
    let names: Vec<&str> = match (service.as_str(), operation.as_str()) {
        // A batch is so many single calls.
        ("sqs", "SendMessageBatch") => vec!["SendMessage"],
        ("sqs", "DeleteMessageBatch") => vec!["DeleteMessage"],
        ("sqs", "ChangeMessageVisibilityBatch") => vec!["ChangeMessageVisibility"],
        // Tags given at birth take a permission of their own.
        ("ivs", "CreateChannel") if has_tags(&seen.body) => vec!["CreateChannel", "TagResource"],
        ("ses", "SendEmail") if is_raw(&seen.body) => vec!["SendRawEmail"],
        (_, other) => vec![other],
    };
    names.into_iter().map(|name| format!("{service}:{name}")).collect()
}

/// The operation, by the three ways in which AWS's protocols name it.
fn operation(seen: &Seen) -> String {
    if let Some((_, operation)) = seen.target.rsplit_once('.') {
        return operation.to_owned();
    }
    let path = seen.path.split('?').next().unwrap_or_default();
    if path == "/" {
        let form = String::from_utf8_lossy(&seen.body);
        let action = form.split('&').find_map(|field| field.strip_prefix("Action="));
        return action.unwrap_or("a call without an action").to_owned();
    }
    let rest = match (seen.service.as_str(), seen.method.as_str(), path) {
        ("ses", "POST", "/v2/email/outbound-emails") => "SendEmail",
        ("ivs", "GET", path) if path.starts_with("/tags/") => "ListTagsForResource",
        ("ivs", "POST", path) if path.starts_with("/tags/") => "TagResource",
        ("ivs", "DELETE", path) if path.starts_with("/tags/") => "UntagResource",
        // Its other calls are `POST /<Operation>`.
        ("ivs", "POST", path) if path[1..].chars().all(char::is_alphabetic) => &path[1..],
        (_, method, path) => return format!("{method} {path}"),
    };
    rest.to_owned()
}

fn has_tags(body: &[u8]) -> bool {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    body["tags"].as_object().is_some_and(|tags| !tags.is_empty())
}

fn is_raw(body: &[u8]) -> bool {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    body["Content"]["Raw"].is_object()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_names_its_operation() {
        for (service, target, method, path, body, expected) in [
            ("sqs", "AmazonSQS.SendMessageBatch", "POST", "/", "{}", "sqs:SendMessage"),
            ("dynamodb", "DynamoDB_20120810.Query", "POST", "/", "{}", "dynamodb:Query"),
            ("sns", "", "POST", "/", "Action=Publish&Message=Action%3DNo", "sns:Publish"),
            ("ses", "", "POST", "/v2/email/outbound-emails", "{}", "ses:SendEmail"),
            ("ses", "", "PUT", "/v2/email/account", "{}", "ses:PUT /v2/email/account"),
            ("ivs", "", "POST", "/StopStream", "{}", "ivs:StopStream"),
            ("ivs", "", "GET", "/tags/arn%3Aaws", "", "ivs:ListTagsForResource"),
            (
                "ivs",
                "",
                "POST",
                "/CreateChannel",
                r#"{"tags": {"a": "b"}}"#,
                "ivs:CreateChannel ivs:TagResource",
            ),
        ] {
            let seen = Seen {
                method: method.into(),
                path: path.into(),
                service: service.into(),
                target: target.into(),
                body: body.into(),
            };
            let actions: Vec<String> = actions(&seen).into_iter().collect();
            assert_eq!(actions.join(" "), expected);
        }
    }
}
