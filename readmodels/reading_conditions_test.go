package readmodels_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// With LEDGERBOARD_SUBSCRIPTIONS=none, an account without a subscription is read and may be
// connected; otherwise not.
func TestSubscriptionsAreRequiredOrNot(t *testing.T) {
	t.Parallel()
	log, _ := entityStage(t)
	putConnected(t, log, 1, domain.Facebook)
	queue := domain.FetchQueue{Platform: domain.Facebook, Kind: domain.FetchAccounts}
	for value, none := range map[string]bool{"": false, "required": false, readmodels.SubscriptionsNone: true} {
		config := pg.Config{URL: log.DB.URL, SearchPath: tables.Views(), Name: "subscriptions " + value, ReadOnly: true, MaxConns: 2}
		if value != "" {
			config.Params = map[string]string{readmodels.SubscriptionsParam: value}
		}
		pool, err := pg.Open(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(pool.Close)

		names, err := readmodels.Connecting{Pool: pool}.ActiveNames(t.Context(), agencyA, clientA, entityDay)
		require.NoError(t, err)
		require.Equal(t, none, names.Subscribed, value)
		due, err := readmodels.Connections{Pool: pool}.Due(t.Context(), queue, entityDay)
		require.NoError(t, err)
		require.Equal(t, none, len(due) == 1, value)
		counts, err := readmodels.Connections{Pool: pool}.Counts(t.Context(), queue, entityDay)
		require.NoError(t, err)
		require.Equal(t, none, counts[domain.AccountType(0)] == 1, value)
		task, err := readmodels.Connections{Pool: pool}.Task(t.Context(), queue, 1, entityDay.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, none, task.SubscriptionActive, "%q: what is read says so too", value)
	}
}
