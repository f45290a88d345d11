//go:build e2e

package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that folds and freezes within a batch stops no dashboard: another one takes over and a PUT that waits is
// answered; until then the process that answers does not say that all is well. The lock of a checkpoint, which the test
// holds, brings the process to its place.
func TestFrozenProjectorStopsNoDashboard(t *testing.T) {
	k, _ := startApart(t)
	dashboard := k.api.info.IDs.SubAccounts[0]
	everybody := ids(k.api.listed(dashboard))
	held, err := k.api.database().Begin(context.Background())
	require.NoError(t, err)
	_, err = held.Exec(context.Background(), "select from lb_engine.checkpoints where projection = 'dashboards' for update")
	require.NoError(t, err)
	body := `{"users":["` + strings.Join(everybody[1:], `","`) + `"]}`
	put := func() response {
		return k.api.put(k.api.info.Tokens["agency"], dashboardPath(dashboard), body, "Idempotency-Key", "frozen")
	}
	first := make(chan response, 1)
	go func() { first <- put() }()
	inFold := `select exists (select from pg_stat_activity where application_name like 'ledgerboard dashboards.g%' and `
	k.until("the fold at the lock", inFold+"wait_event_type = 'Lock')")
	frozen := k.runner
	require.NoError(t, frozen.cmd.Process.Signal(syscall.SIGSTOP))
	require.NoError(t, held.Rollback(context.Background()))
	k.until("the fold within its transaction", inFold+"state = 'idle in transaction')")
	k.api.await(patience, "the process that answers to say what is wrong", func() bool {
		ready := k.api.get("", "/readyz")
		return ready.status == http.StatusOK && strings.Contains(string(ready.body), `"status":"degraded"`)
	})

	k.runner = k.serve()
	k.api.await(patience, "the PUT to be answered", func() bool { return put().status == http.StatusOK })
	require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, (<-first).status, "it says what it knows")
	require.NoError(t, frozen.cmd.Process.Signal(syscall.SIGCONT))
	k.runner.Stop()
	k.runner = frozen
	k.api.await(patience, "the one that was frozen to fold", func() bool {
		answer := k.api.put(k.api.info.Tokens["agency"], dashboardPath(dashboard), `{"users":["`+strings.Join(everybody, `","`)+`"]}`)
		return answer.status == http.StatusOK
	})
	require.Equal(t, done, command(t, k.api.variables(), "verify", "--tables").code)
	k.runner.Stop()
}
