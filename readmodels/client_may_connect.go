package readmodels

import (
	"context"
)

// connectScope is the dashboard scope that lets client users connect their own account's pages.
const connectScope = "connect"

// ClientMayConnect tells whether a client user may connect pages for its account: that account's dashboard is open, has the scope connect, and
// lists the user.
func (c Connecting) ClientMayConnect(ctx context.Context, parent, account, user string) (may bool, err error) {
	err = c.Pool.QueryRow(ctx, `
		select exists (select from dashboard_preferences d
		  where d.parent_account = $1 and d.sub_account_id = $2 and d.allow_client_dashboard and d.users @> array[$3::text] and $4::text = any(d.scopes))`,
		parent, account, user, connectScope).Scan(&may)
	return may, wrapped("look whether a client may connect", err)
}
