-- The older first: of two with one name, the one who had it first has its keys.
select user_id, display_name from users
where display_name is not null
  and keyed_name is distinct from display_name
order by created_at, user_id limit $1
