//go:build e2e

package e2e_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// TestOperatorsGuideCommandsWork does what docs/operators.md prints, while readers get the same answers.
func TestOperatorsGuideCommandsWork(t *testing.T) {
	t.Parallel()
	awayFromQuarterHours(t, 5*time.Minute) // no day ends within one
	text, err := os.ReadFile("../../../docs/operators.md")
	require.NoError(t, err)
	h := &handbook{apart: startApart(t), text: string(text), binary: programPath}
	for _, chapter := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"a stopped stream", h.stoppedStream},
		{"a pause", h.pause},
		{"a rebuild", h.rebuild},
		{"an upgrade and the way back", h.upgrade},
	} {
		require.True(t, t.Run(chapter.name, chapter.do), "what comes next would only show what this one left behind")
	}
}

type handbook struct {
	*apart

	text   string
	binary string // that follows it
}

// run runs the command that is printed with this beginning, after replacements, and says yes to what it asks.
func (h *handbook) run(t *testing.T, code int, begins string, replace ...string) ran {
	t.Helper()
	r := h.tried(t, begins, replace...)
	require.Equal(t, code, r.code, "%s %v\n%s%s", begins, replace, r.out, r.err)
	return r
}

// awaitStatus runs the printed status until it says something and ends so. Each process tells of what it noticed last.
func (h *handbook) awaitStatus(t *testing.T, code int, says string) {
	t.Helper()
	h.api.await(patience, "a status that says "+says, func() bool {
		r := h.tried(t, "status")
		return r.code == code && strings.Contains(r.out, says)
	})
}

// tried is what the command that is printed with this beginning did.
func (h *handbook) tried(t *testing.T, begins string, replace ...string) ran {
	t.Helper()
	_, rest, found := strings.Cut(h.text, "ledgerboard "+begins)
	require.True(t, found, "the handbook prints no command that begins with %q", begins)
	if end := strings.IndexAny(rest, "`\n#"); end >= 0 {
		rest = rest[:end]
	}
	addr := strings.TrimPrefix(h.api.base, "http://")
	args := strings.Fields(strings.NewReplacer(replace...).Replace(begins + rest))
	if slices.Contains(args, "--reason") {
		args = append(args, "--yes")
	}
	variables := maps.Clone(h.api.variables())
	variables["ADDR"] = addr
	return command(t, h.binary, variables, args...)
}

// stoppedStream resolves an event of an agency that this program does not know: it looks, tries again, and skips.
func (h *handbook) stoppedStream(t *testing.T) {
	p := h.api
	foreign := p.info.IDs.Foreign
	token := ledgertest.Token(t, demoSecret(t, p.dir), time.Now(), foreign.Users[0].ID, foreign.ParentAccount, "agency")
	change := func() ledgertest.Answer {
		return p.do(http.MethodPut, token, dashboardPath(foreign.SubAccounts[0]), `{"users":[]}`)
	}
	change().Says(t, http.StatusOK)
	id := h.park(t, foreign.ParentAccount)
	h.until("the stream to stop", "select exists (select from lb_engine.dead_letters)")
	p.await(patience, "a status that tells of it", func() bool {
		return strings.Contains(p.get("", "/readyz").Body, `"dead_letters"`)
	})
	h.awaitStatus(t, notReady, "dashboards has 1 dead letter that an operator must review")
	change().Says(t, http.StatusServiceUnavailable)

	list := h.run(t, done, "dead-letters ").out
	require.Regexp(t, id+` +`+foreign.ParentAccount+` +dashboard\.archived\.v9 +unknown_type`, list)
	record := h.run(t, done, "dead-letters show", "contents-3-1204", id, "ID", id).out
	require.Contains(t, record, `"ce_type"`)
	require.Contains(t, record, "for the shelf")
	tried := h.run(t, failed, "dead-letters retry", "dashboards-3-1204", id)
	require.Contains(t, tried.out, "has stopped at "+id)
	require.Contains(t, tried.err, "dead-letters show")
	require.Contains(t, h.run(t, done, "dead-letters skip dashboards-3-1204", "dashboards-3-1204", id).out, "is folded")
	change().Says(t, http.StatusOK)
	var history struct{ Data []history.HistoryEntry }
	p.get(token, "/api/audit/history?type=event_skipped").Says(t, http.StatusOK).Into(t, &history)
	require.Len(t, history.Data, 1)
	skip := history.Data[0]
	require.Equal(t, []string{"incident:OPS-20", "system:operator"}, []string{skip.Skip.Reason.String(), skip.Actor.ID})
	require.Equal(t, skip.Version-1, skip.Skip.Version, "the skip follows the record that it skips")
	replayed := succeeds(t, p.variables(), "replay", "--parent", foreign.ParentAccount).out
	require.Contains(t, replayed, fmt.Sprintf("version %d was skipped, reason incident:OPS-20", skip.Skip.Version))
	require.Regexp(t, fmt.Sprintf(`(?m)^ *%d .*has no effect: a later record skips it`, skip.Skip.Version), replayed)
	skipped := regexp.MustCompile(`event\.skipped +` + id + ` +incident, OPS-20 +done`)
	p.await(patience, "the trail to have what was done", func() bool { return skipped.MatchString(h.run(t, done, "actions").out) })
	h.awaitStatus(t, done, "")
}

// park appends an effective record of a type that only a newer program knows, and returns the id of its dead letter.
func (h *handbook) park(t *testing.T, agency string) string {
	t.Helper()
	var version int64
	var head []byte
	require.NoError(t, h.conn.QueryRow(context.Background(),
		"select version, hash from lb_engine.streams where stream_key = $1", agency).Scan(&version, &head))
	record := &kgo.Record{Topic: "dashboards", Key: []byte(agency), Value: []byte(`{"why":"for the shelf"}`)}
	for _, header := range [][2]string{
		{"ce_specversion", "1.0"},
		{"ce_id", "of-a-newer-program"},
		{"ce_source", "/newer"},
		{"ce_type", "dashboard.archived.v9"},
		{"ce_time", time.Now().UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)},
		{"content-type", "application/json"},
		{"ce_actor", "somebody"},
		{"ce_actorrole", "agency"},
		{"ce_requestid", "of-a-newer-program"},
		{"ce_commandid", "of-a-newer-program"},
		{"ce_chainversion", strconv.FormatInt(version+1, 10)},
		{"ce_chainprev", hex.EncodeToString(head)},
	} {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: header[0], Value: []byte(header[1])})
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(h.api.info.Brokers...))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(context.Background(), record).FirstErr())
	return fmt.Sprintf("dashboards-%d-%d", record.Partition, record.Offset)
}

func (h *handbook) pause(t *testing.T) {
	require.Contains(t, h.run(t, done, "pause linkedin").out, "linkedin: paused since")
	h.awaitStatus(t, done, "linkedin is not read: paused since")
	require.Contains(t, h.run(t, done, "resume linkedin").out, "linkedin resumed")
}

func (h *handbook) rebuild(t *testing.T) {
	stop := h.hammer(h.api, false)
	defer stop()
	require.Contains(t, h.run(t, done, "rebuild post_insights --reason").out, "post_insights: generation 2 serves")
	h.api.await(patience, "a status that names the generation", func() bool {
		return regexp.MustCompile("post_insights +g2 ").MatchString(h.tried(t, "status").out)
	})
}

// upgrade makes the tables of the next version beforehand, lets it take over while changes go on, and takes it back.
func (h *handbook) upgrade(t *testing.T) {
	stop := h.hammer(h.api, false)
	defer stop()
	dashboard := h.api.info.IDs.SubAccounts[0]
	everybody := ids(h.api.listed(dashboard))
	changing, endChanges := context.WithCancel(t.Context())
	var changes sync.WaitGroup
	changes.Go(func() {
		for n := 0; changing.Err() == nil; n++ {
			h.api.setUsers(dashboard, everybody[:len(everybody)-n%2])
		}
	})
	h.binary = buildNext(t)
	prepared := h.run(t, done, "prepare --reason").out
	require.Equal(t, 6, strings.Count(prepared, "is ready for readers of this version"), prepared)
	reader, projector := h.api.beside(t.TempDir(), h.binary, "api", nil), h.api.beside(t.TempDir(), h.binary, "projector", nil)
	stopReading := h.hammer(reader, true)
	defer stopReading()
	reader.answers()
	endChanges()
	changes.Wait()
	h.before.same(t, reader.look(h.paths))
	require.Len(t, h.api.column("select projection from generations where state = 'live'"), 12, "each version has its own generation")
	h.runner.Stop() // the old projector: the next version goes on without it
	reader.setUsers(dashboard, everybody[:len(everybody)-1])

	h.binary = programPath
	h.api.await(patience, "a status that tells what the old version lacks", func() bool {
		return strings.Contains(h.api.get("", "/readyz").Body, `"unfolded"`)
	})
	h.run(t, notReady, "status")
	h.runner = h.serve() // back to the old version
	h.api.await(patience, "the old version to be ready", func() bool { return strings.Contains(h.api.get("", "/readyz").Body, `"ready"`) })
	stopReading()
	reader.Stop()
	projector.Stop()
	h.runner.Stop()
}
