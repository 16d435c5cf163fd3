-- A key that somebody else has stays theirs. Looked at first, because a refused update would say so, too,
-- but not which of the two.
update users set
  keyed_name = display_name,
  name_spelling = case when exists (
    select from users as other where other.name_spelling = $3
      and other.keyed_name = other.display_name and other.user_id <> $1
  ) then null else $3 end,
  name_look = case when exists (
    select from users as other where other.name_look = $4
      and other.keyed_name = other.display_name and other.user_id <> $1
  ) then null else $4 end
where user_id = $1 and display_name = $2
