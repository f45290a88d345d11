package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const patternRebuildEvents = "/api/ops/rebuilds/{rebuild}/events"

// The parameters of operators.
var (
	paramProjection = Param{
		Name: "projection", Kind: KindText, Text: "A projection, as /api/ops/projections names it.", Example: "post_insights",
	}
	paramRebuild = Param{
		Name: "rebuild", Kind: KindText, Text: "The id of a rebuild.", Example: "0191c2f0-0000-7000-8000-000000000001",
	}
	paramParked = Param{
		Name: "parked", Kind: KindParked, Text: "A parked event: <projection>-<partition>-<offset>.", Example: "dashboards-3-1204",
	}
	paramConnectionID = Param{Name: "connection", Kind: KindRowID, Text: "The id of a connection.", Example: 31}
	paramNetwork      = Param{Name: "platform", Kind: KindText, Words: domain.PlatformNames(), Text: "A platform by its name.", Example: domain.PlatformNames()[0]}
)

// operators serve what operators see and do.
type operators struct {
	desk       OperatorDesk
	doorkeeper *doorkeeper
	closing    <-chan struct{} // progress of rebuilds ends
}

func (o *operators) routes() []Operation {
	desk := o.desk
	row := func(method, pattern, id string, op operation) Operation {
		return Operation{method, "/api/ops/" + pattern, id, []Role{RoleOperator}, op}
	}
	connection := func(p *Params) string { return strconv.FormatInt(p.ID(paramConnectionID), 10) }
	return []Operation{
		row(http.MethodGet, "projections", "getOpsProjections", all(desk.Projections)),
		row(http.MethodPost, "projections/{projection}/rebuild", "postOpsRebuild",
			acting(textOf(paramProjection), desk.RequestRebuild)),
		row(http.MethodPost, "projections/{projection}/back", "postOpsBack",
			acting(textOf(paramProjection), desk.SwitchBack)),
		row(http.MethodPost, "projections/{projection}/prepare", "postOpsPrepare",
			acting(textOf(paramProjection), desk.PrepareGeneration)),
		row(http.MethodPost, "projections/{projection}/pause", "postOpsPause",
			acting(textOf(paramProjection), paused(domain.PauseProjection, desk.Pause))),
		row(http.MethodPost, "projections/{projection}/resume", "postOpsResume",
			acting(textOf(paramProjection), paused(domain.PauseProjection, desk.Resume))),
		row(http.MethodGet, "generations", "getOpsGenerations", all(desk.Generations)),
		row(http.MethodGet, "rebuilds", "getOpsRebuilds", all(desk.Rebuilds)),
		row(http.MethodGet, "rebuilds/{rebuild}", "getOpsRebuild", answering(textOf(paramRebuild), o.rebuild)),
		{http.MethodGet, patternRebuildEvents, "getOpsRebuildEvents", []Role{RoleOperator}, reading(textOf(paramRebuild), o.streamRebuild)},
		row(http.MethodPost, "rebuilds/{rebuild}/cancel", "postOpsRebuildCancel",
			acting(textOf(paramRebuild), nothingSaid(desk.CancelRebuild))),
		row(http.MethodGet, "parked", "getOpsParked", listing(parseParked, o.parked)),
		row(http.MethodPost, "parked/retry", "postOpsParkedRetryAll", acting(func(*Params) string { return "" }, o.retryParked)),
		row(http.MethodPost, "parked/{parked}/show", "postOpsParkedShow", acting(parkedID, desk.InspectParked)),
		row(http.MethodPost, "parked/{parked}/retry", "postOpsParkedRetry", acting(parkedID, o.retryParked)),
		row(http.MethodPost, "parked/{parked}/skip", "postOpsParkedSkip", acting(parkedID, desk.SkipParked)),
		row(http.MethodGet, "pauses", "getOpsPauses", all(desk.Pauses)),
		row(http.MethodPost, "platforms/{platform}/pause", "postOpsPlatformPause",
			acting(textOf(paramNetwork), paused(domain.PausePlatform, desk.Pause))),
		row(http.MethodPost, "platforms/{platform}/resume", "postOpsPlatformResume",
			acting(textOf(paramNetwork), paused(domain.PausePlatform, desk.Resume))),
		row(http.MethodGet, "connections", "getOpsConnections", all(o.connections)),
		row(http.MethodPost, "connections/{connection}/read", "postOpsConnectionRead",
			acting(connection, nothingSaid(desk.ReadConnection))),
		row(http.MethodPost, "connections/{connection}/pause", "postOpsConnectionPause",
			acting(connection, paused(domain.PauseConnection, desk.Pause))),
		row(http.MethodPost, "connections/{connection}/resume", "postOpsConnectionResume",
			acting(connection, paused(domain.PauseConnection, desk.Resume))),
		row(http.MethodGet, "actions", "getOpsActions", listing((*Params).Page, o.actions)),
		row(http.MethodGet, "log", "getOpsLog", all(desk.Topics)),
	}
}

// done is the data of an action that has nothing else to say.
type done struct {
	Done bool `json:"done"` // always true: else the answer is an error
}

// actFunc does something to what a path names.
type actFunc[R any] func(ctx context.Context, c commands.Caller, name string, reason domain.Reason) (R, error)

// nothingSaid gives an action an answer.
func nothingSaid(act func(context.Context, commands.Caller, string, domain.Reason) error) actFunc[done] {
	return func(ctx context.Context, c commands.Caller, name string, reason domain.Reason) (done, error) {
		err := act(ctx, c, name, reason)
		return done{err == nil}, err
	}
}

// paused is pausing or resuming something of a kind.
func paused(kind domain.PauseKind, act func(context.Context, commands.Caller, domain.PauseKind, string, domain.Reason) error) actFunc[done] {
	return nothingSaid(func(ctx context.Context, c commands.Caller, name string, reason domain.Reason) error {
		return act(ctx, c, kind, name, reason)
	})
}

// all answers a list that takes no parameters.
func all[E any](list func(context.Context) ([]E, error)) operation {
	return answering(nothing, func(r *http.Request, _ none) ([]E, error) {
		entries, err := list(r.Context())
		return append([]E{}, entries...), err
	})
}

// actionBody is the body of what an operator does.
type actionBody struct {
	// Reason is CODE or CODE:TICKET; the codes are a fixed list, and other needs a ticket.
	Reason string `json:"reason"`
}

// acting does something to what the path names, for the reason in the body. Operators act for no agency.
func acting[R any](name func(*Params) string, act actFunc[R]) operation {
	return answering(name, func(r *http.Request, name string) (result R, err error) {
		body, bad, err := readBody(r, actionBody{}, unknownMember, "cannot be read: reason is a text")
		if err = cmp.Or(err, bad.Err()); err != nil {
			return result, err
		}
		reason, err := domain.ParseReason(body.Reason)
		if told, ok := errors.AsType[*domain.Error](err); ok {
			return result, told.WithField("reason", "is not one of the reasons")
		}
		return act(r.Context(), caller(r, RoleOperator), name, reason)
	}).accepting(reflect.TypeFor[actionBody]())
}

// OperatorDesk is what operators see and do; internal/desk implements it. Whatever acts is recorded before it acts,
// and refused when it cannot be recorded; what came of it is recorded behind it. Unknown names and ids give not_found with the
// names that there are.
type OperatorDesk interface {
	Projections(ctx context.Context) ([]operator.Projection, error)
	Generations(ctx context.Context) ([]operator.Generation, error)
	Rebuilds(ctx context.Context) ([]operator.Rebuild, error)
	Rebuild(ctx context.Context, id string) (operator.Rebuild, error)
	Parked(ctx context.Context, f operator.ParkedFilter) ([]operator.ParkedEvent, error)
	Topics(ctx context.Context) ([]operator.Topic, error)
	Pauses(ctx context.Context) ([]domain.Pause, error)
	// Connections is how the connected accounts of all agencies are read.
	Connections(ctx context.Context, q readmodels.ReadingsQuery) ([]readmodels.ConnectionReading, error)
	// ReadConnection makes the accounts of a connection due now. Conflict: none of them is read, and why.
	ReadConnection(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error
	// Actions is what operators did, newest first, and the cursor of the next page. A malformed cursor is invalid.
	Actions(ctx context.Context, limit int, cursor string) (actions []operator.Action, next string, err error)

	Pause(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error
	Resume(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error
	RequestRebuild(ctx context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Rebuild, error)
	SwitchBack(ctx context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Rebuild, error)
	CancelRebuild(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error
	// PrepareGeneration makes a generation of this program's version beside those that serve, unless it is there.
	PrepareGeneration(ctx context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Prepared, error)
	// RetryParked folds parked events again, all of them without ids.
	RetryParked(ctx context.Context, c commands.Caller, ids []string, reason domain.Reason) (operator.RetryResult, error)
	// SkipParked leaves an event out, one of an agency's dashboards for good. What cannot be left out is conflict.
	SkipParked(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (operator.SkipResult, error)
	// InspectParked shows a record, which is recorded.
	InspectParked(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (operator.ParkedRecord, error)
}

// ParkedForm is the form of ids of parked events, which are the cursors of their list.
const ParkedForm = "[a-z0-9_]+-[0-9]{1,9}-[0-9]{1,18}"

var parkedForm = regexp.MustCompile("^" + ParkedForm + "$")

func parkedID(p *Params) string {
	id, _ := p.value(paramParked)
	if !parkedForm.MatchString(id) {
		p.bad.Addf(paramParked.Name, "names no parked event: write <projection>-<partition>-<offset>, as the list shows it")
	}
	return id
}

func parseParked(p *Params) operator.ParkedFilter {
	filter := operator.ParkedFilter{After: p.cursor(paramCursor), Limit: p.Limit()}
	if filter.After != "" && !parkedForm.MatchString(filter.After) {
		p.bad.Addf(paramCursor.Name, "is not a cursor of this list: repeat the request of the page before with its next_cursor, or begin without one")
	}
	return filter
}

// parkedMeta stands beside a page of parked events.
type parkedMeta struct {
	NextCursor string `json:"next_cursor,omitempty"`
}

func (o *operators) parked(r *http.Request, filter operator.ParkedFilter) (events []operator.ParkedEvent, meta parkedMeta, err error) {
	events, err = o.desk.Parked(r.Context(), filter)
	if len(events) == filter.Limit {
		meta.NextCursor = events[len(events)-1].ID
	}
	return events, meta, err
}

// retryParked folds one parked event again; "": all of them.
func (o *operators) retryParked(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (operator.RetryResult, error) {
	if id == "" {
		return o.desk.RetryParked(ctx, c, nil, reason)
	}
	return o.desk.RetryParked(ctx, c, []string{id}, reason)
}

// actions lists what operators did, and what came of it. Looking here is itself not recorded.
func (o *operators) actions(r *http.Request, page readmodels.Page) (list []operator.Action, meta readmodels.ListMeta, err error) {
	list, meta.NextCursor, err = o.desk.Actions(r.Context(), page.Limit, page.Cursor)
	return list, meta, err
}

func (o *operators) connections(ctx context.Context) ([]readmodels.ConnectionReading, error) {
	connections, err := o.desk.Connections(ctx, readmodels.ReadingsQuery{})
	for i := range connections {
		connections[i].HidePerson()
	}
	return connections, err
}

func (o *operators) rebuild(r *http.Request, id string) (operator.Rebuild, error) {
	return o.desk.Rebuild(r.Context(), id)
}

// progressEvery is the time between two events of a rebuild's progress.
const progressEvery = time.Second

// streamRebuild tells the progress of a rebuild as Server-Sent Events, until it has ended.
func (o *operators) streamRebuild(w http.ResponseWriter, r *http.Request, id string) error {
	rebuild, err := o.rebuild(r, id)
	if err != nil {
		return err
	}
	p, _ := PrincipalFrom(r.Context())
	stream.SetEventHeader(w.Header())
	out := http.NewResponseController(w)
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		raw, err := json.Marshal(rebuild)
		if err != nil {
			return fmt.Errorf("encode progress: %w", err)
		}
		_ = out.SetWriteDeadline(time.Now().Add(10 * progressEvery))
		if _, err := fmt.Fprintf(w, "event: rebuild\ndata: %s\n\n", raw); err != nil || out.Flush() != nil || rebuild.Ended() {
			return nil // a listener that has gone away is not our failure
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-o.closing:
			return nil
		case <-ticker.C:
		}
		if o.doorkeeper.admit(r.Context(), p) != nil {
			return nil // the next opening says why
		}
		if rebuild, err = o.rebuild(r, id); err != nil {
			return nil // the answer has begun; a listener connects again
		}
	}
}
