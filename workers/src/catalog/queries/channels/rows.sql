select slot::text as slot, private, state, arn, ingest_endpoint, playback_url, failures from channels
