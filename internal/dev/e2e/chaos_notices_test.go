//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// chaosListener is one user's EventSource: it reads /api/notices, and when its stream ends, for whatever
// reason, it connects again with the last event id that it was given.
type chaosListener struct {
	parent, user, token string
	rng                 *rand.Rand

	mu    sync.Mutex
	last  string // last event id; "" before the first
	start int64  // the version its stream began after
	got   []int64
	cuts  int
	fault error
}

// chaosStreams has no time limit: streams stay open.
var chaosStreams = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// run listens until ctx is done.
func (l *chaosListener) run(ctx context.Context, base string) {
	for ctx.Err() == nil && l.failed() == nil {
		// It also hangs up by itself now and then: resuming on a living server must work too.
		patient, cancel := context.WithTimeout(ctx, time.Duration(300+l.rng.IntN(6000))*time.Millisecond)
		l.listen(patient, base)
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(5 * pollEvery):
		}
	}
}

func (l *chaosListener) listen(ctx context.Context, base string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/notices", nil)
	if err != nil {
		l.fail(err)
		return
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	l.mu.Lock()
	if l.last != "" {
		request.Header.Set("Last-Event-ID", l.last)
		l.cuts++
	}
	l.mu.Unlock()
	answer, err := chaosStreams.Do(request)
	if err != nil {
		return // killed, not up yet, or hung up
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode >= 500:
		return
	case answer.StatusCode != http.StatusOK:
		l.fail(fmt.Errorf("the stream was refused with %d", answer.StatusCode))
		return
	}
	var event, id, data string
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			event = value
		case "id":
			id = value
		case "data":
			data += value
		case "":
			if lines.Text() == "" { // only a whole block counts; one that the kill tore is not there
				l.dispatch(event, id, data)
				event, id, data = "", "", ""
			}
		}
	}
}

func (l *chaosListener) dispatch(event, id, data string) {
	if id == "" {
		return
	}
	parent, number, _ := strings.Cut(id, ".")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil || parent != l.parent {
		l.fail(fmt.Errorf("%q is not an id of this agency's notices", id))
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if event == "notice_cursor" || data == "" { // the place at which the stream begins
		if l.last == "" {
			l.start = version
		}
		l.last = id
		return
	}
	switch {
	case event == "client_access_removed" && data == fmt.Sprintf(`{"user_id":"%s"}`, l.user):
	case event == "board_closed" && strings.HasPrefix(data, fmt.Sprintf(`{"user_id":"%s","sub_account_ids":["`, l.user)):
	default:
		l.fault = fmt.Errorf("notice %s is event %q with data %s", id, event, data)
		return
	}
	l.last = id
	l.got = append(l.got, version)
}

func (l *chaosListener) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault == nil {
		l.fault = err
	}
}

func (l *chaosListener) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault
}

// listening tells whether it has a cursor.
func (l *chaosListener) listening() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last != ""
}

// owed are the user's notices since the listener's start, by the oracle.
func (l *chaosListener) owed(s *chaosStream) (versions []int64) {
	for _, e := range s.records {
		if e.version > l.start && (slices.Contains(e.lost, l.user) || len(e.closed[l.user]) > 0) {
			versions = append(versions, e.version)
		}
	}
	return versions
}

// judge compares what was heard with what is owed. Done is false while the end of it is still to come.
func (l *chaosListener) judge(s *chaosStream) (done bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		return false, fmt.Errorf("listener %s: %w", l.user, l.fault)
	}
	owed := l.owed(s)
	for i, version := range l.got {
		if version > s.head.version {
			return i == len(owed), nil // newer than what the oracle has read
		}
		if i >= len(owed) || owed[i] != version {
			var event *chaosRecord
			if version >= 1 {
				event = s.records[version-1].chaosRecord
			}
			return false, fmt.Errorf("listener %s of %s (since version %d, %d times resumed) heard %v, owed %v; the first difference is notice %d, version %d: %s",
				l.user, l.parent, l.start, l.cuts, l.got, owed, i, version, event)
		}
	}
	return len(l.got) == len(owed), nil
}

// missing describes what a listener has not heard.
func (l *chaosListener) missing(s *chaosStream) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	owed := l.owed(s)
	return fmt.Errorf("listener %s of %s (since version %d, %d times resumed, last id %q) has heard %d of %d notices; it waits for version %d: %s",
		l.user, l.parent, l.start, l.cuts, l.last, len(l.got), len(owed), owed[len(l.got)], s.records[owed[len(l.got)]-1])
}
