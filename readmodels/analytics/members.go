package analytics

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// ActiveMembers is the response to /accountActiveMembersPlatforms.
type ActiveMembers struct {
	// Members are the members of the account that are active in the main application, ordered by
	// id.
	Members []ActiveMember `json:"members"`
}

// ActiveMember is a person in an account and that person's connections.
type ActiveMember struct {
	MemberID  int64  `json:"member_id"`  // id of the member
	Name      string `json:"name"`       // name, as in the directory
	AccountID string `json:"account_id"` // the sub-account
	// DefaultSocialAccount is the social account that the main application shows the member first.
	// Null if none is set, or if the caller cannot see it.
	DefaultSocialAccount *int64 `json:"default_social_account_id"`
	// platforms on which the member has a social account, ordered by number
	Platforms []MemberPlatform `json:"platforms"`
	// SocialAccounts are the accounts that the member has connected, ordered by platform and id.
	SocialAccounts []ConnectedSocial `json:"social_accounts"`
}

// MemberPlatform is a platform with the number of a member's social accounts on it.
type MemberPlatform struct {
	readmodels.PlatformRef

	SocialAccounts int `json:"social_accounts"` // number of the member's accounts on the platform
	// number of these accounts that are connected and need no new authorization
	Connected int `json:"connected"`
}

// ConnectedSocial is a social account of a member. It never contains tokens.
type ConnectedSocial struct {
	readmodels.PlatformRef

	SocialAccount int64              `json:"social_account_id"` // the connected profile or page, by its id
	AccountType   domain.AccountType `json:"a_type,omitempty"`  // {account types}
	Name          string             `json:"name"`              // name, as in the directory
	Connected     bool               `json:"connected"`         // false if it was disconnected
	// NeedsReconnect is true if a person must sign in to the platform and connect the account again.
	NeedsReconnect bool `json:"needs_reconnect"`

	domain.ConnectionStatus

	// when the current token expires, after any renewals; null if unknown, if it never expires, or
	// if the account is disconnected
	ExpiresAt *time.Time `json:"expires_at"`
}

func activeMembers(ctx context.Context, qc *queryContext) ([]ActiveMember, error) {
	scope := qc.cursorScope("members")
	last, err := readmodels.DecodeCursor[int64](qc.query.Page.Cursor, scope)
	if err != nil {
		return nil, err
	}
	if last == nil {
		last = new(int64)
	}
	limit := qc.query.Page.Size()
	scan := func(row pgx.CollectableRow) (m ActiveMember, err error) {
		m.Platforms, m.SocialAccounts = []MemberPlatform{}, []ConnectedSocial{}
		err = row.Scan(&m.MemberID, &m.Name, &m.AccountID, &m.DefaultSocialAccount)
		return m, err
	}
	members, err := pg.List(ctx, qc.tx, "read active members", scan, `
		select m.id, m.name, m.account_id, d.social_account_id
		from members m join accounts o on o.id = m.account_id
		left join (tDefaultAccount d join tSAccounts s on s.id = d.social_account_id)
			on d.member_id = m.id and s.parent_account = $1 and `+qc.withinAccounts("s.account_id")+`
		where (o.parent_account = $1 or o.id = $1) and `+qc.withinAccounts("m.account_id")+` and m.active and m.id > $3
		order by m.id limit $4`, qc.scope.ParentAccount, qc.scope.Accounts, *last, limit+1)
	if err != nil {
		return nil, err
	}
	members, qc.cursor, err = readmodels.CutPage(members, limit, scope,
		func(m ActiveMember) int64 { return m.MemberID })
	return members, err
}

func socialsOf(ctx context.Context, qc *queryContext, members []ActiveMember) error {
	place := map[int64]int{}
	ids := make([]int64, len(members))
	for i, m := range members {
		ids[i], place[m.MemberID] = m.MemberID, i
	}
	rows, _ := qc.tx.Query(ctx, `
		select s.member_id, s.id, s.p_id, s.a_type, s.name, s.connected,
		       status.status, status.reasons, status.since, case when s.connected then status.token_ends end
		from tSAccounts s
		cross join (select now() as now) t`+readmodels.ConnectionStatus+`
		where s.member_id = any($4) and s.parent_account = $1 and `+qc.withinAccounts("s.account_id")+`
		  and s.p_id = any($3)
		order by s.p_id, s.id`, qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), ids)
	var member int64
	var s ConnectedSocial
	return forEach(rows, "read social accounts of members", []any{
		&member, &s.SocialAccount, &s.Platform, &s.AccountType, &s.Name, &s.Connected,
		&s.Status, &s.Reasons, &s.Since, &s.ExpiresAt,
	}, func() {
		s.PlatformRef = readmodels.PlatformRefOf(s.Platform)
		s.NeedsReconnect = s.Connected && s.Remedy() == domain.RemedySignIn
		s.Text = readmodels.TextOf(s.Reasons, domain.APIText, s.Platform)
		m := &members[place[member]]
		m.SocialAccounts = append(m.SocialAccounts, s)
		if n := len(m.Platforms); n == 0 || m.Platforms[n-1].Platform != s.Platform {
			m.Platforms = append(m.Platforms, MemberPlatform{PlatformRef: s.PlatformRef})
		}
		p := &m.Platforms[len(m.Platforms)-1]
		p.SocialAccounts++
		if s.Connected && !s.NeedsReconnect {
			p.Connected++
		}
	})
}

// MemberGrowth is the response to /membersSocialGrowth.
type MemberGrowth struct {
	Total     GrowthTotals           `json:"total"`     // all platforms together
	Platforms []platformGrowthTotals `json:"platforms"` // all platforms, including those without accounts
}

// platformGrowthTotals are the totals of one platform.
type platformGrowthTotals struct {
	readmodels.PlatformRef
	GrowthTotals
}

// GrowthTotals are the totals of the growth of a member's social accounts, compared with the
// previous period (see [Total]).
type GrowthTotals struct {
	// accounts that the member has now, and former ones with figures in this response
	SocialAccounts int   `json:"social_accounts"`
	Followers      Total `json:"followers"` // see `followers` of [AccountTotals]
	// see `engagement` of [AccountTotals]: counted by the platforms per account
	Engagement  Total `json:"engagement"`
	Impressions Total `json:"impressions"` // see `impressions` of [ReachStats]
	// PostsPublished is the number of posts published in the range on connections that the member
	// owns now, including posts that were deleted later. The other figures, by contrast,
	// include only gains from times when the member owned the connection. Null if unknown for every
	// account, see `posts` of [StatsPeriod].
	PostsPublished *int64 `json:"posts_published"`
	// the same number for the previous period (see [Total]); null with compare=none or if unknown
	PostsPublishedPrevious *int64 `json:"posts_published_previous"`
	// PostEngagement is the likes + comments + shares that posts gained, see `engagement` of
	// [EngagementTotals].
	PostEngagement Gain `json:"post_engagement"`
	PostViews      Gain `json:"post_views"` // video views, see `views` of [ViewsSeries]
}
