package platforms

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// instagram reads Instagram business accounts. Tokens of Facebook login and of
// Instagram login speak to different hosts.
type instagram struct {
	facebookLogin, instagramLogin *graph
	baseURL                       string // of Instagram login, without the version
}

func newInstagram(cfg Config, client *http.Client, pacific *time.Location) *instagram {
	return &instagram{
		facebookLogin:  newGraph(domain.Instagram, cfg.Facebook, cfg, client, pacific),
		instagramLogin: newGraph(domain.Instagram, cfg.Instagram, cfg, client, pacific),
		baseURL:        cfg.Instagram.BaseURL,
	}
}

func (i *instagram) host(t Target) *graph {
	if t.InstagramLogin {
		return i.instagramLogin
	}
	return i.facebookLogin
}

// Account implements [Client]. At least five calls: the node, reach by day, reach of 28 days, and the
// totals of yesterday and today, because totals come as one number per window.
// A range costs a call per day; one longer than [maxInstagramDays] is refused: ask in slices.
func (i *instagram) Account(ctx context.Context, t Target, req AccountRequest) (AccountSnapshot, error) {
	g := i.host(t)
	if err := g.check("ig_user", t); err != nil {
		return AccountSnapshot{}, err
	}
	if err := req.check(g.platform, "ig_user", g.now()); err != nil {
		return AccountSnapshot{}, err
	}
	r := igReading{graph: g, reading: reading{t: t, req: req}}
	if err := r.setDays(); err != nil {
		return AccountSnapshot{}, err
	}
	if err := r.run(ctx, r.node, r.dailyReach, r.windowReach, r.totals, r.demographics); err != nil {
		return AccountSnapshot{}, err
	}
	r.missMetric("reach", domain.MetricReach)
	for _, m := range igTotals {
		r.missMetric(m.metric, m.names...)
	}
	return r.done(), nil
}

// Refresh implements [Client]: a token of Instagram login is renewed by itself, if it is a day old
// and still alive; Facebook login has none. The platform wants the token in the
// address, which is why no error ever quotes an address.
func (i *instagram) Refresh(ctx context.Context, req RefreshRequest) (Tokens, error) {
	g := i.instagramLogin
	if !req.Target.InstagramLogin {
		return Tokens{}, ErrNoRefresh
	}
	if err := g.needToken(opRefresh, req.Target.AccessToken); err != nil {
		return Tokens{}, err
	}
	q := g.proven(url.Values{"grant_type": {"ig_refresh_token"}, "access_token": {req.Target.AccessToken}}, req.Target.AccessToken)
	return g.tokens(ctx, req, classifyGraph, call{
		url: i.baseURL + "/refresh_access_token?" + q.Encode(), secrets: []string{req.Target.AccessToken}, errorsFirst: true,
	})
}
