package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// TopPosts is the answer to /getTopPostsInsights and /getMembersTopPosts.
type TopPosts struct {
	// Posts are ranked by what their engagement (likes + comments + shares) gained in the range, the most
	// first; of equal ones the newest first. Posts of which that is not known are left out: they were not read in
	// the range, or for the first time in a life that began before. Of one member they are those that gained while it had them.
	//
	// With by=total they are the posts that were published in the range, ranked by `engagement` of `latest`; posts that were
	// not read by the end of the range are left out. Of one member they are those whose connection is the member's now.
	Posts []RankedPost `json:"posts"`
}

// RankedPost is a post in a ranking. Names are those of today, null where the directory does not know one any more.
type RankedPost struct {
	Rank int64 `json:"rank"` // from 1; equals share one, and the next rank counts them all
	Post

	PageName     domain.OptionalText `json:"page_name"`     // of the social account; null also where it has left what the caller may see
	AccountName  domain.OptionalText `json:"account_name"`  // of `account_id`
	MemberName   domain.OptionalText `json:"member_name"`   // of `member_id`
	MemberImage  domain.OptionalText `json:"member_image"`  // address of the picture of the member's user; null without one
	CategoryName domain.OptionalText `json:"category_name"` // of `c_id`; null also without a category

	Latest PostCounts `json:"latest"` // at the end of the range; with by=total `engagement` of PostCounts ranks
	Growth PostGrowth `json:"growth"` // in the range; `engagement` of PostGrowth ranks
}

// TopPosts answers the endpoints 8 and 22: the posts that gained most engagement in the range, or have most of it.
func (a *Analytics) TopPosts(ctx context.Context, scope readmodels.Scope, query RangeQuery) (TopPosts, Meta, error) {
	return answer(ctx, a, "top posts", scope, query, engagementMetrics(), func(ctx context.Context, qc *queryContext, data *TopPosts) error {
		qc.rankBy()
		ranking, err := qc.rankPosts(ctx)
		if err != nil {
			return err
		}
		if data.Posts, err = qc.rankedPosts(ctx, ranking, nil); err != nil {
			return err
		}
		return qc.classifyPostSources(ctx)
	})
}

// rankedPosts reads all that is known of the posts of a ranking, and names everything that it shows, the members beside them too.
func (qc *queryContext) rankedPosts(ctx context.Context, ranking []ranked, members []RankedMember) ([]RankedPost, error) {
	n := len(ranking)
	socials, externals, accounts := make([]int64, n), make([]string, n), make([]string, n)
	for i, r := range ranking {
		socials[i], externals[i], accounts[i] = r.Social, r.External, r.Account
	}
	posts, err := qc.queryPosts(ctx, `
		select p.*, `+categoryOfPost+` as category
		from unnest($4::bigint[], $5::text[], $6::text[]) with ordinality as k(social, external, account, place)
		join tSPosts p on p.social_account_id = k.social and p.external_id = k.external and p.account_id = k.account and p.parent_account = $1
		where p.p_id = any($3)
		order by k.place`, socials, externals, accounts)
	if err != nil {
		return nil, err
	}
	top := make([]RankedPost, len(posts))
	for i, p := range posts {
		top[i] = RankedPost{Rank: ranking[i].Rank, Post: p.Post, Latest: p.counts, Growth: p.growth}
	}
	names, young, err := qc.readNames(ctx, top, members)
	qc.offerTotal(young)
	for i := range top {
		p := &top[i]
		p.PageName, p.AccountName = names.pages[p.SocialAccount], names.accounts[p.AccountID]
		p.MemberName, p.MemberImage = names.members[p.MemberID].name, names.members[p.MemberID].image
		if p.Category != nil {
			p.CategoryName = names.categories[*p.Category]
		}
	}
	for i := range members {
		m := &members[i]
		m.Name, m.Image = names.members[m.MemberID].name, names.members[m.MemberID].image
	}
	return top, err
}
