select display_name, notify_channel, push_endpoint_arn is not null as push_device,
  keyed_name is not distinct from display_name as keyed, created_at, deleted_at
from users where user_id = $1
