//! infra/docker/compose.yaml without Docker: the commands of its services, run here in their order.
//!
//! What an engine alone can tell is not here: images, volumes, networks. `infra/docker/try` has that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use gavel_local::process::{Process, Spec};
use gavel_local::service::{Probe, Service};
use gavel_local::{Options, Port, Stack, paths};
use serde_json::json;
use serde_yaml_ng::Value;

/// How long one of the commands that end by themselves may take, on a busy machine.
const COMMAND_WITHIN: Duration = Duration::from_secs(60);

/// The compose file, and where its addresses and folders are here.
struct Compose {
    services: Value,
    places: Vec<(&'static str, String)>,
    dir: PathBuf,
    path: String,
}

impl Compose {
    fn read(stack: &Stack, workers: &Port, edge: &Port) -> Result<Self> {
        let dir = stack.logs();
        let settings = &stack.settings;
        let folder = dir.display();
        let places = vec![
            ("http://aws:4566", settings.aws_endpoint_url.clone()),
            ("http://ivs:4567", settings.aws_ivs_endpoint_url.clone()),
            ("http://workers:8081", workers.url()),
            ("redis://redis:6379", settings.redis_url.clone()),
            ("postgres://gavel:gavel@postgres:5432/gavel", settings.database_url.clone()),
            ("/run/gavel/", format!("{folder}/")),
            ("/edge/spin.toml", paths::checkout().join("spin.toml").display().to_string()),
            ("0.0.0.0:3000", edge.address().to_string()),
            ("--state-dir /state", format!("--state-dir {folder}")),
            // Compose's own: a variable's default, and a dollar sign.
            ("${GAVEL_EDGE_PORT:-3000}", edge.number().to_string()),
            ("$$", "$".to_owned()),
        ];
        let programs = paths::built("gavel")?;
        let programs = programs.parent().context("a program is in a folder")?.display();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
        Ok(Self { services: services()?, places, dir, path })
    }

    /// A service's entry point and command as they are run here.
    fn words(&self, service: &str) -> Result<Vec<String>> {
        let lists = ["entrypoint", "command"].map(|key| &self.services[service][key]);
        let mut words = Vec::new();
        if lists[0].is_null() {
            words.push("gavel-local".to_owned());
        }
        for word in lists.into_iter().filter_map(Value::as_sequence).flatten() {
            let mut word = word.as_str().context("a word is a string")?.to_owned();
            for (there, here) in &self.places {
                word = word.replace(there, here);
            }
            words.push(word);
        }
        Ok(words)
    }

    fn spec(&self, service: &str, more: &[&str]) -> Result<Spec> {
        let mut words = self.words(service)?;
        words.extend(more.iter().map(|&word| word.to_owned()));
        // Looked up in the PATH of the command, as in a container.
        let spec = Spec::new(service, "/usr/bin/env".into(), self.dir.clone(), &self.dir);
        Ok(spec.args(words).env([("PATH", self.path.as_str())]))
    }

    async fn run(&self, service: &str, more: &[&str]) -> Result<String> {
        let spec = self.spec(service, more)?;
        let log = spec.log.clone();
        Process::new(spec).run(COMMAND_WITHIN).await?;
        read(&log)
    }
}

/// The services of the compose file.
fn services() -> Result<Value> {
    let file = paths::checkout().join("infra/docker/compose.yaml");
    let mut whole: Value = serde_yaml_ng::from_str(&read(&file)?)?;
    whole.apply_merge()?;
    Ok(whole["services"].clone())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

#[tokio::test]
async fn the_compose_files_commands_make_a_stack_that_one_can_sign_in_to_and_bid_on() -> Result<()>
{
    let stack = Stack::start(Options::services_for_tests()?).await?;
    let (workers_port, edge_port) = (Port::free()?, Port::free()?);
    let edge_url = edge_port.url();
    let compose = Compose::read(&stack, &workers_port, &edge_port)?;
    compose.run("provision", &[]).await?;
    compose.run("migrate", &[]).await?;
    // The image's, see the Dockerfile.
    let listen = [("GAVEL_LISTEN", workers_port.address().to_string())];
    let ready = Probe::HttpSuccess(format!("{}/readyz", workers_port.url()));
    let workers = compose.spec("workers", &[])?.env(listen);
    let mut workers = Service::new(workers, ready, workers_port);
    workers.start().await?;
    let ready = Probe::HttpSuccess(format!("{edge_url}/readyz"));
    let mut edge = Service::new(compose.spec("edge", &[])?, ready, edge_port);
    edge.start().await?;

    // Each answer is added to the same log.
    let seller = compose.run("token", &["seller"]).await?.trim().to_owned();
    let both = compose.run("token", &["bidder-1"]).await?;
    let bidder = both.lines().last().context("a token is a line")?;
    let client = reqwest::Client::new();
    let post = |path: String, token: &str, body: serde_json::Value| {
        let request = client.post(format!("{edge_url}/v1/{path}")).bearer_auth(token);
        request.json(&body).send()
    };
    let lot = json!({"title": "Walnut desk", "starting_price": 10_000, "duration_s": 600});
    let made = post("auctions".to_owned(), &seller, lot).await?;
    assert_eq!(made.status(), 201);
    let made: serde_json::Value = made.json().await?;
    let id = made["id"].as_str().context("an auction has an id")?;
    let opened = client.post(format!("{edge_url}/v1/auctions/{id}/open")).bearer_auth(&seller);
    assert_eq!(opened.send().await?.status(), 200);
    let bid = post(format!("auctions/{id}/bids"), bidder, json!({"amount": 12_500})).await?;
    assert_eq!(bid.status(), 201);

    let settings = compose.run("settings", &[]).await?;
    assert!(settings.contains(&format!("GAVEL_EDGE_URL={edge_url}\n")), "{settings}");
    edge.stop().await?;
    workers.stop().await?;
    stack.stop().await
}

#[test]
fn what_others_wait_for_is_ready_for_good_or_has_failed_for_good() -> Result<()> {
    let services = services()?;
    let named = services.as_mapping().context("there are services")?;
    for (name, service) in named {
        for (other, wait) in service["depends_on"].as_mapping().into_iter().flatten() {
            if wait["condition"] == "service_completed_successfully" {
                // Compose gives up when it fails first; a second try would come too late.
                assert_eq!(services[other]["restart"], "no", "{other:?}, for {name:?}");
            }
        }
    }
    // While its data folder is made, PostgreSQL answers on its socket, and then stops once more.
    let check = services["postgres"]["healthcheck"]["test"].as_sequence();
    assert!(check.is_some_and(|words| words.contains(&"--host".into())), "{check:?}");
    Ok(())
}

#[test]
fn every_image_of_ours_is_built_by_one_service_where_it_cannot_be_pulled() -> Result<()> {
    let services = services()?;
    let services = services.as_mapping().context("there are services")?;
    for image in ["workers", "edge", "local", "ministack"] {
        let name = format!("${{GAVEL_IMAGES:-localhost/}}gavel-{image}:${{GAVEL_VERSION:-main}}");
        let users: Vec<_> =
            services.values().filter(|service| service["image"] == name.as_str()).collect();
        let builders = users.iter().filter(|service| !service["build"].is_null()).count();
        assert_eq!(builders, 1, "{name}");
        assert!(users.iter().all(|service| service["pull_policy"] == "missing"), "{name}");
        // It is among those that `up` starts, so that the others find the image.
        let hidden = |service: &&&Value| !service["profiles"].is_null();
        let builds = |service: &&&Value| !service["build"].is_null();
        assert_eq!(users.iter().filter(builds).filter(hidden).count(), 0, "{name}");
    }
    Ok(())
}
