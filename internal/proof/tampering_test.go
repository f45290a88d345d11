package proof_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// tampering is one thing that can be done to version 5 (of 9) of an agency.
type tampering struct {
	do      func(t *testing.T, m *memory, a string)
	kind    proof.Kind
	version int64
	differs []string // with the tables
	logOnly bool     // the chain alone names it too
}

func alter(change func(r *eventlog.Record)) func(*testing.T, *memory, string) {
	return func(_ *testing.T, m *memory, a string) {
		p, i := m.find(a, 5)
		change(&m.topics[domain.TopicDashboards][p][i])
	}
}

func alterHeader(name, value string) func(*testing.T, *memory, string) {
	return alter(func(r *eventlog.Record) { setHeader(r, name, value) })
}

func tamperings() map[string]tampering {
	unseen := []string{"content, or a header that the tables do not hold"}
	return map[string]tampering{
		"data": {
			alter(func(r *eventlog.Record) { r.Value = bytes.ReplaceAll(r.Value, []byte("u5"), []byte("xx")) }),
			proof.KindAltered, 5,
			unseen,
			true,
		},
		"data that cannot be decoded": {alter(func(r *eventlog.Record) { r.Value = []byte("{") }), proof.KindAltered, 5, unseen, true},
		"data that folds alike":       {alter(func(r *eventlog.Record) { r.Value = append(r.Value, ' ') }), proof.KindAltered, 5, unseen, true},
		"time":                        {alterHeader("ce_time", noon.Add(4500*time.Millisecond).Format(time.RFC3339Nano)), proof.KindAltered, 5, []string{"time"}, true},
		"time before its predecessor": {alterHeader("ce_time", noon.Format(time.RFC3339Nano)), proof.KindAltered, 5, []string{"time"}, true},
		"time in the far future":      {alterHeader("ce_time", "2099-01-01T00:00:00Z"), proof.KindAltered, 5, []string{"time"}, true},
		"actor":                       {alterHeader("ce_actor", "somebody"), proof.KindAltered, 5, []string{"actor"}, true},
		"role":                        {alterHeader("ce_actorrole", "operator"), proof.KindAltered, 5, []string{"role"}, true},
		"on behalf of":                {alterHeader("ce_onbehalfof", "somebody"), proof.KindAltered, 5, []string{"on_behalf_of"}, true},
		"command":                     {alterHeader("ce_commandid", "x"), proof.KindAltered, 5, []string{"command_id"}, true},
		"request":                     {alterHeader("ce_requestid", "x"), proof.KindAltered, 5, []string{"request_id"}, true},
		"id":                          {alterHeader("ce_id", "x"), proof.KindAltered, 5, []string{"ce_id"}, true},
		"type":                        {alterHeader("ce_type", "dashboard.settings_changed.v1"), proof.KindAltered, 5, []string{"ce_type"}, true},
		"unknown type":                {alterHeader("ce_type", "dashboard.x.v9"), proof.KindAltered, 5, []string{"ce_type"}, true},
		"source":                      {alterHeader("ce_source", "/x"), proof.KindAltered, 5, unseen, true},
		"subject":                     {alterHeader("ce_subject", "x"), proof.KindAltered, 5, unseen, true},
		"idempotency key":             {alterHeader("ce_idempotencykey", "x"), proof.KindAltered, 5, unseen, true},
		"request digest":              {alterHeader("ce_requestdigest", "x"), proof.KindAltered, 5, unseen, true},
		"a header more":               {alterHeader("x-more", "x"), proof.KindAltered, 5, unseen, true},
		"spec version":                {alterHeader("ce_specversion", "2.0"), proof.KindAltered, 5, []string{"header"}, true},
		"content type":                {alterHeader("content-type", "text/plain"), proof.KindAltered, 5, []string{"header"}, true},
		"predecessor":                 {alterHeader("ce_chainprev", strings.Repeat("00", 32)), proof.KindAltered, 5, []string{"ce_chainprev"}, true},
		"version up":                  {alterHeader("ce_chainversion", "6"), proof.KindAltered, 5, []string{"ce_chainversion"}, true},
		"version down":                {alterHeader("ce_chainversion", "3"), proof.KindAltered, 5, []string{"ce_chainversion"}, true},
		"a header twice": {alter(func(r *eventlog.Record) {
			r.Headers = append(slices.Clone(r.Headers), eventlog.Header{Key: "ce_actor", Value: []byte("x")})
		}), proof.KindAltered, 5, []string{"header"}, true},
		"key of the same partition": {func(_ *testing.T, m *memory, a string) {
			p, i := m.find(a, 5)
			m.topics[domain.TopicDashboards][p][i].Key = []byte(neighbour(a))
		}, proof.KindAltered, 5, []string{"key"}, true},
		"key of another partition": {alter(func(r *eventlog.Record) { r.Key = []byte(stranger(string(r.Key))) }), proof.KindAltered, 5, []string{"key"}, true},
		"removed": {func(_ *testing.T, m *memory, a string) {
			p, i := m.find(a, 5)
			m.topics[domain.TopicDashboards][p] = slices.Delete(m.topics[domain.TopicDashboards][p], i, i+1)
		}, proof.KindRemoved, 5, []string{"order"}, true},
		"first removed": {func(_ *testing.T, m *memory, a string) {
			p, i := m.find(a, 1)
			m.topics[domain.TopicDashboards][p] = slices.Delete(m.topics[domain.TopicDashboards][p], i, i+1)
		}, proof.KindRemoved, 1, []string{"order"}, true},
		"reordered": {func(_ *testing.T, m *memory, a string) {
			p, i := m.find(a, 5)
			_, j := m.find(a, 6)
			records := m.topics[domain.TopicDashboards][p]
			records[i], records[j] = records[j], records[i]
		}, proof.KindReordered, 6, []string{"order"}, true},
		"inserted": {func(t *testing.T, m *memory, a string) {
			p, i := m.find(a, 5)
			records := m.topics[domain.TopicDashboards][p]
			forged := records[i]
			setHeader(&forged, "ce_actor", "forger")
			m.topics[domain.TopicDashboards][p] = slices.Insert(records, i, forged)
		}, proof.KindInserted, 5, []string{"order"}, true},
		"loser of a race put before the winner": {func(_ *testing.T, m *memory, a string) {
			p, i := m.find(a, 2)
			records := m.topics[domain.TopicDashboards][p]
			j := slices.IndexFunc(records, func(r eventlog.Record) bool {
				return string(r.Key) == a && bytes.Contains(r.Value, []byte("loser"))
			})
			records[i], records[j] = records[j], records[i]
		}, proof.KindInserted, 2, []string{"order"}, true},
		"last record altered": {func(_ *testing.T, m *memory, a string) {
			p, i := m.find(a, 9)
			setHeader(&m.topics[domain.TopicDashboards][p][i], "ce_actor", "x")
		}, proof.KindAltered, 9, []string{"actor"}, false},
		"end cut off":           {func(_ *testing.T, m *memory, a string) { cutAfter(m, a, 7) }, proof.KindTruncated, 8, []string{"tail"}, false},
		"whole chain made anew": {func(t *testing.T, m *memory, a string) { rehash(t, m, a, 5) }, proof.KindRewritten, 5, []string{"actor"}, false},
	}
}

// cutAfter removes all of an agency's records behind a version.
func cutAfter(m *memory, a string, version int) {
	p, i := m.find(a, version)
	records := m.topics[domain.TopicDashboards][p]
	m.topics[domain.TopicDashboards][p] = append(slices.Clone(records[:i+1]),
		slices.DeleteFunc(slices.Clone(records[i+1:]), func(r eventlog.Record) bool { return string(r.Key) == a })...)
}

// rehash changes a version's actor and makes the chain anew from it on.
func rehash(t *testing.T, m *memory, a string, version int) {
	t.Helper()
	p, i := m.find(a, version)
	setHeader(&m.topics[domain.TopicDashboards][p][i], "ce_actor", "somebody")
	head := domain.StreamHead{}
	for j := range m.topics[domain.TopicDashboards][p] {
		r := &m.topics[domain.TopicDashboards][p][j]
		if string(r.Key) != a || bytes.Contains(r.Value, []byte("loser")) {
			continue
		}
		prev := head.Hash
		if head.Version == 0 {
			prev = eventlog.Genesis(r.Topic, a)
		}
		setHeader(r, "ce_chainprev", fmt.Sprintf("%x", prev))
		verdict, next, reason := eventlog.Judge(head, *r, testPartitions)
		require.Equal(t, eventlog.Effective, verdict, reason)
		head = next
	}
}

// neighbour is another agency of the same partition, stranger one of another partition.
func neighbour(a string) string { return other(a, true) }
func stranger(a string) string  { return other(a, false) }

func other(a string, same bool) string {
	for _, b := range agencies {
		if b != a && same == (eventlog.PartitionOf([]byte(a), testPartitions) == eventlog.PartitionOf([]byte(b), testPartitions)) {
			return b
		}
	}
	panic("no such agency")
}

// shared is an agency that has a neighbour.
func shared() string {
	for _, a := range agencies {
		for _, b := range agencies {
			if a != b && eventlog.PartitionOf([]byte(a), testPartitions) == eventlog.PartitionOf([]byte(b), testPartitions) {
				return a
			}
		}
	}
	panic("no two agencies share a partition")
}
