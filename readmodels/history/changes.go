package history

import (
	"cmp"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// change is one or more changes to a dashboard, or a skip, without names.
type change struct {
	Record // the last of them

	dashboard     string // "" for a skip
	records       int64
	before, after *domain.Dashboard // nil if it did not exist, and for a skip
	skip          *domain.EventSkipped
}

// statement selects rows of dashboard_history, each the last change of a [change]. It adds the
// columns since (the version before the first change), records and size (the number of ids in a
// state).
type statement struct {
	sql   string
	args  pgx.NamedArgs
	order string
}

// eachChange begins a statement for which each row is a change of its own.
const eachChange = `
	select *, version - 1 as since, 1 as records, users_count + cardinality(sub_account_ids) as size
	from dashboard_history`

// readChanges returns the first of the found changes, at least one and at most limit and as many as
// fit into [History].PageIDs, with their names, and whether there are more.
func readChanges(
	ctx context.Context, tx pgx.Tx, found statement, limit int, pageIDs int64,
) (changes []change, n names, more bool, err error) {
	found.args["ids"] = cmp.Or(pageIDs, 150_000)
	var all int
	scan := func(row pgx.CollectableRow) (c change, err error) {
		var listedBefore, listedAfter []string
		c.Record, err = scanRecord(row, &c.dashboard, &c.records, &c.skip, &c.before, &c.after, &listedBefore, &listedAfter, &all)
		if c.before != nil {
			c.before.Users = listedBefore
		}
		if c.after != nil {
			c.after.Users = listedAfter
		}
		return c, err
	}
	listedAt := func(version string) string {
		return fmt.Sprintf("array_agg(user_id order by user_id) "+
			"filter (where from_version <= %[1]s and to_version > %[1]s)", version)
	}
	changes, err = pg.List(ctx, tx, "read changes of dashboards", scan, `
		select `+recordColumns+`, h.sub_account_id, h.records, h.skip,
		       `+readmodels.DashboardAt("@parent", "h.sub_account_id", "h.since")+`,
		       `+readmodels.DashboardAt("@parent", "h.sub_account_id", "h.version")+`, l.before, l.after, h.found
		from (
			select *, count(*) over () as found, sum(1 + size) over (
				order by `+found.order+` rows between unbounded preceding and 1 preceding) as ids
			from (`+found.sql+`) f) h
		cross join lateral (
			select `+listedAt("h.since")+` as before, `+listedAt("h.version")+` as after from dashboard_listed
			where parent_account = @parent and sub_account_id = h.sub_account_id
			  and from_version <= h.version and to_version > h.since) l
		where ids is null or ids < @ids
		order by `+found.order, found.args)
	if more = all > len(changes) || len(changes) > limit; more {
		changes = changes[:min(len(changes), limit)]
	}
	n = newNames()
	for _, c := range changes {
		n.mentionDashboards(c.before, c.after)
	}
	if err == nil {
		parent, _ := found.args["parent"].(string)
		err = n.read(ctx, tx, parent)
	}
	return changes, n, more, err
}
