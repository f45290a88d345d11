package chaos_test

import (
	"fmt"
	"sync"
	"time"
)

// command is one change as a client means it, however often it is sent.
type command struct {
	agency, board string
	users         []string
	key           string
	attempts      []*attempt
	acknowledged  *attempt
	took          time.Duration // from the first sending until it was acknowledged
}

// attempt is one sending. Its trace id stands in the record that it made, if any.
type attempt struct {
	trace string
	at    string // the process
	sent  time.Time
	answer
}

// refused: the answer says that nothing was changed.
func (a *attempt) refused() bool {
	return a.err == nil && (a.status >= 400 && a.status < 500 || a.status == 503 && a.command == "")
}

func (a *attempt) acknowledged() bool { return a.err == nil && a.status == 200 }

type seen struct {
	agency, board string
	version       int64
	users         []string
}

type journal struct {
	mu       sync.Mutex
	seed     uint64
	numbers  uint64
	commands []*command
	seen     []seen
	// strange are answers that no client should get: other than success, a refusal that says that nothing was changed, and 503.
	strange []string
}

func (j *journal) begin(c *command, at string) *attempt {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(c.attempts) == 0 {
		j.commands = append(j.commands, c)
	}
	j.numbers++
	a := &attempt{trace: fmt.Sprintf("c4a05%011x%016x", j.seed&(1<<44-1), j.numbers), at: at, sent: time.Now()}
	c.attempts = append(c.attempts, a)
	return a
}

func (j *journal) end(c *command, a *attempt, got answer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	a.answer = got
	switch {
	case a.acknowledged():
		c.acknowledged, c.took = a, time.Since(c.attempts[0].sent)
	case got.err != nil || got.status == 409:
	case got.status != 503 || got.retryAfter == "":
		j.strange = append(j.strange, fmt.Sprintf("%s answered a change with %d, Retry-After %q: %s", a.at, got.status, got.retryAfter, got.body))
	}
}

// longest is the longest that a change waited of those that were under way in a span.
func (j *journal) longest(from, until time.Time) (most time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.commands {
		sent := c.attempts[0].sent
		if c.acknowledged != nil && sent.Before(until) && sent.Add(c.took).After(from) {
			most = max(most, c.took)
		}
	}
	return most
}

func (j *journal) saw(s seen) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seen = append(j.seen, s)
}

// unanswered are the changes whose outcome nobody was told, however long they were sent again.
func (j *journal) unanswered() (found []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.commands {
		if c.acknowledged == nil {
			found = append(found, fmt.Sprintf("%s got no outcome in %d attempts", c.key, len(c.attempts)))
		}
	}
	return found
}
