update channels
set state = 'ready', arn = $2, ingest_endpoint = $3, playback_url = $4, due_at = now(), failures = 0
where slot = $1::uuid and state = 'creating'
