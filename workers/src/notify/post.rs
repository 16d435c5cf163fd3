//! Sending: e-mail through SES, SMS and push through SNS. Knows how each of them says no.
//!
//! Neither has a token that makes a repeat harmless, so nothing is sent again here: what became of a
//! call is the sender's to judge. Give both clients a time-out and no retries.

use aws_sdk_sesv2::error::ProvideErrorMetadata;
use aws_sdk_sesv2::types::{
    Body, Content, Destination, EmailContent, Message as Letter, MessageHeader, MessageTag,
};

use super::templates::Message;

/// The notification's id among the tags of a mail, by which a bounce names its reader.
pub(super) const NOTIFICATION_TAG: &str = "gavel-notification";

/// How messages leave. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Post {
    ses: aws_sdk_sesv2::Client,
    sns: aws_sdk_sns::Client,
    from: String,
    domain: String,
    configuration_set: Option<String>,
}

/// Why a message did not leave. Texts are service's error codes, never addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotSent {
    /// This message never will.
    Refused(String),
    /// This device cannot be reached any more.
    DeviceLost,
    /// Not now.
    Later(String),
}

impl Post {
    /// Mail comes from the verified address `from`; SES reports on it by `configuration_set`.
    #[must_use]
    pub fn new(
        ses: aws_sdk_sesv2::Client,
        sns: aws_sdk_sns::Client,
        from: String,
        configuration_set: Option<String>,
    ) -> Self {
        let domain = domain(&from);
        Self { ses, sns, from, domain, configuration_set }
    }

    /// Sends an e-mail about the notification `id`. Gives what SES calls it.
    pub(super) async fn email(
        &self,
        id: i64,
        to: &str,
        message: &Message,
    ) -> Result<String, NotSent> {
        let letter =
            letter(message, &self.domain).map_err(|error| NotSent::Refused(error.to_string()))?;
        let tag = MessageTag::builder().name(NOTIFICATION_TAG).value(id.to_string()).build();
        let tag = tag.map_err(|error| NotSent::Refused(error.to_string()))?;
        let send = self.ses.send_email().from_email_address(&self.from);
        let send = send.destination(Destination::builder().to_addresses(to).build());
        let send = send.content(EmailContent::builder().simple(letter).build()).email_tags(tag);
        let sent = send.set_configuration_set_name(self.configuration_set.clone()).send().await;
        let sent = sent.map_err(|error| not_sent(error.code()))?;
        Ok(sent.message_id.unwrap_or_default())
    }

    /// Sends an SMS to a phone number.
    pub(super) async fn sms(&self, to: &str, message: &Message) -> Result<String, NotSent> {
        let publish = self.sns.publish().phone_number(to).message(&message.short);
        let sent = publish.send().await.map_err(|error| not_sent(error.code()))?;
        Ok(sent.message_id.unwrap_or_default())
    }

    /// Sends a push notification to a device that SNS knows by this ARN.
    pub(super) async fn push(&self, endpoint: &str, message: &Message) -> Result<String, NotSent> {
        let publish = self.sns.publish().target_arn(endpoint).message(&message.short);
        let sent = publish.send().await.map_err(|error| {
            device_lost(error.code(), error.message()).unwrap_or_else(|| not_sent(error.code()))
        })?;
        Ok(sent.message_id.unwrap_or_default())
    }
}

/// The domain of an e-mail address, with or without a name before it.
fn domain(address: &str) -> String {
    let (_, domain) = address.rsplit_once('@').unwrap_or_default();
    let in_names = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    domain.chars().take_while(in_names).collect()
}

/// The headers' values are of our own making: of what people typed, only the subject and the bodies,
/// which SES encodes, have anything.
fn letter(message: &Message, domain: &str) -> Result<Letter, aws_sdk_sesv2::error::BuildError> {
    let root = format!("<{}@{domain}>", message.thread);
    let content = |data: &str| Content::builder().data(data).charset("UTF-8").build();
    let header = |name: &str, value: String| MessageHeader::builder().name(name).value(value);
    let body = Body::builder().text(content(&message.text)?).html(content(&message.html)?).build();
    let letter = Letter::builder()
        .subject(content(&message.subject)?)
        .body(body)
        // SES gives each mail a Message-ID of its own and overrides any other ("Amazon SES header
        // fields"), so that one mail cannot name another before it was sent. All answer to one that was
        // never sent, instead: clients put those who do into one thread (RFC 5322, section 3.6.4).
        .headers(header("In-Reply-To", root.clone()).build()?)
        .headers(header("References", root).build()?)
        // RFC 8058: one POST to the first, with the second as its body, and it is done.
        .headers(header("List-Unsubscribe", format!("<{}>", message.unsubscribe_url)).build()?)
        .headers(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()).build()?);
    Ok(letter.build())
}

/// What SNS says of a device that it has switched off, because the platform said that it is gone, or that
/// it does not know. Of the latter it says only that a parameter is not valid.
fn device_lost(code: Option<&str>, message: Option<&str>) -> Option<NotSent> {
    let lost = match code? {
        "EndpointDisabled" | "EndpointDisabledException" | "NotFound" | "NotFoundException" => true,
        "InvalidParameter" | "InvalidParameterException" => {
            message.is_some_and(|message| message.contains("No endpoint found"))
        }
        _ => false,
    };
    lost.then_some(NotSent::DeviceLost)
}

/// Codes that concern this one message. All others (throttling, a paused or unknown account, no
/// answer) pass or are mended, and the message is kept.
fn not_sent(code: Option<&str>) -> NotSent {
    let code = code.unwrap_or("no answer");
    match code {
        "MessageRejected"
        | "BadRequestException"
        | "InvalidParameter"
        | "InvalidParameterException"
        | "InvalidParameterValue"
        | "OptedOut"
        | "OptedOutException" => NotSent::Refused(code.to_owned()),
        _ => NotSent::Later(code.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_sns_does_not_know_or_has_switched_off_is_lost() {
        let unknown =
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified";
        for (code, message) in [
            ("EndpointDisabled", "Endpoint is disabled"),
            ("NotFound", "Endpoint does not exist"),
            ("InvalidParameter", unknown),
        ] {
            assert_eq!(device_lost(Some(code), Some(message)), Some(NotSent::DeviceLost), "{code}");
        }
        let other = "Invalid parameter: Message Reason: too long";
        for (code, message) in [("InvalidParameter", other), ("Throttling", "Rate exceeded")] {
            assert_eq!(device_lost(Some(code), Some(message)), None, "{code}");
        }
    }

    #[test]
    fn a_mail_belongs_to_the_thread_of_its_lot_and_no_title_gets_into_a_header() {
        let message = Message {
            subject: "Sold: A\r\nBcc: all@example.com".to_owned(),
            text: String::new(),
            html: String::new(),
            short: String::new(),
            unsubscribe_url: "https://bids.example.com/v1/unsubscribe?token=t".to_owned(),
            thread: "use1_01928e2c-7f3e-7abc-8def-0123456789ab.bidder-5f3a9c01".to_owned(),
        };
        let root = "<use1_01928e2c-7f3e-7abc-8def-0123456789ab.bidder-5f3a9c01@example.com>";
        for from in ["auctions@example.com", "Gavel <auctions@example.com>"] {
            let made = letter(&message, &domain(from)).unwrap();
            let value = |name: &str| {
                let header = made.headers().iter().find(|header| header.name() == name);
                header.map(|header| header.value()).unwrap_or_default()
            };
            assert_eq!((value("In-Reply-To"), value("References")), (root, root), "{from}");
            for header in made.headers() {
                let printable = header.value().bytes().all(|b| b == b' ' || b.is_ascii_graphic());
                assert!(printable && header.value().len() <= 870, "{header:?}");
            }
        }
    }

    #[test]
    fn only_what_concerns_one_message_is_given_up() {
        for code in ["MessageRejected", "BadRequestException", "OptedOutException"] {
            assert_eq!(not_sent(Some(code)), NotSent::Refused(code.to_owned()));
        }
        for code in [
            "TooManyRequestsException",
            "LimitExceededException",
            "ThrottlingException",
            "AccountSuspendedException",
            "SendingPausedException",
            "MailFromDomainNotVerifiedException",
            "NotFoundException",
            "AccessDeniedException",
            "InternalError",
        ] {
            assert_eq!(not_sent(Some(code)), NotSent::Later(code.to_owned()));
        }
        assert!(matches!(not_sent(None), NotSent::Later(_)));
    }
}
