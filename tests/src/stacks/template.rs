//! A CloudFormation template, read and taken apart.
//!
//! Understands YAML with CloudFormation's short forms (`!Ref`, `!Sub`…) and turns them into the long
//! ones, so that the rest deals with JSON alone. Judges nothing: that is cfn-lint's business.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

/// A template.
#[derive(Clone, Debug)]
pub struct Template(Value);

impl Template {
    /// Reads the template in a file.
    ///
    /// # Errors
    /// When it cannot be read or is no template.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// Reads a template.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let body = long(serde_yaml_ng::from_str(text)?)?;
        if !body["Resources"].is_object() {
            bail!("it has no resources");
        }
        Ok(Self(body))
    }

    /// What to send to CloudFormation.
    #[must_use]
    pub fn body(&self) -> String {
        self.0.to_string()
    }

    /// Each resource's name and type.
    #[must_use]
    pub fn types(&self) -> BTreeMap<String, String> {
        self.resources().map(|(name, kind, _)| (name.to_owned(), kind.to_owned())).collect()
    }

    /// Each resource with its type and everything said about it.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let resources = self.0["Resources"].as_object();
        resources.into_iter().flatten().map(|(name, resource)| {
            (name.as_str(), resource["Type"].as_str().unwrap_or_default(), resource)
        })
    }

    /// The template without resources of these types. What refers to one of them is given a text in
    /// its place, so that everything else can be made.
    #[must_use]
    pub fn without(&self, types: &BTreeSet<String>) -> Self {
        let gone: BTreeSet<String> = self
            .resources()
            .filter(|(_, kind, _)| types.contains(*kind))
            .map(|(name, ..)| name.to_owned())
            .collect();
        let mut body = self.0.clone();
        if let Some(resources) = body["Resources"].as_object_mut() {
            resources.retain(|name, _| !gone.contains(name));
            for resource in resources.values_mut() {
                forget_dependencies(resource, &gone);
            }
        }
        Self(replace(body, &gone))
    }
}

/// A text where a reference to a resource stood that is not there.
fn placeholder(name: &str) -> String {
    format!("not-made-{name}")
}

fn forget_dependencies(resource: &mut Value, gone: &BTreeSet<String>) {
    let Some(resource) = resource.as_object_mut() else { return };
    let Some(on) = resource.remove("DependsOn") else { return };
    let all = match on {
        Value::Array(all) => all,
        one => vec![one],
    };
    let kept = all.into_iter().filter(|name| !name.as_str().is_some_and(|n| gone.contains(n)));
    resource.insert("DependsOn".to_owned(), kept.collect());
}

fn replace(value: Value, gone: &BTreeSet<String>) -> Value {
    let map = match value {
        Value::Array(all) => return all.into_iter().map(|value| replace(value, gone)).collect(),
        Value::Object(map) => map,
        other => return other,
    };
    let referred = map.get("Ref").or_else(|| map.get("Fn::GetAtt").map(|of| &of[0]));
    if let Some(name) = referred.and_then(|name| name.as_str().filter(|name| gone.contains(*name)))
    {
        return placeholder(name).into();
    }
    map.into_iter()
        .map(|(key, value)| {
            let value = if key == "Fn::Sub" { in_text(value, gone) } else { value };
            (key, replace(value, gone))
        })
        .collect()
}

/// The same in the text of a `Fn::Sub`: `${Name}` or `${Name.Attribute}`.
fn in_text(value: Value, gone: &BTreeSet<String>) -> Value {
    match value {
        Value::String(mut text) => {
            for name in gone {
                text = text.replace(&format!("${{{name}}}"), &placeholder(name));
                while let Some(at) = text.find(&format!("${{{name}.")) {
                    let end = text[at..].find('}').map_or(text.len(), |length| at + length + 1);
                    text.replace_range(at..end, &placeholder(name));
                }
            }
            text.into()
        }
        Value::Array(mut parts) => {
            if let Some(text) = parts.first_mut() {
                *text = in_text(text.take(), gone);
            }
            parts.into()
        }
        other => other,
    }
}

/// JSON in CloudFormation's long form.
fn long(value: Yaml) -> Result<Value> {
    Ok(match value {
        Yaml::Sequence(all) => all.into_iter().map(long).collect::<Result<_>>()?,
        Yaml::Mapping(map) => {
            let entry = |(key, value): (Yaml, Yaml)| {
                let key = match key {
                    Yaml::String(key) => key,
                    Yaml::Number(number) => number.to_string(),
                    other => bail!("a key is {other:?}"),
                };
                Ok((key, long(value)?))
            };
            map.into_iter().map(entry).collect::<Result<Map<_, _>>>()?.into()
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let inner = long(tagged.value)?;
            match (tag.trim_start_matches('!'), inner) {
                (name @ ("Ref" | "Condition"), inner) => json!({ name: inner }),
                ("GetAtt", Value::String(path)) => {
                    let (name, attribute) = path.split_once('.').context("GetAtt needs a dot")?;
                    json!({"Fn::GetAtt": [name, attribute]})
                }
                (name, inner) => json!({ format!("Fn::{name}"): inner }),
            }
        }
        // Valid YAML, and the emulator takes it, but CloudFormation does not.
        Yaml::Null => bail!("null values are not allowed in templates"),
        plain => serde_json::to_value(plain)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
Resources:
  Queue: {Type: "AWS::SQS::Queue", DependsOn: [Odd, Key], Properties: {Key: !GetAtt Key.Arn}}
  Key: {Type: "AWS::KMS::Key"}
  Odd: {Type: "AWS::Odd::Thing"}
Outputs:
  A: {Value: !Ref Odd}
  B: {Value: !Sub "x-${Odd.Arn}-${Odd}-${Key.Arn}"}
  C: {Value: !Join [",", [!GetAtt Odd.Arn, !ImportValue {"Fn::Sub": "${D}-E"}]]}
"#;

    #[test]
    fn short_forms_become_long_ones() {
        let Template(body) = Template::parse(TEXT).unwrap();
        let key = &body["Resources"]["Queue"]["Properties"]["Key"];
        assert_eq!(key, &json!({"Fn::GetAtt": ["Key", "Arn"]}));
        let joined = &body["Outputs"]["C"]["Value"]["Fn::Join"];
        assert_eq!(joined[1][1], json!({"Fn::ImportValue": {"Fn::Sub": "${D}-E"}}));
    }

    #[test]
    fn a_null_is_refused_as_by_cloudformation() {
        let error = Template::parse("Resources: {Machine: {ResultPath: null}}").unwrap_err();
        assert_eq!(error.to_string(), "null values are not allowed in templates");
    }

    #[test]
    fn what_is_taken_out_leaves_a_text_wherever_it_was_named() {
        let whole = Template::parse(TEXT).unwrap();
        let left = whole.without(&BTreeSet::from(["AWS::Odd::Thing".to_owned()]));
        assert_eq!(left.types().into_keys().collect::<Vec<_>>(), ["Key", "Queue"]);
        assert_eq!(left.0["Resources"]["Queue"]["DependsOn"], json!(["Key"]));
        assert_eq!(left.0["Outputs"]["A"]["Value"], "not-made-Odd");
        let text = "x-not-made-Odd-not-made-Odd-${Key.Arn}";
        assert_eq!(left.0["Outputs"]["B"]["Value"], json!({"Fn::Sub": text}));
        assert_eq!(left.0["Outputs"]["C"]["Value"]["Fn::Join"][1][0], "not-made-Odd");
    }
}
