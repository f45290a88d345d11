package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// pauseAfterRefusal is how long a client waits before it asks another process.
const pauseAfterRefusal = 250 * time.Millisecond

type clients struct {
	journal *journal
	bases   []string // of the processes that serve

	mu   sync.Mutex
	done map[string]time.Time // by who: when the last thing that they got done was begun
}

func (c *clients) did(who string, begun time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done[who] = begun
}

// waiting are those who have got nothing done that was begun after a moment.
func (c *clients) waiting(since time.Time, everybody []string) (waiting []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, who := range everybody {
		if !c.done[who].After(since) {
			waiting = append(waiting, who)
		}
	}
	return waiting
}

// write changes one board until ctx is done: it sends each change until its outcome is known, to one process after the other.
func (c *clients) write(ctx context.Context, rng *rand.Rand, agency agency, b board, token string) {
	var now []string
	for n := 0; ctx.Err() == nil; n++ {
		next := another(rng, b.users, now, n == 0)
		change := &command{agency: agency.id, board: b.id, users: next, key: fmt.Sprintf("chaos-%s-%d", b.id, n)}
		begun := time.Now()
		if c.carry(rng, change, token) {
			c.did("write "+agency.id+"/"+b.id, begun)
		}
		now = next
		rest(ctx, time.Duration(50+rng.IntN(250))*time.Millisecond)
	}
}

// carry sends a command until it is acknowledged, however long that takes: what ends the run is that it takes too long.
func (c *clients) carry(rng *rand.Rand, change *command, token string) (acknowledged bool) {
	body := usersBody(change.users)
	giveUp := time.Now().Add(patience)
	for at := rng.IntN(len(c.bases)); time.Now().Before(giveUp); at++ {
		base := c.bases[at%len(c.bases)]
		a := c.journal.begin(change, base)
		got := ask(http.MethodPut, boardURL(base, change.board), token, body,
			"Idempotency-Key: "+change.key, "Traceparent: 00-"+a.trace+"-00f067aa0ba902b7-01")
		c.journal.end(change, a, got)
		if a.acknowledged() {
			return true
		}
		time.Sleep(pauseAfterRefusal)
	}
	return false
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

// read looks at one board after the other until ctx is done, and repeats what fails.
func (c *clients) read(ctx context.Context, rng *rand.Rand, agency agency, token string) {
	for ctx.Err() == nil {
		b, begun := agency.boards[rng.IntN(len(agency.boards))], time.Now()
		for at := rng.IntN(len(c.bases)); ctx.Err() == nil; at++ {
			got := ask(http.MethodGet, boardURL(c.bases[at%len(c.bases)], b.id), token, "")
			if got.err == nil && got.status == http.StatusOK {
				c.journal.saw(seen{agency.id, b.id, got.version, got.users})
				c.did("read "+agency.id, begun)
				break
			}
			rest(ctx, pauseAfterRefusal)
		}
		rest(ctx, time.Duration(100+rng.IntN(300))*time.Millisecond)
	}
}

// repeat tries until there is no error, or patience has ended.
func repeat(pause time.Duration, try func() error) error {
	for giveUp := time.Now().Add(patience); ; time.Sleep(pause) {
		if err := try(); err == nil || time.Now().After(giveUp) {
			return err
		}
	}
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// answeredWithin is how long an answer is waited for before another process is asked. A change that takes longer is an outage.
const answeredWithin = 5 * time.Second

// answer is what a request brought; err when it brought nothing.
type answer struct {
	status     int
	version    int64 // ETag
	command    string
	retryAfter string
	message    string
	users      []string
	body       string
	err        error
}

// once keeps no connections: on those Go repeats requests with an Idempotency-Key, unseen.
var once = &http.Client{Transport: ledgertest.Once.Transport, Timeout: answeredWithin}

func ask(method, url, token, body string, headers ...string) (a answer) {
	if token != "" {
		headers = append(headers, "Authorization: Bearer "+token)
	}
	got := ledgertest.Send(once, method, url, body, headers...)
	if got.Err != nil {
		return answer{err: got.Err}
	}
	var said struct {
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal([]byte(got.Body), &said) // other bodies say neither
	a.status, a.body, a.message, a.users = got.Status, got.Body, said.Message, usersIn(said.Data)
	a.command, a.retryAfter = got.Header.Get("Command-Id"), got.Header.Get("Retry-After")
	a.version, _ = strconv.ParseInt(strings.Trim(got.Header.Get("ETag"), `"`), 10, 64)
	return a
}

// usersIn are the ids of a board's users: a GET answers with a list of one document, which says more of each, a PUT with ids alone.
func usersIn(data json.RawMessage) []string {
	var put struct {
		Users []string `json:"users"`
	}
	var get []struct {
		Users []struct {
			ID string `json:"id"`
		} `json:"users"`
	}
	users := []string{}
	if json.Unmarshal(data, &get) == nil && len(get) == 1 {
		for _, user := range get[0].Users {
			users = append(users, user.ID)
		}
	} else if json.Unmarshal(data, &put) == nil {
		users = append(users, put.Users...)
	}
	slices.Sort(users)
	return users
}

func boardURL(base, board string) string { return base + "/api/projects/dashboard/" + board }
