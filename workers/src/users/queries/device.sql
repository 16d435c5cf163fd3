-- The device of a deleted user, unless somebody else has registered it since.
select push_endpoint_arn from users as gone
where user_id = $1 and deleted_at is not null
  and not exists (
    select from users where users.push_endpoint_arn = gone.push_endpoint_arn and users.user_id <> $1
  )
