//go:build e2e

package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// chaosCommand is one request as a client means it, however often it is sent.
type chaosCommand struct {
	parent, actor, token string // whose stream, and who asks
	method, primary      string
	body                 string
	request              chaosRequest
	judged               bool // the rules say what it does; false: it is refused before any rule is asked
	key                  string
	attempts             []*chaosAttempt
}

// chaosAttempt is one exchange with the server. The request id is in the record that it made, if any.
type chaosAttempt struct {
	id       string
	low      int64 // the agency's head was at least here before it was sent
	settled  bool  // an answer came
	unsent   bool  // nobody listened
	status   int
	document string // chaosNormal of the answer's data
	etag     int64
	replayed bool
	command  string // Command-Id of a 503: the outcome is open
	message  string
	verified bool // found right by the oracle, whose past does not change
}

// refused: the answer says that nothing was changed.
func (a *chaosAttempt) refused() bool {
	return a.settled && (a.status >= 400 && a.status < 500 || a.status == http.StatusServiceUnavailable && a.command == "")
}

func (a *chaosAttempt) acknowledged() bool { return a.settled && a.status == http.StatusOK }

// chaosJournal is what the clients know.
type chaosJournal struct {
	mu       sync.Mutex
	commands []*chaosCommand
	heads    map[string]int64 // by agency: the newest version that an answer has shown
	numbers  int
	seed     uint64
}

// scope is what its record is remembered by: the log holds the digest of agency, actor and key, each behind its length.
func (c *chaosCommand) scope() string {
	var text []byte
	for _, part := range []string{c.parent, c.actor, c.key} {
		text = append(binary.BigEndian.AppendUint64(text, uint64(len(part))), part...)
	}
	return fmt.Sprintf("%s %s %x", c.parent, c.actor, sha256.Sum256(text))
}

// chaosTrace begins the trace id of each attempt: it stands in the record, outside of what the chain covers, and tells whose it is.
const chaosTrace = "c4a05"

func (j *chaosJournal) begin(c *chaosCommand) *chaosAttempt {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(c.attempts) == 0 {
		j.commands = append(j.commands, c)
	}
	j.numbers++
	a := &chaosAttempt{id: fmt.Sprintf("%s%011x%016x", chaosTrace, j.seed&(1<<44-1), j.numbers), low: j.heads[c.parent]}
	c.attempts = append(c.attempts, a)
	return a
}

// end notes the answer of an attempt, if one came.
func (j *chaosJournal) end(c *chaosCommand, a *chaosAttempt, r response) {
	var answer struct {
		Success   bool            `json:"success"`
		Message   string          `json:"message"`
		CommandID string          `json:"command_id"`
		Data      json.RawMessage `json:"data"`
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	a.unsent = errors.Is(r.err, syscall.ECONNREFUSED)
	if r.err != nil || json.Unmarshal(r.body, &answer) != nil {
		return // the connection was lost: nobody knows
	}
	a.status, a.message, a.command = r.status, answer.Message, answer.CommandID
	a.replayed = r.header.Get("Idempotency-Replayed") == "true"
	a.etag, _ = strconv.ParseInt(strings.Trim(r.header.Get("ETag"), `"`), 10, 64)
	if r.status == http.StatusOK && c.method == http.MethodPut {
		var data any
		if chaosJSON(answer.Data, &data) != nil {
			return
		}
		a.document = chaosNormal(data)
	}
	a.settled = true
	if a.command != "" && c.key == "" {
		c.key = a.command // the advice of the 503: repeat with it
	}
	j.heads[c.parent] = max(j.heads[c.parent], a.etag)
}

// openAnswers counts the answers that left the outcome open.
func (j *chaosJournal) openAnswers() (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.commands {
		for _, a := range c.attempts {
			if a.command != "" {
				n++
			}
		}
	}
	return n
}

// chaosGate holds back new load while the tables are looked at.
type chaosGate struct {
	mu      sync.Mutex
	changed *sync.Cond
	open    bool
	ended   bool
	active  int
}

func newChaosGate() *chaosGate {
	g := &chaosGate{}
	g.changed = sync.NewCond(&g.mu)
	return g
}

// enter waits for the gate; false: the load has ended.
func (g *chaosGate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.open && !g.ended {
		g.changed.Wait()
	}
	if g.ended {
		return false
	}
	g.active++
	return true
}

func (g *chaosGate) leave() { g.set(func() { g.active-- }) }

func (g *chaosGate) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
	g.changed.Broadcast()
}

// idle tells whether nobody is inside.
func (g *chaosGate) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.active == 0
}

// chaosWorld is what writers choose from; it grows while they write.
type chaosWorld struct {
	mu      sync.Mutex
	parent  string
	subs    []string
	users   []userInfo
	strange []string   // sub-accounts of another agency
	foreign []userInfo // and its users
	// linked is the set of each account as an answer last showed it.
	linked map[string][]string
	listed map[string][]string
}

func (w *chaosWorld) pick() (subs []string, users []userInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.subs, w.users
}

func (w *chaosWorld) grow(sub string, user userInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subs = append(slices.Clone(w.subs), sub)
	w.users = append(slices.Clone(w.users), user)
}

// learn remembers an answer.
func (w *chaosWorld) learn(document string) {
	var d struct {
		Sub    string   `json:"sub_account_id"`
		Linked []string `json:"sub_account_ids"`
		Users  []string `json:"users"`
	}
	if json.Unmarshal([]byte(document), &d) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.linked[d.Sub], w.listed[d.Sub] = d.Linked, d.Users
}

func (w *chaosWorld) known(sub string) (linked, listed []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.linked[sub], w.listed[sub]
}

// chaosWriter sends one request after the other, as one member of an agency's staff.
type chaosWriter struct {
	world   *chaosWorld
	journal *chaosJournal
	gate    *chaosGate
	rng     *rand.Rand
	base    string
	actor   string
	token   string
	others  []string // tokens of roles that may not write
	name    string
	sent    int
	past    []*chaosCommand // with a key, acknowledged
}

// run writes until the gate ends the load. It returns an error when an outcome stays open for ever.
func (w *chaosWriter) run(ctx context.Context) error {
	for w.gate.enter() {
		err := w.carry(ctx, w.next())
		w.gate.leave()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(w.rng.IntN(25)) * time.Millisecond):
		}
	}
	return nil
}

// carry sends a command until its outcome is known. Without any key there is nothing to ask by: such a
// command is sent once, and the oracle allows for both outcomes.
func (w *chaosWriter) carry(ctx context.Context, c *chaosCommand) error {
	giveUp := time.Now().Add(2 * readyWithin)
	for {
		a := w.journal.begin(c)
		headers := []string{"Content-Type", "application/json", "Traceparent", "00-" + a.id + "-00f067aa0ba902b7-01"}
		if c.key != "" {
			headers = append(headers, "Idempotency-Key", c.key)
		}
		if c.request.ifMatch != nil {
			tags := make([]string, len(c.request.ifMatch))
			for i, version := range c.request.ifMatch {
				tags[i] = fmt.Sprintf(`"%d"`, version)
			}
			headers = append(headers, "If-Match", strings.Join(tags, ", "))
		}
		w.journal.end(c, a, w.exchange(c, headers))
		switch {
		case a.acknowledged():
			w.world.learn(a.document)
			if c.key != "" && c.method == http.MethodPut {
				w.past = append(w.past, c)
			}
			return nil
		case a.settled && a.status < 500, c.key == "":
			return nil
		case time.Now().After(giveUp):
			return fmt.Errorf("the outcome of %s %s with key %s is still open: %d %s", c.method, c.primary, c.key, a.status, a.message)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollEvery):
		}
	}
}

// chaosOnce sends each request once: with connections kept alive, Go's client repeats a request with an
// Idempotency-Key by itself, and the test would not know what it had sent.
var chaosOnce = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

func (w *chaosWriter) exchange(c *chaosCommand, headers []string) (r response) {
	request, err := http.NewRequest(c.method, w.base+dashboardPath(c.primary), strings.NewReader(c.body))
	if err != nil {
		return response{err: err}
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := chaosOnce.Do(request)
	if err != nil {
		return response{err: err}
	}
	defer answer.Body.Close()
	r = response{status: answer.StatusCode, header: answer.Header}
	r.body, r.err = io.ReadAll(answer.Body)
	return r
}

// next makes up a command.
func (w *chaosWriter) next() *chaosCommand {
	w.sent++
	subs, users := w.world.pick()
	c := &chaosCommand{
		parent: w.world.parent, actor: w.actor, token: w.token, method: http.MethodPut,
		primary: subs[w.rng.IntN(len(subs))], judged: true,
	}
	if w.rng.IntN(10) < 6 {
		c.key = fmt.Sprintf("%s-%d", w.name, w.sent)
	}
	switch dice := w.rng.IntN(100); {
	case dice < 30:
		w.changeUsers(c, users)
	case dice < 44:
		w.link(c, subs)
	case dice < 62:
		w.unlink(c)
	case dice < 72:
		w.settings(c)
	case dice < 80:
		w.changeUsers(c, users)
		w.settings(c)
		if w.rng.IntN(2) == 0 {
			w.link(c, subs)
		} else {
			w.unlink(c)
		}
	case dice < 85 && len(w.past) > 0:
		again := w.past[w.rng.IntN(len(w.past))]
		if w.rng.IntN(3) > 0 {
			return again // the same command once more, by its key
		}
		w.changeUsers(c, users)
		c.key = again.key
	case dice < 89:
		c.method, c.key = http.MethodGet, ""
		return c
	default:
		w.invalid(c)
	}
	if c.judged && w.rng.IntN(12) == 0 {
		w.journal.mu.Lock()
		head := w.journal.heads[c.parent]
		w.journal.mu.Unlock()
		c.request.ifMatch = []int64{head - int64(w.rng.IntN(4)), head - int64(w.rng.IntN(4))}
	}
	if c.body == "" {
		raw, err := json.Marshal(c.request)
		if err != nil {
			panic(err) // a struct of strings and bools
		}
		c.body = string(raw)
	}
	return c
}

// changeUsers gives a list that shares most of its members with the present one, so that people lose
// access one or two at a time.
func (w *chaosWriter) changeUsers(c *chaosCommand, users []userInfo) {
	_, list := w.world.known(c.primary)
	list = slices.Clone(list)
	for range 1 + w.rng.IntN(3) {
		if len(list) > 0 && w.rng.IntN(2) == 0 {
			i := w.rng.IntN(len(list))
			list = slices.Delete(list, i, i+1)
		} else if user := users[w.rng.IntN(len(users))].ID; !slices.Contains(list, user) {
			list = append(list, user)
		}
	}
	if list == nil {
		list = []string{}
	}
	c.request.Users = &list
}

func (w *chaosWriter) link(c *chaosCommand, subs []string) {
	c.request.SubIDs = &[]string{subs[w.rng.IntN(len(subs))]}
	if w.rng.IntN(4) == 0 {
		*c.request.SubIDs = append(*c.request.SubIDs, subs[w.rng.IntN(len(subs))])
	}
}

func (w *chaosWriter) unlink(c *chaosCommand) {
	c.request.Unlink = true
	linked, _ := w.world.known(c.primary)
	keep := chaosWithout(linked, func(string) bool { return w.rng.IntN(3) > 0 })
	c.request.SubIDs = &keep
}

func (w *chaosWriter) settings(c *chaosCommand) {
	if w.rng.IntN(2) == 0 {
		c.request.Allow = new(w.rng.IntN(2) == 0)
		return
	}
	all := []string{"analytics", "posts", "reports", "calendar", "reports.export"}
	scopes := chaosWithout(all, func(string) bool { return w.rng.IntN(2) == 0 })
	c.request.Scopes = &scopes
}

// invalid makes a request that must change nothing.
func (w *chaosWriter) invalid(c *chaosCommand) {
	w.settings(c)
	switch w.rng.IntN(9) {
	case 0:
		c.request.SubIDs = &[]string{w.world.strange[w.rng.IntN(len(w.world.strange))]}
	case 1:
		c.request.Users = &[]string{w.world.foreign[w.rng.IntN(len(w.world.foreign))].ID}
	case 2:
		c.primary = w.world.parent
	case 3:
		c.primary = w.world.strange[w.rng.IntN(len(w.world.strange))]
	case 4:
		c.primary = fmt.Sprintf("%024x", w.rng.Uint64())
	case 5:
		c.request.Scopes = &[]string{"Not A Scope"}
	case 6:
		c.token, c.judged = w.others[w.rng.IntN(len(w.others))], false
	case 7:
		c.body, c.judged = `{"users":[`, false
	default:
		c.body, c.judged = `{"users":null,"sub_account_ids":["x"]}`, false
	}
}
