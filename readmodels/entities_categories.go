package readmodels

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// CategoriesQuery asks for categories of posts.
type CategoriesQuery struct {
	Page   Page
	Search string // part of the name, whatever its case; "": all
}

// Category is what a post is about. Categories are the main application's own and the same for all agencies.
type Category struct {
	ID   int64  `json:"id"` // its number: cId elsewhere
	Name string `json:"name"`
}

// Categories lists the categories, by name.
func (e Entities) Categories(ctx context.Context, scope Scope, q CategoriesQuery) ([]Category, ListMeta, error) {
	page := q.Page
	q.Page = Page{}
	return PageQuery[Category, memberKey]{
		List: "categories", Scope: scope, Page: page, Filters: q,
		Select: func(after memberKey, limit int) (string, []any) {
			return `
				select id, name from tDefaultCategories
				where ($1 = '' or name ilike $1) and ($3::bigint = 0 or (name collate "C", id) > ($2, $3))
				order by name collate "C", id limit $4`, []any{containing(q.Search), after.Name, after.ID, limit}
		},
		Scan: pgx.RowToStructByPos[Category],
		Key:  func(c Category) memberKey { return memberKey{c.Name, c.ID} },
	}.Read(ctx, e.Pool)
}
