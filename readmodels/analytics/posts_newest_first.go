package analytics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

type postQuery struct{ *queryContext }

// postKey is the position of a post in a list: newest first, then by descending ids. Posts without
// a publication time come last.
type postKey struct {
	Published *time.Time `json:"p"`
	Social    int64      `json:"s"`
	External  string     `json:"e"`
}

const newestFirst = `
		order by coalesce(p.published_at, '-infinity') desc, p.social_account_id desc, p.external_id collate "C" desc`

// arguments returns the first arguments of the statements about posts: $1 parent account, $2
// accounts, $3 platforms, $4 member, $5 category.
func (p postQuery) arguments() arguments {
	return arguments{p.scope.ParentAccount, p.scope.Accounts, p.platformIDs(), p.query.Member, p.query.Category}
}

// postsOfScope selects the posts p of tSPosts that a query covers: posts in scope, on the platforms
// $3, that match the filter.
func (p postQuery) postsOfScope() string {
	return "p.parent_account = $1 and p.p_id = any($3) and " + p.withinAccounts("p.account_id") +
		" and " + p.matches()
}

// publishedAt is the publication time of post p as in the index: an unknown time is -infinity.
const publishedAt = `coalesce(p.published_at, '-infinity')`

// isFiltered reports whether the query is for posts with a certain registration.
func (p postQuery) isFiltered() bool { return p.query.Category != 0 }

// matches selects the posts p that match the filter: those of the category $5.
func (p postQuery) matches() string {
	if p.query.Category == 0 {
		return "$5::bigint = 0"
	}
	return categoryOfPost + " = $5::bigint"
}

// matchesHere selects the posts p that match the filter, for posts whose registration may be outside
// the scope. Such a registration belongs to another client and must not match.
func (p postQuery) matchesHere() string {
	if !p.isFiltered() {
		return p.matches()
	}
	return "(" + p.withinAccounts("p.account_id") + " and " + p.matches() + ")"
}

// categoryOfPost is the category in the registration, otherwise the one in the content planner.
const categoryOfPost = `coalesce(p.c_id, (
	select c.c_id from tContentPlanner c
	where c.social_account_id = p.social_account_id and c.external_id = p.external_id and c.account_id = p.account_id
	order by c.id limit 1))`

// textsOfPost joins the texts of post p. Texts from the main application take precedence over the
// listing, field by field. One index lookup finds both. Texts that were recorded under a client
// outside the scope $2, before or after a move of the page, are not shown.
const textsOfPost = `
		cross join lateral (
			select ` + pg.PostTexts + `
			from post_contents c
			where c.parent_account = $1 and c.social_account_id = p.social_account_id and c.external_id = p.external_id
			  and ($2::text[] is null or c.account_id = any($2))) t`

// ofOwners selects the readings r under the clients in the scope $2 and a member, given as a
// placeholder; 0 is any. If a page moves between these clients, its series of readings continues.
func ofOwners(member string) string {
	return `($2::text[] is null and ` + member + ` = 0 or r.owner = any(array(
				select o.id from post_owners o
				where o.parent_account = $1 and ($2::text[] is null or o.account_id = any($2))
				  and (` + member + ` = 0 or o.member_id = ` + member + `))))`
}

// readingBefore returns SQL for the last reading of post p before an instant, and its owner.
func readingBefore(at string) string {
	return `(
		select r.*, o.account_id, o.member_id
		from (
			select captured_at, owner, ` + figureColumns("r") + `
			from post_readings r
			where r.post = p.post and r.counted and r.captured_at < ` + at + " and " + ofOwners("0") + `
			order by r.captured_at desc limit 1) r
		join post_owners o on o.id = r.owner)`
}

// readPosts reads a page of posts, newest first, with their readings at both ends of the range. The
// page is chosen from the index alone, so only its posts are read, even if the member has few of
// the agency's posts. Posts that the index cannot choose are found by the weeks of their readings.
func (p postQuery) readPosts(ctx context.Context) ([]listedPost, error) {
	scope := p.cursorScope("posts")
	last, err := readmodels.DecodeCursor[postKey](p.query.Page.Cursor, scope)
	if err != nil {
		return nil, err
	}
	if last == nil {
		last = &postKey{}
	}
	limit := p.query.Page.Size()
	args, r := p.arguments(), p.query.Range
	from, to := args.add(r.From, "timestamptz"), args.add(r.To, "timestamptz")
	isNext := fmt.Sprintf(`(%[3]s = '' or
				(`+publishedAt+`, p.social_account_id, p.external_id collate "C")
				< (coalesce(%[1]s, '-infinity'), %[2]s, %[3]s collate "C"))`, // after the previous page
		args.add(last.Published, "timestamptz"), args.add(last.Social, "bigint"), args.add(last.External, "text"))
	isRead := `exists (
					select from post_readings r
					where r.post = p.post and r.counted and r.captured_at >= ` + from + " and r.captured_at < " + to + `
					  and ` + ofOwners("$4::bigint") + ")"
	arms := []string{p.publishedEarlier(to) + isNext, p.publishedLater(to, isNext+" and "+isRead)}
	if p.isNarrowed() {
		arms = append(arms, p.readElsewhere()+isNext+" and "+isRead)
	}
	page := newestFirst + `
				limit ` + args.add(limit+1, "bigint")
	posts, err := p.queryPosts(ctx, `
		select p.*, `+categoryOfPost+` as category
		from (
			with k as (`+p.readInWeeks(args.add(r.From.Truncate(aWeek), "timestamptz"), to)+`)
			select * from (
				(`+strings.Join(arms, page+`)
				union all
				(`)+page+`)) p`+page+`) page
		join tSPosts p on p.social_account_id = page.social_account_id and p.external_id = page.external_id
			and p.parent_account = $1`+newestFirst, args)
	if err != nil {
		return nil, err
	}
	posts, p.cursor, err = readmodels.CutPage(posts, limit, scope, func(post listedPost) postKey {
		return postKey{post.PublishedAt, post.SocialAccount, post.ExternalID}
	})
	return posts, err
}

const keyOfPost = "p.social_account_id, p.external_id, p.published_at"

// publishedEarlier selects the posts published before the end of the range or at an unknown time,
// which are one range of the index. A condition follows.
func (p postQuery) publishedEarlier(to string) string {
	return `
				select ` + keyOfPost + ` from tSPosts p
				where ` + p.postsOfScope() + " and " + p.ofMember("p.member_id") + `
				  and ` + publishedAt + " < " + to + " and "
}

// publishedLater selects the posts with a publication time at or after the end of the range that
// were nevertheless read in the range: clocks differ and plans change. Most posts of an agency can
// be newer than the range, so only posts with readings in its weeks (k) are looked up, and none if
// nothing was published after the range.
func (p postQuery) publishedLater(to, condition string) string {
	return `
				select p.* from k
				cross join lateral (
					select ` + keyOfPost + ` from tSPosts p
					where p.post = k.post and ` + p.postsOfScope() + " and " + p.ofMember("p.member_id") + `
					  and ` + publishedAt + " >= " + to + " and " + condition + `
					offset 0) p
				where exists (select from tSPosts p where p.parent_account = $1 and ` + publishedAt + " >= " + to + ")"
}

// readInWeeks selects the posts that were read in the weeks of the range while they belonged to the
// scope's accounts and to the member. Few of them were read only outside the range.
func (p postQuery) readInWeeks(from, to string) string {
	return `
				select distinct w.post from (` + p.ownersInScope() + `) o
				cross join lateral (
					select post from post_weeks where owner = o.id and begins >= ` + from + " and begins < " + to + " offset 0) w"
}

// readElsewhere selects the posts that were read in the range while they belonged to the scope's
// accounts and to the member, but are registered under another account or member, because the
// totals include their gains. The posts come from k. Each needs one lookup of its registration, and
// the few that remain need one lookup of their readings. A condition follows.
func (p postQuery) readElsewhere() string {
	return `
				select ` + keyOfPost + ` from k
				cross join lateral (
					select * from tSPosts p
					where p.post = k.post
					offset 0) p
				where not (` + p.withinAccounts("p.account_id") + " and " + p.ofMember("p.member_id") + `)
				  and ` + p.matchesHere() + " and "
}

// queryPosts reads the posts that a query from tSPosts p selects, in that query's order. The
// category is its last column. Its arguments begin as [postQuery.arguments].
func (p postQuery) queryPosts(ctx context.Context, selected string, args arguments) ([]listedPost, error) {
	from, to := args.add(p.query.Range.From, "timestamptz"), args.add(p.query.Range.To, "timestamptz")
	const member = "$4::bigint"
	gains := p.gainsOfPost(member, &args)
	posts, err := pg.List(ctx, p.tx, "read posts", p.scanPost, `
		select p.p_id, p.social_account_id, p.external_id, p.account_id, p.member_id, p.published_at, p.category,
		       p.post_type, t.content, t.media_url, t.permalink,
		       f.several, f.first_at, f.previous_at, f.from_zero,
		       e.captured_at, coalesce(e.account_id, ''), coalesce(e.member_id, 0), `+figureColumns("e")+`, g.*
		from (select s.*, row_number() over () as place from (`+selected+`) s) p`+textsOfPost+`
		left join lateral `+readingBefore(to)+` e on true
		cross join lateral (
			select count(*) > 1 as several, min(captured_at) as first_at,
			       (array_agg(previous_at order by captured_at))[1] as previous_at,
			       coalesce((array_agg(from_zero and not moved order by captured_at))[1], false) as from_zero
			from (
				select captured_at, previous_at, from_zero, moved from post_readings r
				where r.post = p.post and r.counted and r.captured_at >= `+from+` and r.captured_at < `+to+`
				  and `+ofOwners(member)+`
				order by r.captured_at limit 2) r) f
		cross join lateral `+gains+` g
		order by p.place`, args...)
	for _, post := range posts {
		p.noteCapture(post.counts.CapturedAt)
	}
	return posts, err
}
