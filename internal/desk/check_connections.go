package desk

import (
	"context"
	"slices"
	"strconv"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

var errChecksNothing = domain.NewError(domain.CodeConflict, "This process does not reach the platforms: it has no LEDGERBOARD_SECRETS_KEY. "+
	"Ask one that has, or use 'ledgerboard connections check'.")

// CheckConnections asks the platforms about the accounts of connections, of all without ids, one after the other: whose the token is, what
// it may do, until when. Quotas count. What is known then comes back; problem says what is wrong, or was not asked.
func (d *Looks) CheckConnections(
	ctx context.Context, collector *collect.Collector, ids []int64, problem func(error) string,
) (checked []readmodels.CheckedConnection, err error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return nil, err
	}
	query := readmodels.ReadingsQuery{Connections: ids}
	before, err := d.Connections(ctx, query)
	if err != nil {
		return nil, err
	}
	for _, r := range before {
		one := readmodels.CheckedConnection{ConnectionReading: r}
		at := slices.IndexFunc(domain.Platforms(), func(p domain.Platform) bool { return p.String() == r.PlatformName })
		owner, err := collector.Check(ctx, readmodels.Connections{Pool: tables}, domain.Platforms()[at], r.SocialAccount)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		one.OwnerID, one.OwnerName = owner.ID, owner.Name
		if err != nil {
			one.Problem = domain.OptionalText(problem(err))
		}
		checked = append(checked, one)
	}
	after, err := d.Connections(ctx, query) // with what was said
	for i := range checked {
		for _, r := range after {
			if r.SocialAccount == checked[i].SocialAccount && r.PlatformName == checked[i].PlatformName {
				checked[i].ConnectionReading = r
			}
		}
	}
	return checked, err
}

// CheckConnection asks the platform about the accounts of one connection. Whose the token is, the names of persons' own profiles, and the
// platform's own words are left out: they may be about persons.
func (d *Desk) CheckConnection(ctx context.Context, c commands.Caller, id int64, reason domain.Reason) (checked []readmodels.CheckedConnection, err error) {
	on, err := d.connection(ctx, strconv.FormatInt(id, 10))
	if err != nil {
		return nil, err
	}
	if d.collector == nil {
		return nil, errChecksNothing
	}
	err = d.act(ctx, c, domain.ActionConnectionChecked, on, reason, simply(func(ctx context.Context) error {
		checked, err = d.CheckConnections(ctx, d.collector, []int64{id}, collect.Problem)
		return err
	}))
	for i := range checked {
		checked[i].HidePerson()
		checked[i].OwnerID, checked[i].OwnerName = "", ""
	}
	return checked, err
}
