package console

import (
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
)

// View is the data of a page.
type View = view

// Views are the zero values of all views of a page, by pattern.
func (c *Console) Views() map[string][]View {
	all := map[string][]View{"any refusal": {errorView{}}}
	for _, p := range c.pages {
		all[p.pattern] = p.views
	}
	return all
}

// TemplateOf names the template of a view.
func TemplateOf(v View) string { return templateOf(v) }

// Templates are the names of all templates.
func Templates() (names []string) {
	for name := range templates {
		names = append(names, name)
	}
	return names
}

// Execute renders the page of a view.
func Execute(v View) ([]byte, error) { return execute(frame{View: v}) }

// SetPatience sets the time limit of pages and forms.
func (c *Console) SetPatience(d time.Duration) { c.patience = d }

// OwnerOf identifies the visitor for whom a form was drawn.
func OwnerOf(user, account string) string {
	return ownerOf(api.Principal{UserID: user, AccountID: account})
}

// Assets are the addresses of styles and scripts.
func Assets() []string { return slices.Collect(maps.Keys(assets)) }

// Money formats an amount in minor units.
func Money(minor int64, currency string) string { return money(minor, currency) }
