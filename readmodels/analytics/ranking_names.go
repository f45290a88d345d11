package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
)

// names are what rankings show beside ids; "" where the directory does not know one any more.
type names struct {
	accounts   map[string]domain.OptionalText
	members    map[int64]named
	pages      map[int64]domain.OptionalText
	categories map[int64]domain.OptionalText
}

type named struct{ name, image domain.OptionalText }

// readNames reads the names of everything that a ranking shows, and how many of the scope's pages were first read here
// within the range. A page or a member that has left the scope has no name: who has it now is not this tenant's business.
func (qc *queryContext) readNames(ctx context.Context, posts []RankedPost, members []RankedMember) (n names, young int, err error) {
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
		select 2, m.id, '', m.name, coalesce(u.image, ''), false
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
