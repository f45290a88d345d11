package platforms

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// facebook reads Facebook pages.
type facebook struct {
	*graph

	alone *suspicions // parts that single posts were refused
}

func newFacebook(cfg Config, client *http.Client, pacific *time.Location) *facebook {
	return &facebook{newGraph(domain.Facebook, cfg.Facebook, cfg, client, pacific), newSuspicions(cfg.Now)}
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
	var snap AccountSnapshot
	var got figures
	if err := f.pageNode(ctx, t, &snap, &got); err != nil {
		return AccountSnapshot{}, err
	}
	if err := f.pageInsights(ctx, t, req, &snap, &got); err != nil {
		return AccountSnapshot{}, err
	}
	if req.Demographics {
		if err := f.pageDemographics(ctx, t, &snap); err != nil {
			return AccountSnapshot{}, err
		}
	}
	snap.Figures = got.list
	return snap, nil
}

// pageNode reads the headline number. followers_count it is; fan_count is legacy and another number,
// so it does not stand in.
func (f *facebook) pageNode(ctx context.Context, t Target, snap *AccountSnapshot, got *figures) error {
	var page struct {
		ID        text  `json:"id"`
		Followers count `json:"followers_count"`
	}
	if err := f.get(ctx, "page", t, t.ExternalID, url.Values{"fields": {"id,followers_count"}}, &page); err != nil {
		return err
	}
	if err := about(f.platform, "page", t.ExternalID, page.ID); err != nil {
		return err
	}
	if !page.Followers.ok {
		snap.miss(domain.MetricFollowers, ReasonEmpty, "followers_count was not in the answer")
		return nil
	}
	got.add(domain.Figure{Name: domain.MetricFollowers, Kind: domain.Stock, Value: page.Followers.n, Source: "followers_count"})
	return nil
}
