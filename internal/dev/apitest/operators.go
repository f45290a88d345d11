package apitest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// Operators is a service of operators that does nothing: it returns what a test sets, and notes the acts.
type Operators struct {
	Models   []operator.Projection // nil: one that is live
	Builds   []operator.Generation // nil: each generation is live
	Find     func(id string) (operator.Generation, error)
	Letters  []operator.DeadLetter
	Paused   []domain.Pause
	Readings []directory.ConnectionReading
	Recorded []operator.RecordedAction
	Trail    readmodels.TrailMeta // of Recorded
	Now      time.Time            // when sign-in links are created
	Refusal  error                // of acts, which are then not noted

	mu   sync.Mutex
	acts []Act
}

// Act is what an operator does: its name and arguments.
type Act struct {
	What   string
	By     commands.Caller
	Reason domain.Reason
}

// Acts returns the acts so far.
func (o *Operators) Acts() []Act {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.acts)
}

// Done returns the acts so far as "user: act reason".
func (o *Operators) Done() (lines []string) {
	for _, a := range o.Acts() {
		lines = append(lines, a.By.UserID+": "+a.What+" "+a.Reason.String())
	}
	return lines
}

func (o *Operators) did(c commands.Caller, reason domain.Reason, act ...string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.Refusal == nil {
		o.acts = append(o.acts, Act{strings.Join(act, " "), c, reason})
	}
	return o.Refusal
}

// Projections implements [api.OperatorService], as do the methods below.
func (o *Operators) Projections(context.Context) ([]operator.Projection, error) {
	if o.Models == nil {
		return []operator.Projection{{
			Projection: "dashboards", Generation: 1, State: operator.StateLive, Building: []operator.Generation{}, Partitions: []operator.Partition{},
		}}, nil
	}
	return o.Models, nil
}

// Generations returns Builds.
func (o *Operators) Generations(context.Context) ([]operator.Generation, error) { return o.Builds, nil }

// Generation returns the one that Find finds, or that is in Builds.
func (o *Operators) Generation(_ context.Context, id string) (operator.Generation, error) {
	if o.Find != nil {
		return o.Find(id)
	}
	if o.Builds == nil {
		return operator.Generation{ID: id, Projection: "post_insights", State: operator.StateLive}, nil
	}
	if i := slices.IndexFunc(o.Builds, func(g operator.Generation) bool { return g.ID == id }); i >= 0 {
		return o.Builds[i], nil
	}
	return operator.Generation{}, domain.NewError(domain.CodeNotFound, "There is no generation %s.", id)
}

// DeadLetters returns Letters.
func (o *Operators) DeadLetters(context.Context, operator.DeadLetterFilter) ([]operator.DeadLetter, error) {
	return o.Letters, nil
}

// DeadLetter returns one that cannot be decoded.
func (*Operators) DeadLetter(_ context.Context, id string) (operator.DeadLetter, error) {
	return operator.DeadLetter{ID: id, Reason: operator.ReasonUndecodable, Params: map[string]string{}}, nil
}

// Topics returns none.
func (*Operators) Topics(context.Context) ([]operator.Topic, error) { return nil, nil }

// Pauses returns Paused.
func (o *Operators) Pauses(context.Context) ([]domain.Pause, error) { return o.Paused, nil }

// Connections returns Readings.
func (o *Operators) Connections(context.Context, directory.ReadingsQuery) ([]directory.ConnectionReading, error) {
	return o.Readings, nil
}

// Pausable finds everything.
func (*Operators) Pausable(context.Context, domain.PauseKind, string) (target domain.OperatorTarget, err error) {
	return target, nil
}

// Actions returns Recorded. It is noted, so that a test sees its arguments.
func (o *Operators) Actions(_ context.Context, limit int, cursor string) ([]operator.RecordedAction, readmodels.TrailMeta, error) {
	if cursor != "" {
		_ = o.did(commands.Caller{}, domain.Reason{}, "actions", strconv.Itoa(limit), cursor)
	}
	return o.Recorded, o.Trail, nil
}

// Sessions returns none.
func (*Operators) Sessions(context.Context, string, readmodels.Page) (list []api.PersonSession, meta readmodels.ListMeta, err error) {
	return list, meta, nil
}

// PreviewErasure is noted, so that a test sees its arguments.
func (o *Operators) PreviewErasure(_ context.Context, e api.Erase) (operator.Erasure, error) {
	return operator.Erasure{}, o.did(commands.Caller{}, e.Order.Reason, "preview erasure", e.User, fmt.Sprint(e.Member, e.SocialAccounts, e.Wait))
}

// Erase is an act, as are the methods below.
func (o *Operators) Erase(_ context.Context, c commands.Caller, e api.Erase) (operator.Erasure, error) {
	return operator.Erasure{Erased: true}, o.did(c, e.Order.Reason, "erase", e.User, fmt.Sprint(e.Member, e.SocialAccounts, e.Wait), e.Order.Ground)
}

// Pause is an act.
func (o *Operators) Pause(_ context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error {
	return o.did(c, reason, "pause", string(kind), name)
}

// Resume is an act.
func (o *Operators) Resume(_ context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error {
	return o.did(c, reason, "resume", string(kind), name)
}

// RequestRebuild is an act.
func (o *Operators) RequestRebuild(_ context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Generation, error) {
	return operator.Generation{ID: projection + ".g3", Projection: projection, State: operator.StateBuilding}, o.did(c, reason, "rebuild", projection)
}

// CancelBuild is an act.
func (o *Operators) CancelBuild(_ context.Context, c commands.Caller, id string, reason domain.Reason) error {
	return o.did(c, reason, "cancel", id)
}

// Erasures lists none.
func (*Operators) Erasures(context.Context) ([]domain.ErasedID, error) { return nil, nil }

// ReadConnection is an act.
func (o *Operators) ReadConnection(_ context.Context, c commands.Caller, id string, reason domain.Reason) error {
	return o.did(c, reason, "read", id)
}

// RetryStream is an act.
func (o *Operators) RetryStream(_ context.Context, c commands.Caller, id string, reason domain.Reason) (operator.StreamFolded, error) {
	return operator.StreamFolded{}, o.did(c, reason, "retry", id)
}

// SkipEvent is an act.
func (o *Operators) SkipEvent(_ context.Context, c commands.Caller, id string, reason domain.Reason) (operator.StreamFolded, error) {
	return operator.StreamFolded{}, o.did(c, reason, "skip", id)
}

// ShowDeadLetter is an act.
func (o *Operators) ShowDeadLetter(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (shown operator.DeadRecord, err error) {
	shown.DeadLetter, _ = o.DeadLetter(ctx, id)
	shown.Headers, shown.Payload = []operator.RecordHeader{}, json.RawMessage(`{"a":"Jonas"}`)
	return shown, o.did(c, reason, "show", id)
}

// EndSession is an act.
func (o *Operators) EndSession(_ context.Context, c commands.Caller, id string, reason domain.Reason) error {
	return o.did(c, reason, "end session", id)
}

// SignInLink is an act.
func (o *Operators) SignInLink(
	_ context.Context, c commands.Caller, user, account string, validFor time.Duration, reason domain.Reason,
) (api.SignInLink, error) {
	link := api.SignInLink{UserID: user, URL: "https://boards.example/console/link/WORD", WorksUntil: o.Now.Add(validFor)}
	return link, o.did(c, reason, "link", user, account, validFor.String())
}

// LinkSignIn is an act.
func (o *Operators) LinkSignIn(_ context.Context, c commands.Caller, user, subject string, reason domain.Reason) error {
	return o.did(c, reason, "subject", user, subject)
}

// UnlinkSignIn is an act.
func (o *Operators) UnlinkSignIn(_ context.Context, c commands.Caller, user string, reason domain.Reason) error {
	return o.did(c, reason, "unlink", user)
}

// ExportPerson is an act.
func (o *Operators) ExportPerson(
	_ context.Context, c commands.Caller, user string, member int64, reason domain.Reason, out io.Writer,
) (sections string, err error) {
	_, _ = io.WriteString(out, "{}")
	return `[{"section":"user","rows":1}]`, o.did(c, reason, "export", user, strconv.FormatInt(member, 10))
}
