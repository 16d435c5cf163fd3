-- A channel that belongs to nobody, to be taken down like any other.
insert into channels (slot, private, state, arn, ingest_endpoint, playback_url)
values (gen_random_uuid(), $1, 'retiring', $2, '', '')
on conflict (arn) do nothing
