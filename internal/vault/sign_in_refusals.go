package vault

import (
	"context"
	"time"
)

// refusalsEvery is how often it is recorded at most that a user was not let in.
const refusalsEvery = time.Hour

// RefusalDue tells whether it is to be recorded that a user was not let in: not if it was within the last hour. True is said once, whichever
// process asks.
func (i *Identities) RefusalDue(ctx context.Context, user string, now time.Time) (due bool, err error) {
	tag, err := i.pool.Exec(ctx, `
		insert into sign_in_refusals as r (user_id, recorded_at) values ($1, $2)
		on conflict (user_id) do update set recorded_at = excluded.recorded_at where r.recorded_at <= $3`, user, now, now.Add(-refusalsEvery))
	if err != nil {
		return false, doing(err, "note a refusal")
	}
	return tag.RowsAffected() == 1, nil
}
