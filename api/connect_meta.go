package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/ledgerboard/ledgerboard/commands/connect"
)

// The addresses that stand in the settings of Meta's apps, and where a person looks after what they asked for.
const (
	patternMetaDeauthorize = "/connect/meta/deauthorize"
	patternMetaDelete      = "/connect/meta/delete"
	patternMetaDeletion    = patternMetaDelete + "/{code}"
)

var paramDeletionCode = Param{
	Name: "code", Kind: KindText, Text: "The confirmation code that Meta received.", Example: "0123456789abcdef0123456789abcdef",
}

// metaRoutes are the rows of what Meta calls: none without the secret of one of its apps.
func (s *Server) metaRoutes() []Operation {
	connects := s.deps.Connect
	if !connects.HearsMeta() {
		return nil
	}
	deauthorize := func(ctx context.Context, signed string) (struct{}, error) {
		return struct{}{}, connects.Deauthorized(ctx, signed)
	}
	deletion := operation{serve: metaCall(s, connects.DeletionAsked), Answer: Answer{Bare: reflect.TypeFor[connect.DeletionAnswer]()}}
	return []Operation{
		{http.MethodPost, patternMetaDeauthorize, "postConnectMetaDeauthorize", nil, operation{serve: metaCall(s, deauthorize)}},
		{http.MethodPost, patternMetaDelete, "postConnectMetaDelete", nil, deletion},
		{http.MethodGet, patternMetaDeletion, "getConnectMetaDelete", nil, s.browserPage(false, paramDeletionCode, s.getMetaDeletion)},
	}
}

// metaCall serves a call of Meta: it stands for itself by its signature, not by a token.
func metaCall[T any](s *Server, act func(ctx context.Context, signed string) (T, error)) endpointFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := readForm(w, r)
		if err == nil {
			err = s.deps.Ready()
		}
		if err != nil {
			return err
		}
		answer, err := act(r.Context(), form.Get("signed_request"))
		if err != nil {
			return err
		}
		writeJSON(w, contentJSON, http.StatusOK, answer)
		return nil
	}
}

func (s *Server) getMetaDeletion(w http.ResponseWriter, r *http.Request, code string) error {
	state, err := s.deps.Connect.Deletion(r.Context(), code)
	if err != nil {
		return err
	}
	page := connectPage{Title: "Your data is being deleted", Deletion: state, Again: true}
	if state.DoneAt != nil {
		page.Title, page.Again = "Your request is done", false
	}
	return writePage(w, http.StatusOK, "deletion", page)
}
