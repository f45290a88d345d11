package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxConnections bounds a list of the connections of all agencies.
const maxConnections = 100_000

// ConnectionReading is how one connected account is read, for operators.
type ConnectionReading struct {
	PlatformName  string `json:"platform_name"`
	SocialAccount int64  `json:"social_account_id"`
	Name          string `json:"name"`
	Agency        string `json:"agency"`
	AccountID     string `json:"account_id"`
	ConnectionID  int64  `json:"connection_id"`
	// State is reconnect when a person must sign in again, unsubscribed when no subscription runs, else ok, or the class of
	// what failed at the last reading.
	State     string     `json:"state"`
	Reason    string     `json:"reason"`     // "" when nothing was wrong
	ExpiresAt *time.Time `json:"expires_at"` // of the token in use; null: never, or not known
	// LastReadAt is when its totals were read last, NextDue when they are next; null: never, at once.
	LastReadAt *time.Time `json:"last_read_at"`
	NextDue    *time.Time `json:"next_due"`
	Pace       string     `json:"pace"`        // a sentence; "" before the first reading
	CallsADay  int        `json:"calls_a_day"` // that its totals and posts cost
}

const (
	signInJoins = `
		left join tMemberAuth c on c.id = s.connection_id
		left join kept.secrets k on k.ref = c.secret_ref
		left join connection_states st on st.connection_id = s.connection_id`
	// deadOrPaid tells of what is joined so whether a person must sign in again, and whether a subscription runs.
	deadOrPaid = `
		cross join lateral (
			select coalesce(st.state = '` + domain.ConnectionReconnect + `' and (k.updated_at is null or k.updated_at <= st.at), false) as dead,
			       exists (
			         select from tSubscriptions b where b.account_id in (s.account_id, s.parent_account)
			           and b.starts_at <= now() and (b.ends_at is null or b.ends_at > now())) as paid) d`
)

// Readings lists how the connected accounts of all agencies are read, by platform and id; account leaves those of one
// sub-account; "": all.
func (c Connections) Readings(ctx context.Context, account string) ([]ConnectionReading, error) {
	rows, _ := c.Pool.Query(ctx, `
		select s.p_id, s.id, coalesce(s.name, ''), s.parent_account, s.account_id, s.connection_id,
		       case when d.dead then 'reconnect' when not d.paid then 'unsubscribed' else coalesce(nullif(f.class, ''), 'ok') end,
		       case when d.dead then st.reason else coalesce(f.reason, '') end,
		       `+TokenEnds+`, f.read_at, case when d.paid and not d.dead then f.due_at end, coalesce(f.pace, ''),
		       coalesce(f.calls_a_day, 0) + coalesce(g.calls_a_day, 0)
		from tSAccounts s
		`+signInJoins+`
		left join kept.fetch_state f on f.kind = '`+domain.FetchAccounts+`' and f.p_id = s.p_id and f.social_account_id = s.id
		left join kept.fetch_state g on g.kind = '`+domain.FetchPosts+`' and g.p_id = s.p_id and g.social_account_id = s.id
		`+deadOrPaid+`
		where s.connected and ($1 = '' or s.account_id = $1)
		order by s.p_id, s.id limit $2`, account, maxConnections)
	readings, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r ConnectionReading, err error) {
		var platform domain.Platform
		err = row.Scan(&platform, &r.SocialAccount, &r.Name, &r.Agency, &r.AccountID, &r.ConnectionID, &r.State, &r.Reason,
			&r.ExpiresAt, &r.LastReadAt, &r.NextDue, &r.Pace, &r.CallsADay)
		r.PlatformName = platform.String()
		return r, err
	})
	return readings, wrapped("list how connections are read", err)
}

// PlatformReading is how the connections of a platform are read at one pace.
type PlatformReading struct {
	PlatformName string
	Kind         string // account_insights or post_insights
	Connections  int
	Pace         string    // a sentence
	NextDue      time.Time // of the first of them
}

// Paces lists at which paces connected accounts are read; what waits for a person or a subscription is not.
func (c Connections) Paces(ctx context.Context) ([]PlatformReading, error) {
	rows, _ := c.Pool.Query(ctx, `
		select s.p_id, f.kind, count(*), f.pace, min(f.due_at)
		from tSAccounts s join kept.fetch_state f on f.p_id = s.p_id and f.social_account_id = s.id`+signInJoins+deadOrPaid+`
		where s.connected and d.paid and not d.dead and f.pace <> '' group by s.p_id, f.kind, f.pace order by s.p_id, f.kind, f.pace limit $1`, maxPaces)
	paces, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p PlatformReading, err error) {
		var platform domain.Platform
		err = row.Scan(&platform, &p.Kind, &p.Connections, &p.Pace, &p.NextDue)
		p.PlatformName = platform.String()
		return p, err
	})
	return paces, wrapped("list the paces of readings", err)
}

// maxPaces bounds them; while the pace changes there are older ones beside it.
const maxPaces = 100
