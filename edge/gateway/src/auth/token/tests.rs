//! Every way a token can be wrong, and the few ways it can be right.

use jwt_simple::prelude::{HS256Key, MACLike as _};
use serde_json::json;

use super::*;
use crate::testing::{KEY_ID, START_MS, Signer, claims, config, jwks};

const NOW_S: u64 = START_MS / 1_000;

/// All steps, with the pool's key as the only one known.
fn check(token: &str) -> Result<Verified, TokenFault> {
    let set = super::super::jwks::KeySet::parse(jwks(&[(KEY_ID, Signer::Pool)]).as_bytes(), 0);
    let read = Unverified::read(token, &config().cognito, NOW_S)?;
    let key = set.unwrap().keys.get(read.key_id()).cloned().ok_or(TokenFault::UnknownKey)?;
    let verified = read.verify(&key, &config().cognito)?;
    verified.clone().at(NOW_S).map(|_| verified)
}

/// A good token with some claims changed; null removes one.
fn with(changes: &Value) -> String {
    let mut claims = claims("u-1", NOW_S);
    let object = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
    Signer::Pool.sign(KEY_ID, claims)
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A good token's claims and signature behind another header.
fn headed(header: &str) -> String {
    let good = Signer::Pool.access(KEY_ID, "u-1", NOW_S);
    let (_, rest) = good.split_once('.').unwrap();
    format!("{}.{rest}", encode(header))
}

#[test]
fn a_good_access_token_says_who_it_is() {
    let verified = check(&Signer::Pool.access(KEY_ID, "u-1", NOW_S)).unwrap();
    assert_eq!(verified.identity.user.as_str(), "u-1");
    assert_eq!(verified.identity.groups, ["seller"]);
    assert_eq!(verified.expires_at_s, NOW_S + 3_600);
    // What a trigger adds beyond Cognito's own hundred does not make a token another's.
    let many: Vec<String> =
        (0..300).map(|n| format!("group-{n}")).chain(["seller".into()]).collect();
    let of_many = check(&with(&json!({"cognito:groups": many}))).unwrap();
    assert_eq!(of_many.identity.groups, ["seller"]);
    let without_groups = check(&with(&json!({"cognito:groups": null}))).unwrap();
    assert!(without_groups.identity.groups.is_empty());
}

#[test]
fn times_may_be_fractional_and_have_a_small_leeway() {
    for changes in [
        json!({"exp": NOW_S}),
        json!({"exp": NOW_S - 4}),
        json!({"nbf": NOW_S + 5, "iat": NOW_S + 5}),
        json!({"iat": null, "nbf": null}),
    ] {
        assert!(check(&with(&changes)).is_ok(), "{changes}");
    }
    let fraction: Value = serde_json::from_str(&format!(
        r#"{{"exp": {}.75, "iat": {}.25, "nbf": {}.5}}"#,
        NOW_S + 9,
        NOW_S,
        NOW_S
    ))
    .unwrap();
    assert_eq!(check(&with(&fraction)).unwrap().expires_at_s, NOW_S + 9);
}

#[test]
fn wrong_claims_are_refused() {
    for (changes, fault) in [
        (json!({"token_use": "id", "aud": "client-1"}), TokenFault::Use),
        (json!({"token_use": null}), TokenFault::Use),
        (json!({"token_use": ["access"]}), TokenFault::Use),
        (json!({"client_id": "client-2"}), TokenFault::Client),
        (json!({"client_id": null, "aud": "client-1"}), TokenFault::Client),
        (json!({"iss": "https://cognito-idp.us-east-1.amazonaws.com/other"}), TokenFault::Issuer),
        (json!({"iss": null}), TokenFault::Issuer),
        (json!({"exp": null}), TokenFault::End),
        (json!({"exp": NOW_S - 6}), TokenFault::Expired),
        (json!({"exp": NOW_S - 5}), TokenFault::Expired),
        (json!({"exp": 0}), TokenFault::Expired),
        (json!({"nbf": NOW_S + 6}), TokenFault::NotYet),
        (json!({"iat": NOW_S + 6}), TokenFault::NotYet),
        (json!({"sub": null}), TokenFault::Subject),
        (json!({"sub": ""}), TokenFault::Subject),
        (json!({"sub": "a/../b"}), TokenFault::Subject),
        (json!({"sub": "x".repeat(65)}), TokenFault::Subject),
        (json!({"cognito:groups": "admin"}), TokenFault::Groups),
        (json!({"cognito:groups": [1]}), TokenFault::Groups),
        (json!({"cognito:groups": ["seller", null]}), TokenFault::Groups),
    ] {
        assert_eq!(check(&with(&changes)), Err(fault), "{changes}");
    }
    for changes in [json!({"exp": "9999999999"}), json!({"exp": -1}), json!({"exp": true})] {
        assert!(check(&with(&changes)).is_err(), "{changes}");
    }
    let twice = Signer::Pool.sign_with_two_ends(KEY_ID, claims("u-1", NOW_S));
    assert!(check(&twice).is_err(), "exp twice");
}

#[test]
fn what_can_only_be_refused_is_refused_before_the_signature_is_looked_at() {
    for (changes, fault) in [
        (json!({"exp": null}), TokenFault::End),
        (json!({"nbf": NOW_S + 60}), TokenFault::NotYet),
        (json!({"iss": "https://elsewhere.example"}), TokenFault::Issuer),
        (json!({"client_id": "client-2"}), TokenFault::Client),
        (json!({"token_use": "id"}), TokenFault::Use),
        (json!({"sub": null}), TokenFault::Subject),
    ] {
        let [header, claims, _] = segments(&with(&changes)).unwrap().map(str::to_owned);
        let forged = format!("{header}.{claims}.{}", encode("forged"));
        let read = Unverified::read(&forged, &config().cognito, NOW_S).map(drop);
        assert_eq!(read, Err(fault), "{changes}");
    }
}

#[test]
fn only_rs256_with_a_known_key_is_believed() {
    let public = Signer::Pool.public();
    let confused = |secret: &[u8]| {
        let claims: Map<String, Value> = claims("u-1", NOW_S).as_object().unwrap().clone();
        let claims = jwt_simple::prelude::Claims::with_custom_claims(
            claims,
            jwt_simple::prelude::Duration::from_hours(1),
        );
        HS256Key::from_bytes(secret).with_key_id(KEY_ID).authenticate(claims).unwrap()
    };
    let tampered = Signer::Pool.access(KEY_ID, "u-1", NOW_S);
    let [header, _, signature] = segments(&tampered).unwrap();
    let tampered = format!("{header}.{}.{signature}", encode(&claims("admin", NOW_S).to_string()));
    for (token, fault) in [
        (confused(public.to_pem().unwrap().as_bytes()), TokenFault::Algorithm),
        (confused(&public.to_der().unwrap()), TokenFault::Algorithm),
        (headed(&format!(r#"{{"alg":"none","kid":"{KEY_ID}"}}"#)), TokenFault::Algorithm),
        (headed(&format!(r#"{{"alg":"noNE","kid":"{KEY_ID}"}}"#)), TokenFault::Algorithm),
        (headed(&format!(r#"{{"alg":"rs256","kid":"{KEY_ID}"}}"#)), TokenFault::Algorithm),
        (headed(&format!(r#"{{"alg":"RS512","kid":"{KEY_ID}"}}"#)), TokenFault::Algorithm),
        (headed(&format!(r#"{{"alg":["RS256"],"kid":"{KEY_ID}"}}"#)), TokenFault::Algorithm),
        (headed(&format!(r#"{{"kid":"{KEY_ID}"}}"#)), TokenFault::Algorithm),
        (headed(r#"{"alg":"RS256"}"#), TokenFault::KeyId),
        (headed(r#"{"alg":"RS256","kid":""}"#), TokenFault::KeyId),
        (headed(r#"{"alg":"RS256","kid":7}"#), TokenFault::KeyId),
        (headed(&format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(129))), TokenFault::KeyId),
        (Signer::Pool.access("another", "u-1", NOW_S), TokenFault::UnknownKey),
        (Signer::Other.access(KEY_ID, "u-1", NOW_S), TokenFault::Signature),
        (tampered, TokenFault::Signature),
    ] {
        assert_eq!(check(&token), Err(fault), "{token}");
    }
}

#[test]
fn extensions_and_keys_inside_the_token_are_not_followed() {
    let with = |member: &str| headed(&format!(r#"{{"alg":"RS256","kid":"{KEY_ID}",{member}}}"#));
    for member in [r#""crit":["exp"]"#, r#""crit":[]"#, r#""crit":null"#] {
        assert_eq!(check(&with(member)), Err(TokenFault::Critical), "{member}");
    }
    // The header is covered by the signature, so a key or an address in it changes nothing else.
    for member in [r#""jku":"https://evil.example/jwks""#, r#""x5u":"https://evil.example""#] {
        assert_eq!(check(&with(member)), Err(TokenFault::Signature), "{member}");
    }
}

#[test]
fn a_member_that_appears_twice_is_refused() {
    for header in [
        format!(r#"{{"alg":"none","alg":"RS256","kid":"{KEY_ID}"}}"#),
        format!(r#"{{"alg":"RS256","kid":"x","kid":"{KEY_ID}"}}"#),
        r#"["RS256"]"#.to_owned(),
        "RS256".to_owned(),
    ] {
        assert_eq!(check(&headed(&header)), Err(TokenFault::Header), "{header}");
    }
}

#[test]
fn only_the_compact_form_in_strict_base64url_is_read() {
    let good = Signer::Pool.access(KEY_ID, "u-1", NOW_S);
    let [header, claims, signature] = segments(&good).unwrap();
    // The signature has 342 characters, the last of which carries four bits of nothing.
    let loose = format!("{}{}", &signature[..341], next_letter(&signature[341..]));
    for (token, fault) in [
        (String::new(), TokenFault::NotCompact),
        ("..".to_owned(), TokenFault::NotCompact),
        (format!("{header}.{claims}"), TokenFault::NotCompact),
        (format!("{header}.{claims}."), TokenFault::NotCompact),
        (format!("{good}.{signature}"), TokenFault::NotCompact),
        (format!("{good}."), TokenFault::NotCompact),
        (format!("{header}.{claims}.{signature}=="), TokenFault::Encoding),
        (format!("{header}.{claims}. {signature}"), TokenFault::Encoding),
        (format!("{header}.{claims}.{loose}"), TokenFault::Encoding),
        (good.replace(['-', '_'], "+"), TokenFault::Encoding),
        (format!("{good}\n"), TokenFault::Encoding),
        (
            json!({"payload": claims, "protected": header, "signature": signature}).to_string(),
            TokenFault::NotCompact,
        ),
        ("a".repeat(TOKEN_BYTES_MAX + 1), TokenFault::TooLong),
    ] {
        assert_eq!(check(&token), Err(fault), "{token}");
    }
}

/// The base64url character after this one.
fn next_letter(letter: &str) -> char {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = ALPHABET.find(letter).unwrap();
    ALPHABET.chars().nth(at + 1).unwrap()
}
