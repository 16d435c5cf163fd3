//! The Kubernetes manifests against what they run. That each is well formed is `infra/check`'s business.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result};
use gavel_local::paths;
use gavel_tests::stacks::{ROLES, Template};
use serde::Deserialize;
use serde_json::{Value, json};

/// Where they are; what an overlay changes is its deployment's.
const BASE: &str = "infra/k8s/base";

/// How long a worker may take to stop: 5 s before it is told, then three drains of 10 s.
const STOP_S: u64 = 35;

/// Every object of every manifest.
fn objects() -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for file in files()? {
        let text = std::fs::read_to_string(paths::checkout().join(BASE).join(&file))?;
        for document in serde_yaml_ng::Deserializer::from_str(&text) {
            objects.push(Value::deserialize(document).with_context(|| file.clone())?);
        }
    }
    Ok(objects)
}

fn files() -> Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(paths::checkout().join(BASE))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") && name != "kustomization.yaml" {
            files.insert(name);
        }
    }
    Ok(files)
}

fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Result<&'a Value> {
    let found = objects.iter().find(|one| one["kind"] == kind && one["metadata"]["name"] == name);
    found.with_context(|| format!("there is no {kind} {name}"))
}

#[test]
fn the_kustomization_lists_every_file() -> Result<()> {
    let path = paths::checkout().join(BASE).join("kustomization.yaml");
    let text = std::fs::read_to_string(path)?;
    let kustomization: Value = serde_yaml_ng::from_str(&text)?;
    let listed = kustomization["resources"].as_array().into_iter().flatten();
    let listed: BTreeSet<String> = listed.filter_map(Value::as_str).map(str::to_owned).collect();
    assert_eq!(listed, files()?);
    Ok(())
}

#[test]
fn every_role_has_workers_that_may_little_and_stop_in_order() -> Result<()> {
    let objects = objects()?;
    for role in ROLES {
        let name = format!("gavel-{role}");
        let deployment = find(&objects, "Deployment", &name)?;
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(container["args"], json!(["run", "--roles", role]));
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        let limits = &container["securityContext"];
        assert_eq!(limits["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(limits["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(limits["capabilities"]["drop"][0], "ALL", "{name}");
        for (probe, path) in [
            ("startupProbe", "/healthz"),
            ("livenessProbe", "/healthz"),
            ("readinessProbe", "/readyz"),
        ] {
            assert_eq!(container[probe]["httpGet"]["path"], path, "{name}");
        }
        let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap_or(0);
        assert!(grace > STOP_S, "{name} is killed after {grace} s");

        let labels = &deployment["spec"]["template"]["metadata"]["labels"];
        let selects = |selector: &Value| {
            let mut wanted = selector["matchLabels"].as_object().into_iter().flatten();
            wanted.all(|(key, value)| labels[key] == *value)
        };
        assert!(selects(&deployment["spec"]["selector"]), "{name} does not find its own pods");
        assert!(selects(&find(&objects, "PodDisruptionBudget", &name)?["spec"]["selector"]));
        let scaler = find(&objects, "HorizontalPodAutoscaler", &name)?;
        assert_eq!(scaler["spec"]["scaleTargetRef"]["name"], name.as_str());
        let account = pod["serviceAccountName"].as_str().unwrap_or_default();
        find(&objects, "ServiceAccount", account)?;
    }
    Ok(())
}

#[test]
fn what_the_manifests_tell_the_workers_is_a_valid_configuration() -> Result<()> {
    let objects = objects()?;
    let config = find(&objects, "ConfigMap", "gavel-workers")?;
    let mut workers: Vec<&Value> = vec![find(&objects, "Job", "gavel-migrate")?];
    for role in ROLES {
        workers.push(find(&objects, "Deployment", &format!("gavel-{role}"))?);
    }
    for worker in workers {
        let container = &worker["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["envFrom"][0]["configMapRef"]["name"], "gavel-workers");
        let mut environment: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in config["data"].as_object().into_iter().flatten() {
            environment.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
        }
        for variable in container["env"].as_array().into_iter().flatten() {
            let secret = &variable["valueFrom"]["secretKeyRef"];
            assert!(secret["name"].is_string(), "{variable} is a secret");
            if secret["optional"] == true {
                continue;
            }
            let name = variable["name"].as_str().unwrap_or_default();
            let value = match name {
                "DATABASE_URL" => "postgres://gavel:secret@database:5432/gavel".to_owned(),
                "REDIS_URL" => "rediss://redis:6379".to_owned(),
                _ => "0123456789abcdef".repeat(4),
            };
            environment.insert(name.to_owned(), value);
        }
        let mut check = Command::new(paths::built("gavel")?);
        let checked = check.arg("check-config").env_clear().envs(environment).output()?;
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success(), "{}: {said}", worker["metadata"]["name"]);
    }
    Ok(())
}

#[test]
fn the_edge_is_told_every_variable_it_requires_and_none_it_does_not_know() -> Result<()> {
    let manifest = std::fs::read_to_string(paths::checkout().join("spin.toml"))?;
    let manifest: toml::Table = toml::from_str(&manifest)?;
    let known = manifest["variables"].as_table().context("spin.toml has variables")?;

    let objects = objects()?;
    let spin_app = &find(&objects, "SpinApp", "gavel-edge")?["spec"];
    let config = &find(&objects, "ConfigMap", "gavel-edge")?["data"];
    let configured: Vec<Value> =
        config.as_object().into_iter().flatten().map(|(name, _)| json!({"name": name})).collect();
    let configured = json!(configured);
    for told in spin_app["variables"].as_array().into_iter().flatten() {
        let from = &told["valueFrom"]["configMapKeyRef"];
        if from.is_null() {
            continue;
        }
        let name = told["name"].as_str().unwrap_or_default();
        let key = format!("SPIN_VARIABLE_{}", name.to_uppercase());
        assert_eq!((&from["name"], &from["key"]), (&json!("gavel-edge"), &json!(key)));
        assert!(from["optional"] == true || config[&key].is_string(), "nothing says {key}");
    }
    let host = edge_host()?;
    assert_eq!(host["envFrom"], json!([{"configMapRef": {"name": "gavel-edge"}}]));
    let fargate = Template::read(&paths::checkout().join("infra/cloudformation/edge.yaml"))?;
    let task = fargate.resources().find(|(name, ..)| *name == "Task").context("no task")?.2;
    let task = &task["Properties"]["ContainerDefinitions"][0];
    for (place, lists) in [
        ("the SpinApp", vec![&spin_app["variables"]]),
        ("gavel-host in Kubernetes", vec![&host["env"], &configured]),
        ("gavel-host on Fargate", vec![&task["Environment"], &task["Secrets"]]),
    ] {
        let told = lists.into_iter().flat_map(|list| list.as_array().into_iter().flatten());
        let told: BTreeSet<String> = told.map(variable).collect::<Option<_>>().context(place)?;
        for name in &told {
            assert!(known.contains_key(name), "{place}: spin.toml has no variable {name}");
        }
        for (name, _) in known.iter().filter(|(_, value)| is_required(value)) {
            assert!(told.contains(name), "{place} is not told {name}");
        }
    }
    Ok(())
}

#[test]
fn no_edge_is_taken_away_because_its_region_does_not_answer() -> Result<()> {
    let objects = objects()?;
    let checks = &find(&objects, "SpinApp", "gavel-edge")?["spec"]["checks"];
    assert_eq!(checks["readiness"]["httpGet"]["path"], "/healthz");
    assert_eq!(edge_host()?["readinessProbe"]["httpGet"]["path"], "/healthz");
    Ok(())
}

/// The container of alternatives/edge-host/deployment.yaml.
fn edge_host() -> Result<Value> {
    let path = paths::checkout().join("infra/k8s/alternatives/edge-host/deployment.yaml");
    let text = std::fs::read_to_string(path)?;
    let first = serde_yaml_ng::Deserializer::from_str(&text).next().context("it is empty")?;
    Ok(Value::deserialize(first)?["spec"]["template"]["spec"]["containers"][0].take())
}

/// The name of a variable of spin.toml, as it is or in that of an environment variable.
fn variable(told: &Value) -> Option<String> {
    let name = told["name"].as_str().or_else(|| told["Name"].as_str())?;
    Some(name.strip_prefix("SPIN_VARIABLE_").map_or_else(|| name.to_owned(), str::to_lowercase))
}

/// Whether a variable of spin.toml has no default.
fn is_required(variable: &toml::Value) -> bool {
    variable.get("required").and_then(toml::Value::as_bool) == Some(true)
}
