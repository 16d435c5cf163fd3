-- Rows for users seen for the first time. A name that is taken makes no row; the next try has another.
insert into users (user_id, display_name)
select * from unnest($1::text[], $2::text[])
on conflict do nothing
