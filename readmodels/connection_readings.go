package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// maxConnections bounds a list of the connections of all agencies.
const maxConnections = 100_000

// ConnectionReading is how one connected account is read, for operators.
type ConnectionReading struct {
	PlatformName  string             `json:"platform_name" words:"facebook instagram linkedin tiktok"` // facebook, instagram, linkedin, tiktok
	SocialAccount int64              `json:"social_account_id"`                                        // that is read
	AccountType   domain.AccountType `json:"a_type,omitempty"`                                         // LinkedIn: 1 profile, 2 company page
	// Name is that of the page or profile at the platform; null over HTTP for a LinkedIn profile, which is a person's, and if it is not known.
	Name         domain.OptionalText `json:"name"`
	Agency       string              `json:"agency"`        // 24 hex digits
	AgencyName   domain.OptionalText `json:"agency_name"`   // null: not known
	AccountID    string              `json:"account_id"`    // the client, 24 hex digits
	AccountName  domain.OptionalText `json:"account_name"`  // null: not known
	ConnectionID int64               `json:"connection_id"` // the authorisation; several accounts may share one
	// State is reconnect when a person must sign in again, paused while an operator has it left alone, or all of its platform,
	// unsubscribed when no subscription runs, else ok, or the class of what failed at the last reading.
	State string `json:"state"`
	// Reason is null when nothing was wrong. It also says that an operator has paused what waits for a sign-in.
	Reason domain.OptionalText `json:"reason"`
	// ExpiresAt is when the token in use ends; null: never, or not known.
	ExpiresAt *time.Time `json:"expires_at"`
	// SignInBefore is when a person must have signed in again; null: never, or not known.
	SignInBefore *time.Time `json:"sign_in_before"`
	// DataAccessExpiresAt is when Meta gives no data any more without a new sign-in; null: other platforms, or not known.
	DataAccessExpiresAt *time.Time `json:"data_access_expires_at"`

	domain.Permissions

	// LastReadAt is when its totals were read last; null: never.
	LastReadAt *time.Time `json:"last_read_at"`
	// NextDue is when its totals are read next; null: at once, or, by its state, not at all.
	NextDue   *time.Time          `json:"next_due"`
	Pace      domain.OptionalText `json:"pace"`        // how often its totals are read; null before the first reading, and while it is not read
	CallsADay int                 `json:"calls_a_day"` // that reading its totals and its posts takes; 0 while it is not read
}

// HidePerson takes out the name of a profile that is a person's own.
func (r *ConnectionReading) HidePerson() {
	if r.PlatformName == domain.LinkedIn.String() && r.AccountType == domain.LinkedInProfile {
		r.Name = ""
	}
}

// ReadingsQuery asks how connected accounts are read.
type ReadingsQuery struct {
	Account     string  // a sub-account; "": of all
	Connections []int64 // nil: all
}

// Readings lists how the connected accounts of all agencies are read at a time, by platform and id.
func (c Connections) Readings(ctx context.Context, q ReadingsQuery, now time.Time) ([]ConnectionReading, error) {
	return pg.List(ctx, c.Pool, "list how connections are read", scanReading, `
		select s.p_id, s.id, s.a_type, coalesce(s.name, ''), s.parent_account, coalesce(agency.name, ''), s.account_id, coalesce(client.name, ''), s.connection_id,
		       case when d.dead then 'reconnect' when d.paused or d.held then 'paused' when not d.paid then 'unsubscribed'
		            else coalesce(nullif(f.class, ''), 'ok') end,
		       concat_ws(' ', case when d.dead then st.reason end,
		            case when d.paused then 'An operator has paused it: ' || u.code || coalesce(':' || nullif(u.ticket, ''), '') || '.'
		            when d.held then 'An operator has paused its platform: ' || w.code || coalesce(':' || nullif(w.ticket, ''), '') || '.'
		            when not d.dead then f.reason end),
		       `+TokenEnds+`, k.renewable_until, k.data_access_until, k.granted,
		       coalesce(f.read_at, (select max(n.captured_at) from account_newest n
		           where n.social_account_id = s.id and n.parent_account = s.parent_account and n.account_id = s.account_id)),
		       case when r.is_read then f.due_at end, case when r.is_read then coalesce(f.pace, '') else '' end,
		       case when r.is_read then coalesce(f.calls_a_day, 0) + coalesce(g.calls_a_day, 0) else 0 end
		from tSAccounts s
		cross join (select $4::timestamptz as now) t`+SignInJoins+`
		left join accounts agency on agency.id = s.parent_account
		left join accounts client on client.id = s.account_id
		left join kept.pauses u on u.kind = '`+string(domain.PauseConnection)+`' and u.name = s.connection_id::text
		left join kept.pauses w on w.kind = '`+string(domain.PausePlatform)+`' and w.name = `+platformName+`
		left join kept.fetch_state f on f.kind = '`+domain.FetchAccounts+`' and f.p_id = s.p_id and f.social_account_id = s.id
		left join kept.fetch_state g on g.kind = '`+domain.FetchPosts+`' and g.p_id = s.p_id and g.social_account_id = s.id
		cross join lateral (select `+awaitsSignIn+` as dead, `+subscribed+` as paid, u.name is not null as paused, w.name is not null as held) d
		cross join lateral (select d.paid and not d.dead and not d.paused and not d.held as is_read) r
		where s.connected and ($1 = '' or s.account_id = $1) and ($3::bigint[] is null or s.connection_id = any($3))
		order by s.p_id, s.id limit $2`, q.Account, maxConnections, q.Connections, now)
}

func scanReading(row pgx.CollectableRow) (r ConnectionReading, err error) {
	var platform domain.Platform
	var granted *string
	err = row.Scan(&platform, &r.SocialAccount, &r.AccountType, &r.Name, &r.Agency, &r.AgencyName, &r.AccountID, &r.AccountName, &r.ConnectionID, &r.State, &r.Reason,
		&r.ExpiresAt, &r.SignInBefore, &r.DataAccessExpiresAt, &granted, &r.LastReadAt, &r.NextDue, &r.Pace, &r.CallsADay)
	r.PlatformName = platform.String()
	r.Permissions = domain.PermissionsOf(platform, r.AccountType, granted)
	return r, err
}
