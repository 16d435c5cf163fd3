-- Channels of a kind ($1: private) that are ready beyond $2, the newest first.
update channels
set state = 'retiring', due_at = now(), failures = 0
where state = 'ready' and slot in (
    select slot
    from channels
    where private = $1 and state = 'ready'
    order by created_at
    offset $2
    for update skip locked
)
