-- What no two names have in common, made by the program because PostgreSQL folds no case in full and
-- knows no look-alikes. `keyed_name` is the name they were made of: a release that knows no keys changes
-- the name alone, and then the keys are not its own and hold nobody back. The index on the small letters
-- stays for such a release. Names of before have no keys until `gavel migrate` makes them, after this.
alter table users
    add column keyed_name text,
    add column name_spelling text,
    add column name_look text;
create unique index one_user_a_spelling on users (name_spelling) where keyed_name = display_name;
create unique index one_user_a_look on users (name_look) where keyed_name = display_name;
-- Those to be given keys, the oldest first.
create index users_to_key on users (created_at, user_id)
    where display_name is not null and keyed_name is distinct from display_name;
