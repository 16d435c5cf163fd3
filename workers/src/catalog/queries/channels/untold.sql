-- Revocations that the video service does not know of yet, while there is something to watch.
select revoked_viewers.auction_id, revoked_viewers.viewer_id, channels.arn
from revoked_viewers
join channels on channels.auction_id = revoked_viewers.auction_id and channels.state = 'assigned'
where not revoked_viewers.told
order by random() -- so that none whose call keeps failing stands before the others
limit $1
