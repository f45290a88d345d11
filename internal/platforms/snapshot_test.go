package platforms_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// A metric of posts without a place among the counts would end a fetcher at a nil pointer. Each count of the event has one, and each metric of
// the clients' tables; what a client puts by name, the contract test reads.
func TestEveryMetricOfPostsHasAPlace(t *testing.T) {
	t.Parallel()
	counts := reflect.TypeFor[domain.Counts]()
	for i := range counts.NumField() {
		name, _, _ := strings.Cut(counts.Field(i).Tag.Get("json"), ",")
		put, placed := platforms.PutMetric(name)
		require.True(t, placed, "domain.Counts has %s, and a reading of a post has no place for it: add it to PostSnapshot.place", name)
		require.False(t, reflect.ValueOf(put).Field(i).IsNil(), "PostSnapshot.place puts %s among another metric's counts", name)
	}
	tabled := platforms.TabledMetrics()
	require.Len(t, tabled, 3)
	for client, metrics := range tabled {
		for _, metric := range metrics {
			_, placed := platforms.PutMetric(metric)
			require.True(t, placed, "%s reads %s of posts, which is no count: add it to domain.Counts and PostSnapshot.place, or leave it out", client, metric)
		}
	}
}
