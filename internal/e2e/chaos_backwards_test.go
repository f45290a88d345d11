//go:build e2e

package e2e_test

import (
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChaosTablesNeverGoBack is the smallest form of a fault that TestChaos found: PostgreSQL, killed
// together with the program, forgot a change that a client had been told of. Until that was folded
// again, the restarted program decided by tables from before it: it took an unlink for one that changes
// nothing, and answered 200 without a record. What was acknowledged is what the next decision sees.
func TestChaosTablesNeverGoBack(t *testing.T) {
	dir := t.TempDir()
	p := startDemo(t, dir)
	token, one, other := p.info.Tokens["agency"], p.info.IDs.SubAccounts[5], p.info.IDs.SubAccounts[6]
	const unlink = `{"unlink":true,"sub_account_ids":[]}`
	version := func(r response) int64 {
		n, err := strconv.ParseInt(strings.Trim(r.ok(t, http.StatusOK).header.Get("ETag"), `"`), 10, 64)
		require.NoError(t, err)
		return n
	}
	version(p.put(token, dashboardPath(one), unlink))
	for range 5 {
		linked := version(p.put(token, dashboardPath(one), `{"sub_account_ids":["`+other+`"]}`))
		for _, pid := range append(processesIn(dir), p.cmd.Process.Pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		p.exitWithin(stopWithin)
		p = launchDemo(t, dir)
		var answer response
		p.await(readyWithin, "an answer to the unlink", func() bool {
			answer = p.put(token, dashboardPath(one), unlink)
			return answer.err == nil && answer.status != http.StatusServiceUnavailable
		})
		require.Greater(t, version(answer), linked, "the unlink that follows the link was acknowledged by tables that do not know the link")
	}
}
