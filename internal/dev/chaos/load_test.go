package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"
)

// pauseAfterRefusal is how long a client waits before it asks another process.
const pauseAfterRefusal = 250 * time.Millisecond

// clients are who write and read.
type clients struct {
	journal *journal
	outages *outages
	bases   []string // of the processes that serve

	mu   sync.Mutex
	torn []torn
}

// torn is a request whose connection ended before there was an answer.
type torn struct {
	base string
	at   time.Time
}

// ask sends a request to a process. One that is refused was not cut, and one that the client gave up neither.
func (c *clients) ask(method, base, board, token, body string, headers ...string) answer {
	got := ask(context.Background(), answeredWithin, method, boardURL(base, board), token, body, headers...)
	if got.err != nil && !errors.Is(got.err, syscall.ECONNREFUSED) && !errors.Is(got.err, context.DeadlineExceeded) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.torn = append(c.torn, torn{base, time.Now()})
	}
	return got
}

// cutBy counts the requests that planned stops have cut.
func (c *clients) cutBy(stops []planned) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.torn {
		if slices.ContainsFunc(stops, func(s planned) bool {
			return s.base == r.base && r.at.After(s.begun) && r.at.Before(s.ended.Add(time.Second))
		}) {
			n++
		}
	}
	return n
}

// write changes one board until ctx is done: it sends each change until its outcome is known, to one process after the other.
func (c *clients) write(ctx context.Context, rng *rand.Rand, agency agency, b board, token string) {
	var now []string
	for n := 0; ctx.Err() == nil; n++ {
		next := another(rng, b.users, now, n == 0)
		who := agency.id + "/" + b.id
		change := &command{agency: agency.id, board: b.id, users: next, key: fmt.Sprintf("chaos-%s-%d", b.id, n)}
		begun := time.Now()
		c.outages.trying("write", who, begun)
		c.carry(rng, change, token)
		c.outages.did("write", who, time.Since(begun) > answeredWithin)
		now = next
		rest(ctx, time.Duration(50+rng.IntN(250))*time.Millisecond)
	}
}

// carry sends a command until it is acknowledged, however long that takes: what ends the run is that it takes too long.
func (c *clients) carry(rng *rand.Rand, change *command, token string) {
	body := usersBody(change.users)
	giveUp := time.Now().Add(patience)
	for at := rng.IntN(len(c.bases)); time.Now().Before(giveUp); at++ {
		base := c.bases[at%len(c.bases)]
		a := c.journal.begin(change, base)
		got := c.ask(http.MethodPut, base, change.board, token, body,
			"Idempotency-Key", change.key, "Traceparent", "00-"+a.trace+"-00f067aa0ba902b7-01")
		c.journal.end(change, a, got)
		if a.acknowledged() {
			return
		}
		time.Sleep(pauseAfterRefusal)
	}
}

func usersBody(users []string) string {
	raw, err := json.Marshal(map[string]any{"users": users})
	if err != nil {
		panic(err) // strings
	}
	return string(raw)
}

// another is a list of users that differs from the present one, sorted as boards show them.
func another(rng *rand.Rand, all, now []string, first bool) []string {
	for {
		next := []string{}
		for _, user := range all {
			if first || rng.IntN(2) == 0 {
				next = append(next, user)
			}
		}
		slices.Sort(next)
		if !slices.Equal(next, now) {
			return next
		}
	}
}

// read looks at one board after the other until ctx is done; what fails is sent once more, to another process.
func (c *clients) read(ctx context.Context, rng *rand.Rand, agency agency, token string) {
	for ctx.Err() == nil {
		b := agency.boards[rng.IntN(len(agency.boards))]
		c.outages.trying("read", agency.id, time.Now())
		failed := false
		for at := rng.IntN(len(c.bases)); ; at++ {
			got := c.ask(http.MethodGet, c.bases[at%len(c.bases)], b.id, token, "")
			if got.err == nil && got.status == http.StatusOK {
				c.journal.saw(seen{agency.id, b.id, got.version, got.users})
				break
			}
			if another := c.bases[(at+1)%len(c.bases)]; ctx.Err() == nil && !failed {
				got = c.ask(http.MethodGet, another, b.id, token, "")
				if got.err == nil && got.status == http.StatusOK {
					c.journal.saw(seen{agency.id, b.id, got.version, got.users})
					break
				}
			}
			failed = true
			if ctx.Err() != nil {
				return
			}
			time.Sleep(pauseAfterRefusal)
		}
		c.outages.did("read", agency.id, failed)
		rest(ctx, time.Duration(100+rng.IntN(300))*time.Millisecond)
	}
}

// rest lets a while pass, less if ctx ends.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
