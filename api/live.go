package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

var aboutLive = about{
	tag: tagStreams, summary: "Which figures of the caller's accounts changed, as Server-Sent Events.",
	text: "Event figures_changed, at most once a second, after the figures can be read; see the AsyncAPI document. " +
		"It tells of readings and of posts that became known, not of what the main application changes: names, members, categories of " +
		"posts, prices, connections. Ask again for those when their page is opened. " +
		"With Last-Event-ID the stream goes on after that event; when that is not known here any more, it says that anything may have changed.",
	parse:   func(p *Params) { noteStream(p); p.Account("account") },
	headers: []param{{name: headerLastEventID, text: "The last id that was received.", schema: schema{Type: typeString}}},
	answers: []answerDoc{{status: http.StatusOK, text: "The stream.", media: mediaEventStream}},
	refuses: streamRefusals,
}

// getLive streams which figures of the caller's accounts changed. The caller is proven by a token or by
// ?ticket=; ?account= narrows as it does elsewhere.
func (s *Server) getLive(w http.ResponseWriter, r *http.Request) error {
	p, err := s.streamPrincipal(w, r)
	if err != nil {
		return err
	}
	if !p.Roles.Has(RoleAgency, RoleClient) {
		return errWrongRole
	}
	params := requestParams(r, s.deps.Now())
	narrow := params.Account("account")
	if err := params.Err(); err != nil {
		return err
	}
	parent, err := s.parentOf(r.Context(), p)
	if err != nil {
		return err
	}
	return s.deps.Streams.ServeFigures(w, r, stream.Listener{
		ParentAccount: parent, UserID: p.UserID, ExpiresAt: p.ExpiresAt,
		Access: func(ctx context.Context) ([]string, error) { return s.liveAccounts(ctx, p, narrow) },
	})
}

// liveAccounts are the accounts that a listener may see now; nil: all of its agency.
func (s *Server) liveAccounts(ctx context.Context, p Principal, narrow readmodels.AccountRef) ([]string, error) {
	if err := s.deps.Ready(); err != nil {
		return nil, err
	}
	if err := s.mayListen(ctx, p); err != nil {
		return nil, err
	}
	scope, err := s.scope(WithPrincipal(ctx, p), narrow)
	return scope.Accounts, err
}
