package history

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// change is one or more changes to a dashboard, or a skip, without names.
type change struct {
	Record // the last of them
	found

	before, after *domain.Dashboard // nil if it did not exist, and for a skip
	skip          *domain.EventSkipped
}

// found identifies a [change] by a row of dashboard_history.
type found struct {
	last      int64  // version of the last of the changes
	dashboard string // "" for a skip
	since     int64  // version before the first of the changes
	records   int64
	size      int64 // number of ids in the state
}

func scanFound(row pgx.CollectableRow) (f found, err error) {
	return f, row.Scan(&f.last, &f.dashboard, &f.since, &f.records, &f.size)
}

// readChanges returns changes with the names in them.
func readChanges(ctx context.Context, tx pgx.Tx, parent string, all []found) (changes []change, n names, err error) {
	n = newNames()
	var dashboards []string
	var lasts, since []int64
	of := map[string][]int{} // indexes of the changes of a dashboard
	for i, f := range all {
		dashboards, lasts, since = append(dashboards, f.dashboard), append(lasts, f.last), append(since, f.since)
		of[f.dashboard] = append(of[f.dashboard], i)
	}
	scan := func(row pgx.CollectableRow) (c change, err error) {
		c.Record, err = scanRecord(row, &c.skip, &c.before, &c.after)
		return c, err
	}
	changes, err = pg.List(ctx, tx, "read changes of dashboards", scan, `
		select `+recordColumns+`, h.skip, `+readmodels.DashboardAt("$1", "k.dashboard", "k.since")+`,
		       `+readmodels.DashboardAt("$1", "k.dashboard", "k.last")+`
		from unnest($2::text[], $3::bigint[], $4::bigint[]) with ordinality as k(dashboard, last, since, n)
		join dashboard_history h on h.parent_account = $1 and h.sub_account_id = k.dashboard and h.version = k.last
		order by k.n`, parent, dashboards, lasts, since)
	if err != nil {
		return nil, n, err
	}
	for i := range changes {
		c := &changes[i]
		c.found = all[i]
		n.mentionDashboards(c.before, c.after)
	}
	// One pass over the users of a dashboard for all of its changes: lists can be long.
	rows, _ := tx.Query(ctx, `
		select k.dashboard, l.user_id, l.from_version, l.to_version
		from (select dashboard, min(since) as since, max(last) as last
		      from unnest($2::text[], $3::bigint[], $4::bigint[]) as k(dashboard, last, since) group by dashboard) k
		join dashboard_listed l on l.parent_account = $1 and l.sub_account_id = k.dashboard
		  and l.from_version <= k.last and l.to_version > k.since
		order by l.user_id`, parent, dashboards, lasts, since)
	var dashboard, user string
	var from, to int64
	_, err = pgx.ForEachRow(rows, []any{&dashboard, &user, &from, &to}, func() error {
		n.mention([]string{user}, nil)
		for _, i := range of[dashboard] {
			c := &changes[i]
			if from <= c.since && to > c.since {
				c.before.Users = append(c.before.Users, user)
			}
			if from <= c.last && to > c.last {
				c.after.Users = append(c.after.Users, user)
			}
		}
		return nil
	})
	if err != nil {
		return nil, n, pg.Wrap("read users of dashboards", err)
	}
	return changes, n, n.read(ctx, tx, parent)
}
