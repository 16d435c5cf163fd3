//! The stacks of infra/cloudformation, made and updated in the emulator.
//!
//! The emulator refuses a template with types it does not know, by name. Those are taken out, noted,
//! and the rest is made: what was skipped is reported and never passed over. What the resources
//! really do on AWS is not shown here, only that the templates fit together and that Gavel runs on
//! what they make.

mod plan;
mod report;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, Parameter, Stack};
use gavel_local::aws::Clients;
use gavel_local::provision::{self, Resources};
use gavel_local::{aws, paths};

pub use plan::{Plan, ROLES, all};
pub use report::{Fate, Report, Row};
pub use template::Template;

use crate::wait::eventually;

/// How long one stack may take. The emulator makes the largest within a second.
const STACK_WITHIN: Duration = Duration::from_secs(60);

/// The pool of the identity stack knows people by their mail address.
const ACCOUNT_SUFFIX: &str = "@gavel.example";

/// The stacks of one deployment, made in order.
#[derive(Debug)]
pub struct Stacks {
    client: Client,
    templates: BTreeMap<&'static str, Template>,
    /// Every output of every stack by its name; no two stacks have one of the same name, but services.
    pub outputs: BTreeMap<String, String>,
    /// What became of each resource.
    pub report: Report,
}

impl Stacks {
    /// Makes `plans` in the emulator at `endpoint_url`.
    ///
    /// # Errors
    /// When it cannot be reached, or a stack is not made in time.
    pub async fn create(endpoint_url: &str, plans: impl Iterator<Item = Plan>) -> Result<Self> {
        let client = Client::new(&aws::config(endpoint_url));
        let mut stacks = Self {
            client,
            templates: BTreeMap::new(),
            outputs: BTreeMap::new(),
            report: Report::default(),
        };
        for plan in plans {
            stacks.create_one(plan).await.with_context(|| format!("the stack {}", plan.name))?;
        }
        Ok(stacks)
    }

    /// Updates `plans` with the parameter that each of them changes.
    ///
    /// # Errors
    /// When one is refused, or is not updated in time.
    pub async fn update(&mut self, plans: impl Iterator<Item = Plan>) -> Result<()> {
        for plan in plans {
            let updated = self.update_one(plan).await;
            updated.with_context(|| format!("updating the stack {}", plan.name))?;
        }
        Ok(())
    }

    /// What Gavel needs of all this, with the sample accounts added to the pool.
    ///
    /// # Errors
    /// When an output is missing or the pool refuses an account.
    pub async fn resources(&self, clients: &Clients, password: &str) -> Result<Resources> {
        let output = |name: &str| {
            self.outputs
                .get(name)
                .cloned()
                .with_context(|| format!("no stack has the output {name}"))
        };
        let user_pool_id = output("UserPoolId")?;
        for (name, groups) in provision::ACCOUNTS {
            let name = format!("{name}{ACCOUNT_SUFFIX}");
            provision::add_user(&clients.cognito, &user_pool_id, &name, password, groups).await?;
        }
        let bid_queue_url = output("BidQueueUrl")?;
        let dead_letters = output("BidDeadLettersName")?;
        Ok(Resources {
            app_client_id: output("AppClientId")?,
            // The stacks have one client; what the edge does with another's tokens is tested elsewhere.
            other_app_client_id: String::new(),
            issuer: output("Issuer")?,
            bid_dead_letter_queue_url: bid_queue_url
                .replace(&output("BidQueueName")?, &dead_letters),
            bid_queue_url,
            notification_queue_url: output("NotificationQueueUrl")?,
            chat_queue_url: output("ChatQueueUrl")?,
            email_feedback_queue_url: output("EmailFeedbackQueueUrl")?,
            email_configuration_set: output("ConfigurationSet")?,
            email_from: output("EmailFrom")?,
            bids_table: output("BidsTable")?,
            chat_table: output("ChatTable")?,
            user_pool_id,
            account_suffix: ACCOUNT_SUFFIX.to_owned(),
        })
    }

    async fn create_one(&mut self, plan: Plan) -> Result<()> {
        let folder = paths::checkout().join("infra/cloudformation");
        let whole = Template::read(&folder.join(format!("{}.yaml", plan.template)))?;
        let mut template = whole.clone();
        let mut skipped = BTreeSet::new();
        loop {
            let create = self.client.create_stack().stack_name(plan.name);
            let create = create.template_body(template.body());
            let create = create.capabilities(Capability::CapabilityNamedIam);
            let create = create.set_parameters(Some(parameters(plan, None)));
            match create.send().await {
                Ok(_) => break,
                Err(error) => {
                    let message = error.message().unwrap_or_default();
                    let unknown = unknown_types(message);
                    let new = unknown.iter().any(|kind| !skipped.contains(kind));
                    ensure!(new, "it is refused: {message} ({error:?})");
                    skipped.extend(unknown);
                    template = whole.without(&skipped);
                }
            }
        }
        let stack = self.settled(plan.name).await?;
        for output in stack.outputs() {
            let (name, value) = (output.output_key(), output.output_value());
            let (name, value) = name.zip(value).context("an output without name or value")?;
            self.outputs.insert(name.to_owned(), value.to_owned());
        }
        let made = self.described(plan.name).await?;
        for (name, kind) in whole.types() {
            let fate = match made.get(&name) {
                _ if skipped.contains(&kind) => Fate::Skipped,
                Some((status, id)) if status == "CREATE_COMPLETE" => Fate::Made { id: id.clone() },
                Some((status, _)) => Fate::Failed(status.clone()),
                None => Fate::NotWanted,
            };
            self.report.add(plan.name, &name, &kind, fate);
        }
        self.templates.insert(plan.name, template);
        let status = status(&stack);
        let reason = stack.stack_status_reason().unwrap_or_default();
        ensure!(status == "CREATE_COMPLETE", "{status} {reason}\n{}", self.report);
        Ok(())
    }

    async fn update_one(&mut self, plan: Plan) -> Result<()> {
        let change = plan.change;
        let template = self.templates.get(plan.name).context("it was not created")?;
        let update = self.client.update_stack().stack_name(plan.name);
        let update = update.template_body(template.body());
        let update = update.capabilities(Capability::CapabilityNamedIam);
        update.set_parameters(Some(parameters(plan, Some(change)))).send().await?;
        let stack = self.settled(plan.name).await?;
        let status = status(&stack);
        let reason = stack.stack_status_reason().unwrap_or_default();
        ensure!(status == "UPDATE_COMPLETE", "{status} {reason}");
        let told = stack.parameters().iter().any(|parameter| {
            (parameter.parameter_key(), parameter.parameter_value())
                == (Some(change.0), Some(change.1))
        });
        ensure!(told, "it was updated, but not with {change:?}");
        for (name, (status, id)) in self.described(plan.name).await? {
            self.report.updated(plan.name, &name, &status, &id);
        }
        Ok(())
    }

    /// The stack, once it has come to rest.
    async fn settled(&self, name: &str) -> Result<Stack> {
        let look = || async {
            let found = self.client.describe_stacks().stack_name(name).send().await?;
            found.stacks().first().cloned().context("it is not there")
        };
        eventually(name, STACK_WITHIN, look, |stack| !status(stack).ends_with("IN_PROGRESS")).await
    }

    /// Status and physical id of each resource.
    async fn described(&self, name: &str) -> Result<BTreeMap<String, (String, String)>> {
        let found = self.client.describe_stack_resources().stack_name(name).send().await?;
        let resource = |resource: &aws_sdk_cloudformation::types::StackResource| {
            let name = resource.logical_resource_id().context("a resource without a name")?;
            let status = resource.resource_status().map_or("", |status| status.as_str());
            let id = resource.physical_resource_id().unwrap_or_default();
            Ok((name.to_owned(), (status.to_owned(), id.to_owned())))
        };
        found.stack_resources().iter().map(resource).collect()
    }
}

fn status(stack: &Stack) -> &str {
    stack.stack_status().map_or("", |status| status.as_str())
}

fn parameters(plan: Plan, change: Option<(&str, &str)>) -> Vec<Parameter> {
    let kept = plan.parameters.iter().filter(|(name, _)| change.is_none_or(|(of, _)| of != *name));
    let told = kept.map(|(name, value)| (*name, *value)).chain(change);
    told.map(|(name, value)| {
        Parameter::builder().parameter_key(name).parameter_value(value).build()
    })
    .collect()
}

/// The types that a refusal names: `Unrecognized resource types: [AWS::A::B, AWS::C::D]`.
fn unknown_types(message: &str) -> BTreeSet<String> {
    let list = message.split_once("Unrecognized resource types: [");
    let list = list.and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    list.split(", ").filter(|kind| !kind.is_empty()).map(str::to_owned).collect()
}

/// A stack maker for [`gavel_local::Options::maker`]: every stack, then the sample accounts.
#[must_use]
pub fn maker(done: tokio::sync::oneshot::Sender<Stacks>) -> provision::Maker {
    provision::Maker::Other(Box::new(move |endpoint_url, password| {
        Box::pin(async move {
            let clients = aws::Clients::new(&endpoint_url);
            let stacks = Stacks::create(&endpoint_url, all()).await?;
            let resources = stacks.resources(&clients, &password).await?;
            if done.send(stacks).is_err() {
                bail!("nobody waits for the stacks");
            }
            Ok(resources)
        })
    }))
}
