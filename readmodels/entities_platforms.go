package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// PlatformsQuery asks for connected accounts.
type PlatformsQuery struct {
	Page      Page              `json:"-"` // no part of the filters that a cursor goes with
	Platforms []domain.Platform // never empty
	Member    int64             // owner; 0: any
	State     PlatformState     // "": any
	User      string            // owner, as a user; "": any
}

// PlatformState says how a connected account is.
type PlatformState string

// The states, the gravest first: an account has the first one that fits.
const (
	PlatformDisconnected PlatformState = "disconnected" // it is no longer connected and is not read; its figures stay
	PlatformReconnect    PlatformState = "reconnect"    // a person must sign in at the platform again
	PlatformPaused       PlatformState = "paused"       // an operator has it left alone, or all of its platform
	PlatformUnsubscribed PlatformState = "unsubscribed" // no subscription of the account or its agency runs: it is not read
	PlatformBlocked      PlatformState = "blocked"      // the platform refuses it for its policy
	PlatformPermission   PlatformState = "permission"   // a permission is missing
	PlatformThrottled    PlatformState = "throttled"    // the platform's quota is used up; it is read again by itself
	PlatformFailing      PlatformState = "failing"      // it could not be read the last time; it is tried again by itself
	PlatformWaiting      PlatformState = "waiting"      // it was never read yet
	PlatformOK           PlatformState = "ok"           // nothing is wrong
)

// PlatformStates are all states.
func PlatformStates() []PlatformState {
	return []PlatformState{
		PlatformDisconnected, PlatformReconnect, PlatformPaused, PlatformUnsubscribed, PlatformBlocked, PlatformPermission,
		PlatformThrottled, PlatformFailing, PlatformWaiting, PlatformOK,
	}
}

// ConnectedPlatform is one profile or page that a member has connected. Its tokens are nowhere in it.
type ConnectedPlatform struct {
	PlatformRef

	ID          int64               `json:"id"`                                                           // the social account
	Type        string              `json:"type" words:"page business_account profile company_page user"` // what it is at the platform
	AccountType domain.AccountType  `json:"a_type,omitempty"`                                             // {account types}
	AccountID   string              `json:"account_id"`                                                   // the sub-account it belongs to
	AccountName string              `json:"account_name"`
	MemberID    int64               `json:"member_id"`    // the owner
	OwnerName   domain.OptionalText `json:"owner_name"`   // null when the directory does not know the member any more
	UserID      *string             `json:"user_id"`      // the user who the owner is, 24 hex digits; null: none
	ProfileID   string              `json:"profile_id"`   // the platform's id of the page or profile
	ProfileName string              `json:"profile_name"` // its name there
	// ConnectionID is the authorisation behind it; several accounts may share one.
	ConnectionID int64         `json:"connection_id"`
	State        PlatformState `json:"state"`
	// ReasonClass is why the last attempt to read it, or a part of it, failed: reconnect, permission, throttled,
	// retry, unsupported_metric, not_found, blocked, no_data, invalid or internal; null after a success.
	ReasonClass domain.OptionalText `json:"reason_class" words:"reconnect permission throttled retry unsupported_metric not_found blocked no_data invalid internal"`
	// Reason is a sentence: what was wrong and what to do; null when nothing was.
	Reason domain.OptionalText `json:"reason"`
	// RetryAt is when it is tried again at the earliest; null: by its schedule.
	RetryAt  *time.Time `json:"retry_at"`
	Failures int        `json:"failures"` // in a row
	// NextDue is when its totals are read next; in the past while it waits for its turn or for the quota. Null: at once, or,
	// by its state, not at all.
	NextDue *time.Time `json:"next_due"`
	// Pace is a sentence: how often its totals are read, and why not more often; null before the first reading.
	Pace domain.OptionalText `json:"pace"`
	// ExpiresAt is when the access token in use ends, also after renewals, as the platform said with it; while no
	// token is stored here, what the main application said. Null: never, or not known.
	ExpiresAt *time.Time `json:"expires_at"`
	// SignInBefore is when the token in use cannot be renewed any more, or ends where it has no renewal, or gives no data any
	// more, whichever is first: a person must sign in at the platform before, or it is read no more. Null: not known, or never.
	SignInBefore *time.Time `json:"sign_in_before"`
	// DataAccessExpiresAt is when Meta gives no data any more unless a person signs in again; null: other platforms, or not known.
	DataAccessExpiresAt *time.Time `json:"data_access_expires_at"`

	domain.Permissions

	// TokenStoredAt is when the sign-in was stored that the token in use is of: renewals leave it. Null: there is no token.
	TokenStoredAt *time.Time `json:"token_stored_at"`
	LastReadAt    *time.Time `json:"last_read_at"`  // newest reading of the account; null: none under this owner
	LastPostsAt   *time.Time `json:"last_posts_at"` // last complete reading of its posts; null: none
	CreatedAt     *time.Time `json:"created_at"`    // null: not known
	UpdatedAt     *time.Time `json:"updated_at"`    // null: not known
}

// Platforms lists the connected accounts of the scope, by platform and id.
func (e Entities) Platforms(ctx context.Context, scope Scope, q PlatformsQuery) ([]ConnectedPlatform, ListMeta, error) {
	return e.platforms(scope, q, 0).Read(ctx, e.Pool)
}

// Platform returns one connected account, or [ErrPlatformNotFound].
func (e Entities) Platform(ctx context.Context, scope Scope, id int64) (ConnectedPlatform, error) {
	return e.platforms(scope, PlatformsQuery{Platforms: domain.Platforms()}, id).ReadOne(ctx, e.Pool, ErrPlatformNotFound)
}

type platformKey struct {
	Platform int   `json:"p"`
	ID       int64 `json:"i"`
}

// TokenEnds is when the token of connection c ends whose stored secret is k: the main application's word is
// of a token that may have been renewed here many times.
const TokenEnds = `case when k.ref is null then c.expires_at else k.expires_at end` //nolint:gosec // no credential

// platformsSQL reads when an account was read last from account_newest, as the sources of figures do. Of a
// connection that was signed in again since, the old state and failures do not count.
var platformsSQL = `
	select * from (
		select s.p_id, s.id, s.a_type, s.account_id, coalesce(a.name, ''), s.member_id, coalesce(m.name, ''), s.external_id, s.name,
		       s.connection_id,
		       case when not s.connected then 'disconnected'
		            when ` + awaitsSignIn + ` then 'reconnect'
		            when ` + pausedByOperator + ` then 'paused'
		            when not ` + subscribed + ` then 'unsubscribed'
		            when ` + platformPaused + ` then 'paused'
		            when f.class in ('reconnect', 'blocked', 'permission', 'throttled') then f.class
		            when f.failures > 0 then 'failing'
		            when n.captured_at is null then 'waiting'
		            else 'ok' end as state,
		       coalesce(f.class, ''),
		       case when not s.connected then coalesce(` + EndedAtPlatform + `, '')
		            when ` + awaitsSignIn + ` then st.reason
		            else coalesce(` + Paused + `, f.reason, '') end,
		       case when f.class <> '' then f.due_at end, coalesce(f.failures, 0), f.due_at, coalesce(f.pace, ''),
		       ` + TokenEnds + `,
		       k.renewable_until, k.data_access_until, k.granted, k.signed_in_at, n.captured_at, g.read_at, s.created_at, s.updated_at, m.user_id
		from tSAccounts s
		left join accounts a on a.id = s.account_id
		left join members m on m.id = s.member_id
		cross join (select now() as now) t` + SignInJoins + `
		left join kept.fetch_state f on f.kind = '` + domain.FetchAccounts + `' and f.p_id = s.p_id and f.social_account_id = s.id
			and (k.updated_at is null or f.updated_at >= k.updated_at)
		left join kept.fetch_state g on g.kind = '` + domain.FetchPosts + `' and g.p_id = s.p_id and g.social_account_id = s.id
		left join lateral (
			select max(n.captured_at) as captured_at from account_newest n
			where n.social_account_id = s.id and n.parent_account = s.parent_account and n.account_id = s.account_id) n on true
		where s.parent_account = $1 and ($2::text[] is null or s.account_id = any($2)) and s.p_id = any($3)
		  and ($4::bigint = 0 or s.id = $4) and ($5::bigint = 0 or s.member_id = $5) and (s.p_id, s.id) > ($7::smallint, $8::bigint)) p
	where ($6 = '' or p.state = $6) and ($10 = '' or p.user_id = $10)
	order by p.p_id, p.id limit $9`

func (e Entities) platforms(scope Scope, q PlatformsQuery, id int64) PageQuery[ConnectedPlatform, platformKey] {
	return PageQuery[ConnectedPlatform, platformKey]{
		List: "platforms", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after platformKey, limit int) (string, []any) {
			return platformsSQL, []any{
				scope.ParentAccount, scope.Accounts, PlatformIDs(q.Platforms), id, q.Member, string(q.State), after.Platform, after.ID, limit, q.User,
			}
		},
		Scan: func(row pgx.CollectableRow) (p ConnectedPlatform, err error) {
			var granted *string
			err = row.Scan(&p.Platform, &p.ID, &p.AccountType, &p.AccountID, &p.AccountName, &p.MemberID, &p.OwnerName, &p.ProfileID,
				&p.ProfileName, &p.ConnectionID, &p.State, &p.ReasonClass, &p.Reason, &p.RetryAt, &p.Failures, &p.NextDue, &p.Pace, &p.ExpiresAt,
				&p.SignInBefore, &p.DataAccessExpiresAt, &granted, &p.TokenStoredAt, &p.LastReadAt, &p.LastPostsAt, &p.CreatedAt, &p.UpdatedAt, &p.UserID)
			p.PlatformRef = PlatformRefOf(p.Platform)
			if p.State == PlatformDisconnected && p.Reason == "" {
				p.Reason = domain.OptionalText(NotConnected(domain.DirectorySocialAccount{
					ParentAccount: scope.ParentAccount, Platform: p.Platform, AccountType: p.AccountType, ExternalID: p.ProfileID, ConnectionID: p.ConnectionID,
				}))
			}
			switch p.State {
			case PlatformDisconnected, PlatformReconnect, PlatformPaused, PlatformUnsubscribed:
				p.NextDue = nil
			default:
			}
			p.Permissions = domain.PermissionsOf(p.Platform, p.AccountType, granted)
			kind, _ := p.Platform.Kind(p.AccountType)
			p.Type = kind.Name
			return p, err
		},
		Key: func(p ConnectedPlatform) platformKey { return platformKey{int(p.Platform), p.ID} },
	}
}

// PlatformRef names a platform.
type PlatformRef struct {
	Platform     domain.Platform `json:"p_id"`
	PlatformName string          `json:"platform" words:"{platform names}"` // its name
}

// PlatformRefOf returns the number and the name of a platform.
func PlatformRefOf(p domain.Platform) PlatformRef {
	return PlatformRef{Platform: p, PlatformName: p.String()}
}

// PlatformIDs are platforms as a parameter of a statement.
func PlatformIDs(platforms []domain.Platform) []int16 {
	ids := make([]int16, len(platforms))
	for i, p := range platforms {
		ids[i] = int16(p)
	}
	return ids
}
