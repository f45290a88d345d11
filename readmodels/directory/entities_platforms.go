package directory

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PlatformsQuery selects connected accounts.
type PlatformsQuery struct {
	Page      readmodels.Page   `json:"-"` // not part of a cursor's filters
	Platforms []domain.Platform // never empty
	Member    int64             // owner; 0 for any
	State     PlatformState     // "" for any
	User      string            // the owner's user; "" for any
}

// PlatformState is the state of a connected account.
type PlatformState string

// Platform states, most severe first. An account has the first one that applies.
const (
	PlatformDisconnected PlatformState = "disconnected" // the account is no longer connected; its figures are kept
	PlatformReconnect    PlatformState = "reconnect"    // a person must sign in to the platform again
	PlatformPaused       PlatformState = "paused"       // an operator has paused the account or its platform
	PlatformUnsubscribed PlatformState = "unsubscribed" // neither the account nor its agency has an active subscription
	PlatformBlocked      PlatformState = "blocked"      // the platform rejects the account because of a policy
	PlatformPermission   PlatformState = "permission"   // a permission is missing
	PlatformThrottled    PlatformState = "throttled"    // the quota is used up; reading resumes automatically
	PlatformFailing      PlatformState = "failing"      // the last reading failed and is retried automatically
	PlatformWaiting      PlatformState = "waiting"      // the account has not been read yet
	PlatformOK           PlatformState = "ok"           // no problem
)

// PlatformStates returns all states.
func PlatformStates() []PlatformState {
	return []PlatformState{
		PlatformDisconnected, PlatformReconnect, PlatformPaused, PlatformUnsubscribed, PlatformBlocked,
		PlatformPermission, PlatformThrottled, PlatformFailing, PlatformWaiting, PlatformOK,
	}
}

// ConnectedPlatform is one profile or page that a member has connected. It contains no tokens.
type ConnectedPlatform struct {
	readmodels.PlatformRef

	// id of the social account
	ID int64 `json:"id"`
	// the type on the platform
	Type string `json:"type" words:"page business_account profile company_page user"`
	// {account types}
	AccountType domain.AccountType `json:"a_type,omitempty"`
	// the sub-account that it belongs to
	AccountID   string `json:"account_id"`
	AccountName string `json:"account_name"`
	MemberID    int64  `json:"member_id"` // the owner
	// null if the member is no longer in the directory
	OwnerName domain.OptionalText `json:"owner_name"`
	// the owner's user, 24 hex digits; null if the owner is not a user
	UserID *string `json:"user_id"`
	// the platform's id of the page or profile
	ProfileID   string `json:"profile_id"`
	ProfileName string `json:"profile_name"` // the name on the platform
	// ConnectionID is the authorization that is used to read the account; several accounts can
	// share it.
	ConnectionID int64 `json:"connection_id"`
	// SignInAt is the platform to which a person signs in to connect the account again: Facebook
	// for an Instagram account that was connected through its page. Once such an account is
	// disconnected, the value is Instagram, although signing in to Facebook can also reconnect the
	// account.
	SignInAt domain.Platform `json:"sign_in_at"`
	State    PlatformState   `json:"state"` // current state
	// ReasonClass is the error class of the last attempt to read the account or a part of it:
	// reconnect, permission, throttled, retry, unsupported_metric, not_found, blocked, no_data,
	// invalid, unknown or internal. Null after a success.
	ReasonClass domain.OptionalText `json:"reason_class" words:"reconnect permission throttled retry unsupported_metric not_found blocked no_data invalid unknown internal"`
	// Problem refines the error class where people must do something else than for other errors of
	// that class. For an account that waits for a sign-in, it is why. Null if that is unknown.
	Problem domain.OptionalText `json:"problem"`
	// Reason says what is wrong and what to do. Null if there is no problem. For an account that
	// waits for a sign-in, it also mentions an operator's pause or a missing subscription.
	Reason domain.OptionalText `json:"reason"`
	// RetryAt is the earliest time of the next attempt after a failure; null if there was no failure,
	// or if the account is not read.
	RetryAt  *time.Time `json:"retry_at"`
	Failures int        `json:"failures"` // consecutive failures
	// NextDue is when the account's totals are due next. It is in the past while the account waits
	// for its turn or for quota. Null means immediately or, depending on the state, not at all.
	NextDue *time.Time `json:"next_due"`
	// Pace is a sentence that says how often the account's totals are read, and why not more often.
	// Null before the first reading.
	Pace domain.OptionalText `json:"pace"`
	// ExpiresAt is when the current access token expires, after any renewals, as reported by the
	// platform. If no token is stored here, it is the expiry that the main application reported.
	// Null if the token never expires, the time is unknown, or the account is disconnected.
	ExpiresAt *time.Time `json:"expires_at"`
	// SignInBefore is the deadline for the next sign-in to the platform: when the current token can
	// no longer be renewed, when it expires without renewal, or when it stops providing data,
	// whichever is first. After the deadline, the account is not read. Null if there is no deadline,
	// it is unknown, or the state is disconnected or reconnect.
	SignInBefore *time.Time `json:"sign_in_before"`
	// DataAccessExpiresAt is when Meta stops providing data unless the person signs in again. Null
	// for other platforms, if unknown, or if the account is disconnected.
	DataAccessExpiresAt *time.Time `json:"data_access_expires_at"`

	domain.Permissions

	// TokenStoredAt is when the token of the last sign-in was stored; renewals do not change it.
	// Null if no token is stored or the account is disconnected.
	TokenStoredAt *time.Time `json:"token_stored_at"`
	// time of the newest reading under the account `account_id`; null if never read
	LastReadAt *time.Time `json:"last_read_at"`
	// time of the last complete reading of the account's posts; null if never
	LastPostsAt *time.Time `json:"last_posts_at"`
	CreatedAt   *time.Time `json:"created_at"` // null if unknown
	UpdatedAt   *time.Time `json:"updated_at"` // null if unknown
}

// Platforms lists the connected accounts in scope, by platform and id.
func (e Entities) Platforms(
	ctx context.Context, scope readmodels.Scope, q PlatformsQuery,
) ([]ConnectedPlatform, readmodels.ListMeta, error) {
	return platformsPage(scope, q, 0).Read(ctx, e.Pool)
}

// Platform returns one connected account, or [ErrPlatformNotFound].
func (e Entities) Platform(ctx context.Context, scope readmodels.Scope, id int64) (ConnectedPlatform, error) {
	query := platformsPage(scope, PlatformsQuery{Platforms: domain.Platforms()}, id)
	return query.ReadOne(ctx, e.Pool, ErrPlatformNotFound)
}

type platformKey struct {
	Platform int   `json:"p"`
	ID       int64 `json:"i"`
}

// TokenEnds is SQL for the expiry of the token of connection c with the stored secret k. The expiry
// from the main application is used only without a stored secret, because tokens are renewed here.
const TokenEnds = `case when k.ref is null then c.expires_at else k.expires_at end` //nolint:gosec // no credential

// signInProblem is SQL for the problem that makes social account s wait for a sign-in, empty if
// unknown. Any kind of reading may have found it.
const signInProblem = `coalesce((
	select o.problem from kept.fetch_state o
	where o.social_account_id = s.id and o.p_id = s.p_id and o.class = 'reconnect' and o.updated_at >= s.told_at
	order by o.updated_at desc limit 1), '')`

// platformsSQL takes the last reading of an account from account_newest, as the sources of figures
// do. After a new sign-in, the earlier state and failures of a connection are ignored. If the totals
// were read, the reason is about the posts, and does not change the state.
var platformsSQL = `
	select * from (
		select s.p_id, s.id, s.a_type, s.account_id, coalesce(a.name, ''), s.member_id, coalesce(m.name, ''),
		       s.external_id, s.name, s.connection_id,
		       case when not s.connected then 'disconnected'
		            when ` + readmodels.AwaitsSignIn + ` then 'reconnect'
		            when ` + readmodels.PausedByOperator + ` then 'paused'
		            when not ` + readmodels.Subscribed + ` then 'unsubscribed'
		            when ` + readmodels.PlatformPaused + ` then 'paused'
		            when f.class in ('reconnect', 'blocked', 'permission', 'throttled') then f.class
		            when f.failures > 0 then 'failing'
		            when n.captured_at is null then 'waiting'
		            else 'ok' end as state,
		       coalesce(nullif(f.class, ''), part.class, ''),
		       case when not s.connected then '' when ` + readmodels.AwaitsSignIn + ` then ` + signInProblem + `
		            when ` + readmodels.Paused + ` is not null then '' when f.reason <> '' then f.problem
		            else coalesce(part.problem, '') end,
		       case when not s.connected then coalesce(` + readmodels.EndedByErasure + `, '')
		            when ` + readmodels.AwaitsSignIn + ` then concat_ws(' ', st.reason, ` + readmodels.Paused + `)
		            else coalesce(` + readmodels.Paused + `, nullif(f.reason, ''), part.reason, '') end,
		       ` + readmodels.AwaitsSignIn + `,
		       case when f.class <> '' then f.due_at end, coalesce(f.failures, 0), f.due_at, coalesce(f.pace, ''),
		       ` + TokenEnds + `,
		       k.renewable_until, k.data_access_until, k.granted, k.signed_in_at, n.captured_at, g.read_at,
		       s.created_at, s.updated_at, m.user_id, coalesce(h.platform, s.p_id)
		from tSAccounts s
		left join accounts a on a.id = s.account_id
		left join members m on m.id = s.member_id
		cross join (select now() as now) t` + readmodels.SignInJoins + `
		left join kept.granted_connections h on h.connection_id = s.connection_id
		left join kept.fetch_state f on f.kind = '` + domain.FetchAccounts + `' and f.p_id = s.p_id
		  and f.social_account_id = s.id
			and (k.updated_at is null or f.updated_at >= k.updated_at)
		left join kept.fetch_state g on g.kind = '` + domain.FetchPosts + `' and g.p_id = s.p_id
		  and g.social_account_id = s.id
		left join lateral (
			select g.class, g.problem, g.reason where k.updated_at is null or g.updated_at >= k.updated_at) part on true
		left join lateral (
			select max(n.captured_at) as captured_at from account_newest n
			where n.social_account_id = s.id and n.parent_account = s.parent_account
			  and n.account_id = s.account_id) n on true
		where s.parent_account = $1 and ($2::text[] is null or s.account_id = any($2)) and s.p_id = any($3)
		  and ($4::bigint = 0 or s.id = $4) and ($5::bigint = 0 or s.member_id = $5)
		  and (s.p_id, s.id) > ($7::smallint, $8::bigint)) p
	where ($6 = '' or p.state = $6) and ($10 = '' or p.user_id = $10)
	order by p.p_id, p.id limit $9`

func platformsPage(
	scope readmodels.Scope, q PlatformsQuery, id int64,
) readmodels.PageQuery[ConnectedPlatform, platformKey] {
	return readmodels.PageQuery[ConnectedPlatform, platformKey]{
		List: "platforms", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after platformKey, limit int) (string, []any) {
			return platformsSQL, []any{
				scope.ParentAccount, scope.Accounts, readmodels.PlatformIDs(q.Platforms), id, q.Member, string(q.State),
				after.Platform, after.ID, limit, q.User,
			}
		},
		Scan: func(row pgx.CollectableRow) (p ConnectedPlatform, err error) {
			var granted *string
			var awaitsSignIn bool
			err = row.Scan(&p.Platform, &p.ID, &p.AccountType, &p.AccountID, &p.AccountName, &p.MemberID, &p.OwnerName,
				&p.ProfileID, &p.ProfileName, &p.ConnectionID, &p.State, &p.ReasonClass, &p.Problem, &p.Reason,
				&awaitsSignIn, &p.RetryAt, &p.Failures, &p.NextDue, &p.Pace, &p.ExpiresAt, &p.SignInBefore, &p.DataAccessExpiresAt,
				&granted, &p.TokenStoredAt, &p.LastReadAt, &p.LastPostsAt,
				&p.CreatedAt, &p.UpdatedAt, &p.UserID, &p.SignInAt)
			p.PlatformRef = readmodels.PlatformRefOf(p.Platform)
			if !awaitsSignIn { // otherwise, the reason contains advice
				p.Reason = domain.OptionalText(platforms.ReasonForAgency(string(p.Reason), string(p.Problem)))
			}
			if p.State == PlatformDisconnected && p.Reason == "" {
				p.Reason = domain.OptionalText(readmodels.NotConnected(domain.DirectorySocialAccount{
					ParentAccount: scope.ParentAccount, Platform: p.Platform, AccountType: p.AccountType,
					ExternalID: p.ProfileID, ConnectionID: p.ConnectionID,
				}))
			}
			switch p.State {
			case PlatformDisconnected: // other pages may still use the connection's token
				p.NextDue, p.RetryAt, granted = nil, nil, nil
				p.ExpiresAt, p.SignInBefore, p.DataAccessExpiresAt, p.TokenStoredAt = nil, nil, nil, nil
			case PlatformReconnect:
				p.NextDue, p.RetryAt, p.SignInBefore = nil, nil, nil
			case PlatformPaused, PlatformUnsubscribed:
				p.NextDue, p.RetryAt = nil, nil
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
