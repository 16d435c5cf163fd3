-- A channel that has a step to be taken now. Nobody else takes one for the next $1 seconds.
update channels
set due_at = now() + make_interval(secs => $1)
where slot = (
    select slot
    from channels
    where state not in ('ready', 'assigned') and due_at <= now()
    order by due_at
    limit 1
    for update skip locked
)
returning slot::text as slot, private, state, arn, ingest_endpoint, playback_url, failures
