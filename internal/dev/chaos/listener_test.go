package chaos_test

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

// listener is one person's stream of notices, which goes on from the last event id.
type listener struct {
	user, agency, token string
	rng                 *rand.Rand

	mu      sync.Mutex
	last    string
	got     []int64
	strange []string
}

func (l *listener) listen(ctx context.Context, bases []string) {
	for ctx.Err() == nil {
		// A person hangs up now and then too: a stream that hangs is not waited for.
		patient, cancel := context.WithTimeout(ctx, time.Duration(2000+l.rng.IntN(8000))*time.Millisecond)
		l.hear(patient, bases[l.rng.IntN(len(bases))])
		cancel()
		rest(ctx, 100*time.Millisecond)
	}
}

func (l *listener) hear(ctx context.Context, base string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/notices", http.NoBody)
	if err != nil {
		return
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	l.mu.Lock()
	if l.last != "" {
		request.Header.Set("Last-Event-ID", l.last)
	}
	l.mu.Unlock()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return // away
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return // not now
	}
	var event, id string
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch value = strings.TrimPrefix(value, " "); name {
		case "event":
			event = value
		case "id":
			id = value
		case "":
			if lines.Text() == "" { // a whole event; one that was torn is not there
				l.heard(event, id)
				event, id = "", ""
			}
		}
	}
}

func (l *listener) heard(event, id string) {
	if id == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	agency, number, _ := strings.Cut(id, ".")
	version, err := strconv.ParseInt(number, 10, 64)
	switch {
	case err != nil || agency != l.agency:
		l.strange = append(l.strange, fmt.Sprintf("%s heard %s with id %q", l.user, event, id))
		return
	case event == "retry_later":
		return // with the cursor that it has
	case event == "client_access_removed":
		l.got = append(l.got, version)
	case event != "notice_cursor":
		l.strange = append(l.strange, fmt.Sprintf("%s heard %s %s", l.user, event, id))
	}
	l.last = id
}

// connected tells whether it has a place to go on from.
func (l *listener) connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last != ""
}

func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.got)
}

// judge says what of the notices that it was owed was lost, doubled, or heard at the wrong place.
func (l *listener) judge(owed []int64) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.got, owed) {
		found = append(found, fmt.Sprintf("notices of %s: heard %v, owed %v", l.user, l.got, owed))
	}
	return append(found, l.strange...)
}
