package legacy

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Owner is what an old row says of whose it is. What it leaves open, the directory tells.
type Owner struct {
	ParentAccount AccountRef
	Account       AccountRef
	MemberID      int64 // 0: not said
	SocialAccount int64
	Platform      domain.Platform
	AccountType   domain.AccountType
}

func (r *Row) owner() Owner {
	o := Owner{
		ParentAccount: r.Account("parentAccount", "parentAccountId"), Account: r.Account("accountId", "subAccountId"),
		SocialAccount: r.ID("sAccountId", "socialAccountId"), Platform: r.Platform(), AccountType: r.AccountType(),
	}
	if member := r.Int("memberId"); member != nil {
		o.MemberID = *member
	}
	return o
}

// captured reads when a row was read at its platform.
func (r *Row) captured() time.Time {
	names := []string{"capturedAt", "createdAt", "readAt", "date"}
	at := r.Time(names...)
	if at == nil {
		r.missing(names...)
		return time.Time{}
	}
	return *at
}

// AccountReading is a row of tSAccountIns.
type AccountReading struct {
	Owner
	CapturedAt time.Time
	Figures    []domain.Figure
}

// accountColumns are the figures of tSAccountIns in the order of its columns, under the names they may have.
var accountColumns = [][]string{
	{domain.MetricFollowers, "followersCount", "followerCount"},
	{domain.MetricEngagement, "engagements", "totalEngagement"},
	{domain.MetricImpressions},
	{domain.MetricViews},
	{domain.MetricReach},
	{domain.MetricPosts, "postsCount"},
	{domain.MetricLikes},
	{domain.MetricComments},
	{domain.MetricShares},
	{domain.MetricClicks},
}

// oldWindow is the window of figures whose old rows do not say of which span they are.
const oldWindow = "old_system"

// AccountReading reads a row of tSAccountIns. Followers and posts are counts of that moment, and the
// likes of TikTok, which knows no others, grow for ever. Of all else the old table does not say of which
// day or span it is: such figures are shown as read and never summed or subtracted.
func (r *Row) AccountReading() (AccountReading, error) {
	a := AccountReading{Owner: r.owner(), CapturedAt: r.captured(), Figures: []domain.Figure{}}
	for _, names := range accountColumns {
		n := r.Int(names...)
		if n == nil {
			continue
		}
		figure := domain.Figure{Name: names[0], Kind: domain.Rolling, Value: *n, Source: "tSAccountIns." + names[0], Window: oldWindow}
		switch {
		case figure.Name == domain.MetricFollowers || figure.Name == domain.MetricPosts:
			figure.Kind, figure.Window = domain.Stock, ""
		case figure.Name == domain.MetricLikes && a.Platform == domain.TikTok:
			figure.Kind, figure.Window = domain.Cumulative, ""
		}
		a.Figures = append(a.Figures, figure)
	}
	if r.Err() == nil && len(a.Figures) == 0 {
		r.faultf("the row", "holds no figure at all")
	}
	return a, r.Err()
}

// PostReading is a row of tSPostInsights.
type PostReading struct {
	Owner
	ExternalID  string
	CapturedAt  time.Time
	PublishedAt *time.Time
	domain.Counts
}

// PostReading reads a row of tSPostInsights.
func (r *Row) PostReading() (PostReading, error) {
	p := PostReading{Owner: r.owner(), ExternalID: r.externalID(), CapturedAt: r.captured(), PublishedAt: r.Time("publishedAt", "postedAt")}
	p.Counts = domain.Counts{
		Likes: r.Int("likes"), Comments: r.Int("comments"), Shares: r.Int("shares"), Views: r.Int("views"),
		Impressions: r.Int("impressions"), Reach: r.Int("reach"), Clicks: r.Int("clicks"),
	}
	if r.Err() == nil && p.Counts == (domain.Counts{}) {
		r.faultf("the row", "holds no figure at all")
	}
	return p, r.Err()
}

// externalID reads the platform's id of a post; `postId` is the old tables' name for it.
func (r *Row) externalID() string {
	names := []string{"externalId", "postId"}
	_, text, ok := r.scalar(names...)
	if !ok {
		r.missing(names...)
	}
	return text
}
