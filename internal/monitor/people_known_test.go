package monitor_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// If records of the directory wait for more than a minute, it is unknown who has left, even while
// the fold advances.
func TestEndedAccessIsUnknownWhileDirectoryLags(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		// at sets the state of the directory at a second.
		at func(p *operator.Partition, second int64)
		// the seconds between which it is unknown; 0, 0: never
		from, until int64
	}{
		"no records":          {func(*operator.Partition, int64) {}, 0, 0},
		"folded at once":      {func(p *operator.Partition, s int64) { p.NextOffset, p.EndOffset = 10+s, 10+s }, 0, 0},
		"half a minute late":  {func(p *operator.Partition, s int64) { p.NextOffset, p.EndOffset = 10+max(0, s-30), 10+s }, 0, 0},
		"late, but advancing": {func(p *operator.Partition, s int64) { p.NextOffset, p.EndOffset = 10+s/2, 10+s }, 123, 400},
		"one that waits": {func(p *operator.Partition, s int64) {
			p.EndOffset = 11
			if s >= 100 {
				p.NextOffset = 11
			}
		}, 61, 100},
		"not followed": {func(p *operator.Partition, s int64) {
			p.Stopped = ""
			if s >= 10 && s < 200 {
				p.Stopped = "another log"
			}
		}, 71, 200},
	} {
		synctest.Test(t, func(t *testing.T) {
			model := liveModel("directory", 10, 10)
			m := monitor.New([]*fakeModel{liveModel("dashboards", 0, 500), model}, quietly)
			for second := range int64(400) {
				test.at(&model.status.Partitions[0], second)
				model.status.Paused = second%2 == 0
				m.Check(t.Context())
				err := m.PeopleKnown()
				if test.from <= second && second < test.until {
					require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "%s, second %d", name, second)
					require.ErrorContains(t, err, "it is not known who has left")
					require.Equal(t, model.status.Paused, strings.Contains(err.Error(), "Until an operator resumes"))
				} else {
					require.NoError(t, err, "%s, second %d", name, second)
				}
				time.Sleep(time.Second)
			}
		})
	}
}

// While the brokers are down no one can be withdrawn, and the known state stays valid.
func TestEndedAccessStaysKnownDuringBrokerOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("directory", 10, 10)
		m := monitor.New([]*fakeModel{model}, quietly)
		m.Check(t.Context())
		model.err = projections.ErrNoLog
		time.Sleep(time.Hour)
		m.Check(t.Context())
		require.NoError(t, m.PeopleKnown())
	})
}
