package analytics

import (
	"context"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Leaderboard is the answer to /leaderboard.
type Leaderboard struct {
	// Members are ranked by what the engagement of posts gained in the range while they had them, the most first. A
	// member is ranked as soon as that is known of one post, also of one that is registered nowhere and so in no list of posts.
	// With by=total they are ranked by what the posts that were
	// published in the range have gathered, of the connections that are theirs now.
	Members []RankedMember `json:"members"`
	// Posts are ranked alike; of equal ones the newest first.
	Posts []RankedPost `json:"posts"`
}

// RankedMember is a member in a ranking. Its figures are what posts gained in the range at readings at which the
// connection was the member's, of the posts that are compared; with by=total what these have gathered by its end.
type RankedMember struct {
	Rank int64 `json:"rank"` // from 1; equals share one and stand by their ids, and the next rank counts them all
	// PreviousRank is the member's rank in the previous period, by the same measure; null where it had none.
	PreviousRank *int64              `json:"previous_rank"`
	MemberID     int64               `json:"member_id"`
	Name         domain.OptionalText `json:"name"`         // null when the directory does not know the member any more
	Image        domain.OptionalText `json:"image"`        // address of the picture of its user; null without one
	AccountName  domain.OptionalText `json:"account_name"` // of the account that the member is of; null when the directory does not know the member any more
	Posts        int64               `json:"posts"`        // how many are compared
	// Engagement is likes + comments + shares, of the parts that a platform gives.
	Engagement int64  `json:"engagement"`
	Likes      *int64 `json:"likes"` // likes or reactions; null when no platform gave any, as the others
	Comments   *int64 `json:"comments"`
	Shares     *int64 `json:"shares"`
	Views      *int64 `json:"views"` // video views; null: no platform gave any
}

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

// rankedPosts reads all that is known of the posts of a ranking, and names everything that it shows, the members beside them too.
func (qc postQuery) rankedPosts(ctx context.Context, ranking []ranked, members []RankedMember) ([]RankedPost, error) {
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
		of := names.members[m.MemberID]
		m.Name, m.Image, m.AccountName = of.name, of.image, of.account
	}
	return top, err
}

// RankBy says what a ranking goes by.
type RankBy string

// What rankings go by.
const (
	// RankByGained ranks by what likes, comments and shares gained in the range, whenever the posts were published.
	RankByGained RankBy = "gained"
	// RankByTotal ranks the posts that were published in the range by all that they had gathered at its end.
	RankByTotal RankBy = "total"
)

// rankingOffer is the ranking that may say more than the answer's.
type rankingOffer struct {
	By     RankBy `json:"by"`     // what to ask for
	Reason string `json:"reason"` // a sentence
}

// offerTotal offers the other ranking where pages were first read here within the range.
func (qc postQuery) offerTotal(pages int) {
	if qc.rankedBy != RankByGained || pages == 0 {
		return
	}
	reason := "One page was first read here in this range: what its posts had gathered before was not gained in it."
	if pages > 1 {
		reason = fmt.Sprintf("%d pages were first read here in this range: what their posts had gathered before was not gained in it.", pages)
	}
	qc.instead = &rankingOffer{RankByTotal, reason + " by=total ranks the posts that were published in the range by all that they have gathered."}
}

// ofPosts joins posts p with sums s of their steps. The join is a full one, and its condition not strict, because a full
// join is never nested: where PostgreSQL expects few posts, it would compare each of thousands with each.
const ofPosts = `
			full join (%s) s on s.social_account_id = p.social_account_id and s.external_id = p.external_id
			where coalesce(p.social_account_id, 0) > 0 and coalesce(s.social_account_id, 0) > 0`

// gainedOfPosts selects what posts are ranked by. That is what their engagement gained, from a CTE of their steps and "p"; with by=total it
// is what they have gathered, from the CTE "stepped". For the first page of everything
// that an agency has it selects those that gained most alone, which are on the page: the registrations of these few are looked up
// one by one, in the order of what they gained, where a join would take as long as all else.
func (qc postQuery) gainedOfPosts(steps string, firstPage bool, limit string) string {
	if qc.rankedBy == RankByTotal {
		return "select social_account_id, external_id, account_id, published, engagement from stepped"
	}
	sums := "select social_account_id, external_id, sum_bigint(engagement) as engagement from " + steps +
		" where engagement is not null group by social_account_id, external_id"
	if !firstPage || qc.scope.Accounts != nil || qc.query.Category != 0 {
		return "select p.*, s.engagement from p" + fmt.Sprintf(ofPosts, sums)
	}
	return `
			select p.*, s.engagement
			from (` + sums + ` order by engagement desc) s
			cross join lateral (
				select ` + rankedKey + ` from tSPosts p
				where p.social_account_id = s.social_account_id and p.external_id = s.external_id and ` + qc.postsOfScope() + `
				offset 0) p
			order by s.engagement desc fetch first (` + limit + ") rows with ties"
}

// bestFirst is the order of a ranking: equals stand as in lists of posts.
const bestFirst = `engagement desc, published desc, social_account_id desc, external_id collate "C" desc, account_id collate "C" desc`

// names are what rankings show beside ids; "" where the directory does not know one any more.
type names struct {
	accounts   map[string]domain.OptionalText
	members    map[int64]named
	pages      map[int64]domain.OptionalText
	categories map[int64]domain.OptionalText
}

// named is what a member is called, its picture, and whose it is.
type named struct{ name, image, account domain.OptionalText }

// readNames reads the names of everything that a ranking shows, and how many of the scope's pages were first read here
// within the range. A page or a member that has left the scope has no name: who has it now is not this tenant's business.
func (qc postQuery) readNames(ctx context.Context, posts []RankedPost, members []RankedMember) (n names, young int, err error) {
	n = names{
		map[string]domain.OptionalText{}, map[int64]named{}, map[int64]domain.OptionalText{}, map[int64]domain.OptionalText{},
	}
	var accounts []string
	var memberIDs, pages, categories []int64
	for _, m := range members {
		memberIDs = append(memberIDs, m.MemberID)
	}
	for _, p := range posts {
		accounts, memberIDs, pages = append(accounts, p.AccountID), append(memberIDs, p.MemberID), append(pages, p.SocialAccount)
		if p.Category != nil {
			categories = append(categories, *p.Category)
		}
	}
	rows, _ := qc.tx.Query(ctx, `
		select 1 as kind, 0::bigint as id, a.id as account, a.name, '' as image, false as young
		from accounts a where a.id = any($4) and (a.parent_account = $1 or a.id = $1)
		union all
		select 2, m.id, o.name, m.name, coalesce(u.image, ''), false
		from members m join accounts o on o.id = m.account_id left join users u on u.id = m.user_id and u.account_id = m.account_id
		where m.id = any($5) and (o.parent_account = $1 or o.id = $1) and `+qc.within("m.account_id")+`
		union all
		select 3, s.id, '', s.name, '', coalesce(f.first > $3 and f.first < $10, false)
		from tSAccounts s cross join lateral (
			select min(n.tracked_since) as first from account_newest n
			where n.social_account_id = s.id and n.parent_account = s.parent_account) f
		where s.parent_account = $1 and `+qc.within("s.account_id")+`
		  and (s.id = any($6) or s.p_id = any($8) and ($9::bigint = 0 or s.member_id = $9) and f.first > $3 and f.first < $10)
		union all
		select 4, c.id, '', c.name, '', false from tDefaultCategories c where c.id = any($7)`,
		qc.scope.ParentAccount, qc.scope.Accounts, qc.query.Range.From, sorted(accounts), memberIDs, pages, categories,
		qc.platformIDs(), qc.query.Member, qc.query.Range.To)
	var kind int
	var id int64
	var account string
	var of named
	var isYoung bool
	err = forEach(rows, "read names", []any{&kind, &id, &account, &of.name, &of.image, &isYoung}, func() {
		switch kind {
		case 1:
			n.accounts[account] = of.name
		case 2:
			of.account = domain.OptionalText(account)
			n.members[id] = of
		case 3:
			n.pages[id] = of.name
		default:
			n.categories[id] = of.name
		}
		if isYoung {
			young++
		}
	})
	return n, young, err
}
