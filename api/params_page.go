package api

import (
	"strings"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Limits of paged lists.
const (
	DefaultPageLimit = readmodels.DefaultPageLimit
	MaxPageLimit     = 500
	MaxCursor        = 10_000 // platforms' ids of posts are part of some, and of ids of activities
)

// Page reads `limit` and `cursor`.
func (p *Params) Page() readmodels.Page {
	return readmodels.Page{Cursor: p.cursor(paramCursor), Limit: p.Limit()}
}

func (p *Params) cursor(declared Param) string {
	cursor, _ := p.value(declared)
	printable := strings.IndexFunc(cursor, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
	if len(cursor) > MaxCursor || !printable {
		p.bad.Addf(paramCursor.Name, "is not a cursor: use next_cursor of the page before")
		return ""
	}
	return cursor
}

// Limit reads `limit`: entries of a page, 1 to [MaxPageLimit].
func (p *Params) Limit() int {
	value, present := p.value(paramLimit)
	if !present {
		return DefaultPageLimit
	}
	limit, ok := plainNumber(value)
	if !ok || limit < 1 || limit > MaxPageLimit {
		p.bad.Addf(paramLimit.Name, "is not a page size: use 1 to %d", MaxPageLimit)
		return DefaultPageLimit
	}
	return int(limit)
}
