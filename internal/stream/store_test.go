package stream_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// memoryStore keeps notices like the table and counts queries.
type memoryStore struct {
	mu      sync.Mutex
	rows    []stream.Notice
	heads   map[string]int64
	cursors map[[2]string]int64
	scans   int    // queries of heads
	read    func() // called once, after a query of heads and before its answer; nil: nothing is called
	looks   int    // queries of notices
	broken  bool
	news    []stream.ConnectionNews
	shown   map[int64]time.Time // by connection: when its row appears; missing: at once
}

func newStore() *memoryStore {
	return &memoryStore{heads: map[string]int64{}, cursors: map[[2]string]int64{}, shown: map[int64]time.Time{}}
}

// append folds one record: the agency's head advances and the users lose access.
func (m *memoryStore) append(parent string, users ...string) int64 {
	return m.appendAt(time.Now(), parent, users...)
}

func (m *memoryStore) appendAt(at time.Time, parent string, users ...string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heads[parent]++
	for _, user := range users {
		m.rows = append(m.rows, stream.Notice{
			ParentAccount: parent, Version: m.heads[parent], UserID: user, Time: at, Kind: stream.NoticeEvent,
		})
	}
	return m.heads[parent]
}

// announce folds one record by which users of agency lose access, and wakes the hub.
func (m *memoryStore) announce(t *testing.T, hub *stream.Hub, users ...string) int64 {
	t.Helper()
	version := m.append(agency, users...)
	hub.Wake(t.Context(), agency, version)
	return version
}

// close folds one record that closes the accounts' dashboards for a user on their lists.
func (m *memoryStore) close(parent, user string, accounts ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heads[parent]++
	m.rows = append(m.rows, stream.Notice{
		ParentAccount: parent, Version: m.heads[parent], UserID: user, Time: time.Now(), Kind: stream.BoardClosedEvent, SubAccounts: accounts,
	})
}

// addNews adds connection events.
func (m *memoryStore) addNews(news ...stream.ConnectionNews) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.news = append(m.news, news...)
}

// addLateNews adds a connection event whose row appears after a delay.
func (m *memoryStore) addLateNews(wait time.Duration, news stream.ConnectionNews) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.news, m.shown[news.ConnectionID] = append(m.news, news), time.Now().Add(wait)
}

func (m *memoryStore) setBroken(broken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = broken
}

func (m *memoryStore) queries() (scans, looks int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.scans, m.looks
}

// requireSaved waits until alice's cursor is stored: a client may get a notice before the server
// knows that it is written.
func (m *memoryStore) requireSaved(t *testing.T, version int64) {
	t.Helper()
	ledgertest.Eventually(t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.cursors[[2]string{agency, alice}] == version
	})
}

func (m *memoryStore) Heads(_ context.Context, parents []string) (map[string]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scans++
	if m.broken {
		return nil, errAway
	}
	heads := maps.Clone(m.heads)
	maps.DeleteFunc(heads, func(parent string, _ int64) bool { return !slices.Contains(parents, parent) })
	if read := m.read; read != nil {
		m.read = nil
		m.mu.Unlock()
		defer m.mu.Lock()
		read()
	}
	return heads, nil
}

func (m *memoryStore) Since(_ context.Context, after stream.Cursor, notBefore time.Time, limit int) ([]stream.Notice, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks++
	if m.broken {
		return nil, errAway
	}
	var found []stream.Notice
	for _, n := range m.rows { // appended in the order of versions
		if n.ParentAccount == after.ParentAccount && n.UserID == after.UserID && n.Version > after.Version &&
			!n.Time.Before(notBefore) && len(found) < limit {
			found = append(found, n)
		}
	}
	return found, nil
}

func (m *memoryStore) Cursor(_ context.Context, parent, user string) (int64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	version, found := m.cursors[[2]string{parent, user}]
	return version, found, nil
}

func (m *memoryStore) ConnectionNews(_ context.Context, parents []string, after, until time.Time) ([]stream.ConnectionNews, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return nil, errAway
	}
	return slices.DeleteFunc(slices.Clone(m.news), func(n stream.ConnectionNews) bool {
		return !slices.Contains(parents, n.ParentAccount) || !n.At.After(after) || n.At.After(until) ||
			time.Now().Before(m.shown[n.ConnectionID])
	}), nil
}

func (m *memoryStore) SaveCursors(_ context.Context, cursors []stream.Cursor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errAway
	}
	for _, c := range cursors {
		key := [2]string{c.ParentAccount, c.UserID}
		m.cursors[key] = max(m.cursors[key], c.Version)
	}
	return nil
}
