//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What was asked before a stop is answered; a second signal cuts it. A lock keeps a change under way.
func TestGracefulStop(t *testing.T) {
	k, _ := startApart(t)
	owner := k.api
	dashboard := owner.info.IDs.SubAccounts[0]
	everybody := owner.listed(dashboard)
	listener := everybody[0]
	serve := func() (p *program) {
		// Who is asked is not cut, however long this machine takes.
		p = owner.beside(t.TempDir(), programPath, "api", map[string]string{"STOP_WITHIN": "1h"})
		p.await(patience, "another process that answers", func() bool { return p.get("", "/readyz").status == http.StatusOK })
		return p
	}
	asks := func(p *program) (asked time.Time, release func(), answered chan response) {
		held, err := owner.database().Begin(context.Background())
		require.NoError(t, err)
		_, err = held.Exec(context.Background(), "select from lb_engine.checkpoints where projection = 'dashboards' for update")
		require.NoError(t, err)
		asked, answered = time.Now(), make(chan response, 1)
		go func() {
			answered <- p.put(owner.info.Tokens["agency"], dashboardPath(dashboard), `{"users":["`+strings.Join(ids(everybody[1:]), `","`)+`"]}`)
		}()
		k.until("the fold at the lock", `select exists (
			select from pg_stat_activity where application_name like 'ledgerboard dashboards.g%' and wait_event_type = 'Lock')`)
		return asked, func() { require.NoError(t, held.Rollback(context.Background())) }, answered
	}

	p := serve()
	stream := listenEventSource(t, "a stream", p.base, listener.ID, owner.clientToken(listener))
	asked, release, answered := asks(p)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.awaitStopping()
	stream.away(1)
	release()
	answer := <-answered
	require.NoError(t, answer.err)
	if time.Since(asked) < changeWithin { // else it may be told that the outcome is open, as without a stop
		answer.ok(t, http.StatusOK)
	}
	require.Zero(t, p.exitWithin(stopWithin), p.tails())

	for tries := 1; ; tries++ { // a machine may be so slow that the change has its answer before the second signal
		require.LessOrEqual(t, tries, 10)
		owner.update(dashboard, map[string]any{"users": ids(everybody)})
		p = serve()
		asked, release, answered = asks(p)
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		p.awaitStopping()
		if time.Since(asked) >= changeWithin/2 {
			release()
			require.Zero(t, p.exitWithin(stopWithin), p.tails())
			<-answered
			continue
		}
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
		require.Equal(t, 131, p.exitWithin(stopWithin), p.tails())
		require.Error(t, (<-answered).err, "it was cut")
		release()
		return
	}
}

const changeWithin = 10 * time.Second

// awaitStopping waits until the process says that it stops, and /readyz answers 503 or nothing.
func (p *program) awaitStopping() {
	p.await(patience, "its word that it stops", func() bool { return strings.Contains(p.output.String(), "msg=stopping") })
	p.await(patience, "/readyz to say that it stops", func() bool {
		ready := p.get("", "/readyz")
		return errors.Is(ready.err, syscall.ECONNREFUSED) ||
			ready.status == http.StatusServiceUnavailable && strings.Contains(string(ready.body), "stopping")
	})
}
