package readmodels_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// timedLog is a log whose appends, which fold the record, are all that a benchmark measures.
type timedLog struct {
	*ledgertest.Log

	b *testing.B
}

func (l timedLog) Append(ctx context.Context, d domain.Draft) error {
	l.b.StartTimer()
	defer l.b.StopTimer()
	return l.Log.Append(ctx, d)
}

// BenchmarkScopesOf200Boards measures the fold of a change to the scopes of 200 linked dashboards
// with 500 users each.
func BenchmarkScopesOf200Boards(b *testing.B) {
	log := ledgertest.New(b)
	accounts, users := make([]string, 200), make([]string, 500)
	log.Put(b, domain.DirectoryAccount{ID: agencyA, RowID: 1, Name: "Agency A", Active: true})
	for i := range accounts {
		accounts[i] = fmt.Sprintf("c%023x", i)
		log.Put(b, domain.DirectoryAccount{ID: accounts[i], RowID: int64(100 + i), ParentAccount: agencyA, Name: "Client", Active: true})
	}
	for i := range users {
		users[i] = fmt.Sprintf("d%023x", i)
		log.Put(b, domain.DirectoryUser{ID: users[i], AccountID: accounts[i%len(accounts)], Name: "User", Active: true})
	}
	p := &past{Log: log, now: historyBegin}
	updates := log.Dashboards(b, p.tick)
	change := func(c domain.UpdateDashboard) {
		c.Primary = accounts[0]
		_, err := updates.Update(context.Background(), commands.UpdateDashboard{Caller: p.caller(agencyA, stella), Change: c})
		require.NoError(b, err)
	}
	change(domain.UpdateDashboard{SubAccountIDs: &accounts, Users: &users})
	updates.Log = timedLog{log, b}
	b.ResetTimer()
	b.StopTimer()
	for i := range b.N {
		change(domain.UpdateDashboard{Scopes: &[]string{fmt.Sprintf("scope%d", i)}})
	}
}
