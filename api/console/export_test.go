package console

import (
	"maps"
	"slices"
	"time"
)

// View is what a page shows.
type View = view

// Views are zero values of all that pages may show, by the patterns of the pages.
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

// Execute makes the page of a view.
func Execute(v View) ([]byte, error) { return execute(frame{View: v}) }

// SetPatience sets how long bodies may take to come.
func (c *Console) SetPatience(d time.Duration) { c.patience = d }

// Assets are the addresses of style and scripts.
func Assets() []string { return slices.Collect(maps.Keys(assets)) }
