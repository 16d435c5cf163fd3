-- Names are unique whatever their case in every alphabet, and whatever locale the database has.
drop index one_user_a_name;
create unique index one_user_a_name on users (lower(display_name collate "und-x-icu"));
