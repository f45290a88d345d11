//go:build e2e

package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// chaosVerdicts counts what the clients were told, by what the log says of it.
type chaosVerdicts struct {
	recorded, replayed, unchanged, refused, lost, lostButRecorded, reads int
}

func (v chaosVerdicts) String() string {
	return fmt.Sprintf("%d acknowledged with a record, %d replayed, %d acknowledged without a change, %d refused, "+
		"%d without an answer (%d of them recorded), %d reads",
		v.recorded, v.replayed, v.unchanged, v.refused, v.lost, v.lostButRecorded, v.reads)
}

// judge holds the clients' book-keeping against the log: every acknowledged change is there exactly
// once and its answer is the document as of its version, none that was refused is there, and what is
// there follows from its request by the rules.
func (j *chaosJournal) judge(streams map[string]*chaosStream, facts map[string]chaosFacts) (v chaosVerdicts, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	records := map[string]*chaosEffective{} // by request
	scopes := map[string]*chaosEffective{}  // by agency, actor and key
	for parent, s := range streams {
		for _, e := range s.records {
			scope := parent + " " + e.scope()
			if other := scopes[scope]; other != nil {
				return v, fmt.Errorf("one command has two effective records: %s and %s", other, e)
			}
			scopes[scope] = e
			id := e.traceID()
			if id == "" {
				continue // nobody's request
			}
			if other := records[id]; other != nil {
				return v, fmt.Errorf("one request has two effective records: %s and %s", other, e)
			}
			records[id] = e
		}
	}
	ours := map[string]bool{}
	for _, c := range j.commands {
		s, f := streams[c.parent], facts[c.parent]
		for _, a := range c.attempts {
			ours[a.id] = true
			if err := j.judgeAttempt(&v, c, a, s, f, records[a.id], scopes); err != nil {
				return v, fmt.Errorf("%s %s %s (request %s, key %q) was answered %d %q: %w",
					c.method, c.primary, c.body, a.id, c.key, a.status, a.message, err)
			}
		}
	}
	for id, e := range records {
		if strings.HasPrefix(id, chaosTrace) && !ours[id] {
			return v, fmt.Errorf("nobody has asked for %s", e)
		}
	}
	return v, nil
}

func (j *chaosJournal) judgeAttempt(v *chaosVerdicts, c *chaosCommand, a *chaosAttempt, s *chaosStream, f chaosFacts, e *chaosEffective, scopes map[string]*chaosEffective) error {
	if e != nil && !a.verified {
		if err := judgeRecord(c, f, e); err != nil {
			return err
		}
	}
	switch {
	case a.refused():
		v.refused++
		if e != nil {
			return fmt.Errorf("it was refused, and recorded: %s", e)
		}
		if !a.verified && a.status != http.StatusServiceUnavailable && a.status != http.StatusConflict {
			if err := judgeRefusal(c, a, s, f, scopes); err != nil {
				return err
			}
		}
	case a.unsent:
		if e != nil {
			return fmt.Errorf("nobody can have heard it, and it was recorded: %s", e)
		}
	case !a.acknowledged():
		v.lost++
		if e != nil {
			v.lostButRecorded++
		}
		return nil // a later look may find a record still; nothing is settled about it
	case c.method == http.MethodGet:
		v.reads++
		if s.state(s.head.version)[c.primary] == nil {
			return fmt.Errorf("it was shown, and is not there")
		}
	case e != nil:
		v.recorded++
		if !a.verified && a.replayed {
			return fmt.Errorf("it says that it was done before, and was recorded: %s", e)
		}
		if !a.verified {
			if err := judgeAnswer(c, a, s, e.version); err != nil {
				return err
			}
		}
	case a.replayed:
		v.replayed++
		first := scopes[c.scope()]
		if first == nil {
			return fmt.Errorf("it says that it was done before, and there is no record of it")
		}
		if !a.verified {
			if err := judgeAnswer(c, a, s, first.version); err != nil {
				return err
			}
		}
	default:
		v.unchanged++
		if !a.verified {
			if err := judgeUnchanged(c, a, s, f); err != nil {
				return err
			}
		}
	}
	a.verified = true
	return nil
}

// judgeRecord: what was recorded follows from the request, by the rules.
func judgeRecord(c *chaosCommand, f chaosFacts, e *chaosEffective) error {
	if e.key != c.parent || e.actor() != c.actor || e.header("ce_actorrole") != "agency" {
		return fmt.Errorf("it was recorded for another agency or person: %s", e)
	}
	if c.method == http.MethodGet {
		after := chaosState{c.primary: f.dashboard(e.before, c.primary)}
		maps.Copy(after, e.before)
		if e.kind != "dashboard.opened.v1" || e.before[c.primary] != nil || !after.same(e.after) {
			return fmt.Errorf("a read made more than the missing dashboard: %s", e)
		}
		return nil
	}
	if !c.judged {
		return fmt.Errorf("it cannot be taken, and was recorded: %s", e)
	}
	status, after := f.decide(e.before, c.primary, c.request)
	if status != http.StatusOK || !after.same(e.after) {
		return fmt.Errorf("by the rules it is %d and leads to %s; the record leads to %s: %s",
			status, after.differing(e.after), e.after.differing(after), e)
	}
	if e.before.same(e.after) {
		return fmt.Errorf("it changed nothing, and was recorded: %s", e)
	}
	return nil
}

// judgeAnswer: the answer is the document as of the version.
func judgeAnswer(c *chaosCommand, a *chaosAttempt, s *chaosStream, version int64) error {
	d := s.state(version)[c.primary]
	if d == nil {
		return fmt.Errorf("there is no such dashboard at version %d", version)
	}
	if want := chaosNormal(d.json()); a.document != want || a.etag != d.version {
		return fmt.Errorf("its answer (ETag %d) is %s\nas of version %d the document (ETag %d) is %s\nevent: %s",
			a.etag, a.document, version, d.version, want, s.records[version-1])
	}
	return nil
}

// judgeUnchanged: without a record there was a moment since the request was sent at which it changed
// nothing, and the answer is the document of that moment.
func judgeUnchanged(c *chaosCommand, a *chaosAttempt, s *chaosStream, f chaosFacts) error {
	for version := max(a.low, a.etag); version <= s.head.version; version++ {
		state := s.state(version)
		if d := state[c.primary]; d == nil || d.version != a.etag || a.document != chaosNormal(d.json()) {
			continue
		}
		if status, after := f.decide(state, c.primary, c.request); status == http.StatusOK && after.same(state) {
			return nil
		}
	}
	return fmt.Errorf("it was acknowledged, there is no record of it, and at no version from %d on would it have changed nothing; ETag %d, answer %s",
		a.low, a.etag, a.document)
}

// judgeRefusal: there was a moment since the request was sent at which the rules refused it so.
func judgeRefusal(c *chaosCommand, a *chaosAttempt, s *chaosStream, f chaosFacts, scopes map[string]*chaosEffective) error {
	if first := scopes[c.scope()]; c.key != "" && first != nil && a.status == http.StatusUnprocessableEntity {
		sentByUs := func(a *chaosAttempt) bool { return a.id == first.traceID() }
		if !slices.ContainsFunc(c.attempts, sentByUs) {
			return nil // its key was used for another body, which took effect
		}
	}
	if !c.judged {
		return nil // by its form or by its role
	}
	if strings.Contains(c.primary+c.body, chaosNewcomer) {
		return nil // it names someone who had only just joined, and may not have been known yet
	}
	for version := a.low; version <= s.head.version; version++ {
		if status, _ := f.decide(s.state(version), c.primary, c.request); status == a.status {
			return nil
		}
	}
	return fmt.Errorf("by the rules it was no %d at any version since %d", a.status, a.low)
}

// differing prints the documents that another state does not hold like this.
func (s chaosState) differing(o chaosState) string {
	var out strings.Builder
	for id, d := range s {
		if e, there := o[id]; !there || !d.same(e) {
			fmt.Fprintf(&out, "%s ", chaosNormal(d.json()))
		}
	}
	return out.String()
}
