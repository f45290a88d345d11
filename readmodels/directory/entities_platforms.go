package directory

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PlatformsQuery selects connected accounts.
type PlatformsQuery struct {
	Page      readmodels.Page   `json:"-"` // not part of a cursor's filters
	Platforms []domain.Platform // never empty
	Member    int64             // owner; 0 for any
	Status    domain.PageStatus // "" for any
	User      string            // the owner's user; "" for any
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
	AccountName string `json:"account_name"` // name of the account
	MemberID    int64  `json:"member_id"`    // the owner
	// Name of the owner. Null if the member is no longer in the directory.
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

	domain.ConnectionStatus

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
	CreatedAt   *time.Time `json:"created_at"` // when it was created, UTC. Null if unknown.
	UpdatedAt   *time.Time `json:"updated_at"` // when it was last changed, UTC. Null if unknown.
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

// platformsSQL takes the last reading of an account from figure_owners, as the sources of figures
// do.
var platformsSQL = `
	select s.p_id, s.id, s.a_type, s.account_id, coalesce(a.name, ''), s.member_id, coalesce(m.name, ''),
	       s.external_id, s.name, s.connection_id, status.status, status.reasons, status.since,
	       status.retry_at, status.failures, status.due_at, status.pace,
	       status.token_ends, status.renewable_until, status.data_access_until, status.granted, status.signed_in_at,
	       status.captured_at, status.posts_read_at,
	       s.created_at, s.updated_at, m.user_id, coalesce(h.p_id, s.p_id)
	from tSAccounts s
	left join accounts a on a.id = s.account_id
	left join members m on m.id = s.member_id
	cross join (select now() as now) t` + readmodels.ConnectionStatus + `
	left join tMemberAuth h on h.id = s.connection_id
	where s.parent_account = $1 and ($2::text[] is null or s.account_id = any($2)) and s.p_id = any($3)
	  and ($4::bigint = 0 or s.id = $4) and ($5::bigint = 0 or s.member_id = $5)
	  and (s.p_id, s.id) > ($7::smallint, $8::bigint)
	  and ($6 = '' or status.status = $6) and ($10 = '' or m.user_id = $10)
	order by s.p_id, s.id limit $9`

func platformsPage(
	scope readmodels.Scope, q PlatformsQuery, id int64,
) readmodels.PageQuery[ConnectedPlatform, platformKey] {
	return readmodels.PageQuery[ConnectedPlatform, platformKey]{
		List: "platforms", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after platformKey, limit int) (string, []any) {
			return platformsSQL, []any{
				scope.ParentAccount, scope.Accounts, readmodels.PlatformIDs(q.Platforms), id, q.Member, string(q.Status),
				after.Platform, after.ID, limit, q.User,
			}
		},
		Scan: func(row pgx.CollectableRow) (p ConnectedPlatform, err error) {
			var granted *string
			var pace domain.Pace
			err = row.Scan(&p.Platform, &p.ID, &p.AccountType, &p.AccountID, &p.AccountName, &p.MemberID, &p.OwnerName,
				&p.ProfileID, &p.ProfileName, &p.ConnectionID, &p.Status, &p.Reasons, &p.Since,
				&p.RetryAt, &p.Failures, &p.NextDue, &pace, &p.ExpiresAt, &p.SignInBefore, &p.DataAccessExpiresAt,
				&granted, &p.TokenStoredAt, &p.LastReadAt, &p.LastPostsAt,
				&p.CreatedAt, &p.UpdatedAt, &p.UserID, &p.SignInAt)
			pace.Quota.Assumed = false // only operators read about settings
			p.Pace = domain.OptionalText(pace.String())
			p.PlatformRef = readmodels.PlatformRefOf(p.Platform)
			p.Text = readmodels.TextOf(p.Reasons, domain.APIText, p.Platform)
			switch p.Status {
			case domain.PageDisconnected: // other pages may still use the connection's token
				granted = nil
				p.ExpiresAt, p.SignInBefore, p.DataAccessExpiresAt, p.TokenStoredAt = nil, nil, nil, nil
			case domain.PageReconnect:
				p.SignInBefore = nil
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
