-- Rows for users seen for the first time. A name that is taken makes no row; the next try has another.
insert into users (user_id, display_name, keyed_name, name_spelling, name_look)
select user_id, name, name, spelling, look
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as new (user_id, name, spelling, look)
on conflict do nothing
