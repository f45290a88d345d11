//go:build e2e

package e2e_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	demolaunch "github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// span is one span that the program exported.
type span struct {
	name, id, parent string
	attributes       string // their wire form, to search for what must not be there
}

// traceReceiver takes spans by OTLP over HTTP.
type traceReceiver struct {
	mu    sync.Mutex
	spans []span
}

func (t *traceReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, resource := range export.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				t.spans = append(t.spans, span{
					name: s.GetName(), id: hex.EncodeToString(s.GetSpanId()), parent: hex.EncodeToString(s.GetParentSpanId()),
					attributes: fmt.Sprint(s.GetAttributes()),
				})
			}
		}
	}
}

func (t *traceReceiver) all() []span {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.spans)
}

// paths are the ways from the root to each span of the traces whose root has a name, as names joined by " > ".
func (t *traceReceiver) paths(root string) (paths []string) {
	spans := t.all()
	byID := map[string]span{}
	for _, s := range spans {
		byID[s.id] = s
	}
	for _, s := range spans {
		way := []string{s.name}
		for up, ok := byID[s.parent]; ok; up, ok = byID[up.parent] {
			way = append(way, up.name)
		}
		slices.Reverse(way)
		if strings.HasPrefix(way[0], root) {
			paths = append(paths, strings.Join(way, " > "))
		}
	}
	return paths
}

// One trace shows a change from the request to the notice, another a reading from its claim to its row.
func TestTracesCoverChangeAndReadingEndToEnd(t *testing.T) {
	receiver := &traceReceiver{}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", ledgertest.Serve(t, receiver))
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
	dir := t.TempDir()
	p := startDemo(t, dir, "--log-format", "json")

	dashboard := p.info.IDs.SubAccounts[0]
	users := p.listed(dashboard)
	others := slices.DeleteFunc(ids(users), func(id string) bool { return id == users[0].ID })

	const put = "PUT /api/projects/dashboard/{sub_account_id}"
	const appended = put + " > append dashboards"
	const read = "read account"
	// A sweep may find a notice before its wake-up does, and continues no trace. Then a later change has
	// a trace up to the notice.
	p.await(patience, "a notice that a wake-up sent", func() bool {
		p.setUsers(dashboard, ids(users))
		page := listenEventSource(t, "page", p.base, users[0].ID, p.clientToken(users[0]))
		page.expect(p.setUsers(dashboard, others))
		return slices.Contains(receiver.paths(put), appended+" > wake listeners > send notice")
	})
	wanted := map[string][]string{
		put:  {appended, appended + " > fold dashboards", appended + " > wake listeners"},
		read: {"append metrics > fold account_insights", "GET "},
	}
	t.Cleanup(func() {
		if t.Failed() {
			paths := append(receiver.paths(put), receiver.paths(read)...)
			slices.Sort(paths)
			t.Log("exported: " + strings.Join(slices.Compact(paths), "\n"))
		}
	})
	for root, ends := range wanted {
		p.await(patience, "the spans of "+root, func() bool {
			paths := receiver.paths(root)
			return !slices.ContainsFunc(ends, func(end string) bool {
				return !slices.ContainsFunc(paths, func(path string) bool { return strings.Contains(path, end) })
			})
		})
	}
	require.True(t, slices.ContainsFunc(receiver.paths(put), func(path string) bool { return strings.Contains(path, "SELECT") }), "statements are spans")
	for _, s := range receiver.all() {
		require.NotContains(t, s.attributes, "access_token", s.name)
		require.NotContains(t, s.attributes, "?", s.name)
	}
	logged, err := os.ReadFile(filepath.Join(dir, demolaunch.LogFile))
	require.NoError(t, err)
	require.Contains(t, string(logged), `"trace_id":"`)
}
