package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// If the key does not decrypt the stored tokens, no platform could be read: the process reports an
// error and does not start.
func TestStartFailsWithWrongSecretsKey(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 1)
	ours, err := vault.ParseKeys(fetchKey)
	require.NoError(t, err)
	require.NoError(t, ledgertest.Secrets(t, a.parts.KeptPool, fetchKey).Put(t.Context(), "connection/1", []byte("token"), domain.SecretTimes{Taken: time.Now()}))
	s := addressedSettings(a.storage())
	s.SecretsKey, s.Roles = strings.Repeat("cd", 32), []string{app.RoleAPI}
	_, err = s.open(t.Context(), ledgertest.Quiet)
	require.ErrorContains(t, err, "LEDGERBOARD_SECRETS_KEY does not open the stored tokens: the newest was sealed with key "+ours[0].ID())
}

// A process without the role api serves health, readiness and metrics; `status` prints states. Of one
// with the role, and of log and database, it also prints details.
func TestStatusCommandShowsDetailsByRole(t *testing.T) {
	settings := addressedSettings(newStorage(t))
	settings.Roles = []string{app.RoleProjector, app.RoleFetcher}
	runService(t, settings, ledgertest.Quiet, func(p *process, base string) {
		addr := strings.TrimPrefix(base, "http://")
		// says requests the status until it returns the error and the texts: a probe may fail for a
		// moment.
		says := func(c statusCommand, kind error, texts ...string) {
			t.Helper()
			ledgertest.Eventually(t, func() bool {
				c.installation, c.Timeout = installation{settings.Storage, settings.logging}, time.Minute
				printed, err := runCommand(t, c)
				return errors.Is(err, kind) && !slices.ContainsFunc(texts, func(text string) bool { return !regexp.MustCompile(text).MatchString(printed) })
			}, "%v", texts)
		}
		asked := statusCommand{Addr: addr}
		says(asked, nil, `^ready\n`, `(?m)^  ok  read model directory$`, `(?m)^  ok  changes of dashboards$`)
		says(statusCommand{Own: addr}, nil, `^ready\n`) // nothing listens in its data directory
		direct := statusCommand{Direct: true}
		_, err := runCommand(t, statusCommand{installation: installation{settings.Storage, settings.logging}, Direct: true})
		require.ErrorIs(t, err, embedded.ErrLocked)
		settings.KafkaBrokers = p.Brokers()
		says(direct, nil, `^ready\n`, `(?m)^directory +g1 +all \d+ +0 +0`)
		direct.All = true
		says(direct, nil, `(?m)^directory +g1 +0 +0 +0 +0 +0`)

		p.exec(t, "insert into pauses (kind, name, since, actor, code, ticket) values ('projection', 'post_insights', now(), 'tester', 'incident', '')")
		says(asked, errDegraded, `^degraded\n`, `(?m)^  NO  read model post_insights: Read model is paused`)
		require.Equal(t, exitNotReady, exitCode(errDegraded, io.Discard))
		p.exec(t, "insert into pauses (kind, name, since, actor, code, ticket) values ('platform', 'linkedin', now(), 'tester', 'incident', 'OPS-3')")
		says(direct, errDegraded, `linkedin is not read: paused since [-0-9TZ:]+, by tester, incident:OPS-3\n`)
		// health checks must not restart a container that serves reads
		asked.Serving = true
		says(asked, nil, `^degraded\n`)
		asked.Serving, asked.JSON = false, true
		says(asked, errDegraded, `"projection":"post_insights","readable":true,"current":false,"reasons":\[\{"code":"paused"\}\]`)
		direct.JSON = true
		says(direct, errDegraded, `"pauses":\[.*"name":"linkedin"`, `"partitions":\[\{"partition":0,"next_offset":0`)

		get(base+"/healthz", "").Says(t, http.StatusOK)
		require.NotContains(t, get(base+"/readyz", "").Body, "tester", "everyone may ask")
		get(base+"/api/projects/dashboard/"+eraseClient, "").Says(t, http.StatusNotFound)
		get(base+"/api/ops/health", "").Says(t, http.StatusNotFound)
		get(base+"/metrics", "").Says(t, http.StatusOK, `ledgerboard_degraded{reason="paused"} 1`, `ledgerboard_degraded{reason="brokers"} 0`)
	})
}

// A part that does not end does not keep the process running: the whole stop has one time limit,
// and the error names that part.
func TestStopTimeoutNamesHangingPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStop(30 * time.Second)
		stuck := make(chan struct{})
		defer close(stuck)
		var group errgroup.Group
		s.run(&group, "quick part", func() error { return nil })
		s.run(&group, "stuck part", func() error { <-stuck; return nil })
		time.Sleep(time.Hour) // Time of the synctest bubble: the time limit starts with the stop.
		began := time.Now()
		s.start()
		s.start()
		requests, cancel := s.requestContext(t.Context())
		defer cancel()
		<-requests.Done()
		require.Equal(t, 20*time.Second, time.Since(began), "later steps have time left")
		err := s.wait(group.Wait)
		require.ErrorIs(t, err, errStopTimeout)
		require.ErrorContains(t, err, "still running after 30s")
		require.ErrorContains(t, err, ": stuck part")
		require.ErrorIs(t, s.wait(func() error { <-stuck; return nil }), errStopTimeout)
		last, cancelLast := s.finalContext(t.Context())
		defer cancelLast()
		<-last.Done()
		require.Equal(t, 30*time.Second, time.Since(began), "two steps, one time limit")
	})
}

func TestStopWithinTimeoutReturnsPartError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, failed := newStop(30*time.Second), errors.New("it failed")
		var group errgroup.Group
		s.run(&group, "a part", func() error { time.Sleep(29 * time.Second); return failed })
		s.start()
		require.ErrorIs(t, s.wait(group.Wait), failed)
		require.NoError(t, s.wait(func() error { return nil }))
		time.Sleep(time.Minute) // no one waits when the time limit passes
	})
}

func TestVersionCommandPrintsBuildInfo(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		require.Regexp(t, `(?s)^ledgerboard .*commit .*`+runtime.Version()+`.*dashboards .*post_insights `, byHand(t, arg).exits(t, exitOK).stdout)
	}
	byHand(t, "replay", "--version=3").exits(t, exitUsage, "--parent") // a flag of replay
	var said struct {
		buildInfo

		TimeZones string `json:"time_zones"`
	}
	require.NoError(t, json.Unmarshal([]byte(byHand(t, "version", "--json").stdout), &said))
	require.NotEmpty(t, said.Version)
	require.NotEmpty(t, said.Commit)
	require.Regexp(t, `^((20\d\d[a-z]+|unknown version) in /|of this release of Go$)`, said.TimeZones)
	want := map[string]int{}
	for _, p := range projectors.All() {
		want[p.Name] = p.Version
	}
	require.Equal(t, want, said.Projections)

	families, err := newMetricsRegistry().Gather()
	require.NoError(t, err)
	labels := map[string]string{}
	for _, family := range families {
		if family.GetName() == "ledgerboard_build_info" {
			for _, label := range family.GetMetric()[0].GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
		}
	}
	delete(labels, "projections")
	require.Equal(t, map[string]string{"commit": said.Commit, "go": said.Go, "version": said.Version}, labels, "it is also a metric")
}

func TestVersionMarksModifiedCommit(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "abc"}
	require.Equal(t, "abc", commitOf([]debug.BuildSetting{revision, {Key: "vcs.modified", Value: "false"}}))
	require.Equal(t, "abc+changes", commitOf([]debug.BuildSetting{revision, {Key: "vcs.modified", Value: "true"}}))
	require.Empty(t, commitOf(nil))
}
