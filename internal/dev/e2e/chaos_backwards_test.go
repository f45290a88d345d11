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

// TestChaosTablesNeverGoBack is the smallest form of a fault that TestChaos found: PostgreSQL crashed and
// forgot a change that a client had been told of. Until that was folded again, the program decided by
// tables from before it: it took an unlink for one that changes nothing, and answered 200 without a
// record. What was acknowledged is what the next decision sees.
func TestChaosTablesNeverGoBack(t *testing.T) {
	crashes := map[string]func(t *testing.T, p *program) *program{
		"all of it is killed": func(t *testing.T, p *program) *program {
			for _, pid := range append(processesIn(p.dir), p.cmd.Process.Pid) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			p.exitWithin(stopWithin)
			return launchDemo(t, p.dir)
		},
		// The server then restarts by itself, with the program running on.
		"one of its processes is killed": func(t *testing.T, p *program) *program {
			var pid int
			victim, witness := p.database(), p.database()
			require.NoError(t, victim.QueryRow(t.Context(), "select pg_backend_pid()").Scan(&pid))
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			// The server ends all other processes once it has noticed.
			p.await(patience, "the crash", func() bool { return witness.Ping(t.Context()) != nil })
			return p
		},
	}
	for name, crash := range crashes {
		t.Run(name, func(t *testing.T) {
			p := startDemo(t, t.TempDir())
			token, one, other := p.info.Tokens["agency"], p.info.IDs.SubAccounts[5], p.info.IDs.SubAccounts[6]
			version := func(r response) int64 {
				n, err := strconv.ParseInt(strings.Trim(r.ok(t, http.StatusOK).header.Get("ETag"), `"`), 10, 64)
				require.NoError(t, err)
				return n
			}
			// Connections of before a crash may still fail a request or two.
			change := func(body string) (answer response) {
				p.await(readyWithin, "an answer to "+body, func() bool {
					answer = p.put(token, dashboardPath(one), body)
					return answer.err == nil && answer.status < http.StatusInternalServerError
				})
				return answer
			}
			const unlink = `{"unlink":true,"sub_account_ids":[]}`
			version(change(unlink))
			for range 5 {
				linked := version(change(`{"sub_account_ids":["` + other + `"]}`))
				p = crash(t, p)
				require.Greater(t, version(change(unlink)), linked,
					"the unlink that follows the link was acknowledged by tables that do not know the link")
			}
		})
	}
}
