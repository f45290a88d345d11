package api

import (
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
	if !s.deps.Connect.HearsMeta() {
		return nil
	}
	return []Operation{
		{http.MethodPost, patternMetaDeauthorize, "postConnectMetaDeauthorize", nil, operation{serve: s.metaCall(s.postMetaDeauthorize)}},
		{http.MethodPost, patternMetaDelete, "postConnectMetaDelete", nil, operation{
			serve: s.metaCall(s.postMetaDelete), Answer: Answer{Bare: reflect.TypeFor[connect.DeletionAnswer]()},
		}},
		{http.MethodGet, patternMetaDeletion, "getConnectMetaDelete", nil, operation{
			serve: s.browserPage(s.getMetaDeletion), Takes: []Param{paramDeletionCode},
		}},
	}
}

// metaCall serves a call of Meta: it stands for itself by its signature, not by a token.
func (s *Server) metaCall(serve func(r *http.Request, signed string) (answer any, err error)) endpointFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := readForm(w, r)
		if err == nil {
			err = s.deps.Ready()
		}
		if err != nil {
			return err
		}
		answer, err := serve(r, form.Get("signed_request"))
		if err != nil {
			return err
		}
		writeJSON(w, contentJSON, http.StatusOK, answer)
		return nil
	}
}

func (s *Server) postMetaDeauthorize(r *http.Request, signed string) (any, error) {
	return struct{}{}, s.deps.Connect.Deauthorized(r.Context(), signed)
}

func (s *Server) postMetaDelete(r *http.Request, signed string) (any, error) {
	return s.deps.Connect.DeletionAsked(r.Context(), signed)
}

func (s *Server) getMetaDeletion(w http.ResponseWriter, r *http.Request) error {
	code, err := pathText(r, "code")
	if err != nil {
		return err
	}
	state, err := s.deps.Connect.Deletion(r.Context(), code)
	if err != nil {
		return err
	}
	page := connectPage{Title: "Your data is being deleted", Deletion: state, Again: true}
	if state.DoneAt != nil {
		page.Title, page.Again = "Your request is done", false
	}
	return s.writePage(w, http.StatusOK, "deletion", page)
}
