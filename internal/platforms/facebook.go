package platforms

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// facebook reads Facebook pages.
type facebook struct{ *graph }

func newFacebook(cfg Config, client *http.Client, pacific *time.Location) *facebook {
	return &facebook{newGraph(domain.Facebook, cfg.Facebook, cfg, client, pacific)}
}

// Refresh implements [Client]: page tokens do not expire, and a dead one needs a person.
func (f *facebook) Refresh(context.Context, RefreshRequest) (Tokens, error) {
	return Tokens{}, ErrNoRefresh
}

// Account implements [Client]. Two calls: the page's node for the followers, and its insights with
// every period at once. A range is asked for in windows, because one call takes at most 90 days.
func (f *facebook) Account(ctx context.Context, t Target, req AccountRequest) (AccountSnapshot, error) {
	if err := f.check("page", t); err != nil {
		return AccountSnapshot{}, err
	}
	if err := req.check(f.platform, "page", f.now()); err != nil {
		return AccountSnapshot{}, err
	}
	r := pageReading{facebook: f, reading: reading{t: t, req: req}}
	for _, part := range []func(context.Context) error{r.node, r.pageInsights, r.demographics} {
		if err := part(ctx); err != nil {
			return AccountSnapshot{}, err
		}
	}
	return r.done(), nil
}

// pageReading is one reading of a page in the making.
type pageReading struct {
	*facebook
	reading
}

// node reads the headline number. followers_count it is; fan_count is legacy and another number,
// so it does not stand in.
func (r *pageReading) node(ctx context.Context) error {
	var page struct {
		ID        text  `json:"id"`
		Followers count `json:"followers_count"`
	}
	if err := r.get(ctx, "page", r.t, r.t.ExternalID, url.Values{"fields": {"id,followers_count"}}, &page); err != nil {
		return err
	}
	if err := about(r.platform, "page", r.t.ExternalID, page.ID); err != nil {
		return err
	}
	r.total(domain.MetricFollowers, domain.Stock, "followers_count", page.Followers)
	return nil
}
