package analytics

import (
	"context"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Leaderboard is the response to /leaderboard.
type Leaderboard struct {
	// Members lists the members by the engagement that posts gained in the range while the member
	// owned them, highest first. A member is ranked if at least one gain is known, even if the post
	// is not registered and therefore not in any list of posts. With by=total, members are ranked
	// by the total engagement of the posts that were published in the range on connections that
	// they own now.
	Members []RankedMember `json:"members"`
	// Posts lists the posts by the same measure; of posts with equal engagement, the newest is
	// first.
	Posts []RankedPost `json:"posts"`
}

// RankedMember is a member in a ranking. The figures are the gains of the ranked posts in the
// range, from readings at times when the member owned the connection. With by=total, they are the
// totals of the posts at the end of the range.
type RankedMember struct {
	// rank, from 1; tied members share a rank and are ordered by id, and the following ranks are
	// skipped (1, 1, 3)
	Rank int64 `json:"rank"`
	// PreviousRank is the member's rank in the previous period by the same measure; null if the
	// member was not ranked then.
	PreviousRank *int64 `json:"previous_rank"`
	MemberID     int64  `json:"member_id"` // id of the member
	// The name, as in the directory. Null if the member is no longer in the directory.
	Name domain.OptionalText `json:"name"`
	// URL of the picture of the member's user; null if there is no picture
	Image domain.OptionalText `json:"image"`
	// name of the member's account; null if the member is no longer in the directory
	AccountName domain.OptionalText `json:"account_name"`
	Posts       int64               `json:"posts"` // number of ranked posts
	// Engagement is likes + comments + shares, as far as platforms report them.
	Engagement int64 `json:"engagement"`
	// likes or reactions; all counts except `engagement` are null if no platform reported them
	Likes    *int64 `json:"likes"`
	Comments *int64 `json:"comments"` // comments; null if the platform did not report them
	Shares   *int64 `json:"shares"`   // shares, including reposts; null if the platform did not report them
	Views    *int64 `json:"views"`    // video views; null if no platform reported them
}

// TopPosts is the response to /getTopPostsInsights and /getMembersTopPosts.
type TopPosts struct {
	// Posts lists the posts by the engagement (likes + comments + shares) gained in the range,
	// highest first; tied posts are ordered newest first. Posts without a known gain are excluded:
	// they were not read in the range, or their first reading in the range is a baseline. For a
	// member, only gains from the time when the member owned the post are included.
	//
	// With by=total, the posts published in the range are ranked by `engagement` of `latest`. Posts
	// that were not read before the end of the range are excluded. For a member, the list contains
	// the posts of the connections that the member owns now.
	Posts []RankedPost `json:"posts"`
}

// RankedPost is a post in a ranking. Names are current; null if the entity is no longer in the
// directory.
type RankedPost struct {
	Rank int64 `json:"rank"` // rank, from 1; tied posts share a rank, and the following ranks are skipped (1, 1, 3)
	Post

	// name of the social account; null if unknown, or if the account has left the caller's scope
	PageName    domain.OptionalText `json:"page_name"`
	AccountName domain.OptionalText `json:"account_name"` // name of `account_id`
	MemberName  domain.OptionalText `json:"member_name"`  // name of `member_id`
	// URL of the picture of the member's user; null if there is no picture
	MemberImage domain.OptionalText `json:"member_image"`
	// name of `c_id`; also null if the post has no category
	CategoryName domain.OptionalText `json:"category_name"`

	// totals at the end of the range; with by=total, posts are ranked by `engagement` of
	// [PostCounts]
	Latest PostCounts `json:"latest"`
	Growth PostGrowth `json:"growth"` // growth in the range; posts are ranked by `engagement` of [PostGrowth]
}

// rankedPosts reads the posts of a ranking and the names of everything that it shows, including
// members.
func (p postQuery) rankedPosts(ctx context.Context, ranking []postRank, members []RankedMember) ([]RankedPost, error) {
	n := len(ranking)
	socials, externals := make([]int64, n), make([]string, n)
	for i, r := range ranking {
		socials[i], externals[i] = r.Social, r.External
	}
	args := p.arguments()[:4] // the ranking has applied the filter
	posts, err := p.queryPosts(ctx, `
		select p.*, `+categoryOfPost+` as category
		from unnest(`+args.add(socials, "bigint[]")+", "+args.add(externals, "text[]")+`) with ordinality as k(social, external, place)
		join tSPosts p on p.social_account_id = k.social and p.external_id = k.external
		  and p.parent_account = $1
		where p.p_id = any($3)
		order by k.place`, args)
	if err != nil {
		return nil, err
	}
	top := make([]RankedPost, len(posts))
	for i, post := range posts {
		top[i] = RankedPost{Rank: ranking[i].Rank, Post: post.Post, Latest: post.counts, Growth: post.growth}
	}
	names, newPages, err := p.readNames(ctx, top, members)
	p.offerTotal(newPages)
	for i := range top {
		ranked := &top[i]
		ranked.PageName, ranked.AccountName = names.pages[ranked.SocialAccount], names.accounts[ranked.AccountID]
		ranked.MemberName, ranked.MemberImage = names.members[ranked.MemberID].name, names.members[ranked.MemberID].image
		if ranked.Category != nil {
			ranked.CategoryName = names.categories[*ranked.Category]
		}
	}
	for i := range members {
		m := &members[i]
		member := names.members[m.MemberID]
		m.Name, m.Image, m.AccountName = member.name, member.image, member.account
	}
	return top, err
}

// RankBy is the measure of a ranking.
type RankBy string

// Measures of rankings.
const (
	// RankByGained ranks by the engagement gained in the range, regardless of when the posts were
	// published.
	RankByGained RankBy = "gained"
	// RankByTotal ranks the posts published in the range by their total engagement at its end.
	RankByTotal RankBy = "total"
)

// rankingOffer suggests the other ranking.
type rankingOffer struct {
	By     RankBy `json:"by"`     // value of the parameter by
	Reason string `json:"reason"` // a sentence
}

func (p postQuery) offerTotal(pages int) {
	if p.rankedBy != RankByGained || pages == 0 {
		return
	}
	reason := "One page was first read in this range, so earlier engagement of its posts does not count as gained."
	if pages > 1 {
		reason = fmt.Sprintf("%d pages were first read in this range, "+
			"so earlier engagement of their posts does not count as gained.", pages)
	}
	reason += " Use by=total to rank the posts published in the range by their total engagement."
	p.instead = &rankingOffer{RankByTotal, reason}
}

// gainedOfPosts returns SQL that selects posts with the engagement by which they are ranked: the
// engagement gained, from a CTE of their steps and "p", or with by=total the total engagement, from
// the CTE "stepped". For the first page of a whole agency, it selects only the posts with the
// highest gains, which are on the page. Their registrations are looked up one by one, in order of
// the gain; a join would take as long as the rest of the query.
func (p postQuery) gainedOfPosts(steps string, firstPage bool, limit string) string {
	if p.rankedBy == RankByTotal {
		return "select social_account_id, external_id, published, engagement from stepped"
	}
	sums := "select post, sum_bigint(engagement) as engagement from " + steps + " group by post"
	if steps == "step" {
		sums += " having sum_bigint(engagement_n) > 0"
	}
	if !firstPage || p.scope.Accounts != nil || p.isFiltered() {
		// PostgreSQL never runs a full join as a nested loop, and the conditions are not strict, so
		// that it stays a full join. If PostgreSQL expected few posts, a nested loop would compare
		// thousands with thousands.
		return `
			select p.*, s.engagement
			from p full join (` + sums + `) s on s.post = p.post
			where coalesce(p.post, 0) <> 0 and coalesce(s.post, 0) <> 0`
	}
	return `
			select p.*, s.engagement
			from (` + sums + ` order by engagement desc) s
			cross join lateral (
				select ` + rankedKey + ` from tSPosts p
				where p.post = s.post and ` + p.postsOfScope() + `
				offset 0) p
			order by s.engagement desc fetch first (` + limit + ") rows with ties"
}

const bestFirst = `engagement desc, published desc, social_account_id desc, external_id collate "C" desc`

// names contains the names that rankings show next to ids; "" if the entity is no longer in the
// directory.
type names struct {
	accounts   map[string]domain.OptionalText
	members    map[int64]memberNames
	pages      map[int64]domain.OptionalText
	categories map[int64]domain.OptionalText
}

type memberNames struct{ name, image, account domain.OptionalText }

// readNames reads the names of everything that a ranking shows, and counts the pages in scope that
// were first read within the range and whose posts gained nothing before. A page or member that has left the scope has no name, because
// the caller must not see the current owner.
func (p postQuery) readNames(
	ctx context.Context, posts []RankedPost, members []RankedMember,
) (n names, newPages int, err error) {
	n = names{
		accounts: map[string]domain.OptionalText{}, members: map[int64]memberNames{},
		pages: map[int64]domain.OptionalText{}, categories: map[int64]domain.OptionalText{},
	}
	var accounts []string
	var memberIDs, pages, categories []int64
	for _, m := range members {
		memberIDs = append(memberIDs, m.MemberID)
	}
	for _, ranked := range posts {
		accounts, memberIDs, pages = append(accounts, ranked.AccountID), append(memberIDs, ranked.MemberID),
			append(pages, ranked.SocialAccount)
		if ranked.Category != nil {
			categories = append(categories, *ranked.Category)
		}
	}
	rows, _ := p.tx.Query(ctx, `
		select 1 as kind, 0::bigint as id, a.id as account, a.name, '' as image, false as young
		from accounts a where a.id = any($4) and (a.parent_account = $1 or a.id = $1)
		union all
		select 2, m.id, o.name, m.name, coalesce(u.image, ''), false
		from members m join accounts o on o.id = m.account_id
		left join users u on u.id = m.user_id and u.account_id = m.account_id
		where m.id = any($5) and (o.parent_account = $1 or o.id = $1) and `+p.withinAccounts("m.account_id")+`
		union all
		select 3, s.id, '', s.name, '', coalesce(f.first > $3 and f.first < $10, false)
		from tSAccounts s cross join lateral (
			select min(n.tracked_since) as first from figure_owners n
			where n.social_account_id = s.id and n.parent_account = s.parent_account and not exists (
				select from post_owners g -- of imported readings
				where g.social_account_id = s.id and g.parent_account = s.parent_account and g.first_at < $3)) f
		where s.parent_account = $1 and `+p.withinAccounts("s.account_id")+`
		  and (s.id = any($6) or s.p_id = any($8) and ($9::bigint = 0 or s.member_id = $9) and f.first > $3
		    and f.first < $10)
		union all
		select 4, c.id, '', c.name, '', false from tDefaultCategories c where c.id = any($7)`,
		p.scope.ParentAccount, p.scope.Accounts, p.query.Range.From, accounts, memberIDs, pages, categories,
		p.platformIDs(), p.query.Member, p.query.Range.To)
	var kind int
	var id int64
	var account string
	var row memberNames
	var isNewPage bool
	err = forEach(rows, "read names", []any{&kind, &id, &account, &row.name, &row.image, &isNewPage}, func() {
		switch kind {
		case 1:
			n.accounts[account] = row.name
		case 2:
			row.account = domain.OptionalText(account)
			n.members[id] = row
		case 3:
			n.pages[id] = row.name
		default:
			n.categories[id] = row.name
		}
		if isNewPage {
			newPages++
		}
	})
	return n, newPages, err
}
