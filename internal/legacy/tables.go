package legacy

import (
	"cmp"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Owner is the owner of a reading or post, as named in a legacy row. Fields that the row lacks are
// taken from the directory.
type Owner struct {
	ParentAccount AccountRef
	Account       AccountRef
	MemberID      int64 // 0 if absent
	SocialAccount int64
	Platform      domain.Platform
	AccountType   domain.AccountType
}

func (r *Row) owner() Owner {
	return Owner{
		ParentAccount: optional(r, account, "parentAccount", "parentAccountId"),
		Account:       optional(r, account, "accountId", "subAccountId"),
		SocialAccount: required(r, positive, "sAccountId", "socialAccountId"),
		Platform:      r.platform(),
		AccountType:   r.accountType(),
		MemberID:      optional(r, integer, "memberId"),
	}
}

func (r *Row) platform() domain.Platform { return required(r, platform, "pId", "platformId") }

func (r *Row) accountType() domain.AccountType {
	return optional(r, accountType, "aType", "accountType")
}

func (r *Row) capturedAt() time.Time {
	return required(r, r.time, "capturedAt", "createdAt", "readAt", "date")
}

func (r *Row) publishedAt() *time.Time { return field(r, r.time, "publishedAt", "postedAt") }

// externalID reads the platform's ID of a post; the legacy tables call it `postId`.
func (r *Row) externalID() string { return required(r, filled, "externalId", "postId") }

func (r *Row) figure(names ...string) *int64 { return field(r, integer, names...) }

func (r *Row) needFigures(none bool) {
	if none && len(r.faults) == 0 {
		r.fault("the row", errors.New("has no figure"))
	}
}

// AccountReading is a row of tSAccountIns: a reading without its tenant.
type AccountReading struct {
	Owner Owner
	domain.AccountRead
}

// accountColumns are the figures of tSAccountIns in column order, with their possible names.
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

const unknownWindow = "old_system" // window of figures without a known time span

// AccountReading reads a row of tSAccountIns. Followers and posts are counts at the time of the
// reading. Likes are cumulative if the platform reports cumulative likes. The table does not
// contain the day or time span of the other figures, so they are shown as read and never summed or
// subtracted.
func (r *Row) AccountReading() (AccountReading, error) {
	a := AccountReading{Owner: r.owner()}
	a.Platform, a.CapturedAt, a.Figures = a.Owner.Platform, r.capturedAt(), []domain.Figure{}
	for _, names := range accountColumns {
		n := r.figure(names...)
		if n == nil {
			continue
		}
		figure := domain.Figure{
			Name: names[0], Kind: domain.Rolling, Value: *n, Source: "tSAccountIns." + names[0], Window: unknownWindow,
		}
		cumulative := a.Platform.Provides(domain.FiguresOfAccount, figure.Name, domain.Cumulative)
		switch {
		case figure.Name == domain.MetricFollowers || figure.Name == domain.MetricPosts:
			figure.Kind, figure.Window = domain.Stock, ""
		case figure.Name == domain.MetricLikes && cumulative:
			figure.Kind, figure.Window = domain.Cumulative, ""
		}
		a.Figures = append(a.Figures, figure)
	}
	r.needFigures(len(a.Figures) == 0)
	return a, r.err()
}

// PostReading is a row of tSPostInsights: a reading without its tenant.
type PostReading struct {
	Owner Owner
	domain.PostRead
}

// PostReading reads a row of tSPostInsights.
func (r *Row) PostReading() (PostReading, error) {
	p := PostReading{Owner: r.owner()}
	p.Platform, p.ExternalID = p.Owner.Platform, r.externalID()
	p.CapturedAt, p.PublishedAt = r.capturedAt(), r.publishedAt()
	p.Counts = domain.Counts{
		Likes: r.figure("likes"), Comments: r.figure("comments"), Shares: r.figure("shares"), Views: r.figure("views"),
		Impressions: r.figure("impressions"), Reach: r.figure("reach"), Clicks: r.figure("clicks"),
	}
	r.needFigures(p.Counts == (domain.Counts{}))
	return p, r.err()
}

// Post is a row of tSPosts: a post as registered by the main application, without its tenant.
type Post struct {
	Owner Owner
	domain.PostRegistered
	Texts domain.PostTexts
}

// Post reads a row of tSPosts.
func (r *Row) Post() (Post, error) {
	owner := r.owner()
	p := Post{Owner: owner, PostRegistered: domain.PostRegistered{
		Platform: owner.Platform, Origin: domain.OriginMainApp,
		ExternalID: r.externalID(), PublishedAt: r.publishedAt(),
		CategoryID: r.figure("cId", "categoryId"), PostType: optional(r, asIs, "postType", "type"),
		RegisteredAt: required(r, r.time, "updatedAt", "registeredAt", "createdAt"),
	}, Texts: domain.PostTexts{
		Content:  optional(r, asIs, "content", "caption", "message"),
		MediaURL: optional(r, asIs, "mediaUrl"), Permalink: optional(r, asIs, "permalink", "postUrl"),
	}}
	if p.CategoryID != nil && *p.CategoryID == 0 {
		p.CategoryID = nil // 0 means no category in the legacy table
	}
	return p, r.err()
}

// Preference is one document of the legacy dashboard preferences.
type Preference struct {
	ParentAccount string
	domain.ImportedDashboard
}

// Preference reads a document. It does not repair the lists; [domain.PlanImport] does.
func (r *Row) Preference() (p Preference, err error) {
	p.ParentAccount = required(r, hexID, "parent_account")
	p.DocumentID = required(r, hexID, "_id", "id")
	p.SubAccountID = required(r, hexID, "sub_account_id")
	p.SubAccountIDs = list(r, hexID, "sub_account_ids")
	p.Users = list(r, hexID, "users")
	p.MainPOC = list(r, hexID, "main_poc")
	p.Scopes = list(r, asIs, "scopes")
	p.AllowClientDashboard = optional(r, truth, "allow_client_dashboard")
	created, updated := field(r, r.time, "created_at"), field(r, r.time, "updated_at")
	if err := r.err(); err != nil {
		return p, err
	}
	idTime := createdAt(p.DocumentID)
	p.CreatedAt = *cmp.Or(created, &idTime)
	p.UpdatedAt = *cmp.Or(updated, &p.CreatedAt)
	return p, nil
}

// Secret is a token. It prints, logs and marshals as "(not shown)".
type Secret string

const notShown = "(not shown)"

// String hides the secret.
func (Secret) String() string { return notShown }

// GoString hides the secret.
func (Secret) GoString() string { return notShown }

// MarshalText hides the secret in JSON and in logs.
func (Secret) MarshalText() ([]byte, error) { return []byte(notShown), nil }

// MemberAuth is a row of tMemberAuth.
type MemberAuth struct {
	Connection   domain.DirectoryConnection // without a SecretRef
	AccessToken  Secret
	RefreshToken Secret
	OwnLogin     bool // whether the access token is from Instagram's own login
}

// MemberAuth reads a row of tMemberAuth. Its error quotes no value of the row.
func (r *Row) MemberAuth() (MemberAuth, error) {
	r.secret = true
	return MemberAuth{
		AccessToken:  Secret(optional(r, asIs, "accessToken", "token")),
		RefreshToken: Secret(optional(r, asIs, "refreshToken")),
		Connection: domain.DirectoryConnection{
			ID: required(r, positive, "id"), MemberID: required(r, positive, "memberId"),
			Platform: r.platform(), AccountType: r.accountType(),
			ExpiresAt: field(r, r.time, "expiresAt", "expiryDate", "expiry", "tokenExpiry"),
			CreatedAt: optional(r, r.time, "createdAt"), UpdatedAt: optional(r, r.time, "updatedAt"),
		},
		OwnLogin: optional(r, truth, "instagramLogin"),
	}, r.err()
}
