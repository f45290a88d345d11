package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// ActiveMembers is the answer to /accountActiveMembersPlatforms.
type ActiveMembers struct {
	// Members are those of the account that are active in the main application, by their ids.
	Members []ActiveMember `json:"members"`
}

// ActiveMember is a person of an account and what that person has connected.
type ActiveMember struct {
	MemberID  int64  `json:"member_id"`
	Name      string `json:"name"`
	AccountID string `json:"account_id"` // the sub-account
	// DefaultSocialAccount is what the member opens first in the main application; null: none, or one that the
	// caller does not see.
	DefaultSocialAccount *int64           `json:"default_social_account_id"`
	Platforms            []MemberPlatform `json:"platforms"` // on which the member has a social account, by their numbers
	// that the member has connected, by platform and id; no others of the account
	SocialAccounts []ConnectedSocial `json:"social_accounts"`
}

// MemberPlatform is a platform of a member.
type MemberPlatform struct {
	readmodels.PlatformRef

	SocialAccounts int `json:"social_accounts"` // how many the member has there
	Connected      int `json:"connected"`       // of these, how many are connected and need no new authorisation
}

// ConnectedSocial is a social account of a member. Tokens are never shown.
type ConnectedSocial struct {
	readmodels.PlatformRef

	SocialAccount int64              `json:"social_account_id"`
	AccountType   domain.AccountType `json:"a_type,omitempty"` // {account types}
	Name          string             `json:"name"`
	Connected     bool               `json:"connected"` // in the main application
	// NeedsReconnect says that the platform refuses its authorisation: the member must give it again.
	NeedsReconnect bool                `json:"needs_reconnect"`
	Reason         domain.OptionalText `json:"reason"`     // why; null without a reason
	ExpiresAt      *time.Time          `json:"expires_at"` // when the token in use ends, also after renewals; null: not known, or never
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
	rows, _ := qc.tx.Query(ctx, `
		select m.id, m.name, m.account_id, d.social_account_id
		from members m join accounts o on o.id = m.account_id
		left join (tDefaultAccount d join tSAccounts s on s.id = d.social_account_id)
			on d.member_id = m.id and s.parent_account = $1 and `+qc.within("s.account_id")+`
		where (o.parent_account = $1 or o.id = $1) and `+qc.within("m.account_id")+` and m.active and m.id > $3
		order by m.id limit $4`, qc.scope.ParentAccount, qc.scope.Accounts, *last, limit+1)
	members, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m ActiveMember, err error) {
		m.Platforms, m.SocialAccounts = []MemberPlatform{}, []ConnectedSocial{}
		err = row.Scan(&m.MemberID, &m.Name, &m.AccountID, &m.DefaultSocialAccount)
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("read active members: %w", err)
	}
	members, qc.cursor, err = readmodels.CutPage(members, limit, scope, func(m ActiveMember) int64 { return m.MemberID })
	return members, err
}

// socialsOf reads the members' social accounts that the scope has, by platform.
func socialsOf(ctx context.Context, qc *queryContext, members []ActiveMember) error {
	place := map[int64]int{}
	ids := make([]int64, len(members))
	for i, m := range members {
		ids[i], place[m.MemberID] = m.MemberID, i
	}
	rows, _ := qc.tx.Query(ctx, `
		select s.member_id, s.id, s.p_id, s.a_type, s.name, s.connected, coalesce(t.state, ''), coalesce(t.reason, ''), `+readmodels.TokenEnds+`
		from tSAccounts s
		left join connection_states t on t.connection_id = s.connection_id and t.parent_account = s.parent_account
		left join tMemberAuth c on c.id = s.connection_id and c.member_id = s.member_id
		left join kept.secrets k on k.ref = c.secret_ref
		where s.member_id = any($4) and s.parent_account = $1 and `+qc.within("s.account_id")+` and s.p_id = any($3)
		order by s.p_id, s.id`, qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), ids)
	var member int64
	var s ConnectedSocial
	var state string
	return forEach(rows, "read social accounts of members", []any{
		&member, &s.SocialAccount, &s.Platform, &s.AccountType, &s.Name, &s.Connected, &state, &s.Reason, &s.ExpiresAt,
	}, func() {
		s.PlatformRef, s.NeedsReconnect = readmodels.PlatformRefOf(s.Platform), state == domain.ConnectionReconnect
		if !s.NeedsReconnect {
			s.Reason = ""
		}
		members[place[member]].add(s)
	})
}

// add adds a social account, and counts it on its platform, which is that of the one before or a new one.
func (m *ActiveMember) add(s ConnectedSocial) {
	m.SocialAccounts = append(m.SocialAccounts, s)
	if n := len(m.Platforms); n == 0 || m.Platforms[n-1].Platform != s.Platform {
		m.Platforms = append(m.Platforms, MemberPlatform{PlatformRef: s.PlatformRef})
	}
	p := &m.Platforms[len(m.Platforms)-1]
	p.SocialAccounts++
	if s.Connected && !s.NeedsReconnect {
		p.Connected++
	}
}

// MemberGrowth is the answer to /membersSocialGrowth.
type MemberGrowth struct {
	Total     GrowthTotals           `json:"total"`     // over all platforms
	Platforms []platformGrowthTotals `json:"platforms"` // each platform, also without accounts
}

// platformGrowthTotals is the growth on one platform.
type platformGrowthTotals struct {
	readmodels.PlatformRef
	GrowthTotals
}

// GrowthTotals is how the social accounts of a member grew, against the previous period (see [Total]).
type GrowthTotals struct {
	SocialAccounts int   `json:"social_accounts"` // that the member has now, or had with figures in the answer
	Followers      Total `json:"followers"`       // as `followers` of [AccountTotals]
	Engagement     Total `json:"engagement"`      // as `engagement` of [AccountTotals]: as the platforms count it of an account
	Impressions    Total `json:"impressions"`     // as `impressions` of [ReachStats]
	// PostsPublished are those of the member that were published in the range, also when they were deleted since, and
	// the number of the previous period (see [Total]); 0 is none. They are the member's who has the connection now; what
	// follows is what posts gained while it was this member's.
	PostsPublished         int64  `json:"posts_published"`
	PostsPublishedPrevious *int64 `json:"posts_published_previous"` // null with compare=none
	// PostEngagement is what likes + comments + shares of the posts gained, as `engagement` of [EngagementTotals].
	PostEngagement Gain `json:"post_engagement"`
	PostViews      Gain `json:"post_views"` // video views: as `views` of [ViewsSeries]
}
