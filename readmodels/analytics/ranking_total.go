package analytics

// counted is the CTE "stepped": the last reading before the end of a range, of each post that was published in it, under the
// accounts and the member of the query. Parameters: $1 parent account, $2 accounts, $3 platforms, $4 member, $5 category,
// $6 to, $7 from, $8 the UTC day of to.
func (qc *queryContext) counted(of Range) (sql string, args arguments) {
	sql = `
		with stepped as materialized (
			select p.social_account_id, p.external_id, p.account_id, p.published_at as published, p.member_id,
			       e.likes, e.comments, e.shares, e.views, (coalesce(e.likes, 0) + coalesce(e.comments, 0) + coalesce(e.shares, 0))::bigint as engagement
			from (
				select * from tSPosts p
				where ` + qc.postsOfScope() + " and " + publishedByThen + " and " + publishedAt + " >= $7 and " + qc.ofMember("p.member_id") + `
				offset 0) p
			cross join lateral ` + readingAt("$6::timestamptz", "$8::timestamptz") + ` e
			where num_nonnulls(e.likes, e.comments, e.shares) > 0
		)`
	return sql, arguments{
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, qc.query.Category, of.To, of.From, startOfUTCDay(of.To),
	}
}
