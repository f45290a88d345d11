package projections_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// heldScan is a log whose scans wait at a gate: whoever scans knows where the log ended, and has read nothing.
type heldScan struct {
	*eventlog.Log
	gate *gate
}

func (l heldScan) Scan(ctx context.Context, c eventlog.ScanConfig) error {
	l.gate.first()
	<-l.gate.opened // every partition
	return l.Log.Scan(ctx, c)
}

// An operator skips while a rebuild is under way: before it reads the log the skip is folded in bulk, after that by
// following. Either way the new tables are those that live projection made, and readers are switched to them.
func TestSkipWhileARebuildFolds(t *testing.T) {
	t.Parallel()
	for name, during := range map[string]bool{"in the bulk": false, "behind the bulk": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := live{bench: setup(t)}
			l.chain = l.bench.chain(agencyA)
			g := newGate()
			defer g.open()
			p := projectors.Dashboards{Partitions: dashboards.Partitions}
			l.engine = l.bench.engine(p, func(c *projections.Config) {
				c.Log = heldScan{l.log, g}
			})
			l.start(l.engine)
			l.set("u1")
			bad := l.put(l.spoilt(`{`))
			second := l.put(l.spoilt(`[`))
			l.set("u3")
			if !during {
				l.put(l.next(skip(bad)))
			}
			request := asked(p.Name())
			request.Version = p.Version()
			r, err := l.askFor(request)
			require.NoError(t, err)
			<-g.reached
			if during {
				l.put(l.next(skip(bad)))
			}
			l.put(l.next(skip(second)))
			const usersIn = "select count(*) from lb_dashboards_g%d.dashboard_preferences where users = '{%s}'"
			require.Equal(t, 1, l.count(fmt.Sprintf(usersIn, 1, "u3")), "live projection goes on")
			g.open()
			l.ends(r.ID, operator.RebuildDone)
			require.Equal(t, 2, l.caughtUp(l.engine).Generation)
			l.sameTables(p, 1, 2)
			for _, generation := range []int{1, 2} {
				require.Equal(t, 2, l.count("select count(*) from parked where generation = $1 and state = 'skipped'", generation))
				require.Zero(t, l.count("select count(*) from parked where generation = $1 and state <> 'skipped'", generation))
			}
			l.set("u4")
			require.Equal(t, 1, l.count(fmt.Sprintf(usersIn, 2, "u4")))
		})
	}
}
