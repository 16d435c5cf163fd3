-- Whoever claims these has that long to finish; then they are anybody's again.
update users set erasing_until = now() + make_interval(secs => $1)
where user_id in (
  select user_id from users
  where deleted_at is not null and erased_at is null
    and (erasing_until is null or erasing_until < now())
  order by erasing_until nulls first, deleted_at limit $2
  for update skip locked
)
returning user_id
