//! Display names: whose they are in whatever spelling, and which nobody may have.

use gavel_workers::catalog::Catalog;
use gavel_workers::users::Users;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::world::{Ask, NOBODY, World, world};

fn somebody(user: &str) -> Ask<'_> {
    Ask { user: Some(user), ..NOBODY }
}

/// Asks for a name; gives what it is then, or the code that refuses it.
async fn rename(world: &World, user: &str, name: &str) -> Result<String, String> {
    let change = json!({ "display_name": name });
    let (status, me) = world.send(somebody(user), "PATCH", "/v1/me", &change).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match status {
        200 => Ok(text(&me["display_name"])),
        409 => Err(text(&me["code"])),
        _ => Err(format!("{status} {}", text(&me["errors"][0]["field"]))),
    }
}

fn taken() -> Result<String, String> {
    Err("name-taken".to_owned())
}

#[tokio::test]
async fn a_name_is_one_persons_in_whatever_case_composition_and_alphabet() {
    let world = world().await;
    for (number, (name, others)) in [
        ("Straße1", &["STRASSE1", "strasse1", "Strasse1", "StrasseI"][..]),
        ("Σίσυφος", &["ΣΊΣΥΦΟΣ", "σίσυφοσ"]),
        ("Işık", &["IŞIK", "ışık", "işik"]),
        ("Jörg B", &["JO\u{308}RG B", "jo\u{308}rg b"]),
        ("Bob", &["ВоЬ", "В0B", "bоb"]),
        ("한글", &["\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"]),
    ]
    .into_iter()
    .enumerate()
    {
        let owner = format!("owner-{number}");
        assert_eq!(rename(&world, &owner, name).await.as_deref(), Ok(name));
        for other in others {
            assert_eq!(rename(&world, "another", other).await, taken(), "{name} {other}");
        }
        // One's own name is one's own in every spelling, and free again afterwards.
        assert!(rename(&world, &owner, others[0]).await.is_ok());
        assert_eq!(
            rename(&world, "another", name).await,
            taken(),
            "{name} by its owner's new case"
        );
        assert!(rename(&world, &owner, &format!("Somebody Else {number}x")).await.is_ok());
        assert_eq!(rename(&world, "another", name).await.as_deref(), Ok(name));
    }
}

#[tokio::test]
async fn a_decomposed_name_is_kept_composed() {
    let world = world().await;
    for (given, kept) in [
        ("Zoe\u{308}", "Zoë"),
        ("\u{110b}\u{1175}\u{110c}\u{116e}\u{11ab}", "이준"),
        ("Đặng Thị Hue\u{323}\u{302}", "Đặng Thị Huệ"),
        ("\u{304b}\u{3099}くせい", "がくせい"),
    ] {
        assert_eq!(rename(&world, "somebody", given).await.as_deref(), Ok(kept));
    }
}

#[tokio::test]
async fn names_as_short_as_their_script_writes_them_are_taken() {
    let world = world().await;
    for name in ["李娜", "田中", "Ng", "이준", "أحمد", "翠", "နု", "श्री"] {
        assert_eq!(rename(&world, "somebody", name).await.as_deref(), Ok(name));
    }
    assert_eq!(rename(&world, "somebody", "N").await, Err("422 display_name".to_owned()));
}

#[tokio::test]
async fn nobody_is_called_as_those_in_charge_are() {
    let world = world().await;
    for name in [
        "Auctioneer",
        "Seller",
        "Admin",
        "System",
        "Gavel Support",
        "Gavel Support 1",
        "Adm1n",
        "A d m i n",
        "Аdmin",
        "ΑDMIN",
        "auctioneer_",
        "Moderator",
        "Host",
        "bіdder-5f3a9c01",
    ] {
        let refused = Err("422 display_name".to_owned());
        assert_eq!(rename(&world, "somebody", name).await, refused, "{name}");
    }
}

#[tokio::test]
async fn names_from_before_there_were_keys_stay_their_owners_and_get_their_keys() {
    let world = world().await;
    let pool = PgPool::connect(&world.stack.settings.database_url).await.unwrap();
    // As a release without keys writes them. It took the first two for two names.
    let before = async |user: &str, name: &str| {
        let insert = "insert into users (user_id, display_name) values ($1, $2)";
        sqlx::query(insert).bind(user).bind(name).execute(&pool).await.unwrap();
    };
    for (user, name) in
        [("first", "Straße1"), ("second", "STRASSE1"), ("third", "Admin"), ("fourth", "Ann")]
    {
        before(user, name).await;
    }
    let catalog = Catalog::new(&world.stack.settings.database_url, 2).unwrap();
    assert_eq!(Users::new(&catalog).key_names().await.unwrap(), 4);
    assert_eq!(Users::new(&catalog).key_names().await.unwrap(), 0, "once");
    for (user, name) in
        [("first", "Straße1"), ("second", "STRASSE1"), ("third", "Admin"), ("fourth", "Ann")]
    {
        let (status, me) = world.get(somebody(user), "/v1/me").await;
        assert_eq!((status, &me["display_name"]), (200, &json!(name)), "{me}");
    }
    assert_eq!(rename(&world, "newcomer", "strasse1").await, taken());
    assert_eq!(rename(&world, "newcomer", "Аnn").await, taken());

    // A release without keys changes a name beside this one: the former is free, the new one taken as
    // soon as its owner is seen.
    let change = "update users set display_name = 'Großmann' where user_id = 'fourth'";
    sqlx::query(change).execute(&pool).await.unwrap();
    assert_eq!(rename(&world, "newcomer", "ANN").await.as_deref(), Ok("ANN"));
    world.get(somebody("fourth"), "/v1/me").await;
    assert_eq!(rename(&world, "newcomer", "GROSSMANN").await, taken());
    // Nor does it stumble over what this release writes.
    before("fifth", "Zoe").await;
    let delete = "update users set deleted_at = now(), display_name = null, notify_channel = 'none' \
                  where user_id = 'newcomer'";
    sqlx::query(delete).execute(&pool).await.unwrap();
    assert_eq!(rename(&world, "another", "Ann").await.as_deref(), Ok("Ann"));
}
