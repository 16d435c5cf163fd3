//! Every bound the rules and the wire share, named with its unit and the reason for the number.

/// Largest amount, in minor units: 2^53 − 1, the largest integer that every JSON reader keeps exact.
pub const AMOUNT_MAX: u64 = 9_007_199_254_740_991;

/// Region code length in bytes; long enough for `apse2`-like codes, short enough for an id.
pub const REGION_CODE_LEN_MIN: usize = 2;
/// See [`REGION_CODE_LEN_MIN`].
pub const REGION_CODE_LEN_MAX: usize = 8;

/// User id length in bytes. A Cognito `sub` has 36; the rest is room for federated pools.
pub const USER_ID_LEN_MAX: usize = 64;

/// Idempotency key length in bytes: a UUID has 36, a ULID 26; 128 leaves room for prefixes.
pub const IDEMPOTENCY_KEY_LEN_MAX: usize = 128;

/// Increment bands in one auction. Printed catalogues use about ten.
pub const INCREMENT_BANDS_MAX: usize = 32;

/// Title length in characters; fits one line of a listing.
pub const TITLE_CHARS_MAX: usize = 200;
/// Description length in characters; a condition report fits.
pub const DESCRIPTION_CHARS_MAX: usize = 10_000;
/// Category and condition length in characters.
pub const LABEL_CHARS_MAX: usize = 64;
/// Images on one auction.
pub const IMAGE_URLS_MAX: usize = 20;
/// Length of one image URL in characters; the common browser limit is about this.
pub const URL_CHARS_MAX: usize = 2_048;

/// Shortest auction in seconds; shorter cannot be bid on by a person.
pub const DURATION_S_MIN: u64 = 5;
/// Longest auction in seconds: 30 days.
pub const DURATION_S_MAX: u64 = 2_592_000;

/// How long ago the time may be, in minutes, at which a new auction is to open by itself: a clock that
/// is wrong, a form that was open for a while. More is a slip, and its terms would be fixed at once.
pub const OPENS_AT_LATE_MINUTES_MAX: u64 = 5;
/// How far ahead it may be, in days: a year, as nobody announces an auction earlier. More is a slip of
/// the year, and would hold its video channel for as long.
pub const OPENS_AT_AHEAD_DAYS_MAX: u64 = 366;

/// Soft-close window and extension in seconds: at most an hour each.
pub const SOFT_CLOSE_S_MAX: u64 = 3_600;
/// Most soft-close extensions an auction may allow.
pub const EXTENSIONS_MAX: u64 = 1_000;
/// Longest in-flight grace in milliseconds. Longer would make the visible end a fiction.
pub const GRACE_MS_MAX: u64 = 5_000;

/// Shortest display name in characters: Ng, Jo and 李娜 are whole names, one letter is an initial. Where a
/// character is a syllable or a word, one is enough.
pub const NAME_CHARS_MIN: usize = 2;
/// Longest display name in characters, spaces among them; fits beside a message on a phone.
pub const NAME_CHARS_MAX: usize = 30;
/// Marks on one character of a display name: as many as Unicode's UTS #39 (5.4) takes for sensible.
/// More reach into the lines above and below.
pub const NAME_MARKS_MAX: usize = 4;
/// Length of a device's push token in ASCII characters. Apple's have 64, Google's about 200, and SNS
/// takes no more.
pub const PUSH_TOKEN_CHARS_MAX: usize = 400;
/// Length of a chat message in characters: a few sentences, and no more of the screen than others.
pub const CHAT_TEXT_CHARS_MAX: usize = 500;

/// Best distinct bidders kept in the live state for display.
pub const TOP_BIDS_MAX: usize = 5;

/// Arrays and objects within each other in a body. Ours go three deep; what a token's claims hold is
/// up to its issuer, and 128 is what JSON readers commonly allow.
pub const BODY_DEPTH_MAX: u32 = 128;

// Texts are limited in characters, bodies in bytes: what is within the former is within the latter,
// however it is escaped.

/// Bytes of one character in JSON: beyond U+FFFF it may be escaped as twice six bytes.
const JSON_CHAR_BYTES_MAX: usize = 12;
/// Bytes of one ASCII character in JSON, escaped.
const JSON_ASCII_BYTES_MAX: usize = 6;
/// Characters of a letter of a name: itself and its marks, which do not count.
const NAME_LETTER_CHARS_MAX: usize = 1 + NAME_MARKS_MAX;
/// Room in a body for what is not text: names of fields, escaped too, numbers, spaces. A bid, which has
/// nothing else, takes under 300 of these bytes.
const BODY_ROOM_BYTES: usize = 4_096;
/// The same for one increment band, indented and escaped: at most about 200.
const BAND_ROOM_BYTES: usize = 512;

/// Body of a bid in bytes: two amounts and a currency.
pub const BID_BODY_BYTES_MAX: usize = BODY_ROOM_BYTES;
/// Body of a change of one's profile in bytes.
pub const ME_BODY_BYTES_MAX: usize = NAME_CHARS_MAX * NAME_LETTER_CHARS_MAX * JSON_CHAR_BYTES_MAX
    + PUSH_TOKEN_CHARS_MAX * JSON_ASCII_BYTES_MAX
    + BODY_ROOM_BYTES;
/// Body of a chat message in bytes.
pub const CHAT_BODY_BYTES_MAX: usize = CHAT_TEXT_CHARS_MAX * JSON_CHAR_BYTES_MAX + BODY_ROOM_BYTES;
/// Body of an auction, or of a change of one, in bytes: 390 KB, nearly all of it room for escapes.
pub const AUCTION_BODY_BYTES_MAX: usize =
    (TITLE_CHARS_MAX + DESCRIPTION_CHARS_MAX + 2 * LABEL_CHARS_MAX) * JSON_CHAR_BYTES_MAX
        + IMAGE_URLS_MAX * URL_CHARS_MAX * JSON_ASCII_BYTES_MAX
        + INCREMENT_BANDS_MAX * BAND_ROOM_BYTES
        + BODY_ROOM_BYTES;
/// Body that names a viewer, in bytes: 15 ASCII characters.
pub const VIEWER_BODY_BYTES_MAX: usize = BODY_ROOM_BYTES;
/// Body of a request that needs none, in bytes: `{}`, which some clients always send.
pub const EMPTY_BODY_BYTES_MAX: usize = 64;

/// Groups of one user in Amazon Cognito, which allows no more.
const GROUPS_MAX: usize = 100;
/// One group's name in bytes: Cognito allows 128 characters of any script.
const GROUP_BYTES_MAX: usize = 128 * 4;
/// The other claims in bytes. Cognito's own take about 600; a trigger may add some.
const OTHER_CLAIMS_BYTES_MAX: usize = 4_096;
/// The header and the signature (of an RSA key of 4,096 bits) in bytes.
const TOKEN_ENDS_BYTES_MAX: usize = 2 * 512;
/// An access token in bytes, in base64: the largest that Cognito issues. One in 100 groups of 128 ASCII
/// characters has 18.6 KB.
pub const TOKEN_BYTES_MAX: usize =
    (GROUPS_MAX * (GROUP_BYTES_MAX + 3) + OTHER_CLAIMS_BYTES_MAX + TOKEN_ENDS_BYTES_MAX) * 4 / 3
        + 8;

/// Items on a page when the caller does not say.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;
/// Most items on a page: 100 bids are under 100 KB. Auctions have texts of up to 82 KB each, so a
/// page of them also ends by bytes.
pub const PAGE_ITEMS_MAX: u32 = 100;
/// Length of a cursor in bytes; ours stay under 400.
pub const CURSOR_LEN_MAX: usize = 1_024;
/// Length of a token in a message's link; the longest user id and its signature have 130.
pub const LINK_TOKEN_LEN_MAX: usize = 160;
