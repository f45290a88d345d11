package analytics

import (
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// plannedID stands in the id of a planned post where a published one has the platform's id.
const plannedID = "planned:"

// planOf is the number of the plan that an activity's id names.
func planOf(external string) (plan int64, ok bool) {
	number, planned := strings.CutPrefix(external, plannedID)
	plan, err := strconv.ParseInt(number, 10, 64)
	return plan, planned && err == nil && plan > 0 && strconv.FormatInt(plan, 10) == number
}

type plannedKey struct {
	At *time.Time `json:"t"`
	ID int64      `json:"i"`
}

// plannedSQL selects what the planner holds of pages that the plan's client has now. A plan of another agency's page, or of
// another client's, is a claim that nobody has to believe.
const plannedSQL = `
	select s.p_id, s.id, p.account_id, s.member_id, m.user_id, nullif(p.c_id, 0), c.name, p.scheduled_at, p.id
	from tSAccounts s
	join tContentPlanner p on p.social_account_id = s.id and p.external_id = '' and p.account_id = s.account_id and p.scheduled_at is not null
	left join members m on m.id = s.member_id
	left join tDefaultCategories c on c.id = p.c_id
	where s.parent_account = $1 and ($2::text[] is null or s.account_id = any($2)) and s.p_id = any($3)
	  and ($4::bigint = 0 or s.member_id = $4) and ($5::bigint = 0 or s.id = $5) and ($6::bigint = 0 or p.c_id = $6) and $7 = ''
	  and ($8::timestamptz is null or p.scheduled_at >= $8) and ($9::timestamptz is null or p.scheduled_at < $9)
	  and ($10::bigint = 0 or p.id = $10)
	  and ($11::timestamptz is null or (p.scheduled_at, p.id) > ($11, $12::bigint))
	order by p.scheduled_at, p.id limit $13`

// planned lists the posts that the content planner holds as scheduled, the next one first; plan picks one. A plan has no type,
// so that asking for one finds none.
func (*Analytics) planned(scope readmodels.Scope, q ActivitiesQuery, plan int64) readmodels.PageQuery[PostActivity, plannedKey] {
	page := q.Page
	q.Page = readmodels.Page{}
	return readmodels.PageQuery[PostActivity, plannedKey]{
		List: "planned posts", Scope: scope, Page: page, Filters: q,
		Select: func(after plannedKey, limit int) (string, []any) {
			return plannedSQL, []any{
				scope.ParentAccount, scope.Accounts, readmodels.PlatformIDs(q.Platforms), q.Member, q.Social, q.Category, q.Type,
				q.From, q.To, plan, after.At, after.ID, limit,
			}
		},
		Scan: func(row pgx.CollectableRow) (a PostActivity, err error) {
			var id int64
			err = row.Scan(&a.Platform, &a.SocialAccount, &a.AccountID, &a.MemberID, &a.UserID, &a.Category, &a.CategoryName, &a.ScheduledAt, &id)
			a.PlatformRef, a.State = readmodels.PlatformRefOf(a.Platform), ActivityScheduled
			a.ID = domain.PostID(a.SocialAccount, plannedID+strconv.FormatInt(id, 10))
			return a, err
		},
		Key: func(a PostActivity) plannedKey {
			_, external, _ := domain.SplitPostID(a.ID)
			id, _ := planOf(external)
			return plannedKey{a.ScheduledAt, id}
		},
	}
}
