package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
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
	paramNetwork      = Param{Name: "platform", Kind: KindText, Words: networks(), Text: "A platform by its name.", Example: "linkedin"}
)

// networks are the names of the platforms.
func networks() (names []string) {
	for _, platform := range domain.Platforms() {
		names = append(names, platform.String())
	}
	return names
}

// opsRoutes are the operators' rows of the route table.
func (s *Server) opsRoutes() []route {
	desk := s.deps.Operators
	if desk == nil {
		return nil
	}
	row := func(method, pattern, id string, op operation) route {
		return route{method, "/api/ops/" + pattern, id, []Role{RoleOperator}, op}
	}
	return []route{
		row(http.MethodGet, "projections", "getOpsProjections", listing(s, desk.Projections)),
		row(http.MethodPost, "projections/{projection}/rebuild", "postOpsRebuild",
			acting(s, paramProjection, desk.RequestRebuild)),
		row(http.MethodPost, "projections/{projection}/back", "postOpsBack",
			acting(s, paramProjection, desk.SwitchBack)),
		row(http.MethodPost, "projections/{projection}/prepare", "postOpsPrepare",
			acting(s, paramProjection, desk.PrepareGeneration)),
		row(http.MethodPost, "projections/{projection}/pause", "postOpsPause",
			acting(s, paramProjection, paused(domain.PauseProjection, desk.Pause))),
		row(http.MethodPost, "projections/{projection}/resume", "postOpsResume",
			acting(s, paramProjection, paused(domain.PauseProjection, desk.Resume))),
		row(http.MethodGet, "generations", "getOpsGenerations", listing(s, desk.Generations)),
		row(http.MethodGet, "rebuilds", "getOpsRebuilds", listing(s, desk.Rebuilds)),
		row(http.MethodGet, "rebuilds/{rebuild}", "getOpsRebuild", s.getRebuild()),
		{http.MethodGet, patternRebuildEvents, "getOpsRebuildEvents", []Role{RoleOperator}, s.streamRebuild()},
		row(http.MethodPost, "rebuilds/{rebuild}/cancel", "postOpsRebuildCancel", acting(s, paramRebuild, nothing(desk.CancelRebuild))),
		row(http.MethodGet, "parked", "getOpsParked", s.getParked()),
		row(http.MethodPost, "parked/retry", "postOpsParkedRetryAll", acting(s, Param{}, s.retryParked)),
		row(http.MethodPost, "parked/{parked}/show", "postOpsParkedShow", acting(s, paramParked, desk.InspectParked)),
		row(http.MethodPost, "parked/{parked}/retry", "postOpsParkedRetry", acting(s, paramParked, s.retryParked)),
		row(http.MethodPost, "parked/{parked}/skip", "postOpsParkedSkip", acting(s, paramParked, desk.SkipParked)),
		row(http.MethodGet, "pauses", "getOpsPauses", listing(s, desk.Pauses)),
		row(http.MethodPost, "platforms/{platform}/pause", "postOpsPlatformPause",
			acting(s, paramNetwork, paused(domain.PausePlatform, desk.Pause))),
		row(http.MethodPost, "platforms/{platform}/resume", "postOpsPlatformResume",
			acting(s, paramNetwork, paused(domain.PausePlatform, desk.Resume))),
		row(http.MethodGet, "connections", "getOpsConnections", s.getConnections()),
		row(http.MethodPost, "connections/{connection}/read", "postOpsConnectionRead", acting(s, paramConnectionID, nothing(desk.ReadConnection))),
		row(http.MethodPost, "connections/{connection}/pause", "postOpsConnectionPause",
			acting(s, paramConnectionID, paused(domain.PauseConnection, desk.Pause))),
		row(http.MethodPost, "connections/{connection}/resume", "postOpsConnectionResume",
			acting(s, paramConnectionID, paused(domain.PauseConnection, desk.Resume))),
		row(http.MethodGet, "actions", "getOpsActions", s.getActions()),
		row(http.MethodGet, "log", "getOpsLog", listing(s, desk.Topics)),
	}
}

// done is the data of an action that has nothing else to say.
type done struct {
	Done bool `json:"done"` // always true: else the answer is an error
}

// actFunc does something to what a path names.
type actFunc[R any] func(ctx context.Context, c commands.Caller, name string, reason domain.Reason) (R, error)

// nothing gives an action an answer.
func nothing(act func(context.Context, commands.Caller, string, domain.Reason) error) actFunc[done] {
	return func(ctx context.Context, c commands.Caller, name string, reason domain.Reason) (done, error) {
		err := act(ctx, c, name, reason)
		return done{err == nil}, err
	}
}

// paused is pausing or resuming something of a kind.
func paused(kind domain.PauseKind, act func(context.Context, commands.Caller, domain.PauseKind, string, domain.Reason) error) actFunc[done] {
	return nothing(func(ctx context.Context, c commands.Caller, name string, reason domain.Reason) error {
		return act(ctx, c, kind, name, reason)
	})
}

// listing answers a list that takes no parameters.
func listing[E any](s *Server, list func(context.Context) ([]E, error)) operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		if err := params.Err(); err != nil {
			return err
		}
		entries, err := list(r.Context())
		if err != nil {
			return err
		}
		return s.writeData(w, append([]E{}, entries...), nil)
	}).answering(reflect.TypeFor[[]E](), nil)
}

// acting does something to what the path names, for the reason in the body; without a parameter, to all that there is.
func acting[R any](s *Server, of Param, act actFunc[R]) operation {
	takes := slices.DeleteFunc([]Param{of}, func(p Param) bool { return p.Name == "" })
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		name := params.named(of)
		if err := params.Err(); err != nil {
			return err
		}
		reason, err := s.readReason(w, r)
		if err != nil {
			return err
		}
		data, err := act(r.Context(), operatorOf(r), name, reason)
		if err != nil {
			return err
		}
		return s.writeData(w, data, nil)
	}, takes...).answering(reflect.TypeFor[R](), nil).accepting(reflect.TypeFor[actionBody]())
}

// operatorOf is how a record names who acts. Operators act for no agency.
func operatorOf(r *http.Request) commands.Caller {
	p, _ := PrincipalFrom(r.Context())
	return caller(r, p, "", RoleOperator)
}
