package api

import (
	"net/http"
	"reflect"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// getActions lists what operators did, and what came of it. Looking here is itself not recorded.
func (s *Server) getActions() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		page := params.Page()
		if err := params.Err(); err != nil {
			return err
		}
		actions, next, err := s.deps.Operators.Actions(r.Context(), page.Limit, page.Cursor)
		if err != nil {
			return err
		}
		return s.writeData(w, append([]operator.Action{}, actions...), readmodels.ListMeta{NextCursor: next})
	}, paramCursor, paramLimit).answering(reflect.TypeFor[[]operator.Action](), reflect.TypeFor[readmodels.ListMeta]())
}
