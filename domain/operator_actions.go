package domain

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// OperatorAction names what an operator did. Values are only ever added.
type OperatorAction string

// The actions of operators.
const (
	ActionProjectionPaused       OperatorAction = "projection.paused"
	ActionProjectionResumed      OperatorAction = "projection.resumed"
	ActionPlatformPaused         OperatorAction = "platform.paused" // its fetching
	ActionPlatformResumed        OperatorAction = "platform.resumed"
	ActionConnectionPaused       OperatorAction = "connection.paused" // the reading of its accounts
	ActionConnectionResumed      OperatorAction = "connection.resumed"
	ActionConnectionRead         OperatorAction = "connection.read" // its accounts were made due
	ActionRebuildRequested       OperatorAction = "rebuild.requested"
	ActionRebuildCancelled       OperatorAction = "rebuild.cancelled"
	ActionGenerationPrepared     OperatorAction = "generation.prepared"
	ActionGenerationSwitched     OperatorAction = "generation.switched"
	ActionGenerationSwitchedBack OperatorAction = "generation.switched_back"
	ActionParkedInspected        OperatorAction = "parked.inspected" // its payload was shown
	ActionParkedRetried          OperatorAction = "parked.retried"
	ActionParkedSkipped          OperatorAction = "parked.skipped"
	ActionPersonExported         OperatorAction = "person.exported"   // all that is known of it, into a file
	ActionSignInLinkMade         OperatorAction = "sign_in_link.made" // that signs a user in to the console once; by an agency, too
	ActionSignInUnlinked         OperatorAction = "sign_in.unlinked"  // from the identity provider's person; the next sign-in links it anew
	ActionLogRestored            OperatorAction = "log.restored"      // from a backup, of what was recorded up to then; what lies before this record is the backup's
)

// OperatorActed says that an operator is about to act, on what, and why. Who, in which role and by which
// request stands in the envelope. It is appended on `operations` under [OperationsKeyAll] before anything is
// done, so the action itself may be missing, its record never; [OperatorFinished] says what came of it. No free
// text: it would stay for ever.
type OperatorActed struct {
	Action OperatorAction `json:"action"`
	Target OperatorTarget `json:"target"`
	Reason Reason         `json:"reason"`
}

// OperatorTarget names what an action is on. Each action has its own set of these; what is absent does not
// concern it.
type OperatorTarget struct {
	Projection string     `json:"projection,omitempty"`    // its name
	Generation int        `json:"generation,omitempty"`    // from 1
	Rebuild    string     `json:"rebuild,omitempty"`       // its id
	Until      *time.Time `json:"until,omitempty"`         // the backup stands for what was recorded up to then
	Platform   Platform   `json:"p_id,omitempty"`          // whose reading it is
	Connection int64      `json:"connection_id,omitempty"` // whose accounts are read
	Position   *Position  `json:"position,omitempty"`      // of a parked record, the first of several
	Count      int        `json:"count,omitempty"`         // parked records that the preview showed
	User       string     `json:"user,omitempty"`          // the person's
	Member     int64      `json:"member_id,omitempty"`     // the person's, who is no user
}

// EventType implements [Data].
func (OperatorActed) EventType() string { return "operations.operator_acted.v1" }

// targetRule is what an action must name, of what it must name at least one, and what it may name.
type targetRule struct{ must, anyOf, may []string }

var targetRules = func() map[OperatorAction]targetRule {
	projection, platform := targetRule{must: []string{"projection"}}, targetRule{must: []string{"p_id"}}
	connection := targetRule{must: []string{"connection_id"}, may: []string{"p_id"}}
	generation := targetRule{must: []string{"projection", "generation"}}
	parked := targetRule{must: []string{"projection", "position"}, may: []string{"count"}}
	return map[OperatorAction]targetRule{
		ActionProjectionPaused: projection, ActionProjectionResumed: projection,
		ActionPlatformPaused: platform, ActionPlatformResumed: platform,
		ActionConnectionPaused: connection, ActionConnectionResumed: connection,
		ActionConnectionRead:     connection,
		ActionRebuildRequested:   {must: projection.must, may: []string{"rebuild", "generation"}},
		ActionRebuildCancelled:   {must: projection.must, may: []string{"rebuild", "generation"}},
		ActionGenerationPrepared: {must: projection.must, may: []string{"generation"}},
		ActionGenerationSwitched: generation, ActionGenerationSwitchedBack: generation,
		ActionParkedInspected: {must: []string{"projection", "position"}},
		ActionParkedRetried:   parked, ActionParkedSkipped: parked,
		ActionPersonExported: {anyOf: []string{"user", "member"}},
		ActionSignInLinkMade: {must: []string{"user"}},
		ActionSignInUnlinked: {must: []string{"user"}},
		ActionLogRestored:    {must: []string{"until"}},
	}
}()

// Validate checks that the action is known, names what it must and nothing else, and has a reason.
func (e OperatorActed) Validate() error {
	rule, known := targetRules[e.Action]
	if !known {
		return fmt.Errorf("action %.40q is none", string(e.Action))
	}
	given := e.Target.given()
	for _, name := range rule.must {
		if !slices.Contains(given, name) {
			return fmt.Errorf("%s names no %s", e.Action, name)
		}
	}
	if len(rule.anyOf) > 0 && !slices.ContainsFunc(rule.anyOf, func(name string) bool { return slices.Contains(given, name) }) {
		return fmt.Errorf("%s names none of %s", e.Action, strings.Join(rule.anyOf, ", "))
	}
	for _, name := range given {
		if !slices.Contains(slices.Concat(rule.must, rule.anyOf, rule.may), name) {
			return fmt.Errorf("%s takes no %s", e.Action, name)
		}
	}
	return errors.Join(e.Target.validate(), e.Reason.Validate())
}

// given returns the names of what is not zero, as in JSON.
func (t OperatorTarget) given() (names []string) {
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"projection", t.Projection != ""},
		{"generation", t.Generation != 0},
		{"rebuild", t.Rebuild != ""},
		{"until", t.Until != nil},
		{"p_id", t.Platform != 0},
		{"connection_id", t.Connection != 0},
		{"position", t.Position != nil},
		{"count", t.Count != 0},
		{"user", t.User != ""},
		{"member", t.Member != 0},
	} {
		if field.given {
			names = append(names, field.name)
		}
	}
	return names
}

var targetName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// validate keeps free text and impossible numbers out.
func (t OperatorTarget) validate() error {
	names := []string{t.Projection, t.Rebuild, t.User}
	numbers := []int64{int64(t.Generation), int64(t.Count), t.Member, t.Connection}
	if p := t.Position; p != nil {
		if p.Topic == "" {
			return errors.New("the position names no topic")
		}
		names, numbers = append(names, p.Topic), append(numbers, int64(p.Partition), p.Offset)
	}
	for _, name := range names {
		if name != "" && !targetName.MatchString(name) {
			return fmt.Errorf("%.70q is not 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '-'", name)
		}
	}
	for _, n := range numbers {
		if n < 0 {
			return fmt.Errorf("the number %d is negative", n)
		}
	}
	return checkPlatform(t.Platform)
}
