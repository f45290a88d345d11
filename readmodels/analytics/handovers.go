package analytics

import (
	"context"
	"slices"
	"sort"
	"time"
)

func (qc *queryContext) isNarrowed() bool { return qc.scope.Accounts != nil || qc.query.Member != 0 }

func (qc *queryContext) dependsOnOwners() bool { return qc.isNarrowed() || qc.byAccount }

func (qc *queryContext) sees(o owner) bool {
	return (qc.scope.Accounts == nil || slices.Contains(qc.scope.Accounts, o.account)) &&
		(qc.query.Member == 0 || o.member == qc.query.Member)
}

type ownerSince struct {
	owner
	from time.Time
}

// readDayOwners finds the owner of an account at the end of each day, for accounts with several
// owners and day flows: the owner at the last reading before that moment, otherwise at the first
// reading. Backfilled readings are ignored unless there are no others, because they contain days of
// earlier owners.
func (qc *queryContext) readDayOwners(ctx context.Context, series []*metricSeries) error {
	var socials []int64
	for _, s := range series {
		if len(s.flows.samples) > 0 {
			socials = append(socials, s.social)
		}
	}
	if len(socials) == 0 {
		return nil
	}
	reading := func(where string) string {
		return `(select captured_at, account_id, member_id from tSAccountIns i
			where i.social_account_id = p.social and i.parent_account = $2 and i.backfilled = p.untracked
			  and ` + where + `)`
	}
	span := qc.figureSpan()
	rows, _ := qc.tx.Query(ctx, `
		select p.social, r.captured_at, r.account_id, r.member_id
		from (
			select social_account_id as social, bool_and(tracked_since is null) as untracked from account_newest
			where social_account_id = any($1) and parent_account = $2 group by 1 having count(*) > 1) p
		cross join lateral (`+reading("captured_at >= $3 and captured_at < $4")+`
			union all `+reading("captured_at < $3 order by captured_at desc limit 1")+`
			union all `+reading("captured_at >= $4 order by captured_at limit 1")+`) r
		order by 1, 2`, socials, qc.scope.ParentAccount, span.first.utc(), span.end.utc())
	owners := map[int64][]ownerSince{}
	var social int64
	var o ownerSince
	err := forEach(rows, "read owners of accounts", []any{&social, &o.from, &o.account, &o.member}, func() {
		if list := owners[social]; len(list) == 0 || list[len(list)-1].owner != o.owner {
			owners[social] = append(list, o)
		}
	})
	for _, s := range series {
		s.dayOwners = owners[s.social]
	}
	return err
}

// ownerBefore returns the owner of an account before an instant, otherwise the first owner.
func (s *metricSeries) ownerBefore(at time.Time) owner {
	i := sort.Search(len(s.dayOwners), func(i int) bool { return !s.dayOwners[i].from.Before(at) })
	return s.dayOwners[max(0, i-1)].owner
}

// flowDays returns the day flows of the days whose owners match.
func (qc *queryContext) flowDays(s *metricSeries, match func(owner) bool) byDay {
	if len(s.dayOwners) == 0 { // the response does not depend on owners
		return s.flows
	}
	owned := byDay{s.flows.first, make([]*sample, len(s.flows.samples))}
	for i, p := range s.flows.samples {
		if p == nil {
			continue
		}
		if dayOwner := s.ownerBefore((p.day + 1).utc()); match(dayOwner) {
			owned.samples[i] = p
			qc.noteAccount(s.social, dayOwner.account, s.platform, p.at)
		}
	}
	return owned
}
